"""Texts of others, as short and as tame as what is shown to people has to be."""

import re

# Control characters, line and paragraph separators, what turns the direction of writing, and what
# no text has: none of them is to be seen, and some make one name look like another.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]+"
)


def line(text: str | None, most: int) -> str | None:
    """The text as one line of at most `most` characters; None where nothing is left of it."""
    if text is None:
        return None
    return " ".join(_UNSEEN.sub(" ", text[: 4 * most]).split())[:most].rstrip() or None


def lines(text: str | None, most: int) -> str | None:
    """The same with its lines as they are."""
    if text is None:
        return None
    kept = (_UNSEEN.sub(" ", each).rstrip() for each in text[: 2 * most].splitlines())
    return "\n".join(kept).strip()[:most].rstrip() or None
