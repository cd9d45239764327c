"""The sandbox's messages, over HTTP."""

import io
import json
import logging
from collections.abc import AsyncIterator
from datetime import datetime

import httpx
import psycopg
import pytest

from tests.api.serving import client_of, new_directory
from whipround.api.bodies import Malformed
from whipround.api.context import Call, Front
from whipround.api.logs import RequestLog
from whipround.api.sandbox import recipient_of, refuse, sandbox
from whipround.db import outbox
from whipround.db.database import Database
from whipround.db.outbox import Message
from whipround.domain.products import Product
from whipround.errors import Unavailable
from whipround.gateways.processors.protocol import OutcomeUnknown
from whipround.keyring import Keyring

PHONE = "+447911123456"


@pytest.fixture
async def client(
    installation_db: Database, product: Product, keyring: Keyring
) -> AsyncIterator[httpx.AsyncClient]:
    directory = new_directory(installation_db, keyring)
    directory.set([product])
    front = Front(sandbox, dialect=b"sandbox", directory=directory, refuse=refuse)
    async with client_of(front) as client:
        client.headers["Product-ID"] = str(product.id)
        yield client


async def _send(db: Database, recipient: str, code: str, now: datetime) -> None:
    data = {"code": code, "event": "x"}
    channel: outbox.Channel = "sms" if recipient.startswith("+") else "email"
    async with db.transaction() as tx:
        message = Message(channel, recipient, "verification_code", "en", data)
        await outbox.put(tx, [message], now=now)


@pytest.mark.anyio
async def test_its_calls_are_logged_with_their_path(
    installation_db: Database, product: Product, keyring: Keyring
) -> None:
    stream = io.BytesIO()
    log = RequestLog(stream, as_json=True)
    directory = new_directory(installation_db, keyring)
    directory.set([product])
    front = Front(sandbox, dialect=b"sandbox", directory=directory, refuse=refuse, log=log)
    async with client_of(front) as client:
        for path in ("/sandbox/messages?recipient=%2B447911123456", "/sandbox/other"):
            await client.get(path, headers={"Product-ID": str(product.id)})
        await client.post("/sandbox/messages", headers={"Product-ID": str(product.id)})
    log.flush()

    logged = map(json.loads, stream.getvalue().splitlines())
    assert [(each["path"], each["status"]) for each in logged] == [
        ("/sandbox/messages", 200),
        ("-", 404),
        ("/sandbox/messages", 405),
    ]


@pytest.mark.anyio
async def test_messages_newest_first(
    client: httpx.AsyncClient, db: Database, now: datetime
) -> None:
    for code in ("111111", "222222"):
        await _send(db, PHONE, code, now)
    await _send(db, "john@example.com", "333333", now)

    answer = await client.get("/sandbox/messages", params={"recipient": PHONE})

    assert answer.status_code == 200
    assert [it["data"]["code"] for it in answer.json()] == ["222222", "111111"]
    assert answer.json()[0].keys() == {
        "id",
        "channel",
        "recipient",
        "subject",
        "body",
        "data",
        "created_at",
    }


@pytest.mark.anyio
@pytest.mark.parametrize(
    "query",
    [
        "recipient=%2B447911123456",
        "recipient=+447911123456",
        "recipient=%2B44%207911%20123456",
        "recipient=+44%207911-123456",
        "",
    ],
)
async def test_a_recipient_may_be_written_in_many_ways(
    client: httpx.AsyncClient, db: Database, now: datetime, query: str
) -> None:
    await _send(db, PHONE, "111111", now)

    answer = await client.get(f"/sandbox/messages?{query}")

    assert [it["recipient"] for it in answer.json()] == [PHONE]


@pytest.mark.anyio
async def test_a_statement_is_that_of_its_funding_source(
    client: httpx.AsyncClient, db: Database, now: datetime
) -> None:
    source = "0190a5ee-0b70-7e3c-8000-0123456789ab"
    async with db.transaction() as tx:
        data = {"code": "123456", "description": "Bank"}
        message = Message("statement", source, "funding_source_code", "en", data)
        await outbox.put(tx, [message], now=now)

    answer = await client.get("/sandbox/messages", params={"recipient": source.upper()})

    [message] = answer.json()
    assert (message["channel"], message["recipient"]) == ("statement", source)
    assert (message["body"], message["data"]["code"]) == ("Whipround code 123456", "123456")


@pytest.mark.parametrize(
    ("text", "recipient"),
    [
        ("", None),
        ("  ", None),
        (" 44 1", "+441"),
        (" John1@Example.com", "john1@example.com"),
        ("+John1@Example.com", "+john1@example.com"),
    ],
)
def test_recipients(text: str, recipient: str | None) -> None:
    assert recipient_of(text) == recipient


@pytest.mark.anyio
async def test_what_else_there_is(client: httpx.AsyncClient) -> None:
    assert (await client.get("/sandbox/nothing")).status_code == 404
    assert (await client.post("/sandbox/messages")).status_code == 405
    malformed = await client.get("/sandbox/messages?recipient=%ff")
    assert malformed.status_code == 400
    assert malformed.json()["errors"][0]["code"] == "malformed_request"


@pytest.mark.anyio
async def test_nul_finds_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.get("/sandbox/messages?recipient=%00x")

    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Malformed(), 400),
        (Unavailable(), 503),
        (psycopg.OperationalError("secret"), 503),
        (OutcomeUnknown(), 503),
        (ValueError("secret"), 500),
    ],
)
def test_errors(error: Exception, status: int, caplog: pytest.LogCaptureFixture) -> None:
    call = Call({"method": "GET", "path": "/", "query_string": b""}, {})
    with caplog.at_level(logging.ERROR):
        rendered = refuse(error, call)

    assert rendered.status == status
    assert json.loads(rendered.body)["errors"][0].keys() == {"code", "message"}
    assert b"secret" not in rendered.body
    assert len(caplog.records) == (status == 500)
