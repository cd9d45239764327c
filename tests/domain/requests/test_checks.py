"""The audit of requests: silent over true rows, and each check finds what it is there for."""

from typing import Any

import pytest

from tests.money import EUR, Scene, found_in, problems
from tests.settlements import heard, intended, make_source, record, recorder
from tests.shares import make_request, pay_shares, paying, share_of
from whipround.domain import forwarding
from whipround.domain.requests.checks import REQUEST_CHECKS
from whipround.outcomes import Outcome

pytestmark = pytest.mark.anyio

TOTALS, SHARES, ONWARD = (check.claim for check in REQUEST_CHECKS)

_PAID_AGAIN = """
    insert into payment overriding system value
    select (jsonb_populate_record(payment, jsonb_build_object('id', gen_random_uuid()))).*
    from payment where id = %(payment)s
"""
_MEANT_FOR_NO_BANK = """
    insert into forwarding
    select id, recipient_user_id, %(other_bank)s, amount, currency, 'waiting', null, now(), now()
    from payment where id = %(to_wallet)s
"""


def _request(change: str) -> str:
    return f"update payment_request set {change} where id = %(request)s"


def _asked(name: str, change: str) -> str:
    return f"update request_participant set {change} where id = %({name})s"


def _onward(status: str, change: str) -> str:
    return f"update forwarding set {change} where status = '{status}'"


FORGED: dict[str, tuple[str, set[str]]] = {
    "more is paid": (_request("amount_paid = amount_paid + 1"), {TOTALS}),
    "nobody is pending": (_request("pending_count = 0"), {TOTALS}),
    "more have paid": (_request("paid_count = 2"), {TOTALS}),
    "somebody has rejected it": (_request("rejected_count = 1"), {TOTALS}),
    "somebody is cancelled": (_request("cancelled_count = 1"), {TOTALS}),
    "it is closed": (_request("status = 'closed'"), {TOTALS}),
    "it is fulfilled": (_request("fulfillment_status = 'fulfilled'"), {TOTALS}),
    "it is in another currency": (_request("currency = 'USD'"), {SHARES}),
    "it is somebody else's": (_request("owner_id = %(ben)s"), {SHARES}),
    "a participant does not know it is open": (_asked("pending", "is_open = false"), {TOTALS}),
    "less was asked": (_asked("paid", "amount = 1"), {TOTALS, SHARES}),
    "who has paid is settled": (_asked("paid", "status = 'settled'"), {SHARES}),
    "who has paid has not": (_asked("paid", "payment_id = null"), {SHARES}),
    "somebody else has paid": (_asked("paid", "user_id = %(dan)s"), {SHARES}),
    "another payment has paid": (_asked("paid", "payment_id = %(to_wallet)s"), {SHARES}),
    "who is pending has paid": (_asked("pending", "status = 'paid'"), {TOTALS, SHARES}),
    "who failed to pay still does": (_asked("pending", "payment_id = %(failed)s"), {SHARES}),
    "who is paying does not": (_asked("paying", "payment_id = null"), {SHARES}),
    "who is paying is cancelled": (_asked("paying", "status = 'cancelled'"), {TOTALS, SHARES}),
    "it was paid again": (_PAID_AGAIN, {SHARES, ONWARD}),
    "what is to go on is forgotten": ("delete from forwarding where status = 'waiting'", {ONWARD}),
    "what has gone on is forgotten": ("delete from forwarding where status = 'sent'", {ONWARD}),
    "it is to go on once more": (
        _onward("sent", "status = 'waiting', withdrawal_id = null"),
        {ONWARD},
    ),
    "it has gone on and was kept": (
        _onward("sent", "status = 'kept', withdrawal_id = null"),
        {ONWARD},
    ),
    "more is to go on": (_onward("waiting", "amount = amount + 1"), {ONWARD}),
    "more has gone on": (_onward("sent", "amount = amount + 1"), {ONWARD}),
    "it is to go on to another bank": (
        _onward("waiting", "funding_source_id = %(other_bank)s"),
        {ONWARD},
    ),
    "it has gone on to another bank": (
        _onward("sent", "funding_source_id = %(other_bank)s"),
        {ONWARD},
    ),
    "it has gone on to somebody else": (_onward("sent", "user_id = %(ben)s"), {ONWARD}),
    "what is the wallet's is to go on": (_MEANT_FOR_NO_BANK, {ONWARD}),
}


async def made(scene: Scene) -> dict[str, Any]:
    """What can be said of shares that are paid, under way, failed and to go on: by name the ids."""
    ann, ben = await scene.person(), await scene.person(EUR("20.00"))
    cat, dan = await scene.person(EUR("20.00")), await scene.person()
    bank, other_bank = [await make_source(scene, ann, "bank_account") for _ in range(2)]
    card = await make_source(scene, cat)
    first = await make_request(scene, ann, ben, amount=EUR("2.00"), funding_source_id=bank)
    await pay_shares(scene, paying(scene, ben, share_of(first)))
    await forwarding.send_due(scene.db, now=scene.now)
    ask = await make_request(scene, ann, ben, cat, dan, funding_source_id=bank)
    other = await make_request(scene, ann, ben)
    [paid, to_wallet] = await pay_shares(
        scene, paying(scene, ben, share_of(ask)), paying(scene, ben, share_of(other))
    )
    by_card = {"funding_source_id": card}
    [failed] = await intended(scene, paying(scene, cat, share_of(ask, 1), **by_card))
    await record(recorder(scene.db, scene), heard(failed, Outcome("declined", "x")))
    await intended(scene, paying(scene, cat, share_of(ask, 1), **by_card))
    asked = dict(zip(("paid", "paying", "pending"), ask.participants, strict=True))
    return {
        **asked,
        "request": ask.id,
        "payment": paid.payment_id,
        "to_wallet": to_wallet.payment_id,
        "failed": failed.payment.id,
        "other_bank": other_bank,
        "ben": ben.id,
        "dan": dan.id,
    }


async def test_each_check_finds_its_own(scene: Scene) -> None:
    ids = await made(scene)
    assert await problems(scene.db) == []

    statements = {name: statement for name, (statement, _) in FORGED.items()}
    found = await found_in(scene.db, statements, ids, checks=REQUEST_CHECKS)

    assert found == {name: claims for name, (_, claims) in FORGED.items()}
