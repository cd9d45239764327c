"""What anybody may know: by which ids people are paid, and what currencies there are."""

from collections.abc import Iterable

from litestar import get
from pydantic import BaseModel, Field

from whipround.api.fields import Currency
from whipround.api.handling import Reply
from whipround.api.mobbr.call import Access, Request, people_of, reply, route
from whipround.api.mobbr.fields import Boolean
from whipround.api.mobbr.shapes import balances as currency_shapes
from whipround.api.mobbr.shapes import reference as shapes
from whipround.domain import fx
from whipround.errors import Message
from whipround.gateways.profiles import PROVIDERS
from whipround.locales import translate

_TAGS = ["Reference"]


class _Currencies(BaseModel):
    """Which currencies are asked for."""

    base_currency: Currency | None = Field(
        None, description="What others are worth is said in this one; else the product's first."
    )
    include_unused: Boolean = Field(
        default=False, description="Whether also those that no payment is made in here."
    )


@get(
    "/api_v1/api/oauth_providers",
    summary="List providers of profiles that can be proven",
    tags=_TAGS,
    opt=route(access=Access.PUBLIC),
)
async def list_oauth_providers(request: Request) -> Reply[list[shapes.IdProvider]]:
    """List the sites where somebody can log in to show that a profile is theirs."""
    call = request.call
    return reply(call, list(_profiles(call.services.providers)))


@get(
    "/api_v1/api/id_providers",
    summary="List kinds of ids",
    tags=_TAGS,
    opt=route(access=Access.PUBLIC),
)
async def list_id_providers(request: Request) -> Reply[list[shapes.IdProvider]]:
    """List the kinds of ids by which people can be paid, be they here or not."""
    call = request.call
    own = (
        ("username", Message("Username"), f"{people_of(call)}{{name}}"),
        ("email", Message("Email address"), "mailto:{address}"),
        ("tel", Message("Phone number"), "tel:{number}"),
    )
    kinds = [
        shapes.IdProvider(provider, translate(title, call.language), form)
        for provider, title, form in own
    ]
    return reply(call, [*kinds, *_profiles(PROVIDERS)])


def _profiles(words: Iterable[str]) -> Iterable[shapes.IdProvider]:
    for word in words:
        yield shapes.IdProvider(word, PROVIDERS[word].title, PROVIDERS[word].url)


@get(
    "/api_v1/api/currencies",
    summary="List currencies",
    tags=_TAGS,
    opt=route(access=Access.PUBLIC, arguments=_Currencies),
)
async def list_currencies(request: Request) -> Reply[list[currency_shapes.Currency]]:
    """List the currencies that payments are made in here, and what they are worth.

    Rates are without a spread.
    """
    call, asked = request.call, await request.arguments(_Currencies)
    async with call.db.transaction() as tx:
        rates = await fx.read_rates(tx)
    known = sorted({*rates, fx.BASE}) if asked.include_unused else ()
    worth = fx.worth(
        rates,
        dict.fromkeys([*call.product.currencies, *known]),
        currency=asked.base_currency or call.product.currencies[0],
        now=call.now,
    )
    return reply(call, currency_shapes.currencies(worth, language=call.language))


handlers = [list_oauth_providers, list_id_providers, list_currencies]
