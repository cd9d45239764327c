"""What the examples need around them, and how one is sent as it is printed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpx

from tests.api.documents import Endpoint, replaced
from tests.api.memento.paying import Customer, Town


@dataclass(frozen=True, slots=True)
class Stage:
    """John and Arnar, who have some hundred euros each, and the body as it is printed."""

    place: Town
    john: Customer
    arnar: Customer
    printed: Any

    def body(self, **values: Any) -> Any:
        """The body, with other values for what "as printed" leaves to be replaced.

        Those are ids, tokens, codes, addresses, and dates long past. A value is put wherever its
        name is, one after the other if it is an iterator.
        """
        return replaced(self.printed, values)


Play: TypeAlias = Callable[[Stage], Awaitable[httpx.Response]]


@dataclass(frozen=True, slots=True)
class Scene:
    """How the examples of an endpoint are played, and what object their answer is, or a list of.

    `shows` is None where no document says that there is any.
    """

    play: Play
    shows: str | None


SCENES: dict[Endpoint, Scene] = {}


def scene(endpoint: str, *, shows: str | None = None) -> Callable[[Play], Play]:
    """Have this play the examples of an endpoint."""
    method, path = endpoint.split()

    def add(play: Play) -> Play:
        SCENES[Endpoint(method, path)] = Scene(play, shows)
        return play

    return add
