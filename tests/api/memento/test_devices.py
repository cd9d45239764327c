"""Memento, Devices, over HTTP."""

from uuid import uuid4

import pytest

from tests.api.memento.client import Client, wrong_fields

pytestmark = pytest.mark.anyio

PATH = "/v1/devices/current"


async def test_current_device(client: Client) -> None:
    mine = await client.of(await client.make_user())

    shown = (await mine.get(PATH)).json()

    assert list(shown) == ["id", "make", "model", "os_name", "os_version"]
    assert (shown["make"], shown["os_version"]) == ("iPhone", "8.0")


async def test_update_as_in_the_sample_and_in_full(client: Client) -> None:
    mine = await client.of(await client.make_user())
    before = (await mine.get(PATH)).json()

    partly = await mine.put(PATH, {"apn_device_token": "apn", "gcm_device_token": "gcm"})
    fully = await mine.put(PATH, {**before, "os_version": "9.0", "apn_device_token": None})

    assert (partly.status_code, partly.json()) == (200, before)
    assert fully.json() == {**before, "os_version": "9.0"}
    assert (await mine.get(PATH)).json() == fully.json()
    async with client.db.transaction() as tx:
        cursor = await tx.execute("select apn_device_token, gcm_device_token from device")
        assert await cursor.fetchall() == [("apn", "gcm")]


async def test_each_sees_their_own(client: Client) -> None:
    mine = await client.of(await client.make_user())
    others = await client.of(await client.make_user())

    await others.put(PATH, {"make": "Nokia"})

    assert (await mine.get(PATH)).json()["make"] == "iPhone"
    another = (await others.get(PATH)).json()["id"]
    assert wrong_fields(await mine.put(PATH, {"id": another})) == {"id": "invalid"}


async def test_nobody_has_no_device(client: Client) -> None:
    for answer in (await client.get(PATH), await client.put(PATH, {"make": 1})):
        assert (answer.status_code, answer.content) == (401, b"")


async def test_every_wrong_field_is_named(client: Client) -> None:
    mine = await client.of(await client.make_user())

    refused = await mine.put(
        PATH,
        {
            "id": "nonsense",
            "make": "",
            "model": "x" * 101,
            "os_name": 7,
            "os_version": "8\u0000",
            "apn_device_token": "x" * 5000,
            "gcm_device_token": ["x"],
        },
    )

    assert wrong_fields(refused) == {
        "id": "invalid",
        "make": "required",
        "model": "too_long",
        "os_name": "invalid",
        "os_version": "invalid",
        "apn_device_token": "too_long",
        "gcm_device_token": "invalid",
    }
    assert wrong_fields(await mine.put(PATH, {"uuid": str(uuid4())})) == {"id": "invalid"}
