"""What leads elsewhere leads nowhere it should not: hosts, paths, addresses, entities."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from obstore.store import LocalStore

from tests.api.conftest import Shared
from tests.api.mobbr.client import Client, refused
from tests.api.mobbr.test_access import WITH_BODY, below_root
from tests.money import EUR, rows
from tests.people import new_email
from tests.studio import PUBLIC_URL, new_studio
from tests.torture.access.payloads import BEGIN, PAYLOADS
from tests.torture.access.world import World, nothing_changed, world
from tests.torture.effort import Effort
from whipround.api.images import pictures
from whipround.api.types import App, Message
from whipround.gateways.images.store import Store
from whipround.keyring import Keyring

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def place(shared: Shared) -> AsyncIterator[World]:
    async with world(shared) as there:
        yield there


# Headers.

HEADERS = (
    "Product-ID",
    "Correlation-ID",
    "Idempotency-Key",
    "Accept-Language",
    "User-Agent",
    "Authorization",
    "Content-Type",
    "If-None-Match",
    "X-Request-ID",
)


@pytest.mark.parametrize("path", ["/v1/users/current", "/api/history", "/api_v1/user", "/sandbox/"])
async def test_no_header_comes_back_but_as_it_may(place: World, path: str) -> None:
    http = place.here.town.client.http

    for name in HEADERS:
        for payload in PAYLOADS.values():
            answer = await http.get(path, headers=[(name.encode(), payload.encode())])
            assert 400 <= answer.status_code < 500
            assert BEGIN not in str(answer.headers.raw), (name, payload)
            assert re.fullmatch("[0-9a-f-]{36}", answer.headers["correlation-id"])


# Paths.


async def asked(app: App, path: str, method: str = "GET") -> tuple[int, bytes]:
    """Status and body for a path just as it is: no client has put it into order before."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "scheme": "http",
        "server": ("localhost", 80),
    }
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(it.get("body", b"") for it in sent[1:])


UPWARDS = ("..", "%2e%2e", "..%2f", "..\\", "%252e%252e", "．．", "..;", "%c0%ae%c0%ae", ". .")


async def test_no_path_leads_out_of_where_the_pictures_are(
    tmp_path: Path, keyring: Keyring
) -> None:
    secret, folder = tmp_path / "secret.key", tmp_path / "images"
    folder.mkdir()
    for hidden in (secret, tmp_path / "ui.jpg", folder / "ui.jpg"):
        hidden.write_bytes(b"the secret key")
    store = Store(lambda: LocalStore(folder))
    app = pictures(replace(new_studio(keyring), store=store))
    name = "0" * 32

    for up in UPWARDS:
        for path in (
            f"/images/{up}/secret.key",
            f"/images/{up}/ui.jpg",
            f"/images/{name}/{up}/ui.jpg",
            f"/images/{name}{up}/ui.jpg",
            f"/images/groups/{up}/{up}/ui.jpg",
            f"/images/groups/{up * 11}/ui.jpg",
            f"/images/{name}/ui.jpg/{up}/{up}/{up}/secret.key",
            f"/images/{name}/ui.jpg\x00/{up}",
            f"/images//{secret}",
            f"/images/{up}{secret}",
            "/images/./ui.jpg",
        ):
            assert await asked(app, path) == (404, b""), path


async def test_no_path_leads_from_one_app_into_another(place: World) -> None:
    for up in UPWARDS:
        for root in ("/v1", "/api", "/api_v1", "/images", "/sandbox"):
            for path in (
                f"{root}/{up}/sandbox/messages",
                f"{root}/x/{up}/{up}/sandbox/messages",
                f"{root}{up}/users/current",
                f"//{up}{root}/docs",
            ):
                status, body = await asked(place.app, path)
                assert status in {400, 404}, path
                assert b"qz7k" not in body


# Addresses.


class Canary(NamedTuple):
    """A port of this machine, and how often it was connected to."""

    port: int
    seen: list[object]


@asynccontextmanager
async def canary() -> AsyncIterator[Canary]:
    seen: list[object] = []

    async def met(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer.get_extra_info("peername"))
        writer.close()

    listening = await asyncio.start_server(met, "127.0.0.1", 0)
    async with listening:
        yield Canary(listening.sockets[0].getsockname()[1], seen)


HOSTS = (
    "127.0.0.1",
    "localhost",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0.0.0.0",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "169.254.169.254",
    "user@127.0.0.1",
    "127.0.0.1#@example.com",
    "example.com@127.0.0.1",
)


def reaching(url: str) -> list[tuple[str, str, object]]:
    """All ways to have a page asked for, by anybody."""
    script = {"url": url, "message": "x"}
    named = {"participants": [{"id": url, "role": "x"}], "image": url, "url": url}
    return [
        ("POST", "/payments/preview", {"data": url}),
        ("POST", "/payments/preview", {"data": script}),
        ("POST", "/payments/preview", {"data": named, "referrer": url}),
        ("PUT", "/payments/claim", {"url": url}),
    ]


async def test_nothing_behind_the_firewall_is_asked_for(
    place: World, effort: Effort, chance: Random
) -> None:
    ann = await place.here.mobbr.join(EUR("5.00"))

    async with canary() as port, nothing_changed(place.beside.db):
        for host in chance.sample(HOSTS, 2) if effort.is_quick else HOSTS:
            for scheme in ("http", "https", "gopher", "ftp"):
                said = [
                    [
                        refused(await ann.call(*way)).replace(f":{number}/", "/")
                        for way in reaching(f"{scheme}://{host}:{number}/latest/meta-data/")
                    ]
                    for number in (port.port, 1)
                ]
                assert said[0] == said[1], "nobody is told whether there is something"
    assert port.seen == []


# Entities.


def bombs(port: int) -> list[bytes]:
    """XML that would read a file, ask somebody, or never end."""
    laughs = "".join(
        f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' if n else '<!ENTITY l0 "lol">' for n in range(20)
    )
    told = f"http://127.0.0.1:{port}/"
    return [
        b"<!DOCTYPE a><a><url>x</url></a>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a><url>&x;</url></a>',
        f"<!DOCTYPE a [{laughs}]><a><url>&l19;</url></a>".encode(),
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a><url>&x;</url></a>',
        f'<!DOCTYPE a [<!ENTITY x SYSTEM "{told}">]><a><url>&x;</url></a>'.encode(),
        f'<!DOCTYPE a SYSTEM "{told}a.dtd"><a><url>x</url></a>'.encode(),
        f'<!DOCTYPE a PUBLIC "-//x//y" "{told}a.dtd"><a><url>x</url></a>'.encode(),
        f'<!DOCTYPE a [<!ENTITY % x SYSTEM "{told}b.dtd"> %x;]><a><url>x</url></a>'.encode(),
        f'<?xml-stylesheet href="{told}"?><a><url>&#x0;</url></a>'.encode(),
        b"<a xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='file:///etc/passwd'/></a>",
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"),
        b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a+AD4-<a/>',
        b"<a>" * 300_000,
        b"<a>" + b"<b c='d'>" * 50_000 + b"</b>" * 50_000 + b"</a>",
        b"<a " + b"".join(b"b%d='x' " % n for n in range(50_000)) + b"/>",
        b"<a><![CDATA[" + b"]]>" * 100_000 + b"</a>",
        b"<!--" + b"-" * 900_000 + b"<a/>",
    ]


async def test_no_document_type_entity_or_depth_gets_anywhere(
    place: World, effort: Effort, chance: Random
) -> None:
    ann: Client = await place.here.mobbr.join()
    headers = {"Content-Type": "application/xml"}
    unreadable = refused(await ann.call("PUT", "/payments/claim", b"<a>", headers=headers))

    async with canary() as port, nothing_changed(place.shared.db):
        for route in chance.sample(WITH_BODY, 1) if effort.is_quick else WITH_BODY:
            for bomb in bombs(port.port):
                answer = await ann.call(route.method, below_root(route), bomb, headers=headers)
                text = refused(answer)
                assert "root:" not in text, (route, bomb[:60])
                assert text == unreadable or b"<!" not in bomb, (route, bomb[:60], text)
    assert port.seen == []


async def test_text_in_xml_is_text(place: World, effort: Effort, chance: Random) -> None:
    """What a name has in it does not become a part of the answer's markup."""
    payloads = [*PAYLOADS.values()]
    for payload in chance.sample(payloads, 4) if effort.is_quick else payloads:
        name = "".join(it for it in payload if it.isprintable())[:50]
        ann = await place.here.mobbr.join(first_name=name)
        as_json = (await ann.get("/user")).json()["result"]["firstname"]
        answer = await ann.call("GET", "/user", headers={"Accept": "application/xml"})
        assert as_json == name
        assert answer.text.count("<firstname>") == 1
        assert "<script" not in answer.text
        assert "<!DOCTYPE" not in answer.text


# Pages.


async def test_pages_of_mailed_links_have_nothing_of_what_was_sent(place: World) -> None:
    """They say what a token is good for; what is shown of a person is escaped."""
    nobody = place.here.mobbr
    pages = [
        f"/api_v1/user/{name}?{argument}="
        for name, argument in (
            ("claim_link", "claim_token"),
            ("email_link", "confirm_token"),
            ("login_link", "login_token"),
            ("oauth_callback", "code"),
            ("oauth_callback", "error_description"),
        )
    ] + ["/api/confirmations/"]

    for page in pages:
        for payload in PAYLOADS.values():
            url = page + "".join(f"%{byte:02x}" for byte in payload.encode())
            answer = await nobody.http.get(url, headers={"Accept": "text/html"})
            assert answer.status_code in {200, 400, 404}
            assert BEGIN not in answer.text, (page, payload)
            if "html" in answer.headers.get("content-type", ""):
                assert "default-src 'none'" in answer.headers["content-security-policy"]
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert answer.headers["referrer-policy"] == "no-referrer"
                assert answer.headers["cache-control"] == "no-store"


async def test_an_email_on_a_page_is_escaped(place: World) -> None:
    ann = await place.here.mobbr.join(EUR("5.00"))
    email = f"o'neil&co{new_email()}"
    body = {"data": email, "amount": "1.00", "currency": "EUR"}
    shown = (await ann.post("/payments/preview", body)).json()["result"]
    assert (await ann.put("/payments/confirm", {"hash": shown["hash"]})).is_success
    sql = "select data->>'url' from outbox where recipient = %s"
    [(url,)] = await rows(place.shared.db, sql, email)

    answer = await ann.http.get(url.removeprefix(PUBLIC_URL), headers={"Accept": "text/html"})

    assert answer.status_code == 200
    assert "o&#x27;neil&amp;co" in answer.text
