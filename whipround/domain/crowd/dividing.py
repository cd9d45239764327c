"""Dividing a crowd payment: one transfer, and a payment for each share of it."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.domain import payees
from whipround.domain.crowd.commands import UNCLAIMED_FOR, CrowdPayment
from whipround.domain.crowd.plan import PlannedShare
from whipround.domain.crowd.state import Decision, Notice, ShareRow, State
from whipround.domain.funding.wallet import FEES_ACCOUNT, WALLET_ACCOUNT
from whipround.domain.legs import Worth
from whipround.domain.payees import Holding, Payee
from whipround.domain.payments import making
from whipround.domain.payments.commands import Participant, Payment
from whipround.domain.payments.state import Recipient
from whipround.ledger.accounts import PRODUCT
from whipround.ledger.transfers import Leg, Transfer
from whipround.money import EXACT, Money, round_to_currency, split


class Division(NamedTuple):
    """A crowd payment, the shares that its amount comes to, and who gets them, in order."""

    crowd: CrowdPayment
    shares: Sequence[PlannedShare]
    targets: Sequence[Recipient | Payee]
    claim_url: str

    @property
    def title(self) -> str:
        """What the shares are called where they are seen as payments."""
        page = self.crowd.page
        return page.title or page.message or page.url or ""


class _Gets(NamedTuple):
    """Somebody, all that they get, and the first payment that it comes in."""

    target: Recipient | Payee
    first: Payment
    amount: Decimal


def divide(state: State, division: Division, *, from_account: UUID, decision: Decision) -> None:
    """Move the money out of `from_account`, where amount and fee are, to all who get a share.

    The fee is borne by the shares in proportion: that of a share that waits, waits with it.
    """
    crowd = division.crowd
    fees = split(crowd.fee, [share.amount for share in division.shares])
    moved: dict[UUID, Decimal] = {}
    gets: dict[UUID, _Gets] = {}
    taken = zip(division.shares, division.targets, fees, strict=True)
    for position, (share, target, fee) in enumerate(taken):
        worth = Worth(share.amount, crowd.currency, share.amount, crowd.currency, fee)
        if isinstance(target, Payee):
            payment, holding = _held(state, division, share, target, worth)
            decision.holdings.append(holding)
            _add(moved, holding.account_id, worth.total)
        else:
            payment = _paid(state, division, target, worth)
            _add(moved, _wallet(state, target, crowd), worth.amount)
            _add(moved, state.accounts[PRODUCT, FEES_ACCOUNT, crowd.currency], fee)
        got = gets.get(_id(target), _Gets(target, payment, Decimal(0)))
        gets[_id(target)] = got._replace(amount=EXACT.add(got.amount, share.amount))
        decision.payments.append(payment)
        decision.shares.append(
            ShareRow(payment.id, crowd.id, position, share.role, share.percentage, share.recipient)
        )
    total = EXACT.add(crowd.amount, crowd.fee)
    legs = (Leg(from_account, -total), *(Leg(id_, amount) for id_, amount in moved.items()))
    state.book.post(Transfer(uuid7(), "crowd", f"{crowd.id}:pay", legs))
    for got in gets.values():
        # Of what is less than the smallest coin nobody is told.
        if round_to_currency(got.amount, crowd.currency):
            _tell(state, division, got, decision)


def _id(target: Recipient | Payee) -> UUID:
    return target.id if isinstance(target, Payee) else target.user_id


def _add(moved: dict[UUID, Decimal], account_id: UUID, amount: Decimal) -> None:
    moved[account_id] = EXACT.add(moved.get(account_id, Decimal(0)), amount)


def _wallet(state: State, recipient: Recipient, crowd: CrowdPayment) -> UUID:
    return state.accounts[recipient.wallet_id, WALLET_ACCOUNT, crowd.currency]


def _held(
    state: State, division: Division, share: PlannedShare, payee: Payee, worth: Worth
) -> tuple[Payment, Holding]:
    """A share that waits until somebody has proven the address."""
    crowd = division.crowd
    wallet = state.accounts[crowd.funding_source_id, WALLET_ACCOUNT, crowd.currency]
    holding = making.hold(
        state.book,
        worth,
        payee=payee,
        payment_id=uuid7(),
        transaction_id=uuid7(),
        returns_to=crowd.funding_source_id,
        return_account_id=wallet,
        kind="share",
        waits_for=UNCLAIMED_FOR,
        now=state.now,
    )
    unknown = Participant(
        id=uuid7(),
        user_id=None,
        parent_user_id=None,
        status="pending",
        full_name=share.name,
        username="",
        verified=False,
        official=False,
        meta="",
    )
    return _payment(state, division, unknown, worth, holding=holding), holding


def _paid(state: State, division: Division, recipient: Recipient, worth: Worth) -> Payment:
    """A share of somebody who has a wallet here."""
    known = making.participant_of(recipient, "paid", meta="")
    return _payment(state, division, known, worth, wallet_id=recipient.wallet_id)


def _payment(
    state: State,
    division: Division,
    participant: Participant,
    worth: Worth,
    *,
    holding: Holding | None = None,
    wallet_id: UUID | None = None,
) -> Payment:
    is_done = holding is None
    return Payment(
        id=uuid7() if holding is None else holding.object_id,
        kind="payment",
        owner_id=division.crowd.owner_id,
        funding_source_id=division.crowd.funding_source_id,
        amount=worth.amount,
        fee=worth.fee,
        currency=worth.currency,
        source_amount=worth.source_amount,
        source_currency=worth.source_currency,
        exchange_rate=None,
        refunded=Decimal(0),
        description=division.title,
        meta="",
        status="closed" if is_done else "open",
        fulfillment_status="fulfilled" if is_done else "unfulfilled",
        recipient=participant,
        payee_id=None if holding is None else holding.payee_id,
        transaction_id=uuid7() if holding is None else holding.transaction_id,
        in_funding_source_id=wallet_id,
        holding=holding,
        error_code="",
        expires_at=None if holding is None else holding.expires_at,
        created_at=state.now,
        updated_at=state.now,
    )


def _tell(state: State, division: Division, got: _Gets, decision: Decision) -> None:
    """Tell somebody of all that they get, in however many shares."""
    money = Money(got.amount, division.crowd.currency)
    if isinstance(got.target, Payee):
        _tell_payee(state, division, got.target, money, decision)
        return
    decision.events.append(
        making.arrived(
            "payment",
            user_id=got.target.user_id,
            object_id=got.first.id,
            payer_id=division.crowd.owner_id,
            amount=money,
            payer=division.crowd.owner_name,
            description=division.title,
        )
    )


def _tell_payee(
    state: State, division: Division, payee: Payee, money: Money, decision: Decision
) -> None:
    """Tell an address that money waits, unless it has been told enough today.

    Whoever has a profile somewhere else cannot be written to there.
    """
    if payee.kind == "profile":
        return
    told = payees.told(state.payees[payee.kind, payee.address], now=state.now)
    if told is None:
        return
    state.payees[payee.kind, payee.address] = decision.told[payee.id] = told
    decision.notices.append(
        Notice(
            payee=told,
            money=money,
            payer_name=division.crowd.owner_name,
            title=division.title,
            expires_at=state.now + UNCLAIMED_FOR,
            claim_url=division.claim_url,
        )
    )
