"""Pushes to people, from the outbox to FCM."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.gateways.messages.fcm_server import FcmServer, fcm_server
from tests.money import EUR, rows
from tests.people import log_in, make_user, new_device, new_email
from whipround.db.database import Database
from whipround.domain import devices, tokens
from whipround.domain.devices import MOST_PUSHED_TO
from whipround.domain.notifications import Event, tell, words
from whipround.domain.users.person import User
from whipround.domain.users.proofs import Proven
from whipround.flows.deliveries import LiveLane, sandbox_messages
from whipround.flows.pushes import PushGateway
from whipround.gateways.messages.fcm import FcmGateway
from whipround.keyring import Keyring

pytestmark = [
    pytest.mark.anyio,
    # apprise loads all it knows, one part of which wants a module that Python is about to drop.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

PIZZA = uuid7()


@pytest.fixture(scope="module")
def server() -> Iterator[FcmServer]:
    with fcm_server() as server:
        yield server


@pytest.fixture
def fcm(server: FcmServer, tmp_path: Path) -> FcmGateway:
    server.pushes.clear()
    server.says.clear()
    return FcmGateway(key_file=server.key_file(tmp_path), url=server.url)


async def person(
    db: Database, keyring: Keyring, now: datetime, *push_tokens: str, **given: Any
) -> User:
    """Somebody logged in on devices with these push tokens, each a second after the last."""
    user = await make_user(db, keyring=keyring, now=now, **given)
    for number, token in enumerate(push_tokens):
        at = now + timedelta(seconds=number)
        await log_in(db, user, now=at, device=new_device(gcm_device_token=token))
    return user


async def told(db: Database, *users: User, now: datetime) -> None:
    """Tell each of the users of a payment."""
    data = words(EUR("6.00"), payer="Jon", description="Pizza")
    async with db.transaction() as tx:
        await tell(
            tx, [Event(user.id, "payment_received", PIZZA, None, data) for user in users], now=now
        )


async def deliver(db: Database, fcm: FcmGateway | None, *, now: datetime) -> None:
    """Deliver the pushes that are due."""
    gateway = PushGateway(db, fcm=fcm, clock=lambda: now)
    await LiveLane("push messages", gateway, "push", codes=False).deliver_some(db, now=now)


async def outbox(db: Database) -> list[tuple[Any, ...]]:
    return await rows(db, "select channel, recipient, attempts from outbox order by id")


async def kept(db: Database, user: User) -> list[str]:
    """The push tokens that are known of a user."""
    sql = "select gcm_device_token from device where user_id = %s and gcm_device_token <> ''"
    return sorted(token for (token,) in await rows(db, sql, user.id))


async def test_a_message_goes_to_all_devices_and_leads_to_its_object(
    db: Database, keyring: Keyring, server: FcmServer, fcm: FcmGateway, now: datetime
) -> None:
    ann = await person(db, keyring, now, "ann-1", "ann-2", proven=Proven(email=new_email()))
    ben = await person(db, keyring, now, "ben-1")
    carl = await person(db, keyring, now, "")

    await told(db, ann, ben, carl, now=now)
    before = await outbox(db)
    await deliver(db, fcm, now=now)

    assert [row[:2] for row in before] == [
        ("push", str(ann.id)),
        ("push", str(ben.id)),
        ("sms", carl.phone),
    ]
    assert server.devices == ["ann-1", "ann-2", "ben-1"]
    assert server.pushes[0]["notification"]["body"] == "Jon paid you €6.00: Pizza"
    assert server.pushes[0]["data"] == {
        "notification_type": "payment",
        "notification_key": "received",
        "object_id": str(PIZZA),
    }
    assert await outbox(db) == [("sms", carl.phone, 0)]


async def test_who_has_no_device_left_is_told_by_mail_or_sms(
    db: Database, keyring: Keyring, server: FcmServer, fcm: FcmGateway, now: datetime
) -> None:
    email = new_email()
    ann = await person(db, keyring, now, "gone", "stale", proven=Proven(email=email))
    ben = await person(db, keyring, now, "lost")
    carl = await person(db, keyring, now, "here", "away")
    server.says = {"gone": 404, "stale": 400, "lost": 404, "away": 404}

    await told(db, ann, ben, carl, now=now)
    await deliver(db, fcm, now=now)

    assert await outbox(db) == [("email", email, 0), ("sms", ben.phone, 0)]
    assert server.devices == ["here"]
    # A token that FCM cannot read may be a mistake of ours; one that it says is gone is not.
    assert await kept(db, ann) == ["stale"]
    assert (await kept(db, ben), await kept(db, carl)) == ([], ["here"])
    await told(db, ben, now=now)
    assert (await outbox(db))[-1] == ("sms", ben.phone, 0)


async def test_it_is_tried_again_only_while_no_device_has_it(
    db: Database, keyring: Keyring, server: FcmServer, fcm: FcmGateway, now: datetime
) -> None:
    ann = await person(db, keyring, now, "busy", "gone")
    ben = await person(db, keyring, now, "free", "busy-too")
    server.says = {"busy": 503, "busy-too": 503, "gone": 404}

    await told(db, ann, ben, now=now)
    await deliver(db, fcm, now=now)
    waiting = await outbox(db)
    server.says.clear()
    await deliver(db, fcm, now=now + timedelta(minutes=1))

    assert waiting == [("push", str(ann.id), 1)]
    assert server.devices == ["busy", "free"]
    assert await outbox(db) == []


async def test_without_fcm_all_go_another_way(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    ann = await person(db, keyring, now, "ann")
    nobody = await person(db, keyring, now, "nobody", proven=Proven())

    await told(db, ann, nobody, now=now)
    await deliver(db, None, now=now)

    assert await outbox(db) == [("sms", ann.phone, 0), ("push", str(nobody.id), 1)]
    [[failed_at]] = await rows(db, "select failed_at from outbox where channel = 'push'")
    assert failed_at == now


async def test_only_where_somebody_is_logged_in(
    db: Database, keyring: Keyring, server: FcmServer, fcm: FcmGateway, now: datetime
) -> None:
    ann = await person(db, keyring, now, "old-phone")
    new = await log_in(db, ann, now=now, device=new_device(gcm_device_token="new-phone"))
    async with db.transaction() as tx:
        await tokens.end_others(
            tx, user_id=ann.id, token_id=new.token.token.id, session_id=new.opened.id
        )

    # Then, and when no token is good any more.
    for at in (now, now + timedelta(days=91)):
        await told(db, ann, now=at)
        await deliver(db, fcm, now=at)

    assert server.devices == ["new-phone"]
    assert [channel for channel, *_ in await outbox(db)] == ["sms"]


async def test_a_phone_that_is_passed_on_shows_nothing_of_whose_it_was(
    db: Database, keyring: Keyring, server: FcmServer, fcm: FcmGateway, now: datetime
) -> None:
    phone = new_device(gcm_device_token="the-phone")
    ann, ben = [await person(db, keyring, now, "") for _ in range(2)]
    for user in (ann, ben):
        await log_in(db, user, now=now, device=phone)
    carl = await person(db, keyring, now, "")
    logged_in = await log_in(db, carl, now=now)

    await told(db, ann, ben, now=now)
    assert [row[:2] for row in await outbox(db)] == [("sms", ann.phone), ("push", str(ben.id))]
    async with db.transaction() as tx:
        change = devices.DeviceChange(gcm_device_token="the-phone")
        device_id = logged_in.session.device
        await devices.update(tx, user_id=carl.id, device_id=device_id, change=change, now=now)

    await deliver(db, fcm, now=now)

    assert server.devices == []
    assert (await kept(db, ben), await kept(db, carl)) == ([], ["the-phone"])


async def test_of_many_devices_those_seen_last(
    db: Database, keyring: Keyring, server: FcmServer, fcm: FcmGateway, now: datetime
) -> None:
    ann = await person(db, keyring, now, *(f"phone-{number:02}" for number in range(12)))

    await told(db, ann, now=now + timedelta(minutes=1))
    await deliver(db, fcm, now=now + timedelta(minutes=1))

    assert server.devices == [f"phone-{number:02}" for number in range(12 - MOST_PUSHED_TO, 12)]


async def test_a_sandbox_keeps_pushes(db: Database, keyring: Keyring, now: datetime) -> None:
    ann = await person(db, keyring, now, "ann")
    await told(db, ann, now=now)

    [kept] = await sandbox_messages(db, recipient=str(ann.id), now=now)

    assert (kept.channel, kept.recipient) == ("push", str(ann.id))
    assert kept.body == "Jon paid you €6.00: Pizza"
    assert UUID(kept.data["object_id"]) == PIZZA
