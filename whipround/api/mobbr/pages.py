"""Mobbr, List payments for domain, List payments for URL, List claimable payments."""

from litestar import get
from pydantic import Field

from whipround.api.handling import Reply
from whipround.api.mobbr.call import Access, Request, hosts_of, reply, route
from whipround.api.mobbr.lists import Host, Part, Url
from whipround.api.mobbr.shapes import pages as shapes
from whipround.db.database import Tx
from whipround.db.listing import Slice
from whipround.domain.crowd import pages, waiting
from whipround.domain.crowd.pages import Claimable
from whipround.domain.payees import Address
from whipround.domain.scripts.recipients import LONGEST, Recipient, recipient
from whipround.errors import Invalid
from whipround.gateways.profiles import profile_of

_TAGS = ["Payments"]


class _OfHost(Part):
    """The payments of which host are asked for."""

    domain: Host = Field(description="The host, such as `github.com`.")


class _OfPage(Part):
    """The payments to which page are asked for."""

    url: Url = Field(description="The address of the page.")


class _Claimable(Part):
    """What can be claimed by whom is asked for."""

    url_or_email: str = Field(
        description="The address of a page that was pledged to, or of a profile, or an email.",
        max_length=LONGEST,
        examples=["https://github.com/mobbr/mobbr-frontend/issues/189"],
    )


@get(
    "/api_v1/payments/domain",
    summary="List payments for domain",
    tags=_TAGS,
    opt=route(arguments=_OfHost),
)
async def list_for_domain(request: Request) -> Reply[list[shapes.PaidToHost]]:
    """List what was paid and pledged to pages of a host, newest first."""
    call, asked = request.call, await request.arguments(_OfHost)
    async with call.db.transaction() as tx:
        found = await pages.of_host(tx, host=asked.domain, part=asked.part)
    return reply(call, [shapes.paid_to_host(each) for each in found])


@get(
    "/api_v1/payments/uri",
    summary="List payments for URL",
    tags=_TAGS,
    opt=route(access=Access.PUBLIC, arguments=_OfPage),
)
async def list_for_url(request: Request) -> Reply[list[shapes.PaidToPage]]:
    """List what was paid and pledged to a page, newest first, and by whom to whom.

    Of each payment the first 25 who have a part in it are named: `info` names all.
    """
    call, asked = request.call, await request.arguments(_OfPage)
    async with call.db.transaction() as tx:
        found = await pages.of_page(tx, url=asked.url, part=asked.part)
    return reply(call, [shapes.paid_to_page(each) for each in found])


@get(
    "/api_v1/payments/claimable",
    summary="List claimable payments",
    tags=_TAGS,
    opt=route(arguments=_Claimable),
)
async def list_claimable(request: Request) -> Reply[list[shapes.Claimable]]:
    """List the pledges to a page, or what waits for somebody who has not proven an address yet.

    Pledges are everybody's, and so is what waits for a profile in payments to pages. What waits for
    an email, a phone number, or in any other payment, shows to who has paid it.
    """
    call, asked = request.call, await request.arguments(_Claimable)
    whom = recipient(asked.url_or_email, hosts=hosts_of(call))
    async with call.db.transaction() as tx:
        found = await _claimable(tx, request, whom, asked.part)
    return reply(call, [shapes.claimable(each) for each in found])


async def _claimable(
    tx: Tx, request: Request, whom: Recipient | None, part: Slice
) -> list[Claimable]:
    call = request.call
    address = None if whom is None else _address(whom)
    if address is not None:
        return await waiting.waiting_for(
            tx, user_id=call.authenticated.user.id, address=address, part=part, now=call.now
        )
    if whom is None or whom.kind != "url":
        raise Invalid.field(
            "url_or_email", "invalid", "Must be an http or https address, or an email"
        )
    return await pages.pledged_to(tx, url=whom.value, part=part, now=call.now)


def _address(whom: Recipient) -> Address | None:
    """The address that somebody is paid at who has not proven it; None of a page and of a user."""
    if whom.kind == "email":
        return ("email", whom.value)
    if whom.kind == "phone":
        return ("phone", whom.value)
    profile = profile_of(whom.value) if whom.kind == "url" else None
    return None if profile is None else ("profile", profile.url)


handlers = [list_for_domain, list_for_url, list_claimable]
