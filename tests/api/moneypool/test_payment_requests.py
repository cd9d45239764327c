"""Payment requests and pool invitations, over HTTP: asked, listed, rejected, deleted, paid."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.api.conftest import Shared
from tests.api.moneypool.client import Client, Json, said, wrong
from tests.money import EUR, MXN, Scene, new_address, problems, rows
from tests.shares import make_pool, make_request
from whipround.domain import relationships, throttles
from whipround.domain.images.reading import Image
from whipround.domain.requests import responding
from whipround.domain.throttles import REQUESTS_PER_USER
from whipround.domain.users import person

pytestmark = pytest.mark.anyio

LIST, REQUESTS, LIABILITIES = "/mixed_payment_requests", "/payment_requests", "/liabilities"
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}-0[56]:00")


@pytest.fixture
def scene(shared: Shared, postgres_url: str, now: datetime) -> Scene:
    """What is made by other means than this API."""
    return Scene(
        db=shared.db, product=shared.product, conninfo=postgres_url, keyring=shared.keyring, now=now
    )


@pytest.fixture(autouse=True)
async def _books(shared: Shared) -> AsyncIterator[None]:
    """After every test all is as it should be."""
    yield
    assert await problems(shared.db) == []


async def listed(client: Client, query: str = "") -> list[Json]:
    """What waits for somebody."""
    found = said(await client.get(client.own(LIST) + query))
    assert found.keys() == {"payment_requests"}
    requests: list[Json] = found["payment_requests"]
    assert all(ISO.fullmatch(it["created_at"]) for it in requests)
    return requests


def ask(client: Client, other: Client, amount: object = "140.00", **given: Any) -> Any:
    """Somebody asks somebody."""
    body = {
        "amount": amount,
        "description": "Yesterday's dinner",
        "user_requested_id": other.id,
    }
    key = given.pop("key", None)
    return client.post(client.own(REQUESTS), {**body, **given}, key=key)


async def asked(client: Client, other: Client, amount: object = "140.00") -> int:
    return int(said(await ask(client, other, amount), 201)["payment_request"]["id"])


def reject(client: Client, number: int, **given: Any) -> Any:
    return client.patch(client.own(f"{REQUESTS}/{number}/reject"), **given)


def withdraw(client: Client, number: int, **given: Any) -> Any:
    return client.delete(client.own(f"{REQUESTS}/{number}"), **given)


def decline(client: Client, number: int, **given: Any) -> Any:
    return client.delete(client.own(f"{LIABILITIES}/{number}"), **given)


def pay(client: Client, amount: str, **given: Any) -> Any:
    """Somebody pays from the wallet."""
    payment = {"wallet_amount": amount, "payment_method": "wallet", "description": "", **given}
    return client.post(client.own("/mixed_payments"), {"payment": payment})


async def told(client: Client) -> list[str]:
    found = await rows(
        client.db, "select kind from notification where user_id = %s order by id", client.person.id
    )
    return [kind for (kind,) in found]


async def test_a_request_is_made_listed_rejected_and_deleted(client: Client) -> None:
    ann = await client.join(name="Ann Lee")
    ben = await client.join(name="Ben Parker", is_proven=False)
    image_id = uuid4()
    async with client.db.transaction() as tx:
        image = Image(image_id, "", "", *[datetime.now(UTC)] * 2)
        await person.show_image(tx, user_id=ben.person.id, image=image)

    made = said(await ask(ann, ben, 140.0, description="  Yesterday's dinner "), 201)
    number = made["payment_request"]["id"]

    url = made["payment_request"]["user_requested"].pop("avatar_url")
    assert url.startswith("http")
    assert url.endswith("/ui.jpg")
    expected = {
        "id": number,
        "description": "Yesterday's dinner",
        "amount": "140.0",
        "rejected": False,
        "user_requested": {"id": ben.id, "name": "Ben Parker", "email": ""},
    }
    assert made == {"payment_request": expected}
    [to_user], [from_user] = await listed(ann), await listed(ben)
    created_at = to_user.pop("created_at")
    assert to_user == {
        "id": number,
        "amount": "140.0",
        "description": "Yesterday's dinner",
        "party": "Ben Parker",
        "party_email": "",
        "type": "to_user",
        "rejected": False,
    }
    assert from_user == {
        **to_user,
        "created_at": created_at,
        "type": "from_user",
        "party": "Ann Lee",
        "party_email": ann.email,
    }
    assert await told(ben) == ["request_received"]

    assert wrong(await reject(ann, number), 404) == {"base": ["not found"]}
    rejected = said(await reject(ben, number))["payment_request"]
    del rejected["user_requested"]["avatar_url"]
    assert rejected == {**expected, "rejected": True}
    assert await listed(ben) == []
    assert await listed(ann) == [{**to_user, "created_at": created_at, "rejected": True}]
    assert wrong(await reject(ben, number)).keys() == {"base"}
    assert wrong(await withdraw(ben, number), 404)
    assert said(await withdraw(ann, number), 204) is None
    assert await listed(ann) == []
    for again in (withdraw(ann, number), reject(ben, number)):
        assert wrong(await again, 404) == {"base": ["not found"]}
    assert (await told(ann), await told(ben)) == (["request_rejected"], ["request_received"])


async def test_who_is_asked_no_more_is_told(client: Client) -> None:
    ann, ben = await client.join(), await client.join()
    number = await asked(ann, ben)

    said(await withdraw(ann, number), 204)

    assert await listed(ann) == await listed(ben) == []
    assert await told(ben) == ["request_received", "request_cancelled"]
    assert wrong(await reject(ben, number), 404)


async def test_what_is_wrong_with_a_request_is_said_by_field(client: Client, scene: Scene) -> None:
    ann, ben, gone = [await client.join() for _ in range(3)]
    before = await asked(ann, ben)
    await rows(
        client.db,
        "update users set status = 'rejected' where id = %s returning id",
        gone.person.id,
    )
    refused: dict[str, list[Any]] = {
        "amount": [0, "0", "-1.00", "10.001", "NaN", "Infinity", "1e2", "", None, True, 10**13, []],
        "description": ["", "   ", "x" * 1001, None, 5, "a\x00b"],
        "user_requested_id": [ann.id, gone.id, 0, -1, 2**62, 2**63, 10**30, "x", None, True, 1.5],
    }

    for field, values in refused.items():
        for value in values:
            assert wrong(await ask(ann, ben, **{field: value})).keys() == {field}, (field, value)
    nothing = wrong(await ann.post(ann.own(REQUESTS), {}))
    assert nothing == {field: ["is required"] for field in refused}
    assert wrong(await ask(ann, ann))["user_requested_id"] == ["Must be somebody else"]
    assert wrong(await ann.post(ann.own(REQUESTS), b"{"), 400)
    for path in (REQUESTS, LIST):
        assert wrong(await ann.call("GET" if path == LIST else "POST", ben.own(path), {}), 404)
    async with scene.db.transaction() as tx:
        await relationships.block(
            tx, user_id=ben.person.id, other_user_id=ann.person.id, now=scene.now
        )
    assert wrong(await ask(ann, ben)).keys() == {"user_requested_id"}
    # What was asked before is still asked.
    assert [it["id"] for it in await listed(ben)] == [before]
    assert [it["id"] for it in await listed(ann)] == [before]
    assert await told(ben) == ["request_received"]


async def test_amounts_are_taken_as_they_are_printed(client: Client) -> None:
    ann, ben = await client.join(), await client.join()

    for amount in (150, "150.0", 0.1, "108.50"):
        await asked(ann, ben, amount)
    assert said(await ask(ann, ben, user_requested_id=str(ben.id)), 201)

    assert [it["amount"] for it in await listed(ben)] == ["140.0", "108.5", "0.1", "150.0", "150.0"]


async def test_a_request_of_several_in_another_dialect_is_several_here(
    client: Client, scene: Scene
) -> None:
    ann, ben, cat = [await client.join(MXN("50.00"), name=it) for it in ("Ann", "Ben", "Cat")]
    _, phone = new_address()
    made = await make_request(scene, ann.person, ben.person, cat.person, phone, amount=MXN("6.00"))
    await make_request(scene, ann.person, ben.person, amount=EUR("6.00"))

    of_phone, of_cat, of_ben = await listed(ann)
    assert [it["party"] for it in (of_phone, of_cat, of_ben)] == [phone, "Cat", "Ben"]
    assert [it["id"] for it in await listed(ben)] == [of_ben["id"]]
    assert said(await withdraw(ann, of_phone["id"]), 204) is None
    said(await reject(ben, of_ben["id"]))
    said(await pay(cat, "6.00", payment_request_id=of_cat["id"]), 201)
    assert await listed(cat) == []
    [left] = await listed(ann)
    assert (left["id"], left["rejected"]) == (of_ben["id"], True)
    for answer in (await reject(cat, of_cat["id"]), await withdraw(ann, of_cat["id"])):
        assert wrong(answer) == {"base": ["This was paid already."]}
    said(await withdraw(ann, of_ben["id"]), 204)
    [stands] = await rows(
        client.db,
        "select status, fulfillment_status, paid_count, rejected_count, cancelled_count"
        " from payment_request where id = %s",
        made.id,
    )
    assert stands == ("closed", "fulfilled", 1, 0, 2)


async def test_one_s_own_euros_do_not_exist_here(client: Client, scene: Scene) -> None:
    ann, ben = await client.join(), await client.join()
    made = await make_request(scene, ann.person, ben.person, amount=EUR("6.00"))
    pool_id = await make_pool(scene, ann.person, invites=[ben.person.id])
    [[number]] = await rows(
        client.db, "select number from request_participant where id = %s", made.participants[0]
    )
    [[liability]] = await rows(
        client.db, "select number from pool_participant where pool_id = %s", pool_id
    )

    assert await listed(ann) == await listed(ben) == []
    for answer in (
        await reject(ben, number),
        await withdraw(ann, number),
        await decline(ben, liability),
    ):
        assert wrong(answer, 404) == {"base": ["not found"]}
    async with scene.db.transaction() as tx:
        await responding.reject(tx, user=ben.person.user, request_id=made.id, now=scene.now)
    assert await listed(ann) == []


async def test_an_invitation_is_listed_declined_or_paid(client: Client, scene: Scene) -> None:
    ann, ben = await client.join(name="Ann"), await client.join(MXN("50.00"), name="Ben")

    async def invited(title: str) -> tuple[UUID, Json]:
        pool_id = await make_pool(
            scene,
            ann.person,
            invites=[ben.person.id],
            currency="MXN",
            is_public=False,
            description=title,
            minimum_user_amount=Decimal(20),
        )
        return pool_id, (await listed(ben))[0]

    _, to_pay = await invited("John's Birthday")
    declined, to_decline = await invited("Trip")

    assert to_pay.keys() == {"id", "created_at", "type", "party", "amount", "liability_id"}
    assert (to_pay["type"], to_pay["party"], to_pay["amount"]) == (
        "pool",
        "John's Birthday",
        "20.0",
    )
    said(await pay(ben, "20.00", pool_id=to_pay["id"]), 201)
    assert wrong(await decline(ben, to_pay["liability_id"]), 404)
    assert wrong(await decline(ann, to_decline["liability_id"]), 404)
    assert wrong(await decline(ben, 2**62), 404)
    assert said(await decline(ben, to_decline["liability_id"]), 204) is None
    assert wrong(await decline(ben, to_decline["liability_id"]), 404) == {"base": ["not found"]}
    assert await listed(ben) == []
    assert (await told(ann))[-1] == "pool_rejected"
    said(await pay(ben, "20.00", pool_id=to_decline["id"]), 201)
    [counts] = await rows(
        client.db,
        "select invited_count, paid_count, rejected_count from pool where id = %s",
        declined,
    )
    assert counts == (0, 1, 0)


async def test_pages_lead_to_each_other(client: Client) -> None:
    ann, ben = await client.join(), await client.join()
    for number in range(5):
        await asked(*((ann, ben) if number % 2 else (ben, ann)), f"{number + 1}.00")
    everything = await listed(ann)

    found: list[Json] = []
    path = ann.own(LIST) + "?per_page=2"
    for rel in ("next", "next", "prev"):
        answer = await ann.get(path)
        found += said(answer)["payment_requests"] if rel == "next" or len(found) == 4 else []
        path = answer.links[rel]["url"]

    assert [it["amount"] for it in everything] == [f"{n}.0" for n in (5, 4, 3, 2, 1)]
    assert found == everything
    assert said(await ann.get(path))["payment_requests"] == everything[2:4]
    for query in ("page=0", "page=x", "per_page=101", "per_page=0", "page=10001"):
        assert wrong(await ann.get(f"{ann.own(LIST)}?{query}")).keys() == {query.partition("=")[0]}


async def test_a_write_with_a_key_is_done_once(client: Client, scene: Scene) -> None:
    ann, ben = await client.join(), await client.join()
    first, again = [await ask(ann, ben, key="ask-1") for _ in range(2)]
    assert first.content == again.content
    assert wrong(await ask(ann, ben, "9.00", key="ask-1")).keys() == {"base"}
    number = said(first, 201)["payment_request"]["id"]
    assert [it["id"] for it in await listed(ben)] == [number]

    rejections = [await reject(ben, number, key="no-1") for _ in range(2)]
    assert [it.status_code for it in rejections] == [200, 200]
    assert rejections[0].content == rejections[1].content
    assert [(await withdraw(ann, number, key="gone-1")).status_code for _ in range(2)] == [204] * 2
    await make_pool(scene, ann.person, invites=[ben.person.id], currency="MXN", is_public=False)
    [pool] = await listed(ben)
    declined = [await decline(ben, pool["liability_id"], key="bye-1") for _ in range(2)]
    assert [it.status_code for it in declined] == [204] * 2


async def test_one_answer_wins(client: Client) -> None:
    """Rejected while paid and deleted, three at a time: just one of it happens."""
    ann, ben = await client.join(), await client.join(MXN("100.00"))
    numbers = [await asked(ann, ben, "1.00") for _ in range(6)]

    for number in numbers:
        answers = await asyncio.gather(
            reject(ben, number),
            pay(ben, "1.00", payment_request_id=number),
            withdraw(ann, number),
        )
        assert {it.status_code for it in answers} <= {200, 201, 204, 404, 422}
        is_done = [it.is_success for it in answers]
        # What was rejected can be deleted still.
        assert is_done in ([False, True, False], [False, False, True], [True, False, True])

    assert await listed(ben) == []


async def test_somebody_asks_for_so_much_a_day(limited_client: Client, scene: Scene) -> None:
    ann, ben = await limited_client.join(), await limited_client.join()
    most = REQUESTS_PER_USER.count - 1
    async with scene.db.transaction() as tx:
        charge = throttles.Charge(REQUESTS_PER_USER, str(ann.person.id), most)
        await throttles.charge(tx, [charge], keyring=scene.keyring, now=scene.now)

    assert [(await ask(ann, ben)).status_code for _ in range(2)] == [201, 429]
    assert len(await listed(ben)) == 1
