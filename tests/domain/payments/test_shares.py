"""Shares of requests and contributions to pools, paid from wallets and by card."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.money import (
    EUR,
    Person,
    Scene,
    answered,
    charge,
    held,
    held_by,
    new_address,
    new_key,
    outcome_of,
    problems,
    rows,
)
from tests.settlements import heard, intended, make_source, record, recorder
from tests.shares import (
    Ask,
    into,
    make_pool,
    make_request,
    pay_shares,
    paying,
    share_of,
)
from whipround.domain import claims, relationships
from whipround.domain.payments.shares import PayShare, RequestShare
from whipround.domain.pools import closing
from whipround.domain.pools.errors import PoolClosed
from whipround.domain.pools.options import NewOption
from whipround.outcomes import Outcome

pytestmark = pytest.mark.anyio

APPROVED, DECLINED, PENDING = Outcome("approved"), Outcome("declined", "x"), Outcome("pending")


@pytest.fixture
async def ben(scene: Scene) -> Person:
    """Whoever pays, with money."""
    return await scene.person(EUR("20.00"))


@pytest.fixture
async def ann(scene: Scene) -> Person:
    """Whose request or pool it is."""
    return await scene.person()


async def request_row(scene: Scene, ask: Ask) -> tuple[Any, ...]:
    """What is paid, how many are pending and have paid, and how it stands."""
    [row] = await rows(
        scene.db,
        "select amount_paid, pending_count, paid_count, status, fulfillment_status"
        " from payment_request where id = %s",
        ask.id,
    )
    return row


async def participants(scene: Scene, ask: Ask) -> list[tuple[str, bool]]:
    """How each participant stands, and whether a payment is theirs."""
    found = await rows(
        scene.db,
        "select status, payment_id is not null from request_participant"
        " where request_id = %s order by id",
        ask.id,
    )
    return [(status, has_payment) for status, has_payment in found]


async def pool_row(scene: Scene, pool_id: UUID) -> tuple[Any, ...]:
    """What is in the pool, and how many were invited, are pending, and have paid."""
    [row] = await rows(
        scene.db,
        "select amount, invited_count, pending_count, paid_count from pool where id = %s",
        pool_id,
    )
    return row


async def told(scene: Scene, who: Person) -> list[str]:
    """What somebody was told of, in order."""
    found = await rows(
        scene.db, "select kind from notification where user_id = %s order by id", who.id
    )
    return [kind for (kind,) in found]


# Requests.


async def test_shares_are_paid_one_by_one_with_a_fee_on_top(
    scene: Scene, ann: Person, ben: Person
) -> None:
    await charge(scene.db, EUR("0.50"))
    cat = await scene.person(EUR("10.00"))
    ask = await make_request(scene, ann, ben, cat)

    [first] = await pay_shares(scene, paying(scene, ben, share_of(ask, 0)))
    partly = await request_row(scene, ask)
    [second] = await pay_shares(scene, paying(scene, cat, RequestShare(ask.id, None)))

    assert (first.error, second.error) == (None, None)
    assert partly == (Decimal(6), 1, 1, "open", "partial")
    assert await request_row(scene, ask) == (Decimal(12), 0, 2, "closed", "fulfilled")
    assert await participants(scene, ask) == [("paid", True), ("paid", True)]
    assert await held(scene.db, ann) == Decimal(12)
    assert (await held(scene.db, ben), await held(scene.db, cat)) == (
        Decimal("13.50"),
        Decimal("3.50"),
    )
    assert await told(scene, ann) == ["request_paid", "request_paid"]
    assert await problems(scene.db) == []


@pytest.mark.parametrize("servers", [1, 2])
async def test_of_two_who_pay_one_share_at_once_one_does(
    scene: Scene, ann: Person, ben: Person, servers: int
) -> None:
    ask = await make_request(scene, ann, ben)
    orders = [paying(scene, ben, share_of(ask)) for _ in range(4)]

    async with scene.another_server() as other:
        at = [scene.server(), other][:servers]
        answers = await asyncio.gather(
            *(at[number % servers].submit(each) for number, each in enumerate(orders))
        )

    errors = sorted(str(outcome_of(answered(it)).error) for it in answers)
    assert errors == ["None", "already_paid", "already_paid", "already_paid"]
    assert await held(scene.db, ann) == Decimal(6)
    assert await problems(scene.db) == []


async def test_only_ones_own_share_of_a_request_can_be_paid(
    scene: Scene, ann: Person, ben: Person
) -> None:
    cat = await scene.person(EUR("10.00"))
    ask, other = await make_request(scene, ann, ben, cat), await make_request(scene, ann, cat)

    made = await pay_shares(
        scene,
        paying(scene, ben, share_of(ask, 1)),
        paying(scene, ben, RequestShare(other.id, ask.participants[0])),
        paying(scene, ben, RequestShare(other.id, None)),
        paying(scene, ben, RequestShare(uuid7(), None)),
        paying(scene, ben, share_of(ask, 1), pin="9999"),
        paying(scene, ann, share_of(ask, 0)),
    )

    assert [it.error for it in made] == [*["not_found"] * 4, "invalid_pin", "not_found"]
    assert await request_row(scene, ask) == (Decimal(0), 2, 0, "open", "unfulfilled")


@pytest.mark.parametrize("status", ["rejected", "cancelled", "settled"])
async def test_who_is_not_asked_any_more_pays_nothing(
    scene: Scene, ann: Person, ben: Person, status: str
) -> None:
    ask = await make_request(scene, ann, ben)
    async with scene.db.transaction() as tx:
        await tx.execute("update request_participant set status = %s", [status])

    [made] = await pay_shares(scene, paying(scene, ben, share_of(ask)))

    assert made.error == {"settled": "already_paid"}.get(status, "participant_responded")
    assert await held(scene.db, ben) == Decimal(20)


@pytest.mark.parametrize(
    ("outcome", "ends"),
    [
        (APPROVED, ("paid", True, Decimal(6), 0, 1, "closed", "fulfilled")),
        (DECLINED, ("pending", False, Decimal(0), 1, 0, "open", "unfulfilled")),
        (None, ("pending", False, Decimal(0), 1, 0, "open", "unfulfilled")),
    ],
    ids=["approved", "declined", "never heard of"],
)
async def test_a_share_by_card_is_paid_once_the_card_is(
    scene: Scene,
    ann: Person,
    ben: Person,
    outcome: Outcome | None,
    ends: tuple[Any, ...],
) -> None:
    ask = await make_request(scene, ann, ben)
    card = await make_source(scene, ben)
    order = paying(scene, ben, share_of(ask), funding_source_id=card)
    [asked] = await intended(scene, order)
    [again] = await pay_shares(scene, paying(scene, ben, share_of(ask)))
    waiting = await participants(scene, ask)
    at = recorder(scene.db, scene)

    await record(at, heard(asked, PENDING), heard(asked, outcome), heard(asked, outcome))

    assert (again.error, waiting) == ("payment_under_way", [("pending", True)])
    assert (*(await participants(scene, ask))[0], *await request_row(scene, ask)) == ends
    assert await held(scene.db, ann) == ends[2]
    assert await problems(scene.db) == []


async def test_what_is_charged_after_it_was_given_up_is_the_payers_own(
    scene: Scene, ann: Person, ben: Person
) -> None:
    ask = await make_request(scene, ann, ben)
    card = await make_source(scene, ben)
    [asked] = await intended(scene, paying(scene, ben, share_of(ask), funding_source_id=card))
    at = recorder(scene.db, scene)

    await record(at, heard(asked, None))
    [made] = await pay_shares(scene, paying(scene, ben, share_of(ask)))
    await record(at, heard(asked, APPROVED))

    assert made.error is None
    assert (await held(scene.db, ann), await held(scene.db, ben)) == (Decimal(6), Decimal(20))
    assert await problems(scene.db) == []


async def test_who_asked_cannot_pay_and_who_is_asked_twice_can_pay_both(
    scene: Scene, ann: Person, ben: Person
) -> None:
    of_ann, of_ben = new_address(), new_address()
    ask = await make_request(scene, ann, of_ann[1], ben, of_ben[1])
    async with scene.db.transaction() as tx:
        await claims.prove(tx, user_id=ann.id, addresses=[of_ann], now=scene.now)
        await claims.prove(tx, user_id=ben.id, addresses=[of_ben], now=scene.now)
    cards = [await make_source(scene, it) for it in (ann, ben)]

    own = await pay_shares(
        scene,
        paying(scene, ann, share_of(ask)),
        paying(scene, ann, share_of(ask), funding_source_id=cards[0]),
    )
    await intended(
        scene, paying(scene, ben, RequestShare(ask.id, None), funding_source_id=cards[1])
    )
    made = [
        *await pay_shares(scene, paying(scene, ben, RequestShare(ask.id, None))),
        *await pay_shares(scene, paying(scene, ben, RequestShare(ask.id, None))),
    ]

    assert [it.error for it in own] == ["recipient_unavailable"] * 2
    assert [it.error for it in made] == [None, "payment_under_way"]
    found = [("pending", False), ("pending", True), ("paid", True)]
    assert await participants(scene, ask) == found
    assert await problems(scene.db) == []


# Pools.


async def test_contributions_add_up(scene: Scene, ann: Person, ben: Person) -> None:
    await charge(scene.db, EUR("0.50"))
    cat = await scene.person(EUR("10.00"))
    pool = await make_pool(scene, ann, is_public=False, invites=[ben.id, cat.id])

    made = await pay_shares(
        scene,
        paying(scene, ben, into(pool)),
        paying(scene, cat, into(pool, "1.50")),
        paying(scene, ben, into(pool, "2.00")),
        paying(scene, cat, into(pool, "8.01")),
    )

    assert [it.error for it in made] == [None, None, None, "insufficient_funds"]
    assert await pool_row(scene, pool) == (Decimal("9.50"), 0, 0, 3)
    assert await held_by(scene.db, pool, kind="pool") == Decimal("9.50")
    assert await held(scene.db, ben) == Decimal("11.00")
    found = await rows(
        scene.db,
        "select amount, status, is_first, is_invited from pool_participant order by amount",
    )
    assert found == [
        (Decimal("1.50"), "paid", True, True),
        (Decimal("2.00"), "paid", False, False),
        (Decimal("6.00"), "paid", True, True),
    ]
    assert (await told(scene, ann))[-3:] == ["pool_contribution"] * 3
    assert await problems(scene.db) == []


async def test_a_pool_takes_what_it_says(scene: Scene, ann: Person, ben: Person) -> None:
    options = (NewOption("Small", Decimal(2)),)
    pool = await make_pool(
        scene,
        ann,
        options=options,
        allows_optional_amount=False,
        minimum_user_amount=Decimal(2),
        maximum_user_amount=Decimal(5),
    )
    free = await make_pool(
        scene, ann, minimum_user_amount=Decimal(2), maximum_user_amount=Decimal(5)
    )
    [[option]] = await rows(scene.db, "select id from contribution_option")

    made = await pay_shares(
        scene,
        paying(scene, ben, into(pool, None, option)),
        paying(scene, ben, into(pool, "3.00", option)),
        paying(scene, ben, into(pool, "3.00")),
        paying(scene, ben, into(pool, "3.00", uuid7())),
        paying(scene, ben, into(free, "1.99")),
        paying(scene, ben, into(free, "5.01")),
        paying(scene, ben, into(free, "2.001")),
        paying(scene, ben, into(free, None)),
        paying(scene, ben, into(free, "2.00")),
    )

    assert [it.fields for it in made] == [
        (),
        ("amount",),
        ("contribution_option_id",),
        ("contribution_option_id",),
        ("amount",),
        ("amount",),
        ("amount",),
        ("amount",),
        (),
    ]
    assert await held(scene.db, ben) == Decimal(16)
    assert await problems(scene.db) == []


async def test_a_pool_has_its_time_and_its_people(scene: Scene, ann: Person, ben: Person) -> None:
    hour = timedelta(hours=1)
    later = await make_pool(scene, ann, start_at=scene.now + hour)
    over = await make_pool(scene, ann, end_at=scene.now + hour)
    once = await make_pool(scene, ann, has_unique_participants=True)
    secret = await make_pool(scene, ann, is_public=False)
    shut = await make_pool(scene, ann)
    async with scene.db.transaction() as tx:
        await closing.close(tx, owner_id=ann.id, pool_id=shut, now=scene.now)
        await tx.execute("update pool set end_at = %s where id = %s", [scene.now, over])

    made = await pay_shares(
        scene,
        *(paying(scene, ben, into(pool)) for pool in (later, over, once, once, secret, shut)),
        paying(scene, ben, into(uuid7())),
    )

    assert [it.error for it in made] == [
        "pool_not_started",
        "pool_closed",
        None,
        "already_contributed",
        "not_found",
        "pool_closed",
        "not_found",
    ]


@pytest.mark.parametrize("is_invited", [True, False])
@pytest.mark.parametrize(
    "ends",
    [(APPROVED, Decimal(6), 1), (DECLINED, Decimal(0), 0)],
    ids=["approved", "declined"],
)
async def test_a_contribution_by_card(
    scene: Scene,
    ann: Person,
    ben: Person,
    ends: tuple[Outcome, Decimal, int],
    is_invited: bool,
) -> None:
    outcome, amount, paid = ends
    pool = await make_pool(scene, ann, invites=[ben.id] if is_invited else ())
    card = await make_source(scene, ben)
    [asked] = await intended(scene, paying(scene, ben, into(pool), funding_source_id=card))
    waiting = await pool_row(scene, pool)

    await record(recorder(scene.db, scene), heard(asked, outcome), heard(asked, outcome))

    assert waiting == (Decimal(0), 0, 1, 0)
    invited_again = int(is_invited and outcome is DECLINED)
    assert await pool_row(scene, pool) == (amount, invited_again, 0, paid)
    assert await problems(scene.db) == []
    # What failed is tried again in the same place.
    [made] = await pay_shares(scene, paying(scene, ben, into(pool)))
    assert made.error is None
    assert await problems(scene.db) == []


async def test_a_contribution_keeps_its_meta_until_it_fails(
    scene: Scene, ann: Person, ben: Person
) -> None:
    pool = await make_pool(scene, ann, invites=[ben.id])
    card = await make_source(scene, ben)
    by_card = paying(scene, ben, into(pool), funding_source_id=card, meta="card")
    [asked] = await intended(scene, by_card)

    async def metas() -> list[tuple[str, str]]:
        sql = "select status, meta from pool_participant order by created_at, id"
        return [(status, meta) for status, meta in await rows(scene.db, sql)]

    asking = await metas()
    await record(recorder(scene.db, scene), heard(asked, DECLINED))
    declined = await metas()
    await pay_shares(scene, *(paying(scene, ben, into(pool), meta=meta) for meta in "ab"))

    assert (asking, declined) == ([("pending", "card")], [("invited", "")])
    assert await metas() == [("paid", "a"), ("paid", "b")]


async def test_a_pool_that_a_block_hides_is_not_there_whatever_is_wrong(
    scene: Scene, ann: Person, ben: Person
) -> None:
    pool = await make_pool(scene, ann, minimum_user_amount=Decimal(5))
    later = await make_pool(scene, ann, start_at=scene.now + timedelta(hours=1))
    shut, known = await make_pool(scene, ann), await make_pool(scene, ann, invites=[ben.id])
    async with scene.db.transaction() as tx:
        await closing.close(tx, owner_id=ann.id, pool_id=shut, now=scene.now)
        await relationships.block(tx, user_id=ann.id, other_user_id=ben.id, now=scene.now)

    made = await pay_shares(
        scene,
        *(paying(scene, ben, into(it)) for it in (pool, later, shut)),
        *(paying(scene, ben, into(pool, amount)) for amount in ("1.00", "5.001", None)),
        paying(scene, ben, into(known)),
    )

    assert [it.error for it in made] == [*["not_found"] * 6, "blocked"]


async def test_what_a_card_pays_into_a_closed_pool_is_the_payers(
    scene: Scene, ann: Person, ben: Person
) -> None:
    pool = await make_pool(scene, ann)
    card = await make_source(scene, ben)
    [asked] = await intended(scene, paying(scene, ben, into(pool), funding_source_id=card))
    async with scene.db.transaction() as tx:
        await closing.close(tx, owner_id=ann.id, pool_id=pool, now=scene.now)

    [said] = await record(recorder(scene.db, scene), heard(asked, APPROVED))

    assert said == "recipient_unavailable"
    assert await held(scene.db, ben) == Decimal(26)
    assert await pool_row(scene, pool) == (Decimal(0), 0, 0, 0)
    assert await problems(scene.db) == []


async def test_closing_pays_all_of_it_out_once(scene: Scene, ann: Person, ben: Person) -> None:
    pool = await make_pool(scene, ann)
    await pay_shares(scene, *(paying(scene, ben, into(pool, "2.50")) for _ in range(3)))

    async def close() -> None:
        async with scene.db.transaction() as tx:
            await closing.close(tx, owner_id=ann.id, pool_id=pool, now=scene.now)

    closed = await asyncio.gather(close(), close(), return_exceptions=True)

    assert [type(it) for it in closed if it] == [PoolClosed]
    assert await held(scene.db, ann) == Decimal("7.50")
    assert await told(scene, ben) == ["pool_closed"]
    [[kind, amount]] = await rows(
        scene.db, "select kind, payment.amount from payment join pool on payout_id = payment.id"
    )
    assert (kind, amount) == ("payout", Decimal("7.50"))
    assert await problems(scene.db) == []


async def test_contributing_while_it_is_closed_loses_nothing(
    scene: Scene, ann: Person, ben: Person
) -> None:
    pool = await make_pool(scene, ann)

    async def close() -> None:
        async with scene.db.transaction() as tx:
            await closing.close(tx, owner_id=ann.id, pool_id=pool, now=scene.now)

    async with scene.another_server() as other:
        orders: list[PayShare] = [paying(scene, ben, into(pool, "1.00")) for _ in range(10)]
        *answers, _ = await asyncio.gather(*map(other.submit, orders), close())

    paid = sum(answered(it).status == 201 for it in answers if it is not None)
    assert await held(scene.db, ann) == paid
    assert await held(scene.db, ben) == 20 - paid
    assert await problems(scene.db) == []


async def test_a_repeat_gets_the_first_answer(scene: Scene, ann: Person, ben: Person) -> None:
    pool = await make_pool(scene, ann)
    order = paying(scene, ben, into(pool))

    made = [*await pay_shares(scene, order, order), *await pay_shares(scene, order)]

    assert made[0] == made[1] == made[2]
    assert await pool_row(scene, pool) == (Decimal(6), 0, 0, 1)


@pytest.mark.parametrize("is_invited", [True, False])
async def test_what_failed_leaves_no_part_in_the_pool_but_what_else_was_given(
    scene: Scene, ann: Person, ben: Person, is_invited: bool
) -> None:
    pool = await make_pool(scene, ann, invites=[ben.id] if is_invited else ())
    card = await make_source(scene, ben)
    by_card = paying(scene, ben, into(pool, "1.00"), funding_source_id=card)
    asked = await intended(scene, by_card, by_card._replace(key=new_key()))
    [made] = await pay_shares(scene, paying(scene, ben, into(pool, "2.00")))
    at = recorder(scene.db, scene)

    async def shown() -> list[tuple[str, bool, bool]]:
        sql = "select status, is_first, is_invited from pool_participant order by created_at, id"
        return [(row[0], row[1], row[2]) for row in await rows(scene.db, sql)]

    await record(at, *(heard(each, DECLINED) for each in asked))

    assert made.error is None
    assert sorted(await shown()) == [
        ("cancelled", False, False),
        ("cancelled", False, False),
        ("paid", True, is_invited),
    ]
    assert await pool_row(scene, pool) == (Decimal(2), 0, 0, 1)
    assert await problems(scene.db) == []


async def test_who_only_tried_has_no_part_in_the_pool(
    scene: Scene, ann: Person, ben: Person
) -> None:
    pool = await make_pool(scene, ann)
    card = await make_source(scene, ben)
    [asked] = await intended(scene, paying(scene, ben, into(pool), funding_source_id=card))
    await record(recorder(scene.db, scene), heard(asked, DECLINED))
    async with scene.db.transaction() as tx:
        await tx.execute("update pool set is_public = false")

    [made] = await pay_shares(scene, paying(scene, ben, into(pool)))

    assert made.error == "not_found"
    assert await problems(scene.db) == []
