"""Who is here is told by no answer's time: nobody is refused as slowly as somebody."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import httpx
import pytest
from argon2 import PasswordHasher

from tests.api.conftest import Shared
from tests.api.faces import Faces
from tests.api.memento.client import device
from tests.api.mobbr.client import basic
from tests.people import hash_of, make_user, new_email, new_phone
from tests.torture.access.servers import Tell
from tests.torture.access.world import world
from tests.torture.effort import Effort
from whipround.domain.users.person import User
from whipround.domain.users.proofs import Proven

pytestmark = pytest.mark.anyio

PASSWORD = "m0ney-p00l"
_numbers = count(1)


class Who(NamedTuple):
    """The names by which somebody is asked for, who may be nobody."""

    username: str
    phone: str
    email: str


Knock = Callable[[Faces, Who, str], Awaitable[httpx.Response]]


def _in_memento(kind: str) -> Knock:
    async def knock(faces: Faces, who: Who, password: str) -> httpx.Response:
        body = {
            "identity": {"type": kind, "value": getattr(who, kind)},
            "authenticator": "password",
            "secret": password,
            "device": device(),
        }
        return await faces.town.client.post("/v1/tokens", body)

    return knock


def _by_basic(kind: str) -> Knock:
    async def knock(faces: Faces, who: Who, password: str) -> httpx.Response:
        header = {"Authorization": basic(getattr(who, kind), password)}
        return await faces.mobbr.call("GET", "/user/ping", headers=header)

    return knock


async def _in_moneypool(faces: Faces, who: Who, password: str) -> httpx.Response:
    body = {"user": {"email": who.email, "password": password}}
    return await faces.moneypool.post("/api/sessions", body)


async def _for_a_token(faces: Faces, who: Who, password: str) -> httpx.Response:
    body = {"username": who.username, "password": password}
    return await faces.mobbr.put("/user/password_login", body)


DOORS: Mapping[str, Knock] = {
    "Memento, by username": _in_memento("username"),
    "Memento, by phone": _in_memento("phone"),
    "Moneypool": _in_moneypool,
    "Mobbr, Basic by username": _by_basic("username"),
    "Mobbr, Basic by email": _by_basic("email"),
    "Mobbr, for a token": _for_a_token,
}


async def _ask_for_a_reset(faces: Faces, who: Who, _: str) -> httpx.Response:
    return await faces.moneypool.post("/api/passwords", {"user": {"email": who.email}})


async def _ask_for_a_link(faces: Faces, who: Who, _: str) -> httpx.Response:
    return await faces.mobbr.get("/user/send_login_link", username_or_email_or_id=who.email)


async def _ask_by_name(faces: Faces, who: Who, _: str) -> httpx.Response:
    return await faces.mobbr.get("/user/send_login_link", username_or_email_or_id=who.username)


BELLS: Mapping[str, Knock] = {
    "a new password asked for": _ask_for_a_reset,
    "a login link asked for, by email": _ask_for_a_link,
    "a login link asked for, by name": _ask_by_name,
}
"""Where the answer is the same, whoever there is."""


@pytest.fixture(scope="module")
async def faces(shared: Shared) -> AsyncIterator[Faces]:
    """In a sandbox, whose limits are wide enough for so many tries."""
    async with world(shared) as there:
        yield there.here


def nobody() -> Who:
    """Whose names are as long as those that there are."""
    return Who(f"jane{next(_numbers)}", new_phone(), new_email())


async def somebody(faces: Faces, **given: Any) -> tuple[User, Who]:
    """Somebody with all names, and by default a password."""
    who = nobody()
    user = await make_user(
        faces.db,
        keyring=faces.town.shared.keyring,
        now=datetime.now(UTC),
        username=who.username,
        proven=Proven(phone=who.phone, email=who.email),
        **{"password_hash": hash_of(PASSWORD), **given},
    )
    return user, who


async def test_one_password_is_checked_whoever_it_is(
    faces: Faces, effort: Effort, chance: Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes the time is done as often for nobody as for somebody."""
    checked: list[str] = []
    verify = PasswordHasher.verify

    def counted(self: PasswordHasher, stored: str, password: str) -> Any:
        checked.append(stored.rsplit("$", 2)[0])
        return verify(self, stored, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    _, known = await somebody(faces)
    _, without = await somebody(faces, password_hash=None)
    locked, is_locked = await somebody(faces)
    async with faces.db.transaction() as tx:
        until = datetime.now(UTC) + timedelta(hours=1)
        sql = "update users set locked_until = %s where id = %s"
        await tx.execute(sql, (until, locked.id))
    tried = {
        "a wrong password": (known, "wr0ng-0ne"),
        "nobody": (nobody(), PASSWORD),
        "somebody without a password": (without, PASSWORD),
        "somebody locked": (is_locked, "wr0ng-0ne"),
    }

    for door in chance.sample([*DOORS], 2 if effort.is_quick else len(DOORS)):
        answers = {}
        for what, (who, password) in tried.items():
            before = len(checked)
            answers[what] = await DOORS[door](faces, who, password)
            assert len(checked) - before == 1, (door, what)

        assert len({(it.status_code, it.content) for it in answers.values()}) == 1, door
        assert len({*checked}) == 1, f"{door}: and at the same cost"


async def _seconds(call: Awaitable[httpx.Response]) -> float:
    start = perf_counter()
    answer = await call
    seconds = perf_counter() - start
    assert answer.status_code != 429
    return seconds


def probability(one: Sequence[float], other: Sequence[float], chance: Random) -> float:
    """How probable medians so far apart are, if the two are alike: a permutation test."""
    apart = abs(median(one) - median(other))
    both, rounds = [*one, *other], 2_000
    as_far = 0
    for _ in range(rounds):
        chance.shuffle(both)
        as_far += abs(median(both[: len(one)]) - median(both[len(one) :])) >= apart
    return as_far / rounds


LEAST_LIKELY, MOST_APART = 0.001, 0.05
"""What is no chance any more; and how much of the whole can be seen through a network at all."""


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("what", [*DOORS, *BELLS])
async def test_nobody_is_answered_as_slowly_as_somebody(
    faces: Faces, what: str, effort: Effort, chance: Random, tell: Tell
) -> None:
    knock = {**DOORS, **BELLS}[what]
    _, who = await somebody(faces)
    known: list[float] = []
    unknown: list[float] = []
    for number in range(effort.of(40, quick=10)):
        # By turns, and either first: what else the machine does slows both.
        order = [(known, who), (unknown, nobody())]
        chance.shuffle(order)
        for times, each in order:
            times.append(await _seconds(knock(faces, each, f"wrong {number}")))

    apart = abs(median(known) - median(unknown)) / median(known)
    likely = probability(known, unknown, chance)
    tell(
        f"{what}: known and unknown",
        f"{1000 * median(known):.1f} and {1000 * median(unknown):.1f} ms (p = {likely:.2f})",
    )
    assert likely > LEAST_LIKELY or apart < MOST_APART
