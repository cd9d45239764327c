"""A person's row, and reading it."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from whipround.db.database import Tx
from whipround.domain import numbers
from whipround.domain.credentials import PinState
from whipround.domain.images.reading import Image
from whipround.domain.relationships import PersonNotFound, is_visible


class User(NamedTuple):
    """A person, as their row has it.

    `pin_digest` is None for somebody who has no PIN, `number` the id that Moneypool shows. A named
    tuple: one is made for each session that is looked up, and nothing is cheaper to make.
    """

    id: UUID
    status: Literal["pending", "active", "rejected"]
    first_name: str
    last_name: str
    full_name: str
    username: str
    country: str
    timezone: str
    locale: str
    verified: bool
    official: bool
    email: str | None
    email_verified_at: datetime | None
    phone: str | None
    phone_verified_at: datetime | None
    date_of_birth: date | None
    preferences: str
    meta: str
    image_id: UUID | None
    image_description: str
    image_meta: str
    image_created_at: datetime | None
    image_updated_at: datetime | None
    parent_user_id: UUID | None
    password_hash: str | None
    pin_digest: bytes | None
    pin_failures: int
    locks: int
    locked_until: datetime | None
    created_at: datetime
    updated_at: datetime
    number: int

    @property
    def pin_state(self) -> PinState:
        """What `judge_pin` needs."""
        return PinState(self.pin_digest, self.pin_failures, self.locks, self.locked_until)

    @property
    def image(self) -> Image | None:
        """What the user looks like, if they show it."""
        if self.image_id is None or self.image_created_at is None or self.image_updated_at is None:
            return None
        return Image(
            self.image_id,
            self.image_description,
            self.image_meta,
            self.image_created_at,
            self.image_updated_at,
        )

    def is_locked(self, now: datetime) -> bool:
        """Whether too many wrong PINs keep the user out at `now`."""
        return self.locked_until is not None and self.locked_until > now

    def status_at(self, now: datetime) -> Literal["pending", "active", "locked", "rejected"]:
        """The status Memento shows: an active user may be locked."""
        if self.status == "active" and self.is_locked(now):
            return "locked"
        return self.status

    def utc_offset_hours(self, now: datetime) -> int:
        """The hours that the user's time zone is ahead of UTC at `now`, rounded down."""
        offset = ZoneInfo(self.timezone).utcoffset(now.astimezone(ZoneInfo(self.timezone)))
        return 0 if offset is None else offset // timedelta(hours=1)


COLUMNS = ", ".join(f"users.{name}" for name in User._fields)

_TAKES_PUSHES = """exists (
            select from device where device.user_id = users.id and gcm_device_token <> ''
        )"""

REACHED_AT = f"""case when {_TAKES_PUSHES} then 'push'
            when users.email_verified_at is not null then 'email'
            when users.phone_verified_at is not null then 'sms' end as channel,
        coalesce(case when {_TAKES_PUSHES} then users.id::text
            when users.email_verified_at is not null then users.email
            when users.phone_verified_at is not null then users.phone end, '') as address"""
"""Two columns that say how to reach a user: by push, to their id, where one of their devices takes
any; else by mail where an email is proven, else by SMS.

Null and an empty text for somebody who takes no push and has proven neither.
"""

_WRITTEN_TO = """
    select id, case when email_verified_at is null then 'sms' else 'email' end,
        case when email_verified_at is null then phone else email end
    from users
    where id = any(%(ids)s)
        and (email_verified_at is not null or phone_verified_at is not null)
"""

_FIND = f"select {COLUMNS} from users where id = %(id)s"  # noqa: S608 (our own column names)

_FIND_BY_USERNAME = f"""
    select {COLUMNS} from users where lower(username) = lower(%(username)s)
"""  # noqa: S608

_FIND_BY_NUMBER = f"select {COLUMNS} from users where number = %(number)s"  # noqa: S608

_MANY = f"select {COLUMNS} from users where id = any(%(ids)s)"  # noqa: S608

_LOCK = f"""
    select {COLUMNS} from users where id = %(id)s for no key update
"""  # noqa: S608


_SHOW_IMAGE = """
    update users
    set image_id = %(image_id)s, image_description = %(description)s, image_meta = %(meta)s,
        image_created_at = %(created_at)s, image_updated_at = %(updated_at)s
    where id = %(id)s
"""


async def get(tx: Tx, *, viewer_id: UUID, user_id: UUID) -> User:
    """A person as another one may see them (Memento, Get a user).

    Raises PersonNotFound for nobody, somebody who is not active, and who has blocked the viewer.
    """
    if not await is_visible(tx, viewer_id=viewer_id, user_id=user_id):
        raise PersonNotFound
    return await find(tx, user_id=user_id)


async def find(tx: Tx, *, user_id: UUID) -> User:
    """The user of this id, whatever their status; raises PersonNotFound."""
    return await _one(tx, _FIND, {"id": user_id})


async def find_by_username(tx: Tx, *, username: str) -> User:
    """The user of this name, in capitals or not; raises PersonNotFound."""
    return await _one(tx, _FIND_BY_USERNAME, {"username": username})


async def find_by_number(tx: Tx, *, number: int) -> User:
    """The user that Moneypool knows by this number; raises PersonNotFound."""
    if not numbers.can_be(number):
        raise PersonNotFound
    return await _one(tx, _FIND_BY_NUMBER, {"number": number})


async def many(tx: Tx, *, user_ids: Iterable[UUID]) -> dict[UUID, User]:
    """The users of these ids, whatever their status, by id."""
    cursor = await tx.execute(_MANY, {"ids": list(set(user_ids))})
    return {row[0]: User._make(row) for row in await cursor.fetchall()}


async def written_to(
    tx: Tx, *, user_ids: Iterable[UUID]
) -> dict[UUID, tuple[Literal["email", "sms"], str]]:
    """How to reach users other than by push, by id: channel and address, where there is one."""
    cursor = await tx.execute(_WRITTEN_TO, {"ids": list(user_ids)})
    return {row[0]: (row[1], row[2]) for row in await cursor.fetchall()}


async def lock(tx: Tx, *, user_id: UUID) -> User:
    """The user of this id, nobody else changing it until `tx` ends; raises PersonNotFound."""
    return await _one(tx, _LOCK, {"id": user_id})


async def show_image(tx: Tx, *, user_id: UUID, image: Image | None) -> None:
    """Have the user look like this from now on; None: like nobody in particular."""
    await tx.execute(
        _SHOW_IMAGE,
        {
            "id": user_id,
            "image_id": image.id if image else None,
            "description": image.description if image else "",
            "meta": image.meta if image else "",
            "created_at": image.created_at if image else None,
            "updated_at": image.updated_at if image else None,
        },
    )


async def _one(tx: Tx, query: str, values: dict[str, object]) -> User:
    row = await (await tx.execute(query, values)).fetchone()
    if row is None:
        raise PersonNotFound
    return User._make(row)
