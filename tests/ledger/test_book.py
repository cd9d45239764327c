"""The book by itself: what is posted balances, keeps to the floors, and happens wholly or not."""

from collections.abc import Sequence
from decimal import Decimal, Inexact
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from tests.ledger.books import moving, transfer
from whipround.ledger.accounts import Account, NewAccount
from whipround.ledger.transfers import Book, InsufficientFunds, Leg, Transfer, Unbalanced

WORLD, ANN, BEN, PESOS = (UUID(int=number) for number in range(1, 5))
ALL = (WORLD, ANN, BEN, PESOS)


def _book(ann: str = "10.00", ben: str = "0.00", *, floor: str | None = "0") -> Book:
    least = None if floor is None else Decimal(floor)
    return Book(
        [
            Account(WORLD, "EUR", Decimal("-10.00"), None, 1),
            Account(ANN, "EUR", Decimal(ann), least, 1),
            Account(BEN, "EUR", Decimal(ben), Decimal(0), 0),
            Account(PESOS, "MXN", Decimal("100.00"), Decimal(0), 1),
        ]
    )


def _balances(book: Book) -> list[Decimal]:
    return [book.balance(account) for account in ALL]


def test_postings_move_the_balances_in_order() -> None:
    book = _book()

    book.post(moving("10.00", source=ANN, target=BEN))
    book.post(moving("4.00", source=BEN, target=ANN))

    assert _balances(book)[1:3] == [Decimal("4.00"), Decimal("6.00")]


def test_what_arrived_before_can_be_spent_and_not_what_arrives_after() -> None:
    early, late = _book(), _book()
    to_ben = moving("5.00", source=ANN, target=BEN)
    from_ben = moving("5.00", source=BEN, target=ANN)

    early.post(to_ben)
    early.post(from_ben)
    with pytest.raises(InsufficientFunds):
        late.post(from_ben)

    assert _balances(early) == _balances(_book())


def test_the_floor_is_reached_but_not_passed() -> None:
    book = _book("10.00")

    book.post(moving("10.00", source=ANN, target=BEN))
    with pytest.raises(InsufficientFunds):
        book.post(moving("0.00000001", source=ANN, target=BEN))

    assert _balances(book)[1:3] == [Decimal(0), Decimal(10)]


def test_the_outside_world_has_no_floor() -> None:
    book = _book()

    book.post(moving("1000000000000", source=WORLD, target=ANN))

    assert book.balance(WORLD) == Decimal("-1000000000010.00")


def test_an_account_below_a_floor_that_was_raised_receives_but_does_not_pay() -> None:
    book = _book("10.00", "50.00", floor="20.00")

    with pytest.raises(InsufficientFunds):
        book.post(moving("1.00", source=ANN, target=BEN))
    book.post(moving("5.00", source=BEN, target=ANN))

    assert book.balance(ANN) == Decimal("15.00")


def test_only_the_sum_of_an_accounts_legs_counts_for_its_floor() -> None:
    book = _book("10.00")

    book.post(transfer((ANN, "-15.00"), (BEN, "10.00"), (ANN, "5.00")))

    assert _balances(book)[1:3] == [Decimal(0), Decimal(10)]


def test_legs_of_zero_are_nothing() -> None:
    book = _book()

    book.post(transfer((ANN, "-1.00"), (BEN, "1.00"), (PESOS, "0.00")))
    with pytest.raises(Unbalanced):
        book.post(transfer((ANN, "0"), (BEN, "0.00")))

    assert book.balance(PESOS) == Decimal("100.00")


@pytest.mark.parametrize(
    "legs",
    [
        [],
        [(ANN, "0")],
        [(WORLD, "-1.00")],
        [(WORLD, "-1.00"), (ANN, "0.99")],
        [(WORLD, "-1.00"), (ANN, "1.00"), (BEN, "0.00000001")],
        [(ANN, "-1.00"), (PESOS, "1.00")],
        [(ANN, "-1.00"), (PESOS, "1.00"), (BEN, "1.00"), (PESOS, "-2.00")],
    ],
)
def test_what_does_not_sum_to_zero_per_currency_is_refused(legs: list[tuple[UUID, str]]) -> None:
    book = _book()

    with pytest.raises(Unbalanced):
        book.post(transfer(*legs))

    assert _balances(book) == _balances(_book())


def test_an_amount_finer_than_the_ledger_is_refused() -> None:
    book = _book()

    with pytest.raises(Inexact):
        book.post(moving("0.000000001", source=ANN, target=BEN))

    assert _balances(book) == _balances(_book())


def test_two_currencies_each_sum_to_zero() -> None:
    euros, pesos = UUID(int=11), UUID(int=12)
    ben = UUID(int=13)
    book = _book()
    book.add(
        [
            Account(euros, "EUR", Decimal(0), None, 0),
            Account(pesos, "MXN", Decimal(0), None, 0),
            Account(ben, "MXN", Decimal(0), Decimal(0), 0),
        ]
    )

    book.post(transfer((ANN, "-1.00"), (euros, "1.00"), (pesos, "-20.50"), (ben, "20.50")))

    assert [book.balance(it) for it in (euros, pesos, ben)] == [
        Decimal("1.00"),
        Decimal("-20.50"),
        Decimal("20.50"),
    ]


def test_an_account_opened_in_the_book_begins_empty_and_has_its_floor() -> None:
    book = _book()
    opened = book.open(NewAccount(uuid7(), "holding", "EUR"))

    book.post(moving("3.00", source=ANN, target=opened))
    with pytest.raises(InsufficientFunds):
        book.post(moving("3.01", source=opened, target=BEN))

    assert book.balance(opened) == Decimal("3.00")


AMOUNTS = st.decimals(min_value=-20, max_value=20, places=2)
LEGS = st.lists(st.tuples(st.sampled_from([WORLD, ANN, BEN]), AMOUNTS), min_size=1, max_size=4)


@given(st.lists(st.tuples(LEGS, st.sampled_from([WORLD, ANN, BEN, None])), max_size=20))
def test_whatever_is_posted_money_is_conserved_and_floors_hold(
    attempts: Sequence[tuple[list[tuple[UUID, Decimal]], UUID | None]],
) -> None:
    book = _book()
    total = sum(_balances(book))
    for number, (legs, remainder_to) in enumerate(attempts):
        before = _balances(book)
        made = [Leg(account, amount) for account, amount in legs]
        if remainder_to is not None:
            made.append(Leg(remainder_to, -sum((amount for _, amount in legs), Decimal(0))))
        posted = Transfer(uuid7(), "test", str(number), tuple(made))

        try:
            book.post(posted)
        except (Unbalanced, InsufficientFunds):
            assert _balances(book) == before
        else:
            moved = dict(zip(ALL, before, strict=True))
            for leg in made:
                moved[leg.account_id] += leg.amount
            assert _balances(book) == list(moved.values())

        assert sum(_balances(book)) == total
        assert min(book.balance(ANN), book.balance(BEN)) >= 0
