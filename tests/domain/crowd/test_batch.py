"""Crowd payments by group commit: what is confirmed is divided once, or not at all."""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.crowd import (
    Made,
    all_of,
    claim,
    confirmation,
    confirming,
    crowd_server,
    pay_crowd,
    plan,
    pledge,
    preview,
    shares,
    shares_of,
)
from tests.money import (
    EUR,
    ISK,
    Person,
    Scene,
    charge,
    fees_held,
    held,
    held_by,
    new_address,
    new_key,
    nothing_moving,
    problems,
    rows,
)
from tests.people import new_email
from whipround.domain import claims, relationships
from whipround.domain.crowd.commands import (
    MOST_WAITING,
    PLEDGE_ACCOUNT,
    UNCLAIMED_FOR,
    ClaimPledge,
    CrowdPayment,
)
from whipround.domain.payees import Address

pytestmark = pytest.mark.anyio

PROFILE: Address = ("profile", "https://github.com/octocat")


async def test_the_amount_is_divided_in_one_transfer_to_the_last_of_it(
    scene: Scene, ann: Person, ben: Person
) -> None:
    await charge(scene.db, EUR("1.00"))
    email = new_email()

    made = await pay_crowd(scene.db, ann, EUR("10"), ben, ("email", email), PROFILE, now=scene.now)

    transfers = await rows(
        scene.db, "select kind, key from transfer where kind <> 'grant' order by posted_at"
    )
    assert transfers == [("crowd", f"{made}:pay")]
    assert await held(scene.db, ann) == Decimal(9)
    assert await held(scene.db, ben) == Decimal("3.33333334")
    assert await fees_held(scene.db) == Decimal("0.33333334")
    waiting = await rows(
        scene.db, "select kind, amount, fee, status from holding order by amount + fee, id"
    )
    assert waiting == [("share", Decimal("3.33333333"), Decimal("0.33333333"), "held")] * 2
    assert await problems(scene.db) == []


async def test_somebody_with_two_roles_gets_both_shares_in_one_leg(
    scene: Scene, ann: Person, ben: Person
) -> None:
    made = await pay_crowd(
        scene.db, ann, EUR("9"), ben, ben, roles=["Author", "Editor"], now=scene.now
    )

    [[legs]] = await rows(
        scene.db,
        "select count(*) from entry join transfer on transfer.id = transfer_id"
        " where transfer.key = %s",
        f"{made}:pay",
    )
    assert legs == 2
    assert await held(scene.db, ben) == Decimal(9)
    assert await problems(scene.db) == []


async def test_recipients_are_told_each_in_their_way(
    scene: Scene, ann: Person, ben: Person
) -> None:
    email = new_email()

    await pay_crowd(scene.db, ann, EUR("9"), ben, ("email", email), PROFILE, now=scene.now)

    told = await rows(scene.db, "select recipient, kind, data ->> 'amount' from outbox order by id")
    assert [row[1] for row in told] == ["payment_received", "share_waiting"]
    assert (told[1][0], told[1][2]) == (email, "3.00")
    [[noted]] = await rows(scene.db, "select count(*) from notification where user_id = %s", ben.id)
    assert noted == 1


async def test_a_share_is_claimed_by_who_proves_the_address(
    scene: Scene, ann: Person, ben: Person
) -> None:
    await charge(scene.db, EUR("1.00"))
    await pay_crowd(scene.db, ann, EUR("10"), PROFILE, ("email", new_email()), now=scene.now)

    async with scene.db.transaction() as tx:
        await claims.prove(tx, user_id=ben.id, addresses=[PROFILE], now=scene.now)

    assert await held(scene.db, ben) == Decimal(5)
    assert await fees_held(scene.db) == Decimal("0.5")
    assert await problems(scene.db) == []


async def test_a_share_that_nobody_claims_returns_with_its_part_of_the_fee(
    scene: Scene, ann: Person, ben: Person
) -> None:
    await charge(scene.db, EUR("1.00"))
    await pay_crowd(scene.db, ann, EUR("10"), ben, PROFILE, now=scene.now)
    before = scene.now + UNCLAIMED_FOR - timedelta(seconds=1)

    early = await claims.return_expired(scene.db, now=before)
    returned = await claims.return_expired(scene.db, now=scene.now + UNCLAIMED_FOR)

    assert (early, returned) == (0, 1)
    assert await held(scene.db, ann) == Decimal("14.5")
    assert await problems(scene.db) == []


async def test_what_is_paid_to_a_proven_address_is_its_owners_at_once(
    scene: Scene, ann: Person, ben: Person
) -> None:
    async with scene.db.transaction() as tx:
        await claims.prove(tx, user_id=ben.id, addresses=[PROFILE], now=scene.now)

    await pay_crowd(scene.db, ann, EUR("10"), PROFILE, now=scene.now)

    assert await held(scene.db, ben) == Decimal(10)
    assert await problems(scene.db) == []


async def test_a_preview_is_confirmed_once_and_repeated_as_often_as_one_likes(
    scene: Scene, ann: Person, ben: Person
) -> None:
    found = plan(EUR("5"), ben)
    preview_id = await preview(scene.db, found, to=ann, now=scene.now)
    server = crowd_server(scene.db, now=scene.now)
    one = confirmation(ann, found, preview_id)

    together = await all_of(server, *[one] * 5)
    later = await all_of(server, one)
    again = await all_of(server, one._replace(key=new_key()))
    other = await all_of(server, one._replace(key=one.key.__class__(one.key.id, b"other")))

    assert isinstance(together[0], Made)
    assert together == [together[0]] * 5
    assert later == [together[0]]
    assert again == ["invalid"]
    assert other == ["correlation_id_reused"]
    assert await held(scene.db, ann) == Decimal(15)


async def test_two_commands_of_one_batch_with_one_preview_pay_once(
    scene: Scene, ann: Person, ben: Person
) -> None:
    found = plan(EUR("5"), ben)
    preview_id = await preview(scene.db, found, to=None, now=scene.now)
    server = crowd_server(scene.db, now=scene.now)
    other = await scene.person(EUR("20"))

    made = await all_of(
        server, confirmation(ann, found, preview_id), confirmation(other, found, preview_id)
    )

    assert isinstance(made[0], Made)
    assert made[1] == "invalid"
    assert await held(scene.db, ben) == Decimal(5)


async def test_a_preview_is_good_for_who_saw_it_while_it_lasts(
    scene: Scene, ann: Person, ben: Person
) -> None:
    found = plan(EUR("5"), ben)
    other = await scene.person(EUR("20"))
    own = await preview(scene.db, found, to=ann, now=scene.now)
    later = crowd_server(scene.db, now=scene.now + timedelta(minutes=10))
    server = crowd_server(scene.db, now=scene.now)
    nowhere = await preview(scene.db, found, to=ann, now=scene.now)
    await rows(scene.db, "delete from crowd_preview where id = %s returning 1", nowhere)

    async with nothing_moving(scene.db):
        foreign = await all_of(server, confirmation(other, found, own))
        late = await all_of(later, confirmation(ann, found, own))
        unknown = await all_of(server, confirmation(ann, found, nowhere))

    assert (foreign, late, unknown) == (["invalid"], ["invalid"], ["invalid"])


async def test_a_refusal_uses_nothing_up(scene: Scene, ann: Person, ben: Person) -> None:
    poor = await scene.person(EUR("1"))
    found = plan(EUR("5"), ben)
    command = await confirming(scene.db, poor, found, now=scene.now)
    server = crowd_server(scene.db, now=scene.now)

    async with nothing_moving(scene.db):
        refused = await all_of(server, command)
    await pay_crowd(scene.db, ann, EUR("10"), poor, now=scene.now)
    made = await all_of(server, command)

    assert refused == ["insufficient_funds"]
    assert isinstance(made[0], Made)
    assert await held(scene.db, poor) == Decimal(6)


async def test_who_cannot_be_paid_any_more_stops_all_of_it(
    scene: Scene, ann: Person, ben: Person
) -> None:
    cho, dan = await scene.person(), await scene.person()
    async with scene.db.transaction() as tx:
        await relationships.block(tx, user_id=cho.id, other_user_id=ann.id, now=scene.now)
    await rows(scene.db, "update users set status = 'rejected' where id = %s returning 1", dan.id)
    server = crowd_server(scene.db, now=scene.now)
    plans = [plan(EUR("5"), ben, other) for other in (cho, dan, ann)]
    previews = [await preview(scene.db, found, to=ann, now=scene.now) for found in plans]

    async with nothing_moving(scene.db):
        refused = await all_of(server, *map(confirmation, [ann] * 3, plans, previews))

    assert refused == ["recipients_changed"] * 3


async def test_a_locked_payer_and_a_disabled_wallet_pay_nothing(
    scene: Scene, ann: Person, ben: Person
) -> None:
    eve = await scene.person(EUR("20"))
    until = scene.now + timedelta(hours=1)
    await rows(
        scene.db, "update users set locked_until = %s where id = %s returning 1", until, ann.id
    )
    await rows(
        scene.db,
        "update funding_source set status = 'disabled' where id = %s returning 1",
        eve.wallet_id,
    )

    found = plan(EUR("5"), ben)
    commands = [await confirming(scene.db, payer, found, now=scene.now) for payer in (ann, eve)]
    async with nothing_moving(scene.db):
        refused = await all_of(crowd_server(scene.db, now=scene.now), *commands)

    assert refused == ["user_locked", "funding_source_disabled"]


async def test_limits_of_the_wallet_count_what_is_paid_and_pledged(
    scene: Scene, ann: Person, ben: Person
) -> None:
    await rows(
        scene.db,
        "insert into limit_rule (id, title, funding_source_type, currency, direction, period,"
        " is_rolling, amount, verified_amount) values (gen_random_uuid(), 'A day', 'virtual',"
        " 'EUR', 'out', 'day', false, 10, 10) returning 1",
    )
    await pay_crowd(scene.db, ann, EUR("4"), ben, now=scene.now)
    await pledge(scene.db, ann, EUR("4"), ben, now=scene.now)
    found = plan(EUR("4"), ben)
    command = await confirming(scene.db, ann, found, now=scene.now)

    async with nothing_moving(scene.db):
        refused = await all_of(crowd_server(scene.db, now=scene.now), command)

    assert refused == ["limit_exceeded"]
    used = await rows(scene.db, "select count, amount from limit_usage")
    assert used == [(2, Decimal(8))]


async def test_so_many_shares_of_one_payer_wait_at_a_time(
    scene: Scene, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whipround.domain.crowd.decide.MOST_WAITING", 3)
    await pay_crowd(scene.db, ann, EUR("1"), new_address(), PROFILE, now=scene.now)
    found = plan(EUR("1"), new_address(), ("email", new_email()))
    command = await confirming(scene.db, ann, found, now=scene.now)

    async with nothing_moving(scene.db):
        refused = await all_of(crowd_server(scene.db, now=scene.now), command)

    assert refused == ["limit_exceeded"]
    assert MOST_WAITING > 1_000


async def test_so_many_pledges_of_one_payer_wait_at_a_time(
    scene: Scene, ann: Person, ben: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whipround.domain.crowd.decide.MOST_PLEDGED", 2)
    await pledge(scene.db, ann, EUR("1"), ben, now=scene.now)
    found = plan(EUR("1"), ben, pledge=True)
    commands = [await confirming(scene.db, ann, found, now=scene.now) for _ in range(2)]

    made = await all_of(crowd_server(scene.db, now=scene.now), *commands)

    assert isinstance(made[0], Made)
    assert made[1] == "limit_exceeded"


async def test_currencies_without_decimals_are_divided_just_as_finely(
    scene: Scene, ben: Person
) -> None:
    eve, cho = await scene.person(ISK("100")), await scene.person()

    await pay_crowd(scene.db, eve, ISK("100"), ben, cho, PROFILE, now=scene.now)

    assert await held(scene.db, ben, "ISK") == Decimal("33.33333334")
    assert await held(scene.db, cho, "ISK") == Decimal("33.33333333")
    assert await problems(scene.db) == []


# Pledges.


async def test_a_pledge_waits_with_its_fee_and_is_nobodys_yet(
    scene: Scene, ann: Person, ben: Person
) -> None:
    await charge(scene.db, EUR("1.00"))

    pledge_id = await pledge(scene.db, ann, EUR("10"), ben, ("email", new_email()), now=scene.now)

    assert await held(scene.db, ann) == Decimal(9)
    assert await held_by(scene.db, pledge_id, kind=PLEDGE_ACCOUNT) == Decimal(11)
    assert await rows(scene.db, "select id from payment") == []
    assert await rows(scene.db, "select id from outbox") == []
    [row] = await rows(scene.db, "select status, participants from crowd_payment")
    assert row == ("pledged", [ben.id])
    assert await problems(scene.db) == []


async def test_a_claimed_pledge_is_paid_by_the_script_as_it_is_then(
    scene: Scene, ann: Person, ben: Person
) -> None:
    await charge(scene.db, EUR("1.00"))
    pledge_id = await pledge(scene.db, ann, EUR("10"), ben, now=scene.now)
    cho = await scene.person()
    await charge(scene.db, EUR("5.00"))

    await claim(scene.db, pledge_id, shares(EUR("10"), cho, PROFILE), now=scene.now)

    assert len(await shares_of(scene.db, pledge_id)) == 2
    assert await held(scene.db, cho) == Decimal(5)
    assert await held(scene.db, ben) == Decimal(0)
    assert await fees_held(scene.db) == Decimal("0.5")
    assert await held_by(scene.db, pledge_id, kind=PLEDGE_ACCOUNT) == Decimal(0)
    assert await problems(scene.db) == []


async def test_a_pledge_is_claimed_once_and_one_that_cannot_be_paid_stops_no_other(
    scene: Scene, ann: Person, ben: Person
) -> None:
    first, second = [await pledge(scene.db, ann, EUR("5"), ben, now=scene.now) for _ in range(2)]
    server = crowd_server(scene.db, now=scene.now)
    pays = shares(EUR("5"), ben)
    url = "http://localhost/"

    came = await all_of(
        server,
        ClaimPledge(first, shares(EUR("5"), ben, ann), url),
        ClaimPledge(second, pays, url),
        ClaimPledge(second, pays, url),
        ClaimPledge(ben.id, pays, url),
    )
    again = await all_of(server, ClaimPledge(second, pays, url))

    assert came[0] == "pledge_unpayable"
    assert isinstance(came[1], CrowdPayment)
    assert came[1].status == "paid"
    assert came[2:] == ["not_found", "not_found"]
    assert again == ["not_found"]
    assert await held(scene.db, ben) == Decimal(5)
    assert await problems(scene.db) == []


async def test_shares_that_are_not_the_whole_pay_nothing(
    scene: Scene, ann: Person, ben: Person
) -> None:
    pledge_id = await pledge(scene.db, ann, EUR("5"), ben, now=scene.now)
    server = crowd_server(scene.db, now=scene.now)

    async with nothing_moving(scene.db):
        with pytest.raises(Exception, match=f"transfer {pledge_id}:pay has legs"):
            await all_of(server, ClaimPledge(pledge_id, shares(EUR("4"), ben), ""))
