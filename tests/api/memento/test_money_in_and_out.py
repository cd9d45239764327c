"""Memento: payments from cards and bank accounts, top-ups and withdrawals, over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.api.conftest import Shared
from tests.api.memento.client import Json, error_code, wrong_fields
from tests.api.memento.paying import (
    PAYMENTS,
    Customer,
    Town,
    messages_to,
    new_account,
    new_card,
    said,
    town,
)
from tests.api.serving import PROCESSORS
from tests.money import EUR, nothing_moving, rows
from tests.people import new_phone
from whipround.domain import claims
from whipround.domain.fees import FeeRule, replace_rules
from whipround.domain.payments import decide
from whipround.flows import calls
from whipround.flows.desk import Desk, open_desk
from whipround.gateways.processors import sandbox

pytestmark = pytest.mark.anyio

DECLINED, SHORT, SLOW, PENDING = (
    f"tok_test_{name}" for name in ("card_declined", "insufficient_funds", "timeout", "pending")
)


@pytest.fixture
async def place(shared: Shared) -> AsyncIterator[Town]:
    async with town(shared) as place:
        async with place.db.transaction() as tx:
            await replace_rules(tx, FEES)
        yield place


def _rule(kind: str, of: str, fixed: str) -> FeeRule:
    return FeeRule(kind, of, "EUR", "Fee", Decimal(0), Decimal(fixed), Decimal(0), None)


FEES = [
    _rule("payment", "card", "0.50"),
    _rule("payment", "bank_account", "0.20"),
    _rule("top_up", "card", "0.30"),
    _rule("withdrawal", "virtual", "1.00"),
]


@pytest.fixture
async def ann(place: Town) -> Customer:
    return await place.person(EUR("100.00"))


@pytest.fixture
async def ben(place: Town) -> Customer:
    return await place.person()


@pytest.fixture
def desk(place: Town) -> Desk:
    """Where a worker of the product asks what became of calls."""
    return open_desk(
        place.db,
        product_id=place.shared.product.id,
        keyring=place.shared.keyring,
        processors=PROCESSORS(place.db),
    )


def source_id(path: str) -> str:
    """The id in the path of a funding source."""
    return path.rpartition("/")[2]


async def card_of(who: Customer, token: str = "tok_test_visa_4242") -> str:
    """The path of a new card of theirs."""
    return await who.add(new_card(token))


async def swept(desk: Desk, *, after: timedelta = timedelta(minutes=5)) -> None:
    """Let time pass, and the sweep ask about what is due."""
    await calls.sweep(desk, now=datetime.now(UTC) + after)


async def balance_of(who: Customer, path: str, currency: str = "EUR") -> dict[str, Any]:
    """What a funding source shows of one currency; nothing before anything moved."""
    shown = said(await who.get(path))["balances"]
    return next((it for it in shown if it["currency"] == currency), {})


# Paying from a card.


async def test_a_card_pays_a_user_and_the_fee_on_top(ann: Customer, ben: Customer) -> None:
    card = await card_of(ann)

    paid = await ann.paid(ben, "20.00", funding_source_id=source_id(card))

    assert (paid["kind"], paid["status"], paid["fulfillment_status"]) == (
        "payment",
        "closed",
        "fulfilled",
    )
    assert (paid["recipient"]["status"], paid["recipient"]["user_id"]) == ("paid", ben.id)
    assert (await ann.has(), await ben.has()) == (100, 20)
    shown = await balance_of(ann, card)
    assert (shown["amount"], shown["amount_in"], shown["amount_out"]) == (
        Decimal("-20.50"),
        0,
        Decimal("20.50"),
    )
    assert said(await ann.get(f"{PAYMENTS}/{paid['id']}")) == paid
    assert [kind for _, kind, _ in await messages_to(ben.client.db, ben.phone)] == [
        "payment_received"
    ]


async def test_the_transaction_tells_what_the_gateway_said_to_the_payer_alone(
    ann: Customer, ben: Customer
) -> None:
    card = await card_of(ann)
    paid = await ann.paid(ben, "20.00", funding_source_id=source_id(card))

    [of_ann] = said(await ann.get(f"{card}/transactions"))
    of_ben = said(await ben.get(f"/v1/transactions/{of_ann['id']}"))

    assert of_ann["id"] == paid["recipient"]["transaction_id"]
    assert (of_ann["status"], of_ann["error"], of_ann["fee"]) == (
        "approved",
        False,
        Decimal("0.50"),
    )
    response = of_ann["gateway_response"]
    assert (response["amount"], response["currency"]) == (Decimal("20.50"), "EUR")
    assert all(response[f"{it}_code"] for it in ("authorization", "reference", "tracking"))
    assert response["processor_datetime"] is not None
    assert (of_ben["gateway_response"], of_ben["out_funding_source_id"]) == (None, None)


@pytest.mark.parametrize("token", [DECLINED, SHORT, "tok_nobody_knows"])
async def test_what_a_card_declines_moves_nothing(
    place: Town, ann: Customer, ben: Customer, token: str
) -> None:
    card, key = await card_of(ann, token), uuid4()
    async with nothing_moving_but_rows(place):
        refused = await ann.pay(ben, "20.00", funding_source_id=source_id(card), key=key)
        again = await ann.pay(ben, "20.00", funding_source_id=source_id(card), key=key)

    assert error_code(refused) == "gateway_declined"
    assert (again.status_code, again.content) == (refused.status_code, refused.content)
    [shown] = said(await ann.get(PAYMENTS))
    assert (shown["status"], shown["fulfillment_status"]) == ("closed", "unfulfilled")
    assert shown["recipient"]["status"] == "cancelled"
    assert shown["error_code"] in {"card_declined", "insufficient_funds", "unknown_token"}
    [transaction] = said(await ann.get(f"{card}/transactions"))
    assert (transaction["status"], transaction["error"]) == ("rejected", True)
    assert transaction["error_code"] == shown["error_code"]
    # It is nothing that Ben has received.
    assert said(await ben.get(PAYMENTS)) == []
    assert said(await ben.get("/v1/transactions")) == []
    assert (await ben.get(f"{PAYMENTS}/{shown['id']}")).status_code == 404
    assert (await ben.get(f"/v1/transactions/{transaction['id']}")).status_code == 404


async def test_a_card_that_has_declined_too_often_is_not_asked_any_more(
    place: Town, ann: Customer, ben: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decide, "MOST_DECLINED", 2)
    bad, good = await card_of(ann, DECLINED), await card_of(ann)

    answers = [await ann.pay(ben, "1.00", funding_source_id=source_id(bad)) for _ in range(3)]
    await rows(
        place.db,
        "update gateway_call set created_at = created_at - interval '1 day'"
        " where status = 'declined' returning 1",
    )
    next_day = await ann.pay(ben, "1.00", funding_source_id=source_id(bad))

    declined = "gateway_declined"
    assert [error_code(it) for it in answers] == [declined, declined, "limit_exceeded"]
    assert error_code(next_day) == declined
    assert (await ann.pay(ben, "1.00", funding_source_id=source_id(good))).status_code == 201


class nothing_moving_but_rows:  # noqa: N801 - it is used as a function is
    """No money moves, nor any word about it; payments that failed may be kept."""

    def __init__(self, place: Town) -> None:
        self._place = place
        self._before: list[tuple[Any, ...]] = []

    async def _moved(self) -> list[tuple[Any, ...]]:
        return await rows(
            self._place.db,
            "select (select count(*) from transfer), (select count(*) from outbox),"
            " (select jsonb_object_agg(id, balance) from account where version > 0)",
        )

    async def __aenter__(self) -> None:
        self._before = await self._moved()

    async def __aexit__(self, *_: object) -> None:
        assert await self._moved() == self._before


async def test_a_charge_without_an_answer_is_found_by_the_sweep_and_lands_once(
    ann: Customer, ben: Customer, desk: Desk
) -> None:
    card, key = await card_of(ann, SLOW), uuid4()

    opened = await ann.paid(ben, "20.00", funding_source_id=source_id(card), key=key)
    before = await ben.has()
    again = await ann.paid(ben, "20.00", funding_source_id=source_id(card), key=key)
    await asyncio.gather(swept(desk), swept(desk))
    await swept(desk)

    assert (opened["status"], opened["recipient"]["status"]) == ("open", "pending")
    assert again == opened
    assert (before, await ben.has()) == (0, 20)
    shown = said(await ann.get(f"{PAYMENTS}/{opened['id']}"))
    assert (shown["status"], shown["fulfillment_status"]) == ("closed", "fulfilled")


@pytest.mark.parametrize("approve", [True, False], ids=["approved", "declined"])
async def test_a_charge_that_is_decided_later(
    place: Town, ann: Customer, ben: Customer, desk: Desk, approve: bool
) -> None:
    card = await card_of(ann, PENDING)
    opened = await ann.paid(ben, "20.00", funding_source_id=source_id(card))
    [transaction] = said(await ann.get(f"{card}/transactions"))
    call_id = UUID(transaction["gateway_response"]["id"])
    await swept(desk, after=timedelta(seconds=0))

    in_use = await ann.delete(card)
    if approve:
        await sandbox.approve(place.db, key=call_id, kind="charge", now=datetime.now(UTC))
    else:
        await sandbox.decline(place.db, key=call_id, now=datetime.now(UTC))
    await asyncio.gather(*(calls.resolve(desk, call_id, now=datetime.now(UTC)) for _ in range(3)))

    assert (transaction["status"], error_code(in_use)) == ("active", "funding_source_in_use")
    shown = said(await ann.get(f"{PAYMENTS}/{opened['id']}"))
    fulfilled = "fulfilled" if approve else "unfulfilled"
    assert (shown["status"], shown["fulfillment_status"]) == ("closed", fulfilled)
    assert await ben.has() == (20 if approve else 0)
    kinds = [kind for _, kind, _ in await messages_to(place.db, ann.phone)]
    assert kinds == ([] if approve else ["payment_failed"])
    assert (await ann.delete(card)).status_code == 200


async def test_what_nobody_claims_of_a_cards_money_is_in_the_payers_wallet(
    place: Town, ann: Customer
) -> None:
    card = await card_of(ann)
    opened = await ann.paid(new_phone(), "20.00", funding_source_id=source_id(card))

    await claims.return_expired(place.db, now=datetime.now(UTC) + timedelta(days=11))

    assert await ann.has() == Decimal("120.50")
    for query in ("", "?filter=deposits_only:eq:true"):
        [shown] = said(await ann.get(f"{ann.wallet}/transactions{query}"))
        assert (shown["id"], shown["status"]) == (
            opened["recipient"]["transaction_id"],
            "cancelled",
        )
        assert shown["in_funding_source_id"] == str(ann.wallet_id)
    assert said(await ann.get(f"{card}/transactions?filter=deposits_only:eq:true")) == []


async def test_a_card_pays_a_number_whose_owner_claims_it(
    place: Town, ann: Customer, desk: Desk
) -> None:
    card, phone = await card_of(ann), new_phone()

    opened = await ann.paid(phone, "20.00", funding_source_id=source_id(card))
    claimed = await place.client.post("/v1/users", await place.client.sign_up_body(phone))

    assert (opened["status"], opened["unclaimed_payment"]["processed"]) == ("open", False)
    assert opened["expires_at"] is not None
    cleo = await place.enter(said(claimed, 201))
    [wallet] = said(await cleo.get("/v1/funding_sources"))
    assert [it["amount"] for it in wallet["balances"] if it["currency"] == "EUR"] == [20]
    shown = said(await ann.get(f"{PAYMENTS}/{opened['id']}"))
    assert (shown["fulfillment_status"], shown["unclaimed_payment"]["processed"]) == (
        "fulfilled",
        True,
    )


async def test_whoever_signs_up_while_the_charge_is_under_way_has_the_money(
    place: Town, ann: Customer, desk: Desk
) -> None:
    card, phone = await card_of(ann, PENDING), new_phone()
    opened = await ann.paid(phone, "20.00", funding_source_id=source_id(card))

    cleo = await place.enter(
        said(await place.client.post("/v1/users", await place.client.sign_up_body(phone)), 201)
    )
    await swept(desk)
    await swept(desk)
    await rows_of_approval(place, desk)

    [wallet] = said(await cleo.get("/v1/funding_sources"))
    assert [it["amount"] for it in wallet["balances"] if it["currency"] == "EUR"] == [20]
    shown = said(await ann.get(f"{PAYMENTS}/{opened['id']}"))
    assert (shown["status"], shown["unclaimed_payment"]) == ("closed", None)
    assert shown["recipient"]["username"].startswith("john")


async def rows_of_approval(place: Town, desk: Desk) -> None:
    """Approve every charge that is pending, and record it."""
    pending = await rows(place.db, "select id from gateway_call where status = 'pending'")
    for (call_id,) in pending:
        await sandbox.approve(place.db, key=call_id, kind="charge", now=datetime.now(UTC))
        await calls.resolve(desk, call_id, now=datetime.now(UTC))


# Into the wallet and out of it.


async def test_a_card_tops_up_the_wallet(ann: Customer) -> None:
    card = await card_of(ann)

    for named in ({"user_id": ann.id}, {"funding_source_id": str(ann.wallet_id)}):
        topped_up = await ann.paid(
            ann,
            recipient={"amount": "20.00", **named},
            funding_source_id=source_id(card),
        )
        assert (topped_up["kind"], topped_up["fulfillment_status"]) == ("top_up", "fulfilled")
        assert topped_up["recipient"]["user_id"] == ann.id

    assert await ann.has() == 140
    assert (await balance_of(ann, card))["amount"] == Decimal("-40.60")
    assert len(said(await ann.get(PAYMENTS))) == 2
    assert len(said(await ann.get(f"{ann.wallet}/transactions"))) == 2


async def test_the_wallet_pays_out_to_a_bank_account(place: Town, ann: Customer) -> None:
    account = await ann.add_verified(new_account())

    paid_out = await ann.paid(ann, **to_account(account, "20.00"))

    assert (paid_out["kind"], paid_out["status"]) == ("withdrawal", "closed")
    assert paid_out["fulfillment_status"] == "fulfilled"
    assert await ann.has() == 79
    shown = await balance_of(ann, account)
    assert (shown["amount"], shown["amount_in"]) == (20, 20)
    [transaction] = said(await ann.get(f"{account}/transactions"))
    assert transaction["in_funding_source_id"] == source_id(account)
    assert transaction["gateway_response"]["amount"] == 20


def to_account(account: str, amount: str, **given: Any) -> Json:
    """What of an order makes it a withdrawal."""
    return {"recipient": {"amount": amount, "funding_source_id": source_id(account)}, **given}


async def test_a_payout_that_comes_back_days_later_is_in_the_wallet_again(
    place: Town, ann: Customer, desk: Desk
) -> None:
    account = await ann.add_verified(new_account())
    paid_out = await ann.paid(ann, **to_account(account, "20.00"))
    [transaction] = said(await ann.get(f"{account}/transactions"))
    call_id = UUID(transaction["gateway_response"]["id"])
    before = await ann.has()

    await sandbox.fail_payout(place.db, key=call_id, now=datetime.now(UTC))
    await swept(desk, after=timedelta(days=2))
    await asyncio.gather(*(calls.resolve(desk, call_id, now=datetime.now(UTC)) for _ in range(2)))

    assert (before, await ann.has()) == (79, 100)
    assert (await balance_of(ann, account))["amount"] == 0
    shown = said(await ann.get(f"{PAYMENTS}/{paid_out['id']}"))
    assert (shown["fulfillment_status"], shown["error_code"]) == ("unfulfilled", "payout_failed")
    assert said(await ann.get(f"/v1/transactions/{transaction['id']}"))["status"] == "failed"
    assert [kind for _, kind, _ in await messages_to(place.db, ann.phone)] == ["withdrawal_failed"]


@pytest.mark.parametrize("token", [DECLINED, PENDING, SLOW])
async def test_what_is_to_be_paid_out_is_set_aside_until_the_bank_has_decided(
    place: Town, ann: Customer, desk: Desk, token: str
) -> None:
    account = await ann.add_verified(new_account(token=token))

    answer = await ann.pay(ann, **to_account(account, "20.00"))
    meanwhile = await ann.has()
    if token == PENDING:
        [transaction] = said(await ann.get(f"{account}/transactions"))
        call_id = UUID(transaction["gateway_response"]["id"])
        await sandbox.approve(place.db, key=call_id, kind="payout", now=datetime.now(UTC))
    await swept(desk)

    if token == DECLINED:
        assert error_code(answer) == "gateway_declined"
        assert (meanwhile, await ann.has()) == (100, 100)
        return
    assert said(answer, 201)["status"] == "open"
    assert (meanwhile, await ann.has()) == (79, 79)
    assert (await balance_of(ann, account))["amount"] == 20


async def test_a_bank_account_pays_too(ann: Customer, ben: Customer) -> None:
    account = await ann.add_verified(new_account())

    paid = await ann.paid(ben, "20.00", funding_source_id=source_id(account))

    assert paid["fulfillment_status"] == "fulfilled"
    assert (await ann.has(), await ben.has()) == (100, 20)
    assert (await balance_of(ann, account))["amount"] == Decimal("-20.20")


# What is refused, and moves nothing.


async def test_wrong_orders_are_refused_and_move_nothing(
    place: Town, ann: Customer, ben: Customer
) -> None:
    card, account = await card_of(ann), await ann.add_verified(new_account())
    unproven = await ann.add(new_account(iban="GB33BUKB20201555555555"))
    of_ben = await card_of(ben)
    mine = str(ann.wallet_id)
    wrong: list[tuple[Json, dict[str, str]]] = [
        (to_account(account, "20.001"), {"recipient.amount": "too_precise"}),
        (to_account(of_ben, "20.00"), {"recipient.funding_source_id": "not_found"}),
        (to_account(card, "20.00"), {"recipient.funding_source_id": "unsupported"}),
        (to_account(mine, "20.00"), {"recipient.funding_source_id": "invalid"}),
        (
            to_account(account, "20.00", funding_source_id=source_id(card)),
            {"recipient.funding_source_id": "unsupported"},
        ),
        (
            {"recipient": {"amount": "1", "user_id": ben.id, "funding_source_id": mine}},
            {"recipient.user_id": "invalid"},
        ),
        (
            {"recipient": {"amount": "1", "phone": ben.phone, "funding_source_id": mine}},
            {"recipient.funding_source_id": "invalid"},
        ),
        ({"recipient": {"amount": "1"}}, {"recipient.user_id": "required"}),
        (
            {"funding_source_id": source_id(of_ben), "source_currency": "CHF"},
            {"source_currency": "unsupported"},
        ),
        (
            {"funding_source_id": source_id(of_ben), **to_account(of_ben, "1.00")},
            {"funding_source_id": "not_found", "recipient.funding_source_id": "not_found"},
        ),
    ]
    declined: list[tuple[Json, str]] = [
        (to_account(unproven, "20.00"), "funding_source_disabled"),
        ({"funding_source_id": source_id(unproven)}, "funding_source_disabled"),
        (to_account(account, "99.01"), "insufficient_funds"),
        ({"funding_source_id": source_id(card), "pin": "9999"}, "invalid_pin"),
        ({"source_currency": "USD"}, "rates_unavailable"),
    ]
    async with nothing_moving(place.db):
        for given, fields in wrong:
            assert wrong_fields(await ann.pay(ben, **given)) == fields, given
        for given, code in declined:
            assert error_code(await ann.pay(ben, **given)) == code, given


async def test_an_expired_or_deleted_card_cannot_pay(
    place: Town, ann: Customer, ben: Customer
) -> None:
    expired, deleted = await card_of(ann), await card_of(ann)
    await rows(
        place.db,
        "update card set expiration_year = 2020 where funding_source_id = %s returning 1",
        source_id(expired),
    )
    said_deleted = await ann.delete(deleted)

    async with nothing_moving(place.db):
        of_expired = await ann.pay(ben, funding_source_id=source_id(expired))
        of_deleted = await ann.pay(ben, funding_source_id=source_id(deleted))

    assert said_deleted.status_code == 200
    assert error_code(of_expired) == "funding_source_disabled"
    assert wrong_fields(of_deleted) == {"funding_source_id": "not_found"}


async def test_the_same_key_at_once_charges_a_card_once(ann: Customer, ben: Customer) -> None:
    card, key = await card_of(ann), uuid4()
    order = ann.order(ben, "20.00", funding_source_id=source_id(card))

    answers = await asyncio.gather(*(ann.post(PAYMENTS, order, key=key) for _ in range(8)))
    again = await ann.post(PAYMENTS, order, key=key)

    assert {answer.status_code for answer in answers} <= {201, 409}
    assert again.status_code == 201
    assert {answer.content for answer in answers if answer.status_code == 201} == {again.content}
    assert await ben.has() == 20
    assert (await balance_of(ann, card))["amount_out"] == Decimal("20.50")
