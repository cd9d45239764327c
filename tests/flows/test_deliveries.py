import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.gateways.messages.post import mail_server
from whipround.db.database import Database, open_database
from whipround.db.outbox import Channel, Message, put
from whipround.domain.products import Product
from whipround.flows import deliveries
from whipround.flows.deliveries import (
    LAST_ATTEMPT,
    LEASE,
    LiveLane,
    SandboxLane,
    prune,
    sandbox_messages,
)
from whipround.gateways.messages import sandbox
from whipround.gateways.messages.protocol import (
    DeliveryFailed,
    DeliveryRefused,
    Gateway,
    Outcome,
    Outgoing,
    Unconfigured,
)
from whipround.gateways.messages.smtp import SmtpGateway

pytestmark = pytest.mark.anyio

JANE = "jane@example.com"
LONG = timedelta(days=400)


@dataclass
class Post:
    """An outside party that keeps what it gets, and says of a recipient what it is told to."""

    got: list[Outgoing] = field(default_factory=list)
    says: dict[str, Outcome] = field(default_factory=dict)

    async def send(self, messages: Sequence[Outgoing]) -> Sequence[Outcome]:
        await asyncio.sleep(0)
        self.got += [message for message in messages if message.recipient not in self.says]
        return [self.says.get(message.recipient) for message in messages]

    @property
    def recipients(self) -> list[str]:
        return sorted(message.recipient for message in self.got)


class Crash:
    """An outside party during which the process ends, before or after it has taken a message."""

    def __init__(self, post: Post | None = None) -> None:
        self.reached = asyncio.Event()
        self._post = post

    async def send(self, messages: Sequence[Outgoing]) -> Sequence[Outcome]:
        if self._post is not None:
            await self._post.send(messages)
        self.reached.set()
        await asyncio.sleep(60)
        raise AssertionError


def make_message(recipient: str = JANE, **given: Any) -> Message:
    message: dict[str, Any] = {
        "channel": "email",
        "recipient": recipient,
        "kind": "payment_received",
        "locale": "en",
        "data": {"amount": "6.00", "currency": "EUR", "payer": "Jon", "description": "Pizza"},
    }
    return Message(**{**message, **given})


def make_code(recipient: str = JANE, **given: Any) -> Message:
    return make_message(recipient, kind="login_code", data={"code": "123456"}, **given)


async def write(db: Database, *messages: Message, now: datetime) -> None:
    async with db.transaction() as tx:
        await put(tx, messages, now=now)


def lane_of(gateway: Gateway, *, channel: Channel = "email", codes: bool = False) -> LiveLane:
    return LiveLane("test", gateway, channel, codes)


async def deliver(db: Database, gateway: Gateway, *, now: datetime) -> None:
    """Deliver all that is due."""
    while await lane_of(gateway).deliver_some(db, now=now):
        pass


@dataclass(frozen=True)
class Row:
    recipient: str
    attempts: int
    due_at: datetime
    last_error: str | None
    failed_at: datetime | None


async def outbox(db: Database) -> list[Row]:
    async with db.transaction() as tx:
        cursor = await tx.execute(
            "select recipient, attempts, due_at, last_error, failed_at from outbox order by id"
        )
        return [Row(*row) for row in await cursor.fetchall()]


async def test_a_delivered_message_leaves_the_outbox(db: Database, now: datetime) -> None:
    post = Post()
    await write(db, make_message(), now=now)

    await deliver(db, post, now=now)

    [sent] = post.got
    assert (sent.channel, sent.recipient, sent.product) == ("email", JANE, db.schema)
    assert sent.subject == "Jon paid you €6.00"
    assert sent.created_at == now
    assert await outbox(db) == []


async def test_a_lane_takes_only_its_channel(db: Database, now: datetime) -> None:
    post = Post()
    await write(db, make_message(), make_message("+447700900042", channel="sms"), now=now)

    await deliver(db, post, now=now)

    assert post.recipients == [JANE]
    assert [row.recipient for row in await outbox(db)] == ["+447700900042"]


async def test_a_failure_is_tried_again_when_due(db: Database, now: datetime) -> None:
    post = Post(says={JANE: DeliveryFailed("451 greylisted")})
    await write(db, make_message(), now=now)

    await deliver(db, post, now=now)

    [row] = await outbox(db)
    assert (row.attempts, row.last_error, row.failed_at) == (1, "451 greylisted", None)
    assert now + timedelta(seconds=8) <= row.due_at <= now + timedelta(seconds=12)
    post.says.clear()
    await deliver(db, post, now=row.due_at - timedelta(microseconds=1))
    assert post.got == []
    await deliver(db, post, now=row.due_at)
    assert post.recipients == [JANE]
    assert await outbox(db) == []


async def test_attempts_spread_over_a_day_and_then_end(db: Database, now: datetime) -> None:
    post = Post(says={JANE: DeliveryFailed("still down")})
    await write(db, make_message(), now=now)
    pauses = []
    at = now

    for _ in range(LAST_ATTEMPT):
        await deliver(db, post, now=at)
        [row] = await outbox(db)
        pauses.append(row.due_at - at)
        at = row.due_at

    assert pauses == sorted(pauses)
    assert timedelta(hours=20) < sum(pauses[:-1], timedelta()) < timedelta(hours=34)
    assert row.attempts == LAST_ATTEMPT
    assert row.failed_at == now + sum(pauses[:-1], timedelta())
    post.says.clear()
    await deliver(db, post, now=at + LONG)
    assert post.got == []


async def test_a_refusal_is_final_and_disturbs_no_other(db: Database, now: datetime) -> None:
    post = Post(says={"nobody@example.com": DeliveryRefused("550 No such user")})
    await write(db, make_message("nobody@example.com"), make_message(), now=now)

    await deliver(db, post, now=now)

    assert post.recipients == [JANE]
    [row] = await outbox(db)
    assert (row.attempts, row.last_error, row.failed_at) == (1, "550 No such user", now)


async def test_a_message_nobody_can_read_disturbs_no_other(db: Database, now: datetime) -> None:
    post = Post()
    poison = [make_message(kind="from_the_future"), make_message(data={"payer": "Jon"})]
    await write(db, *poison, make_message("other@example.com"), now=now)

    await deliver(db, post, now=now)

    assert post.recipients == ["other@example.com"]
    rows = await outbox(db)
    assert [(row.attempts, row.failed_at) for row in rows] == [(1, None)] * 2
    assert "from_the_future" in str(rows[0].last_error)


async def test_an_error_says_no_more_than_an_operator_needs(db: Database, now: datetime) -> None:
    post = Post(says={JANE: DeliveryFailed("x" * 10_000)})
    await write(db, make_message(), now=now)

    await deliver(db, post, now=now)

    [row] = await outbox(db)
    assert row.last_error is not None
    assert len(row.last_error) == 500


async def test_a_code_that_ran_out_is_not_sent(db: Database, now: datetime) -> None:
    post = Post()
    await write(db, make_code("late@example.com"), make_message("late@example.com"), now=now)
    await write(db, make_code("just@example.com"), now=now + timedelta(seconds=1))

    await deliver(db, post, now=now + timedelta(minutes=10))

    assert [(sent.recipient, sent.subject) for sent in post.got] == [
        ("late@example.com", "Jon paid you €6.00"),
        ("just@example.com", "Your login code"),
    ]
    [row] = await outbox(db)
    assert row.failed_at == now + timedelta(minutes=10)
    assert "123456" not in str(row.last_error)


async def test_a_token_goes_out_while_it_is_good_and_is_kept_by_nobody(
    db: Database, now: datetime
) -> None:
    post, later = Post(), now + timedelta(hours=2)
    token = {"token": "wml_secret", "url": "https://pay.test/wml_secret", "name": "Jane"}
    for kind in ("password_reset", "email_confirmation"):
        await write(db, make_message(kind=kind, data=token), now=now)

    more = await lane_of(post, codes=True).deliver_some(db, now=later)

    assert not more
    assert [sent.subject for sent in post.got] == ["Confirm your email address"]
    assert "https://pay.test/wml_secret\n" in post.got[0].body
    async with db.transaction() as tx:
        kept = await (await tx.execute("select kind, failed_at, data from outbox")).fetchall()
    assert kept == [("password_reset", later, {"name": "Jane"})]


async def test_codes_do_not_wait_behind_a_crowd(db: Database, now: datetime) -> None:
    post = Post()
    await write(db, *[make_message(f"p{number}@example.com") for number in range(200)], now=now)
    await write(db, make_code(), now=now + timedelta(seconds=1))

    more = await lane_of(post, codes=True).deliver_some(db, now=now + timedelta(seconds=1))

    assert not more
    assert post.recipients == [JANE]


@pytest.mark.parametrize("taken", [False, True])
async def test_a_crash_delays_a_message_and_loses_none(
    db: Database, now: datetime, *, taken: bool
) -> None:
    post = Post()
    crash = Crash(post if taken else None)
    await write(db, make_message(), now=now)

    running = asyncio.create_task(lane_of(crash).deliver_some(db, now=now))
    await crash.reached.wait()
    running.cancel()
    await asyncio.wait([running])
    await deliver(db, post, now=now + LEASE - timedelta(microseconds=1))
    before = len(post.got)
    await deliver(db, post, now=now + LEASE)

    assert before == int(taken)
    assert len(post.got) == before + 1
    assert len({sent.id for sent in post.got}) == 1, "a repeat can be recognised"
    assert await outbox(db) == []


async def test_a_message_that_kills_the_worker_is_given_up(db: Database, now: datetime) -> None:
    at = now
    await write(db, make_message(), now=now)
    for _ in range(LAST_ATTEMPT):
        crash = Crash()
        running = asyncio.create_task(lane_of(crash).deliver_some(db, now=at))
        await crash.reached.wait()
        running.cancel()
        await asyncio.wait([running])
        at += LEASE

    post = Post()
    await deliver(db, post, now=at)

    assert post.got == []
    [row] = await outbox(db)
    assert row.failed_at == at


async def test_workers_at_once_deliver_each_message_once(
    db: Database, product: Product, postgres_url: str, now: datetime
) -> None:
    post = Post()
    recipients = sorted(f"p{number}@example.com" for number in range(300))
    await write(db, *[make_message(recipient) for recipient in recipients], now=now)

    async with open_database(postgres_url, connections=4) as elsewhere:
        other = elsewhere.of(product.schema_name)
        await asyncio.gather(*(deliver(each, post, now=now) for each in (db, other) * 3))

    assert post.recipients == recipients
    assert await outbox(db) == []


async def test_a_worker_that_overslept_does_not_undo_what_another_did(
    db: Database, now: datetime
) -> None:
    class Slow(Post):
        async def send(self, messages: Sequence[Outgoing]) -> Sequence[Outcome]:
            # Meanwhile the lease runs out, and another worker fails for good.
            await deliver(db, Post(says={JANE: DeliveryRefused("550")}), now=now + LEASE)
            return [DeliveryFailed("timed out") for _ in messages]

    await write(db, make_message(), now=now)

    await deliver(db, Slow(), now=now)

    [row] = await outbox(db)
    assert (row.attempts, row.last_error, row.failed_at) == (2, "550", now + LEASE)


async def test_messages_wait_for_a_channel_to_be_set_up(db: Database, now: datetime) -> None:
    missing = Unconfigured("mail cannot be sent: WHIPROUND_SMTP_URL is not set")
    await write(db, make_message(), now=now)
    at = now
    for _ in range(30):
        await deliver(db, missing, now=at)
        [row] = await outbox(db)
        assert (row.attempts, row.failed_at) == (0, None)
        assert timedelta(seconds=40) < row.due_at - at < timedelta(hours=8)
        at = row.due_at

    post = Post()
    await deliver(db, post, now=at)

    assert row.last_error == "mail cannot be sent: WHIPROUND_SMTP_URL is not set"
    assert post.recipients == [JANE]


async def test_over_a_real_mail_server(db: Database, now: datetime) -> None:
    recipients = [JANE, "greylisted@example.com", "nobody@example.com"]
    await write(db, *map(make_message, recipients), now=now)
    async with mail_server() as server:
        server.says["greylisted@example.com"] = ["451 come again"]
        server.says["nobody@example.com"] = ["550 No such user here"]
        gateway = SmtpGateway(url=f"smtp://127.0.0.1:{server.port}", mail_from="pay@example.org")

        await deliver(db, gateway, now=now)
        first = server.recipients.copy()
        await deliver(db, gateway, now=now + LONG)

    assert first == [JANE]
    assert server.recipients == [JANE, "greylisted@example.com"]
    [row] = await outbox(db)
    assert (row.recipient, row.last_error) == ("nobody@example.com", "550 No such user here")


async def test_failed_messages_are_kept_for_a_month(db: Database, now: datetime) -> None:
    await write(db, *[make_message() for _ in range(3)], now=now)
    await deliver(db, Post(says={JANE: DeliveryRefused("550")}), now=now)
    await write(db, make_message(), now=now)

    async with db.transaction() as tx:
        early = await prune(tx, now=now + timedelta(days=30), limit=10)
        some = await prune(tx, now=now + timedelta(days=31), limit=2)
        rest = await prune(tx, now=now + timedelta(days=31), limit=2)

    assert (early, some, rest) == (0, 2, 1)
    assert len(await outbox(db)) == 1


async def test_a_sandbox_shows_what_was_sent(db: Database, now: datetime) -> None:
    later = now + timedelta(seconds=1)
    await write(db, make_code(), make_message("other@example.com"), now=now)
    await write(db, make_message(), now=later)

    messages = await sandbox_messages(db, recipient=JANE, now=later)

    assert [message.subject for message in messages] == ["Jon paid you €6.00", "Your login code"]
    code = messages[1]
    assert (code.channel, code.recipient, code.data) == ("email", JANE, {"code": "123456"})
    assert "123456" in code.body
    assert code.created_at == now
    assert messages[0].id > code.id
    assert [row.recipient for row in await outbox(db)] == ["other@example.com"]
    assert await sandbox_messages(db, recipient=JANE, now=later) == messages


async def test_a_sandbox_shows_all_newest_first_up_to_a_limit(db: Database, now: datetime) -> None:
    recipients = [f"p{number}@example.com" for number in range(5)]
    await write(db, *map(make_message, recipients), now=now)
    await SandboxLane().deliver_some(db, now=now)

    messages = await sandbox_messages(db, limit=3, now=now)

    assert [message.recipient for message in messages] == recipients[:1:-1]
    assert await sandbox_messages(db, recipient="nobody@example.com", now=now) == []


async def test_reading_waits_for_a_delivery_under_way(db: Database, now: datetime) -> None:
    await write(db, make_code(), now=now)

    async with db.transaction() as tx:
        # A job has moved the message, and has not committed yet.
        assert await sandbox.keep(tx, recipient=None, limit=10) == 1
        reading = asyncio.create_task(sandbox_messages(db, recipient=JANE, now=now))
        await asyncio.sleep(0.2)
        assert not reading.done()

    assert [message.subject for message in await reading] == ["Your login code"]


async def test_reading_does_not_wait_for_ever(
    db: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "_READ_PATIENCE_SECONDS", 0.1)
    await write(db, make_code(), now=now)

    async with db.transaction() as tx:
        await sandbox.keep(tx, recipient=None, limit=10)
        messages = await sandbox_messages(db, recipient=JANE, now=now)

    assert messages == []


async def test_a_sandbox_shows_what_it_cannot_read(db: Database, now: datetime) -> None:
    await write(db, make_message(kind="from_the_future"), now=now)

    [message] = await sandbox_messages(db, recipient=JANE, now=now)

    assert "from_the_future" in message.body
    assert message.data["payer"] == "Jon"


async def test_a_sandbox_keeps_a_crowd_in_a_few_statements(db: Database, now: datetime) -> None:
    await write(db, *[make_message(f"p{number}@example.com") for number in range(2500)], now=now)
    lane = SandboxLane()

    rounds = 1
    while await lane.deliver_some(db, now=now):
        rounds += 1

    assert rounds == 3
    assert await outbox(db) == []
    assert len(await sandbox_messages(db, limit=5000, now=now)) == 2500


async def test_sandbox_messages_are_kept_for_a_week(db: Database, now: datetime) -> None:
    await write(db, make_message(), now=now)
    await write(db, make_message(), now=now + timedelta(days=1))
    await SandboxLane().deliver_some(db, now=now)

    async with db.transaction() as tx:
        gone = await sandbox.prune(tx, now=now + timedelta(days=7, seconds=1), limit=10)

    assert gone == 1
    assert len(await sandbox_messages(db, recipient=JANE, now=now)) == 1
