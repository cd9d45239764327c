"""Payments to a pool in cash, over HTTP: a reference, a shop, and what becomes of the money."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest

from tests.api.conftest import Shared
from tests.api.memento.client import Client as MementoClient
from tests.api.moneypool.client import Client, Json, said, wrong
from tests.api.serving import client_of, memento, moneypool, new_directory
from tests.api.test_webhooks import READ_HINT, signed
from tests.money import MXN, Scene, held, held_by, problems, rows
from tests.shares import make_pool
from whipround.api.context import Front
from whipround.api.sandbox import refuse, sandbox
from whipround.api.webhooks import STRIPE, webhooks
from whipround.gateways.processors import sandbox_cash
from whipround.gateways.processors.live import processors_of
from whipround.settings import Settings

pytestmark = pytest.mark.anyio


class Street(NamedTuple):
    """The API, the shops of a sandbox, and what the processor tells."""

    client: Client
    shops: httpx.AsyncClient
    webhooks: httpx.AsyncClient
    shared: Shared

    async def pool(self, owner: Client, **given: Any) -> tuple[UUID, int]:
        """A pool in pesos: its id, and its number here."""
        db, keyring = self.shared.db, self.shared.keyring
        scene = Scene(db, self.shared.product, "", keyring, datetime.now(UTC))
        given = {"currency": "MXN", "description": "John's Birthday", **given}
        id_ = await make_pool(scene, owner.person, **given)
        [[number]] = await rows(db, "select number from pool where id = %s", id_)
        return id_, number

    async def pay(self, reference: str, status: int = 200) -> Json:
        """Pay at a shop."""
        answer = await self.shops.post(f"/sandbox/cash/{reference}")
        assert answer.status_code == status, answer.text
        return dict(answer.json()) if answer.content else {}

    async def in_pool(self, pool_id: UUID) -> Any:
        return await held_by(self.shared.db, pool_id, "MXN", kind="pool")


@pytest.fixture(scope="module")
async def street(client: Client, shared: Shared) -> AsyncIterator[Street]:
    directory = new_directory(shared.installation_db, shared.keyring)
    directory.set([shared.product])
    front = Front(sandbox, dialect=b"sandbox", directory=directory, refuse=refuse)
    async with (
        client_of(front) as shops,
        client_of(webhooks(directory, stripe=READ_HINT)) as heard,
    ):
        shops.headers["Product-ID"] = str(shared.product.id)
        yield Street(client, shops, heard, shared)
    await directory.drain()
    assert await problems(shared.db) == []


async def ask(
    client: Client,
    pool: object,
    amount: object = "50.00",
    description: str = "From Ann",
    **given: Any,
) -> Any:
    body = {"payment": {"pool_id": pool, "amount": amount, "description": description}}
    return await client.post(client.own("/cash_payments"), body, **given)


async def test_a_reference_is_paid_at_a_shop(street: Street) -> None:
    ann, ben = await street.client.join(name="Ann Lee"), await street.client.join()
    pool_id, number = await street.pool(ben)

    answers = await asyncio.gather(*(ask(ann, number, key="c-1") for _ in range(3)))
    first, *_ = [said(answer, 201) for answer in answers if answer.status_code == 201]
    assert said(await ask(ann, number, key="c-1"), 201) == first

    made = first["cash_payment"]
    [[id_]] = await rows(street.shared.db, "select max(number) from cash_order")
    assert {**made, "reference": "", "expires_at": "", "created_at": ""} == {
        "id": id_,
        "reference": "",
        "amount": "50.0",
        "description": "From Ann",
        "pool_id": number,
        "party": "John's Birthday",
        "status": "waiting",
        "expires_at": "",
        "created_at": "",
    }
    lasts = datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(made["created_at"])
    assert lasts == timedelta(days=3)
    assert await street.in_pool(pool_id) == 0

    paid = await street.pay(made["reference"])
    assert await asyncio.gather(*(street.pay(made["reference"]) for _ in range(3))) == [paid] * 3

    assert paid["status"] == "paid"
    assert await street.in_pool(pool_id) == 50
    [[description]] = await rows(
        street.shared.db, "select description from payment where id = %s", paid["payment_id"]
    )
    assert description == "From Ann"


async def test_once_the_pool_is_closed_the_cash_is_in_the_wallet(street: Street) -> None:
    ann, ben = await street.client.join(locale="es"), await street.client.join()
    pool_id, number = await street.pool(ben)
    made = said(await ask(ann, number, description=""), 201)["cash_payment"]
    assert made["description"] == "John's Birthday"
    now = datetime.now(UTC)
    sql = "update pool set end_at = %s where id = %s returning 1"
    await rows(street.shared.db, sql, now, pool_id)

    paid = await street.pay(made["reference"])

    assert await held(street.shared.db, ann.person, "MXN") == 50
    [[description]] = await rows(
        street.shared.db, "select description from payment where id = %s", paid["payment_id"]
    )
    assert description == "Efectivo que no se pudo aportar a: John's Birthday"


async def test_the_processors_notice_is_followed_as_often_as_it_comes(street: Street) -> None:
    ann, ben = await street.client.join(), await street.client.join()
    pool_id, number = await street.pool(ben)
    made = said(await ask(ann, number), 201)["cash_payment"]
    sql = "select id from cash_order where reference = %s"
    [[order_id]] = await rows(street.shared.db, sql, made["reference"])

    async def hear(order: object, product: object = street.shared.product.id) -> int:
        about = {"metadata": {"cash_order": str(order), "product": str(product)}}
        event = {"type": "payment_intent.succeeded", "data": {"object": about}}
        body = json.dumps(event).encode()
        answer = await street.webhooks.post(STRIPE, content=body, headers=signed(body))
        return answer.status_code

    assert await hear(order_id) == 200
    assert await street.in_pool(pool_id) == 0  # whatever it says: nobody has paid
    await sandbox_cash.pay(street.shared.db, reference=made["reference"], now=datetime.now(UTC))
    assert await asyncio.gather(*(hear(order_id) for _ in range(4))) == [200] * 4

    assert await street.in_pool(pool_id) == 50
    assert [await hear(street.shared.product.id), await hear("x"), await hear(order_id)] == [
        200
    ] * 3
    assert await hear(order_id, order_id) == 200


@pytest.mark.parametrize(
    ("pool", "amount", "expected"),
    [
        (None, 0, "amount"),
        (None, "-1", "amount"),
        (None, "1.001", "amount"),
        (None, "19.99", "amount"),
        (None, "80.01", "amount"),
        (10**9, "50", "pool_id"),
        (10**30, "50", "pool_id"),
        ("x", "50", "pool_id"),
        (True, "50", "pool_id"),
    ],
    ids=["zero", "negative", "decimals", "less", "more", "no pool", "no id", "a word", "true"],
)
async def test_what_cannot_be_paid(
    street: Street, pool: object, amount: object, expected: str
) -> None:
    ann, ben = await street.client.join(), await street.client.join()
    terms = {"minimum_user_amount": MXN("20").amount, "maximum_user_amount": MXN("80").amount}
    _, number = await street.pool(ben, **terms)

    assert list(wrong(await ask(ann, number if pool is None else pool, amount))) == [expected]

    sql = "select 1 from cash_order where user_id = %s"
    assert await rows(street.shared.db, sql, ann.person.id) == []


async def test_a_pool_that_is_not_there_for_one(street: Street) -> None:
    ann, ben = await street.client.join(), await street.client.join()
    for given in ({"currency": "EUR"}, {"is_public": False}):
        _, number = await street.pool(ben, **given)
        assert wrong(await ask(ann, number)) == {"pool_id": ["There is no such pool"]}
    pool_id, number = await street.pool(ben)
    sql = "update pool set start_at = now() + interval '1 day' where id = %s returning 1"
    await rows(street.shared.db, sql, pool_id)
    assert list(wrong(await ask(ann, number))) == ["pool_id"]
    assert wrong(await ann.post(ann.own("/cash_payments"), {"payment": {}})) == {
        "pool_id": ["is required"],
        "amount": ["is required"],
    }


async def test_a_slip_that_nobody_can_pay_with(street: Street) -> None:
    ann, ben = await street.client.join(), await street.client.join()
    _, number = await street.pool(ben)
    made = said(await ask(ann, number), 201)["cash_payment"]
    sql = "update sandbox_slip set expires_at = now() where reference = %s returning 1"
    await rows(street.shared.db, sql, made["reference"])

    refused = await street.pay(made["reference"], 409)

    assert refused["errors"][0]["code"] == "not_in_that_state"
    for reference in ("0" * 14, "1", "x" * 14, "٣" * 14):
        await street.pay(reference, 404)
    looked = await street.shops.get(f"/sandbox/cash/{made['reference']}")
    assert (looked.status_code, looked.headers["allow"]) == (405, "POST")


async def test_where_no_cash_is_taken(street: Street, shared: Shared) -> None:
    ann, ben = await street.client.join(), await street.client.join()
    _, number = await street.pool(ben)

    nobody = processors_of(Settings(), sandbox=False)
    async with moneypool(shared, processors=nobody) as http:
        there = await Client(http, shared.db, shared.keyring).of(ann.person)
        assert list(wrong(await ask(there, number), 503)) == ["base"]


async def test_memento_sees_what_was_paid_in_cash(street: Street, shared: Shared) -> None:
    ann, ben = await street.client.join(name="Ann Lee"), await street.client.join(name="Ben Roy")
    pool_id, number = await street.pool(ben)
    paid, returned = [
        said(await ask(ann, number, amount), 201)["cash_payment"] for amount in ("30.00", "20.00")
    ]
    paid_id = (await street.pay(paid["reference"]))["payment_id"]
    sql = "update pool set minimum_user_amount = 25 where id = %s returning 1"
    await rows(shared.db, sql, pool_id)
    returned_id = (await street.pay(returned["reference"]))["payment_id"]

    async with memento(shared) as http:
        product_id = str(shared.product.id)
        theirs = [
            await MementoClient(http, shared.db, shared.keyring, product_id).of(it.person.user)
            for it in (ann, ben)
        ]

        async def see(who: MementoClient, path: str) -> Any:
            answer = await who.get(path)
            assert answer.status_code == 200, (path, answer.text)
            return answer.json()

        mine, owners = theirs
        assert [it["type"] for it in await see(mine, "/v1/funding_sources")] == ["virtual"]
        payments = await see(mine, "/v1/payments")
        assert {it["id"] for it in payments} == {paid_id, returned_id}
        for id_ in (paid_id, returned_id):
            assert (await see(mine, f"/v1/payments/{id_}"))["status"] == "closed"
            assert (await see(mine, f"/v1/payments/{id_}/receipt"))["reference_code"]
        for path in ("transactions", "moments", "notifications"):
            assert await see(mine, f"/v1/{path}")
        participants = await see(owners, f"/v1/pools/{pool_id}/participants")
        assert [it["status"] for it in participants] == ["paid"]
        kinds = {it["notification_key"] for it in await see(mine, "/v1/notifications")}
        assert kinds == {"cash_ordered", "cash_paid", "cash_returned"}
