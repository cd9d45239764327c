"""Every route × every credential that is not good for it: refused as documented, nothing changed.

Made from the routes that the dialects have; `tests/api/*/test_access.py` has a list of those that
are open, so that a new one cannot become so unnoticed.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest

from tests.api.conftest import Shared
from tests.api.faces import Faces
from tests.api.memento import test_access as in_memento
from tests.api.memento.client import error_code
from tests.api.mobbr import client as mobbr
from tests.api.mobbr import test_access as in_mobbr
from tests.api.moneypool import client as moneypool
from tests.api.moneypool import test_access as in_moneypool
from tests.api.routes import Route
from tests.api.serving import client_of, new_directory
from tests.money import EUR, MXN, Person
from tests.people import hash_of, log_in
from tests.studio import new_studio
from tests.torture.access.dialects import DIALECTS, Dialect, basic, bearer, is_empty, token
from tests.torture.access.world import World, nothing_changed, world
from tests.torture.effort import Effort
from whipround import app
from whipround.app import Root
from whipround.domain import mailed_tokens, sessions, tokens
from whipround.settings import Settings

pytestmark = pytest.mark.anyio

PASSWORD = "m0ney-p00l"

AT_ONCE = 20
"""Requests that are sent together, as a flood would be."""


class _Opened(NamedTuple):
    """What somebody has logged in with, in every dialect."""

    wat: str
    wst: str
    wmp: str
    wmb: str


class Place(NamedTuple):
    """A server, secrets that let nobody in (but one) by what they are, and them as headers."""

    world: World
    secrets: Mapping[str, _Opened]
    bad: Mapping[str, Mapping[str, str]]
    ids: Mapping[tuple[str, str], object]

    def path(self, route: Route) -> str:
        """Of what is Ann's, where it can be: else nobody would be kept from anything."""
        nothing: object = 1 if route.path.startswith("/api/") else UUID(int=1)
        root = route.path[:4]
        ids = {name: self.ids.get((root, name), nothing) for name in route.parameters}
        return route.path.format(**ids)


@pytest.fixture(scope="module")
async def place(shared: Shared) -> AsyncIterator[Place]:
    """Whatever is tried changes nothing."""
    async with world(shared) as there:
        here = there.here
        ann = await here.moneypool.join(
            EUR("9.00"), MXN("9.00"), password_hash=hash_of(PASSWORD), name="Ann Lee"
        )
        secrets = await _secrets(there, ann.person)
        bad = {name: _headers(each, secrets) for name, each in DIALECTS.items()}
        bad["Mobbr"] = {**bad["Mobbr"], **await _passwords(there, ann.person)}
        ids = {
            ("/api", "user_id"): ann.id,
            ("/v1/", "user_id"): ann.person.id,
            ("/v1/", "funding_source_id"): ann.person.wallet_id,
        }
        async with nothing_changed(shared.db):
            yield Place(there, secrets, bad, ids)


async def _opened(faces: Faces, person: Person, *, now: datetime) -> _Opened:
    """Logged in everywhere at that time."""
    memento = await log_in(faces.db, person.user, now=now)
    return _Opened(
        memento.token.secret,
        memento.opened.secret,
        await moneypool.log_in(faces.db, person.user, now=now),
        await mobbr.log_in(faces.db, person.user, now=now),
    )


async def _secrets(there: World, ann: Person) -> Mapping[str, _Opened]:
    """Secrets that were good once, or are good for another: by what they are."""
    here, now = there.here, datetime.now(UTC)
    locked, ended, status = [(await here.moneypool.join()).person for _ in range(3)]
    elsewhere = (await there.there.moneypool.join()).person
    found = {
        "of another product": await _opened(there.there, elsewhere, now=now),
        "expired": await _opened(here, ann, now=now - tokens.LIFE - sessions.LOGIN_LIFE),
        "logged out": await _opened(here, ended, now=now),
        "of somebody locked": await _opened(here, locked, now=now),
        "of somebody rejected": await _opened(here, status, now=now),
        "unknown": _Opened(*(f"{kind}_{'x' * 43}" for kind in _Opened._fields)),
    }
    async with here.db.transaction() as tx:
        await tokens.end_others(tx, user_id=ended.id, token_id=None, session_id=None)
        until = now + timedelta(hours=1)
        sql = "update users set locked_until = %s where id = %s"
        await tx.execute(sql, (until, locked.id))
        await tx.execute("update users set status = 'rejected' where id = %s", (status.id,))
        mailed = await mailed_tokens.make(
            tx, kind="login_link", user_id=ann.id, email=ann.user.email or "", now=now
        )
    return found | {
        "good elsewhere": await _opened(here, ann, now=now),
        "mailed": _Opened(mailed, mailed, mailed, mailed),
    }


def _headers(dialect: Dialect, secrets: Mapping[str, _Opened]) -> Mapping[str, str]:
    """What may stand in the header, and must be refused by this dialect."""
    good = getattr(secrets["good elsewhere"], dialect.own)
    # Under one name: of two schemes each is another's way of saying it.
    shapes = {
        "nothing": "",
        "a scheme": dialect.sent("").split()[0],
        "no scheme": good,
        "another scheme": f"Digest {good}",
        "and more": dialect.sent(good + "x"),
        "cut short": dialect.sent(good[:-1]),
        "in capitals": dialect.sent(good.upper()),
        "NUL": f"{dialect.sent(good[:10])}\x00",
        "long": dialect.sent("x" * 5_000),
    }
    # In this order, so that the same chance takes the same of them.
    other_ways = [way for way in (bearer, token, basic) if way is not dialect.sent]
    shapes |= {f"as by {way.__name__}": way(good) for way in other_ways}
    kinds = {
        name: dialect.sent(getattr(opened, dialect.own))
        for name, opened in secrets.items()
        if name != "good elsewhere"
    }
    others = {
        f"{kind} of another dialect": dialect.sent(secret)
        for kind, secret in secrets["good elsewhere"]._asdict().items()
        if kind != dialect.own
    }
    return {**shapes, **kinds, **others}


async def _passwords(there: World, ann: Person) -> Mapping[str, str]:
    """Names and passwords that are not those of anybody here."""
    locked = (await there.here.moneypool.join(password_hash=hash_of(PASSWORD))).person
    elsewhere = (await there.there.moneypool.join(password_hash=hash_of(PASSWORD))).person
    async with there.here.db.transaction() as tx:
        until = datetime.now(UTC) + timedelta(hours=1)
        sql = "update users set locked_until = %s where id = %s"
        await tx.execute(sql, (until, locked.id))
    name = ann.user.username or ""
    return {
        "a wrong password": mobbr.basic(name, PASSWORD + "x"),
        "no password": mobbr.basic(name, ""),
        "the password of somebody locked": mobbr.basic(locked.user.username or "", PASSWORD),
        "the password of another product": mobbr.basic(elsewhere.user.username or "", PASSWORD),
    }


async def _tried(
    place: Place, dialect: Dialect, route: Route, headers: Sequence[str | None]
) -> list[httpx.Response]:
    """The answers to a call with each of these in its Authorization header, all sent at once."""
    http = place.world.here.town.client.http

    async def call(header: str | None) -> httpx.Response:
        given = {} if header is None else {"Authorization": header}
        return await http.request(
            route.method, place.path(route), headers={**dialect.headers, **given}
        )

    found: list[httpx.Response] = []
    for start in range(0, len(headers), AT_ONCE):
        found += await asyncio.gather(*map(call, headers[start : start + AT_ONCE]))
    return found


APPS = {"/v1/", "/api/", "/api_v1/", "/sandbox/", "/webhooks/", "/images/", "/healthz", "/readyz"}
"""All that a server shows; what is no dialect looks at no credential, and is tried below."""

NO_DIALECT = {
    "GET /sandbox/messages?recipient=nobody": 200,
    "POST /sandbox/messages": 405,
    "POST /sandbox/charges/{id}/approve": 404,
    "POST /sandbox/charges/{id}/decline": 404,
    "POST /sandbox/payouts/{id}/approve": 404,
    "POST /sandbox/payouts/{id}/fail": 404,
    "POST /sandbox/cash/00000000000000": 404,
    "POST /webhooks/stripe": 404,
    "GET /images/{id}/ui.jpg": 404,
    "DELETE /images/{id}/ui.jpg": 405,
    "GET /healthz": 200,
}
"""What is answered, with whatever credential; the id is of something of another product's."""


@asynccontextmanager
async def _real(place: Place, *, sandbox: bool) -> AsyncIterator[Root]:
    """What the composition root puts together."""
    there, settings = place.world.shared, Settings(log_level="warning")
    directory = new_directory(there.installation_db, there.keyring, sandbox=sandbox)
    directory.set([there.product])
    installation: Any = SimpleNamespace(db=there.installation_db, sandbox=sandbox)
    worker: Any = SimpleNamespace(studio=new_studio(there.keyring), nudge=lambda: None)
    async with app._apps(installation, directory, worker, settings) as root:
        yield root
    await directory.drain()


async def test_every_app_that_there_is_is_told_of(place: Place) -> None:
    for sandbox, without in ((True, set()), (False, {"/sandbox/"})):
        async with _real(place, sandbox=sandbox) as root:
            assert root._apps.keys() == APPS - without


@pytest.mark.long
async def test_what_is_no_dialect_looks_at_no_credential(place: Place, chance: Random) -> None:
    id_ = str((await place.world.there.person(EUR("1.00"))).wallet_id)
    product_id = {"Product-ID": str(place.world.shared.product.id)}

    async with _real(place, sandbox=True) as root, client_of(root) as http:
        for name, status in NO_DIALECT.items():
            method, path = name.format(id=id_).split()
            for header in (None, *(chance.choice([*it.values()]) for it in place.bad.values())):
                given = {} if header is None else {"Authorization": header}
                answer = await http.request(method, path, headers={**product_id, **given})
                assert answer.status_code == status, name
    async with _real(place, sandbox=False) as root, client_of(root) as http:
        for name in NO_DIALECT:
            if "/sandbox/" in name:
                method, path = name.format(id=id_).split()
                assert (await http.request(method, path, headers=product_id)).status_code == 404


SLOW = "password"
"""To check one takes a while, on purpose: it is the same on all routes, as tokens are."""


OPEN = {
    "Memento": in_memento.PUBLIC,
    "Moneypool": in_moneypool.OPEN,
    "Mobbr": in_mobbr.PUBLIC | in_mobbr.FOR_BROWSERS,
}
"""The routes that need none, by dialect: to add one, it has to be added there."""


def _names(routes: Sequence[Route]) -> set[str]:
    """As they are in those lists, where Memento's parameters have no names."""
    return {str(it) for it in routes} | {re.sub(r"{\w+}", "{}", str(it)) for it in routes}


@pytest.mark.parametrize("name", DIALECTS)
def test_every_route_but_those_that_are_open_has_to_refuse(name: str) -> None:
    dialect, is_open = DIALECTS[name], OPEN[name]
    every = {*dialect.checked, *dialect.free}

    assert {*dialect.guarded} == {it for it in every if not _names([it]) & is_open}
    assert len(every) == len(dialect.checked) + len(dialect.free)
    assert is_open <= _names([*every])


@pytest.mark.parametrize("name", DIALECTS)
async def test_no_route_takes_what_is_not_good_for_it(
    place: Place, name: str, effort: Effort, chance: Random
) -> None:
    dialect, bad = DIALECTS[name], place.bad[name]
    quick = [kind for kind in bad if SLOW not in kind]

    for route in dialect.checked:
        kinds = chance.sample(quick, 2) if effort.is_quick else [*bad]
        # In the place of a session this one asks for the token that opens one.
        if str(route) == "POST /v1/sessions":
            kinds = [kind for kind in kinds if kind != "wat of another dialect"]
        answers = await _tried(place, dialect, route, [bad[kind] for kind in kinds])
        for kind, answer in zip(kinds, answers, strict=True):
            assert dialect.is_refused(answer), (str(route), kind, answer, answer.text)


@pytest.mark.parametrize("name", DIALECTS)
async def test_no_route_that_needs_one_is_open_without(place: Place, name: str) -> None:
    dialect = DIALECTS[name]

    for route in dialect.guarded:
        [answer] = await _tried(place, dialect, route, [None])
        assert dialect.is_refused(answer), (str(route), answer, answer.text)


@pytest.mark.parametrize("name", DIALECTS)
async def test_what_looks_at_none_answers_as_it_does_without(
    place: Place, name: str, chance: Random
) -> None:
    dialect = DIALECTS[name]
    is_made_once = ("/docs", "/openapi.json")  # for everybody, and takes a while

    for route in [it for it in dialect.free if not it.path.endswith(is_made_once)]:
        bad = chance.choice([*place.bad[name].values()])
        without, given = await _tried(place, dialect, route, [None, bad])
        assert (given.status_code, given.content) == (without.status_code, without.content), route


async def test_a_token_that_is_not_good_opens_no_session(place: Place) -> None:
    http = place.world.here.town.client.http

    for kind, opened in place.secrets.items():
        if kind in {"good elsewhere", "mailed"}:
            continue
        headers = {"Authorization": bearer(opened.wat)}
        answer = await http.post("/v1/sessions", headers=headers)
        if kind in {"of somebody locked", "of somebody rejected"}:
            assert error_code(answer) == "user_locked"
        else:
            assert is_empty(answer), kind
