"""Payments that only the outside can move, and those that convert, without a database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.payments.test_decide import (
    ANN,
    BEN,
    FREE,
    GONE,
    NOON,
    RIGHT,
    TEN,
    USUAL,
    WRONG,
    order,
    wallet,
)
from tests.money import EUR, MXN
from whipround.domain.credentials import InvalidPin
from whipround.domain.fees import FeeRule
from whipround.domain.funding.reading import FundingSourceDisabled
from whipround.domain.funding.wallet import (
    BANK_ACCOUNT,
    CARD,
    CLEARING_ACCOUNT,
    CRYPTO_ADDRESS,
    FEES_ACCOUNT,
    POSITION_ACCOUNT,
    WALLET,
    WALLET_ACCOUNT,
)
from whipround.domain.fx import Rate, RateMissing, RatesStale
from whipround.domain.limits import LimitExceeded, LimitRule, Limits, Usage
from whipround.domain.payments.commands import (
    MOST_DECLINED,
    MOST_WAITING,
    NoSuchDestination,
    PaidToOneself,
    Pay,
    Payment,
    Processing,
    TooManyDeclined,
    TooManyWaiting,
    UnknownFundingSource,
    UnsupportedFundingSource,
)
from whipround.domain.payments.decide import decide
from whipround.domain.payments.state import Decision, Source, State
from whipround.domain.quotes import Prices, quote
from whipround.domain.relationships import Blocked
from whipround.errors import DomainError, Invalid
from whipround.ledger.accounts import PRODUCT, Account
from whipround.ledger.transfers import InsufficientFunds
from whipround.money import Money

CARD_OF_ANN, BANK_OF_ANN, SHUT_BANK, COINS, CARD_OF_BEN = (
    UUID(int=number) for number in range(211, 216)
)
SEALED = b"sealed"

RATES = {name: Rate(name, Decimal(rate), NOON.date()) for name, rate in (("MXN", 20), ("ISK", 145))}


def _rule(kind: str, of: str, fixed: str, currency: str = "EUR") -> FeeRule:
    return FeeRule(kind, of, currency, "Fee", Decimal(1), Decimal(fixed), Decimal(0), None)


FEES = [
    _rule("payment", WALLET, "0"),
    _rule("payment", CARD, "0.50"),
    _rule("top_up", CARD, "0.30"),
    _rule("withdrawal", WALLET, "1.00"),
]
PRICES = Prices(
    {(it.kind, it.funding_source_type, it.currency): it for it in FEES}, RATES, Decimal(2)
)


def _source(id_: UUID, user: UUID, type_: str, *, usable: bool = True) -> Source:
    return Source(id_, user, type_, type_, usable, usable, UUID(int=id_.int + 1000), SEALED)


def outside_state(*limits: LimitRule, prices: Prices = PRICES) -> State:
    """The usual world, with cards, bank accounts, fees, rates and accounts to convert by."""
    state = USUAL.state()
    state.prices = prices
    state.limits = Limits(
        [[getattr(rule, name) for name in LimitRule.__slots__] for rule in limits]
    )
    made = [
        _source(CARD_OF_ANN, ANN, CARD),
        _source(BANK_OF_ANN, ANN, BANK_ACCOUNT),
        _source(SHUT_BANK, ANN, BANK_ACCOUNT, usable=False),
        _source(COINS, ANN, CRYPTO_ADDRESS),
        _source(CARD_OF_BEN, BEN, CARD),
    ]
    state.sources |= {source.id: source for source in made}
    opened: list[Account] = []
    for number, currency in enumerate(("EUR", "MXN", "ISK")):
        for kind, floor in (
            (CLEARING_ACCOUNT, Decimal(0)),
            (POSITION_ACCOUNT, None),
            (FEES_ACCOUNT, Decimal(0)),
        ):
            name = (PRODUCT, kind, currency)
            if name not in state.accounts:
                account = Account(UUID(int=500 + len(opened)), currency, Decimal(0), floor, 0)
                state.accounts[name] = account.id
                opened.append(account)
        for user in (ANN, BEN):
            name = (wallet(user), WALLET_ACCOUNT, currency)
            if name not in state.accounts:
                id_ = UUID(int=600 + 10 * number + user.int)
                state.accounts[name] = id_
                opened.append(Account(id_, currency, Decimal(0), Decimal(0), 0))
    state.book.add(opened)
    return state


def held(state: State) -> dict[tuple[UUID, str, str], Decimal]:
    """What is in the accounts, by name; nothing of those that are as they were."""
    before = outside_state()
    return {
        name: state.book.balance(id_) - before.book.balance(id_)
        for name, id_ in state.accounts.items()
        if state.book.balance(id_) != before.book.balance(id_)
    }


def by_card(to: Any = BEN, amount: Money = TEN, **given: Any) -> Pay:
    """An order to pay from Ann's card."""
    return order(ANN, to, amount, source=CARD_OF_ANN)._replace(**given)


def withdrawal(amount: Money = TEN, to: UUID = BANK_OF_ANN, **given: Any) -> Pay:
    """An order to pay out, from Ann's wallet to her bank."""
    return order(ANN, amount=amount)._replace(
        recipient_user_id=None, recipient_source_id=to, **given
    )


def done(state: State, pay: Pay) -> tuple[Decision, Payment | Processing | DomainError]:
    """The decision about one order, and its outcome."""
    decision = decide(state, [pay])
    [outcome] = decision.outcomes
    return decision, outcome


def processing(state: State, pay: Pay) -> Processing:
    """What the outside is to be asked for an order, which nobody is told of yet."""
    decision, outcome = done(state, pay)
    assert isinstance(outcome, Processing), outcome
    payment = outcome.payment
    assert decision.payments == [payment]
    assert (decision.holdings, decision.messages, decision.told) == ([], [], {})
    assert decision.events == []
    assert (payment.status, payment.fulfillment_status) == ("open", "unfulfilled")
    assert (payment.recipient.status, payment.expires_at) == ("pending", None)
    assert outcome.call.transaction_id == payment.transaction_id
    assert (outcome.call.status, outcome.sealed) == ("open", SEALED)
    assert outcome.account_id == UUID(int=outcome.call.funding_source_id.int + 1000)
    return outcome


# What only the outside can move.


@pytest.mark.parametrize(
    ("pay", "kind", "total", "arrives_at"),
    [
        pytest.param(by_card(), "payment", "10.60", wallet(BEN), id="to a user"),
        pytest.param(by_card(FREE), "payment", "10.60", None, id="to an address"),
        pytest.param(by_card(ANN), "top_up", "10.40", wallet(ANN), id="to oneself"),
        pytest.param(
            by_card(recipient_user_id=None, recipient_source_id=wallet(ANN)),
            "top_up",
            "10.40",
            wallet(ANN),
            id="into one's wallet",
        ),
        pytest.param(
            by_card(amount=EUR("1000000.00")), "payment", "1010000.50", wallet(BEN), id="much"
        ),
    ],
)
def test_of_what_a_card_pays_nothing_is_here_to_be_moved_yet(
    pay: Pay, kind: str, total: str, arrives_at: UUID | None
) -> None:
    state = outside_state()

    intent = processing(state, pay)

    assert held(state) == {}
    call = intent.call
    assert (call.kind, call.gateway, call.funding_source_id) == ("charge", "cards", CARD_OF_ANN)
    assert (call.amount, call.currency) == (Decimal(total), "EUR")
    assert (intent.payment.kind, intent.payment.in_funding_source_id) == (kind, arrives_at)
    assert (intent.payment.payee_id is None) == (arrives_at is not None)


def test_a_bank_account_is_asked_of_the_banks() -> None:
    intent = processing(outside_state(), by_card()._replace(funding_source_id=BANK_OF_ANN))

    assert (intent.call.gateway, intent.call.amount) == ("banks", Decimal("10.00"))


def test_what_is_paid_out_is_set_aside_with_its_fee() -> None:
    state = outside_state()

    intent = processing(state, withdrawal())

    assert held(state) == {
        (wallet(ANN), WALLET_ACCOUNT, "EUR"): Decimal("-11.10"),
        (PRODUCT, CLEARING_ACCOUNT, "EUR"): Decimal("11.10"),
    }
    call = intent.call
    assert (call.kind, call.gateway, call.funding_source_id) == ("payout", "banks", BANK_OF_ANN)
    assert (call.amount, call.currency) == (Decimal("10.00"), "EUR")
    assert (intent.payment.kind, intent.payment.recipient.user_id) == ("withdrawal", ANN)
    assert intent.payment.in_funding_source_id == BANK_OF_ANN


def test_what_is_set_aside_cannot_be_spent_again() -> None:
    orders = [withdrawal(EUR("90.00")), order(ANN, BEN, EUR("9.00")), withdrawal(EUR("8.00"))]

    outcomes = decide(outside_state(), orders).outcomes

    assert [type(it) for it in outcomes] == [Processing, InsufficientFunds, InsufficientFunds]


# What converts.

CONVERTED = st.builds(
    lambda currency, units: Money(Decimal(units), currency),
    st.sampled_from(["MXN", "ISK"]),
    st.integers(1, 1000),
)


@given(CONVERTED, st.sampled_from(["wallet", "address", "card", "bank"]))
def test_what_converts_is_taken_exactly_as_it_is_quoted(amount: Money, way: str) -> None:
    state = outside_state()
    pay = {
        "wallet": order(amount=amount),
        "address": order(to=FREE, amount=amount),
        "card": by_card(amount=amount),
        "bank": withdrawal(amount),
    }[way]._replace(source_currency="EUR")
    quoted = quote(
        PRICES,
        kind="withdrawal" if way == "bank" else "payment",
        types=(CARD,) if way == "card" else (WALLET,),
        destination=amount,
        source_currency="EUR",
        now=NOON,
    )

    decision, outcome = done(state, pay)

    assert isinstance(outcome, Payment | Processing)
    payment = outcome.payment if isinstance(outcome, Processing) else outcome
    source, fee, total = quoted.amount.amount, quoted.fee.amount, quoted.total.amount
    assert payment.worth == (amount.amount, amount.currency, source, "EUR", fee)
    assert payment.exchange_rate == quoted.exchange_rate
    taken = {(wallet(ANN), WALLET_ACCOUNT, "EUR"): -total}
    converted = {
        (PRODUCT, POSITION_ACCOUNT, "EUR"): source,
        (PRODUCT, POSITION_ACCOUNT, amount.currency): -amount.amount,
    }
    moved: dict[tuple[UUID, str, str], Decimal] = {
        "wallet": {
            **taken,
            **converted,
            (wallet(BEN), WALLET_ACCOUNT, amount.currency): amount.amount,
            (PRODUCT, FEES_ACCOUNT, "EUR"): fee,
        },
        "bank": {
            **taken,
            **converted,
            (PRODUCT, CLEARING_ACCOUNT, amount.currency): amount.amount,
            (PRODUCT, CLEARING_ACCOUNT, "EUR"): fee,
        },
        "address": taken,  # and it waits unconverted
        "card": {},
    }[way]
    assert held(state) == {name: by for name, by in moved.items() if by}
    assert [state.book.balance(it.account_id) for it in decision.holdings] == (
        [total] if way == "address" else []
    )
    for holding in decision.holdings:
        assert holding.worth == payment.worth
    if isinstance(outcome, Processing):
        asked = quoted.total if way == "card" else amount
        assert (outcome.call.amount, outcome.call.currency) == (asked.amount, asked.currency)


@pytest.mark.parametrize(
    ("amount", "rates", "error"),
    [
        (MXN("100.00"), {}, RateMissing),
        (MXN("100.00"), {"MXN": Rate("MXN", Decimal(20), date(2026, 1, 9))}, RatesStale),
        (MXN("2000.00"), RATES, InsufficientFunds),
    ],
)
def test_what_cannot_be_converted_or_paid_moves_nothing(
    amount: Money, rates: dict[str, Rate], error: type[DomainError]
) -> None:
    state = outside_state(prices=replace(PRICES, rates=rates))

    decision, outcome = done(state, order(amount=amount)._replace(source_currency="EUR"))

    assert type(outcome) is error
    assert (held(state), decision.payments) == ({}, [])


# What counts against limits.


def _limit(of: str, direction: Any, amount: str, verified: str | None = None) -> LimitRule:
    return LimitRule(
        id=UUID(int=900),
        title="Daily limit",
        funding_source_type=of,
        currency="EUR",
        direction=direction,
        period="day",
        is_rolling=False,
        amount=Decimal(amount),
        verified_amount=None if verified is None else Decimal(verified),
    )


CARD_OUT, WALLET_IN = _limit(CARD, "out", "21.20", "50"), _limit(WALLET, "in", "15")
WALLET_OUT, BANK_IN = _limit(WALLET, "out", "30"), _limit(BANK_ACCOUNT, "in", "15")


def _used(id_: UUID, direction: Any, amount: str, count: int = 1) -> Usage:
    return Usage(id_, "EUR", direction, NOON.date(), count, Decimal(amount))


@pytest.mark.parametrize(
    ("orders", "outcomes", "used"),
    [
        pytest.param(
            [by_card(), by_card(FREE), by_card(amount=EUR("0.01"))],
            [Processing, Processing, LimitExceeded],
            [_used(CARD_OF_ANN, "out", "21.20", 2)],
            id="with the fee, to the cent",
        ),
        pytest.param(
            [by_card(ANN), by_card(ANN, EUR("6.00")), by_card(amount=EUR("9.00"))],
            [Processing, LimitExceeded, Processing],
            [_used(CARD_OF_ANN, "out", "19.99", 2), _used(wallet(ANN), "in", "10.00")],
            id="out of one and into the other, or neither",
        ),
        pytest.param(
            [withdrawal(), withdrawal(EUR("6.00")), withdrawal(EUR("5.00"))],
            [Processing, LimitExceeded, Processing],
            [_used(wallet(ANN), "out", "17.15", 2), _used(BANK_OF_ANN, "in", "15.00", 2)],
            id="out of the wallet and into the bank",
        ),
        pytest.param(
            [
                by_card(pin=WRONG),
                by_card(GONE),
                order(amount=EUR("100.01")),
                withdrawal(EUR("99.00")),
                order(to=ANN),
            ],
            [InvalidPin, Invalid, InsufficientFunds, InsufficientFunds, Invalid],
            [],
            id="nothing of what is refused",
        ),
        pytest.param(
            [order(to=FREE), order(BEN, ANN, EUR("29.70")), order(BEN, ANN, EUR("0.01"))],
            [Payment, Payment, LimitExceeded],
            [_used(wallet(ANN), "out", "10.10"), _used(wallet(BEN), "out", "30.00")],
            id="what others pay into a wallet is nothing of its own",
        ),
    ],
)
def test_only_what_is_accepted_counts_against_limits(
    orders: Sequence[Pay], outcomes: Sequence[type], used: Sequence[Usage]
) -> None:
    state = outside_state(CARD_OUT, WALLET_IN, WALLET_OUT, BANK_IN)

    made = decide(state, orders).outcomes

    for outcome, kind in zip(made, outcomes, strict=True):
        assert isinstance(outcome, kind)
    assert sorted(state.limits.changed, key=str) == sorted(used, key=str)


def test_people_who_are_verified_have_their_own_limits() -> None:
    state = outside_state(CARD_OUT)
    state.verified = {ANN}
    twice = [by_card(amount=EUR("24.00")), by_card(amount=EUR("24.00")), by_card()]

    outcomes = decide(state, twice).outcomes

    assert [type(it) for it in outcomes] == [Processing, Processing, LimitExceeded]
    assert [it.amount for it in state.limits.changed] == [Decimal("49.48")]


def test_what_was_used_before_counts_as_long_as_the_period_has_it() -> None:
    yesterday = (NOON - timedelta(days=1)).date()
    rows = [(CARD_OF_ANN, "EUR", "out", day, 1, Decimal(20)) for day in (NOON.date(), yesterday)]
    state = outside_state()
    state.limits = Limits([[getattr(CARD_OUT, it) for it in LimitRule.__slots__]], rows)

    _, outcome = done(state, by_card())
    state.limits = Limits([[getattr(CARD_OUT, it) for it in LimitRule.__slots__]], rows[1:])
    _, next_day = done(state, by_card())

    assert isinstance(outcome, LimitExceeded)
    assert isinstance(next_day, Processing)


def test_only_so_many_payments_of_one_wait_however_they_are_paid() -> None:
    state = outside_state()
    state.waiting = {ANN: MOST_WAITING - 2}

    orders = [by_card(FREE), order(to=FREE), order(to=FREE), by_card(FREE), by_card(), order()]
    outcomes = decide(state, orders).outcomes

    assert [type(it) for it in outcomes] == [
        Processing,
        Payment,
        TooManyWaiting,
        TooManyWaiting,
        Processing,
        Payment,
    ]


def test_a_card_that_has_declined_too_often_is_not_asked_any_more() -> None:
    state = outside_state()
    state.sources[CARD_OF_ANN] = replace(state.sources[CARD_OF_ANN], declined=MOST_DECLINED)

    outcomes = decide(state, [by_card(), order()]).outcomes

    assert [type(it) for it in outcomes] == [TooManyDeclined, Payment]


# What is wrong.


@pytest.mark.parametrize(
    ("pay", "error", "fields"),
    [
        (order(source=COINS), UnsupportedFundingSource, {"funding_source_id": "unsupported"}),
        (order(source=CARD_OF_BEN), UnknownFundingSource, {"funding_source_id": "not_found"}),
        (
            withdrawal(to=CARD_OF_BEN),
            NoSuchDestination,
            {"recipient.funding_source_id": "not_found"},
        ),
        (
            withdrawal(to=CARD_OF_ANN),
            NoSuchDestination,
            {"recipient.funding_source_id": "unsupported"},
        ),
        (withdrawal(to=COINS), NoSuchDestination, {"recipient.funding_source_id": "unsupported"}),
        (
            withdrawal(to=wallet(ANN)),
            NoSuchDestination,
            {"recipient.funding_source_id": "invalid"},
        ),
        (
            withdrawal()._replace(funding_source_id=CARD_OF_ANN),
            NoSuchDestination,
            {"recipient.funding_source_id": "unsupported"},
        ),
        (withdrawal(to=SHUT_BANK), FundingSourceDisabled, {}),
        (order(source=SHUT_BANK), FundingSourceDisabled, {}),
        (order(ANN, ANN), PaidToOneself, {"recipient.user_id": "invalid"}),
        (
            order(ANN, GONE, source=COINS),
            Invalid,
            {"funding_source_id": "unsupported", "recipient.user_id": "not_found"},
        ),
        (
            withdrawal(to=CARD_OF_BEN)._replace(funding_source_id=CARD_OF_BEN),
            Invalid,
            {"funding_source_id": "not_found", "recipient.funding_source_id": "not_found"},
        ),
        # A wrong field is told before anything that is merely refused.
        (order(ANN, GONE, source=SHUT_BANK), Invalid, {"recipient.user_id": "not_found"}),
        (order(source=COINS, pin=WRONG), InvalidPin, {}),
    ],
)
def test_what_is_wrong_with_either_side_is_told_together(
    pay: Pay, error: type[DomainError], fields: dict[str, str]
) -> None:
    state = outside_state(CARD_OUT)

    decision, outcome = done(state, pay)

    assert isinstance(outcome, error)
    errors = outcome.errors if isinstance(outcome, Invalid) else []
    assert {it.field: it.code for it in errors} == fields
    assert (held(state), decision.payments, state.limits.changed) == ({}, [], [])


def test_who_is_blocked_is_not_paid_by_card_either() -> None:
    state = outside_state()
    state.blocks = {(BEN, ANN), (ANN, BEN)}

    _, outcome = done(state, by_card(pin=RIGHT))

    assert isinstance(outcome, Blocked)
