"""Where an answer is not as the document prints it, and says that it is."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.api.checks import boolean, integer, text
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


def unlike(shown: Any, sample: Any, path: str = "") -> list[str]:
    """Where an answer has other attributes than its sample, or of other types.

    What is in a list is like one of the samples, and there is something like each of them.
    """
    if isinstance(sample, dict):
        return list(_unlike_object(shown, sample, path))
    if isinstance(sample, list):
        return list(_unlike_list(shown, sample, path))
    kind = kind_of(sample)
    return [] if _CHECKS[kind](shown) else [f"{path} is {shown!r}, not a {kind}"]


def _unlike_object(shown: Any, sample: Mapping[str, Any], path: str) -> Iterator[str]:
    if not isinstance(shown, dict):
        yield f"{path} is {shown!r}, not an object"
        return
    ours = OURS.get(path.rpartition(".")[2], ())
    for name in (shown.keys() - set(ours)) ^ sample.keys():
        yield f"{path}.{name} is {'missing' if name in sample else 'not documented'}"
    for name in sample.keys() & shown.keys():
        yield from unlike(shown[name], sample[name], f"{path}.{name}")


def _unlike_list(shown: Any, samples: list[Any], path: str) -> Iterator[str]:
    if not isinstance(shown, list):
        yield f"{path} is {shown!r}, not a list"
        return
    for each in shown:
        found = [unlike(each, sample, f"{path}[]") for sample in samples]
        yield from min(found, key=len, default=[])
    for sample in samples:
        if not any(_type(each) == _type(sample) for each in shown):
            yield f"{path} has nothing of the type {_type(sample)}"


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
