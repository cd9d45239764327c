"""Pools over HTTP: what they take, who sees them, how they change, and who is invited."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.api.checks import differs
from tests.api.memento.client import Json, error_code, wrong_fields
from tests.api.memento.paying import (
    Customer,
    Town,
    ids,
    messages_to,
    new_account,
    new_card,
    said,
)
from tests.api.memento.pooling import (
    POOL,
    POOLS,
    as_printed,
    collect,
    collecting,
    counts,
    give,
    giving,
    path,
    seen,
)
from tests.money import EUR, rows
from whipround.domain.pools.inviting import MOST_INVITED

pytestmark = pytest.mark.anyio

YESTERDAY, TOMORROW = (
    (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S") for days in (-1, 1)
)


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


# Making.


async def test_a_pool_as_printed_is_as_documented(
    place: Town, ann: Customer, ben: Customer, eve: Customer
) -> None:
    body, key = as_printed(ann, ben, eve), uuid4()

    made = said(await ann.post(POOLS, body, key=key), 201)
    again = said(await ann.post(POOLS, body, key=key), 201)

    assert differs(made, POOL) == ""
    assert again == made == await seen(ann, made)
    assert {name: made[name] for name in body.keys() & made.keys() - _SHOWN_OTHERWISE} == {
        name: body[name] for name in body.keys() & made.keys() - _SHOWN_OTHERWISE
    }
    assert made["start_at"] == body["start_at"].replace(" ", "T") + "Z"
    [option] = made["contribution_options"]
    assert (option["title"], option["amount"]) == ("Payment title", 10)
    assert made["status"], made["fulfillment_status"] == ("open", "unfulfilled")
    assert made["amount"] == 0
    assert counts(made) == {"invited": 2, "total": 2}
    assert sorted(made["participation"]["first_names"]) == ["Ben", "Eve"]
    [told] = await messages_to(place.db, ben.phone)
    words = {"owner": "Ann Dough", "description": "Money Pool #1"}
    assert told == ("sms", "pool_invited", words)
    # Fetched by a job.
    assert await rows(
        place.db, "select source_url, status from image where object_id = %s", made["id"]
    ) == [(body["image"]["url"], "wanted")]


_SHOWN_OTHERWISE = {"contribution_options", "image", "start_at", "end_at"}


async def test_a_pool_has_sensible_defaults(ann: Customer) -> None:
    made = await collect(ann, hashtag="#Fun_1", start_at="0001-01-01T00:00:00Z", end_at=None)

    flags = [name for name, value in made.items() if value is True]
    unset = {name for name, value in made.items() if value is None}
    assert flags == []
    assert unset == {"minimum_user_amount", "maximum_user_amount", "image", "start_at", "end_at"}
    assert (made["hashtag"], made["detailed_description"], made["meta"]) == ("Fun_1", "", "")
    assert (made["contribution_options"], made["participants"]) == ([], [])


_LONG: dict[str, Any] = {
    "description": "x" * 201,
    "detailed_description": "x" * 10_001,
    "hashtag": "x" * 101,
    "contribution_options": [{"title": "x", "amount": 1}] * 51,
    "invites": [str(uuid4())] * 101,
    "meta": "x" * 10_001,
}


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        (dict.fromkeys(("description", "currency", "funding_source_id")), "required"),
        (_LONG, "too_long"),
        ({"description": "a\nb", "hashtag": "two words", "start_at": "soon"}, "invalid"),
        ({"is_public": "perhaps", "invites": ["me"], "funding_source_id": "it"}, "invalid"),
        ({"currency": "CHF"}, "unsupported"),
        ({"minimum_user_amount": -1, "maximum_user_amount": 0}, "too_small"),
        ({"minimum_user_amount": 1.001, "maximum_user_amount": "2.005"}, "too_precise"),
        ({"minimum_user_amount": 10**13}, "too_large"),
        ({"end_at": YESTERDAY}, "invalid"),
    ],
)
async def test_what_is_wrong_with_a_pool_is_named(ann: Customer, given: Json, wrong: str) -> None:
    answer = await ann.post(POOLS, collecting(ann, **given))

    assert {name.partition("[")[0] for name in wrong_fields(answer)} == set(given)
    assert set(wrong_fields(answer).values()) == {wrong}


async def test_terms_that_contradict_each_other(ann: Customer, ben: Customer) -> None:
    options: list[Json] = [{"title": "A", "amount": 10}, {"title": "", "amount": "1.001"}]
    terms = {"minimum_user_amount": 10, "maximum_user_amount": 5}
    times = {"start_at": TOMORROW, "end_at": TOMORROW}

    form = await ann.post(POOLS, collecting(ann, contribution_options=options))
    options[1]["title"] = "B"
    rules = await ann.post(POOLS, collecting(ann, contribution_options=options, **terms, **times))

    assert wrong_fields(form) == {"contribution_options[1].title": "required"}
    assert wrong_fields(rules) == {
        "contribution_options[1].amount": "too_precise",
        "maximum_user_amount": "too_small",
        "end_at": "invalid",
    }


async def test_a_pool_receives_with_the_wallet_or_a_bank_account(
    ann: Customer, ben: Customer
) -> None:
    card, account = await ann.add(new_card()), await ann.add(new_account())

    async def made_with(source: str) -> Any:
        id_ = source.rpartition("/")[2]
        return await ann.post(POOLS, collecting(ann, funding_source_id=id_))

    refused = {
        source: wrong_fields(await made_with(source))["funding_source_id"]
        for source in (card, account, ben.wallet, str(uuid4()))
    }
    code = await ann.code_for(account)
    said(await ann.post(f"{account}/verify", {"code": code}))

    assert list(refused.values()) == ["unsupported", "invalid", "not_found", "not_found"]
    assert said(await made_with(account), 201)["funding_source_id"] == account.rpartition("/")[2]


# Seeing.


async def test_a_pool_is_seen_by_those_who_have_to_do_with_it(
    ann: Customer, ben: Customer, eve: Customer
) -> None:
    private, public = await collect(ann, ben), await collect(ann, ben, is_public=True)

    for pool, by_eve in ((private, 404), (public, 200)):
        for of in ("", "participants"):
            answers = [await each.get(path(pool, of)) for each in (ann, ben, eve)]
            assert [each.status_code for each in answers] == [200, 200, by_eve]
    listed = [ids(said(await each.get(POOLS))) for each in (ann, ben, eve)]
    assert [private["id"] in it for it in listed] == [True, True, False]
    assert [public["id"] in it for it in listed] == [True, True, True]
    assert (await seen(ann, private))["funding_source_id"] == str(ann.wallet_id)
    assert (await seen(ben, private))["funding_source_id"] is None
    for of in ("close", "invite", "export", "participants/export"):
        body = {"user_ids": [eve.id], "email": "eve@example.com"}
        assert (await ben.post(path(public, of), body)).status_code == 404
    assert (await ben.put(path(public), {"description": "Mine"})).status_code == 404
    assert (await ann.get(f"{POOLS}/{uuid4()}")).status_code == 404


async def test_a_block_hides_what_is_public_and_keeps_from_inviting(place: Town) -> None:
    owner, other = [await place.person(EUR("10.00")) for _ in range(2)]
    public, shared = [await collect(owner, is_public=True, description=it) for it in "ab"]
    await give(other, shared)

    for blocker, blocked in ((owner, other), (other, owner)):
        said(await blocker.post(f"/v1/users/{blocked.id}/block"))
        listed = ids(said(await other.get(POOLS)))
        assert (shared["id"] in listed, public["id"] in listed) == (True, False)
        assert (await other.get(path(public))).status_code == 404
        assert (
            error_code(await other.post(path(shared, "participants"), giving(other))) == "blocked"
        )
        invite = {"user_ids": [other.id]}
        assert error_code(await owner.post(path(public, "invite"), invite)) == "blocked"
        assert error_code(await owner.put(path(public), {"invites": [other.id]})) == "blocked"
        made = await owner.post(POOLS, collecting(owner, invites=[other.id]))
        assert error_code(made) == "blocked"
        said(await blocker.post(f"/v1/users/{blocked.id}/unblock"))

    assert (await other.get(path(public))).status_code == 200


# Changing.


async def test_a_change_changes_what_it_names(ann: Customer, ben: Customer) -> None:
    options = [{"title": "A", "amount": 1}, {"title": "B", "amount": 2}]
    made = await collect(ann, contribution_options=options, minimum_user_amount=5)

    async def change(**given: Any) -> Json:
        changed: Json = said(await ann.put(path(made), given))
        return changed

    renamed = await change(description="New Title", currency="EUR", funding_source_id="ignored")
    assert renamed == {**made, "description": "New Title", "updated_at": renamed["updated_at"]}

    first, _ = made["contribution_options"]
    kept = [{"title": "C", "amount": 3}, {**first, "amount": 4}]
    options = (await change(contribution_options=kept))["contribution_options"]
    assert [(it["title"], it["amount"]) for it in options] == [("C", 3), ("A", 4)]
    assert options[1]["id"] == first["id"]
    twice = await ann.put(
        path(made), {"contribution_options": [{"id": first["id"], "title": "A", "amount": 1}] * 2}
    )
    assert wrong_fields(twice) == {"contribution_options[1].id": "not_found"}
    assert (await change(contribution_options=[]))["contribution_options"] == []

    all_of_it = {
        "detailed_description": "More",
        "hashtag": "#more",
        "meta": "{}",
        "is_public": True,
        "only_owner_sees_participants": True,
        "has_unique_participants": True,
        "allows_optional_amount": True,
        "minimum_user_amount": None,
        "maximum_user_amount": 7,
        "start_at": TOMORROW,
        "invites": [ben.id],
    }
    changed = await change(**all_of_it)
    shown = {**all_of_it, "hashtag": "more", "start_at": TOMORROW.replace(" ", "T") + "Z"}
    assert {name: changed[name] for name in shown if name != "invites"} == {
        name: value for name, value in shown.items() if name != "invites"
    }
    assert counts(changed) == {"invited": 1, "total": 1}
    assert changed == await seen(ann, made)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"currency": "MXN"}, {"currency": "invalid"}),
        ({"minimum_user_amount": 11}, {"minimum_user_amount": "too_large"}),
        ({"maximum_user_amount": 4}, {"maximum_user_amount": "too_small"}),
        ({"maximum_user_amount": "9.001"}, {"maximum_user_amount": "too_precise"}),
        ({"end_at": YESTERDAY}, {"end_at": "invalid"}),
        ({"start_at": "2999-01-01"}, {"start_at": "invalid"}),
        ({"description": None, "is_public": None}, dict.fromkeys(("description", "is_public"))),
        (
            {"contribution_options": [{"id": str(uuid4()), "title": "A", "amount": 1}]},
            {"contribution_options[0].id": "not_found"},
        ),
    ],
)
async def test_a_change_that_cannot_be(ann: Customer, given: Json, wrong: Json) -> None:
    terms = {"minimum_user_amount": 5, "maximum_user_amount": 10, "end_at": "2998-01-01"}
    made = await collect(ann, **terms)

    answer = await ann.put(path(made), given)

    assert wrong_fields(answer) == {name: code or "required" for name, code in wrong.items()}
    assert await seen(ann, made) == made


# Inviting.


async def test_people_are_invited_once(place: Town, ann: Customer, ben: Customer) -> None:
    made, new = await collect(ann, ben), await place.person()
    await give(ben, made)

    for user_ids in ([new.id, new.id, ben.id], [new.id]):
        invited = said(await ann.post(path(made, "invite"), {"user_ids": user_ids}))
        assert counts(invited) == {"invited": 1, "paid": 1, "total": 2}

    [told] = await messages_to(place.db, new.phone)
    assert told[1] == "pool_invited"
    statuses = {it["user_id"]: it["status"] for it in invited["participants"]}
    assert statuses == {ben.id: "paid", new.id: "invited"}


async def test_nobody_and_too_many_cannot_be_invited(
    place: Town, ann: Customer, ben: Customer
) -> None:
    made = await collect(ann)
    invite = path(made, "invite")

    wrong = await ann.post(invite, {"user_ids": [ben.id, ann.id, str(uuid4())]})
    none = await ann.post(invite, {"user_ids": []})
    async with place.db.transaction() as tx:
        sql = "update pool set invited_count = %s where id = %s"
        await tx.execute(sql, (MOST_INVITED, made["id"]))
    full = await ann.post(invite, {"user_ids": [ben.id]})
    async with place.db.transaction() as tx:
        await tx.execute(sql, (0, made["id"]))

    assert wrong_fields(wrong) == {"user_ids[1]": "invalid", "user_ids[2]": "not_found"}
    assert wrong_fields(none) == {"user_ids": "required"}
    assert error_code(full) == "limit_exceeded"
    assert (await ben.get(path(made))).status_code == 404


# Lists.


async def test_pools_are_found_by_their_words(place: Town) -> None:
    owner, viewer = await place.person(), await place.person()
    word = f"w{uuid4().hex}"
    by = [
        await collect(owner, is_public=True, **given)
        for given in (
            {"description": f"A {word} title"},
            {"description": "Another", "detailed_description": f"Much about {word.upper()}"},
            {"description": "A hashtag", "hashtag": f"#{word}"},
        )
    ]
    await collect(owner, description=f"Private {word}")

    found = said(await viewer.get(f"{POOLS}?search={word}&sort=created_at"))
    narrowed = said(await viewer.get(f"{POOLS}?search={word}%20title"))
    named = said(await viewer.get(f"{POOLS}?filter=name:like:{word[:20]}"))
    described = said(await viewer.get(f"{POOLS}?filter=description:eq:A%20{word}%20title"))

    assert ids(found) == ids(by)
    assert ids(narrowed) == ids(named) == ids(described) == ids(by)[:1]
    assert ids(said(await viewer.get(f"{POOLS}?search={word}&filter=owner:eq:true"))) == []
    wrong = await viewer.get(f"{POOLS}?filter=status:eq:late,amount:gt:1&sort=amount")
    assert wrong_fields(wrong) == {
        "filter.status": "invalid",
        "filter.amount": "unsupported",
        "sort": "unsupported",
    }


# Exporting.


async def test_an_export_is_asked_for(place: Town, ann: Customer) -> None:
    made, key = await collect(ann), uuid4()
    body = {"email": "John.Dough@Example.com", "format": "excel"}

    for of in ("export", "participants/export"):
        for _ in range(2):
            answer = await ann.post(path(made, of), body, key=key)
            assert (answer.status_code, answer.content) == (200, b"")
    said_nothing = await ann.post(path(made, "export"), {"email": "a@example.com"})
    wrong = await ann.post(path(made, "export"), {"email": "nobody", "format": "pdf"})

    assert said_nothing.status_code == 200
    assert wrong_fields(wrong) == {"email": "invalid", "format": "unsupported"}
    asked = await rows(
        place.db,
        "select email, format from pool_export where pool_id = %s order by created_at",
        made["id"],
    )
    once_each = [("john.dough@example.com", "excel")] * 2
    assert asked == [*once_each, ("a@example.com", "csv")]
