"""Webhooks: hints that are followed, whoever sends them and however often."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID, uuid4

import httpx
import pytest
from stripe import WebhookSignature

from tests.api.conftest import Shared
from tests.api.memento.client import Json
from tests.api.memento.paying import Customer, Town, new_account, new_card, said, town
from tests.api.serving import PROCESSORS, client_of, new_directory, served
from tests.gateways.processors.stripe_server import (
    EMPTY_ACCOUNT,
    KEY,
    Dashboard,
    stripe_server,
)
from tests.money import rows
from whipround.api.bodies import MAX_BODY_BYTES
from whipround.api.types import App
from whipround.api.webhooks import STRIPE, webhooks
from whipround.db.database import open_database
from whipround.gateways.processors import sandbox
from whipround.gateways.processors.live import OpenProcessors
from whipround.gateways.processors.protocol import Processors
from whipround.gateways.processors.stripe import StripeProcessor, read_hint

pytestmark = pytest.mark.anyio

SECRET = "whsec_test"
READ_HINT = partial(read_hint, SECRET)


def told(call_id: object, product_id: object, kind: str = "payment_intent.succeeded") -> bytes:
    """The body of a webhook, as far as it is looked at."""
    metadata = {"call": str(call_id), "product": str(product_id)}
    return json.dumps({"type": kind, "data": {"object": {"metadata": metadata}}}).encode()


def signed(body: bytes, *, secret: str = SECRET, age_seconds: int = 0) -> dict[str, str]:
    """The header that says who sent a body, and when."""
    at = int(time.time()) - age_seconds
    return {
        "Stripe-Signature": WebhookSignature.generate_signature_header(body.decode(), secret, at)
    }


class Place(NamedTuple):
    """A town whose processor can send webhooks."""

    town: Town
    http: httpx.AsyncClient

    async def hear(self, body: bytes, **given: object) -> int:
        """Be told something; the status of our answer."""
        headers = signed(body, **given)  # type: ignore[arg-type]
        return (await self.http.post(STRIPE, content=body, headers=headers)).status_code


@asynccontextmanager
async def _app(shared: Shared, processors: OpenProcessors) -> AsyncIterator[App]:
    directory = new_directory(shared.installation_db, shared.keyring, processors=processors)
    yield webhooks(directory, stripe=READ_HINT)
    await directory.drain()


@pytest.fixture(scope="module")
async def place(shared: Shared) -> AsyncIterator[Place]:
    async with (
        town(shared) as made,
        _app(shared, PROCESSORS) as app,
        client_of(app) as http,
    ):
        yield Place(made, http)


async def pay_by(payer: Customer, recipient: Customer, source: Json) -> UUID:
    """Pay 6 euros from a new funding source; the id of the call."""
    path = await payer.add(source)
    source_id = path.rpartition("/")[2]
    await payer.paid(recipient, funding_source_id=source_id)
    sql = "select id from gateway_call where funding_source_id = %s and kind = 'charge'"
    [[call_id]] = await rows(payer.client.db, sql, source_id)
    return UUID(str(call_id))


async def test_a_hint_is_followed_as_often_as_it_comes(place: Place) -> None:
    ann, bob = await place.town.person(), await place.town.person()
    db, product_id = place.town.db, place.town.shared.product.id
    call_id = await pay_by(ann, bob, new_card("tok_test_pending"))
    body = told(call_id, product_id)

    assert await place.hear(body) == 200
    assert await bob.has() == 0  # whatever it says: the processor says "pending"
    await sandbox.approve(db, key=call_id, kind="charge", now=datetime.now(UTC))
    assert await asyncio.gather(*(place.hear(body) for _ in range(4))) == [200] * 4
    assert await bob.has() == 6
    assert await place.hear(told(call_id, product_id, "payment_intent.payment_failed")) == 200
    assert await bob.has() == 6


async def test_who_has_not_the_secret_is_not_heard(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    ann, bob = await place.town.person(), await place.town.person()
    call_id = await pay_by(ann, bob, new_card("tok_test_pending"))
    await sandbox.approve(place.town.db, key=call_id, kind="charge", now=datetime.now(UTC))
    body = told(call_id, place.town.shared.product.id)

    assert await place.hear(body, secret="whsec_other") == 400
    assert await place.hear(body, age_seconds=301) == 400
    for header in ("", "t=x", "t=1,v1=é", *signed(body + b" ").values()):
        headers = {b"Stripe-Signature": header.encode("latin-1")}
        answer = await place.http.post(STRIPE, content=body, headers=headers)
        assert answer.status_code == 400
    assert await bob.has() == 0
    assert SECRET not in caplog.text


async def test_what_is_not_ours_is_heard_and_forgotten(place: Place) -> None:
    product_id = place.town.shared.product.id
    for body in (
        told(uuid4(), product_id),
        told(uuid4(), uuid4()),
        told("x", product_id),
        told(uuid4(), product_id, "customer.created"),
        b'{"type": "payout.paid", "data": {"object": {}}}',
        b'{"type": "payout.paid", "data": {"object": {"metadata": null}}}',
        b'{"type": "payout.paid", "data": {"object": {"metadata": {"call": 1, "product": 2}}}}',
        b'{"type": ["payout.paid"]}',
        b"[]",
        b"hello",
    ):
        assert await place.hear(body) == 200, body


async def test_what_no_repeat_can_mend_is_told_to_the_operator(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    ann, bob = await place.town.person(), await place.town.person()
    call_id = await pay_by(ann, bob, new_card("tok_test_pending"))
    spoil = """
        update card set sealed = '\\x00' where funding_source_id in (
            select funding_source_id from gateway_call where id = %s
        )
    """
    async with place.town.db.transaction() as tx:
        await tx.execute(spoil, (call_id,))

    assert await place.hear(told(call_id, place.town.shared.product.id)) == 200
    assert "a webhook could not be followed" in caplog.text


async def test_what_else_there_is(place: Place) -> None:
    body = b" " * (MAX_BODY_BYTES + 1)

    assert await place.hear(body) == 413
    assert (await place.http.get(STRIPE)).status_code == 405
    assert (await place.http.post("/webhooks/other")).status_code == 404
    unset = webhooks(
        new_directory(place.town.shared.installation_db, place.town.shared.keyring, sandbox=False),
        stripe=None,
    )
    async with client_of(unset) as http:
        assert (await http.post(STRIPE, content=body)).status_code == 404


async def test_without_the_database_stripe_is_asked_to_repeat(
    place: Place, postgres_url: str
) -> None:
    shared = place.town.shared
    async with open_database(postgres_url, connections=4) as gone:
        away = shared._replace(installation_db=gone)
    body = told(uuid4(), shared.product.id)

    async with _app(away, PROCESSORS) as app, client_of(app) as http:
        answer = await http.post(STRIPE, content=body, headers=signed(body))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")


@pytest.fixture(scope="module")
def dashboard() -> Iterator[Dashboard]:
    with stripe_server() as url:
        dashboard = Dashboard(url)
        yield dashboard
        dashboard.close()


@pytest.fixture
async def stripe(dashboard: Dashboard) -> AsyncIterator[StripeProcessor]:
    processor = StripeProcessor(secret_key=KEY, url=dashboard.url)
    yield processor
    await processor.close()


@pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")
async def test_stripe_itself_tells_how_a_debit_ended(
    shared: Shared, dashboard: Dashboard, stripe: StripeProcessor
) -> None:
    def processors(_: object) -> Processors:
        return Processors(cards=stripe, banks=stripe)

    async with (
        town(shared, processors=processors) as place,
        _app(shared, processors) as app,
        served(app) as port,
    ):
        url = f"http://127.0.0.1:{port}"
        dashboard.send_webhooks(f"{url}{STRIPE}", SECRET)
        ann, bob = await place.person(), await place.person()
        token = dashboard.account(EMPTY_ACCOUNT)
        german = {"country": "DE", "swift": "COBADEFF", "iban": EMPTY_ACCOUNT}
        call_id = await pay_by(ann, bob, new_account(**german, token=token))
        statuses = [await _status(place, call_id)]
        async with asyncio.timeout(20):  # localstripe takes a second and a half
            while statuses[-1] == "pending":
                await asyncio.sleep(0.05)
                statuses.append(await _status(place, call_id))
        assert (statuses[0], statuses[-1]) == ("pending", "declined")
        [transaction] = said(await ann.get("/v1/transactions"))
        assert transaction["status"] == "rejected"
        assert await bob.has() == 0

        path = f"/v1/funding_sources/{transaction['out_funding_source_id']}"
        assert (await ann.delete(path)).is_success
        body = told(call_id, shared.product.id)
        async with httpx.AsyncClient(base_url=url) as http:
            assert await Place(place, http).hear(body) == 200  # though its account is gone


async def _status(place: Town, call_id: UUID) -> str:
    [[status]] = await rows(place.db, "select status from gateway_call where id = %s", call_id)
    return str(status)
