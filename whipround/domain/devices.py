"""The devices people use, as each describes itself (Memento, Devices)."""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from msgspec import UNSET, UnsetType
from psycopg.rows import class_row

from whipround.db.database import Tx
from whipround.errors import Invalid, NotFound

MOST_PUSHED_TO = 8
"""How many of a person's devices a message is pushed to: those seen last."""


class DeviceNotFound(NotFound):
    """There is no such device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDevice:
    """A device as a login, a sign-up or an update describes it. Push tokens are secrets."""

    id: UUID
    make: str
    model: str
    os_name: str
    os_version: str
    apn_device_token: str | UnsetType = dataclasses.field(default=UNSET, repr=False)
    gcm_device_token: str | UnsetType = dataclasses.field(default=UNSET, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceChange:
    """What to change of a device; what is unset stays."""

    id: UUID | UnsetType = UNSET
    make: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    os_name: str | UnsetType = UNSET
    os_version: str | UnsetType = UNSET
    apn_device_token: str | UnsetType = dataclasses.field(default=UNSET, repr=False)
    gcm_device_token: str | UnsetType = dataclasses.field(default=UNSET, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device of a user's."""

    id: UUID
    make: str
    model: str
    os_name: str
    os_version: str


_FIND = """
    select id, make, model, os_name, os_version
    from device
    where user_id = %(user_id)s and id = %(id)s
"""

_SAVE = """
    insert into device (user_id, id, make, model, os_name, os_version, apn_device_token,
        gcm_device_token, created_at, updated_at)
    values (%(user_id)s, %(id)s, %(make)s, %(model)s, %(os_name)s, %(os_version)s,
        coalesce(%(apn_device_token)s, ''), coalesce(%(gcm_device_token)s, ''), %(now)s, %(now)s)
    on conflict (user_id, id) do update
    set make = excluded.make,
        model = excluded.model,
        os_name = excluded.os_name,
        os_version = excluded.os_version,
        apn_device_token = coalesce(%(apn_device_token)s, device.apn_device_token),
        gcm_device_token = coalesce(%(gcm_device_token)s, device.gcm_device_token),
        updated_at = excluded.updated_at
"""

_UPDATE = """
    update device
    set make = coalesce(%(make)s, make),
        model = coalesce(%(model)s, model),
        os_name = coalesce(%(os_name)s, os_name),
        os_version = coalesce(%(os_version)s, os_version),
        apn_device_token = coalesce(%(apn_device_token)s, apn_device_token),
        gcm_device_token = coalesce(%(gcm_device_token)s, gcm_device_token),
        updated_at = %(now)s
    where user_id = %(user_id)s and id = %(id)s
    returning id, make, model, os_name, os_version
"""


# A token is that of an app on a phone, which may be passed on to somebody else who logs in there.
_TAKE_OVER = """
    update device
    set gcm_device_token = '', updated_at = %(now)s
    where gcm_device_token = %(token)s and (user_id, id) <> (%(user_id)s, %(id)s)
"""

# A device that is logged out, or whose user has a new password since, is pushed to no more.
_PUSH_TOKENS = f"""
    select wanted.id, gcm_device_token
    from unnest(%(ids)s::uuid[]) as wanted (id) cross join lateral (
        select gcm_device_token, max(device.updated_at) as seen_at
        from device
        where user_id = wanted.id and gcm_device_token <> ''
            and exists (
                select from token
                where token.user_id = device.user_id and token.device_id = device.id
                    and token.status = 'approved' and token.expires_at > %(now)s
            )
        group by gcm_device_token
        order by seen_at desc, gcm_device_token
        limit {MOST_PUSHED_TO}
    ) as device
"""  # noqa: S608 (our own number)

_FORGET_TOKENS = """
    update device
    set gcm_device_token = '', updated_at = %(now)s
    from unnest(%(users)s::uuid[], %(tokens)s::text[]) as gone (user_id, token)
    where device.user_id = gone.user_id and device.gcm_device_token = gone.token
"""


async def find(tx: Tx, *, user_id: UUID, device_id: UUID) -> Device | None:
    """The user's device of this id, if the user has used it before."""
    async with tx.cursor(row_factory=class_row(Device)) as cursor:
        await cursor.execute(_FIND, {"user_id": user_id, "id": device_id})
        return await cursor.fetchone()


async def get(tx: Tx, *, user_id: UUID, device_id: UUID) -> Device:
    """The user's device of this id; raises DeviceNotFound."""
    device = await find(tx, user_id=user_id, device_id=device_id)
    if device is None:
        raise DeviceNotFound
    return device


async def save(tx: Tx, *, user_id: UUID, device: NewDevice, now: datetime) -> None:
    """Make the device the user's, or describe it anew; a push token that is unset stays.

    A token that is set is no other device's any more.
    """
    await _take_token(tx, user_id, device.id, device.gcm_device_token, now)
    await tx.execute(
        _SAVE,
        {
            "user_id": user_id,
            "id": device.id,
            "make": device.make,
            "model": device.model,
            "os_name": device.os_name,
            "os_version": device.os_version,
            "apn_device_token": _given(device.apn_device_token),
            "gcm_device_token": _given(device.gcm_device_token),
            "now": now,
        },
    )


async def update(
    tx: Tx,
    *,
    user_id: UUID,
    device_id: UUID,
    change: DeviceChange,
    now: datetime,
    field: str = "id",
) -> Device:
    """Change the user's current device (Memento, Update the current device).

    A push token that is set is no other device's any more.

    Raises Invalid, naming `field`, when the change is of another device; DeviceNotFound.
    """
    if change.id not in (UNSET, device_id):
        raise Invalid.field(field, "invalid", "Id is not that of the current device")
    await _take_token(tx, user_id, device_id, change.gcm_device_token, now)
    async with tx.cursor(row_factory=class_row(Device)) as cursor:
        await cursor.execute(
            _UPDATE,
            {
                "user_id": user_id,
                "id": device_id,
                "make": _given(change.make),
                "model": _given(change.model),
                "os_name": _given(change.os_name),
                "os_version": _given(change.os_version),
                "apn_device_token": _given(change.apn_device_token),
                "gcm_device_token": _given(change.gcm_device_token),
                "now": now,
            },
        )
        device = await cursor.fetchone()
    if device is None:
        raise DeviceNotFound
    return device


async def push_tokens(tx: Tx, *, user_ids: Iterable[UUID], now: datetime) -> dict[UUID, list[str]]:
    """The tokens by which Google pushes to users, by user: of up to 8 devices, those seen last.

    Only of devices on which they are still logged in.
    """
    found: dict[UUID, list[str]] = {user_id: [] for user_id in user_ids}
    cursor = await tx.execute(_PUSH_TOKENS, {"ids": list(found), "now": now})
    for user_id, token in await cursor.fetchall():
        found[user_id].append(token)
    return found


async def forget_push_tokens(tx: Tx, *, tokens: Sequence[tuple[UUID, str]], now: datetime) -> None:
    """Push no more by these tokens of users: Google says that they are of no use any more."""
    await tx.execute(
        _FORGET_TOKENS,
        {
            "users": [user_id for user_id, _ in tokens],
            "tokens": [token for _, token in tokens],
            "now": now,
        },
    )


async def _take_token(
    tx: Tx, user_id: UUID, device_id: UUID, token: str | UnsetType, now: datetime
) -> None:
    if token:
        values = {"user_id": user_id, "id": device_id, "token": token, "now": now}
        await tx.execute(_TAKE_OVER, values)


def _given(value: str | UnsetType) -> str | None:
    return None if isinstance(value, UnsetType) else value
