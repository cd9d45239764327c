"""What the document says in its asides holds: one by one, read from the document itself."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

import pytest

from tests.api.conftest import Shared
from tests.api.documents import replaced
from tests.api.faces import faces
from tests.api.moneypool.client import Json, said, wrong
from tests.api.moneypool.documents import SPEC, Example, Notice, examples, notices, taken
from tests.api.moneypool.printed import money, people
from tests.api.moneypool.printed.money import history, invited, requested, waiting
from tests.api.moneypool.printed.stage import CLABE, SCENES, Stage, play
from tests.money import MXN, nothing_changing

pytestmark = pytest.mark.anyio

CHAPTERS = (money, people)
"""The modules that have the scenes."""

NOTICES = notices()


@pytest.fixture(scope="module")
async def stage(shared: Shared) -> AsyncIterator[Stage]:
    async with faces(shared) as town:
        john = await town.join(MXN("5000.00"), name="John Doe")
        andy = await town.join(MXN("5000.00"), name="Andy Peterson")
        yield Stage(town, john, andy)


def example(title: str) -> Example:
    """The call below a heading."""
    [found] = [it for it in examples() if it.title == title]
    return found


Holds: TypeAlias = Callable[[Stage, str], Awaitable[None]]
HOLDS: dict[str, Holds] = {}
"""What sees that a notice holds, below the heading that it is given, by how the notice begins."""


def holds(beginning: str) -> Callable[[Holds], Holds]:
    """Have this see to the notices that begin so."""

    def add(check: Holds) -> Holds:
        HOLDS[beginning] = check
        return check

    return add


def of(notice: Notice) -> list[Holds]:
    """What sees to a notice."""
    return [check for beginning, check in HOLDS.items() if notice.text.startswith(beginning)]


def test_every_notice_is_seen_to() -> None:
    assert len(NOTICES) == SPEC.count("<aside") == 12
    assert [len(of(each)) for each in NOTICES] == [1] * len(NOTICES)
    assert all(any(it.text.startswith(each) for it in NOTICES) for each in HOLDS)


@pytest.mark.parametrize("notice", NOTICES, ids=str)
async def test_a_notice_holds(stage: Stage, notice: Notice) -> None:
    [check] = of(notice)

    await check(stage, notice.title)


@holds("The `auth_token` returned in the response json is the token")
async def _(stage: Stage, title: str) -> None:
    part = await SCENES[title].prepare(stage)
    user = said(await play(part, example(title)), 201)["user"]

    shown = said(await part.who.bearing(user["auth_token"]).get(f"/api/users/{user['id']}"))

    assert shown["user"] == user


@holds("An existing user will login with this method. A new user can")
async def _(stage: Stage, title: str) -> None:
    call = example(title)

    async def log_in(token: str) -> int:
        part = await SCENES[title].prepare(stage)
        answer = await play(part._replace(values={"oauth_token": token}), call)
        user = said(answer, 201)["user"]
        id_: int = user["id"]
        there = part.who.bearing(user["auth_token"])
        assert said(await there.get(f"/api/users/{id_}"))["user"]["auth_token"]
        return id_

    new = await log_in("fb_test_olive")
    assert await log_in("fb_test_olive") == new
    assert await log_in("fb_test_pat") != new


@holds("All parameters are required.")
async def _(stage: Stage, title: str) -> None:
    part = await SCENES[title].prepare(stage)
    [wanted] = [it for it in taken() if it.title == title]
    call = example(title)

    async with nothing_changing(stage.faces.db):
        for path in wanted.parameters:
            name = path.rpartition(".")[2]
            answer = await play(part, without(call, path))
            assert wrong(answer).keys() == {name}
    said(await play(part, call), 201)


def without(call: Example, path: str) -> Example:
    """The call, but for one parameter."""
    body: Json = replaced(call.curl.body, {})
    *above, name = path.split(".")
    inner = body[above[0]] if above else body
    del inner[name]
    return replace(call, curl=call.curl._replace(body=body))


@holds("Parameters not sent on the request won't be updated.")
async def _(stage: Stage, title: str) -> None:
    part = await SCENES[title].prepare(stage)
    changed = said(await play(part, example(title)))["user"]
    assert changed["avatar_url"]
    assert (changed["clabe"], changed["bank"]) == (CLABE, "Bank of Mexico")

    for name, value in {"name": "Jo Doe", "bank": "Another Bank"}.items():
        answer = await part.who.patch(part.who.own(""), {"user": {name: value}})
        changed = {**changed, name: value}
        assert said(answer)["user"] == changed
    body = {"user": {"email": changed["email"], "password": "foobar123"}}
    assert said(await part.who.post("/api/sessions", body), 201)["user"]["id"] == changed["id"]


@holds("The user the payment request is being sent to (`user_requested_id`) has to be")
async def _(stage: Stage, title: str) -> None:
    part = await SCENES[title].prepare(stage)
    to_nobody = part._replace(values={"user_requested_id": 10**9})

    async with nothing_changing(stage.faces.db):
        answer = await play(to_nobody, example(title))

    assert wrong(answer).keys() == {"user_requested_id"}


async def types(stage: Stage, *, who: str) -> dict[int, str]:
    """The types of what is in the list of John or of Andy, by id."""
    listed = await waiting(stage.john if who == "john" else stage.andy)
    return {it["id"]: it["type"] for it in listed}


@holds("Only payment requests the authorized user has received, the ones of the type `from_user`")
async def _(stage: Stage, title: str) -> None:
    received = (await requested(stage.andy, stage.john))["id"]
    sent = (await requested(stage.john, stage.andy))["id"]
    assert (await types(stage, who="john"))[received] == "from_user"
    assert (await types(stage, who="john"))[sent] == "to_user"
    part = await SCENES[title].prepare(stage)

    async with nothing_changing(stage.faces.db):
        assert wrong(await play(part._replace(ids=[sent]), example(title)), 404)
    shown = said(await play(part._replace(ids=[received]), example(title)))["payment_request"]

    assert (shown["id"], shown["rejected"]) == (received, True)
    assert received not in await types(stage, who="john")
    [asked] = [it for it in await waiting(stage.andy) if it["id"] == received]
    assert (asked["type"], asked["rejected"]) == ("to_user", True)


@holds("Only payment requests the authorized user created, the ones of the type `to_user`")
async def _(stage: Stage, title: str) -> None:
    received = (await requested(stage.andy, stage.john))["id"]
    sent = (await requested(stage.john, stage.andy))["id"]
    part = await SCENES[title].prepare(stage)

    async with nothing_changing(stage.faces.db):
        assert wrong(await play(part._replace(ids=[received]), example(title)), 404)
    said(await play(part._replace(ids=[sent]), example(title)), 204)

    for who in ("john", "andy"):
        assert sent not in await types(stage, who=who)
        assert received in await types(stage, who=who)


@holds("This is for pool invitations that are included in the payment requests list")
async def _(stage: Stage, title: str) -> None:
    pool = await invited(stage, stage.john, stage.andy)
    [listed] = [it for it in await waiting(stage.john) if it.get("liability_id")][:1]
    assert listed["type"] == "pool"
    assert (listed["id"], listed["liability_id"]) == (pool.pool_id, pool.liability_id)
    part = await SCENES[title].prepare(stage)

    said(await play(part._replace(ids=[pool.liability_id]), example(title)), 204)

    johns = {it.get("liability_id") for it in await waiting(stage.john)}
    assert pool.liability_id not in johns
    assert pool.pool_id in {it["id"] for it in await waiting(stage.andy) if it["type"] == "pool"}
    assert wrong(await play(part._replace(ids=[pool.liability_id]), example(title)), 404)


@holds("Payments need to be sent either to a user or to a pool. Only one of")
async def _(stage: Stage, title: str) -> None:
    part, call = await SCENES[title].prepare(stage), example(title)
    pool = await invited(stage, stage.john, least="1.00")
    both: Json = replaced(call.curl.body, {})
    both["payment"]["pool_id"] = pool.pool_id
    before = await history(stage.john)

    async with nothing_changing(stage.faces.db):
        for body, named in ((both, "new_email"), (without(call, "payment.new_email"), "new_email")):
            wanted = body if isinstance(body, Example) else with_body(call, body)
            assert wrong(await play(part, wanted)).keys() == {named}

    for one in (call, without(with_body(call, both), "payment.new_email")):
        said(await play(part, one), 201)
    paid = (await history(stage.john))[: -len(before) or None]
    parties = [each["outcome"]["party"] for each in paid]
    halves = 2 if title == "Create a Mixed Payment" else 1
    assert parties == ["John's Birthday"] * halves + ["alex@mail.com"] * halves


def with_body(call: Example, body: Json) -> Example:
    """The call with another body."""
    return replace(call, curl=call.curl._replace(body=body))
