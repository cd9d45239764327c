"""What an answer lacks of what the documents say is in it."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.api.checks import boolean, integer, text
from tests.api.memento.documented import number, time
from tests.api.memento.documents import Documented

UNSET = {
    # What a person need not have said, and somebody who is no user yet does not have.
    *("date_of_birth", "email", "image", "parent_user_id", "user_id"),
    # What is limited by those only who want to.
    *("end_at", "maximum_user_amount", "minimum_user_amount", "start_at"),
    # What has not happened, or need not.
    *("expires_at", "participants[].amount", "read_at", "transaction_id", "unclaimed_payment"),
    *("verified_at",),
    # What only some of a kind have: cards no bank account, wallets no gateway.
    *("bank_account", "card", "crypto_address", "gateway_response", "object_data_number"),
    # What is another's, who has no part in it or keeps it to themselves.
    *("details", "in_funding_source_id", "in_user_id", "out_funding_source_id", "participant"),
    *("payment_method",),
}
"""The fields that may be null."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT.*Z")

_TYPES: Mapping[str, Callable[[object], bool]] = {
    "array": lambda value: isinstance(value, list),
    "boolean": boolean,
    "float": number,
    "integer": integer,
    "string": text,
    "time": time,
    "uuid": lambda value: isinstance(value, str) and bool(_UUID.fullmatch(value)),
}
"""What a table calls the types of values; of objects it has the names."""

_MISSING = object()


def lacks(shown: Any, documented: Documented) -> list[str]:
    """Where an object is not as its table and its sample have it."""
    objects = {name for name, value in _items(documented.sample) if isinstance(value, dict)}
    told = [
        f"{name} is {value!r}, not a {kind}"
        for name, kind in documented.types.items()
        for value in [_at(shown, name)]
        if not _is_unset(name, value)
        and not (isinstance(value, dict) if name in objects else _is(kind, value))
    ]
    return [*told, *_unlike(shown, documented.sample, documented.types)]


def unlike(shown: Any, sample: Any) -> list[str]:
    """Where an answer is not as a sample of it."""
    return list(_unlike(shown, sample, {}))


def _unlike(shown: Any, sample: Any, told: Mapping[str, str], path: str = "") -> Iterator[str]:
    """Likewise; of the values that a table has `told` of, only what is in them."""
    if isinstance(sample, list):
        if not isinstance(shown, list):
            yield f"{path} is {shown!r}, not a list"
        elif sample:
            for each in shown:
                yield from _unlike(each, sample[0], {}, f"{path}[]")
    elif isinstance(sample, dict):
        for name, value in _items(sample):
            inner, where = _at(shown, name), f"{path}.{name}"
            if not _is_unset(where, inner) and (isinstance(value, dict | list) or name not in told):
                yield from _unlike(inner, value, {}, where)
    elif sample is not None and not _is(_kind(sample), shown):
        yield f"{path} is {shown!r}, unlike {sample!r}"


def _items(sample: Any) -> list[tuple[str, Any]]:
    return list(sample.items()) if isinstance(sample, dict) else []


def _at(shown: Any, path: str) -> Any:
    """What is at a path; of what is not there, nothing."""
    for name in path.split("."):
        if shown is None:
            return None
        shown = shown.get(name, _MISSING) if isinstance(shown, dict) else _MISSING
    return shown


def _is_unset(path: str, value: Any) -> bool:
    return value is None and not UNSET.isdisjoint({*path.split("."), path.removeprefix(".")})


def _is(kind: str, value: Any) -> bool:
    check = _TYPES.get(kind)
    return isinstance(value, dict) if check is None else check(value)


def _kind(sample: Any) -> str:
    """What a table would call the type of a value in a sample."""
    if isinstance(sample, bool):
        return "boolean"
    if not isinstance(sample, str):
        return "float"
    return "uuid" if _UUID.fullmatch(sample) else "time" if _TIME.fullmatch(sample) else "string"
