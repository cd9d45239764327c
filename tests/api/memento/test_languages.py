"""What goes wrong is said in the reader's language, and a kept answer stays as it was."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.memento.client import error_code
from tests.api.memento.paying import PAYMENTS, Customer, Town
from tests.money import EUR

pytestmark = pytest.mark.anyio


@pytest.fixture
async def bob(place: Town) -> Customer:
    return await place.person()


def messages(answer: httpx.Response) -> list[str]:
    return [error["message"] for error in answer.json()["errors"]]


WRONG_PIN = {"en": "The PIN is wrong.", "es": "El PIN es incorrecto."}


@pytest.mark.parametrize(
    ("locale", "header", "language"),
    [
        ("en", None, "en"),
        ("es-MX", None, "es"),
        ("es-MX", "en-GB", "en"),
        ("en", "de, es-MX;q=0.8, en;q=0.5", "es"),
        ("es_MX", "de", "es"),
        ("es", "*", "es"),
        ("de-DE", None, "en"),
        ("de-DE", "fr, it", "en"),
    ],
)
async def test_an_error_is_in_a_language_that_is_accepted_else_in_ones_own(
    place: Town, bob: Customer, locale: str, header: str | None, language: str
) -> None:
    ann = await place.person(EUR("10.00"), locale=locale)
    client = ann.client.reading(header)

    declined = await client.post(PAYMENTS, ann.order(bob, pin="9999"))
    malformed = await client.post(PAYMENTS, b"[")

    assert messages(declined) == [WRONG_PIN[language]]
    for answer in (declined, malformed):
        assert answer.headers["Content-Language"] == language
        assert answer.headers["Vary"] == "accept-language"


async def test_whoever_has_not_logged_in_reads_what_they_accept(place: Town) -> None:
    answer = await place.client.reading("es-MX").post("/v1/users", {})

    assert "Nombre: dato obligatorio" in messages(answer)


async def test_wrong_fields_are_named_and_explained(place: Town, bob: Customer) -> None:
    ann = await place.person(EUR("10.00"), locale="es-MX")
    order = ann.order(bob, "-1", currency="JPY", description="x" * 1001, pin="12")

    answer = await ann.post(PAYMENTS, order)
    filtered = await ann.get(f"{PAYMENTS}?filter=status:eq:odd&limit=1000")

    said: dict[str, Any] = {it["field"]: it["message"] for it in answer.json()["errors"]}
    assert said == {
        "currency": "Moneda: debe ser uno de estos valores: EUR, USD, GBP, MXN, ISK",
        "description": "Descripción: puede tener 1000 caracteres como máximo",
        "recipient.amount": "Monto: debe ser mayor que 0",
        "pin": "PIN: deben ser de 4 a 8 dígitos",
    }
    assert messages(filtered)[1:] == ["limit: debe ser 100 como máximo"]
    assert filtered.headers["Content-Language"] == "es"


async def test_a_kept_answer_is_replayed_as_it_was(place: Town, bob: Customer) -> None:
    ann = await place.person(EUR("1.00"))
    key, order = uuid4(), ann.order(bob, "5.00")
    reads_spanish, reads_english = ann.client.reading("es"), ann.client.reading("en")

    first = await reads_spanish.post(PAYMENTS, order, key=key)
    again = await reads_english.post(PAYMENTS, order, key=key)
    other = await reads_english.post(PAYMENTS, order | {"description": "Tea"}, key=key)

    assert error_code(first) == "insufficient_funds"
    assert messages(first) == ["No hay suficiente dinero en la cuenta para esto y su comisión."]
    assert first.headers["Content-Language"] == "es"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert "Content-Language" not in again.headers
    assert messages(other) == [
        "This Idempotency-Key or Correlation-ID was already used for a different request."
    ]


async def test_at_the_same_moment_each_reads_their_own_language(place: Town, bob: Customer) -> None:
    people = [await place.person(locale=each) for each in ("es", "en", "es-MX", "de")]

    answers = await asyncio.gather(*(each.pay(bob) for each in people))

    spanish = "No hay suficiente dinero en la cuenta para esto y su comisión."
    english = "There is not enough money in the account for this and its fee."
    assert [messages(each) for each in answers] == [[spanish], [english], [spanish], [english]]


async def test_what_one_was_told_is_read_in_the_language_that_is_accepted(
    place: Town, bob: Customer
) -> None:
    ann = await place.person(EUR("10.00"), first_name="Ann", last_name="Lee")
    await ann.paid(bob, "6.00", description="Tea")
    path = "/v1/notifications"

    told = {
        each: await bob.client.reading(each).get(path) for each in ("es-MX", "en", "de-DE", None)
    }

    assert [[it["description"] for it in answer.json()] for answer in told.values()] == [
        ["Ann Lee te pagó EUR 6.00: Tea"],
        ["Ann Lee paid you €6.00: Tea"],
        ["Ann Lee paid you €6.00: Tea"],
        ["Ann Lee paid you €6.00: Tea"],
    ]
    assert told["es-MX"].headers["Content-Language"] == "es"
