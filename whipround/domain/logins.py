"""Logging in by email and password, in one step (Moneypool, Email/Password Login)."""

from collections.abc import Sequence
from datetime import datetime

from whipround.db.database import Database, Tx
from whipround.domain import credentials, sessions, throttles
from whipround.domain.credentials import InvalidCredentials
from whipround.domain.sessions import OpenedSession
from whipround.domain.throttles import Charge
from whipround.domain.users import person
from whipround.domain.users.person import COLUMNS, User
from whipround.keyring import Keyring

# In parts, as each has an index of its own.
_FIND = f"""
    select {COLUMNS}
    from (
        select * from users where lower(email) = %(email)s and email_verified_at is not null
        union all
        (
            select * from users
            where lower(email) = %(email)s and email_verified_at is null
                and password_hash is not null
            order by created_at desc
            limit 1
        )
        union all
        (
            select * from users
            where lower(email) = %(email)s and email_verified_at is null
                and password_hash is not null
            order by created_at
            limit 1
        )
    ) as users
    order by email_verified_at nulls last, created_at desc
"""  # noqa: S608 (our own column names)


async def find_users(tx: Tx, *, email: str) -> Sequence[User]:
    """Whom an email (in lower case) may denote, whatever their status.

    That is whoever has proven it. While nobody has, it is the newest of those who say that it is
    theirs and have a password to show for it, and the first one: whoever says so later must not
    keep them out.
    """
    found = [
        User._make(row) for row in await (await tx.execute(_FIND, {"email": email})).fetchall()
    ]
    if found and found[0].email_verified_at is not None:
        return found[:1]
    return list({user.id: user for user in found}.values())


async def log_in(
    db: Database,
    *,
    email: str,
    password: str,
    address: str,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> tuple[User, OpenedSession]:
    """Open a session with a password; the email is in lower case, `address` the client's.

    Raises InvalidCredentials, alike and in the same time for a wrong password, for nobody, and for
    a user who is locked or not active; Throttled, PasswordsBusy.
    """
    await throttles.charge_apart(
        db,
        [
            Charge(throttles.LOGINS_PER_ADDRESS, address),
            Charge(throttles.LOGINS_PER_IDENTITY, f"email {email}"),
        ],
        keyring=keyring,
        now=now,
        multiplier=limit_multiplier,
    )
    while True:
        async with db.transaction() as tx:
            users = await find_users(tx, email=email)
        user, new_hash = await _whose(password, users)
        opened = await _open(db, user, new_hash, now)
        if opened is not None:
            return opened


async def _whose(password: str, users: Sequence[User]) -> tuple[User, str | None]:
    """The first of the users whose password it is, with a newer hash of it if there is one.

    Raises InvalidCredentials, which takes as long if there are none.
    """
    if not users:
        await credentials.verify_password(None, password)
    for user in users:
        verdict = await credentials.verify_password(user.password_hash, password)
        if verdict.ok:
            return user, verdict.new_hash
    raise InvalidCredentials


async def _open(
    db: Database, checked: User, new_hash: str | None, now: datetime
) -> tuple[User, OpenedSession] | None:
    """A session for a user whose password was checked; None where it has changed meanwhile.

    Who changes a password ends the sessions that it has opened: none may follow.
    """
    async with db.transaction() as tx:
        user = await person.lock(tx, user_id=checked.id)
        if user.password_hash != checked.password_hash:
            return None
        if user.status_at(now) != "active":
            raise InvalidCredentials
        if new_hash is not None:
            await credentials.replace_hash(
                tx, user_id=user.id, old=user.password_hash, new=new_hash
            )
        return user, await sessions.open_login(tx, user_id=user.id, now=now)
