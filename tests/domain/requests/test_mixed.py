"""What waits to be paid, both ways, in one list without gaps; and what is done with each of it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.money import EUR, MXN, Person, Scene, new_address, problems, rows
from tests.people import new_email, new_phone
from tests.settlements import heard, intended, make_source, record, recorder
from tests.shares import into, make_pool, make_request, pay_shares, paying, share_of
from whipround.db.listing import Page
from whipround.domain import claims
from whipround.domain.pools import closing
from whipround.domain.pools.options import NewOption
from whipround.domain.requests import mixed, numbers, responding, single
from whipround.domain.requests.creation import NewParticipant
from whipround.domain.requests.errors import (
    AlreadyPaid,
    ParticipantResponded,
    PaymentUnderWay,
    RequestNotFound,
)
from whipround.domain.requests.mixed import Mixed
from whipround.domain.users.proofs import Proven
from whipround.errors import DomainError
from whipround.outcomes import Outcome

pytestmark = pytest.mark.anyio

FIVE = MXN("5.00")


async def listed(scene: Scene, person: Person, page: Page | None = None) -> list[Mixed]:
    """What waits for somebody, in pesos."""
    async with scene.db.transaction() as tx:
        return await mixed.page(
            tx, user_id=person.id, currency="MXN", page=page or Page(1, 100), now=scene.now
        )


async def numbered(scene: Scene, participant_id: UUID) -> int:
    [[number]] = await rows(
        scene.db, "select number from request_participant where id = %s", participant_id
    )
    return int(number)


def brief(found: list[Mixed]) -> list[tuple[Any, ...]]:
    return [(it.type, it.party, it.amount, it.is_rejected) for it in found]


@pytest.fixture
async def ann(scene: Scene) -> Person:
    """Somebody who asks."""
    return await scene.person(MXN("50.00"), first_name="Ann", last_name="")


@pytest.fixture
async def ben(scene: Scene) -> Person:
    """Somebody who is asked."""
    proven = Proven(phone=new_phone(), email=new_email())
    return await scene.person(MXN("50.00"), proven=proven, first_name="Ben", last_name="")


async def test_both_sides_see_what_waits_and_no_more(
    scene: Scene, ann: Person, ben: Person
) -> None:
    cat = await scene.person(first_name="Cat", last_name="", email=new_email())
    own, stranger = new_address(), new_address()
    card = await make_source(scene, ben)
    uncle = NewParticipant(None, new_phone(), "Uncle Bob", FIVE.amount, "")
    await make_request(scene, ann, "", amount=FIVE, participants=[uncle])
    ask = await make_request(scene, ann, ben, cat, own[1], stranger[1], amount=FIVE)
    await make_request(scene, ann, ben)  # in euros
    paid = await make_request(scene, ann, ben, amount=FIVE)
    await pay_shares(scene, paying(scene, ben, share_of(paid)))
    async with scene.db.transaction() as tx:
        await claims.prove(tx, user_id=ann.id, addresses=[own], now=scene.now)
        await responding.reject(tx, user=cat.user, request_id=ask.id, now=scene.now)

    assert brief(await listed(scene, ann)) == [
        ("to_user", stranger[1], 5, False),
        ("to_user", "Ann", 5, False),
        ("to_user", "Cat", 5, True),
        ("to_user", "Ben", 5, False),
        ("to_user", "Uncle Bob", 5, False),
    ]
    assert [it.party_email for it in await listed(scene, ann)][2:] == ["", ben.user.email, ""]
    assert await listed(scene, cat) == []
    [asked] = await listed(scene, ben)
    assert asked == Mixed(
        type="from_user",
        number=await numbered(scene, ask.participants[0]),
        created_at=scene.now,
        amount=Decimal(5),
        description="Dinner",
        party="Ann",
        party_email="",
        is_rejected=False,
        liability_number=None,
    )

    # While it is being paid nobody is asked, but it is not paid yet.
    [underway] = await intended(scene, paying(scene, ben, share_of(ask), funding_source_id=card))
    assert await listed(scene, ben) == []
    assert len(await listed(scene, ann)) == 5
    await record(recorder(scene.db, scene), heard(underway, Outcome("approved")))
    assert [it.party for it in await listed(scene, ann)] == [stranger[1], "Ann", "Cat", "Uncle Bob"]
    assert await problems(scene.db) == []


async def test_invitations_are_those_that_can_be_paid_with_the_least_of_it(
    scene: Scene, ann: Person, ben: Person
) -> None:
    options = (NewOption("Big", Decimal(30)), NewOption("Small", Decimal("20.50")))
    least = {"minimum_user_amount": Decimal(7)}
    hour = timedelta(hours=1)

    async def invite(title: str, **given: Any) -> UUID:
        said = {"invites": [ben.id], "currency": "MXN", "description": title, "is_public": False}
        return await make_pool(scene, ann, **{**said, **given})

    await invite("Any")
    await invite("Least", **least)
    await invite("Options", options=options)
    await invite("Both", options=options, **least)
    await invite("Only options", options=options, allows_optional_amount=False, **least)
    ending = await invite("Ending", start_at=scene.now, end_at=scene.now + hour)
    await invite("In euros", currency="EUR")
    await invite("Not yet", start_at=scene.now + hour)
    closed = await invite("Closed")
    await pay_shares(scene, paying(scene, ben, into(await invite("Paid"), "1.00")))
    async with scene.db.transaction() as tx:
        await closing.close(tx, owner_id=ann.id, pool_id=closed, now=scene.now)

    found = await listed(scene, ben)

    assert [(it.party, it.amount) for it in found] == [
        ("Ending", 0),
        ("Only options", Decimal("20.50")),
        ("Both", 7),
        ("Options", Decimal("20.50")),
        ("Least", 7),
        ("Any", 0),
    ]
    expected = await rows(
        scene.db,
        "select pool.number, pool_participant.number from pool"
        " join pool_participant on pool_id = pool.id where pool.id = %s",
        ending,
    )
    assert [(found[0].number, found[0].liability_number)] == expected
    assert (found[0].type, found[0].description, found[0].party_email) == ("pool", "", "")
    assert {it.party for it in await listed(replace(scene, now=scene.now + hour), ben)} == {
        "Not yet",
        *(it.party for it in found[1:]),
    }


async def test_pages_have_no_gaps(scene: Scene, ann: Person, ben: Person) -> None:
    cat = await scene.person()
    for minutes in range(3):
        then = replace(scene, now=scene.now + timedelta(minutes=minutes))
        for _ in range(2):
            await make_request(then, ann, ben, cat, amount=FIVE)
            await make_request(then, ben, ann, amount=FIVE)
            await make_pool(then, ben, invites=[ann.id], currency="MXN", is_public=False)
    then = replace(scene, now=scene.now + timedelta(hours=1))

    everything = await listed(then, ann)

    assert len(everything) == 3 * 2 * 4
    assert [it.created_at for it in everything] == sorted(
        (it.created_at for it in everything), reverse=True
    )
    pages = [await listed(then, ann, Page(number, 5)) for number in range(1, 6)]
    assert [len(it) for it in pages] == [6, 6, 6, 6, 4]  # one more says that there is more
    assert [it for page in pages for it in page[:5]] == everything


async def test_what_was_asked_is_taken_back_or_rejected_once(
    scene: Scene, ann: Person, ben: Person
) -> None:
    cat, dan = await scene.person(), await scene.person()
    card = await make_source(scene, dan)
    ask = await make_request(scene, ann, ben, cat, dan, amount=FIVE)
    in_euros = await make_request(scene, ann, ben, amount=EUR("5.00"))
    to_ben, to_cat, to_dan, foreign = [
        await numbered(scene, it) for it in (*ask.participants, *in_euros.participants)
    ]
    [underway] = await intended(scene, paying(scene, dan, share_of(ask, 2), funding_source_id=card))

    async def tries(act: Any, who: Person, number: int) -> type[DomainError] | None:
        role = "owner" if act is single.withdraw else "user"
        try:
            async with scene.db.transaction() as tx:
                await act(tx, **{role: who.user}, number=number, currency="MXN", now=scene.now)
        except DomainError as error:
            return type(error)
        return None

    reject, withdraw = single.reject, single.withdraw
    for number in (to_cat, foreign, 0, -1, 2**63, 10**30, 2**62):
        assert await tries(reject, ben, number) is RequestNotFound
    assert await tries(reject, ann, to_ben) is RequestNotFound
    assert await tries(withdraw, ben, to_ben) is RequestNotFound
    assert await tries(withdraw, ann, foreign) is RequestNotFound
    for act, who in ((reject, dan), (withdraw, ann)):
        assert await tries(act, who, to_dan) is PaymentUnderWay
    assert await tries(reject, cat, to_cat) is None
    assert await tries(reject, cat, to_cat) is ParticipantResponded
    assert await tries(withdraw, ann, to_cat) is None
    assert await tries(withdraw, ann, to_cat) is RequestNotFound
    assert await tries(reject, cat, to_cat) is RequestNotFound
    assert await tries(withdraw, ann, to_ben) is None
    assert await tries(reject, ben, to_ben) is RequestNotFound
    await record(recorder(scene.db, scene), heard(underway, Outcome("approved")))
    for act, who in ((reject, dan), (withdraw, ann)):
        assert await tries(act, who, to_dan) is AlreadyPaid
    assert [await listed(scene, it) for it in (ann, ben, cat, dan)] == [[], [], [], []]
    told = await rows(scene.db, "select user_id, kind from notification order by id")
    assert told[-4:] == [
        (ben.id, "request_received"),
        (ann.id, "request_rejected"),
        (ben.id, "request_cancelled"),
        (ann.id, "request_paid"),
    ]
    assert await problems(scene.db) == []


async def test_one_answer_wins_whoever_gives_them_all_at_once(
    scene: Scene, ann: Person, ben: Person
) -> None:
    asks = [await make_request(scene, ann, ben, amount=FIVE) for _ in range(6)]

    async def act(kind: Any, who: str, person: Person, number: int) -> None:
        try:
            async with scene.db.transaction() as tx:
                await kind(tx, **{who: person.user}, number=number, currency="MXN", now=scene.now)
        except (AlreadyPaid, ParticipantResponded, PaymentUnderWay, RequestNotFound):
            pass

    for ask in asks:
        number = await numbered(scene, ask.participants[0])
        await asyncio.gather(
            act(single.reject, "user", ben, number),
            pay_shares(scene, paying(scene, ben, share_of(ask))),
            act(single.withdraw, "owner", ann, number),
        )

    assert await listed(scene, ben) == await listed(scene, ann) == []
    assert await problems(scene.db) == []


async def test_of_two_shares_of_one_person_the_very_one_is_rejected(
    scene: Scene, ann: Person, ben: Person
) -> None:
    own = new_address()
    ask = await make_request(scene, ann, ben, own[1], amount=FIVE)
    first, second = [await numbered(scene, each) for each in ask.participants]

    async with scene.db.transaction() as tx:
        await claims.prove(tx, user_id=ben.id, addresses=[own], now=scene.now)
        await single.reject(tx, user=ben.user, number=second, currency="MXN", now=scene.now)

    assert [it.number for it in await listed(scene, ben)] == [first]


async def test_a_number_is_somebody_s_own(scene: Scene, ann: Person, ben: Person) -> None:
    ask = await make_request(scene, ann, ben, amount=FIVE)
    number = await numbered(scene, ask.participants[0])

    async with scene.db.transaction() as tx:
        found = await numbers.participant_of(tx, user_id=ben.id, number=number, currency="MXN")
        owned = await numbers.participant_asked(tx, owner_id=ann.id, number=number, currency="MXN")
        for whose, currency in ((ann, "MXN"), (ben, "EUR")):
            with pytest.raises(RequestNotFound):
                await numbers.participant_of(tx, user_id=whose.id, number=number, currency=currency)

    assert found == owned == (ask.participants[0], ask.id, ann.id)
