"""Whether what was measured is as it should be, on a machine on which others may work as well.

So it is not judged how quick a server is, but whether it keeps up with what is asked of it.
"""

from collections.abc import Sequence

from tests.torture.load.clients import Heard
from tests.torture.load.watching import Watch

LEAST_SECONDS = 60
"""How long a load has to last for its thirds, and for memory, to mean anything."""

STEADY, CALM_MS = 2.5, 1000
"""By what the 99th percentile of the last third may be more than the first's, if it is so much."""

MIDDLE_MS = 5000
"""What half of the last third is answered in: at less than the peak, unless one falls behind."""

LONGEST_SECONDS = 30
"""Nobody waits so long for an answer, whatever others do; nor is anything left to do so long."""

LEAST_REACHED = 0.95
"""How much of what is asked is answered by the end: of ten minutes, nine and a half."""

KEPT_ONCE, KEPT_BYTES = 4 * 1024 * 1024, 32
"""By how much the server's memory may grow after the warm-up: in all, and with each answer.

There are caches to be filled (the largest has 10,000 names of group photos), and an allocator takes
and gives back whole arenas. What each answer may add is less than one object.
"""

MOST_POSTGRES_GROWTH = 64 * 1024 * 1024
"""Each of its processes learns of more tables and plans as it meets them, up to an end."""

SLOWER, SLOWER_MS, FEWER = 10, 1000, 3
"""By what others may be worse off in a storm: of their 99th percentile, and of their answers."""


def unsteady(heard: Heard) -> Sequence[str]:
    """What shows that a server did not keep up with what was asked of it; nothing if it did."""
    first, _, last = (heard.p_ms(99, part=part, of=3) for part in range(3))
    middle = heard.p_ms(50, part=2, of=3)
    longest, asked, reached = max(heard.took), heard.asked_per_second, heard.per_second
    found = {
        f"p99 from {first:.0f} to {last:.0f} ms": last > max(STEADY * first, CALM_MS),
        f"p50 {middle:.0f} ms in the last third": middle > MIDDLE_MS,
        f"{longest:.1f} s for an answer": longest > LONGEST_SECONDS,
        f"{heard.backlog_seconds:.1f} s to do": heard.backlog_seconds > LONGEST_SECONDS,
        f"{reached:.1f} of {asked:.1f} a second": reached < LEAST_REACHED * asked,
    }
    return [what for what, is_so in found.items() if is_so]


def grown(watch: Watch) -> Sequence[str]:
    """What shows that a server, or its PostgreSQL, keeps something of each request."""
    late = watch.late()
    growth, of_postgres = watch.growth_bytes(), watch.postgres_growth_bytes()
    most = KEPT_ONCE + KEPT_BYTES * (late[-1].answers - late[0].answers)
    found = {
        f"the server by {growth / 1e6:.1f} MB, not {most / 1e6:.1f}": growth > most,
        f"PostgreSQL by {of_postgres / 1e6:.1f} MB": of_postgres > MOST_POSTGRES_GROWTH,
    }
    return [what for what, is_so in found.items() if is_so]


def starved(beside: Heard, alone: Heard) -> Sequence[str]:
    """What shows that a storm takes from others what they have without it."""
    p99, before = beside.p_ms(99), alone.p_ms(99)
    found = {
        f"p99 {p99:.0f} ms, alone {before:.0f}": p99 > SLOWER * before + SLOWER_MS,
        f"{beside.per_second:.0f} a second, alone {alone.per_second:.0f}": (
            FEWER * beside.per_second < alone.per_second
        ),
    }
    return [what for what, is_so in found.items() if is_so]
