"""How long a suite goes on: as short as it may in `make test`, as long as asked in the torture."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effort:
    """`length` 0 is a quick look, 1 the whole of it, 2 twice that."""

    length: float

    @property
    def is_quick(self) -> bool:
        """Whether it is only looked at."""
        return self.length == 0

    def of(self, whole: int, *, quick: int) -> int:
        """How many, of what is `whole` at length 1; never fewer than `quick`."""
        return quick if self.is_quick else max(quick, round(whole * self.length))
