import pytest

from whipround.errors import Message
from whipround.locales import accepted, language, translate

A_LIMIT = Message("Limit must be at most {most}", most=100)


class TestTranslate:
    def test_a_message_with_a_value(self) -> None:
        assert translate(A_LIMIT, "es") == "limit: debe ser 100 como máximo"
        assert translate(A_LIMIT, "en") == "Limit must be at most 100"

    def test_a_plain_message(self) -> None:
        assert translate("The PIN is wrong.", "es") == "El PIN es incorrecto."
        assert translate("The PIN is wrong.", "en-GB") == "The PIN is wrong."

    @pytest.mark.parametrize("locale", ["es-MX", "es_MX", "ES", "es-419"])
    def test_a_region_reads_its_language(self, locale: str) -> None:
        assert translate(A_LIMIT, locale) == "limit: debe ser 100 como máximo"

    @pytest.mark.parametrize("locale", ["de-DE", "est", "xx", "", "../es", "é"])
    def test_whoever_has_no_catalog_reads_english(self, locale: str) -> None:
        assert translate(A_LIMIT, locale) == "Limit must be at most 100"

    @pytest.mark.parametrize("message", ["Gibberish {x}", "", Message("Gibberish")])
    def test_what_has_no_translation_stays_as_it_is(self, message: str) -> None:
        assert translate(message, "es") == message

    @pytest.mark.parametrize(
        ("count", "english", "spanish"),
        [
            (0, "0 decimals", "0 decimales"),
            (1, "1 decimal", "1 decimal"),
            (2, "2 decimals", "2 decimales"),
        ],
    )
    def test_a_number_has_its_form(self, count: int, english: str, spanish: str) -> None:
        message = Message.counted(
            "must have at most {count} decimal", "must have at most {count} decimals", count=count
        )

        assert message == f"must have at most {english}"
        assert translate(message, "es") == f"puede tener {spanish} como máximo"

    def test_a_message_within_a_message_is_translated_with_it(self) -> None:
        message = Message(
            "{field} {predicate}", field=Message.field("Amount"), predicate=Message("is required")
        )

        assert message == "Amount is required"
        assert translate(message, "es") == "Monto: dato obligatorio"

    def test_a_value_is_no_template(self) -> None:
        message = Message("there is no type {name}", name="{0.__class__}")

        assert message == "there is no type {0.__class__}"
        assert translate(message, "es") == "no hay ningún tipo {0.__class__}"

    def test_a_translation_is_a_string_like_any_other(self) -> None:
        assert {type(translate(A_LIMIT, each)) for each in ("en", "es")} == {str}


def test_the_language_of_a_locale() -> None:
    assert [language(each) for each in ("es-MX", "en_GB", "EN", "de", "")] == [
        "es",
        "en",
        "en",
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        ("es", "es"),
        ("es-MX,es;q=0.9,en;q=0.8", "es-MX"),
        ("en;q=0.8, es-ES;q=0.9", "es-ES"),
        ("fr-CH, fr;q=0.9, es;q=0.2, *;q=0.1", "es"),
        ("en-GB , es", "en-GB"),
        ("ES-mx ; Q=0.5", "ES-mx"),
        ("es;q=0, en;q=0.001", "en"),
        ("es;q=0", None),
        ("*", None),
        ("de", None),
        ("", None),
        ("es;q=2", None),
        ("español, es;q=high, es-, ;, e", None),
        ("de," * 5000 + "es", None),
    ],
)
def test_what_a_header_accepts(header: str, locale: str | None) -> None:
    assert accepted(header) == locale
