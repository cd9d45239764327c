"""Sessions: what a person's calls are made with.

One that an authentication token opened lasts a day (Memento, Authentication); one that was opened
by a password, or by what else proves who somebody is, lasts as long as such a token would
(Moneypool, Sessions), or until it has not been used for a while (later revisions, "Mobbr"). None
passes for another.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db.database import Tx
from whipround.domain import credentials
from whipround.domain.credentials import UserLocked
from whipround.domain.users import person
from whipround.domain.users.person import User
from whipround.errors import Unauthenticated

LIFE = timedelta(hours=24)
LOGIN_LIFE = timedelta(days=90)
UNUSED_LIFE = timedelta(days=30)
"""How long a login lasts that each use prolongs."""

PROLONGED_AFTER = timedelta(hours=1)
"""Not each use is written down: only one in this time."""

LoginKind = Literal["wmp", "wmb"]
"""What opens a login without a token: for Moneypool, where it ends at a fixed time, or for Mobbr,
where each use prolongs it."""

MOST_LOGINS = 100
"""How many logins without a token a person has at once: the next one ends the oldest."""


class TokenRefused(Unauthenticated):
    """The authentication token is unknown, expired, or not yet approved."""


class Session(NamedTuple):
    """A session that is good now, and whose it is. A named tuple, as `User` is.

    One that was opened by an authentication token, on a device, has the ids of both. `wallet_id` is
    the funding source that every user has.
    """

    id: UUID
    token_id: UUID | None
    device_id: UUID | None
    expires_at: datetime
    wallet_id: UUID
    user: User

    @property
    def device(self) -> UUID:
        """The device that it was opened on. Raises Unauthenticated where there is none."""
        if self.device_id is None:
            raise Unauthenticated
        return self.device_id


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session just opened, and the one time its secret is known."""

    id: UUID
    secret: str = field(repr=False)
    created_at: datetime
    expires_at: datetime


_FIND_LOGIN = """
    select token.id, token.user_id, device_id, expires_at, users.status, locked_until
    from token join users on users.id = token.user_id
    where (digest = %(digest)s or pending_digest = %(digest)s)
        and token.status = 'approved'
        and expires_at > %(now)s
    for key share of token
"""

_INSERT = """
    insert into session (id, token_id, user_id, device_id, digest, expires_at, created_at)
    values (%(id)s, %(token_id)s, %(user_id)s, %(device_id)s, %(digest)s, %(expires_at)s, %(now)s)
"""

# What somebody else holds is passed over: nobody waits for a login to end an old one.
_END_OLDEST = """
    delete from session
    where id in (
        select id from session
        where id = any(array(
            select id from session
            where user_id = %(user_id)s and token_id is null
            order by created_at desc, id desc
            offset %(most)s
        ))
        for update skip locked
    )
"""

_PROLONG = """
    update session set expires_at = %(expires_at)s
    where id = %(id)s and expires_at < %(expires_at)s
"""

_END = "delete from session where id = %(id)s"

_FIND = f"""
    select session.digest, session.id, token_id, device_id, expires_at, wallet.id, {person.COLUMNS}
    from session
        join users on users.id = session.user_id
        join funding_source as wallet on wallet.user_id = users.id and wallet.type = 'virtual'
    where session.digest = any(%(digests)s)
        -- Written so that no index on it can be used: the one on digests finds a row, this many.
        and expires_at + interval '0' > %(now)s
        and users.status = 'active'
        and (locked_until is null or locked_until <= %(now)s)
"""  # noqa: S608 (our own column names)

_PRUNE = """
    delete from session
    where id in (select id from session where expires_at <= %(now)s limit %(limit)s)
"""


async def open_session(tx: Tx, *, token_secret: str, now: datetime) -> OpenedSession:
    """A session for the bearer of an authentication token (Memento, Get session token).

    It lasts 24 hours, though not beyond its token. Raises TokenRefused; UserLocked when the token
    is good but its user locked or rejected.
    """
    token_digest = credentials.secret_digest("wat", token_secret)
    row = None
    if token_digest is not None:
        values = {"digest": token_digest, "now": now}
        row = await (await tx.execute(_FIND_LOGIN, values)).fetchone()
    if row is None:
        raise TokenRefused
    token_id, user_id, device_id, token_expires_at, status, locked_until = row
    if status != "active" or (locked_until is not None and locked_until > now):
        raise UserLocked
    secret = credentials.new_secret("wst")
    opened = OpenedSession(uuid7(), secret, now, min(now + LIFE, token_expires_at))
    await _insert(tx, opened, user_id, digest(secret), token_id=token_id, device_id=device_id)
    return opened


async def open_login(
    tx: Tx, *, user_id: UUID, now: datetime, kind: LoginKind = "wmp"
) -> OpenedSession:
    """A session for an active user who has just proven who they are (Moneypool, Sessions).

    It lasts 90 days, or 30 after it was last used; and hangs on no token and no device.
    """
    secret = credentials.new_secret(kind)
    life = LOGIN_LIFE if kind == "wmp" else UNUSED_LIFE
    opened = OpenedSession(uuid7(), secret, now, now + life)
    await _insert(tx, opened, user_id, login_digest(secret, kind=kind))
    await tx.execute(_END_OLDEST, {"user_id": user_id, "most": MOST_LOGINS})
    return opened


async def _insert(
    tx: Tx,
    opened: OpenedSession,
    user_id: UUID,
    secret_digest: bytes | None,
    *,
    token_id: UUID | None = None,
    device_id: UUID | None = None,
) -> None:
    await tx.execute(
        _INSERT,
        {
            "id": opened.id,
            "token_id": token_id,
            "user_id": user_id,
            "device_id": device_id,
            "digest": secret_digest,
            "expires_at": opened.expires_at,
            "now": opened.created_at,
        },
    )


def is_due(session: Session, *, now: datetime) -> bool:
    """Whether a session that each use prolongs is to be prolonged now."""
    return session.expires_at < now + UNUSED_LIFE - PROLONGED_AFTER


async def prolong(tx: Tx, *, session: Session, now: datetime) -> Session:
    """The session, good for another 30 days; one that has ended meanwhile stays so."""
    expires_at = now + UNUSED_LIFE
    await tx.execute(_PROLONG, {"id": session.id, "expires_at": expires_at})
    return session._replace(expires_at=expires_at)


async def end(tx: Tx, *, session_id: UUID) -> bool:
    """End a session (Moneypool, Logout); whether it had not ended before."""
    return bool((await tx.execute(_END, {"id": session_id})).rowcount)


def digest(session_secret: str) -> bytes | None:
    """Under which key `find` knows a session; None for what is no session token at all."""
    return credentials.secret_digest("wst", session_secret)


def login_digest(login_secret: str, *, kind: LoginKind = "wmp") -> bytes | None:
    """The same for a session that `open_login` opened; None for what is no such secret."""
    return credentials.secret_digest(kind, login_secret)


async def find(tx: Tx, digests: Sequence[bytes], *, now: datetime) -> dict[bytes, Session]:
    """The sessions that are good now, by the digests of their secrets, in one query for many.

    Absent are the unknown, the expired, and those whose user is locked or not active.
    """
    cursor = await tx.execute(_FIND, {"digests": list(digests), "now": now}, binary=True)
    return {
        row[0]: Session(row[1], row[2], row[3], row[4], row[5], User._make(row[6:]))
        for row in await cursor.fetchall()
    }


async def prune(tx: Tx, *, now: datetime, limit: int) -> int:
    """Delete up to `limit` expired sessions; how many there were."""
    return (await tx.execute(_PRUNE, {"now": now, "limit": limit})).rowcount
