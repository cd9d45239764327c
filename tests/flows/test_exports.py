"""Participants of a pool, from the request to the file that somebody opens."""

import asyncio
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from email.message import EmailMessage
from io import BytesIO, StringIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from openpyxl import load_workbook

from tests.gateways.messages.post import mail_server
from tests.money import EUR, Person, Scene, rows
from tests.shares import into, make_pool, pay_shares, paying
from whipround.db.database import Database
from whipround.domain.pools import exports
from whipround.domain.pools.errors import PoolNotFound
from whipround.domain.pools.exports import Format
from whipround.domain.pools.options import NewOption
from whipround.domain.throttles import EXPORTS_PER_USER
from whipround.errors import Throttled
from whipround.flows.deliveries import LAST_ATTEMPT, SandboxLane, sandbox_messages
from whipround.flows.exports import LEASE, ExportLane
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
DAY = timedelta(days=1)

HEADINGS = [
    *("Name", "Username", "Status", "Amount", "Currency", "Option", "Transaction"),
    *("Created at (UTC)", "Updated at (UTC)"),
]


@dataclass
class Post:
    """A gateway that keeps what it gets, or says what it is told to."""

    got: list[Outgoing]
    says: Outcome = None

    async def send(self, messages: Sequence[Outgoing]) -> Sequence[Outcome]:
        self.got += messages
        return [self.says for _ in messages]


async def ask(
    scene: Scene, owner: Person, pool_id: UUID, *, format_: Format = "csv", **given: Any
) -> None:
    """The owner asks for the participants of a pool."""
    said: dict[str, Any] = {"email": JANE, "locale": "en", "keyring": scene.keyring}
    async with scene.db.transaction() as tx:
        await exports.ask(
            tx,
            owner_id=owner.id,
            pool_id=pool_id,
            format_=format_,
            **{**said, "now": scene.now, **given},
        )


@pytest.fixture
async def full(scene: Scene, ann: Person) -> UUID:
    """A pool of Ann's that four people have to do with, whose names are not harmless."""
    names = ['=HYPERLINK("http://evil.example")', "+1", 'Zoë, "Z"', "@sum(1)"]
    people = [await scene.person(EUR("20.00"), first_name=name) for name in names]
    option = NewOption("-Ticket", Decimal("7.50"))
    invites = [it.id for it in people[1:]]
    pool_id = await make_pool(scene, ann, options=[option], invites=invites)
    [[option_id]] = await rows(scene.db, "select id from contribution_option")
    shares = [into(pool_id, "6.00"), into(pool_id, None, option_id), into(pool_id, "1.25")]
    orders = [paying(scene, who, it) for who, it in zip(people, shares, strict=False)]
    assert [it.error for it in await pay_shares(scene, *orders)] == [None] * 3
    return pool_id


async def expected(scene: Scene) -> list[list[Any]]:
    """The rows of the file, by what the database has."""
    found = await rows(
        scene.db,
        """
        select full_name, username, pool_participant.status, amount, option_id, transaction_id,
            pool_participant.created_at, pool_participant.updated_at
        from pool_participant join users on users.id = user_id
        order by pool_participant.created_at, pool_participant.id
        """,
    )
    return [
        [name, username, status, amount, "EUR", "-Ticket" if option else "", transaction, *times]
        for name, username, status, amount, option, transaction, *times in found
    ]


def attached(mail: EmailMessage) -> tuple[str | None, str, bytes]:
    """The name, type and content of what a mail has with it."""
    [part] = mail.iter_attachments()
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return part.get_filename(), part.get_content_type(), content


async def mailed(db: Database, *, now: datetime) -> EmailMessage:
    """What a real mail server gets of one export."""
    async with mail_server() as server:
        url = f"smtp://127.0.0.1:{server.port}"
        lane = ExportLane(SmtpGateway(url=url, mail_from="pay@example.org"))
        assert await lane.deliver_some(db, now=now)
        assert not await lane.deliver_some(db, now=now + DAY)
    [mail] = server.mails
    assert server.recipients == [JANE]
    return mail


async def test_a_csv_file_arrives_by_mail(scene: Scene, ann: Person, full: UUID) -> None:
    await ask(scene, ann, full)

    mail = await mailed(scene.db, now=scene.now)

    name, type_, content = attached(mail)
    assert (name, type_) == ("participants.csv", "text/csv")
    heading, *lines = csv.reader(StringIO(content.decode("utf-8"), newline=""))
    wanted = await expected(scene)
    assert heading == HEADINGS
    assert [line[0] for line in lines] == [_defused(row[0]) for row in wanted]
    assert [line[5] for line in lines] == [_defused(row[5]) for row in wanted]
    assert not any(cell[:1] in tuple("=+-@") for line in lines for cell in line)
    for line, row in zip(lines, wanted, strict=True):
        assert line[1:3] == row[1:3]
        assert line[3] == ("" if row[3] is None else f"{row[3]:.2f}")
        assert line[6] == ("" if row[6] is None else str(row[6]))
        assert line[7:] == [f"{it:%Y-%m-%dT%H:%M:%SZ}" for it in row[7:]]
    body = mail.get_body()
    assert body is not None
    assert "Ann Dough" in body.get_content()
    # To somebody who may have nothing to do with it, no more than that.
    assert "Gift" not in mail["Subject"] + body.get_content()


def _defused(text: str) -> str:
    return f"'{text}" if text[:1] in {"=", "+", "-", "@"} else text


async def test_a_workbook_arrives_by_mail(scene: Scene, ann: Person, full: UUID) -> None:
    await ask(scene, ann, full, format_="excel")

    mail = await mailed(scene.db, now=scene.now)

    name, type_, content = attached(mail)
    assert name == "participants.xlsx"
    assert type_ == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    [sheet] = load_workbook(BytesIO(content)).worksheets
    heading, *lines = sheet.iter_rows()
    assert [cell.value for cell in heading] == HEADINGS
    wanted = await expected(scene)
    for line, row in zip(lines, wanted, strict=True):
        assert [cell.value or "" for cell in line[:3]] == row[:3]
        assert line[3].value == (None if row[3] is None else float(row[3]))
        assert (line[5].value or "") == row[5]
        assert line[6].value == (None if row[6] is None else str(row[6]))
        assert [cell.value for cell in line[7:]] == [it.replace(tzinfo=None) for it in row[7:]]
        assert "f" not in {cell.data_type for cell in line}
        assert line[3].data_type == "n"


async def test_a_pool_is_read_to_its_end(
    scene: Scene, ann: Person, full: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "READ_AT_ONCE", 2)

    parts = [list(part) async for part in exports.rows(scene.db, pool_id=full)]

    found = [[row.full_name, row.transaction_id] for part in parts for row in part]
    assert [len(part) for part in parts] == [2, 2]
    assert found == [[row[0], row[6]] for row in await expected(scene)]


async def test_whose_money_never_came_is_not_in_it(scene: Scene, ann: Person, full: UUID) -> None:
    async with scene.db.transaction() as tx:
        await tx.execute(
            "update pool_participant set status = 'cancelled' where status = 'invited'"
        )
        await tx.execute("update pool set invited_count = 0")

    parts = [list(part) async for part in exports.rows(scene.db, pool_id=full)]

    assert [row.status for part in parts for row in part] == ["paid"] * 3


async def test_a_sandbox_keeps_the_mail_with_a_note(scene: Scene, ann: Person, full: UUID) -> None:
    await ask(scene, ann, full)

    assert await ExportLane(None).deliver_some(scene.db, now=scene.now)
    await SandboxLane().deliver_some(scene.db, now=scene.now)

    [kept] = await sandbox_messages(scene.db, recipient=JANE, now=scene.now)
    assert "Ann Dough" in kept.body
    note = kept.data["attachment"]
    assert (note["name"], note["content_type"]) == ("participants.csv", "text/csv")
    assert note["size_bytes"] > 100
    assert not await ExportLane(None).deliver_some(scene.db, now=scene.now + DAY)


async def test_what_is_not_taken_is_tried_again_until_it_is_given_up(
    scene: Scene, ann: Person, full: UUID
) -> None:
    post, now = Post([], DeliveryFailed("busy")), scene.now
    await ask(scene, ann, full)
    attempts = 0
    while await ExportLane(post).deliver_some(scene.db, now=now):
        attempts += 1
        assert not await ExportLane(post).deliver_some(scene.db, now=now + timedelta(seconds=5))
        now += 2 * DAY

    assert (attempts, len(post.got)) == (LAST_ATTEMPT, LAST_ATTEMPT)
    assert {message.id for message in post.got} == {post.got[0].id}
    assert await states(scene) == [(LAST_ATTEMPT, False, True, "busy")]

    # What nobody takes is given up at once; a channel that is not set up is waited for.
    await ask(scene, ann, full)
    await ExportLane(Post([], DeliveryRefused("too large"))).deliver_some(scene.db, now=now)
    await ask(scene, ann, full)
    await ExportLane(Unconfigured("no mail")).deliver_some(scene.db, now=now)
    assert (await states(scene))[1:] == [
        (1, False, True, "too large"),
        (0, False, False, "no mail"),
    ]
    async with scene.db.transaction() as tx:
        assert await exports.prune(tx, now=now + 90 * DAY, limit=10) == 3


async def states(scene: Scene) -> list[tuple[Any, ...]]:
    return await rows(
        scene.db,
        "select attempts, sent_at is not null, failed_at is not null, last_error"
        " from pool_export order by id",
    )


async def test_a_crash_only_delays_it(scene: Scene, ann: Person, full: UUID) -> None:
    await ask(scene, ann, full)
    reached = asyncio.Event()

    class Crash:
        async def send(self, messages: Sequence[Outgoing]) -> Sequence[Outcome]:
            reached.set()
            await asyncio.sleep(60)
            raise AssertionError

    gateway: Gateway = Crash()
    dying = asyncio.create_task(ExportLane(gateway).deliver_some(scene.db, now=scene.now))
    await reached.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)

    post = Post([])
    assert not await ExportLane(post).deliver_some(scene.db, now=scene.now + LEASE / 2)
    both = [ExportLane(post).deliver_some(scene.db, now=scene.now + LEASE) for _ in range(2)]
    assert sorted(await asyncio.gather(*both)) == [False, True]
    assert len(post.got) == 1
    assert await states(scene) == [(2, True, False, "")]


async def test_what_has_crashed_too_often_is_given_up(
    scene: Scene, ann: Person, full: UUID
) -> None:
    await ask(scene, ann, full)
    async with scene.db.transaction() as tx:
        await tx.execute("update pool_export set attempts = %s", (LAST_ATTEMPT,))
    post = Post([])

    assert await ExportLane(post).deliver_some(scene.db, now=scene.now)

    assert post.got == []
    [(_, is_sent, has_failed, _)] = await states(scene)
    assert (is_sent, has_failed) == (False, True)


async def test_of_two_that_make_it_the_one_who_sent_it_counts(
    scene: Scene, ann: Person, full: UUID
) -> None:
    await ask(scene, ann, full)

    class Slow:
        """Takes so long that another has sent it meanwhile."""

        async def send(self, messages: Sequence[Outgoing]) -> Sequence[Outcome]:
            await ExportLane(Post([])).deliver_some(scene.db, now=scene.now + LEASE)
            return [DeliveryFailed("busy") for _ in messages]

    await ExportLane(Slow()).deliver_some(scene.db, now=scene.now)

    assert await states(scene) == [(2, True, False, "")]


async def test_only_the_owner_asks_and_not_all_the_time(
    scene: Scene, ann: Person, ben: Person, full: UUID
) -> None:
    for owner, pool_id in ((ben, full), (ann, uuid4())):
        with pytest.raises(PoolNotFound):
            await ask(scene, owner, pool_id)
    for _ in range(EXPORTS_PER_USER.count):
        await ask(scene, ann, full)
    with pytest.raises(Throttled):
        await ask(scene, ann, full)
