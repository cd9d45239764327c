"""People who put money together over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.api.checks import Check, a_list_of, boolean, integer, nothing, text
from tests.api.memento.client import Json
from tests.api.memento.documented import USER, number, time, uuid
from tests.api.memento.paying import Customer, said
from tests.api.memento.requesting import ASKED
from tests.people import PIN

POOLS = "/v1/pools"

CONTRIBUTOR: dict[str, Check] = {**ASKED, "transaction_id": uuid}

POOL: dict[str, Check] = {
    "id": uuid,
    "status": text,
    "amount": number,
    "currency": text,
    "description": text,
    "detailed_description": text,
    "is_public": boolean,
    "has_unique_participants": boolean,
    "allows_optional_amount": boolean,
    "minimum_user_amount": number,
    "maximum_user_amount": number,
    "contribution_options": a_list_of({"id": uuid, "title": text, "amount": number}),
    "image": nothing,
    "owner": USER,
    "participants": a_list_of({**CONTRIBUTOR, "transaction_id": nothing, "amount": nothing}),
    "participation": {
        "count": dict.fromkeys(["invited", "paid", "pending", "rejected", "total"], integer),
        "first_names": a_list_of(text),
    },
    "start_at": time,
    "end_at": time,
    "created_at": time,
    "updated_at": time,
    "meta": text,
    # Ours.
    "fulfillment_status": text,
    "funding_source_id": uuid,
    "hashtag": text,
    "only_owner_sees_participants": boolean,
}
"""A pool with all that a pool can have, people who are only invited, and no picture yet."""


def collecting(owner: Customer, **given: Any) -> Json:
    """The body of a pool that has only what it must."""
    return {
        "description": "Gift",
        "currency": "EUR",
        "funding_source_id": str(owner.wallet_id),
        **given,
    }


def as_printed(owner: Customer, *invited: Customer) -> Json:
    """The body of a pool as Memento's document has it, with ids and days that there are."""
    day = datetime.now(UTC) + timedelta(days=30)
    return {
        "description": "Money Pool #1",
        "detailed_description": "This is a more detailed, multiple line decription.",
        "funding_source_id": str(owner.wallet_id),
        "hashtag": "moneypool1",
        "contribution_options": [{"title": "Payment title", "amount": 10.0}],
        "currency": "EUR",
        "invites": [each.id for each in invited],
        "image": {"url": "https://upload.wikimedia.org/wikipedia/en/a/a9/Example.jpg"},
        "is_public": True,
        "only_owner_sees_participants": True,
        "has_unique_participants": True,
        "allows_optional_amount": True,
        "minimum_user_amount": 50.0,
        "maximum_user_amount": 150.0,
        "start_at": f"{day:%Y-%m-%d} 16:00:00",
        "end_at": f"{day + timedelta(days=8):%Y-%m-%d} 23:00:00",
    }


async def collect(owner: Customer, *invited: Customer, **given: Any) -> Json:
    """Make a pool, and invite people to it; the pool."""
    invites = [each.id for each in invited]
    made: Json = said(await owner.post(POOLS, collecting(owner, invites=invites, **given)), 201)
    return made


def path(pool: Json, of: str = "") -> str:
    """The path of a pool, or of something of it."""
    return f"{POOLS}/{pool['id']}{of and '/'}{of}"


def giving(payer: Customer, amount: object = "6.00", **given: Any) -> Json:
    """The body of a contribution from the wallet."""
    return {
        "amount": amount,
        "funding_source_id": str(payer.wallet_id),
        "pin": PIN,
        **given,
    }


async def give(payer: Customer, pool: Json, amount: object = "6.00", **given: Any) -> Json:
    """Contribute to a pool, which succeeds; the participant."""
    answer = await payer.post(path(pool, "participants"), giving(payer, amount, **given))
    made: Json = said(answer, 201)
    return made


async def seen(viewer: Customer, pool: Json) -> Json:
    """The pool as somebody sees it now."""
    found: Json = said(await viewer.get(path(pool)))
    return found


def counts(pool: Json) -> dict[str, int]:
    """How many stand how in it; without those of whom there are none."""
    return {name: count for name, count in pool["participation"]["count"].items() if count}
