"""What a refund gives back, as a pure function: all of it in the end, and never more."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from tests.money import new_key
from whipround.db.request_keys import Answer
from whipround.domain.legs import Ends, Worth, through
from whipround.domain.refunds import decide
from whipround.domain.refunds.commands import (
    AlreadyRefunded,
    NotRefundable,
    RefundOrder,
    WrongAmount,
)
from whipround.domain.refunds.decide import Giving, Paid, check, give_back, part
from whipround.errors import Invalid
from whipround.ledger.transfers import Leg
from whipround.money import SCALE, digits, round_to_currency

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def worth(
    amount: str,
    fee: str = "0",
    *,
    currency: str = "EUR",
    source_amount: str | None = None,
    source_currency: str = "EUR",
) -> Worth:
    """What a payment is worth."""
    return Worth(
        Decimal(amount), currency, Decimal(source_amount or amount), source_currency, Decimal(fee)
    )


def nothing_of(whole: Worth) -> Worth:
    """None of a payment."""
    return whole._replace(amount=Decimal(0), source_amount=Decimal(0), fee=Decimal(0))


def added(a: Worth, b: Worth) -> Worth:
    """What two parts come to."""
    return a._replace(
        amount=a.amount + b.amount,
        source_amount=a.source_amount + b.source_amount,
        fee=a.fee + b.fee,
    )


def parts_of(whole: Worth, amounts: Sequence[str | None]) -> list[Worth]:
    """What goes back for the amounts, one after the other."""
    returned, given = nothing_of(whole), []
    for amount in amounts:
        given.append(part(whole, returned, None if amount is None else Decimal(amount)))
        returned = added(returned, given[-1])
    return given


def wrong(error: pytest.ExceptionInfo[Invalid]) -> list[tuple[str, str]]:
    """The wrong fields and their codes."""
    return [(it.field, it.code) for it in error.value.errors]


def test_a_whole_refund_is_the_payment() -> None:
    whole = worth("20.00", "0.55", currency="MXN", source_amount="1.03")

    assert parts_of(whole, [None]) == [whole]
    assert parts_of(whole, ["20"]) == [whole]


def test_the_fee_goes_back_in_proportion_and_whole_in_the_end() -> None:
    thirds = parts_of(worth("3.00", "0.10"), ["1.00", "1.00", "1.00"])

    # 0.0333 and 0.0667 of it, rounded over what went back so far.
    assert [it.fee for it in thirds] == [Decimal("0.03"), Decimal("0.04"), Decimal("0.03")]
    # Half a cent goes to the even one.
    assert [it.fee for it in parts_of(worth("2.00", "0.05"), ["1.00", None])] == [
        Decimal("0.02"),
        Decimal("0.03"),
    ]


def test_what_was_converted_goes_back_at_its_own_rate() -> None:
    whole = worth("1000", "1.00", currency="JPY", source_amount="6.17")

    given = parts_of(whole, ["333", "333", None])

    assert [it.source_amount for it in given] == [
        Decimal("2.05"),
        Decimal("2.06"),
        Decimal("2.06"),
    ]
    assert {(it.currency, it.source_currency) for it in given} == {("JPY", "EUR")}


@pytest.mark.parametrize(
    ("amount", "code"),
    [("1.01", "too_large"), ("0.001", "too_precise"), ("1e12", "too_large")],
)
def test_more_than_is_left_or_finer_than_money_is_refused(amount: str, code: str) -> None:
    whole = worth("5.00", "0.10")

    with pytest.raises(WrongAmount) as refused:
        parts_of(whole, ["4.00", amount])

    assert wrong(refused) == [("amount", code)]


def test_of_a_share_all_that_is_left_may_be_finer_than_money() -> None:
    share = worth("3.33333334", "0.00666667")

    assert parts_of(share, [None]) == parts_of(share, ["3.33333334"]) == [share]
    first, rest = parts_of(share, ["3.00", None])
    assert (first.fee, rest) == (share.fee, worth("0.33333334"))
    with pytest.raises(WrongAmount) as refused:
        parts_of(share, ["3.00", "0.34"])
    assert wrong(refused) == [("amount", "too_large")]
    assert "0.33333334" in str(refused.value.errors[0].message)
    with pytest.raises(WrongAmount) as refused:
        parts_of(share, ["3.333"])
    assert wrong(refused) == [("amount", "too_precise")]


def test_nothing_left() -> None:
    whole = worth("5.00")

    for amount in (None, "5.00", "0.001"):
        with pytest.raises(AlreadyRefunded):
            parts_of(whole, ["4.00", "1.00", amount])


def test_what_is_worth_nothing_to_the_payer_is_refused() -> None:
    whole = worth("1000", currency="JPY", source_amount="0.61")

    with pytest.raises(WrongAmount) as refused:
        parts_of(whole, ["1"])

    assert wrong(refused) == [("amount", "too_small")]
    assert parts_of(whole, ["9"])[0].total == Decimal("0.01")


class Story(NamedTuple):
    """A payment, and in what parts it is asked to go back."""

    whole: Worth
    units: Sequence[int]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Payments of all kinds, given back in any parts that add up."""
    currency, source_currency = draw(
        st.sampled_from([("EUR", "EUR"), ("JPY", "JPY"), ("JPY", "EUR"), ("EUR", "MXN")])
    )
    units = draw(st.lists(st.integers(1, 10**9), min_size=1, max_size=6))
    amount = Decimal(sum(units)).scaleb(-digits(currency))
    minor = Decimal(1).scaleb(-digits(source_currency))
    source_amount = amount
    if currency != source_currency:
        source_amount = draw(st.integers(1, 10**10)) * minor
    fee = draw(st.integers(0, 10**6)) * minor
    if currency == source_currency:  # a share of a crowd payment, and its part of the fee
        finer = st.integers(0, int(minor.scaleb(SCALE)) - 1)
        amount = source_amount = amount + Decimal(draw(finer)).scaleb(-SCALE)
        fee += Decimal(draw(finer)).scaleb(-SCALE)
    return Story(Worth(amount, currency, source_amount, source_currency, fee), units)


@given(stories())
@example(Story(worth("0.03", "0.01"), [1, 1, 1]))
@example(Story(worth("0.33333334", "0.00666667"), [11, 11, 11]))
def test_any_parts_add_up_to_the_whole(story: Story) -> None:
    whole = story.whole
    returned = nothing_of(whole)

    for unit in story.units:
        asked = Decimal(unit).scaleb(-digits(whole.currency))
        try:
            given = part(whole, returned, asked)
        except WrongAmount:
            continue  # worth nothing by itself: it goes back with the next part
        assert given.amount == asked
        assert min(given.fee, given.source_amount) >= 0
        returned = added(returned, given)
        rounded = round_to_currency(returned.fee, whole.source_currency)
        assert returned.fee in {rounded, whole.fee}
    if returned.amount != whole.amount:
        try:
            returned = added(returned, part(whole, returned, None))
        except WrongAmount:
            # All that the payer paid is back, and the rest is worth nothing to them.
            assert (returned.source_amount, returned.fee) == (whole.source_amount, whole.fee)
            return

    assert returned == whole
    with pytest.raises(AlreadyRefunded):
        part(whole, returned, None)


# Who gives back, and where it goes.


def paid(whole: Worth | None = None, **given: Any) -> Paid:
    """A payment from a wallet that has arrived."""
    whole = whole or worth("6.00", "0.50")
    wallet_id, id_ = uuid7(), uuid7()
    plain = Paid(
        id=uuid7(),
        kind="payment",
        fulfillment_status="fulfilled",
        payer_id=uuid7(),
        recipient_id=uuid7(),
        recipient_source_id=uuid7(),
        source_id=wallet_id,
        source_type="virtual",
        is_gone=False,
        wallet_id=wallet_id,
        charge_id=None,
        gateway=None,
        transfer_id=id_,
        worth=whole,
        returned=nothing_of(whole),
        exchange_rate=None,
    )
    return replace(plain, **given)


def by_card(**given: Any) -> Paid:
    """A payment that was charged to a card."""
    card: dict[str, Any] = {
        "source_id": uuid7(),
        "source_type": "card",
        "charge_id": uuid7(),
        "gateway": "cards",
    }
    return paid(**{**card, **given})


def giving(payment: Paid, amount: str | None = None) -> tuple[Giving, dict[Any, UUID]]:
    """What a refund of the payment comes to, and the accounts it was given."""
    assert payment.recipient_id is not None
    order = RefundOrder(
        key=new_key(),
        payment_id=payment.id,
        user_id=payment.recipient_id,
        pin="",
        amount=None if amount is None else Decimal(amount),
        description="Sorry",
        meta="",
        render=lambda _: Answer(201, b""),
    )
    ids = {new.name: uuid7() for new in decide.accounts(payment)}
    return give_back(payment, order, ids, request_number=7, now=NOW), ids


def test_a_whole_refund_turns_the_payment_round() -> None:
    payment = paid(worth("1000", "0.50", currency="JPY", source_amount="6.17"))

    given, ids = giving(payment)

    recipient, payer, fees = list(ids.values())[:3]
    legs = through(payment.worth, Ends(payer, recipient, fees), ids)
    assert sorted(given.transfer.legs) == sorted(Leg(id_, -amount) for id_, amount in legs)
    assert given.transfer.reverses == payment.transfer_id
    assert (given.transfer.kind, given.call) == ("refund", None)
    assert given.transfer.key == f"{given.refund.transaction_id}:refund"
    assert (given.refund.status, given.refund.worth) == ("approved", payment.worth)


@pytest.mark.parametrize(
    "payment",
    [
        pytest.param(paid(transfer_id=None), id="that was held first"),
        pytest.param(by_card(is_gone=True), id="whose card is gone"),
    ],
)
def test_a_whole_refund_that_is_no_mirror_reverses_nothing(payment: Paid) -> None:
    given, ids = giving(payment)

    assert (given.transfer.kind, given.transfer.reverses) == ("refund", None)
    assert (payment.wallet_id, "wallet", "EUR") in ids
    assert payment.back_to_id == payment.wallet_id


def test_a_part_reverses_nothing() -> None:
    given, _ = giving(paid(), "2.00")

    assert given.transfer.reverses is None
    assert given.refund.worth == worth("2.00", "0.17")


def test_what_a_card_paid_waits_for_the_card() -> None:
    payment = by_card()

    given, ids = giving(payment, "2.00")

    assert (given.transfer.kind, given.refund.status) == ("hold", "pending")
    assert given.transfer.key == f"{given.refund.transaction_id}:hold"
    clearing = ids[UUID(int=0), "clearing", "EUR"]
    assert Leg(clearing, Decimal("2.17")) in given.transfer.legs
    call = given.call
    assert call is not None
    assert (call.kind, call.gateway, call.charge_id) == ("refund", "cards", payment.charge_id)
    assert (call.amount, call.currency) == (Decimal("2.17"), "EUR")
    assert (call.funding_source_id, call.request_number) == (payment.source_id, 7)
    assert call.transaction_id == given.refund.transaction_id


@pytest.mark.parametrize(
    "change",
    [
        {"fulfillment_status": "unfulfilled"},
        {"kind": "withdrawal"},
        {"recipient_id": None},
        {"recipient_id": uuid7()},
    ],
    ids=["not arrived", "paid out", "unclaimed", "another's"],
)
def test_what_cannot_be_given_back(change: dict[str, Any]) -> None:
    payment = paid()
    assert payment.recipient_id is not None
    check(payment, user_id=payment.recipient_id)

    with pytest.raises(NotRefundable):
        check(replace(payment, **change), user_id=payment.recipient_id)


def test_what_one_paid_oneself_goes_back_to_its_card_only() -> None:
    own = by_card(kind="top_up")
    assert own.recipient_id is not None
    own = replace(own, payer_id=own.recipient_id)

    check(own, user_id=own.payer_id)

    assert own.back_to_id == own.source_id
    with pytest.raises(NotRefundable):  # it is in the payer's wallet already
        check(replace(own, is_gone=True), user_id=own.payer_id)
