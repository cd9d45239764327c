"""Where sequences are played, and what was done in all of them."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from decimal import Decimal

from tests.torture.model.place import Place

PLACE_FOR = 25
"""How many sequences share an installation: it takes a second to make and to audit."""


@dataclass
class Tally:
    """What was done, in all sequences."""

    steps: Counter[tuple[str, bool]] = field(default_factory=Counter)
    lengths: list[int] = field(default_factory=list)
    moved: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    looks: int = 0


class Setting:
    """Where all sequences of a test are played, on one installation after the other.

    `new_place` opens one; before it is left for good, what was played there is proven by `prove`.
    """

    def __init__(
        self,
        runner: asyncio.Runner,
        new_place: Callable[[], AbstractAsyncContextManager[Place]],
        prove: Callable[[Place], None],
    ) -> None:
        self.runner = runner
        self.tally = Tally()
        self._new_place = new_place
        self._prove = prove
        self._opened: AbstractAsyncContextManager[Place] | None = None
        self._place: Place
        self._sequences = 0

    def place(self) -> Place:
        """Where the next sequence is played, with nothing under way."""
        if self._opened is None or self._sequences == PLACE_FOR:
            self.finish()
            self._sequences = 0
            self._opened = self._new_place()
            self._place = self.runner.run(self._opened.__aenter__())
        self._sequences += 1
        return self._place

    def finish(self) -> None:
        """Prove what was played where we are, and leave it."""
        try:
            if self._opened is not None:
                self._prove(self._place)
        finally:
            self.leave()

    def leave(self) -> None:
        """Play no more there."""
        if self._opened is not None:
            opened, self._opened = self._opened, None
            self.runner.run(opened.__aexit__(None, None, None))
