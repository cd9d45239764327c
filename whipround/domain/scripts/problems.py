"""What is wrong with a script, each thing with its place in it."""

from whipround.errors import FieldError, Invalid, Message

MOST = 100
"""A script can be wrong in more places than anybody wants to read."""


class Problems:
    """What was found wrong so far, the first MOST things of it."""

    def __init__(self) -> None:
        self._found: list[FieldError] = []

    def add(self, place: str, code: str, predicate: Message) -> None:
        """Note that what is at `place` (`participants[3].share`) is wrong; `predicate` follows its
        name, as in "must be a string"."""
        if len(self._found) < MOST:
            self._found.append(FieldError.of(place, code, predicate, called=place))

    @property
    def are_many(self) -> bool:
        """Whether no more are noted: there is no use in looking for them."""
        return len(self._found) >= MOST

    def refuse(self) -> None:
        """Raise Invalid if anything was found wrong."""
        if self._found:
            raise Invalid(self._found)


def wrong(place: str, code: str, predicate: Message) -> Invalid:
    """The error for a single thing that is wrong."""
    return Invalid([FieldError.of(place, code, predicate, called=place)])


def too_many(most: int) -> Message:
    """What is wrong with a list of more items, as a predicate."""
    return Message.counted(
        "must have at most {count} item", "must have at most {count} items", count=most
    )


def within(place: str, name: str) -> str:
    """The place of what is called `name` in the object at `place`, which is empty at the top."""
    return f"{place}.{name}" if place else name
