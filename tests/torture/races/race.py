"""What all races are: a round of each, to be run again and again."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias

from tests.torture.races.storm import Storm
from tests.torture.races.world import World

Round: TypeAlias = Callable[[World, Storm], Awaitable[None]]


class Race(NamedTuple):
    """A round, which asserts for itself, and how many of it are the whole.

    One that `is_long` is left out where there is little time.
    """

    round: Round
    rounds: int
    is_long: bool

    @property
    def name(self) -> str:
        """What it says."""
        return self.round.__name__


RACES: list[Race] = []
"""All that there are."""


def race(rounds: int, *, is_long: bool = False) -> Callable[[Round], Round]:
    """Have this be the round of a race."""

    def add(round_: Round) -> Round:
        RACES.append(Race(round_, rounds, is_long))
        return round_

    return add
