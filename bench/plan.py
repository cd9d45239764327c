"""How much is measured, and for how long."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """The sizes of one run. Runs of `*_seconds` are repeated `rounds` times, in turn.

    `card_clients` are those of `http_clients` that also pay by card, `pool_clients` those that also
    contribute to `pools` pools, `moneypool_clients` those that also pay through Moneypool, and
    `crowd_clients` those that also pay by scripts. One payment to very many is made
    `very_many_times`.
    """

    rounds: int
    tpcb_scale: int
    tpcb_seconds: int
    ledger_accounts: int
    ledger_seconds: float
    people: int
    http_clients: tuple[int, ...]
    card_clients: tuple[int, ...]
    pool_clients: tuple[int, ...]
    moneypool_clients: tuple[int, ...]
    crowd_clients: tuple[int, ...]
    very_many_times: int
    pools: int
    http_seconds: float
    warm_up_seconds: float
    payments_for_memory: int
    stored_payments: int
    stored_of_one: int


FULL = Plan(
    rounds=3,
    tpcb_scale=20,
    tpcb_seconds=10,
    ledger_accounts=100_000,
    ledger_seconds=4,
    people=2_000,
    http_clients=(16, 64, 128),
    card_clients=(16, 64, 128),
    pool_clients=(64, 128),
    moneypool_clients=(64, 128),
    crowd_clients=(64,),
    very_many_times=50,
    pools=500,
    http_seconds=5,
    warm_up_seconds=8,
    payments_for_memory=100_000,
    stored_payments=1_000_000,
    stored_of_one=100_000,
)

QUICK = Plan(
    rounds=1,
    tpcb_scale=20,
    tpcb_seconds=5,
    ledger_accounts=100_000,
    ledger_seconds=3,
    people=1_000,
    http_clients=(16, 64, 128),
    card_clients=(64,),
    pool_clients=(64,),
    moneypool_clients=(64,),
    crowd_clients=(64,),
    very_many_times=20,
    pools=500,
    http_seconds=3,
    warm_up_seconds=2,
    payments_for_memory=0,
    stored_payments=100_000,
    stored_of_one=10_000,
)
