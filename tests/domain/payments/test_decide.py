"""Which payments happen, without a database: money is conserved, and nobody spends what is not
theirs, whatever is asked in whatever order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.money import EUR, MXN, new_key, render
from whipround.domain.credentials import PIN_TRIES, InvalidPin, PinState, UserLocked
from whipround.domain.fees import FeeRule
from whipround.domain.funding.reading import FundingSourceDisabled
from whipround.domain.funding.wallet import FEES_ACCOUNT, WALLET_ACCOUNT
from whipround.domain.limits import Limits
from whipround.domain.payees import Address, Payee
from whipround.domain.payments.commands import (
    UNCLAIMED_FOR,
    PaidToOneself,
    Pay,
    Payment,
    Processing,
    RecipientNotFound,
    UnknownFundingSource,
)
from whipround.domain.payments.decide import decide
from whipround.domain.payments.sharing import Shares
from whipround.domain.payments.state import Decision, Recipient, Source, State
from whipround.domain.quotes import Prices
from whipround.domain.relationships import Blocked
from whipround.errors import DomainError, Invalid
from whipround.ledger.accounts import PRODUCT, Account
from whipround.ledger.transfers import Book, InsufficientFunds
from whipround.money import Money

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
ANN, BEN, CAT, GONE, NOBODY = (UUID(int=number) for number in range(1, 6))
PEOPLE = (ANN, BEN, CAT)
"""Who can pay and be paid; GONE is a user who is no longer active, NOBODY is no user."""

_ADDRESSES: tuple[Address, ...] = (
    ("phone", "+447900000001"),
    ("phone", "+447900000002"),
    ("phone", "+447900000003"),
    ("email", "free@example.com"),
)
PROVEN, OF_GONE, FREE, MAIL = _ADDRESSES
RIGHT, WRONG = b"right", b"wrong"
NO_FEE = Decimal(0)


def wallet(user: UUID) -> UUID:
    """The id of the user's wallet."""
    return UUID(int=user.int + 100)


CARD = UUID(int=201)  # Ann's
SHUT = UUID(int=202)  # Cat's
OWNERS = {wallet(ANN): ANN, wallet(BEN): BEN, wallet(CAT): CAT, CARD: ANN, SHUT: CAT}


class World(NamedTuple):
    """What there is before anybody pays."""

    balances: Mapping[UUID, Decimal] = {ANN: Decimal(100), BEN: Decimal(100), CAT: Decimal(100)}
    blocks: frozenset[tuple[UUID, UUID]] = frozenset()
    failures: int = 0
    fixed: Decimal = NO_FEE
    percent: Decimal = NO_FEE

    def state(self) -> State:
        """The world as a batch has read it."""
        accounts = {(PRODUCT, FEES_ACCOUNT, "EUR"): UUID(int=300)}
        opened = [Account(UUID(int=300), "EUR", Decimal(0), Decimal(0), 0)]
        for user, balance in self.balances.items():
            account = Account(UUID(int=user.int + 300), "EUR", balance, Decimal(0), 1)
            accounts[wallet(user), WALLET_ACCOUNT, "EUR"] = account.id
            opened.append(account)
        payees: dict[Address, Payee] = {
            PROVEN: Payee(UUID(int=401), *PROVEN, BEN),
            OF_GONE: Payee(UUID(int=402), *OF_GONE, GONE),
            FREE: Payee(UUID(int=403), *FREE, None),
            MAIL: Payee(UUID(int=404), *MAIL, None),
        }
        rule = FeeRule(
            "payment", "virtual", "EUR", "Fee", self.percent, self.fixed, Decimal(0), None
        )
        return State(
            now=NOON,
            pins={user: PinState(RIGHT, self.failures, 0, None) for user in PEOPLE},
            sources={id_: _source(id_, user) for id_, user in OWNERS.items()},
            recipients={user: _recipient(user) for user in PEOPLE},
            payees=payees,
            shares=Shares(),
            blocks={*self.blocks, *((other, one) for one, other in self.blocks)},
            verified=set(),
            prices=Prices({("payment", "virtual", "EUR"): rule}, {}, Decimal(0)),
            limits=Limits(()),
            waiting={},
            accounts=accounts,
            book=Book(opened),
        )


USUAL = World()
TEN = EUR("10.00")


def _source(id_: UUID, user: UUID) -> Source:
    type_ = "card" if id_ == CARD else "virtual"
    return Source(id_, user, type_, type_, id_ not in {SHUT, CARD}, True, None, None)


def _recipient(user: UUID) -> Recipient:
    name = f"user{user.int}"
    return Recipient(user, None, wallet(user), name, name, False, False)


def order(
    payer: UUID = ANN,
    to: UUID | Address = BEN,
    amount: Money = TEN,
    *,
    source: UUID | None = None,
    pin: bytes = RIGHT,
) -> Pay:
    """An order to pay."""
    return Pay(
        key=new_key(),
        payer_id=payer,
        payer_name="Payer",
        pin=pin,
        funding_source_id=source or wallet(payer),
        recipient_user_id=to if isinstance(to, UUID) else None,
        recipient_address=None if isinstance(to, UUID) else to,
        recipient_name="Somebody",
        recipient_meta="their meta",
        amount=amount,
        source_currency=amount.currency,
        description="Lunch",
        meta="my meta",
        render=render,
    )


def _one(pay: Pay, world: World = USUAL) -> Payment | DomainError:
    [outcome] = decide(world.state(), [pay]).outcomes
    assert not isinstance(outcome, Processing)
    return outcome


# One by one.


def test_a_payment_to_a_user_is_done_at_once() -> None:
    state = World(percent=Decimal("2.5"), fixed=Decimal("0.10")).state()

    decision = decide(state, [order(amount=EUR("20.00"))])

    [payment] = decision.outcomes
    assert isinstance(payment, Payment)
    assert decision.payments == [payment]
    assert decision.holdings == []
    assert decision.pins == {}
    assert (payment.amount, payment.fee, payment.currency) == (Decimal(20), Decimal("0.60"), "EUR")
    assert (payment.status, payment.fulfillment_status) == ("closed", "fulfilled")
    assert (payment.recipient.user_id, payment.recipient.status) == (BEN, "paid")
    assert (payment.in_funding_source_id, payment.expires_at) == (wallet(BEN), None)
    assert (payment.meta, payment.recipient.meta) == ("my meta", "their meta")
    assert _balances(state) == {
        ANN: Decimal("79.40"),
        BEN: Decimal(120),
        CAT: Decimal(100),
        PRODUCT: Decimal("0.60"),
    }
    [event] = decision.events
    assert event[:4] == (BEN, "payment_received", payment.id, ANN)
    assert (event.data["amount"], event.data["payer"]) == ("20.00", "Payer")


@pytest.mark.parametrize(("address", "channel"), [(FREE, "sms"), (MAIL, "email")])
def test_a_payment_to_a_free_address_waits_with_its_fee(address: Address, channel: str) -> None:
    state = World(fixed=Decimal("0.50")).state()

    decision = decide(state, [order(to=address, amount=EUR("20.00"))])

    [payment] = decision.outcomes
    assert isinstance(payment, Payment)
    [holding] = decision.holdings
    assert payment.holding == holding
    assert (payment.status, payment.fulfillment_status) == ("open", "unfulfilled")
    assert (payment.recipient.user_id, payment.recipient.status) == (None, "pending")
    assert payment.recipient.full_name == "Somebody"
    assert payment.expires_at == holding.expires_at == NOON + UNCLAIMED_FOR
    assert (holding.amount, holding.fee, holding.status) == (Decimal(20), Decimal("0.50"), "held")
    assert (holding.source_id, holding.object_id) == (wallet(ANN), payment.id)
    assert state.book.balance(holding.account_id) == Decimal("20.50")
    assert _balances(state)[PRODUCT] == 0
    [message] = decision.messages
    assert (message.kind, message.channel, message.recipient) == (
        "payment_waiting",
        channel,
        address[1],
    )


def test_a_proven_address_is_its_user() -> None:
    payment = _one(order(to=PROVEN))

    assert isinstance(payment, Payment)
    assert (payment.recipient.user_id, payment.holding) == (BEN, None)


def test_all_of_a_wallet_can_be_spent_but_for_the_fee() -> None:
    world = World(fixed=Decimal("0.50"))

    assert isinstance(_one(order(amount=EUR("99.50")), world), Payment)
    assert isinstance(_one(order(amount=EUR("99.51")), world), InsufficientFunds)


@pytest.mark.parametrize(
    ("pay", "error", "field"),
    [
        (order(pin=WRONG), InvalidPin, None),
        (order(amount=EUR("100.01")), InsufficientFunds, None),
        (order(amount=MXN("1.00")), InsufficientFunds, None),
        (order(to=NOBODY), RecipientNotFound, "recipient.user_id"),
        (order(to=GONE), RecipientNotFound, "recipient.user_id"),
        (order(to=OF_GONE), RecipientNotFound, "recipient.phone"),
        (order(to=ANN), PaidToOneself, "recipient.user_id"),
        (order(BEN, PROVEN), PaidToOneself, "recipient.phone"),
        (order(source=NOBODY), UnknownFundingSource, "funding_source_id"),
        (order(source=wallet(BEN)), UnknownFundingSource, "funding_source_id"),
        (order(CAT, source=SHUT), FundingSourceDisabled, None),
        (order(source=CARD), FundingSourceDisabled, None),
    ],
)
def test_what_is_declined(pay: Pay, error: type[DomainError], field: str | None) -> None:
    outcome = _one(pay)

    assert type(outcome) is error
    fields = [it.field for it in getattr(outcome, "errors", [])]
    assert fields == ([] if field is None else [field])


@pytest.mark.parametrize("blocks", [{(ANN, BEN)}, {(BEN, ANN)}])
@pytest.mark.parametrize("to", [BEN, PROVEN])
def test_who_is_blocked_either_way(blocks: set[tuple[UUID, UUID]], to: UUID | Address) -> None:
    world = World(blocks=frozenset(blocks))

    assert isinstance(_one(order(to=to), world), Blocked)
    assert isinstance(_one(order(to=CAT), world), Payment)


def test_a_wrong_pin_tells_nothing_of_the_rest() -> None:
    for pay in (
        order(to=NOBODY, pin=WRONG),
        order(source=NOBODY, pin=WRONG),
        order(amount=EUR("1000.00"), pin=WRONG),
    ):
        assert isinstance(_one(pay), InvalidPin)


def test_wrong_pins_lock_the_payer_within_a_batch() -> None:
    wrong = [order(pin=WRONG) for _ in range(PIN_TRIES)]

    decision = decide(World().state(), [*wrong, order(), order(BEN, CAT)])

    kinds = [type(outcome) for outcome in decision.outcomes]
    assert kinds == [InvalidPin] * PIN_TRIES + [UserLocked, Payment]
    assert set(decision.pins) == {ANN}
    assert decision.pins[ANN].locked_until is not None


def test_a_right_pin_forgets_the_wrong_ones() -> None:
    decision = decide(World(failures=PIN_TRIES - 1).state(), [order(), order(pin=WRONG)])

    assert [type(outcome) for outcome in decision.outcomes] == [Payment, InvalidPin]
    assert decision.pins == {ANN: PinState(RIGHT, 1, 0, None)}


def test_a_wrong_pin_after_a_right_one_in_a_batch_counts_from_nothing() -> None:
    state = World(failures=1).state()

    decision = decide(state, [order()])

    assert decision.pins == {ANN: PinState(RIGHT, 0, 0, None)}


def test_money_that_arrives_can_be_spent_by_a_later_command_only() -> None:
    world = World(balances={ANN: Decimal(10), BEN: Decimal(0)})
    there, back = order(ANN, BEN), order(BEN, ANN)

    assert [type(it) for it in decide(world.state(), [there, back]).outcomes] == [Payment] * 2
    assert [type(it) for it in decide(world.state(), [back, there]).outcomes] == [
        InsufficientFunds,
        Payment,
    ]


# Whatever is asked.

AMOUNTS = st.decimals(min_value="0.01", max_value=60, places=2)
WORLDS = st.builds(
    World,
    balances=st.fixed_dictionaries(
        {user: st.decimals(min_value=0, max_value=100, places=8) for user in PEOPLE}
    ),
    blocks=st.frozensets(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE)), max_size=2),
    failures=st.integers(0, PIN_TRIES - 1),
    fixed=st.sampled_from([NO_FEE, Decimal("0.25")]),
    percent=st.sampled_from([NO_FEE, Decimal("2.5")]),
)
ORDERS = st.lists(
    st.builds(
        order,
        st.sampled_from(PEOPLE),
        st.sampled_from([*PEOPLE, GONE, NOBODY, PROVEN, OF_GONE, FREE, MAIL]),
        AMOUNTS.map(lambda amount: Money(amount, "EUR")),
        source=st.sampled_from([None, None, None, None, *OWNERS, NOBODY]),
        pin=st.sampled_from([RIGHT] * 5 + [WRONG]),
    ),
    max_size=25,
)


def _balances(state: State) -> dict[UUID, Decimal]:
    """What everybody holds after the decision; the product, its fees."""
    owners = {wallet(user): user for user in PEOPLE} | {PRODUCT: PRODUCT}
    return {
        owners[owner]: state.book.balance(account)
        for (owner, _, _), account in state.accounts.items()
    }


def _held(state: State, decision: Decision) -> Decimal:
    return sum((state.book.balance(it.account_id) for it in decision.holdings), Decimal(0))


@given(WORLDS, ORDERS)
def test_money_is_conserved_and_nobody_falls_below_nothing(
    world: World, orders: Sequence[Pay]
) -> None:
    state = world.state()

    decision = decide(state, orders)

    after = _balances(state)
    assert sum(after.values()) + _held(state, decision) == sum(world.balances.values())
    assert min(after.values()) >= 0
    assert all(state.book.balance(it.account_id) == it.worth.total for it in decision.holdings)


@given(WORLDS, ORDERS)
def test_there_is_one_outcome_per_command_in_order(world: World, orders: Sequence[Pay]) -> None:
    decision = decide(world.state(), orders)

    made = [it for it in decision.outcomes if isinstance(it, Payment)]
    assert len(decision.outcomes) == len(orders)
    assert decision.payments == made
    assert decision.holdings == [it.holding for it in made if it.holding is not None]
    assert len(decision.messages) + len(decision.events) == len(made)
    for pay, outcome in zip(orders, decision.outcomes, strict=True):
        if isinstance(outcome, Payment):
            assert outcome.funding_source_id == pay.funding_source_id
            assert outcome.owner_id == pay.payer_id == OWNERS[pay.funding_source_id]
            assert Money(outcome.amount, outcome.currency) == pay.amount


@given(WORLDS, ORDERS)
def test_a_declined_command_might_as_well_have_asked_for_nothing(
    world: World, orders: Sequence[Pay]
) -> None:
    state, state_without = world.state(), world.state()

    decision = decide(state, orders)
    # The try at the PIN still counts, either way.
    without = [
        pay if isinstance(outcome, Payment) else pay._replace(funding_source_id=NOBODY)
        for pay, outcome in zip(orders, decision.outcomes, strict=True)
    ]
    decision_without = decide(state_without, without)

    assert len(decision_without.payments) == len(decision.payments)
    assert decision_without.pins == decision.pins
    assert _balances(state_without) == _balances(state)
    assert _held(state_without, decision_without) == _held(state, decision)


@dataclass
class Model:
    """The rules once more, as plainly as they can be put."""

    world: World
    money: dict[UUID, Decimal]
    failures: dict[UUID, int]
    locked: set[UUID] = field(default_factory=set)

    def outcome(self, pay: Pay) -> type[Payment | DomainError]:
        """What an order comes to; moves the money."""
        refusal = self._pin(pay)
        if refusal is not None:
            return refusal
        to = pay.recipient_user_id
        if pay.recipient_address is not None:
            to = {PROVEN: BEN, OF_GONE: GONE}.get(pay.recipient_address)
        refusals = [it for it in (self._source(pay), self._recipient(pay, to)) if it]
        invalid = [it for it in refusals if issubclass(it, Invalid)]
        if len(invalid) > 1:
            return Invalid
        if refusals:
            return (invalid or refusals)[0]
        return self._move(pay, to)

    def _recipient(self, pay: Pay, to: UUID | None) -> type[DomainError] | None:
        if to is None:
            return None
        if to == pay.payer_id and pay.funding_source_id != CARD:  # that would be a top-up
            return PaidToOneself
        if to not in PEOPLE:
            return RecipientNotFound
        blocked = {(pay.payer_id, to), (to, pay.payer_id)} & self.world.blocks
        return Blocked if blocked else None

    def _pin(self, pay: Pay) -> type[DomainError] | None:
        if pay.payer_id in self.locked:
            return UserLocked
        if pay.pin == RIGHT:
            self.failures[pay.payer_id] = 0
            return None
        self.failures[pay.payer_id] += 1
        if self.failures[pay.payer_id] == PIN_TRIES:
            self.locked.add(pay.payer_id)
        return InvalidPin

    def _source(self, pay: Pay) -> type[DomainError] | None:
        if OWNERS.get(pay.funding_source_id) != pay.payer_id:
            return UnknownFundingSource
        return FundingSourceDisabled if pay.funding_source_id in (CARD, SHUT) else None

    def _move(self, pay: Pay, to: UUID | None) -> type[Payment | DomainError]:
        cents = pay.amount.amount * self.world.percent + self.world.fixed * 100
        total = pay.amount.amount + Decimal(round(cents)) / 100
        if self.money[pay.payer_id] < total:
            return InsufficientFunds
        self.money[pay.payer_id] -= total
        if to is not None:
            self.money[to] += pay.amount.amount
        return Payment


@given(WORLDS, ORDERS)
def test_each_outcome_is_the_one_the_rules_give(world: World, orders: Sequence[Pay]) -> None:
    state = world.state()
    model = Model(world, dict(world.balances), dict.fromkeys(PEOPLE, world.failures))

    decision = decide(state, orders)

    assert [type(it) for it in decision.outcomes] == [model.outcome(pay) for pay in orders]
    after = _balances(state)
    assert {user: after[user] for user in PEOPLE} == model.money
