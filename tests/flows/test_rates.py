"""Exchange rates into the products, whatever is in the way."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.gateways.rates.documents import DAILY, of
from whipround.db.database import Database
from whipround.domain import fx
from whipround.domain.fx import RatesRefused
from whipround.flows import rates
from whipround.gateways.rates.ecb import EcbFile
from whipround.gateways.rates.protocol import RatesError
from whipround.gateways.rates.sandbox import SampleRates

pytestmark = pytest.mark.anyio


async def _there(db: Database) -> tuple[str, int]:
    async with db.transaction() as tx:
        return str(await fx.newest(tx)), len(await fx.read_rates(tx))


async def test_rates_are_loaded_but_older_ones_are_refused(
    db: Database, tmp_path: Path, now: datetime
) -> None:
    path = tmp_path / "rates.xml"
    path.write_bytes(DAILY)

    for _ in range(2):  # the same again does no harm
        published = await rates.load(db, EcbFile(path), now=now)

    assert len(published.per_euro) == 10
    assert await _there(db) == ("2026-01-14", 10)
    for document, error in (
        (of("2026-01-13"), RatesRefused),
        (of("2026-01-16"), RatesRefused),
        (b"<a/>", RatesError),
    ):
        path.write_bytes(document)
        with pytest.raises(error):
            await rates.load(db, EcbFile(path), now=now)
    assert await _there(db) == ("2026-01-14", 10)


async def test_products_get_what_is_new(
    db: Database, tmp_path: Path, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "rates.xml"
    source = EcbFile(path)

    assert await rates.refresh(db, source, now=now) == 0
    assert "no new exchange rates" in caplog.text
    path.write_bytes(DAILY)
    assert await rates.refresh(db, source, now=now) == 1
    assert await rates.refresh(db, source, now=now) == 0
    path.write_bytes(of("2026-01-16"))
    assert await rates.refresh(db, source, now=now) == 0
    assert "yet to come" in caplog.text
    path.write_bytes(of("2026-01-15"))
    assert await rates.refresh(db, source, now=now) == 1
    path.unlink()  # today's are there: nobody asks for more
    caplog.clear()
    assert await rates.refresh(db, source, now=now) == 0
    assert caplog.text == ""
    assert await _there(db) == ("2026-01-15", 10)


async def test_rates_for_several_products_are_fetched_once(now: datetime, tmp_path: Path) -> None:
    path = tmp_path / "rates.xml"
    path.write_bytes(DAILY)
    good, bad = rates.Once(EcbFile(path)), rates.Once(EcbFile(path))

    first = await good.fetch(now=now)
    path.write_bytes(b"<a/>")
    assert await good.fetch(now=now) is first
    for _ in range(2):
        with pytest.raises(RatesError):
            await bad.fetch(now=now)
        path.write_bytes(DAILY)


async def test_a_sandbox_has_rates_of_today_forever(db: Database) -> None:
    source = SampleRates({"USD": Decimal("1.25")})
    for now in (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(weeks=week) for week in range(3)):
        assert await rates.refresh(db, source, now=now) == 1
        assert await _there(db) == (str(now.date()), 1)
