"""Bodies: every wrong field is named, numbers stay exact, and nothing unreadable gets through."""

import contextlib
from collections.abc import Callable
from decimal import Decimal
from time import process_time
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from whipround.api import bodies
from whipround.api.bodies import (
    MAX_BODY_BYTES,
    MAX_ERRORS,
    BodyTooLarge,
    Disconnected,
    MalformedBody,
)
from whipround.api.fields import ONE_LINE, Amount, Description, Name, Pin
from whipround.errors import Invalid


class Part(BaseModel):
    amount: Amount
    name: Name = "x"


class Sent(BaseModel):
    part: Part
    pin: Pin
    text: Description = ""
    short: Annotated[str, Field(min_length=3, max_length=5), ONE_LINE] = "abc"
    count: Annotated[int, Field(ge=1, le=9)] = 1
    flag: bool = False
    kind: Literal["card", "virtual"] = "card"
    parts: Annotated[list[Part], Field(max_length=2)] = []


GOOD: dict[str, Any] = {"part": {"amount": 1}, "pin": "1234"}


def errors_of(body: object) -> dict[str, tuple[str, str]]:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    with pytest.raises(Invalid) as caught:
        bodies.parse(Sent, raw)
    return {error.field: (error.code, error.message) for error in caught.value.errors}


def test_a_good_body() -> None:
    parsed = bodies.parse(Sent, b'{"part": {"amount": 20.10}, "pin": "1234", "unknown": [1]}')

    assert parsed.part.amount == Decimal("20.10")
    assert parsed.pin == "1234"


def test_every_wrong_field_is_named_with_its_path_code_and_what_would_be_right() -> None:
    body = {
        "part": {"amount": -1, "name": " "},
        "text": 5,
        "short": "ab",
        "count": 10,
        "flag": "perhaps",
        "kind": "cash",
        "parts": [{"amount": "much"}, {"amount": 1e-9, "name": "x" * 101}],
    }

    assert errors_of(body) == {
        "part.amount": ("too_small", "Amount must be greater than 0"),
        "part.name": ("required", "Name must not be empty"),
        "pin": ("required", "Pin is required"),
        "text": ("invalid", "Text must be a string"),
        "short": ("invalid", "Short must have at least 3 characters"),
        "count": ("too_large", "Count must be at most 9"),
        "flag": ("invalid", "Flag must be true or false"),
        "kind": ("unsupported", "Kind must be one of card, virtual"),
        "parts[0].amount": ("invalid", "Amount must be a number, such as 20.50"),
        "parts[1].amount": ("too_precise", "Amount must have at most 8 decimals"),
        "parts[1].name": ("too_long", "Name must have at most 100 characters"),
    }


@pytest.mark.parametrize(
    ("given", "field", "code"),
    [
        ({"part": None}, "part", "required"),
        ({"part": []}, "part", "invalid"),
        ({"pin": None}, "pin", "required"),
        ({"pin": 1234}, "pin", "invalid"),
        ({"pin": "١٢٣٤"}, "pin", "invalid"),
        ({"pin": "1234\n"}, "pin", "invalid"),
        ({"text": "x" * 1001}, "text", "too_long"),
        ({"text": "a\u0007b"}, "text", "invalid"),
        ({"short": "a\nbc"}, "short", "invalid"),
        ({"count": 0}, "count", "too_small"),
        ({"count": 1.5}, "count", "invalid"),
        ({"parts": [{"amount": 1}] * 3}, "parts", "too_long"),
        ({"parts": 7}, "parts", "invalid"),
    ],
)
def test_codes(given: dict[str, Any], field: str, code: str) -> None:
    assert errors_of(GOOD | given)[field][0] == code


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'"x"',
        b"5",
        b"null",
        b"{",
        b"{}{}",
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": 01}',
        b'{"a": 1_000}',
        b'{"a": 1e99999999999999999999999}',
        b'{"a": ' + b"1" * 5000 + b"}",
        b'{"a": "\\ud800"}',
        b'{"a": "\xff"}',
        b'{"\xed\xa0\x80": 1}',
        b'{"a": "\x00"}',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"name=value&other=1",
    ],
)
def test_what_is_no_json_object_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        bodies.parse(Sent, body)


def test_an_empty_body_is_an_empty_object() -> None:
    assert set(errors_of(b"")) == {"part", "pin"}


def test_of_a_repeated_name_the_last_value_counts() -> None:
    assert bodies.decode(b'{"a": 1, "a": 2}') == {"a": 2}


def test_numbers_are_exact_and_huge_exponents_are_not_computed() -> None:
    decoded = bodies.decode(b'{"a": 0.1, "b": 1e999999999, "c": 12345678901234567890}')

    assert decoded["a"] == Decimal("0.1")
    assert isinstance(decoded["a"], Decimal)
    assert decoded["c"] == 12345678901234567890
    assert errors_of(b'{"pin": "1234", "part": {"amount": 1e999999999}}')["part.amount"][0] == (
        "too_large"
    )
    assert errors_of(b'{"pin": "1234", "part": {"amount": 1e-999999999}}')["part.amount"][0] == (
        "too_precise"
    )


def test_nul_characters_are_refused_wherever_they_are() -> None:
    body = b'{"part": {"amount": 1, "name": "a\\u0000"}, "other": ["\\u0000"], "pin": "1234"}'

    assert {field: code for field, (code, _) in errors_of(body).items()} == {
        "part.name": "invalid",
        "other[0]": "invalid",
    }


def test_what_is_wrong_is_at_hand_without_the_name_of_the_field() -> None:
    with pytest.raises(Invalid) as caught:
        bodies.parse(Sent, b'{"part": {"amount": 0, "name": "\\u0000"}}')

    assert {error.field: error.predicate for error in caught.value.errors} == {
        "part.amount": "must be greater than 0",
        "part.name": "must not contain a NUL character",
        "pin": "is required",
    }


def test_what_only_looks_like_an_escaped_nul_is_fine() -> None:
    body = b'{"part": {"amount": 1}, "pin": "1234", "text": "\\\\u0000"}'

    assert bodies.parse(Sent, body).text == "\\u0000"


def test_a_body_wrong_in_very_many_places_gets_an_answer_of_bearable_size() -> None:
    with pytest.raises(Invalid) as caught:
        bodies.parse(Sent, b'{"a": [' + b'"\\u0000",' * 500 + b"1]}")

    assert len(caught.value.errors) == MAX_ERRORS


def test_no_body_takes_long_however_many_places_are_wrong() -> None:
    nul = b'"\\u0000"'
    deep = b'{"a":' * 400 + b"[" + b",".join([b"[]"] * 300_000) + b"," + nul + b"]" + b"}" * 400

    for body in (b'{"a": [' + b",".join([nul] * 110_000) + b"]}", deep):
        began = process_time()
        with pytest.raises(Invalid):
            bodies.parse(Sent, body)
        assert process_time() - began < 2


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.binary() | st.dictionaries(st.sampled_from([*Sent.model_fields, "x"]), _JSON))
def test_whatever_is_sent_is_parsed_or_refused(body: object) -> None:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    with contextlib.suppress(Invalid, MalformedBody):
        bodies.parse(Sent, raw)


def _receiving(*messages: dict[str, Any]) -> Callable[[], Any]:
    line = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(line)

    return receive


def _piece(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.anyio
async def test_a_body_in_pieces_is_put_together() -> None:
    receive = _receiving(_piece(b"{}", more=True), _piece(b"", more=True), _piece(b" ", more=False))

    assert await bodies.read(receive, {}) == b"{} "


@pytest.mark.anyio
async def test_a_body_announced_too_large_is_not_even_read() -> None:
    with pytest.raises(BodyTooLarge):
        await bodies.read(_receiving(), {b"content-length": str(MAX_BODY_BYTES + 1).encode()})


@pytest.mark.anyio
async def test_a_body_that_turns_out_too_large_is_refused() -> None:
    half = _piece(b"x" * (MAX_BODY_BYTES // 2 + 1), more=True)

    with pytest.raises(BodyTooLarge):
        await bodies.read(_receiving(half, half), {})


@pytest.mark.anyio
@pytest.mark.parametrize("before", [[], [_piece(b"{", more=True)]])
async def test_a_client_that_goes_away_has_sent_nothing(before: list[dict[str, Any]]) -> None:
    with pytest.raises(Disconnected):
        await bodies.read(_receiving(*before, {"type": "http.disconnect"}), {})
