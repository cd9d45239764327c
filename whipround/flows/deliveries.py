"""Messages leave the outbox: claim and commit, hand over, record and commit.

A claim moves the row's due time ahead and counts the attempt. A crash between any two steps
therefore only delays a message, and may repeat it; it never loses one.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any, NamedTuple, Protocol

from psycopg import sql
from psycopg.rows import class_row

from whipround.db.database import Database, Tx
from whipround.db.outbox import Channel
from whipround.domain import mailed_tokens
from whipround.domain.notifications import KINDS
from whipround.gateways.messages import sandbox
from whipround.gateways.messages.protocol import (
    ChannelNotConfigured,
    DeliveryError,
    DeliveryFailed,
    DeliveryRefused,
    Gateway,
    Outcome,
    Outgoing,
    Rerouted,
    Unconfigured,
    stable_id,
)
from whipround.gateways.messages.sandbox import SandboxMessage
from whipround.gateways.messages.templates import TextError, render

logger = logging.getLogger(__name__)

GOOD_FOR = {
    "verification_code": timedelta(minutes=10),
    "login_code": timedelta(minutes=10),
    "email_confirmation": mailed_tokens.LIFE["confirmation"],
    "password_reset": mailed_tokens.LIFE["password_reset"],
    "login_link": mailed_tokens.LIFE["login_link"],
    "email_id": mailed_tokens.LIFE["email_id"],
}
"""The kinds of messages with a code or a token in them: somebody waits for each, and what has not
gone out by then is of no use to anybody."""

LAST_ATTEMPT = 10
FIRST_PAUSE = timedelta(seconds=10)
PAUSE_GROWTH = 3
"""Nine pauses, from ten seconds to 18 hours, make 27 hours."""

NOT_CONFIGURED_PAUSE = (timedelta(minutes=1), timedelta(hours=6))
"""How soon a message asks again for a channel that nobody has set up: with age, within these."""

LEASE = timedelta(minutes=5)
"""How long a claimed message is left alone: no batch takes longer to hand over."""

FAILED_KEPT_FOR = timedelta(days=30)

_BATCH = 32
_SANDBOX_BATCH = 1000
_ERROR_LENGTH = 500
_READ_PATIENCE_SECONDS = 2.0
_READ_PAUSE_SECONDS = 0.02


class Lane(Protocol):
    """Messages that queue behind each other. Lanes do not wait for each other."""

    @property
    def name(self) -> str:
        """What an operator calls it: "sms codes"."""
        ...

    @property
    def gather_seconds(self) -> float:
        """How long it rests after its work, so that what comes meanwhile goes together."""
        ...

    async def deliver_some(self, db: Database, *, now: datetime) -> bool:
        """Deliver some of what is due in the outbox of one product; whether there may be more."""
        ...


@dataclass(frozen=True)
class LiveLane:
    """The messages of one channel. A lane of `codes` takes nothing else.

    So a code never waits behind a crowd of receipts, nor for another channel's slow gateway.
    """

    name: str
    gateway: Gateway
    channel: Channel
    codes: bool

    @property
    def gather_seconds(self) -> float:
        """Somebody waits for a code; everything else has a moment."""
        return 0.05 if self.codes else 0.25

    async def deliver_some(self, db: Database, *, now: datetime) -> bool:
        """Hand over a batch; whether it was a full one. Every outcome is recorded in the rows."""
        claimed = await _claim(db, self, now=now)
        if not claimed:
            return False
        outcomes: dict[int, Outcome] = {}
        outgoing: dict[int, Outgoing] = {}
        for row in claimed:
            try:
                outgoing[row.id] = _compose(row, product=db.schema, now=now)
            except DeliveryError as unsendable:
                outcomes[row.id] = unsendable
        sent = await self.gateway.send(list(outgoing.values()))
        outcomes.update(zip(outgoing, sent, strict=True))
        await self._record(db, claimed, outcomes, now=now)
        return len(claimed) >= _BATCH

    async def _record(
        self,
        db: Database,
        claimed: Sequence["_Claimed"],
        outcomes: Mapping[int, Outcome],
        *,
        now: datetime,
    ) -> None:
        rerouted, verdicts = [], []
        for row in claimed:
            error = outcomes[row.id]
            if isinstance(error, Rerouted):
                rerouted.append((row, error))
            elif error is not None:
                verdicts.append(_judge(row, error, now=now))
        delivered = [id_ for id_, error in outcomes.items() if error is None]
        await _record(db, delivered, rerouted, verdicts, now=now)
        self._report(db.schema, len(claimed), verdicts)

    def _report(self, product: str, count: int, verdicts: Sequence["_Verdict"]) -> None:
        """One line for a batch in which something went wrong; never what a message says."""
        if not verdicts or isinstance(self.gateway, Unconfigured):
            return
        logger.warning(
            "%s, %s: %d of %d messages could not be delivered, %d of them for good; number %d: %s",
            product,
            self.name,
            len(verdicts),
            count,
            sum(verdict.failed_at is not None for verdict in verdicts),
            verdicts[0].id,
            verdicts[0].error,
        )


class SandboxLane:
    """All messages of a sandbox: they are kept to be read.

    Whoever reads them has them kept first, so that there is no hurry.
    """

    name = "sandbox"
    gather_seconds = 0.5

    async def deliver_some(self, db: Database, *, now: datetime) -> bool:  # noqa: ARG002
        """Keep a batch; whether it was a full one."""
        return await _keep(db, recipient=None) >= _SANDBOX_BATCH


def live_lanes(gateways: Mapping[Channel, Gateway]) -> Sequence[Lane]:
    """Two lanes for each channel, one of them for codes alone."""
    return [
        LiveLane(f"{channel} {what}", gateway, channel, codes)
        for channel, gateway in gateways.items()
        for what, codes in (("codes", True), ("messages", False))
    ]


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A row of the outbox that is ours to deliver until its lease ends."""

    id: int
    channel: Channel
    recipient: str
    kind: str
    locale: str
    data: dict[str, Any]
    attempts: int
    created_at: datetime


class Retry(NamedTuple):
    """What becomes of a message that was not handed over.

    `attempts` are those that count; it is tried again at `due_at`, unless it failed for good.
    """

    attempts: int
    due_at: datetime
    failed_at: datetime | None
    error: str


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What is written of a message that was not handed over."""

    id: int
    claimed_attempts: int
    attempts: int
    due_at: datetime
    failed_at: datetime | None
    error: str


# Neither a claim nor a record has to survive a crash of the database: without them a message is
# sent later, or again. So neither waits for the disk, and the money path does not wait for them.
_NOT_DURABLE = "select set_config('synchronous_commit', 'off', true)"

# By id = any(array(…)), so that no stale statistics of a table that is mostly empty mislead the
# planner.
_CLAIM = sql.SQL("""
    update outbox
    set attempts = attempts + 1, due_at = %(leased_until)s
    where id = any(array(
        select id
        from outbox
        where channel = %(channel)s and failed_at is null and due_at <= %(now)s {only}
        order by due_at
        limit %(limit)s
        for update skip locked
    ))
    returning id, channel, recipient, kind, locale, data, attempts, created_at
""")

_CLAIM_ANY = _CLAIM.format(only=sql.SQL(""))

# As the index has it.
_CLAIM_CODES = _CLAIM.format(
    only=sql.SQL(
        "and kind in ('verification_code', 'login_code', 'email_confirmation', 'password_reset')"
    )
)

_DELIVERED = "delete from outbox where id = any(%(ids)s)"

# Of a row whose lease ran out, and which somebody else has claimed since, the other one decides.
# What is kept to be looked at opens nothing.
_NOT_DELIVERED = """
    update outbox
    set attempts = verdict.attempts, due_at = verdict.due_at, failed_at = verdict.failed_at,
        last_error = verdict.error,
        data = case
            when verdict.failed_at is not null and kind = any(%(secret)s)
            then data - '{code,token,url}'::text[]
            else data
        end
    from unnest(%(ids)s::bigint[], %(claimed)s::smallint[], %(attempts)s::smallint[],
            %(due)s::timestamptz[], %(failed)s::timestamptz[], %(errors)s::text[])
        as verdict (id, claimed, attempts, due_at, failed_at, error)
    where outbox.id = verdict.id and outbox.attempts = verdict.claimed
"""

# On the other channel it begins anew.
_REROUTE = """
    update outbox
    set channel = other.channel, recipient = other.recipient, attempts = 0, due_at = %(now)s
    from unnest(%(ids)s::bigint[], %(claimed)s::smallint[], %(channels)s::text[],
            %(recipients)s::text[])
        as other (id, claimed, channel, recipient)
    where outbox.id = other.id and outbox.attempts = other.claimed
"""

_WAITING = """
    select exists (
        select from outbox
        where created_at <= %(now)s
            and (%(recipient)s::text is null or recipient = %(recipient)s)
    )
"""

_PRUNE = """
    delete from outbox
    where id in (select id from outbox where failed_at < %(before)s limit %(limit)s)
"""


async def sandbox_messages(
    db: Database, *, recipient: str | None = None, limit: int = 100, now: datetime
) -> list[SandboxMessage]:
    """What was sent to `recipient` (an E.164 number or an email address), or to anybody.

    The newest first, at most `limit`. Whatever was committed before `now` is among it: what still
    waits is delivered first, and what a job is delivering at this moment is waited for, up to two
    seconds. For sandboxes only: it takes the messages out of the outbox.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _READ_PATIENCE_SECONDS
    while loop.time() < deadline:
        if await _keep(db, recipient=recipient):
            continue
        async with db.transaction() as tx:
            values = {"recipient": recipient, "now": now}
            waiting = await (await tx.execute(_WAITING, values)).fetchone()
        if waiting == (False,):
            break
        await asyncio.sleep(_READ_PAUSE_SECONDS)
    async with db.transaction() as tx:
        return await sandbox.read(tx, recipient=recipient, limit=limit)


async def prune(tx: Tx, *, now: datetime, limit: int) -> int:
    """Forget up to `limit` messages given up 30 days ago; how many there were."""
    before = now - FAILED_KEPT_FOR
    return (await tx.execute(_PRUNE, {"before": before, "limit": limit})).rowcount


async def _keep(db: Database, *, recipient: str | None) -> int:
    async with db.transaction() as tx:
        await tx.execute(_NOT_DURABLE)
        return await sandbox.keep(tx, recipient=recipient, limit=_SANDBOX_BATCH)


async def _claim(db: Database, lane: LiveLane, *, now: datetime) -> list[_Claimed]:
    async with db.pipeline() as tx, tx.cursor(row_factory=class_row(_Claimed)) as cursor:
        await tx.execute(_NOT_DURABLE)
        await cursor.execute(
            _CLAIM_CODES if lane.codes else _CLAIM_ANY,
            {"channel": lane.channel, "limit": _BATCH, "now": now, "leased_until": now + LEASE},
        )
        return await cursor.fetchall()


def _compose(row: _Claimed, *, product: str, now: datetime) -> Outgoing:
    """The message as it goes out; raises a DeliveryError for what is not to be sent (now)."""
    if row.kind in GOOD_FOR and now >= row.created_at + GOOD_FOR[row.kind]:
        raise DeliveryRefused("the code ran out before it could be sent")
    if row.attempts > LAST_ATTEMPT:
        raise DeliveryRefused("the last attempt ended without an outcome")
    try:
        text = render(kind=row.kind, channel=row.channel, locale=row.locale, data=row.data)
    except TextError as error:
        # A newer release may have put it there, whose worker will know the text.
        raise DeliveryFailed(str(error)) from error
    return Outgoing(
        id=stable_id(row.id, row.created_at),
        product=product,
        channel=row.channel,
        recipient=row.recipient,
        subject=text.subject,
        body=text.body,
        created_at=row.created_at,
        data=_push_data(row) if row.channel == "push" else {},
    )


def _push_data(row: _Claimed) -> dict[str, str]:
    """What tells the app on a device where to lead who taps the push, as a notification does."""
    if row.kind not in KINDS or "object_id" not in row.data:
        return {}
    type_, key = KINDS[row.kind]
    object_id = str(row.data["object_id"])
    return {"notification_type": type_, "notification_key": key, "object_id": object_id}


def _judge(row: _Claimed, error: DeliveryError, *, now: datetime) -> _Verdict:
    retry = retry_after(error, attempts=row.attempts, created_at=row.created_at, now=now)
    return _Verdict(row.id, row.attempts, *retry)


def retry_after(
    error: DeliveryError, *, attempts: int, created_at: datetime, now: datetime
) -> Retry:
    """When to try again, if ever, after the `attempts`-th attempt."""
    failed_at = None
    if isinstance(error, ChannelNotConfigured):
        # Not an attempt at all: it is not given up before somebody has set the channel up.
        attempts -= 1
        least, most = NOT_CONFIGURED_PAUSE
        pause = min(max(now - created_at, least), most)
    else:
        pause = FIRST_PAUSE * PAUSE_GROWTH ** (min(attempts, LAST_ATTEMPT) - 1)
        if isinstance(error, DeliveryRefused) or attempts >= LAST_ATTEMPT:
            failed_at = now
    due_at = now + pause * SystemRandom().uniform(0.8, 1.2)
    return Retry(attempts, due_at, failed_at, str(error)[:_ERROR_LENGTH])


async def _record(
    db: Database,
    delivered: list[int],
    rerouted: Sequence[tuple[_Claimed, Rerouted]],
    verdicts: Sequence[_Verdict],
    *,
    now: datetime,
) -> None:
    async with db.pipeline() as tx:
        await tx.execute(_NOT_DURABLE)
        if delivered:
            await tx.execute(_DELIVERED, {"ids": delivered})
        if rerouted:
            await tx.execute(
                _REROUTE,
                {
                    "ids": [row.id for row, _ in rerouted],
                    "claimed": [row.attempts for row, _ in rerouted],
                    "channels": [other.channel for _, other in rerouted],
                    "recipients": [other.recipient for _, other in rerouted],
                    "now": now,
                },
            )
        if verdicts:
            await tx.execute(
                _NOT_DELIVERED,
                {
                    "ids": [verdict.id for verdict in verdicts],
                    "claimed": [verdict.claimed_attempts for verdict in verdicts],
                    "attempts": [verdict.attempts for verdict in verdicts],
                    "due": [verdict.due_at for verdict in verdicts],
                    "failed": [verdict.failed_at for verdict in verdicts],
                    "errors": [verdict.error for verdict in verdicts],
                    "secret": list(GOOD_FOR),
                },
            )
