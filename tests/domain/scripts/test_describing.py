"""What is shown of a script can be read again, and says what everybody gets."""

from dataclasses import replace
from decimal import Decimal

import msgspec
from hypothesis import given, settings

from tests.domain.scripts.scripts import HOST, PEOPLE, divisible, made, read, scripts
from tests.money import EUR
from whipround.domain.scripts.describing import (
    Circumstances,
    Known,
    annotated,
    decimal_text,
    plain,
    share_text,
)
from whipround.domain.scripts.parsing import parse
from whipround.domain.scripts.script import Parts, Percent, Script
from whipround.domain.scripts.splitting import divide

API = Circumstances(script_types=("api",), favicon="https://host.org/icon.png")


def show(script: Script, *, is_invoiced: bool = False) -> dict[str, object]:
    return annotated(
        script,
        divide(script, EUR("10.00")),
        people=PEOPLE,
        known=[Known() for _ in script.participants],
        circumstances=Circumstances(is_invoiced=is_invoiced),
    )


@given(scripts())
@settings(max_examples=50)
def test_a_script_that_is_written_reads_the_same(script: Script) -> None:
    text = msgspec.json.encode(plain(script, people=PEOPLE))

    assert parse(text, hosts={HOST}) == script
    assert msgspec.json.encode(plain(read(text), people=PEOPLE)) == text


def test_the_plain_form() -> None:
    script = read(
        '{"title": "Any", "keywords": ["soap"], "message": "Thanks", "image": "https://Host.org",'
        ' "participants": [{"id": "Ann", "share": "24"},'
        ' {"comment": "Since 2014", "share": "2.50%", "role": "Editor", "id": "me@mail.com"}]}'
    )

    shown = plain(script, people=PEOPLE)

    assert shown == {
        "image": "https://host.org/",
        "title": "Any",
        "participants": [
            {"id": "https://pay.example/#/person/ann", "role": "", "share": 24},
            {
                "id": "mailto:me@mail.com",
                "role": "Editor",
                "share": "2.5%",
                "comment": "Since 2014",
            },
        ],
        "keywords": ["soap"],
        "message": "Thanks",
        "type": "payment",
    }
    assert list(shown) == ["image", "title", "participants", "keywords", "message", "type"]


def test_the_annotated_form() -> None:
    script = made("10%", 2)
    shown = annotated(
        script,
        divide(script, EUR("0.10")),
        people=PEOPLE,
        known=[Known("P0", "7194e8d48fa1d2b689f99443b767316c"), Known()],
        circumstances=replace(
            API, is_invoiced=True, referrer="https://host.org/from", fee=Decimal("0.020")
        ),
    )

    assert shown == {
        "participants": [
            {
                "id": "https://pay.example/#/person/p0",
                "role": "",
                "share": "10%",
                ".x-id": "P0",
                ".amount": "0.01",
                ".percentage": "10",
                ".gravatar": "7194e8d48fa1d2b689f99443b767316c",
                ".derivation": {
                    "by": "percent",
                    "share": "10",
                    "of": "100",
                    "percent": "100",
                    "remainder": "0",
                },
            },
            {
                "id": "https://pay.example/#/person/p1",
                "role": "",
                "share": 2,
                ".x-id": None,
                ".amount": "0.09",
                ".percentage": "90",
                ".gravatar": None,
                ".derivation": {
                    "by": "parts",
                    "share": "2",
                    "of": "2",
                    "percent": "90",
                    "remainder": "0",
                },
            },
        ],
        "type": "payment",
        ".script-type": ["api"],
        ".amount": Decimal("0.1"),
        ".fee": Decimal("0.02"),
        ".currency": "EUR",
        ".invoiced": True,
        ".referrer": "https://host.org/from",
        ".favicon": "https://host.org/icon.png",
        ".logo": None,
    }


def test_without_an_amount_nothing_is_said_of_amounts() -> None:
    script = made(1)

    shown = annotated(
        script, divide(script), people=PEOPLE, known=[Known()], circumstances=Circumstances()
    )

    assert shown[".amount"] is shown[".currency"] is None
    assert shown["participants"] == [
        {
            "id": "https://pay.example/#/person/p0",
            "role": "",
            "share": 1,
            ".x-id": None,
            ".percentage": "100",
            ".gravatar": None,
            ".derivation": {"by": "parts", "share": "1", "of": "1", "percent": "100"},
        }
    ]


@given(divisible())
def test_the_plain_form_is_the_annotated_one_without_bookkeeping(script: Script) -> None:
    shown = annotated(
        script,
        divide(script, EUR("1000000000000.00")),
        people=PEOPLE,
        known=[Known("Ann", "")] * len(script.participants),
        circumstances=API,
    )

    assert _without_bookkeeping(shown) == plain(script, people=PEOPLE)
    # Nor is it believed when it comes back.
    assert read(shown) == replace(script, type="payment")


def _without_bookkeeping(shown: object) -> object:
    """All but the fields that begin with a dot."""
    if isinstance(shown, list):
        return [_without_bookkeeping(each) for each in shown]
    if not isinstance(shown, dict):
        return shown
    return {name: _without_bookkeeping(value) for name, value in shown.items() if name[0] != "."}


def test_the_order_of_fields_is_always_the_same() -> None:
    assert list(show(made(1))) == list(show(made(1, "10%"), is_invoiced=True))


def test_texts_of_numbers() -> None:
    assert share_text(Parts(24)) == "24"
    assert share_text(Percent(Decimal("2.50"))) == "2.5%"
    assert [decimal_text(Decimal(it)) for it in ("100", "0.01000000", "1E+3", "0E-8")] == [
        "100",
        "0.01",
        "1000",
        "0",
    ]
