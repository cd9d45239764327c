"""A whole run of the bench, so small that its figures mean nothing."""

import json
import shutil
from datetime import UTC, datetime

import msgspec
import pytest
from rich.console import Console

from bench import report, runner
from bench.figures import GOALS, LIMITS, WITHOUT_GOAL
from bench.load import Generator
from bench.people import gather
from bench.plan import Plan
from bench.pools import open_pools
from bench.runner import SOURCES
from bench.server import data_dir, serving, temporary_folder
from whipround.domain.installation import open_installation
from whipround.settings import Settings

pytestmark = pytest.mark.anyio

TINY = Plan(
    rounds=1,
    tpcb_scale=1,
    tpcb_seconds=1,
    ledger_accounts=100,
    ledger_seconds=0.1,
    people=10,
    http_clients=(64,),
    card_clients=(64,),
    pool_clients=(64,),
    moneypool_clients=(64,),
    crowd_clients=(64,),
    very_many_times=2,
    pools=3,
    http_seconds=0.2,
    warm_up_seconds=0.1,
    payments_for_memory=0,
    stored_payments=1000,
    stored_of_one=100,
)


async def test_a_run_measures_everything_and_its_books_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)  # so that it has to use its own clients
    console = Console(quiet=True)

    with temporary_folder() as folder, report.Show(console) as show:
        figures, on = await runner.measure(folder, TINY, show)

    written = json.loads(msgspec.json.encode(figures.as_json()))
    assert set(written["ratios"]) == {*GOALS, *WITHOUT_GOAL}
    assert all(ratio > 0 for ratio in written["ratios"].values())
    assert set(written["limits"]) == set(LIMITS)
    assert written["http_payments_with_history"]["stored_before"] == 1000
    assert "payment" in written["first_pages"]["/v1/payments"]["statements"][0]["sql"]
    assert {page["over_http_ms"] > 0 for page in written["first_pages"].values()} == {True}
    assert written["http_crowd_payments"][0]["per_second"] > 0
    assert written["very_many_recipients"]["p50_ms"] > 0
    assert written["audit_findings"] == ""
    assert on["load_by"] == "Python"
    console.print(report.measured(figures), report.pages(figures), report.reached(figures))
    assert not folder.exists()


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
async def test_wrk_pays_as_our_own_clients_do() -> None:
    with temporary_folder() as folder, serving(folder) as server:
        settings = Settings(data_dir=data_dir(folder), database_url=None, secret_key=None)
        async with open_installation(settings, sandbox=True, exclusive=False) as installation:
            crowd = await gather(installation, name="crowd", size=5, now=datetime.now(UTC))
            generator = Generator.find(server, folder)
            await generator.introduce(crowd)

            loads = [
                await generator.measure(
                    crowd, clients=4, seconds=1, onto_one=source == "card", source=source
                )
                for source in SOURCES
            ]
            pools = await open_pools(
                crowd, count=2, keyring=installation.keyring, now=datetime.now(UTC)
            )
            loads += [
                await generator.measure(crowd, clients=4, seconds=1, onto_one=onto_one, pools=pools)
                for onto_one in (False, True)
            ]

    assert generator.name == "wrk"
    assert all(load.requests > 0 and load.failures == 0 for load in loads)
    assert not folder.exists()
