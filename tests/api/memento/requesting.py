"""People who ask each other for money over HTTP."""

from typing import Any

from tests.api.checks import Check, a_list_of, boolean, integer, nothing, text
from tests.api.memento.client import Json
from tests.api.memento.documented import PICTURE, USER, number, time, uuid
from tests.api.memento.paying import Customer, said
from tests.people import PIN

REQUESTS = "/v1/requests"

ASKED: dict[str, Check] = {
    "id": uuid,
    "user_id": uuid,
    "parent_user_id": nothing,
    "transaction_id": nothing,
    "status": text,
    "amount": number,
    "currency": text,
    "full_name": text,
    "username": text,
    "verified": boolean,
    "official": boolean,
    "meta": text,
    "created_at": time,
    "updated_at": time,
}
"""A participant who has not paid."""

REQUEST: dict[str, Check] = {
    "id": uuid,
    "status": text,
    "fulfillment_status": text,
    "amount": number,
    "amount_paid": number,
    "currency": text,
    "description": text,
    "image": PICTURE,
    "images": a_list_of(PICTURE),
    "owner": USER,
    "participant": ASKED,
    "participants": a_list_of(ASKED),
    "participation": {
        "count": dict.fromkeys(["invited", "paid", "pending", "rejected", "total"], integer),
        "first_names": a_list_of(text),
    },
    "meta": text,
    "created_at": time,
    "updated_at": time,
    # Ours.
    "funding_source_id": nothing,
    "only_owner_sees_participants": boolean,
}
"""A request as a participant sees it."""


def share(whom: "Customer | str", amount: object = "10.00", **given: Any) -> Json:
    """Somebody to be asked: a person, or a phone number."""
    to = {"phone": whom} if isinstance(whom, str) else {"user_id": whom.id}
    return {**to, "amount": amount, **given}


def asking(owner: Customer, *shares: Json, **given: Any) -> Json:
    """The body of a request; of 20 euros unless something else is given."""
    return {
        "amount": "20.00",
        "currency": "EUR",
        "description": "Dinner",
        "funding_source_id": str(owner.wallet_id),
        "participants": list(shares),
        **given,
    }


async def ask(owner: Customer, *whom: "Customer | str | Json", **given: Any) -> Json:
    """Ask people, each for ten euros unless it is said how much; the request."""
    shares = [each if isinstance(each, dict) else share(each) for each in whom]
    body = asking(owner, *shares, **{"amount": "100.00", **given})
    made: Json = said(await owner.post(REQUESTS, body), 201)
    return made


def path(request: Json, participant: Json | None = None, action: str = "") -> str:
    """The path of a request, of one of its participants, or of something to be done with it."""
    of = f"/participants/{participant['id']}" if participant else ""
    return f"{REQUESTS}/{request['id']}{of}{action and '/'}{action}"


def paying(payer: Customer, **given: Any) -> Json:
    """The body of a payment for a request, from the wallet."""
    return {"funding_source_id": str(payer.wallet_id), "pin": PIN, **given}


async def seen(viewer: Customer, request: Json) -> Json:
    """The request as somebody sees it now."""
    found: Json = said(await viewer.get(path(request)))
    return found


def counts(request: Json) -> dict[str, int]:
    """How many stand how in it; without those of whom there are none."""
    return {name: count for name, count in request["participation"]["count"].items() if count}
