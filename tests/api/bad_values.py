"""What must not be taken for a value of a body, by its schema, whatever the dialect."""

from collections.abc import Iterator
from typing import Any

from tests.api.described import at, kinds

Json = dict[str, Any]

TYPES: tuple[Any, ...] = ([], {}, ["1.00"], {"a": 1}, True, False)
"""What no field takes."""

TEXTS = (5, 1.5, "a\x00b", "a\x07b", "\u202e", "x" * 100_000)
SECRETS = (5, 1.5, "x" * 100_000)
AMOUNTS = (
    *("", " ", "abc", "NaN", "nan", "Infinity", "-Infinity", "1_000", "1,000.00", "1e3", "0x10"),
    *("-1.00", "+1.00", "0", "0.00", "1.234", "0.001", "1.", ".5", "１", " 1.00", "1.00 "),
    *("1000000000000.01", "9" * 30, "9" * 10_000, -1, 0, 1.234, 10**13, 10**400, float("1e300")),
)
NUMBERS = (
    *("", "x", "1.0", "-1", "+1", "１", "1" * 30, -1, 0, 1.5, 1.0),
    *(10**9, 2**63 - 1, 2**63, 2**64, 10**400),
)


def leaves(body: Json, prefix: str = "") -> Iterator[str]:
    """The paths of all values in a body."""
    for name, value in body.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def leaves_of(schema: Json, prefix: str = "") -> Iterator[str]:
    """The paths of all values in a body of that schema."""
    for name, field in schema["properties"].items():
        inner = [it for it in kinds(field) if "properties" in it]
        if inner:
            for each in inner:
                yield from leaves_of(each, f"{prefix}{name}.")
        else:
            yield prefix + name


def with_value(body: Json, path: str, value: Any) -> Json:
    """The body with another value, or with none if it is `...`."""
    name, _, below = path.partition(".")
    if below:
        return body | {name: with_value(body[name], below, value)}
    return (
        body | {name: value} if value is not ... else {k: v for k, v in body.items() if k != name}
    )


def is_required(schema: Json, path: str) -> bool:
    """Whether a body has to have it, by its schema."""
    above, _, name = path.rpartition(".")
    parts = at(schema, above) if above else [schema]
    return any(name in kind.get("required", ()) for each in parts for kind in kinds(each))


def bad_values(schema: Json, path: str) -> Iterator[Any]:
    """All that must not be taken for a value."""
    found = [kind for each in at(schema, path) for kind in kinds(each)]
    types = {kind.get("type") for kind in found}
    yield from TYPES
    if is_required(schema, path):
        yield from (..., None, "")
    if "integer" in types:
        yield from NUMBERS
    elif "number" in types:
        yield from AMOUNTS
    else:
        yield from SECRETS if any(it.get("format") == "password" for it in found) else TEXTS
