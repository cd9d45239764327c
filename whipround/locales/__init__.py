"""What people read, in their language: gettext catalogs, whose msgids are the English texts.

A catalog is a `<language>/LC_MESSAGES/whipround.po` in this folder, read when the first person
asks for that language. What has no translation is read in English.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from gettext import GNUTranslations
from importlib.resources import files
from io import BytesIO

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from whipround.errors import Message

ENGLISH = "en"

LANGUAGES: Sequence[str] = (ENGLISH, "es")
"""Those that everything is written in."""

# RFC 9110, 12.5.4: a language with a weight, `es-MX;q=0.8`.
_RANGE = re.compile(
    r"\s*([a-z]{2,3}(?:-[a-z0-9]{1,8}){0,3})\s*(?:;\s*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*)?",
    re.ASCII | re.IGNORECASE,
)
_LONGEST_HEADER = 500


def translate(message: str, locale: str) -> str:
    """The message as a reader of the locale ("es-MX") understands it.

    It stays English where there is no such language, or no translation.
    """
    spoken = language(locale)
    if spoken is None or spoken == ENGLISH:
        return str(message)
    catalog = _catalog(spoken)
    if not isinstance(message, Message):
        return catalog.gettext(message) if message else ""
    if message.plural:
        template = catalog.ngettext(message.template, message.plural, message.number)
    elif message.context:
        template = catalog.pgettext(message.context, message.template)
    else:
        template = catalog.gettext(message.template)
    return template.format(**_translated(message.values, locale)) if message.values else template


def language(locale: str) -> str | None:
    """The one of LANGUAGES that a locale is of: "es" for "es-MX"; None if it is of another."""
    found = locale.replace("_", "-").partition("-")[0].lower()
    return found if found in LANGUAGES else None


def accepted(header: str) -> str | None:
    """The locale that an Accept-Language header likes best, as it says it, of those in LANGUAGES.

    None where it names none of them; what cannot be read of it is passed over.
    """
    return _best(header[:_LONGEST_HEADER])


@lru_cache(maxsize=256)
def _best(header: str) -> str | None:
    weights: dict[str, float] = {}
    for piece in header.split(","):
        match = _RANGE.fullmatch(piece)
        if match is not None and language(match[1]) is not None:
            weights.setdefault(match[1], float(match[2] or 1))
    best = max(weights, key=lambda each: weights[each], default=None)
    return best if best is not None and weights[best] else None


def _translated(values: Mapping[str, object], locale: str) -> dict[str, object]:
    return {
        name: translate(value, locale) if isinstance(value, Message) else value
        for name, value in values.items()
    }


@cache
def _catalog(spoken: str) -> GNUTranslations:
    """The catalog of one of LANGUAGES other than English."""
    compiled = BytesIO()
    with files(__name__).joinpath(spoken, "LC_MESSAGES", "whipround.po").open("rb") as source:
        write_mo(compiled, read_po(source, locale=spoken))
    compiled.seek(0)
    return GNUTranslations(compiled)
