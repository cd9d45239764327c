"""Whom people know: other users, and people who are not registered (Memento, Contacts).

A contact who is a user is a relationship too. One by a phone number becomes the contact of whoever
proves that number. Adding one by number and proving the number both lock the payee's row, so that
neither misses the other; after it come relationships, then contacts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db.database import Tx
from whipround.db.listing import EQ_LIKE, TIMES, Column, ListQuery, fragments
from whipround.domain import payees, relationships
from whipround.domain.phones import country_of_phone
from whipround.domain.relationships import Relationship, is_visible
from whipround.domain.users import person
from whipround.domain.users.person import User
from whipround.errors import Declined, Invalid, NotFound

MOST_CONTACTS = 5_000
"""How many contacts a person may have: more than an address book does, and still few enough to be
sorted by name while somebody waits."""


class ContactNotFound(NotFound):
    """There is no such contact."""


class TooManyContacts(Declined):
    """You have as many contacts as there can be."""

    code = "limit_exceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewContact:
    """Somebody to be remembered: the user `user_id`, or whom the names say.

    `phone` is an E.164 number. What `meta` is None stays as it is.
    """

    user_id: UUID | None = None
    first_name: str = ""
    last_name: str = ""
    phone: str | None = None
    meta: str | None = None


class Contact(NamedTuple):
    """A contact, as its owner sees it.

    `user_id` is None for somebody who is not registered, or whom the owner may not see; the names
    are the owner's own for them. `phone` is as the owner gave it, in E.164.
    """

    id: UUID
    user_id: UUID | None
    first_name: str
    last_name: str
    full_name: str
    phone: str | None
    country: str
    meta: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """Contacts as their owner sees them: with the users they are, and what is between them."""

    contacts: list[Contact]
    users: dict[UUID, User]
    relationships: dict[UUID, list[Relationship]]


# Who has blocked the owner shows up as somebody not registered. The users of contacts are looked up
# one by one: joined, they would be looked up for more than a page.
_USER_SEEN = """
    from users
    where users.id = contact.user_id and users.status = 'active'
        and not exists (
            select from relationship
            where relationship.user_id = users.id
                and relationship.other_user_id = contact.owner_id
                and relationship.type = 'blocked'
        )
"""

_SELECT = f"""
    select id, (select users.id {_USER_SEEN}) as seen_id, first_name, last_name, full_name, phone,
        country, meta, created_at, updated_at
    from contact
    where owner_id = %(owner_id)s
"""  # noqa: S608 (our own constant)

_NAME = f"coalesce((select users.full_name {_USER_SEEN}), full_name)"

FILTERS: Mapping[str, Column] = {
    "name": Column(_NAME, str, EQ_LIKE, sortable=True),
    **TIMES,
}
"""What a list of contacts can be filtered and sorted by."""

_INSERT = """
    insert into contact (id, owner_id, user_id, first_name, last_name, phone, country, meta,
        created_at, updated_at)
    values (%(id)s, %(owner_id)s, %(user_id)s, %(first_name)s, %(last_name)s, %(phone)s,
        %(country)s, coalesce(%(meta)s, ''), %(now)s, %(now)s)
"""

# Of a user's contact the owner may have learned the number since.
_ADD_USER = f"""
    {_INSERT}
    on conflict (owner_id, user_id) do update
    set phone = coalesce(excluded.phone, contact.phone), updated_at = excluded.updated_at,
        meta = coalesce(%(meta)s, contact.meta)
    returning id
"""  # noqa: S608 (our own constant)

# Without a number there is nothing to know somebody again by.
_ADD_UNREGISTERED = f"""
    {_INSERT}
    on conflict (phone, owner_id) where user_id is null do update
    set first_name = excluded.first_name, last_name = excluded.last_name,
        updated_at = excluded.updated_at, meta = coalesce(%(meta)s, contact.meta)
    returning id
"""  # noqa: S608 (our own constant)

_COUNT = "select count(*) from contact where owner_id = %(owner_id)s"

_USER = """
    select user_id from contact where id = %(id)s and owner_id = %(owner_id)s
"""

_DELETE = """
    delete from contact where id = %(id)s and owner_id = %(owner_id)s returning user_id
"""

_LOCK_UNREGISTERED = """
    select owner_id
    from contact
    where phone = %(phone)s and user_id is null and owner_id <> %(user_id)s
    order by owner_id
    for update
"""

# Who had the user as a contact already has one contact left, with the number they knew.
_MERGE = """
    with double as (
        delete from contact as unregistered using contact as known
        where unregistered.phone = %(phone)s and unregistered.user_id is null
            and known.owner_id = unregistered.owner_id and known.user_id = %(user_id)s
        returning known.id
    )
    update contact set phone = coalesce(phone, %(phone)s), updated_at = %(now)s
    from double
    where contact.id = double.id
"""

_REGISTER = """
    update contact set user_id = %(user_id)s, updated_at = %(now)s
    where phone = %(phone)s and user_id is null and owner_id <> %(user_id)s
"""


async def add(tx: Tx, *, owner_id: UUID, new: NewContact, now: datetime) -> Seen:
    """Remember a user, or somebody who is not registered (Memento, Create a contact).

    A number that a user has proven is that user. Who is a contact already stays the one there is,
    with the `meta` given now and, while not registered, the names. Raises Invalid for nobody the
    owner can see, and for the owner; TooManyContacts.
    """
    # One after the other, so that no two count the same contacts.
    await person.lock(tx, user_id=owner_id)
    user_id = await _user_of(tx, owner_id, new, now)
    if user_id is not None:
        await relationships.add(
            tx, user_id=owner_id, other_user_id=user_id, kind="contact", now=now
        )
    named: User | NewContact = new
    country = country_of_phone(new.phone) if new.phone else ""
    if new.user_id is not None:
        named = await person.find(tx, user_id=new.user_id)
        country = named.country
    values = {
        "id": uuid7(),
        "owner_id": owner_id,
        "user_id": user_id,
        "first_name": named.first_name,
        "last_name": named.last_name,
        "phone": new.phone,
        "country": country,
        "meta": new.meta,
        "now": now,
    }
    sql = _ADD_UNREGISTERED if user_id is None else _ADD_USER
    [[contact_id]] = await (await tx.execute(sql, values)).fetchall()
    if contact_id == values["id"] and await _count(tx, owner_id) > MOST_CONTACTS:
        raise TooManyContacts
    return await find(tx, owner_id=owner_id, contact_id=contact_id)


async def _user_of(tx: Tx, owner_id: UUID, new: NewContact, now: datetime) -> UUID | None:
    """The user that a new contact is, who by a number need not be one the owner may see."""
    if new.phone is not None:
        [payee] = await payees.lock_payees(tx, [("phone", new.phone)], now=now)
        if payee.user_id == owner_id:
            raise Invalid.field("phone", "invalid", "Phone is your own")
        return payee.user_id
    if new.user_id == owner_id:
        raise Invalid.field("user_id", "invalid", "User id is your own")
    if new.user_id and not await is_visible(tx, viewer_id=owner_id, user_id=new.user_id):
        raise Invalid.field("user_id", "not_found", "There is no such user")
    return new.user_id


async def _count(tx: Tx, owner_id: UUID) -> int:
    [[count]] = await (await tx.execute(_COUNT, {"owner_id": owner_id})).fetchall()
    return int(count)


async def find(tx: Tx, *, owner_id: UUID, contact_id: UUID) -> Seen:
    """One of the owner's contacts. Raises ContactNotFound."""
    seen = await _read(tx, f"{_SELECT} and id = %(id)s", owner_id, {"id": contact_id})
    if not seen.contacts:
        raise ContactNotFound
    return seen


async def page(tx: Tx, *, owner_id: UUID, query: ListQuery) -> Seen:
    """The owner's contacts that `query` asks for, and one more if there is a next page."""
    part = fragments(query, FILTERS)
    sql = f"{_SELECT} and {part.where} order by {part.order} limit %(limit)s offset %(offset)s"
    return await _read(tx, sql, owner_id, part.parameters)


async def _read(tx: Tx, sql: str, owner_id: UUID, values: Mapping[str, object]) -> Seen:
    cursor = await tx.execute(sql.encode(), {**values, "owner_id": owner_id})
    found = [Contact._make(row) for row in await cursor.fetchall()]
    user_ids = [contact.user_id for contact in found if contact.user_id is not None]
    between = await relationships.between(tx, user_id=owner_id, other_user_ids=user_ids)
    return Seen(found, await person.many(tx, user_ids=user_ids), between)


async def remove(tx: Tx, *, owner_id: UUID, contact_id: UUID) -> None:
    """Forget a contact (Memento, Delete an existing contact). Raises ContactNotFound."""
    await person.lock(tx, user_id=owner_id)
    values = {"id": contact_id, "owner_id": owner_id}
    row = await (await tx.execute(_USER, values)).fetchone()
    if row is None:
        raise ContactNotFound
    await _end(tx, owner_id, row[0])
    deleted = await (await tx.execute(_DELETE, values)).fetchone()
    # Who has just proven the number is the contact's user only since it was looked at; or the
    # contact has become one with another.
    if deleted is not None and deleted != row:
        await _end(tx, owner_id, deleted[0])


async def _end(tx: Tx, owner_id: UUID, user_id: UUID | None) -> None:
    if user_id is not None:
        await relationships.remove(tx, user_id=owner_id, other_user_id=user_id, kind="contact")


async def claim(tx: Tx, *, phones: Iterable[str], user_id: UUID, now: datetime) -> None:
    """Have the user be whoever is somebody's contact by one of these numbers, which are theirs now.

    The numbers are in E.164, and their payees locked. Whom the user has blocked does not see it.
    """
    for phone in phones:
        values = {"phone": phone, "user_id": user_id, "now": now}
        cursor = await tx.execute(_LOCK_UNREGISTERED, values)
        owner_ids = [owner_id for (owner_id,) in await cursor.fetchall()]
        if owner_ids:
            await relationships.add_all(
                tx, user_ids=owner_ids, other_user_id=user_id, kind="contact", now=now
            )
            await tx.execute(_MERGE, values)
            await tx.execute(_REGISTER, values)
