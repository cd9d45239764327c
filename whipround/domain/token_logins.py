"""Logging in to get a token, which is called with from then on (later revisions, "Mobbr")."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from whipround.db.database import Database, Tx
from whipround.domain import sessions
from whipround.domain.basic_auth import BasicAuth
from whipround.domain.credentials import InvalidCredentials
from whipround.domain.sessions import OpenedSession
from whipround.domain.users import person
from whipround.domain.users.person import User

_TRIES = 3

_VISIT = """
    with before as (select last_login_at from users where id = %(id)s)
    update users set previous_login_at = before.last_login_at, last_login_at = %(now)s
    from before
    where id = %(id)s
    returning before.last_login_at
"""


class LoggedIn(NamedTuple):
    """A user who has logged in, their session, and when they did so the time before."""

    user: User
    opened: OpenedSession
    previous_login_at: datetime | None


async def log_in(
    db: Database,
    auth: BasicAuth,
    *,
    username: str,
    password: str,
    address: str,
    now: datetime,
) -> LoggedIn:
    """Open a session with a password (Mobbr, Password login); `address` is the client's.

    The username may be a proven email too. Raises InvalidCredentials, alike and in the same time
    for a wrong password, for nobody, and for who is locked or not active; Throttled, PasswordsBusy.
    """
    if not username:  # that would be a token, which opens no other
        raise InvalidCredentials
    for _ in range(_TRIES):
        session = await auth.check(username, password, address=address, now=now)
        async with db.transaction() as tx:
            user = await person.lock(tx, user_id=session.user.id)
            # Who changes a password ends the sessions that it has opened: none may follow.
            if user.password_hash == session.user.password_hash:
                return await open_for(tx, user, now=now)
    raise InvalidCredentials


async def open_for(tx: Tx, user: User, *, now: datetime) -> LoggedIn:
    """A session for a (locked) user who has just proven who they are. Raises InvalidCredentials."""
    if user.status_at(now) != "active":
        raise InvalidCredentials
    previous = await _visit(tx, user.id, now)
    opened = await sessions.open_login(tx, user_id=user.id, kind="wmb", now=now)
    return LoggedIn(user, opened, previous)


async def _visit(tx: Tx, user_id: UUID, now: datetime) -> datetime | None:
    """Write down that the user has logged in; when that was so the time before."""
    values = {"id": user_id, "now": now}
    [[previous]] = await (await tx.execute(_VISIT, values)).fetchall()
    return previous if isinstance(previous, datetime) else None
