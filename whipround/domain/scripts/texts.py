"""The texts of a script: of one line or several, web addresses, languages, keywords.

Each function takes a value as it came, notes what is wrong with it, and returns it as it is kept;
None for what is not said, or is wrong.
"""

import re
from typing import NamedTuple

from whipround.domain.scripts import addresses
from whipround.domain.scripts.problems import Problems, too_many
from whipround.errors import Message

MOST_KEYWORDS = 100

# Control characters, those that turn the direction, by which one text reads as another, and halves
# of characters, which nothing can keep.
_NOT_IN_LINES = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_NOT_IN_TEXTS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,3}", re.ASCII)


class Form(NamedTuple):
    """What a text may be: of so many characters at most, on one line or several."""

    most: int
    lines: bool = False


TITLE = Form(300)
DESCRIPTION = Form(5_000, lines=True)
MESSAGE = Form(1_000, lines=True)
COPYRIGHT = Form(addresses.LONGEST)
ROLE = Form(100)
KEYWORD = Form(100)
COMMENT = Form(1_000, lines=True)


def text(value: object, form: Form, *, place: str, problems: Problems) -> str | None:
    """A text; a line is kept without the blanks around it."""
    if value is None:
        return None
    if not isinstance(value, str):
        problems.add(place, "invalid", Message("must be a string"))
        return None
    kept = value if form.lines else value.strip()
    if len(kept) > form.most:
        predicate = Message("must have at most {most} characters", most=form.most)
        problems.add(place, "too_long", predicate)
        return None
    if form.lines:
        if _NOT_IN_TEXTS.search(kept):
            problems.add(place, "invalid", Message("must not contain control characters"))
            return None
    elif _NOT_IN_LINES.search(kept):
        predicate = Message("must be one line without control characters")
        problems.add(place, "invalid", predicate)
        return None
    return kept or None


def web_address(value: object, *, place: str, problems: Problems) -> str | None:
    """An http or https address, in its normal form."""
    if value is None or value == "":
        return None
    address = addresses.normalised(value.strip()) if isinstance(value, str) else None
    if address is None:
        problems.add(place, "invalid", Message("must be an http or https address"))
    return address


def language(value: object, *, place: str, problems: Problems) -> str | None:
    """A language, and perhaps what narrows it down, as it is written."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and _LANGUAGE.fullmatch(value):
        return value
    problems.add(place, "invalid", Message("must be a language, such as EN or en-GB"))
    return None


def keywords(value: object, *, place: str, problems: Problems) -> tuple[str, ...]:
    """A list of keywords, each of them once, however it is capitalised."""
    if value is None:
        return ()
    if not isinstance(value, list):
        problems.add(place, "invalid", Message("must be a list"))
        return ()
    if len(value) > MOST_KEYWORDS:
        problems.add(place, "too_long", too_many(MOST_KEYWORDS))
        return ()
    found: dict[str, str] = {}
    for position, each in enumerate(value):
        keyword = text(each, KEYWORD, place=f"{place}[{position}]", problems=problems)
        if keyword is not None:
            found.setdefault(keyword.casefold(), keyword)
    return tuple(found.values())
