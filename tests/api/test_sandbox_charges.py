"""What a user of the sandbox can make happen outside of it, over HTTP."""

from collections.abc import AsyncIterator
from typing import NamedTuple
from uuid import uuid4

import httpx
import pytest

from tests.api.conftest import Shared
from tests.api.memento.client import Json
from tests.api.memento.paying import Customer, Town, new_account, new_card, said, town
from tests.api.serving import client_of, new_directory
from tests.money import EUR
from whipround.api.context import Front
from whipround.api.sandbox import refuse, sandbox

pytestmark = pytest.mark.anyio


class Place(NamedTuple):
    """A town in a sandbox."""

    town: Town
    http: httpx.AsyncClient

    async def happen(self, what: str, status: int = 200) -> Json:
        """Make it happen: `charges/ID/approve`."""
        answer = await self.http.post(f"/sandbox/{what}")
        assert answer.status_code == status, answer.text
        return dict(answer.json()) if answer.content else {}


@pytest.fixture(scope="module")
async def place(shared: Shared) -> AsyncIterator[Place]:
    directory = new_directory(shared.installation_db, shared.keyring)
    directory.set([shared.product])
    front = Front(sandbox, dialect=b"sandbox", directory=directory, refuse=refuse)
    async with town(shared) as made, client_of(front) as http:
        http.headers["Product-ID"] = str(shared.product.id)
        yield Place(made, http)
    await directory.drain()


async def pending(payer: Customer, recipient: Customer) -> str:
    """The id of the transaction of a payment by a card that keeps its owner waiting."""
    source = await payer.add(new_card("tok_test_pending"))
    await payer.paid(recipient, funding_source_id=source.rpartition("/")[2])
    return await transaction_of(payer)


async def transaction_of(payer: Customer) -> str:
    """The id of the only transaction of somebody."""
    [transaction] = said(await payer.get("/v1/transactions"))
    return str(transaction["id"])


async def test_a_pending_charge_is_approved_once(place: Place) -> None:
    ann, bob = await place.town.person(), await place.town.person()
    transaction = await pending(ann, bob)
    assert await bob.has() == 0

    done = await place.happen(f"charges/{transaction}/approve")

    assert done["status"] == "approved"
    assert await bob.has() == 6
    for act in ("approve", "decline"):
        refused = await place.happen(f"charges/{done['id']}/{act}", 409)
        assert refused["errors"][0]["code"] == "not_in_that_state"
    assert await bob.has() == 6


async def test_a_pending_charge_is_declined(place: Place) -> None:
    ann, bob = await place.town.person(), await place.town.person()
    transaction = await pending(ann, bob)

    done = await place.happen(f"charges/{transaction}/decline")

    assert done["status"] == "declined"
    assert await bob.has() == 0


async def test_a_payout_comes_back(place: Place) -> None:
    ann = await place.town.person(EUR("10.00"))
    source = await ann.add_verified(new_account())
    recipient = {"funding_source_id": source.rpartition("/")[2], "amount": "4.00"}
    said(await ann.pay(ann, recipient={**recipient, "user_id": ann.id}), 201)
    assert await ann.has() == 6

    done = await place.happen(f"payouts/{await transaction_of(ann)}/fail")

    assert done["status"] == "failed"
    assert await ann.has() == 10
    await place.happen(f"payouts/{done['id']}/fail", 409)
    await place.happen(f"charges/{done['id']}/approve", 404)


@pytest.mark.parametrize(
    "what",
    [
        f"charges/{uuid4()}/approve",
        "charges/x/approve",
        f"charges/{uuid4()}/fail",
        f"wallets/{uuid4()}/approve",
        f"payouts/{uuid4()}",
    ],
    ids=["unknown", "malformed", "no act", "no kind", "nothing"],
)
async def test_what_there_is_not(place: Place, what: str) -> None:
    await place.happen(what, 404)


async def test_looking_changes_nothing(place: Place) -> None:
    answer = await place.http.get(f"/sandbox/charges/{uuid4()}/approve")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
