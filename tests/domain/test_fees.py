"""What is charged, and which fee files are taken."""

import asyncio
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.money import EUR, JPY
from whipround.db.database import Database
from whipround.domain import fx
from whipround.domain.fees import (
    FeeRule,
    FeeRules,
    Tariff,
    charge,
    find,
    read_file,
    replace,
    replace_rules,
    rules,
)
from whipround.errors import Invalid
from whipround.money import LARGEST, Money, fits_currency


def _rule(**given: Any) -> FeeRule:
    said: dict[str, Any] = {
        "kind": "payment",
        "funding_source_type": "virtual",
        "currency": "EUR",
        "title": "Fee",
        "percent": Decimal(0),
        "fixed": Decimal(0),
        "minimum": Decimal(0),
        "maximum": None,
    }
    amounts = {
        name: Decimal(value) if value else value
        for name, value in given.items()
        if name in ("percent", "fixed", "minimum", "maximum")
    }
    return FeeRule(**{**said, **given, **amounts})


def _by_kind(*found: FeeRule) -> FeeRules:
    return {(rule.kind, rule.funding_source_type, rule.currency): rule for rule in found}


# Charging.


@pytest.mark.parametrize(
    ("rule", "amount", "fee"),
    [
        ({"percent": "2.5"}, "20.00", "0.50"),
        ({"percent": "2.5", "fixed": "0.10"}, "20.00", "0.60"),
        ({"fixed": "0.25"}, "20.00", "0.25"),
        ({"percent": "1", "minimum": "0.50"}, "20.00", "0.50"),
        ({"percent": "1", "minimum": "0.50"}, "80.00", "0.80"),
        ({"percent": "1", "maximum": "0.75"}, "80.00", "0.75"),
        ({"percent": "1", "fixed": "1.00", "maximum": "1.10"}, "20.00", "1.10"),
        ({"percent": "10", "maximum": "0"}, "20.00", "0"),
        # Halves of a cent go to the even one.
        ({"percent": "2.5"}, "0.20", "0.00"),
        ({"percent": "2.5"}, "0.60", "0.02"),
        ({"percent": "2.5"}, "1.00", "0.02"),
        ({}, "20.00", "0"),
    ],
)
def test_charge(rule: dict[str, str], amount: str, fee: str) -> None:
    assert charge(_rule(**rule), EUR(amount)) == EUR(fee)


def test_a_currency_without_decimals_gets_none() -> None:
    assert charge(_rule(percent="2.5", currency="JPY"), JPY("500")) == JPY("12")


def test_the_rule_of_this_kind_currency_and_nearest_type_counts() -> None:
    found = _by_kind(
        _rule(percent="1"),
        _rule(percent="2", currency="MXN"),
        _rule(percent="3", funding_source_type="card"),
        _rule(percent="4", funding_source_type="gold_card"),
        _rule(percent="5", kind="withdrawal"),
    )

    def ask(kind: str, types: tuple[str, ...], currency: str = "EUR") -> Decimal | None:
        rule = find(found, kind=kind, types=types, currency=currency)
        return None if rule is None else rule.percent

    assert ask("payment", ("virtual", "virtual")) == 1
    assert ask("payment", ("virtual", "virtual"), "MXN") == 2
    assert ask("payment", ("silver_card", "card")) == 3
    assert ask("payment", ("gold_card", "card")) == 4
    assert ask("withdrawal", ("virtual", "virtual")) == 5
    assert ask("withdrawal", ("virtual", "virtual"), "MXN") is None
    assert ask("top_up", ("card", "card")) is None


PARTS = st.decimals(min_value=0, max_value=10**9, places=2)
RULES = st.builds(
    lambda percent, fixed, bounds, has_maximum: _rule(
        percent=percent,
        fixed=fixed,
        minimum=min(bounds),
        maximum=max(bounds) if has_maximum else None,
    ),
    st.decimals(min_value=0, max_value=100, places=9),
    PARTS,
    st.tuples(PARTS, PARTS),
    st.booleans(),
)
AMOUNTS = st.decimals(min_value="0.01", max_value=LARGEST, places=2)


def _exactly(rule: FeeRule, amount: Decimal) -> Fraction:
    """The fee before it is rounded."""
    fee = Fraction(amount) * Fraction(rule.percent) / 100 + Fraction(rule.fixed)
    fee = max(fee, Fraction(rule.minimum))
    return fee if rule.maximum is None else min(fee, Fraction(rule.maximum))


@given(RULES, AMOUNTS)
def test_a_fee_is_the_exact_one_rounded_half_even_once(rule: FeeRule, amount: Decimal) -> None:
    with localcontext(Context(prec=4)):  # of no account
        fee = charge(rule, Money(amount, "EUR"))

    assert fee.currency == "EUR"
    assert fits_currency(fee.amount, "EUR")
    assert Fraction(fee.amount) * 100 == round(_exactly(rule, amount) * 100)


@given(RULES, AMOUNTS, AMOUNTS)
def test_more_never_costs_less(rule: FeeRule, one: Decimal, other: Decimal) -> None:
    less, more = sorted((one, other))

    assert charge(rule, Money(less, "EUR")) <= charge(rule, Money(more, "EUR"))


@given(RULES, AMOUNTS)
def test_a_fee_keeps_to_its_bounds(rule: FeeRule, amount: Decimal) -> None:
    fee = charge(rule, Money(amount, "EUR")).amount

    assert fee >= rule.minimum
    assert rule.maximum is None or fee <= rule.maximum


# Rules in the database.


@pytest.mark.anyio
async def test_rules_are_replaced_as_a_whole(db: Database) -> None:
    first = [_rule(percent="2.5", title="Fee"), _rule(currency="MXN", fixed="5.00", maximum="9")]
    second = [_rule(currency="JPY", percent="0.123456789", minimum="1")]

    async with db.transaction() as tx:
        none = await rules(tx)
        await replace_rules(tx, first)
        before = await rules(tx)
        await replace_rules(tx, second)
        after = await rules(tx)

    assert none == {}
    assert before == _by_kind(*first)
    assert after == _by_kind(*second)


@pytest.mark.anyio
async def test_a_tariff_is_for_types_that_there_are(db: Database) -> None:
    good = Tariff([_rule(funding_source_type="standard_credit_card")], Decimal("1.5"))
    wrong = [
        _rule(funding_source_type="gold_card"),
        _rule(kind="top_up"),
        _rule(kind="withdrawal", funding_source_type="savings_account"),
        _rule(funding_source_type="crypto_address"),
        _rule(),
        _rule(funding_source_type="cash"),
    ]

    async with db.transaction() as tx:
        await replace(tx, good)
        with pytest.raises(Invalid) as caught:
            await replace(tx, Tariff(wrong, Decimal(2)))
        there, spread = await rules(tx), await fx.read_spread(tx)

    assert {(error.field, error.code) for error in caught.value.errors} == {
        ("fee.0.funding_source_type", "not_found"),
        ("fee.1.funding_source_type", "unsupported"),
        ("fee.2.funding_source_type", "unsupported"),
        ("fee.3.funding_source_type", "unsupported"),
        ("fee.5.funding_source_type", "not_found"),
    }
    assert there == _by_kind(*good.rules)
    assert spread == Decimal("1.5")


@pytest.mark.anyio
async def test_two_loads_at_once_come_one_after_the_other(db: Database) -> None:
    async def load(percent: str) -> None:
        async with db.transaction() as tx:
            await replace(tx, Tariff([_rule(percent=percent)], Decimal(percent)))

    await asyncio.gather(*(load(percent) for percent in "12345678"))

    async with db.transaction() as tx:
        [rule] = (await rules(tx)).values()
        assert rule.percent == await fx.read_spread(tx)


# Files.

HEAD = '[[fee]]\nkind = "payment"\nfunding_source_type = "virtual"\ncurrency = "EUR"\n'


def _errors(path: Path) -> set[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        read_file(path)
    return {(error.field, error.code) for error in caught.value.errors}


def _file(folder: Path, *lines: str) -> Path:
    path = folder / "fees.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_file_of_rules(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        HEAD,
        'title = "Gebühr"\npercent = 2.5\nfixed = 0.10\nminimum = "0.20"\nmaximum = 5\n',
        HEAD.replace("EUR", "JPY"),
        "[exchange]\nspread_percent = 1.25",
    )

    assert read_file(path) == Tariff(
        [
            _rule(title="Gebühr", percent="2.5", fixed="0.10", minimum="0.20", maximum="5"),
            _rule(currency="JPY"),
        ],
        Decimal("1.25"),
    )


def test_an_empty_file_has_no_rules_and_no_spread(tmp_path: Path) -> None:
    assert read_file(_file(tmp_path, "# no fees")) == Tariff([], Decimal(0))


def test_a_number_in_a_file_is_exact(tmp_path: Path) -> None:
    [rule] = read_file(_file(tmp_path, HEAD, "percent = 0.1")).rules

    assert str(rule.percent) == "0.1"


@pytest.mark.parametrize(
    ("line", "field", "code"),
    [
        ('currency = "eur"', "currency", "invalid"),
        ('currency = "BTC"', "currency", "invalid"),
        ("currency = 1", "currency", "invalid"),
        ('kind = "Payment"', "kind", "invalid"),
        ('kind = ""', "kind", "invalid"),
        ('kind = "payout"', "kind", "invalid"),
        ('funding_source_type = "a card"', "funding_source_type", "invalid"),
        ('title = ""', "title", "invalid"),
        (r'title = "a\u0000b"', "title", "invalid"),
        (r'title = "a\nb"', "title", "invalid"),
        ("percent = -0.1", "percent", "invalid"),
        ("percent = 100.01", "percent", "invalid"),
        ("percent = nan", "percent", "invalid"),
        ("percent = true", "percent", "invalid"),
        ("percent = 0.0000000000001", "percent", "invalid"),
        ("fixed = inf", "fixed", "invalid"),
        ("fixed = -1", "fixed", "invalid"),
        ("fixed = 1e30", "fixed", "invalid"),
        ("fixed = 1_000_000_000_001", "fixed", "invalid"),
        ("fixed = 0.001", "fixed", "too_precise"),
        ("minimum = 0.001", "minimum", "too_precise"),
        ("maximum = 0.001", "maximum", "too_precise"),
        ("minimum = 2\nmaximum = 1.99", "maximum", "too_small"),
        ("percentage = 1", "percentage", "invalid"),
    ],
)
def test_what_is_wrong_with_a_rule(tmp_path: Path, line: str, field: str, code: str) -> None:
    name = line.partition(" ")[0]
    head = "".join(it for it in HEAD.splitlines(keepends=True) if not it.startswith(f"{name} "))

    assert _errors(_file(tmp_path, HEAD, head.replace("payment", "top_up"), line)) == {
        (f"fee.1.{field}", code)
    }


@pytest.mark.parametrize("spread", ["-0.1", "100", "nan", "true", '"a"'])
def test_what_is_no_spread(tmp_path: Path, spread: str) -> None:
    path = _file(tmp_path, f"[exchange]\nspread_percent = {spread}")

    assert _errors(path) == {("exchange.spread_percent", "invalid")}


def test_every_wrong_entry_is_named_at_once(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        HEAD,
        "percent = -1",
        HEAD.replace("EUR", "JPY"),
        "fixed = 0.5\nminimum = 2\nmaximum = 1",
        "[[fee]]",
        "[exchange]\nspread = 1",
    )

    assert _errors(path) == {
        ("fee.0.percent", "invalid"),
        ("fee.1.fixed", "too_precise"),
        ("fee.1.maximum", "too_small"),
        ("fee.2.kind", "invalid"),
        ("fee.2.funding_source_type", "invalid"),
        ("fee.2.currency", "invalid"),
        ("exchange.spread", "invalid"),
    }


def test_a_rule_may_not_be_repeated(tmp_path: Path) -> None:
    path = _file(tmp_path, HEAD, HEAD.replace("EUR", "MXN"), HEAD, HEAD)

    assert _errors(path) == {("fee.2", "already_taken"), ("fee.3", "already_taken")}


@pytest.mark.parametrize(
    "content",
    [
        b"fee = ",
        b"\xff\xfe",
        b"[[fee]",
        b"fee = 3",
        b"[fees]",
        pytest.param(b"fee = " + b"9" * 5000, id="more digits than Python reads"),
        b"fee = 1e99999999999999999999",
    ],
)
def test_what_is_no_fee_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "fees.toml"
    path.write_bytes(content)

    [(field, code)] = _errors(path)

    assert field in {"fees.toml", "fee", "fees"}
    assert code == "invalid"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        read_file(tmp_path / "fees.toml")
