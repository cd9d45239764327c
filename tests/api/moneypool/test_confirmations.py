"""Following the link that proves an address, as a person's browser does, and asking for another."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.api.conftest import Shared
from tests.api.moneypool.client import Client, said, wrong
from tests.api.serving import moneypool
from tests.mails import last_link, mailed
from tests.money import (
    MXN,
    answered,
    held,
    make_person,
    new_key,
    order,
    outcome_of,
    problems,
    rows,
    server,
)
from tests.people import new_email
from whipround.domain import mailed_tokens
from whipround.domain.users.person import User

pytestmark = pytest.mark.anyio

URL = "https://pictures.test/api/confirmations/"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


async def _say(client: Client, email: str, **given: Any) -> Client:
    """A client of somebody who says that the email is theirs, and has been mailed a link."""
    someone = await client.join(email=email, is_proven=False, **given)
    await _send(client, someone.person.user)
    return someone


async def _send(client: Client, user: User, *, at: datetime | None = None) -> None:
    async with client.db.transaction() as tx:
        assert await mailed_tokens.send_confirmation(
            tx,
            user=user,
            url=URL,
            keyring=client.keyring,
            now=at or datetime.now(UTC),
            limit_multiplier=1000,
        )


async def _path(client: Client, email: str) -> str:
    """The path of the newest link that was mailed there."""
    return httpx.URL((await last_link(client.db, email))["url"]).path


async def _follow(client: Client, path: str, *, accept: str = "*/*") -> httpx.Response:
    """Follow a link: no version is asked for, and nothing says who that is."""
    return await client.bearing(None).get(path, headers={"Accept": accept})


async def _pay(shared: Shared, email: str, amount: str) -> None:
    """Have somebody who has signed up in Memento pay the address, from their wallet."""
    now = datetime.now(UTC)
    payer = await make_person(shared.db, MXN("500.00"), keyring=shared.keyring, now=now)
    at = server(shared.db, now=now)
    made = await at.submit(
        order(payer, ("email", email), MXN(amount), keyring=shared.keyring, key=new_key())
    )
    assert outcome_of(answered(made)).error is None


async def test_money_that_waits_arrives_with_the_link(client: Client, shared: Shared) -> None:
    email = new_email()
    await _pay(shared, email, "150.50")
    await _pay(shared, email, "9.50")
    jane = await _say(client, email, name="Jane Roe")
    path = await _path(client, email)

    assert await held(client.db, jane.person, "MXN") == 0
    looked = await client.call("HEAD", path)
    confirmed = await _follow(client, path)

    assert looked.status_code == 405
    assert said(confirmed) == {"user": {"id": jane.id, "name": "Jane Roe", "email": email}}
    assert await held(client.db, jane.person, "MXN") == Decimal(160)
    assert said(await jane.get(jane.own("")))["user"]["email_confirmed"] is True
    assert wrong(await _follow(client, path), 404) == {"base": ["not found"]}
    assert wrong(await jane.post("/api/confirmations")) == {"email": ["is confirmed already"]}
    assert await problems(client.db) == []


async def test_a_page_for_who_follows_it_in_a_browser(client: Client) -> None:
    email = new_email()
    await _say(client, email, name="Jane <b>Roe</b>")
    path = await _path(client, email)

    page = await _follow(client.reading("es-MX"), path, accept=BROWSER)
    again = await _follow(client, path, accept=BROWSER)

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["content-language"] == "es"
    assert '<html lang="es">' in page.text
    assert f"{email}" in page.text
    assert "Jane &lt;b&gt;Roe&lt;/b&gt;" in page.text
    assert again.status_code == 404
    assert "This link is no longer good" in again.text
    for accept in ("application/json, text/html;q=0.5", "text/html;q=0", "text/html;q=x", ""):
        assert wrong(await _follow(client, path, accept=accept), 404)


async def test_what_is_no_link(client: Client) -> None:
    email = new_email()
    jane = await _say(client, email)
    early = datetime.now(UTC) - timedelta(days=7)
    await _send(client, jane.person.user, at=early)
    first, expired = [it["token"] for it in await mailed(client.db, email, "email_confirmation")]

    for token in (expired, "wml_unknown", first[:-1], f"{first}x", f"{first}%00", "%F0%9F%92%B8"):
        assert wrong(await _follow(client, f"/api/confirmations/{token}"), 404)
    await rows(
        client.db,
        "update users set email = %s where id = %s returning 1",
        "x@y.test",
        jane.person.id,
    )
    assert wrong(await _follow(client, f"/api/confirmations/{first}"), 404)
    verified = await rows(
        client.db, "select email_verified_at from users where id = %s", jane.person.id
    )
    assert verified == [(None,)]


async def test_an_address_that_two_say_is_theirs(client: Client, shared: Shared) -> None:
    """However many follow their links at once, one of them has the address and its money."""
    email = new_email()
    await _pay(shared, email, "20.00")
    people = [await _say(client, email) for _ in range(4)]
    links = await mailed(client.db, email, "email_confirmation")
    paths = [httpx.URL(it["url"]).path for it in links]

    answers = await asyncio.gather(*(_follow(client, path) for path in paths))

    [made] = [it for it in answers if it.status_code == 200]
    for path, answer in zip(paths, answers, strict=True):
        if answer is not made:
            assert wrong(answer) == {"email": ["has already been taken"]}
            page = await _follow(client, path, accept=BROWSER)
            assert page.status_code == 422
            assert "somebody else" in page.text
    owner = said(made)["user"]["id"]
    balances = {it.id: await held(client.db, it.person, "MXN") for it in people}
    assert {id_: amount for id_, amount in balances.items() if amount} == {owner: Decimal(20)}


async def test_one_link_twice_at_once(client: Client, shared: Shared) -> None:
    email = new_email()
    await _pay(shared, email, "20.00")
    jane = await _say(client, email)
    path = await _path(client, email)

    answers = await asyncio.gather(*(_follow(client, path) for _ in range(4)))

    assert sorted(it.status_code for it in answers) == [200, 404, 404, 404]
    assert await held(client.db, jane.person, "MXN") == Decimal(20)


async def test_a_link_is_sent_again_and_names_its_product(shared: Shared) -> None:
    """A browser sends no header, and nothing else says which product of several is meant."""
    other = shared._replace(product=replace(shared.product, is_default=False))
    async with moneypool(other) as http:
        client = Client(http, shared.db, shared.keyring)
        jane = await client.join(email=new_email(), is_proven=False)

        sent = [await jane.post("/api/confirmations") for _ in range(2)]

        assert [(it.status_code, it.content) for it in sent] == [(204, b"")] * 2
        first, link = await mailed(client.db, jane.email, "email_confirmation")
        assert link["url"] == f"{URL}{link['token']}?product-id={shared.product.id}"
        del http.headers["Product-ID"]
        followed = await _follow(client, httpx.URL(link["url"]).raw_path.decode())
        assert said(followed)["user"]["id"] == jane.id
        # One more than was needed does no harm.
        followed = await _follow(client, httpx.URL(first["url"]).raw_path.decode())
        assert said(followed)["user"]["id"] == jane.id
        assert wrong(await client.post("/api/confirmations"), 401)


async def test_another_link_is_not_to_be_had_for_ever(limited_client: Client) -> None:
    jane = await limited_client.join(email=new_email(), is_proven=False)

    answers = [await jane.post("/api/confirmations") for _ in range(6)]

    assert [it.status_code for it in answers] == [204] * 5 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert wrong(answers[-1], 429).keys() == {"base"}
