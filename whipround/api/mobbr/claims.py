"""Mobbr: claiming pledges, and taking back pledges and unclaimed shares."""

from collections.abc import Sequence
from uuid import UUID

from litestar import delete, put
from pydantic import AliasChoices, BaseModel, Field

from whipround.api.context import Call
from whipround.api.handling import Reply
from whipround.api.mobbr.arguments import MissingArgument
from whipround.api.mobbr.call import Access, Request, answered, hosts_of, once, route
from whipround.api.mobbr.fields import Array, PaymentId, Whole
from whipround.api.mobbr.previews import SCRIPT_ERRORS, in_script
from whipround.api.mobbr.shapes import claims as shapes
from whipround.api.writes import REPEATS, limit_multiplier
from whipround.db.database import Tx
from whipround.db.request_keys import Answer, KeyReused
from whipround.domain.claims import NotProven
from whipround.domain.crowd import pledges, unclaimed
from whipround.domain.crowd.commands import PledgeUnpayable, TooManySharesWaiting
from whipround.domain.crowd.resolving import NobodyToPay
from whipround.errors import Invalid, Message, Throttled
from whipround.flows.pledges import Claimed, Claiming, StillPledging, claim

MOST_REVOKED = 1_000

_IDS = "The ids of pledges; those that are unknown, or wait no more, are passed over."


class ClaimArguments(BaseModel):
    """What is claimed."""

    url: str = Field(
        validation_alias=AliasChoices("url", "URL"),
        description="The address of a page to which was pledged; or an email address, with or"
        " without `mailto:`, or the address of a profile, which the caller has proven.",
        json_schema_extra={
            "examples": ["https://github.com/mobbr/mobbr-frontend/issues/189"],
        },
    )


class PledgeArguments(BaseModel):
    """What is revoked."""

    ids: Array[PaymentId] = Field(description=_IDS, max_length=MOST_REVOKED)


class ShareArguments(BaseModel):
    """What is revoked: shares, or pledges."""

    share_ids: Array[Whole] | None = Field(
        None,
        description="The numbers of shares, as `share_id` or `unclaim_id`; those that are unknown,"
        " or do not wait, are passed over.",
        max_length=MOST_REVOKED,
    )
    ids: Array[PaymentId] | None = Field(
        None, description=_IDS + " Instead of shares.", max_length=MOST_REVOKED
    )


@put(
    "/api_v1/payments/claim",
    status_code=201,
    summary="Claim payments",
    tags=["Payments"],
    opt=route(
        access=Access.PUBLIC,
        arguments=ClaimArguments,
        errors=(
            StillPledging,
            NobodyToPay,
            PledgeUnpayable,
            TooManySharesWaiting,
            NotProven,
            *SCRIPT_ERRORS,
            Throttled,
            KeyReused,
        ),
        renamed=in_script("url"),
    ),
)
async def claim_payments(request: Request) -> Reply[shapes.Claimed]:
    """Pay all that was pledged to a page, to those whom its script names now.

    The page is asked again: while its script still pledges nothing happens. Each pledge is divided
    by itself, without a share for its own payer; one of `invoiced` among those whose profile is
    complete. A pledge that cannot be paid stays as it is. To claim again pays nothing twice.

    Of an email address or a profile what still waits for it is paid to the caller, whose it is.
    """
    call, wanted = request.call, await request.arguments(ClaimArguments)
    services = call.services
    claiming = Claiming(
        url=wanted.url,
        user_id=None if call.session is None else call.session.user.id,
        address=call.remote_address,
        hosts=hosts_of(call),
        claim_url=services.links.claim,
    )
    answer = await claim(
        call.db,
        services.web,
        services.crowd,
        claiming,
        key=call.key,
        render=lambda claimed: _claimed(call, claimed),
        keyring=services.keyring,
        now=call.now,
        limit_multiplier=limit_multiplier(call),
    )
    return Reply.rendered(answer)


def _claimed(call: Call, claimed: Claimed) -> Answer:
    result = shapes.Claimed(claimed.paid, claimed.left)
    if not claimed.left:
        return answered(call, result, Message("{count} payment(s) claimed", count=claimed.paid))
    message = Message(
        "{count} payment(s) claimed; {left} cannot be paid by the script as it is now",
        count=claimed.paid,
        left=claimed.left,
    )
    return answered(call, result, message, kind="warning")


@delete(
    "/api_v1/payments/unclaimed_shares",
    status_code=200,
    summary="Revoke unclaimed shares",
    tags=["Payments"],
    opt=route(arguments=ShareArguments, errors=(MissingArgument, Throttled, *REPEATS)),
)
async def revoke_unclaimed_shares(request: Request) -> Reply[list[None]]:
    """Take back shares that nobody has claimed yet, fee and all; or pledges, by their `ids`.

    What waits of a payment that was made elsewhere is a share, too. Each is taken back by itself,
    and counted once.
    """
    call, wanted = request.call, await request.arguments(ShareArguments)
    if wanted.ids is not None:
        if wanted.share_ids is not None:
            raise Invalid.field("ids", "invalid", "Ids cannot come together with share_ids")
        return await _revoke_pledges(call, wanted.ids)
    if wanted.share_ids is None:
        raise MissingArgument("share_ids", call)
    numbers = wanted.share_ids

    async def act(tx: Tx) -> Answer:
        count = await unclaimed.revoke(
            tx,
            payer_id=call.authenticated.user.id,
            wallet_id=call.authenticated.wallet_id,
            numbers=numbers,
            keyring=call.services.keyring,
            now=call.now,
            limit_multiplier=limit_multiplier(call),
        )
        return answered(call, [], Message("{count} share(s) revoked", count=count))

    return await once(call, act)


@delete(
    "/api_v1/payments/pledged",
    status_code=200,
    summary="Delete pledges",
    tags=["Payments"],
    opt=route(arguments=PledgeArguments, errors=REPEATS),
)
async def revoke_pledges(request: Request) -> Reply[list[None]]:
    """Take back pledges that nobody has claimed yet, fee and all.

    Those who took part in what was pledged to are told. Each is taken back by itself, and counted
    once.
    """
    call, wanted = request.call, await request.arguments(PledgeArguments)
    return await _revoke_pledges(call, wanted.ids)


async def _revoke_pledges(call: Call, ids: Sequence[UUID]) -> Reply[list[None]]:
    async def act(tx: Tx) -> Answer:
        count = await pledges.revoke(
            tx,
            payer_id=call.authenticated.user.id,
            ids=ids,
            keyring=call.services.keyring,
            now=call.now,
            limit_multiplier=limit_multiplier(call),
        )
        return answered(call, [], Message("{count} payments(s) revoked", count=count))

    return await once(call, act)


handlers = [claim_payments, revoke_unclaimed_shares, revoke_pledges]
