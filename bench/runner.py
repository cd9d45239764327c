"""One run: one server, one PostgreSQL, and everything measured on them in turn."""

import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from uuid import UUID

from bench import crowds, history, ledger, lists, pages, people, pools, rows, tpcb
from bench.figures import BUSY_CLIENTS, HOT, RANDOM, Figures
from bench.history import History
from bench.load import Generator, Load, Source, percentile
from bench.people import Crowd
from bench.plan import Plan
from bench.report import Phase, Show
from bench.server import Server, data_dir, run, serving
from whipround.db.database import Database
from whipround.domain import products
from whipround.domain.installation import Installation, open_installation
from whipround.settings import Settings

SOURCES: Sequence[Source] = ("wallet", "card", "moneypool")

UNPROVEN_PERCENT = 1
"""How many payments, of those stored, went to a number that nobody has proven since."""

PAGE_REQUESTS = 21


@dataclass(frozen=True, slots=True)
class _Bench:
    """What a run has in its hands."""

    plan: Plan
    show: Show
    figures: Figures
    server: Server
    installation: Installation
    generator: Generator


async def measure(folder: Path, plan: Plan, show: Show) -> tuple[Figures, dict[str, object]]:
    """Measure everything on a fresh installation in `folder`; the figures, and on what.

    Raises LoadFailed, ProgramFailed, ServerFailed.
    """
    figures = Figures()
    with show.phase("starting", 2) as phase:
        with serving(folder) as server:
            figures.start_from_nothing_seconds = server.seconds_to_ready
            phase.done(f"from nothing until ready {server.seconds_to_ready:.2f} s")
        with serving(folder) as server:
            figures.start_again_seconds = server.seconds_to_ready
            phase.done(f"again until ready {server.seconds_to_ready:.2f} s")
            async with attached(folder) as installation:
                generator = Generator.find(server, folder)
                bench = _Bench(plan, show, figures, server, installation, generator)
                past = await _measure(bench)
                machine = {"load_by": generator.name, **await _machine(installation)}
                figures.audit_findings = _audit(folder, show)
                await _read_lists(bench, past)
    return figures, machine


@asynccontextmanager
async def attached(folder: Path) -> AsyncIterator[Installation]:
    """The installation that the server has open."""
    settings = Settings(data_dir=data_dir(folder), database_url=None, secret_key=None)
    async with open_installation(settings, sandbox=True, exclusive=False) as installation:
        yield installation


async def _measure(bench: _Bench) -> History:
    """Measure all that is paid; what there was of it in the end."""
    plan, figures = bench.plan, bench.figures
    with bench.show.phase("making people, accounts and pgbench's tables", 3) as phase:
        in_pgbench = await tpcb.prepare(bench.installation.conninfo, scale=plan.tpcb_scale)
        phase.done()
        books = await _books(bench.installation)
        accounts = await ledger.open_wallets(books, count=plan.ledger_accounts, now=_now())
        phase.done()
        crowd = await _crowd(bench, "crowd")
        await history.tidy(bench.installation.conninfo)
        all_pools = await pools.open_pools(
            crowd, count=plan.pools, keyring=bench.installation.keyring, now=_now()
        )
        for source in SOURCES:
            await _warm_up(bench, crowd, source)
        await _warm_up(bench, crowd, pools=all_pools)
        phase.done()
    kinds = sum(
        map(
            len,
            (plan.http_clients, plan.card_clients, plan.pool_clients, plan.moneypool_clients),
        )
    )
    steps = plan.rounds * (3 + 2 * kinds + len(plan.crowd_clients))
    with bench.show.phase("pgbench, ledger and HTTP in turn", steps) as phase:
        for _ in range(plan.rounds):
            phase.step("pgbench TPC-B")
            figures.tpcb.append(await tpcb.measure(in_pgbench, seconds=plan.tpcb_seconds))
            phase.done(f"{figures.tpcb[-1]:8,.0f}/s pgbench TPC-B")
            for kind in (RANDOM, HOT):
                phase.step(f"ledger, {kind}")
                rate = await ledger.measure(
                    books, accounts, seconds=plan.ledger_seconds, onto_one=kind == HOT
                )
                figures.ledger[kind].append(rate)
                phase.done(f"{rate:8,.0f}/s ledger, {kind}")
            for clients, kind in itertools.product(plan.http_clients, (RANDOM, HOT)):
                load = await _pay(bench, phase, crowd, clients=clients, kind=kind)
                figures.http.setdefault((clients, kind), []).append(load)
                if clients in plan.card_clients:
                    load = await _pay(
                        bench, phase, crowd, clients=clients, kind=kind, source="card"
                    )
                    figures.cards.setdefault((clients, kind), []).append(load)
                if clients in plan.pool_clients:
                    load = await _pay(
                        bench, phase, crowd, clients=clients, kind=kind, pools=all_pools
                    )
                    figures.pools.setdefault((clients, kind), []).append(load)
                if clients in plan.moneypool_clients:
                    load = await _pay(
                        bench, phase, crowd, clients=clients, kind=kind, source="moneypool"
                    )
                    figures.moneypool.setdefault((clients, kind), []).append(load)
            for clients in plan.crowd_clients:
                load = await _pay_crowds(bench, phase, crowd, clients=clients)
                figures.crowds.setdefault((clients, RANDOM), []).append(load)
    await _pay_very_many(bench, crowd)
    await _fill_memory(bench, crowd)
    return await _with_history(bench)


async def _books(installation: Installation) -> Database:
    """A product whose ledger is posted to directly."""
    product = await products.add(installation.db, name="books", now=_now())
    return installation.db.of(product.schema_name)


async def _crowd(bench: _Bench, name: str) -> Crowd:
    """People in a product of their own, which the server has heard of."""
    crowd = await people.gather(bench.installation, name=name, size=bench.plan.people, now=_now())
    await bench.generator.introduce(crowd)
    return crowd


async def _warm_up(
    bench: _Bench, crowd: Crowd, source: Source = "wallet", pools: Sequence[UUID] = ()
) -> None:
    """Pay for a while that does not count.

    The first change of each page after a checkpoint costs a copy of the page: a steady state, which
    lasts for a quarter of an hour at a time, begins when those that are hot have been copied.
    """
    seconds = bench.plan.warm_up_seconds
    await bench.generator.measure(
        crowd, clients=BUSY_CLIENTS, seconds=seconds, onto_one=False, source=source, pools=pools
    )


_MADE: Mapping[Source, str] = {
    "wallet": "payments from wallets",
    "card": "payments from cards",
    "moneypool": "payments through Moneypool",
}


async def _pay(
    bench: _Bench,
    phase: Phase,
    crowd: Crowd,
    *,
    clients: int,
    kind: str,
    source: Source = "wallet",
    pools: Sequence[UUID] = (),
) -> Load:
    what = "contributions" if pools else _MADE[source]
    phase.step(f"HTTP, {clients} clients, {kind}, {what}")
    load = await bench.generator.measure(
        crowd,
        clients=clients,
        seconds=bench.plan.http_seconds,
        onto_one=kind == HOT,
        source=source,
        pools=pools,
    )
    phase.done(
        f"{load.per_second:8,.0f}/s {what}, {clients} clients, {kind},"
        f" p50 {load.p50_ms:.1f} ms, p99 {load.p99_ms:.1f} ms"
    )
    return load


async def _pay_crowds(bench: _Bench, phase: Phase, crowd: Crowd, *, clients: int) -> Load:
    phase.step(f"HTTP, {clients} clients, crowd payments")
    seconds = bench.plan.http_seconds
    load = await crowds.measure(bench.server, crowd, clients=clients, seconds=seconds)
    phase.done(
        f"{load.per_second:8,.0f}/s crowd payments to {crowds.RECIPIENTS}, {clients} clients,"
        f" p50 {load.p50_ms:.1f} ms, p99 {load.p99_ms:.1f} ms"
    )
    return load


async def _pay_very_many(bench: _Bench, crowd: Crowd) -> None:
    """Crowd payments to very many, one after the other; the first one is not counted."""
    figures, times = bench.figures, bench.plan.very_many_times
    with bench.show.phase("one payment to very many", 1) as phase:
        await crowds.confirm_very_many(bench.server, crowd, times=1)
        taken = await crowds.confirm_very_many(bench.server, crowd, times=times)
        figures.very_many_ms = taken
        p50, p99 = percentile(taken, 50), percentile(taken, 99)
        phase.done(f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, to confirm one to {crowds.VERY_MANY:,}")


async def _fill_memory(bench: _Bench, crowd: Crowd) -> None:
    """See what the server holds after as many payments as the plan wants."""
    figures, wanted = bench.figures, bench.plan.payments_for_memory
    measured = (figures.http, figures.cards, figures.pools, figures.moneypool)
    made = sum(load.requests for each in measured for loads in each.values() for load in loads)
    with bench.show.phase("memory", 1) as phase:
        while made < wanted:
            phase.step(f"{made:,} payments of {wanted:,}")
            load = await bench.generator.measure(
                crowd, clients=BUSY_CLIENTS, seconds=bench.plan.http_seconds, onto_one=False
            )
            made += load.requests
        figures.memory_payments = made
        figures.memory_bytes = bench.server.resident_bytes()
        phase.done(f"{figures.memory_bytes / 1e6:.0f} MB after {made:,} payments")


async def _with_history(bench: _Bench) -> History:
    """The same with many payments stored, in turn with none; those that are stored."""
    plan, figures = bench.plan, bench.figures
    fresh = await _crowd(bench, "fresh")
    crowd = await _crowd(bench, "history")
    past = History(crowd, plan.stored_payments, plan.stored_of_one, _now())
    with bench.show.phase("storing payments", plan.stored_payments) as phase:
        async for stored in past.make():
            phase.reach(stored)
        await past.pay_numbers(
            keyring=bench.installation.keyring,
            count=plan.stored_payments * UNPROVEN_PERCENT // 100,
        )
        await history.tidy(bench.installation.conninfo)
        for each in (fresh, crowd):
            await _warm_up(bench, each)
        # What is compared is the size of the tables, and not how well the planner knows it.
        await history.analyze(bench.installation.conninfo)
    figures.payments = plan.stored_payments
    with bench.show.phase("HTTP with none and with all stored, in turn", 2 * plan.rounds) as phase:
        for _ in range(plan.rounds):
            for whose, samples in ((fresh, figures.fresh), (crowd, figures.stored)):
                load = await _pay(bench, phase, whose, clients=BUSY_CLIENTS, kind=RANDOM)
                samples.append(load)
    return past


async def _read_lists(bench: _Bench, past: History) -> None:
    """The first page of every list, of somebody with many rows, among as many as payments."""
    figures, conninfo, db = bench.figures, bench.installation.conninfo, past.crowd.db
    with bench.show.phase("storing rows behind all lists", past.count) as phase:
        async for stored in rows.store(past):
            phase.reach(stored)
        await history.tidy(conninfo)
    who = past.crowd.payers[0]
    reader = await lists.reader(db, user_id=who.user_id, number=who.number)
    asked = lists.asked(reader, now=_now())
    with bench.show.phase("the first pages of all lists", len(asked)) as phase:
        for address, read in asked.items():
            phase.step(address)
            page = await pages.explained(conninfo, db.schema, read)
            figures.pages[address] = page
            figures.pages_over_http_ms[address] = median(
                bench.generator.get(past.crowd, who, address) for _ in range(PAGE_REQUESTS)
            )
            phase.done(
                f"{page.database_ms:8.2f} ms in the database,"
                f" {figures.pages_over_http_ms[address]:.1f} ms over HTTP: {address}"
            )


def _audit(folder: Path, show: Show) -> str:
    """What contradicts the books of all that was paid; nothing, if they hold."""
    with show.phase("the audit of all that", 1) as phase:
        audit = run(folder, "audit")
        found = audit.stdout if audit.returncode else ""
        phase.done(found or "the books hold")
    return found


async def _machine(installation: Installation) -> dict[str, object]:
    async with installation.db.transaction() as tx:
        [[version]] = await (await tx.execute("show server_version")).fetchall()
    return {"postgresql": version}


def _now() -> datetime:
    return datetime.now(UTC)
