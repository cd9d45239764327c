"""Contacts, and who comes to be one at the very moment that something else happens to them."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from tests.money import Person, Scene, rows, until_waiting
from tests.people import new_phone
from whipround.db.database import Tx
from whipround.domain import claims, contacts
from whipround.domain.contacts import MOST_CONTACTS, NewContact, TooManyContacts

pytestmark = pytest.mark.anyio


@pytest.fixture
def phone() -> str:
    """A number that is nobody's yet."""
    return new_phone()


async def _add(tx: Tx, scene: Scene, owner: Person, **given: object) -> UUID:
    """Have somebody add a contact; its id."""
    new = NewContact(**{"first_name": "Somebody", **given})  # type: ignore[arg-type]
    seen = await contacts.add(tx, owner_id=owner.id, new=new, now=scene.now)
    return seen.contacts[0].id


async def _added(scene: Scene, owner: Person, **given: object) -> UUID:
    async with scene.db.transaction() as tx:
        return await _add(tx, scene, owner, **given)


async def _prove(tx: Tx, scene: Scene, person: Person, phone: str) -> None:
    later = scene.now + timedelta(hours=1)
    await claims.prove(tx, user_id=person.id, addresses=[("phone", phone)], now=later)


async def _proven(scene: Scene, person: Person, phone: str) -> None:
    async with scene.db.transaction() as tx:
        await _prove(tx, scene, person, phone)


async def _removed(scene: Scene, owner: Person, contact_id: UUID) -> None:
    async with scene.db.transaction() as tx:
        await contacts.remove(tx, owner_id=owner.id, contact_id=contact_id)


async def _known(scene: Scene, owner: Person) -> list[tuple[UUID, UUID | None, str | None]]:
    """Somebody's contacts: their ids, users and numbers. Each user is a relationship, no other."""
    found = await rows(
        scene.db, "select id, user_id, phone from contact where owner_id = %s order by id", owner.id
    )
    related = await rows(
        scene.db,
        "select other_user_id from relationship where user_id = %s and type = 'contact'",
        owner.id,
    )
    assert sorted(user_id for _, user_id, _ in found if user_id) == sorted(it for (it,) in related)
    return found


async def test_a_number_and_a_user_who_turn_out_to_be_one_are_one_contact(
    scene: Scene, ann: Person, ben: Person, phone: str
) -> None:
    cat = await scene.person()
    known = await _added(scene, ann, user_id=ben.id)
    await _added(scene, ann, phone=phone)
    only_a_number = await _added(scene, cat, phone=phone)
    own = await _added(scene, ben, phone=phone)

    await _proven(scene, ben, phone)

    assert await _known(scene, ann) == [(known, ben.id, phone)]
    assert await _known(scene, cat) == [(only_a_number, ben.id, phone)]
    assert await _known(scene, ben) == [(own, None, phone)]


async def test_one_who_is_added_twice_at_once_is_one_contact(
    scene: Scene, ann: Person, ben: Person, phone: str
) -> None:
    by_user, again, by_phone, by_number, once_more = await asyncio.gather(
        _added(scene, ann, user_id=ben.id),
        _added(scene, ann, user_id=ben.id),
        _added(scene, ann, phone=ben.phone[1]),
        _added(scene, ann, phone=phone),
        _added(scene, ann, phone=phone),
    )

    assert by_user == again == by_phone
    assert by_number == once_more
    assert len(await _known(scene, ann)) == 2


async def test_a_number_that_is_being_proven_is_its_user(
    scene: Scene, ann: Person, ben: Person, phone: str
) -> None:
    async with scene.db.transaction() as tx:
        await _prove(tx, scene, ben, phone)
        adding = asyncio.create_task(_added(scene, ann, phone=phone))
        await until_waiting(scene.db)

    added = await adding
    assert await _known(scene, ann) == [(added, ben.id, phone)]


@pytest.mark.parametrize("by_user", [True, False])
async def test_who_is_being_added_can_prove_the_number(
    scene: Scene, ann: Person, ben: Person, phone: str, *, by_user: bool
) -> None:
    if by_user:
        await _added(scene, ann, phone=phone)
    async with scene.db.transaction() as tx:
        given = {"user_id": ben.id} if by_user else {"phone": phone}
        added = await _add(tx, scene, ann, **given)
        proving = asyncio.create_task(_proven(scene, ben, phone))
        await until_waiting(scene.db)

    await proving
    assert await _known(scene, ann) == [(added, ben.id, phone)]


async def test_who_is_proving_the_number_can_be_deleted(
    scene: Scene, ann: Person, ben: Person, phone: str
) -> None:
    contact_id = await _added(scene, ann, phone=phone)

    async with scene.db.transaction() as tx:
        await _prove(tx, scene, ben, phone)
        removing = asyncio.create_task(_removed(scene, ann, contact_id))
        await until_waiting(scene.db)

    await removing
    assert await _known(scene, ann) == []


async def test_who_is_being_deleted_can_prove_the_number(
    scene: Scene, ann: Person, ben: Person, phone: str
) -> None:
    known = await _added(scene, ann, user_id=ben.id)
    number = await _added(scene, ann, phone=phone)

    async with scene.db.transaction() as tx:
        await contacts.remove(tx, owner_id=ann.id, contact_id=known)
        proving = asyncio.create_task(_proven(scene, ben, phone))
        await until_waiting(scene.db)

    await proving
    assert await _known(scene, ann) == [(number, ben.id, phone)]


async def test_there_are_as_many_as_one_may_have(scene: Scene, ann: Person, phone: str) -> None:
    last = await _added(scene, ann, phone=phone)
    async with scene.db.transaction() as tx:
        await tx.execute(
            "insert into contact (id, owner_id, first_name, last_name, country, created_at,"
            " updated_at) select gen_random_uuid(), %s, 'x', '', '', now(), now()"
            " from generate_series(2, %s)",
            (ann.id, MOST_CONTACTS),
        )

    with pytest.raises(TooManyContacts):
        await _added(scene, ann)

    assert await _added(scene, ann, phone=phone) == last
    assert len(await _known(scene, ann)) == MOST_CONTACTS
