"""What was measured, what it comes to, and what it must come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean, median
from typing import Any, TypeAlias

from bench.crowds import RECIPIENTS, VERY_MANY
from bench.load import Load, percentile
from bench.pages import Page

BUSY_CLIENTS = 64
"""From how many clients on the server is busy: what is compared with pgbench."""

RANDOM, HOT = "random", "hot"

Loads: TypeAlias = dict[tuple[int, str], list[Load]]
"""By how many clients, and by who is paid."""


@dataclass(slots=True)
class Figures:
    """All samples of a run. Rates are per second, and a figure is the median of its samples.

    `http`, `cards`, `pools` and `moneypool` are by clients and by who is paid, from wallets, from
    cards, into pools, and from wallets through Moneypool; `crowds` are small crowd payments, and
    `very_many_ms` what it took to confirm each of those to very many, shortest first; `fresh` and
    `stored` are with none and with `payments` stored before, and `pages` the first ones of lists,
    by their addresses, with as many rows of everything.
    """

    tpcb: list[float] = field(default_factory=list)
    ledger: dict[str, list[float]] = field(default_factory=lambda: {RANDOM: [], HOT: []})
    http: Loads = field(default_factory=dict)
    cards: Loads = field(default_factory=dict)
    pools: Loads = field(default_factory=dict)
    moneypool: Loads = field(default_factory=dict)
    crowds: Loads = field(default_factory=dict)
    very_many_ms: list[float] = field(default_factory=list)
    fresh: list[Load] = field(default_factory=list)
    stored: list[Load] = field(default_factory=list)
    payments: int = 0
    pages: dict[str, Page] = field(default_factory=dict)
    pages_over_http_ms: dict[str, float] = field(default_factory=dict)
    memory_payments: int = 0
    memory_bytes: int = 0
    start_from_nothing_seconds: float = 0
    start_again_seconds: float = 0
    audit_findings: str = ""

    def ratios(self) -> dict[str, float]:
        """What is compared, by name: the medians of what each round came to.

        What a round measures it measures within a minute: a machine that is slower in one round
        than in another is so for both sides.
        """
        http = {kind: _busy(self.http, kind) for kind in (RANDOM, HOT)}
        cards = {kind: _busy(self.cards, kind) for kind in (RANDOM, HOT)}
        pools = {kind: _busy(self.pools, kind) for kind in (RANDOM, HOT)}
        moneypool = _busy(self.moneypool, RANDOM)
        fresh, stored = ([load.per_second for load in it] for it in (self.fresh, self.stored))
        return {
            "ledger_vs_pgbench": _ratio(self.ledger[RANDOM], self.tpcb),
            "ledger_hot_vs_random": _ratio(self.ledger[HOT], self.ledger[RANDOM]),
            "http_vs_pgbench": _ratio(http[RANDOM], self.tpcb),
            "http_hot_vs_random": _ratio(http[HOT], http[RANDOM]),
            "http_1m_vs_empty": _ratio(stored, fresh),
            "pool_vs_pgbench": _ratio(pools[HOT], self.tpcb),
            "pool_hot_vs_many": _ratio(pools[HOT], pools[RANDOM]),
            "cards_vs_pgbench": _ratio(cards[RANDOM], self.tpcb),
            "cards_hot_vs_random": _ratio(cards[HOT], cards[RANDOM]),
            "cards_vs_wallets": _ratio(cards[RANDOM], self._from_wallets(self.cards)),
            "moneypool_vs_memento": _ratio(moneypool, self._from_wallets(self.moneypool)),
            "crowds_vs_payments": _ratio(
                _busy(self.crowds, RANDOM), self._from_wallets(self.crowds)
            ),
        }

    def _from_wallets(self, others: Loads) -> list[float]:
        """What was paid from wallets through Memento where `others` were measured too."""
        return _busy({key: loads for key, loads in self.http.items() if key in others}, RANDOM)

    def limits(self) -> dict[str, float]:
        """The figures that have an upper limit, by name."""
        return {
            "p99_ms": p99_ms(self.http[BUSY_CLIENTS, RANDOM]),
            "memory_mb": self.memory_bytes / 1e6,
            "start_seconds": self.start_from_nothing_seconds,
            "very_many_ms": percentile(self.very_many_ms, 50),
            "page_ms": max(
                page.database_ms for address, page in self.pages.items() if "?" not in address
            ),
        }

    def as_json(self) -> dict[str, Any]:
        """For build/bench.json: the ratios, and all that they come from."""
        return {
            "ratios": {name: round(ratio, 3) for name, ratio in self.ratios().items()},
            "limits": {name: round(figure, 3) for name, figure in self.limits().items()},
            "pgbench_tpcb": _rates(self.tpcb),
            "ledger_groups_of_500": {kind: _rates(it) for kind, it in self.ledger.items()},
            "http_payments": _all(self.http),
            "http_payments_from_cards": _all(self.cards),
            "http_contributions": _all(self.pools),
            "http_payments_through_moneypool": _all(self.moneypool),
            "http_crowd_payments": _all(self.crowds),
            "very_many_recipients": {
                "p50_ms": percentile(self.very_many_ms, 50),
                "p99_ms": percentile(self.very_many_ms, 99),
                "runs": self.very_many_ms,
            },
            "http_payments_with_history": {
                "clients": BUSY_CLIENTS,
                "stored_before": self.payments,
                "with_none": _loads(self.fresh),
                "with_all": _loads(self.stored),
            },
            "first_pages": {
                name: {**_page(page), "over_http_ms": self.pages_over_http_ms[name]}
                for name, page in self.pages.items()
            },
            "memory": {"payments": self.memory_payments, "resident_bytes": self.memory_bytes},
            "seconds_to_ready": {
                "from_nothing": self.start_from_nothing_seconds,
                "again": self.start_again_seconds,
            },
            "audit_findings": self.audit_findings,
        }


@dataclass(frozen=True, slots=True)
class Goal:
    """What a ratio must reach at least, and where we want it to be."""

    meaning: str
    least: float
    wanted: float


GOALS: Mapping[str, Goal] = {
    "ledger_vs_pgbench": Goal("ledger in groups ÷ pgbench TPC-B", 2.5, 4),
    "ledger_hot_vs_random": Goal("ledger, one hot account ÷ random", 1, 1.2),
    "http_vs_pgbench": Goal("payments over HTTP ÷ pgbench TPC-B", 0.5, 1),
    "http_hot_vs_random": Goal("payments over HTTP, one hot recipient ÷ random", 0.9, 1.1),
    "http_1m_vs_empty": Goal("payments over HTTP with all stored ÷ with none", 0.9, 1),
    "pool_vs_pgbench": Goal("contributions to one pool ÷ pgbench TPC-B", 0.5, 1),
    "pool_hot_vs_many": Goal("contributions to one pool ÷ to many pools", 0.9, 1.1),
}

WITHOUT_GOAL: Mapping[str, str] = {
    "cards_vs_pgbench": "payments from cards ÷ pgbench TPC-B",
    "cards_hot_vs_random": "payments from cards, one hot recipient ÷ random",
    "cards_vs_wallets": "payments from cards ÷ from wallets",
    "moneypool_vs_memento": "payments from wallets through Moneypool ÷ through Memento",
    "crowds_vs_payments": f"crowd payments to {RECIPIENTS} ÷ payments from wallets",
}
"""Ratios of which nothing is asked, by name: what they mean."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a figure must stay below."""

    meaning: str
    most: float
    unit: str


LIMITS: Mapping[str, Limit] = {
    "p99_ms": Limit(f"p99 at {BUSY_CLIENTS} clients", 100, "ms"),
    "memory_mb": Limit("memory of the server after all payments", 250, "MB"),
    "start_seconds": Limit("start from nothing until ready", 3, "s"),
    "very_many_ms": Limit(f"confirming one payment to {VERY_MANY:,}", 300, "ms"),
    "page_ms": Limit("first page of the slowest list, in the database", 5, "ms"),
}


def per_second(loads: Sequence[Load]) -> float:
    """Payments per second."""
    return median(load.per_second for load in loads)


def p50_ms(loads: Sequence[Load]) -> float:
    """What half of the payments take less than."""
    return median(load.p50_ms for load in loads)


def p99_ms(loads: Sequence[Load]) -> float:
    """What one in a hundred payments takes longer than."""
    return median(load.p99_ms for load in loads)


def _busy(loads: Loads, kind: str) -> list[float]:
    """Payments per second of each round, the mean of those with 64 clients and with more."""
    runs = (
        [load.per_second for load in each]
        for (clients, whom), each in loads.items()
        if whom == kind and clients >= BUSY_CLIENTS
    )
    return [mean(rates) for rates in zip(*runs, strict=True)]


def _ratio(above: Sequence[float], below: Sequence[float]) -> float:
    return median(one / other for one, other in zip(above, below, strict=True))


def _rates(samples: Sequence[float]) -> dict[str, Any]:
    return {"per_second": median(samples), "runs": list(samples)}


def _all(loads: Loads) -> list[dict[str, Any]]:
    return [
        {"clients": clients, "recipients": whom, **_loads(each)}
        for (clients, whom), each in loads.items()
    ]


def _loads(loads: Sequence[Load]) -> dict[str, Any]:
    return {
        "per_second": per_second(loads),
        "p50_ms": p50_ms(loads),
        "p99_ms": p99_ms(loads),
        "runs": loads,
    }


def _page(page: Page) -> dict[str, Any]:
    return {
        "database_ms": page.database_ms,
        "sequential_scans": page.sequential_scans,
        "statements": page.statements,
    }
