"""Who sees whom by number: those who have had to do with each other, and nobody else."""

import pytest
from uuid_utils.compat import uuid7

from tests.crowd import pay_crowd
from tests.money import MXN, Person, Scene, order
from tests.shares import make_pool, make_request
from whipround.domain import numbers, relationships
from whipround.domain.relationships import PersonNotFound
from whipround.domain.users import acquaintances

pytestmark = pytest.mark.anyio


async def know(scene: Scene, *pairs: tuple[Person, Person]) -> list[tuple[bool, bool]]:
    """Of each two people, whether the first sees the second, and the second the first."""
    found = []
    async with scene.db.transaction() as tx:
        for one, other in pairs:
            seen = [
                await acquaintances.knows(tx, user_id=a.id, other_id=b.id, currency="MXN")
                for a, b in ((one, other), (other, one))
            ]
            found.append((seen[0], seen[1]))
    return found


BOTH, NEITHER = (True, True), (False, False)


async def test_payment_makes_people_known(scene: Scene) -> None:
    ann, ben, eve = [await scene.person(MXN("20.00")) for _ in range(3)]
    await scene.pay(scene.order(ann, ben, MXN("1.00")))
    await scene.pay(order(ann, eve, MXN("1.00"), keyring=scene.keyring, pin="9999"))

    assert await know(scene, (ann, ben), (ann, eve), (ben, eve)) == [BOTH, NEITHER, NEITHER]


async def test_a_share_lets_who_is_paid_see_who_pays_and_not_the_reverse(scene: Scene) -> None:
    ann, ben, eve = [await scene.person(MXN("20.00")) for _ in range(3)]
    await pay_crowd(scene.db, ann, MXN("1.00"), ben, eve, now=scene.now)

    assert await know(scene, (ann, ben), (ben, eve)) == [(False, True), NEITHER]


async def test_other_currencies_do_not_exist_here(scene: Scene, ann: Person, ben: Person) -> None:
    await scene.pay(scene.order(ann, ben))
    await make_request(scene, ann, ben)
    await make_pool(scene, ann, invites=[ben.id])

    assert await know(scene, (ann, ben)) == [NEITHER]


async def test_request_is_between_its_owner_and_each_participant(scene: Scene) -> None:
    ann, ben, eve = [await scene.person() for _ in range(3)]
    await make_request(scene, ann, ben, eve, amount=MXN("5.00"))

    assert await know(scene, (ann, ben), (ann, eve), (ben, eve)) == [BOTH, BOTH, NEITHER]


async def test_pool_is_between_all_who_see_each_other_in_it(scene: Scene) -> None:
    ann, ben, eve, dan, kim = [await scene.person() for _ in range(5)]
    await make_pool(scene, ann, currency="MXN", invites=[ben.id, eve.id])
    await make_pool(
        scene, ann, currency="MXN", invites=[dan.id, kim.id], only_owner_sees_participants=True
    )

    pairs = [(ann, ben), (ben, eve), (ann, dan), (dan, kim), (ben, dan)]
    assert await know(scene, *pairs) == [BOTH, BOTH, BOTH, NEITHER, NEITHER]


async def test_who_has_blocked_somebody_is_not_seen_by_them(scene: Scene) -> None:
    ann, ben = [await scene.person() for _ in range(2)]
    await make_request(scene, ann, ben, amount=MXN("5.00"))
    async with scene.db.transaction() as tx:
        await relationships.block(tx, user_id=ann.id, other_user_id=ben.id, now=scene.now)

    assert await know(scene, (ann, ben)) == [(True, False)]


async def test_found_by_number(scene: Scene) -> None:
    ann, ben, eve = [await scene.person() for _ in range(3)]
    await make_request(scene, ann, ben, amount=MXN("5.00"))

    async with scene.db.transaction() as tx:
        found = await acquaintances.get(
            tx, viewer_id=ann.id, number=ben.user.number, currency="MXN"
        )
        for number in (eve.user.number, 0, -1, ben.user.number + 1_000, numbers.LARGEST + 1):
            with pytest.raises(PersonNotFound):
                await acquaintances.get(tx, viewer_id=ann.id, number=number, currency="MXN")
        assert not await acquaintances.knows(tx, user_id=ann.id, other_id=uuid7(), currency="MXN")

    assert found == ben.user
