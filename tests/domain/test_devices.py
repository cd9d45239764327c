"""Devices describe themselves, to their user only."""

from datetime import datetime
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from tests.people import make_user, new_device
from whipround.db.database import Database
from whipround.domain import devices
from whipround.domain.devices import Device, DeviceChange, DeviceNotFound
from whipround.errors import Invalid
from whipround.keyring import Keyring

pytestmark = pytest.mark.anyio


async def push_tokens(db: Database) -> list[Any]:
    async with db.transaction() as tx:
        cursor = await tx.execute("select apn_device_token, gcm_device_token from device")
        return await cursor.fetchall()


async def test_device_is_described_anew_and_keeps_its_push_tokens(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    user = await make_user(db, keyring=keyring, now=now)
    first = new_device(apn_device_token="apn", gcm_device_token="gcm")
    again = new_device(id=first.id, os_version="9.0", gcm_device_token="")

    async with db.transaction() as tx:
        await devices.save(tx, user_id=user.id, device=first, now=now)
        await devices.save(tx, user_id=user.id, device=again, now=now)
        found = await devices.get(tx, user_id=user.id, device_id=first.id)

    assert found == Device(
        id=first.id, make="iPhone", model="iPhone6,2", os_name="iOS", os_version="9.0"
    )
    assert await push_tokens(db) == [("apn", "")]


async def test_a_push_token_is_that_of_one_device(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    """The one that had it last; however long it is."""
    token = "x" * 4096
    ann, ben = [await make_user(db, keyring=keyring, now=now) for _ in range(2)]
    old, new = new_device(gcm_device_token=token), new_device()

    async with db.transaction() as tx:
        await devices.save(tx, user_id=ann.id, device=old, now=now)
        await devices.save(tx, user_id=ann.id, device=old, now=now)
        await devices.save(tx, user_id=ben.id, device=new, now=now)
        change = DeviceChange(gcm_device_token=token)
        await devices.update(tx, user_id=ben.id, device_id=new.id, change=change, now=now)

    assert sorted(await push_tokens(db)) == [("", ""), ("", token)]


async def test_same_device_of_two_users_is_two(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    one = await make_user(db, keyring=keyring, now=now)
    other = await make_user(db, keyring=keyring, now=now)
    device = new_device()

    async with db.transaction() as tx:
        await devices.save(tx, user_id=one.id, device=device, now=now)
        assert await devices.find(tx, user_id=other.id, device_id=device.id) is None
        with pytest.raises(DeviceNotFound):
            await devices.get(tx, user_id=other.id, device_id=device.id)


async def test_update_changes_only_what_is_given(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    user = await make_user(db, keyring=keyring, now=now)
    device = new_device(apn_device_token="apn")

    async with db.transaction() as tx:
        await devices.save(tx, user_id=user.id, device=device, now=now)
        changed = await devices.update(
            tx,
            user_id=user.id,
            device_id=device.id,
            change=DeviceChange(id=device.id, model="iPhone7,1", gcm_device_token="gcm"),
            now=now,
        )

    assert (changed.make, changed.model) == ("iPhone", "iPhone7,1")
    assert await push_tokens(db) == [("apn", "gcm")]


async def test_update_of_another_device_is_refused(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    user = await make_user(db, keyring=keyring, now=now)

    async with db.transaction() as tx:
        with pytest.raises(Invalid) as refused:
            await devices.update(
                tx, user_id=user.id, device_id=uuid7(), change=DeviceChange(id=uuid7()), now=now
            )
        with pytest.raises(DeviceNotFound):
            await devices.update(
                tx, user_id=user.id, device_id=uuid7(), change=DeviceChange(), now=now
            )

    assert [error.field for error in refused.value.errors] == ["id"]


def test_push_tokens_are_not_shown_in_logs() -> None:
    device = new_device(apn_device_token="apn-secret", gcm_device_token="gcm-secret")
    change = DeviceChange(apn_device_token="apn-secret", gcm_device_token="gcm-secret")

    assert "secret" not in repr(device)
    assert "secret" not in repr(change)
