"""Pushes over a server that answers as FCM does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateways.messages.fcm_server import PROJECT, FcmServer, fcm_server
from tests.gateways.messages.post import make_message
from whipround.gateways.messages.fcm import FcmGateway
from whipround.gateways.messages.live import live_fcm
from whipround.gateways.messages.protocol import (
    DeliveryFailed,
    DeliveryRefused,
    GatewayMisconfigured,
    Outgoing,
    TokenGone,
)
from whipround.settings import Settings

pytestmark = [
    pytest.mark.anyio,
    # apprise loads all it knows, one part of which wants a module that Python is about to drop.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

TOKEN = "cXk9:APA91bHun4MxP5egoKMwt2KZFBaFUH-1RYqx"
DATA = {"notification_type": "request", "notification_key": "received", "object_id": "1"}


@pytest.fixture(scope="module")
def server() -> Iterator[FcmServer]:
    with fcm_server() as server:
        yield server


def make_push(token: str = TOKEN, **given: Any) -> Outgoing:
    return make_message(channel="push", recipient=token, body="Jon paid you €6.00", **given)


async def test_a_push_shows_its_text_and_carries_its_data(
    server: FcmServer, tmp_path: Path
) -> None:
    gateway = FcmGateway(key_file=server.key_file(tmp_path), url=server.url)

    outcomes = await gateway.send([make_push(data=DATA)])

    assert outcomes == [None]
    [push] = server.pushes
    assert (push["token"], push["data"]) == (TOKEN, DATA)
    assert push["notification"] == {"title": "", "body": "Jon paid you €6.00"}


async def test_one_access_token_serves_until_it_is_refused(
    server: FcmServer, tmp_path: Path
) -> None:
    gateway = FcmGateway(key_file=server.key_file(tmp_path), url=server.url)
    before = server.logins
    assert await gateway.send([make_push() for _ in range(20)]) == [None] * 20
    assert server.logins == before + 1

    server.access_token = "ya29.second"
    [first] = await gateway.send([make_push()])
    [second] = await gateway.send([make_push()])

    assert isinstance(first, DeliveryFailed)
    assert second is None
    assert server.logins == before + 2


async def test_what_fcm_says_of_a_device(server: FcmServer, tmp_path: Path) -> None:
    gateway = FcmGateway(key_file=server.key_file(tmp_path), url=server.url)
    server.says = {"gone": 404, "malformed": 400, "strange": 403, "busy": 503}
    tokens = ["gone", "malformed", "strange", "busy", TOKEN, "#everybody", "a,b"]
    before = len(server.pushes)

    outcomes = await gateway.send([make_push(token) for token in tokens])

    assert list(map(type, outcomes)) == [
        TokenGone,
        *[DeliveryRefused, DeliveryFailed, DeliveryFailed],
        *[type(None), DeliveryRefused, DeliveryRefused],
    ]
    assert len(server.pushes) == before + 1
    assert "503" in str(outcomes[3])
    assert not any(token in str(it) for token, it in zip(tokens, outcomes, strict=True) if it)


async def test_without_google_a_push_waits(server: FcmServer, tmp_path: Path) -> None:
    gateway = FcmGateway(key_file=server.key_file(tmp_path), url=server.url)
    server.is_down = True

    [failed] = await gateway.send([make_push()])
    server.is_down = False

    assert isinstance(failed, DeliveryFailed)
    assert await gateway.send([make_push()]) == [None]


@pytest.mark.parametrize("content", [None, "", "{}", '{"type": "service_account"}', "[1]"])
def test_a_key_file_that_is_none_is_noticed(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "key.json"
    if content is not None:
        path.write_text(content)

    with pytest.raises(GatewayMisconfigured, match="WHIPROUND_FCM_KEY_FILE"):
        live_fcm(Settings(fcm_key_file=path))


def test_settings(server: FcmServer, tmp_path: Path) -> None:
    key_file = server.key_file(tmp_path)

    assert live_fcm(Settings()) is None
    assert live_fcm(Settings(fcm_key_file=key_file, fcm_url=server.url))
    with pytest.raises(GatewayMisconfigured, match="WHIPROUND_FCM_URL"):
        live_fcm(Settings(fcm_key_file=key_file, fcm_url="http://example.org"))
    assert PROJECT in key_file.read_text()
