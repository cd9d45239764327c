"""Mobbr, Create payment: what a payment would come to, before it is confirmed."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from litestar import post
from pydantic import (
    BaseModel,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from whipround.api.context import Call
from whipround.api.fields import Amount, SupportedCurrency, check_decimals, wrong
from whipround.api.handling import Reply
from whipround.api.mobbr.call import Access, Request, hosts_of, people_of, reply, route
from whipround.api.mobbr.fields import Boolean
from whipround.api.mobbr.shapes import scripts as shapes
from whipround.api.writes import limit_multiplier
from whipround.domain import throttles
from whipround.domain.crowd.resolving import NobodyToPay
from whipround.domain.scripts import addresses
from whipround.domain.scripts.parsing import NotUnderstood
from whipround.domain.throttles import Charge
from whipround.errors import Throttled
from whipround.flows.scripts.previewing import Asked, Here, preview
from whipround.flows.scripts.web import GitHubOutOfReach, NoScript, ScriptOutOfReach
from whipround.money import Money

SCRIPT_ERRORS = (NoScript, ScriptOutOfReach, GitHubOutOfReach)
"""Why there is no script at an address, for the documentation."""

_PARTS = (
    "participation participants type url id-base title description image language keywords message"
    " copyright script"
)


def in_script(argument: str) -> Mapping[str, str]:
    """What a route says of whatever is wrong in a script: that it is in this argument."""
    return dict.fromkeys(_PARTS.split(), argument)


def _web_address(value: object) -> str:
    address = addresses.normalised(value.strip()) if isinstance(value, str) else None
    return address or wrong("invalid", "must be an http or https address")


WebAddress = Annotated[
    str, PlainValidator(_web_address), WithJsonSchema({"type": "string", "format": "uri"})
]
"""An http or https address; becomes its normal form."""

Data = Annotated[
    Any,
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}], "examples": ["Patrick"]}),
]


class PreviewArguments(BaseModel):
    """What is to be paid."""

    data: Data = Field(
        description="Whom or what to pay: a username; an email address, with or without `mailto:`;"
        " `tel:` with an international phone number; the address of a profile at a known provider;"
        " the address of a repository or an issue at GitHub, or of a page with a payment script; or"
        " a payment script, as an object or as its JSON text."
    )
    currency: SupportedCurrency | None = Field(None, description="The currency of the amount.")
    amount: Amount | None = Field(
        None, description="What is divided; without it nothing can be confirmed."
    )
    invoiced: Boolean = Field(
        default=False,
        description="Pay only those whose profile is complete; the others get their shares.",
    )
    annotated: Boolean = Field(
        default=True, description='Have the fields in the script that begin with ".".'
    )
    referrer: WebAddress | None = Field(None, description="The address where the payment began.")

    @field_validator("amount")
    @classmethod
    def _fits_currency(cls, value: Decimal | None, info: ValidationInfo) -> Decimal | None:
        if value is None or "currency" not in info.data:  # which is wrong by itself
            return value
        if info.data["currency"] is None:
            wrong("invalid", "must come with a currency")
        return check_decimals(value, info.data["currency"])

    @property
    def money(self) -> Money | None:
        """The amount, if there is one."""
        if self.amount is None or self.currency is None:
            return None
        return Money(self.amount, self.currency)


@post(
    "/api_v1/payments/preview",
    status_code=201,
    summary="Create payment",
    tags=["Payments"],
    opt=route(
        access=Access.PUBLIC,
        arguments=PreviewArguments,
        errors=(NotUnderstood, NobodyToPay, *SCRIPT_ERRORS, Throttled),
        renamed=in_script("data"),
    ),
)
async def create_payment(request: Request) -> Reply[shapes.Preview]:
    """Show what a payment would come to: who gets how much of it, and how that came about.

    Nothing is paid before the `hash` is confirmed, which pins all that is shown. Who cannot be paid
    is left out, and named in a message of type `warning`: their shares go to the others. Of a
    repository at GitHub the 100 who made most commits are paid, by their commits; of an issue those
    who took part in it, with a share for each of their roles. While an issue is open, and where a
    script says `pledge`, the money waits.
    """
    call, wanted = request.call, await request.arguments(PreviewArguments)
    payer = None if call.session is None else call.session.user
    await _count(call)
    shown = await preview(
        call.db,
        call.services.web,
        asked=Asked(
            data=wanted.data,
            money=wanted.money,
            is_invoiced=wanted.invoiced,
            is_annotated=wanted.annotated,
            referrer=wanted.referrer,
            currency=wanted.currency,
        ),
        payer_id=None if payer is None else payer.id,
        address=call.remote_address,
        here=Here(hosts_of(call), people_of(call)),
        keyring=call.services.keyring,
        now=call.now,
        limit_multiplier=limit_multiplier(call),
    )
    result = shapes.Preview(shown.hash_, shapes.read(shown.script), shown.url)
    return reply(call, result, shown.warning, kind="warning")


async def _count(call: Call) -> None:
    """Previews are limited: to make one the web may have to be asked. Raises Throttled."""
    if call.session is None:
        charge = Charge(throttles.PREVIEWS_PER_ADDRESS, call.remote_address)
    else:
        charge = Charge(throttles.PREVIEWS_PER_USER, str(call.session.user.id))
    await throttles.charge_apart(
        call.db,
        [charge],
        keyring=call.services.keyring,
        now=call.now,
        multiplier=limit_multiplier(call),
    )


handlers = [create_payment]
