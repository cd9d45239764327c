"""Withdrawals from the wallet to a CLABE, over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from tests.api.conftest import Shared
from tests.api.memento.client import Client as MementoClient
from tests.api.moneypool.client import Client, Json, said, wrong
from tests.api.serving import memento
from tests.money import MXN, charge, fees_held, held, held_by, problems, rows
from whipround.domain.funding import clabe
from whipround.gateways.processors import sandbox

pytestmark = pytest.mark.anyio

BANAMEX = "002010077777777771"
BBVA = "012180502742985873"


@pytest.fixture(scope="module", autouse=True)
async def books(shared: Shared) -> AsyncIterator[None]:
    """What everybody here leaves behind is proven at the end."""
    yield
    assert await problems(shared.db) == []


async def set_clabe(client: Client, number: str = BANAMEX) -> None:
    said(await client.patch(client.own(""), {"user": {"clabe": number}}))


async def withdraw(client: Client, amount: object = "40.00", **given: Any) -> Any:
    body = {"withdrawal": {"amount": amount}}
    return await client.post(client.own("/withdrawals"), body, **given)


async def call_of(client: Client, withdrawal: Json) -> UUID:
    sql = """
        select gateway_call.id from gateway_call join payment using (transaction_id)
        where payment.number = %s
    """
    [[call_id]] = await rows(client.db, sql, withdrawal["id"])
    return UUID(str(call_id))


async def test_money_goes_to_the_clabe_once(client: Client, shared: Shared) -> None:
    ann = await client.join(MXN("100.00"))
    await set_clabe(ann)

    answers = await asyncio.gather(*(withdraw(ann, 40, key="w-1") for _ in range(3)))
    first, *_ = [said(answer, 201) for answer in answers if answer.status_code == 201]
    again = said(await withdraw(ann, 40, key="w-1"), 201)

    assert again == first
    withdrawal = first["withdrawal"]
    [[number]] = await rows(shared.db, "select max(number) from payment")
    assert withdrawal.pop("created_at").endswith("-06:00")
    assert withdrawal == {
        "id": number,
        "amount": "40.0",
        "fee": "0.0",
        "clabe": BANAMEX,
        "bank": "Banamex",
        "status": "paid",
    }
    assert await held(shared.db, ann.person, "MXN") == 60
    async with shared.db.transaction() as tx:
        mine = await clabe.of(tx, user_id=ann.person.id)
    assert mine is not None
    assert await held_by(shared.db, mine.source_id, "MXN") == 40


async def test_a_repeat_is_answered_though_the_clabe_is_gone(client: Client) -> None:
    ann = await client.join(MXN("100.00"))
    await set_clabe(ann)
    first = said(await withdraw(ann, key="w-2"), 201)

    await set_clabe(ann, "")

    assert said(await withdraw(ann, key="w-2"), 201) == first
    assert wrong(await withdraw(ann)) == {"clabe": ["There is no CLABE to withdraw to"]}
    assert await held(client.db, ann.person, "MXN") == 60


async def test_a_repeat_that_is_answered_late_tells_of_no_other_clabe(client: Client) -> None:
    ann = await client.join(MXN("100.00"))
    await set_clabe(ann)
    first = said(await withdraw(ann, key="w-4"), 201)["withdrawal"]
    # The server has stopped, and the sweep has found out.
    unanswered = """
        delete from request_answer where number = (
            select request_number from gateway_call where id = %s
        ) returning 1
    """
    await rows(client.db, unanswered, await call_of(ann, first))

    await set_clabe(ann, BBVA)

    late = said(await withdraw(ann, key="w-4"), 201)["withdrawal"]
    assert late == {**first, "clabe": "", "bank": ""}


@pytest.mark.parametrize(
    ("amount", "field"),
    [
        (0, "amount"),
        (-1, "amount"),
        ("1.001", "amount"),
        ("100.01", "amount"),
        ("ten", "amount"),
        (None, "amount"),
        (True, "amount"),
        (10**13, "amount"),
    ],
    ids=["zero", "negative", "decimals", "more", "word", "null", "true", "huge"],
)
async def test_what_cannot_be_withdrawn(client: Client, amount: object, field: str) -> None:
    ann = await client.join(MXN("100.00"))
    await set_clabe(ann)

    assert list(wrong(await withdraw(ann, amount))) == [field]

    assert await held(client.db, ann.person, "MXN") == 100


async def test_what_is_missing_is_told(client: Client) -> None:
    ann = await client.join()
    path = ann.own("/withdrawals")

    assert wrong(await ann.post(path, {})) == {"withdrawal": ["is required"]}
    assert wrong(await ann.post(path, {"withdrawal": {}})) == {"amount": ["is required"]}


async def test_the_fee_is_on_top(client: Client, shared: Shared) -> None:
    ann = await client.join(MXN("43.00"))
    await set_clabe(ann, BBVA)
    sql = """
        insert into fee_rule (kind, funding_source_type, currency, title, fixed)
        values ('withdrawal', 'virtual', 'MXN', 'Fee', 3) returning 1
    """
    await charge(shared.db)
    await rows(shared.db, sql)
    try:
        before = await fees_held(shared.db, "MXN")
        assert list(wrong(await withdraw(ann, "40.01"))) == ["amount"]

        made = said(await withdraw(ann, "40.00"), 201)["withdrawal"]
    finally:
        await charge(shared.db)

    assert (made["amount"], made["fee"], made["bank"]) == ("40.0", "3.0", "BBVA Mexico")
    assert await held(shared.db, ann.person, "MXN") == 0
    assert await fees_held(shared.db, "MXN") == before + 3


async def _account(client: Client, token: str) -> None:
    """Have the bank know the CLABE by another token."""
    async with client.db.transaction() as tx:
        mine = await clabe.of(tx, user_id=client.person.id)
        assert mine is not None
        cursor = await tx.execute(
            "select id from bank_account where funding_source_id = %s", [mine.source_id]
        )
        [[id_]] = await cursor.fetchall()
        sealed = client.keyring.seal(id_, token)
        await tx.execute("update bank_account set sealed = %s where id = %s", [sealed, id_])


async def test_what_the_bank_declines_is_in_the_wallet_again(client: Client) -> None:
    ann = await client.join(MXN("100.00"))
    await set_clabe(ann)
    await _account(ann, "tok_test_card_declined")

    answers = [wrong(await withdraw(ann, key="w-3")) for _ in range(2)]

    assert answers[0] == answers[1]
    assert list(answers[0]) == ["clabe"]
    assert await held(client.db, ann.person, "MXN") == 100


async def test_it_is_pending_until_the_bank_has_decided(client: Client, shared: Shared) -> None:
    ann = await client.join(MXN("100.00"))
    await set_clabe(ann)
    await _account(ann, "tok_test_pending")

    made = said(await withdraw(ann), 201)["withdrawal"]

    assert made["status"] == "pending"
    assert await held(shared.db, ann.person, "MXN") == 60
    in_use = wrong(await ann.patch(ann.own(""), {"user": {"clabe": ""}}))
    assert list(in_use) == ["clabe"]
    await sandbox.fail_payout(shared.db, key=await call_of(ann, made), now=datetime.now(UTC))


async def test_memento_sees_the_account_and_the_withdrawal(client: Client, shared: Shared) -> None:
    ann = await client.join(MXN("100.00"))
    await set_clabe(ann)
    made = said(await withdraw(ann), 201)["withdrawal"]

    async with memento(shared) as http:
        there = await MementoClient(http, shared.db, shared.keyring, str(shared.product.id)).of(
            ann.person.user
        )
        sources = (await there.get("/v1/funding_sources")).json()
        payments = (await there.get("/v1/payments")).json()
        transactions = (await there.get("/v1/transactions")).json()

    [account] = [it for it in sources if it["type"] == "bank_account"]
    assert (account["status"], account["description"]) == ("enabled", "Banamex")
    [payment] = payments
    [[number]] = await rows(shared.db, "select number from payment where id = %s", payment["id"])
    assert number == made["id"]
    assert payment["status"] == "closed"
    [transaction] = transactions
    assert transaction["status"] == "approved"


@pytest.mark.parametrize("path", ["/withdrawals", "/cash_payments"])
async def test_nobody_does_so_for_another(client: Client, path: str) -> None:
    ann, ben = await client.join(MXN("100.00")), await client.join()
    await set_clabe(ann)

    body = {"withdrawal": {"amount": "1.00"}}
    assert wrong(await ben.post(f"/api/users/{ann.id}{path}", body), 404) == {"base": ["not found"]}
    refused = wrong(await ben.bearing(None).post(ann.own(path), body), 401)
    assert refused == {"authorization": ["is invalid"]}
    assert await held(client.db, ann.person, "MXN") == 100
