"""The devices people use, as each describes itself (Memento, Devices)."""

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from msgspec import UNSET, UnsetType
from psycopg.rows import class_row

from whipround.db.database import Tx
from whipround.errors import Invalid, NotFound


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
    """Make the device the user's, or describe it anew; a push token that is unset stays."""
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

    Raises Invalid, naming `field`, when the change is of another device; DeviceNotFound.
    """
    if change.id not in (UNSET, device_id):
        raise Invalid.field(field, "invalid", "Id is not that of the current device")
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


def _given(value: str | UnsetType) -> str | None:
    return None if isinstance(value, UnsetType) else value
