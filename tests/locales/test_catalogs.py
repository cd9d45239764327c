"""No message lacks a translation, and none says something else than it has to."""

from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message
from jinja2 import Environment, meta

from tests.locales import catalogs
from tests.locales.extraction import Found, MessageId, extract


@pytest.fixture(scope="module")
def found() -> Found:
    return extract()


@pytest.fixture(scope="module", params=sorted(catalogs.translated()))
def catalog(request: pytest.FixtureRequest) -> Catalog:
    return catalogs.load(request.param)


def entries(catalog: Catalog) -> dict[MessageId, Message]:
    """The entries, by what the source has in their place."""
    found = {}
    for message in catalog:
        if message.id:
            text, plural = (message.id, "") if isinstance(message.id, str) else message.id
            found[MessageId(text, plural, message.context or "")] = message
    return found


def placeholders(text: str) -> set[str]:
    """What is to be filled in: the names of values, as by str.format."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_the_source_says_what_can_be_translated(found: Found) -> None:
    assert found.problems == []
    assert MessageId("The PIN is wrong.") in found.messages
    assert MessageId("Amount", context="field") in found.messages


def test_every_message_has_a_translation_and_no_translation_is_left_over(
    found: Found, catalog: Catalog
) -> None:
    there = entries(catalog)

    assert sorted(found.messages.keys() - there.keys()) == [], "run `make messages`, translate"
    assert sorted(there.keys() - found.messages.keys()) == [], "run `make messages`"
    assert catalogs.lacking(catalog) == []
    assert [message.id for message in catalog if message.fuzzy and message.id] == []
    assert list(catalog.obsolete) == []


def test_a_translation_has_the_values_of_its_message(found: Found, catalog: Catalog) -> None:
    for key, message in entries(catalog).items():
        if key in found.templates:
            continue
        values = placeholders(key.text) | placeholders(key.plural)
        for translation in catalogs.strings(message):
            assert placeholders(translation) == values, key


def test_a_translated_template_has_the_values_of_its_text(found: Found, catalog: Catalog) -> None:
    jinja = Environment()

    def values(text: str) -> set[str]:
        return meta.find_undeclared_variables(jinja.parse(text))

    jinja.filters = dict.fromkeys(("spoken", "document"), str)
    for key, message in entries(catalog).items():
        if key in found.templates:
            [translation] = catalogs.strings(message)
            assert values(translation) == values(key.text), key
            assert translation.endswith("\n") == key.text.endswith("\n"), key
