"""What the samples of a run come to."""

import pytest

from bench.figures import HOT, RANDOM, Figures
from bench.load import Load


def _load(per_second: int) -> Load:
    return Load(requests=per_second, seconds=1.0, failures=0, p50_ms=10.0, p99_ms=20.0)


def test_ratios_compare_what_was_measured_in_the_same_round() -> None:
    # A machine that is twice as fast in the second round, and thrice in the third.
    figures = Figures(
        tpcb=[1000, 2000, 3000],
        ledger={RANDOM: [4000, 8000, 12000], HOT: [5000, 10000, 15000]},
        http={
            (16, RANDOM): [_load(1), _load(1), _load(1)],
            (64, RANDOM): [_load(700), _load(1400), _load(2100)],
            (128, RANDOM): [_load(900), _load(1800), _load(2700)],
            (64, HOT): [_load(800), _load(1600), _load(2400)],
            (128, HOT): [_load(1000), _load(2000), _load(3000)],
        },
        cards={
            (64, RANDOM): [_load(350), _load(700), _load(1050)],
            (64, HOT): [_load(420), _load(840), _load(1260)],
        },
        pools={
            (64, RANDOM): [_load(300), _load(600), _load(900)],
            (64, HOT): [_load(600), _load(1200), _load(1800)],
        },
        moneypool={(64, RANDOM): [_load(630), _load(1260), _load(1890)]},
        crowds={(64, RANDOM): [_load(140), _load(280), _load(420)]},
        fresh=[_load(100), _load(200), _load(300)],
        stored=[_load(95), _load(190), _load(285)],
    )

    assert figures.ratios() == pytest.approx(
        {
            "ledger_vs_pgbench": 4,
            "ledger_hot_vs_random": 1.25,
            "http_vs_pgbench": 0.8,
            "http_hot_vs_random": 1.125,
            "http_1m_vs_empty": 0.95,
            "pool_vs_pgbench": 0.6,
            "pool_hot_vs_many": 2,
            "cards_vs_pgbench": 0.35,
            "cards_hot_vs_random": 1.2,
            "cards_vs_wallets": 0.5,
            "moneypool_vs_memento": 0.9,
            "crowds_vs_payments": 0.2,
        }
    )
