"""Where an answer is not as the document prints it: values too, but for those that are free."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from tests.api.comparing import Likeness

OURS: Mapping[str, Sequence[str]] = {
    "participants": (".derivation",),
    "script": (".fee",),
    "payment_script": (".fee",),
    "result": ("fee",),
}
"""The fields that objects have besides what the document has."""

_TEXTS = {
    "a digest": r"[0-9a-f]{32}",
    "an amount with 8 decimals": r"-?\d+\.\d{8}",
    "a time": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    "a decimal number": r"\d+(\.\d*[1-9])?",
    "an address": r"https?://\S+",
    "a text": r"(?s).*",
}
"""The forms of texts, the narrowest first."""

_VARIOUS = {
    ".x-id": (str,),
    "share": (int, str),
    "unclaimed": (str, type(None)),
    "unclaim_id": (str, type(None)),
}
"""What is of several types or forms, by its field: one sample cannot have them all."""


def form_of(sample: Any) -> str:
    """What form a value has."""
    match sample:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | Decimal():
            return "a number"
        case str():
            return next(form for form, text in _TEXTS.items() if re.fullmatch(text, sample))
    raise AssertionError(sample)


def is_formed(value: Any, form: str) -> bool:
    """Whether a value has a form."""
    if isinstance(value, str) and form in _TEXTS:
        return re.fullmatch(_TEXTS[form], value) is not None
    return not isinstance(value, str) and form_of(value) == form


def like(free: Collection[str] = ()) -> Callable[[Any, Any], list[str]]:
    """Where an answer is not what its sample is.

    Of what is at the `free` paths, as "result[].id", and of things in a list beside the one that a
    sample is of, only the form counts.
    """

    def wrong(shown: Any, sample: Any, path: str, *, is_one_of_many: bool) -> str:
        where = path.removeprefix(".")
        if not is_one_of_many and where not in free:
            same = type(shown) is type(sample) and shown == sample
            return "" if same else f"{where} is {shown!r}, not {sample!r}"
        form = form_of(sample)
        if is_one_of_many and sample is None:  # which says nothing of others
            return ""
        if is_formed(shown, form) or isinstance(shown, _VARIOUS.get(_last(where), ())):
            return ""
        return f"{where} is {shown!r}, not {form} as {sample!r}"

    return Likeness(wrong, OURS).unlike


def _last(path: str) -> str:
    """The field that a path ends in, whose name may begin with a dot."""
    before, dot, name = path.rpartition(".")
    return dot + name if before.endswith(".") else name
