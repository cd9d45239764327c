"""What bodies about funding sources must be like: every wrong field is named, at once."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.api.conftest import Shared
from tests.api.memento.client import Json, wrong_fields
from tests.api.memento.paying import SOURCES, Customer, new_account, new_card, said, town
from whipround.domain.funding import types

pytestmark = pytest.mark.anyio

YEAR = datetime.now(UTC).year

BTC: Json = {
    "description": "Coins",
    "type": "crypto_address",
    "crypto_address": {"address": "1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "currency": "BTC"},
}


@pytest.fixture(scope="module")
async def ann(shared: Shared) -> AsyncIterator[Customer]:
    """Somebody who adds nothing at all."""
    async with town(shared) as place:
        ann = await place.person()
        yield ann
        assert len(said(await ann.get(SOURCES))) == 1


def without(body: Json, name: str) -> Json:
    return {key: value for key, value in body.items() if key != name}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, {"description": "required", "type": "required"}),
        ({"description": "", "type": "card"}, {"description": "required", "card": "required"}),
        ({"description": "x" * 101, "type": 5}, {"description": "too_long", "type": "invalid"}),
        (without(new_card(), "description"), {"description": "required"}),
        ({**new_card(), "description": "a\nb"}, {"description": "invalid"}),
        ({**new_card(), "meta": "x" * 10_001}, {"meta": "too_long"}),
        ({**new_card(), "type": "virtual"}, {"type": "unsupported"}),
        ({**new_card(), "type": "piggy_bank"}, {"type": "unsupported"}),
        ({**new_card(), "type": "Card"}, {"type": "unsupported"}),
        (
            {**new_card(), "type": "savings_account"},
            {"card": "unsupported", "bank_account": "required"},
        ),
        ({**new_card(), **new_account()}, {"card": "unsupported"}),
        ({**BTC, "card": new_card()["card"]}, {"card": "unsupported"}),
        ({**new_card(), "card": None}, {"card": "required"}),
        ({**new_card(), "card": "4242"}, {"card": "invalid"}),
        (
            {"type": "card", "card": {}},
            {
                "description": "required",
                "card.expiration_month": "required",
                "card.expiration_year": "required",
                "card.token": "required",
            },
        ),
        (new_card("", brand="x" * 51), {"card.token": "required", "card.brand": "too_long"}),
        (new_card(owner_id="x" * 41), {"card.owner_id": "too_long"}),
        (new_card(owner_id="a\nb"), {"card.owner_id": "invalid"}),
        (
            new_card("a b", last_digits="12", expiration_month=13, expiration_year=26),
            {
                "card.token": "invalid",
                "card.last_digits": "invalid",
                "card.expiration_month": "too_large",
                "card.expiration_year": "too_small",
            },
        ),
        (new_card(expiration_year=2020), {"card.expiration_year": "invalid"}),
        (new_card(expiration_month="11"), {"card.expiration_month": "invalid"}),
        ({"type": "bank_account"}, {"description": "required", "bank_account": "required"}),
        (
            {**new_account(), "bank_account": {}},
            {
                "bank_account.country": "required",
                "bank_account.swift": "required",
                "bank_account.account_number": "required",
            },
        ),
        (new_account(swift="AAABBCCDDD"), {"bank_account.swift": "invalid"}),
        (new_account(country="FR"), {"bank_account.iban": "invalid"}),
        (
            new_account(country="XX", iban="GB00", account_number="1"),
            {"bank_account.country": "invalid", "bank_account.iban": "invalid"},
        ),
        (new_account(iban="GB00"), {"bank_account.iban": "invalid"}),
        (new_account(iban=""), {"bank_account.account_number": "required"}),
        (new_account(iban=None, account_number=None), {"bank_account.account_number": "required"}),
        (
            new_account(country="MX", swift="BNMXMXMM", iban="", account_number="0" * 18),
            {"bank_account.account_number": "invalid"},
        ),
        (
            new_account(account_number="1/2", nin="x" * 51, token="\u00e9"),
            {
                "bank_account.account_number": "invalid",
                "bank_account.nin": "too_long",
                "bank_account.token": "invalid",
            },
        ),
        (
            {**BTC, "crypto_address": {"address": "", "currency": "x" * 21}},
            {"crypto_address.address": "required", "crypto_address.currency": "too_long"},
        ),
        (new_card("tok\x00"), {"card.token": "invalid"}),
    ],
)
async def test_wrong_creations(ann: Customer, body: Json, named: dict[str, str]) -> None:
    assert wrong_fields(await ann.post(SOURCES, body)) == named


async def test_an_unknown_type_is_told_which_there_are(ann: Customer) -> None:
    [error] = (await ann.post(SOURCES, {**new_card(), "type": "cash"})).json()["errors"]

    assert error["message"] == (
        "Type must be one of bank_account, savings_account, card, standard_credit_card,"
        " crypto_address"
    )


async def test_no_error_repeats_a_secret(ann: Customer) -> None:
    answer = await ann.post(SOURCES, new_card("tok secret"))

    assert wrong_fields(answer) == {"card.token": "invalid"}
    assert "secret" not in answer.text


async def test_a_card_is_good_until_the_end_of_its_month(ann: Customer) -> None:
    now = datetime.now(UTC)
    last_month = (now.month - 2) % 12 + 1
    year = now.year if last_month < now.month else now.year - 1

    answer = await ann.post(
        SOURCES, new_card(expiration_month=last_month, expiration_year=year, token="")
    )

    assert wrong_fields(answer).keys() == {"card.expiration_year", "card.token"}
    answer = await ann.post(
        SOURCES, new_card(expiration_month=now.month, expiration_year=now.year, token="")
    )
    assert wrong_fields(answer).keys() == {"card.token"}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, {"description": "required"}),
        ({"description": " "}, {"description": "required"}),
        (
            {"description": "Mine", "bank_account": {}, "crypto_address": {}, "meta": 5},
            {"bank_account": "unsupported", "crypto_address": "unsupported", "meta": "invalid"},
        ),
        (
            {"card": {"expiration_year": 2020}},
            {
                "description": "required",
                "card.expiration_month": "required",
                "card.expiration_year": "invalid",
            },
        ),
        (
            {"description": "Mine", "card": {"expiration_month": 1, "expiration_year": YEAR + 1}},
            {"card": "unsupported"},
        ),
    ],
)
async def test_wrong_updates(ann: Customer, body: Json, named: dict[str, str]) -> None:
    assert wrong_fields(await ann.put(ann.wallet, body)) == named


@pytest.mark.parametrize(
    ("body", "code"),
    [({}, "required"), ({"code": ""}, "required"), ({"code": 123456}, "invalid")],
)
async def test_wrong_codes(ann: Customer, body: Any, code: str) -> None:
    assert wrong_fields(await ann.post(f"{ann.wallet}/verify", body)) == {"code": code}


async def test_the_base_types_are_the_documents(ann: Customer) -> None:
    async with ann.client.db.transaction() as tx:
        bases = await types.bases(tx)

    assert {name for name, base in bases.items() if name == base} == set(types.BASES)
