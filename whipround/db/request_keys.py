"""Exactly once: a request's key and its answer are kept in the transaction that carries it out.

A repeat of the request finds the key and gets the first answer again, status and body, however the
first attempt ended for the client. Keys are kept for 30 days.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from whipround.db.database import Database, Tx
from whipround.errors import Conflict, Declined, DomainError

Begun = TypeVar("Begun")

KEPT_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class RequestKey:
    """Which request this is, and what it said.

    `id` digests the dialect, credential, method, path and the client's key; `fingerprint` is a
    keyed digest of the request itself.
    """

    id: bytes
    fingerprint: bytes


class Answer(NamedTuple):
    """A rendered answer: HTTP status and body, as the client first got it."""

    status: int
    body: bytes


class KeyReused(Declined):
    """This Idempotency-Key or Correlation-ID was already used for a different request."""

    code = "correlation_id_reused"


class InProgress(Conflict):
    """The first request with this Correlation-ID is still being carried out."""

    code = "in_progress"


_TAKE = """
    insert into request_key (id, fingerprint, created_at)
    select id, fingerprint, %(now)s
    from unnest(%(ids)b::bytea[], %(fingerprints)b::bytea[]) as wanted (id, fingerprint)
    order by id
    on conflict do nothing
    returning id, number
"""

_FIND = """
    select request_key.id, fingerprint, status, body
    from request_key left join request_answer using (number)
    where request_key.id = any(%(ids)b)
"""

# Of two that answer a request once its outcome is known the first counts.
_KEEP = """
    insert into request_answer (number, status, body)
    select * from unnest(%(numbers)b::bigint[], %(statuses)b::smallint[], %(bodies)b::bytea[])
    on conflict (number) do nothing
"""

_KEPT = """
    select number, status, body from request_answer where number = any(%(numbers)b)
"""

_FORGET = """
    delete from request_key where id = any(%(ids)s)
"""

_PRUNE = """
    with old as (
        delete from request_key
        where id in (select id from request_key where created_at < %(before)s limit %(limit)s)
        returning number
    ), gone as (
        delete from request_answer where number in (select number from old)
    )
    select count(*) from old
"""


class Claims:
    """The keys of one batch: which are ours now, and what the others were answered before."""

    def __init__(
        self,
        taken: dict[bytes, int],
        found: dict[bytes, tuple[bytes, Answer | None]],
    ) -> None:
        self._taken = taken
        self._found = found

    def earlier(self, key: RequestKey) -> Answer | DomainError | None:
        """What a repeat is answered with; None for a request that is ours to carry out."""
        if key.id in self._taken:
            return None
        found = self._found.get(key.id)
        if found is None:  # forgotten just now, after 30 days: the next attempt can take it
            return InProgress()
        fingerprint, answer = found
        if fingerprint != key.fingerprint:
            return KeyReused()
        return answer or InProgress()

    def number(self, key: RequestKey) -> int:
        """Under which number the answer of a key that is ours is kept."""
        return self._taken[key.id]


class Taking:
    """Keys being taken: the statement is on its way, other statements may follow it."""

    def __init__(self, ids: Sequence[bytes], cursor: AsyncCursor[TupleRow]) -> None:
        self._ids = ids
        self._cursor = cursor

    async def taken(self, tx: Tx) -> Claims:
        """Which keys are ours, and what the others were answered."""
        taken: dict[bytes, int] = dict(await self._cursor.fetchall())
        missing = [id_ for id_ in self._ids if id_ not in taken]
        found: dict[bytes, tuple[bytes, Answer | None]] = {}
        if missing:
            rows = await (await tx.execute(_FIND, {"ids": missing})).fetchall()
            for id_, fingerprint, status, body in rows:
                found[id_] = (fingerprint, None if status is None else Answer(status, body))
        return Claims(taken, found)


async def earlier(tx: Tx, key: RequestKey) -> Answer | None:
    """What a repeat of a request is answered with, if an answer has been kept. Raises KeyReused.

    For what does no harm twice, and can only be kept once it is done.
    """
    rows = await (await tx.execute(_FIND, {"ids": [key.id]})).fetchall()
    for _, fingerprint, status, body in rows:
        if fingerprint != key.fingerprint:
            raise KeyReused
        if status is not None:
            return Answer(status, body)
    return None


async def take(tx: Tx, keys: Sequence[RequestKey], *, now: datetime) -> Taking:
    """Take the keys that nobody has taken; waits for others that are taking the same ones.

    Of equal keys in `keys` the first is the one that counts.
    """
    unique: dict[bytes, RequestKey] = {}
    for key in keys:
        unique.setdefault(key.id, key)
    cursor = await tx.execute(
        _TAKE,
        {
            "ids": list(unique),
            "fingerprints": [key.fingerprint for key in unique.values()],
            "now": now,
        },
    )
    return Taking(list(unique), cursor)


async def keep(tx: Tx, answers: Sequence[tuple[int, Answer]]) -> None:
    """Keep the answers under the numbers of their keys."""
    await tx.execute(
        _KEEP,
        {
            "numbers": [number for number, _ in answers],
            "statuses": [answer.status for _, answer in answers],
            "bodies": [answer.body for _, answer in answers],
        },
    )


async def keep_late(tx: Tx, answers: Sequence[tuple[int, Answer]]) -> dict[int, Answer]:
    """Keep answers of requests that may have been answered meanwhile; by number, what counts."""
    await keep(tx, answers)
    cursor = await tx.execute(_KEPT, {"numbers": [number for number, _ in answers]})
    return {number: Answer(status, body) for number, status, body in await cursor.fetchall()}


async def forget(tx: Tx, keys: Sequence[RequestKey]) -> None:
    """Give back keys taken in this transaction: a refused form may be mended and sent again."""
    await tx.execute(_FORGET, {"ids": [key.id for key in keys]})


async def once(
    db: Database,
    key: RequestKey,
    act: Callable[[Tx], Awaitable[Answer]],
    *,
    refuse: Callable[[DomainError], Answer | None],
    now: datetime,
) -> Answer:
    """Carry out an ordinary write exactly once, in one transaction with its key and its answer.

    `act` returns the rendered answer. When it raises a DomainError its writes are undone, and what
    `refuse` renders is kept; where that is None, nothing is remembered and the error goes on.
    Raises KeyReused for the same key with another request.
    """

    async def answering(tx: Tx, _: int) -> Answer:
        return await act(tx)

    return await begin(db, key, answering, refuse=refuse, now=now)


async def begin(
    db: Database,
    key: RequestKey,
    act: Callable[[Tx, int], Awaitable[Answer | Begun]],
    *,
    refuse: Callable[[DomainError], Answer | None],
    now: datetime,
) -> Answer | Begun:
    """As `once`, for a write that may only have begun when its transaction is committed.

    `act` gets the number of the key too. What it returns that is no answer is given back; the
    answer is to be kept under the number, and until then the key's request is in progress.
    """
    async with db.transaction() as tx:
        claims = await (await take(tx, [key], now=now)).taken(tx)
        earlier = claims.earlier(key)
        if isinstance(earlier, DomainError):
            raise earlier
        if earlier is not None:
            return earlier
        number = claims.number(key)
        try:
            async with tx.transaction():
                outcome = await act(tx, number)
        except DomainError as error:
            refusal = refuse(error)
            if refusal is None:
                raise
            outcome = refusal
        if isinstance(outcome, Answer):
            await keep(tx, [(number, outcome)])
        return outcome


async def prune(tx: Tx, *, now: datetime, limit: int) -> int:
    """Forget up to `limit` keys older than 30 days; how many there were."""
    row = await (await tx.execute(_PRUNE, {"before": now - KEPT_FOR, "limit": limit})).fetchone()
    return int(row[0]) if row else 0
