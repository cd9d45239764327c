"""The catalogs as they are in the repository, and as they have to be for the messages there are."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po

import whipround.locales
from tests.locales.extraction import Found
from whipround.locales import ENGLISH, LANGUAGES

FOLDER = Path(whipround.locales.__file__).parent

# Without dates and names: they are in the repository's history.
_HEADER = r"""msgid ""
msgstr ""
"Language: {language}\n"
"Plural-Forms: {plurals}\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=utf-8\n"
"Content-Transfer-Encoding: 8bit\n"

"""


def translated() -> Iterator[str]:
    """The languages that have a catalog."""
    return (each for each in LANGUAGES if each != ENGLISH)


def path(language: str) -> Path:
    """Where the catalog of a language is."""
    return FOLDER / language / "LC_MESSAGES" / "whipround.po"


def load(language: str) -> Catalog:
    """The catalog of a language."""
    with path(language).open("rb") as file:
        return read_po(file, locale=language)


def template(found: Found) -> Catalog:
    """A catalog of all messages, in no language."""
    catalog = Catalog(fuzzy=False)
    for message, files in found.messages.items():
        catalog.add(
            (message.text, message.plural) if message.plural else message.text,
            context=message.context or None,
            locations=[(file, 1) for file in sorted(files)],
        )
    return catalog


def lacking(catalog: Catalog) -> list[str]:
    """The messages without a translation."""
    return [str(message.id) for message in catalog if message.id and not all(strings(message))]


def strings(message: Message) -> Sequence[str]:
    """The translation of a message: one, or one for each plural form."""
    found = message.string
    return [found or ""] if isinstance(found, str | None) else [str(each) for each in found]


def merge(language: str, found: Found) -> None:
    """Write a language's catalog anew: with what has been added, without what is gone."""
    catalog = load(language) if path(language).exists() else Catalog(locale=language)
    catalog.update(template(found), no_fuzzy_matching=True)
    for message in catalog:
        message.flags.clear()  # babel takes Jinja2's for a format of Python's
    path(language).parent.mkdir(parents=True, exist_ok=True)
    with path(language).open("wb") as file:
        file.write(_HEADER.format(language=language, plurals=catalog.plural_forms).encode())
        write_po(
            file,
            catalog,
            width=100,
            omit_header=True,
            ignore_obsolete=True,
            include_lineno=False,
            sort_by_file=True,
        )
