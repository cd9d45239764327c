"""Contributions to pools over HTTP: what a pool takes, who takes part in it, and how it ends."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from tests.api.checks import differs
from tests.api.memento.client import Json, error_code, wrong_fields
from tests.api.memento.paying import Customer, Town, ids, messages_to, said
from tests.api.memento.pooling import (
    CONTRIBUTOR,
    POOLS,
    collect,
    counts,
    give,
    giving,
    path,
    seen,
)
from tests.money import EUR, held_by, nothing_moving
from whipround.domain.payments.shares import POOL_ACCOUNT

pytestmark = pytest.mark.anyio

TOMORROW = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d %H:%M:%S")


@pytest.fixture(scope="module")
async def ann(place: Town) -> Customer:
    """Who collects."""
    return await place.person(EUR("500.00"), first_name="Ann")


@pytest.fixture(scope="module")
async def ben(place: Town) -> Customer:
    """Who contributes."""
    return await place.person(EUR("500.00"), first_name="Ben")


@pytest.fixture(scope="module")
async def eve(place: Town) -> Customer:
    """Who has nothing to do with it."""
    return await place.person(EUR("500.00"), first_name="Eve")


async def test_a_contribution_is_as_documented(
    place: Town, ann: Customer, ben: Customer, eve: Customer
) -> None:
    made, key = await collect(ann, ben, is_public=True), uuid4()
    body = giving(ben, 50.0, meta="mine")

    given = said(await ben.post(path(made, "participants"), body, key=key), 201)
    again = said(await ben.post(path(made, "participants"), body, key=key), 201)
    await give(eve, made, "1.50")
    await give(ben, made, "0.50")
    own = await give(ann, made, "1.00")

    assert differs(given, CONTRIBUTOR) == ""
    assert again == given
    assert (given["status"], given["amount"], given["user_id"]) == ("paid", 50, ben.id)
    assert (given["full_name"], given["meta"]) == ("Ben Dough", "mine")
    pool = await seen(ann, made)
    assert pool["amount"] == 53
    assert await held_by(place.db, made["id"], kind=POOL_ACCOUNT) == 53
    assert counts(pool) == {"paid": 4, "total": 4}
    assert pool["participation"]["first_names"] == ["Ben", "Eve", "Ann"]
    assert [it["amount"] for it in pool["participants"]] == [1, Decimal("0.50"), 1.5, 50]
    assert pool["participants"][0] == own
    assert pool["participants"] == said(await ann.get(path(made, "participants")))
    by_eve = (await seen(eve, made))["participants"]
    mine = [it["transaction_id"] is not None for it in by_eve]
    assert mine == [False, False, True, False]
    payment = said(await ben.get("/v1/payments"))[0]
    assert (payment["kind"], payment["pool_id"]) == ("contribution", made["id"])


@pytest.mark.parametrize(
    ("terms", "given", "wrong"),
    [
        ({}, {"amount": None}, {"amount": "required"}),
        ({}, {"amount": 0, "pin": "x", "funding_source_id": None}, None),
        ({}, {"amount": "1.001"}, {"amount": "too_precise"}),
        ({"minimum_user_amount": 5}, {"amount": 4}, {"amount": "too_small"}),
        ({"maximum_user_amount": 5}, {"amount": 6}, {"amount": "too_large"}),
        ({}, {"contribution_option_id": str(uuid4())}, {"contribution_option_id": "not_found"}),
    ],
)
async def test_a_contribution_that_the_pool_does_not_take(
    ann: Customer, ben: Customer, terms: Json, given: Json, wrong: Json | None
) -> None:
    made = await collect(ann, ben, **terms)

    answer = await ben.post(path(made, "participants"), giving(ben, **{"amount": 1, **given}))

    form = {"amount": "too_small", "pin": "invalid", "funding_source_id": "required"}
    assert wrong_fields(answer) == (wrong or form)
    assert await seen(ben, made) == {**made, "funding_source_id": None}


async def test_options_and_optional_amounts(ann: Customer, ben: Customer) -> None:
    options = {"contribution_options": [{"title": "A", "amount": 10}], "minimum_user_amount": 50}
    strict = await collect(ann, ben, **options)
    loose = await collect(ann, ben, **options, allows_optional_amount=True)

    async def outcome(pool: Json, amount: object, *, chooses: bool) -> object:
        option = pool["contribution_options"][0]["id"] if chooses else None
        body = giving(ben, amount, contribution_option_id=option)
        answer = await ben.post(path(pool, "participants"), body)
        return answer.json()["amount"] if answer.status_code == 201 else wrong_fields(answer)

    # Of an option the pool says itself how much it is.
    for pool in (strict, loose):
        assert await outcome(pool, 10, chooses=True) == 10
        assert await outcome(pool, None, chooses=True) == 10
        assert await outcome(pool, 11, chooses=True) == {"amount": "invalid"}
    wrong = {"contribution_option_id": "required"}
    assert await outcome(strict, 50, chooses=False) == wrong
    assert await outcome(loose, 50, chooses=False) == 50
    assert await outcome(loose, 49, chooses=False) == {"amount": "too_small"}


async def test_who_may_contribute_when(place: Town, ann: Customer, ben: Customer) -> None:
    early = await collect(ann, ben, start_at=TOMORROW)
    once = await collect(ann, ben, has_unique_participants=True)
    ended = await collect(ann, ben, end_at=TOMORROW)
    async with place.db.transaction() as tx:
        sql = "update pool set end_at = now() where id = %s"
        await tx.execute(sql, (ended["id"],))
    any_time = await collect(ann, ben)
    at_once = [ben.post(path(once, "participants"), giving(ben)) for _ in range(3)]

    answers = await asyncio.gather(*at_once)
    async with nothing_moving(place.db):
        for pool, body, code in (
            (early, giving(ben), "pool_not_started"),
            (ended, giving(ben), "pool_closed"),
            (once, giving(ben), "already_contributed"),
            (any_time, giving(ben, pin="9999"), "invalid_pin"),
            (any_time, giving(ben, "900"), "insufficient_funds"),
        ):
            answer = await ben.post(path(pool, "participants"), body)
            assert error_code(answer) == code

    assert sorted(it.status_code for it in answers) == [201, 400, 400]
    assert (await seen(ann, once))["amount"] == 6
    # It has ended, even if nobody has closed it yet.
    assert error_code(await ann.put(path(ended), {"description": "x"})) == "pool_closed"
    invite = {"user_ids": [ben.id]}
    assert error_code(await ann.post(path(ended, "invite"), invite)) == "pool_closed"
    said(await ann.post(path(ended, "close")))


async def test_a_card_that_declines_leaves_everything_as_it_was(
    place: Town, ann: Customer, ben: Customer, eve: Customer
) -> None:
    made = await collect(ann, ben, is_public=True, has_unique_participants=True)
    participants = path(made, "participants")
    bad, slow = "tok_test_card_declined", "tok_test_pending"

    for payer in (ben, eve):
        body = giving(payer, funding_source_id=await payer.add_card(bad))
        assert error_code(await payer.post(participants, body)) == "gateway_declined"
    [invited] = said(await ann.get(participants))
    mine = await seen(eve, made)
    card = await ben.add_card(slow)
    pending = said(await ben.post(participants, giving(ben, funding_source_id=card)), 201)
    again = await ben.post(participants, giving(ben))
    refused = said(await ann.post(path(made, "invite"), {"user_ids": [eve.id]}))

    assert (invited["user_id"], invited["status"]) == (ben.id, "invited")
    assert (invited["amount"], invited["transaction_id"]) == (None, None)
    assert mine["participants"] == [invited]
    assert counts(mine) == {"invited": 1, "total": 1}
    assert mine["participation"]["first_names"] == ["Ben"]
    assert (pending["id"], pending["status"], pending["amount"]) == (invited["id"], "pending", 6)
    assert error_code(again) == "already_contributed"
    assert counts(refused) == {"pending": 1, "invited": 1, "total": 2}
    assert refused["amount"] == 0
    assert said(await ann.get(f"{participants}?filter=status:eq:requested")) == [pending]


async def test_where_only_the_owner_sees_who_takes_part(
    ann: Customer, ben: Customer, eve: Customer
) -> None:
    made = await collect(ann, ben, is_public=True, only_owner_sees_participants=True)
    for payer in (eve, ben, eve, eve):
        await give(payer, made, "1.00")

    async def shown(viewer: Customer) -> tuple[list[str], list[str], list[str]]:
        pool = await seen(viewer, made)
        assert counts(pool) == {"paid": 4, "total": 4}
        listed = said(await viewer.get(path(made, "participants")))
        return (
            [it["full_name"] for it in pool["participants"]],
            pool["participation"]["first_names"],
            [it["full_name"] for it in listed],
        )

    everybody = ["Eve Dough", "Eve Dough", "Eve Dough", "Ben Dough"]
    assert await shown(ann) == (everybody, ["Ben", "Eve"], everybody)
    assert await shown(ben) == (["Ben Dough"], ["Ben"], ["Ben Dough"])
    assert await shown(eve) == (["Eve Dough"] * 3, ["Eve"], ["Eve Dough"] * 3)


async def test_the_list_of_participants(place: Town, ann: Customer, ben: Customer) -> None:
    others = [await place.person(EUR("10.00"), first_name=f"P{n}") for n in range(8)]
    made = await collect(ann, *others)
    for payer in others[:7]:
        await give(payer, made, "1.00")
    participants = path(made, "participants")

    pages = await ann.walk(f"{participants}?limit=3")
    names = [it["full_name"] for page in pages for it in page]
    by_status = {
        status: len(said(await ann.get(f"{participants}?filter=status:{status}")))
        for status in (
            *("eq:paid", "eq:invited", "eq:requested", "eq:pending", "eq:all", "eq:rejected"),
            *("in:[invited;requested]", "in:[paid;invited]", "in:[all]"),
        )
    }

    assert [len(page) for page in pages] == [3, 3, 2]
    assert sorted(names) == sorted(it.user.full_name for it in others)
    pool = await seen(ann, made)
    assert [it["full_name"] for it in pool["participants"]] == names[:6]
    assert pool["participation"]["first_names"] == [it.split()[0] for it in names[:1:-1]]
    assert list(by_status.values()) == [7, 1, 0, 0, 8, 0, 1, 8, 8]
    last = said(await ann.get(f"{participants}?sort=updated_at:desc&limit=1"))
    assert [it["full_name"] for it in last] == [others[6].user.full_name]
    wrong = await ann.get(f"{participants}?filter=status:eq:late,name:eq:x&sort=name&search=x")
    assert wrong_fields(wrong) == {
        "filter.status": "invalid",
        "filter.name": "unsupported",
        "sort": "unsupported",
        "search": "unsupported",
    }


# Closing.


async def test_closing_pays_out_and_ends_it(place: Town, ann: Customer, ben: Customer) -> None:
    made, empty = await collect(ann, ben), await collect(ann)
    await give(ben, made, "25.00")
    before, key = await ann.has(), uuid4()

    closed = said(await ann.post(path(made, "close"), key=key))
    again = said(await ann.post(path(made, "close"), key=key))
    nothing = said(await ann.post(path(empty, "close")))

    assert again == closed == await seen(ann, made)
    for pool in (closed, nothing):
        assert (pool["status"], pool["fulfillment_status"]) == ("closed", "fulfilled")
    assert closed["amount"] == 25
    assert await ann.has() == before + 25
    assert await held_by(place.db, made["id"], kind=POOL_ACCOUNT) == 0
    assert [kind for _, kind, _ in await messages_to(place.db, ben.phone)][-1] == "pool_closed"
    for call in (
        ann.post(path(made, "close")),
        ann.put(path(made), {"description": "x"}),
        ann.post(path(made, "invite"), {"user_ids": [ben.id]}),
        ben.post(path(made, "participants"), giving(ben)),
    ):
        assert error_code(await call) == "pool_closed"
    assert made["id"] in ids(said(await ben.get(f"{POOLS}?filter=status:eq:closed")))
