"""What a card's word makes of a refund, as a pure function: it arrives, once, somewhere."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from whipround.domain.legs import Accounts, Worth
from whipround.domain.refunds.commands import Refund
from whipround.domain.refunds.settling import Settled, Unsettled, settle
from whipround.domain.refunds.telling import Subject
from whipround.ledger.transfers import Leg
from whipround.outcomes import Outcome

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
APPROVED, DECLINED, PENDING = (
    Outcome("approved"),
    Outcome("declined", "expired"),
    Outcome("pending"),
)


@pytest.fixture
def unsettled() -> Unsettled:
    """A refund of 100 pesos for 5 euros and a fee of 10 cents, asked of a card."""
    card_id = uuid7()
    refund = Refund(
        id=uuid7(),
        payment_id=uuid7(),
        transaction_id=uuid7(),
        payer_id=uuid7(),
        recipient_id=uuid7(),
        status="pending",
        worth=Worth(Decimal(100), "MXN", Decimal("5.00"), "EUR", Decimal("0.10")),
        description="",
        meta="",
        created_at=NOW,
        updated_at=NOW,
    )
    subject = Subject("Lunch", "Ben Dough")
    return Unsettled(
        refund=refund, goes_to_id=card_id, source_id=card_id, wallet_id=uuid7(), paid=subject
    )


def heard(
    unsettled: Unsettled, *words: Outcome | None
) -> tuple[list[Settled | None], tuple[UUID, ...]]:
    """What each word comes to, in turn; the clearing account, the card's and the wallet's."""
    ids: Accounts = {new.name: uuid7() for new in unsettled.accounts}
    said = []
    for word in words:
        said.append(settle(unsettled, word, ids, now=NOW))
        if (last := said[-1]) is not None:
            unsettled = replace(unsettled, refund=last.refund, goes_to_id=last.in_funding_source_id)
    return said, tuple(ids.values())


def moved(from_id: UUID, to_id: UUID) -> tuple[Leg, ...]:
    """All that goes back."""
    return (Leg(from_id, Decimal("-5.10")), Leg(to_id, Decimal("5.10")))


def test_it_arrives_on_the_card_once(unsettled: Unsettled) -> None:
    (waits, done, *again), (clearing, card, _) = heard(
        unsettled, PENDING, APPROVED, APPROVED, PENDING
    )

    assert (waits, again) == (None, [None, None])
    assert done is not None
    assert done.transfer.legs == moved(clearing, card)
    assert (done.transfer.kind, done.refund.status) == ("settle", "approved")
    assert done.transfer.key == f"{unsettled.refund.transaction_id}:settle"
    assert done.in_funding_source_id == unsettled.source_id
    [event] = done.events
    assert event.user_id == unsettled.refund.payer_id
    assert (event.kind, event.data["amount"], event.data["to_wallet"]) == (
        "payment_refunded",
        "5.10",
        False,
    )


@pytest.mark.parametrize("word", [DECLINED, None], ids=["declined", "never heard of"])
def test_what_the_card_does_not_take_is_in_the_wallet(
    unsettled: Unsettled, word: Outcome | None
) -> None:
    (done, *again), (clearing, _, wallet) = heard(unsettled, word, word, APPROVED)

    assert again == [None, None]
    assert done is not None
    assert done.transfer.legs == moved(clearing, wallet)
    assert (done.refund.status, done.in_funding_source_id) == ("approved", unsettled.wallet_id)
    assert done.events[0].data["to_wallet"] is True


def test_what_the_card_sends_back_is_in_the_wallet(unsettled: Unsettled) -> None:
    (_, back, *again), (_, card, wallet) = heard(unsettled, APPROVED, DECLINED, DECLINED, APPROVED)

    assert again == [None, None]
    assert back is not None
    assert back.transfer.legs == moved(card, wallet)
    assert back.transfer.key == f"{unsettled.refund.transaction_id}:return"
    assert back.in_funding_source_id == unsettled.wallet_id


def test_who_gave_it_back_to_themselves_is_not_told(unsettled: Unsettled) -> None:
    refund = replace(unsettled.refund, recipient_id=unsettled.refund.payer_id)

    [done], _ = heard(replace(unsettled, refund=refund), APPROVED)

    assert done is not None
    assert done.events == []
