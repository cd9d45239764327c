"""What is shown of a script can be read again, and says what everybody gets."""

from dataclasses import replace
from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.scripts.scripts import HOST, PEOPLE, divisible, made, read, scripts
from tests.money import EUR, MXN
from whipround.domain.scripts.describing import (
    Circumstances,
    Known,
    annotated,
    canonical,
    decimal_text,
    plain,
    share_text,
    without_bookkeeping,
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
        circumstances=replace(API, is_invoiced=True, referrer="https://host.org/from"),
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

    assert without_bookkeeping(shown) == plain(script, people=PEOPLE)
    # Nor is it believed when it comes back.
    assert read(shown) == replace(script, type="payment")


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


# What a preview is known by.


def test_equal_previews_have_equal_bytes() -> None:
    script = read(
        '{"participants": [{"id": "Ann", "share": "10.0%"}, {"id": "ben", "share": "2"}]}'
    )
    again = read(
        '{"participants": [{"share": "10%", "id": "https://mobbr.com/#/person/ann"},'
        ' {"id": "ben", "share": 2}], "comment": "again", "type": "payment"}'
    )

    first = canonical(script, divide(script, EUR("1.0")), options={"payer": "x", "invoiced": True})

    assert first == canonical(
        again, divide(again, EUR("1.00000000")), options={"invoiced": True, "payer": "x"}
    )


def test_whatever_differs_has_other_bytes() -> None:
    script = made("10%", 1, 2)
    money = EUR("1.00")
    turned = replace(script, participants=script.participants[::-1])
    previews = [
        canonical(script, divide(script, money), options={}),
        canonical(script, divide(script), options={}),
        canonical(script, divide(script, EUR("1.01")), options={}),
        canonical(script, divide(script, MXN("1.00")), options={}),
        canonical(script, divide(script, money), options={"invoiced": True}),
        canonical(script, divide(script, money), options={"invoiced": False}),
        canonical(script, divide(script, money), options={"invoiced": 1}),
        canonical(turned, divide(turned, money), options={}),
    ]
    others = (
        replace(script, title="A"),
        replace(script, message="A"),
        replace(script, type="pledge"),
        replace(script, participants=(replace(script.participants[0], role="A"),)),
        made("10%", 2, 4),
        made("10.1%", 1, 2),
        made("10%", 1, 2, 1),
    )
    previews += [canonical(other, divide(other, money), options={}) for other in others]

    assert len(set(previews)) == len(previews)


@given(divisible(), st.decimals(min_value=10**11, max_value=10**12, places=2))
def test_the_same_preview_made_twice_is_the_same(script: Script, amount: Decimal) -> None:
    money = EUR(str(amount))

    assert canonical(script, divide(script, money), options={}) == canonical(
        replace(script), divide(script, money), options={}
    )
