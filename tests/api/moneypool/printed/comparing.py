"""Where an answer is not as the document prints it, and says that it is."""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.api.checks import boolean, integer, text
from tests.api.comparing import Likeness
from tests.api.moneypool.documents import OURS, Documented

_DECIMAL = re.compile(r"(0|[1-9]\d*)\.(0|\d*[1-9])")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d")
_MEXICO_CITY = ZoneInfo("America/Mexico_City")


def decimal(value: object) -> bool:
    """An amount as all are written: at least one decimal, and no padding."""
    return isinstance(value, str) and bool(_DECIMAL.fullmatch(value))


def time(value: object) -> bool:
    """A time as all are written: with milliseconds, and with the offset of Mexico City."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return False
    told = datetime.fromisoformat(value)
    return told.utcoffset() == told.astimezone(_MEXICO_CITY).utcoffset()


def url(value: object) -> bool:
    """An address, or empty where there is nothing."""
    return value == "" or (isinstance(value, str) and value.startswith(("http://", "https://")))


_CHECKS: Mapping[str, Callable[[object], bool]] = {
    "boolean": boolean,
    "date": time,
    "decimal": decimal,
    "integer": integer,
    "string": text,
    "url": url,
}
"""The types that a table has, and those that can be told from a sample."""


def lacks(shown: Any, documented: Documented, *, but: Collection[str] = ()) -> list[str]:
    """The attributes of a table that an object has not, or of another type."""
    return [
        f"{name} is {shown.get(name)!r}, not a {told.kind}"
        for name, told in documented.attributes.items()
        if name not in but and not (name in shown and _CHECKS[told.kind or "string"](shown[name]))
    ]


def _wrong(shown: Any, sample: Any, path: str, *, is_one_of_many: bool) -> str:
    """What a value is not, of the kind that its sample is of."""
    del is_one_of_many
    kind = kind_of(sample)
    return "" if _CHECKS[kind](shown) else f"{path} is {shown!r}, not a {kind}"


def _is_of_kind(shown: Any, sample: Any) -> bool:
    """Whether something in a list is of the type that a sample says it is of."""
    return bool(_type(shown) == _type(sample))


def _type(item: Any) -> Any:
    """The type that an item of a list says it is of, if need be within."""
    if not isinstance(item, dict):
        return None
    return item["type"] if "type" in item else next(map(_type, item.values()), None)


def kind_of(sample: Any) -> str:
    """What kind of value a sample is."""
    if isinstance(sample, bool):
        return "boolean"
    if isinstance(sample, int):
        return "integer"
    if re.fullmatch(r"\d+\.\d+", sample):
        return "decimal"
    if sample.startswith("https://"):
        return "url"
    return "date" if _TIME.fullmatch(sample) else "string"


unlike = Likeness(_wrong, OURS, _is_of_kind).unlike
"""Where an answer has other attributes than its sample, or of other types.

Of each type of things in a list there is one.
"""
