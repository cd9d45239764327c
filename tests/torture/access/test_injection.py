"""Nothing that is sent is taken for anything but text: not by SQL, templates, headers, logs, HTML.

Made from the OpenAPI documents: every field of every operation is sent every payload. An answer is
a documented one, what it accepts is kept and shown as it was sent, and nothing else becomes of it.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import NamedTuple

import httpx
import pytest

from tests.api.conftest import Shared
from tests.api.faces import Faces
from tests.money import EUR, rows
from tests.people import new_email, new_phone
from tests.studio import PUBLIC_URL
from tests.torture.access import bodies
from tests.torture.access.payloads import BEGIN, PAYLOADS, QUICK, SUM, Path, mangled, strings
from tests.torture.access.targets import Target, targets_of, with_body
from tests.torture.access.world import World, contents, tables_of, world
from tests.torture.effort import Effort
from whipround.db.database import Database
from whipround.flows.deliveries import sandbox_messages

pytestmark = pytest.mark.anyio


@dataclass
class Found:
    """What came of it."""

    accepted: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)

    def see(self, target: Target, path: Path, payload: str, answer: httpx.Response) -> None:
        """Note an answer, and what is wrong with it."""
        self.accepted += answer.is_success
        self.refused += answer.is_client_error
        where = f"{target.name} {path} {payload!r}: {answer.status_code} {answer.text[:200]}"
        documented = str(answer.status_code) in target.operation["responses"]
        if answer.is_server_error or not documented:
            self.wrong.append(where)
        headers = [text for pair in answer.headers.multi_items() for text in pair]
        if any(bad in text for text in headers for bad in (BEGIN, "\r", "\n", "qz=1")):
            self.wrong.append(f"{where}: {answer.headers}")
        if "location" in answer.headers or "set-cookie" in answer.headers:
            self.wrong.append(f"{where}: {answer.headers}")
        # A refusal may quote a part of what it refuses.
        shown = strings(answer.json()) if answer.is_success and answer.content else ()
        if any(map(mangled, shown)):
            self.wrong.append(f"{where}: mangled")
        if SUM in answer.text:
            self.wrong.append(f"{where}: worked out")


class Place(NamedTuple):
    """A server with two products, and what one can call in each of its dialects."""

    world: World
    targets: Sequence[Target]


@pytest.fixture(scope="module")
async def place(shared: Shared) -> AsyncIterator[Place]:
    async with world(shared) as there:
        yield Place(there, [each async for each in targets_of(there)])


# What a client says of where it is.

EVIL = "evil.example"

FORWARDED = {
    "Host": EVIL,
    "X-Forwarded-Host": EVIL,
    "X-Forwarded-Server": EVIL,
    "X-Original-Host": EVIL,
    "X-Host": EVIL,
    "X-Forwarded-Prefix": f"//{EVIL}",
    "X-Original-URL": f"https://{EVIL}/",
    "X-Rewrite-URL": f"https://{EVIL}/",
    "Forwarded": f"host={EVIL};proto=https",
    "Origin": f"https://{EVIL}",
    "Referer": f"https://{EVIL}/",
}
"""All that a client may say of where it believes to be."""


async def _mailed(here: Faces) -> list[httpx.Response]:
    """Answers to all that has a link mailed, or leads elsewhere."""
    ann, name, email = await here.join(), new_phone()[1:], new_email()
    said = {"password": "m0ney-p00l", "email": email}
    signing_up = {**said, "name": "Eve", "password_confirmation": said["password"]}
    payer = await here.mobbr.join(EUR("5.00"))
    body = {"data": new_email(), "amount": "1.00", "currency": "EUR"}
    shown = await payer.post("/payments/preview", body)
    registered = {**said, "username": f"eve{name}"}
    return [
        shown,
        await payer.put("/payments/confirm", {"hash": shown.json()["result"]["hash"]}),
        await here.mobbr.put("/user/register_user_send_login_link", registered),
        await here.mobbr.get("/user/send_login_link", username_or_email_or_id=ann.email),
        await payer.post("/user/email_id", {"new_email": new_email()}),
        await payer.get("/user/oauth_url", provider="github"),
        await here.moneypool.post("/api/users", {"user": signing_up}),
        await here.moneypool.post("/api/passwords", {"user": {"email": ann.email}}),
        await ann.get(f"/api/users/{ann.id}/history?per_page=1"),
    ]


async def test_what_a_client_says_of_our_host_is_believed_nowhere(
    place: Place, effort: Effort, chance: Random
) -> None:
    """Links in mails lead to the public address, whatever a request was sent to."""
    here, db = place.world.here, place.world.shared.db
    http, before = here.town.client.http, dict(here.town.client.http.headers)
    targets = chance.sample(place.targets, 8) if effort.is_quick else place.targets
    http.headers.update(FORWARDED)

    mailed = await _mailed(here)
    answers = [*mailed, *[await it.send(None, "") for it in targets]]
    http.headers = before

    assert all(it.is_success for it in mailed)
    for answer in answers:
        assert EVIL not in f"{answer.headers}{answer.text}", answer.request.url
    for table in await tables_of(db):
        assert await rows(db, f'select * from "{table}" as it where it::text ~ %s', EVIL) == []
    links = await rows(db, "select data->>'url' from outbox where data ? 'url'")
    assert len(links) >= 5
    assert all(url.startswith(PUBLIC_URL) for (url,) in links)


# What is left behind.

_WORDS = """
    select attname from pg_attribute
    where attrelid = %s::regclass and atttypid = 'tsvector'::regtype
"""
"""Columns that are looked for words in, and of which nothing is shown."""


async def _kept(db: Database) -> Mapping[str, list[str]]:
    """All texts in which there is a payload, or the sum, by table."""
    found = {}
    for name in await tables_of(db):
        words = [column for (column,) in await rows(db, _WORDS, name)]
        sql = f'select to_jsonb(it) - %s::text[] from "{name}" as it where it::text ~ %s'
        found[name] = [
            text
            for (row,) in await rows(db, sql, words, f"{BEGIN}|{SUM}")
            for text in strings(row)
            if BEGIN in text or SUM in text
        ]
    return found


MAILED = "POST /v1/payments"
"""Somebody is mailed a field of this one."""

SENT = {"outbox", "sandbox_message"}
"""Where texts are kept in which names have lost what a mail program makes a link of."""


async def test_every_operation_with_a_body_has_a_good_one(place: Place) -> None:
    assert with_body() == bodies.GOOD.keys()
    assert len(place.targets) > 80


async def test_whatever_is_sent_in_a_field_is_text(
    place: Place, effort: Effort, chance: Random, tell: Callable[[str, object], None]
) -> None:
    db, beside = place.world.shared.db, place.world.beside.db
    tables, before, found = await tables_of(db), await contents(beside), Found()
    logged = len(place.world.logged())

    names = {it.name for it in place.targets}
    if effort.is_quick:
        names = {*chance.sample(sorted(names), 20), MAILED}
    for target in (it for it in place.targets if it.name in names):
        for path in target.free if effort.is_quick else target.places:
            for payload in [QUICK] if effort.is_quick else PAYLOADS.values():
                found.see(target, path, payload, await target.send(path, payload))
    tell("payloads kept as they are", found.accepted)
    tell("payloads refused", found.refused)

    assert found.wrong == []
    kept = await _kept(db)
    texts = [text for name, those in kept.items() if name not in SENT for text in those]
    assert [text for text in texts if mangled(text)] == []
    assert SUM not in str(kept)
    least = 1 if effort.is_quick else 10
    assert sum(map(len, kept.values())) > least, "else nothing was tried"
    assert await tables_of(db) == tables
    assert await contents(beside) == before
    _logs_none_of_it(place, requests=logged + found.accepted + found.refused)
    await _mails_it_as_text(db)


def _logs_none_of_it(place: Place, *, requests: int) -> None:
    lines = place.world.logged()
    assert len(lines) >= requests
    for line in lines:
        assert json.loads(line)["event"] == "request"
        assert BEGIN not in line


async def _mails_it_as_text(db: Database) -> None:
    messages = await sandbox_messages(db, limit=100_000, now=datetime.now(UTC))
    assert any(BEGIN in f"{it.subject}{it.body}" for it in messages), "else none was mailed"
    for message in messages:
        assert SUM not in f"{message.subject}{message.body}"
        assert len(message.subject.splitlines()) < 2
