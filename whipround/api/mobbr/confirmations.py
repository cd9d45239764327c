"""Mobbr, Confirm payment: what was shown is paid, or pledged."""

import hashlib

from litestar import put
from pydantic import BaseModel, Field

from whipround.api.context import Call
from whipround.api.handling import Reply
from whipround.api.mobbr.call import Request, answered, route
from whipround.api.mobbr.shapes import scripts as shapes
from whipround.api.mobbr.shapes_base import payment_id
from whipround.api.writes import REPEATS, limit_multiplier
from whipround.db.database import Tx
from whipround.db.request_keys import Answer, RequestKey
from whipround.domain import throttles
from whipround.domain.credentials import UserLocked
from whipround.domain.crowd import previews, resolving
from whipround.domain.crowd.commands import (
    Confirm,
    CrowdPayment,
    RecipientsChanged,
    TooManyPledges,
    TooManySharesWaiting,
)
from whipround.domain.crowd.plan import Plan
from whipround.domain.crowd.previews import Preview
from whipround.domain.funding.reading import FundingSourceDisabled
from whipround.domain.limits import LimitExceeded
from whipround.domain.scripts.describing import decimal_text
from whipround.domain.throttles import Charge
from whipround.errors import Message, Throttled
from whipround.ledger.transfers import InsufficientFunds


class ConfirmArguments(BaseModel):
    """What is confirmed."""

    hash: str = Field(
        description="The `hash` of a preview.",
        json_schema_extra={"examples": ["05b921e21ad2a78d00e7b1ec721baaa8"]},
    )


@put(
    "/api_v1/payments/confirm",
    status_code=201,
    summary="Confirm payment",
    tags=["Payments"],
    opt=route(
        arguments=ConfirmArguments,
        errors=(
            RecipientsChanged,
            TooManyPledges,
            TooManySharesWaiting,
            InsufficientFunds,
            LimitExceeded,
            FundingSourceDisabled,
            UserLocked,
            Throttled,
            *REPEATS,
        ),
    ),
)
async def confirm_payment(request: Request) -> Reply[shapes.Confirmed]:
    """Pay what a preview has shown, from the wallet, or pledge it where the script says so.

    The fee comes on top. Shares at addresses that nobody has proven wait until somebody does, and
    return after 90 days; a pledge returns after 180. A hash is good for one payment, within 10
    minutes of its preview, of whoever asked for that; whoever has used it gets the first answer
    again. A payment that is refused, as for want of money, has not used it up.
    """
    call, wanted = request.call, await request.arguments(ConfirmArguments)
    session, services = call.authenticated, call.services
    async with call.db.transaction(is_durable=False) as tx:
        shown = await previews.find(
            tx,
            text=wanted.hash,
            person_id=session.user.id,
            keyring=services.keyring,
            now=call.now,
        )
        await _count(tx, call, shown)
    command = Confirm(
        key=_key(call, wanted.hash),
        payer_id=session.user.id,
        wallet_id=session.wallet_id,
        preview_id=shown.id,
        plan=shown.plan,
        render=lambda made: _rendered(call, shown.plan, made),
        claim_url=services.links.claim,
    )
    outcome = await services.crowd.submit(command)
    assert isinstance(outcome, Answer)  # noqa: S101 - as of any such command
    return Reply.rendered(outcome)


async def _count(tx: Tx, call: Call, shown: Preview) -> None:
    """Somebody is written to for most shares that wait: they are limited. Raises Throttled."""
    if shown.used_at is not None or shown.plan.kind == "pledge":
        return
    user_id = call.authenticated.user.id
    count = await resolving.count_written_to(tx, shown.plan.shares)
    if count and await previews.is_to_be_counted(tx, preview_id=shown.id, user_id=user_id):
        charge = Charge(throttles.SHARES_HELD_PER_USER, str(user_id), count)
        await throttles.charge(
            tx,
            [charge],
            keyring=call.services.keyring,
            now=call.now,
            multiplier=limit_multiplier(call),
        )


def _key(call: Call, text: str) -> RequestKey:
    """The hash makes a request the same, whatever key it was sent with."""
    framed = f"{call.method} {call.authenticated.user.id.hex} {call.path}\0mobbr hash {text}"
    return RequestKey(
        id=hashlib.sha256(framed.encode()).digest(),
        fingerprint=call.services.keyring.fingerprint(text.encode()),
    )


def _rendered(call: Call, plan: Plan, made: CrowdPayment) -> Answer:
    """The answer that is stored with the money."""
    result = shapes.Confirmed(payment_id(made.id), shapes.read(plan.script))
    return answered(call, result, _message(plan, is_pledge=made.status == "pledged"))


def _message(plan: Plan, *, is_pledge: bool) -> Message:
    amount, count = decimal_text(plan.amount), len({each.recipient for each in plan.shares})
    if is_pledge:
        return Message("{currency} {amount} was pledged", currency=plan.currency, amount=amount)
    return Message(
        "{currency} {amount} was divided among {count} recipient(s)",
        currency=plan.currency,
        amount=amount,
        count=count,
    )


handlers = [confirm_payment]
