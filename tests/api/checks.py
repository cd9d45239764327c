"""Checks of what an answer looks like, which every dialect's documents are turned into."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

Check: TypeAlias = "Callable[[object], bool] | Mapping[str, Check]"


def text(value: object) -> bool:
    """A string, perhaps an empty one."""
    return isinstance(value, str)


def boolean(value: object) -> bool:
    """True or false."""
    return isinstance(value, bool)


def integer(value: object) -> bool:
    """A whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def nothing(value: object) -> bool:
    """Null: there is none, or none yet."""
    return value is None


def a_list_of(check: Check) -> Callable[[object], bool]:
    """A list, each of whose items passes."""
    return lambda value: (
        isinstance(value, list) and all(_differs(it, check, "") == "" for it in value)
    )


def differs(shown: object, documented: Mapping[str, Check]) -> str:
    """Where a shown object is not as documented: the first such place; empty if it is."""
    return _differs(shown, documented, "")


def _differs(shown: object, documented: Check, path: str) -> str:
    if callable(documented):
        return "" if documented(shown) else f"{path} is {shown!r}"
    if not isinstance(shown, dict):
        return f"{path} is {shown!r}"
    if shown.keys() != documented.keys():
        return f"{path}: {sorted(shown.keys() ^ documented.keys())}"
    each = (_differs(shown[name], check, f"{path}.{name}") for name, check in documented.items())
    return next(filter(None, each), "")
