"""Which limit files are taken, and how limits are replaced."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from whipround.db.database import Database
from whipround.domain.limit_files import read_file, replace_rules, rules
from whipround.errors import Invalid

HEAD = """
[[limit]]
funding_source_type = "card"
currency = "EUR"
direction = "out"
period = "day"
"""


def _file(folder: Path, *lines: str) -> Path:
    path = folder / "limits.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _errors(path: Path) -> set[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        read_file(path)
    return {(error.field, error.code) for error in caught.value.errors}


def test_a_file_of_limits(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        HEAD,
        'amount = 1000\nverified_amount = "2500.50"\ntitle = "Tageslimit"',
        HEAD.replace('"day"', '"month"'),
        "amount = 5000.10\nverified_unlimited = true\nis_rolling = true",
        HEAD.replace('"day"', '"payment"').replace("EUR", "JPY"),
        "amount = 70",
    )

    day, month, payment = read_file(path)

    assert (day.title, day.amount, day.verified_amount) == (
        "Tageslimit",
        Decimal(1000),
        Decimal("2500.50"),
    )
    assert (month.title, month.amount, month.verified_amount) == ("Limit", Decimal("5000.10"), None)
    assert (day.is_rolling, month.is_rolling, payment.is_rolling) == (False, True, False)
    # Who says nothing of verified people limits them too.
    assert payment.verified_amount == payment.amount == 70


@pytest.mark.parametrize(
    ("lines", "field", "code"),
    [
        ('currency = "eur"', "currency", "invalid"),
        ('funding_source_type = "a card"', "funding_source_type", "invalid"),
        ('direction = "up"', "direction", "invalid"),
        ('period = "year"', "period", "invalid"),
        ('title = ""', "title", "invalid"),
        ("amount = 0", "amount", "invalid"),
        ("amount = inf", "amount", "invalid"),
        ("amount = 0.001", "amount", "too_precise"),
        ("verified_amount = 0.001", "verified_amount", "too_precise"),
        ("verified_amount = 99", "verified_amount", "too_small"),
        ("verified_amount = true", "verified_amount", "invalid"),
        ("verified_unlimited = 1", "verified_unlimited", "invalid"),
        ("verified_amount = 200\nverified_unlimited = true", "verified_unlimited", "invalid"),
        ("is_rolling = 1", "is_rolling", "invalid"),
        ('is_rolling = true\nperiod = "payment"', "is_rolling", "invalid"),
        ("maximum = 1", "maximum", "invalid"),
    ],
)
def test_what_is_wrong_with_a_limit(tmp_path: Path, lines: str, field: str, code: str) -> None:
    good = f"{HEAD}amount = 100\n"
    names = {line.partition(" ")[0] for line in lines.splitlines()}
    kept = [it for it in good.splitlines() if it.partition(" ")[0] not in names]
    path = _file(tmp_path, good.replace("out", "in"), *kept, lines)

    assert _errors(path) == {(f"limit.1.{field}", code)}


def test_every_wrong_entry_is_named_at_once(tmp_path: Path) -> None:
    path = _file(tmp_path, "limits = 1", HEAD, "amount = -1", "[[limit]]")

    assert _errors(path) == {
        ("limits", "invalid"),
        ("limit.0.amount", "invalid"),
        *(
            (f"limit.1.{field}", "invalid")
            for field in ("funding_source_type", "currency", "direction", "period", "amount")
        ),
    }


def test_a_limit_may_not_be_repeated(tmp_path: Path) -> None:
    good = f"{HEAD}amount = 100\n"
    path = _file(tmp_path, good, good.replace("EUR", "MXN"), good + "is_rolling = true")

    assert _errors(path) == {("limit.2", "already_taken")}


@pytest.mark.anyio
async def test_limits_are_replaced_as_a_whole_and_keep_their_ids(
    db: Database, tmp_path: Path
) -> None:
    day, week = f"{HEAD}amount = 100\n", HEAD.replace('"day"', '"week"') + "amount = 500\n"

    async def load(*lines: str) -> None:
        new = read_file(_file(tmp_path, *lines))
        async with db.transaction() as tx:
            await replace_rules(tx, new)

    async def there() -> dict[str, tuple[object, Decimal]]:
        async with db.transaction() as tx:
            return {it.period: (it.id, it.amount) for it in await rules(tx)}

    await load(day, week)
    before = await there()
    await asyncio.gather(*(load(day.replace("100", "200")) for _ in range(4)))
    after = await there()
    await load(day, week)

    assert after == {"day": (before["day"][0], Decimal(200))}
    assert (await there())["day"] == before["day"]
    await load("")
    assert await there() == {}


@pytest.mark.anyio
async def test_limits_are_for_types_that_there_are(db: Database, tmp_path: Path) -> None:
    good = f"{HEAD}amount = 100\n"
    path = _file(
        tmp_path,
        good.replace("card", "savings_account").replace("out", "in"),
        good.replace("card", "gold_card"),
        good.replace("out", "in"),
        good.replace("card", "crypto_address"),
        good.replace("card", "cash"),
    )

    async with db.transaction() as tx:
        with pytest.raises(Invalid) as caught:
            await replace_rules(tx, read_file(path))
        assert await rules(tx) == []

    assert {(error.field, error.code) for error in caught.value.errors} == {
        ("limit.1.funding_source_type", "not_found"),
        ("limit.2.funding_source_type", "unsupported"),
        ("limit.3.funding_source_type", "unsupported"),
        ("limit.4.funding_source_type", "not_found"),
    }
