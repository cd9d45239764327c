"""How a run is shown: a bar and a line per result while it lasts, tables at its end."""

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column, Table

from bench.crowds import RECIPIENTS, VERY_MANY
from bench.figures import GOALS, LIMITS, WITHOUT_GOAL, Figures, p50_ms, p99_ms, per_second
from bench.load import percentile


class Phase:
    """A part of the run that takes a known number of steps."""

    def __init__(self, progress: Progress, task: TaskID, title: str) -> None:
        self._progress = progress
        self._task = task
        self._title = title

    def step(self, doing: str) -> None:
        """What is being done now; `done` ends it."""
        self._progress.update(self._task, description=f"{self._title}: {doing}")

    def done(self, result: str = "") -> None:
        """One step is over; a result is kept in sight."""
        self._progress.update(self._task, advance=1, description=self._title)
        if result:
            self._progress.console.print(f"  {result}")

    def reach(self, steps: int) -> None:
        """So many steps are over by now."""
        self._progress.update(self._task, completed=steps)


class Show:
    """A progress bar for each phase."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )

    def __enter__(self) -> "Show":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @contextmanager
    def phase(self, title: str, steps: int) -> Iterator[Phase]:
        """The bar of one phase."""
        yield Phase(self._progress, self._progress.add_task(title, total=steps), title)


def measured(figures: Figures) -> Table:
    """Everything that was measured."""
    table = Table("measured", *(Column(name, justify="right") for name in _RATES))
    table.add_row("pgbench TPC-B, 8 clients", _rate(median(figures.tpcb)), "", "")
    for kind, samples in figures.ledger.items():
        table.add_row(f"ledger in groups of 500, {_whom(kind)}", _rate(median(samples)), "", "")
    table.add_section()
    rows = [
        (f"payments over HTTP, {clients} clients, {_whom(kind)}", loads)
        for (clients, kind), loads in figures.http.items()
    ]
    rows += [
        ("the same, 64 clients, random, with none stored", figures.fresh),
        (f"the same with {figures.payments:,} stored", figures.stored),
    ]
    rows += [
        (f"payments from cards, {clients} clients, {_whom(kind)}", loads)
        for (clients, kind), loads in figures.cards.items()
    ]
    rows += [
        (f"contributions, {clients} clients, {_pools(kind)}", loads)
        for (clients, kind), loads in figures.pools.items()
    ]
    rows += [
        (f"payments through Moneypool, {clients} clients, {_whom(kind)}", loads)
        for (clients, kind), loads in figures.moneypool.items()
    ]
    rows += [
        (f"crowd payments to {RECIPIENTS}, {clients} clients, confirmed", loads)
        for (clients, _), loads in figures.crowds.items()
    ]
    for what, loads in rows:
        latencies = (f"{p50_ms(loads):.1f}", f"{p99_ms(loads):.1f}")
        table.add_row(what, _rate(per_second(loads)), *latencies)
    slowest = (f"{percentile(figures.very_many_ms, percent):.1f}" for percent in (50, 99))
    table.add_row(f"crowd payments to {VERY_MANY:,}, one client, confirmed", "", *slowest)
    return table


_RATES = ("per second", "p50 ms", "p99 ms")


def reached(figures: Figures) -> Table:
    """What is asked for, and what came of it."""
    table = Table(
        "asked for", *(Column(name, justify="right") for name in ("limit", "wanted", "is")), ""
    )
    ratios = figures.ratios()
    for name, goal in GOALS.items():
        ratio = ratios[name]
        limits = (f"≥ {goal.least:g}", f"{goal.wanted:g}")
        table.add_row(goal.meaning, *limits, f"{ratio:.2f}", _mark(holds=ratio >= goal.least))
    for name, meaning in WITHOUT_GOAL.items():
        table.add_row(meaning, "", "", f"{ratios[name]:.2f}", "")
    table.add_section()
    limited = figures.limits()
    for name, limit in LIMITS.items():
        figure = limited[name]
        shown = (f"< {limit.most:g} {limit.unit}", "", f"{figure:.1f} {limit.unit}")
        table.add_row(limit.meaning, *shown, _mark(holds=figure < limit.most))
    scanned = {table for page in figures.pages.values() for table in page.sequential_scans}
    found = ", ".join(sorted(scanned)) or "none"
    table.add_row("sequential scans of lists", "none", "", found, _mark(holds=not scanned))
    found = "something" if figures.audit_findings else "nothing"
    table.add_row("found by the audit", "nothing", "", found, _mark(holds=found == "nothing"))
    return table


def pages(figures: Figures) -> Table:
    """What the first page of every list takes."""
    columns = ("database ms", "blocks", "over HTTP ms", "sequential scans")
    table = Table("first page", *(Column(name, justify="right") for name in columns), "")
    most = LIMITS["page_ms"].most
    for address, page in figures.pages.items():
        # The ids in it are of no interest.
        name = "/".join(part if len(part) < _ID_LENGTH else "…" for part in address.split("/"))
        holds = page.database_ms < most and not page.sequential_scans
        table.add_row(
            name,
            f"{page.database_ms:.2f}",
            f"{page.blocks:,}",
            f"{figures.pages_over_http_ms[address]:.1f}",
            ", ".join(page.sequential_scans) or "none",
            _mark(holds=holds),
        )
    return table


_ID_LENGTH = 36


def _pools(kind: str) -> str:
    return {"random": "many pools", "hot": "one pool"}[kind]


def _whom(kind: str) -> str:
    return {"random": "random", "hot": "one hot"}[kind]


def _rate(figure: float) -> str:
    return f"{figure:,.0f}"


def _mark(*, holds: bool) -> str:
    return "[green]✓[/]" if holds else "[red]✗[/]"
