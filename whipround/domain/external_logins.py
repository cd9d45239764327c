"""Logging in as who somebody is to another provider (Moneypool, Facebook Login).

A provider vouches for its own id of a person, and for nothing else: an email that it has of them
proves nothing here. It leads to an account only where the account itself has proven that address.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from psycopg.errors import UniqueViolation

from whipround.db.database import Database, Tx
from whipround.domain import emails, mailed_tokens, sessions, throttles
from whipround.domain.readable import made_readable
from whipround.domain.sessions import OpenedSession
from whipround.domain.throttles import Charge
from whipround.domain.users import joining, person
from whipround.domain.users.person import User
from whipround.errors import Invalid, Unauthenticated
from whipround.keyring import Keyring

Provider = Literal["facebook"]

LONGEST_NAME = 100

_NAMELESS = "?"
"""What somebody is called of whom neither a name nor an address is known."""

_TRIES = 5


class ExternalLoginRefused(Unauthenticated):
    """The account is locked or not active, or has the email by no more than a session's word."""


class _Raced(Exception):
    """Somebody else was quicker: what was found out does not hold any more."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody as a provider knows them.

    `subject` is the provider's id of theirs; `name` and `email` are as it has them, in any form.
    """

    provider: Provider
    subject: str
    name: str = field(repr=False)
    email: str | None = field(repr=False)


class LoggedIn(NamedTuple):
    """A user who has logged in, their session, and whether they are new."""

    user: User
    opened: OpenedSession
    is_new: bool


_FIND = """
    select user_id from external_login where provider = %(provider)s and subject = %(subject)s
"""

_FIND_PROVEN = """
    select id, email_vouched from users
    where lower(email) = %(email)s and email_verified_at is not null
"""

_INSERT = """
    insert into external_login (provider, subject, user_id, created_at)
    values (%(provider)s, %(subject)s, %(user_id)s, %(now)s)
"""

_END_ALL = "delete from external_login where user_id = %(user_id)s"


async def log_in(
    db: Database,
    *,
    identity: Identity,
    locale: str,
    confirmation_url: str,
    currencies: Sequence[str],
    address: str,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> LoggedIn:
    """Log in whoever the provider says they are, at the first time as a new user if need be.

    Who has proven the email that the provider has of them keeps their account, which is linked from
    then on. A new user's email is to be confirmed, by the link `confirmation_url`; `locale`,
    `currencies` and the client's `address` (for limits) are for new users only. However many log in
    at once, one account is made. Raises ExternalLoginRefused, Throttled.
    """
    email = emails.normalised(identity.email) if identity.email else None
    arriving = _Arriving(
        identity,
        _called(identity, email),
        email,
        locale,
        confirmation_url,
        currencies,
        address,
        keyring,
        now,
        limit_multiplier,
    )
    for tries_left in reversed(range(_TRIES)):
        try:
            async with db.transaction() as tx:
                return await _log_in(tx, arriving)
        except _Raced:
            if not tries_left:
                raise ExternalLoginRefused from None
    raise AssertionError("the last try returns or raises")


def _called(identity: Identity, email: str | None) -> str:
    """What to call a new user: as the provider does, or else after their address."""
    before_at = email.partition("@")[0] if email else ""
    return (
        made_readable(identity.name, most=LONGEST_NAME)
        or made_readable(before_at, most=LONGEST_NAME)
        or _NAMELESS
    )


@dataclass(frozen=True, slots=True)
class _Arriving:
    """An identity, with what is needed to make a user of it; the email is normalised."""

    identity: Identity
    name: str
    email: str | None
    locale: str
    confirmation_url: str
    currencies: Sequence[str]
    address: str
    keyring: Keyring
    now: datetime
    limit_multiplier: int


async def end_all(tx: Tx, *, user_id: UUID) -> None:
    """Have no provider's word lead to the (locked) user any more, until one is linked anew."""
    await tx.execute(_END_ALL, {"user_id": user_id})


async def _log_in(tx: Tx, arriving: _Arriving) -> LoggedIn:
    """Raises _Raced, ExternalLoginRefused, Throttled."""
    user = await _known(tx, arriving) or await _with_proven_email(tx, arriving)
    is_new = user is None
    if user is None:
        user = await _join(tx, arriving)
    opened = await sessions.open_login(tx, user_id=user.id, now=arriving.now)
    return LoggedIn(user, opened, is_new)


async def _known(tx: Tx, arriving: _Arriving) -> User | None:
    """The user, locked, who has logged in with this identity before."""
    identity = arriving.identity
    values = {"provider": identity.provider, "subject": identity.subject}
    row = await (await tx.execute(_FIND, values)).fetchone()
    if row is None:
        return None
    user = await _lock(tx, row[0], arriving.now)
    if await (await tx.execute(_FIND, values)).fetchone() is None:  # ended meanwhile
        raise _Raced
    return user


async def _with_proven_email(tx: Tx, arriving: _Arriving) -> User | None:
    """The user, locked, who has proven the email; linked from now on. Raises _Raced."""
    if arriving.email is None:
        return None
    row = await (await tx.execute(_FIND_PROVEN, {"email": arriving.email})).fetchone()
    if row is None:
        return None
    user_id, is_vouched = row
    if not is_vouched:  # who has brought the address may only have stolen a session
        raise ExternalLoginRefused
    user = await _lock(tx, user_id, arriving.now)
    if user.email != arriving.email or user.email_verified_at is None:  # given up meanwhile
        raise _Raced
    await _link(tx, user, arriving)
    return user


async def _lock(tx: Tx, user_id: UUID, now: datetime) -> User:
    """Lock a user, so that no new password ends their sessions just before this one."""
    user = await person.lock(tx, user_id=user_id)
    if user.status_at(now) != "active":
        raise ExternalLoginRefused
    return user


async def _join(tx: Tx, arriving: _Arriving) -> User:
    """A new user with this identity. Raises _Raced, Throttled."""
    await throttles.charge(
        tx,
        [Charge(throttles.SIGN_UPS_PER_ADDRESS, arriving.address)],
        keyring=arriving.keyring,
        now=arriving.now,
        multiplier=arriving.limit_multiplier,
    )
    try:
        user = await joining.create(
            tx,
            name=arriving.name,
            email=arriving.email,
            is_proven=False,
            password_hash=None,
            locale=arriving.locale,
            currencies=arriving.currencies,
            keyring=arriving.keyring,
            now=arriving.now,
        )
    except Invalid as error:  # somebody has proven the email meanwhile
        raise _Raced from error
    await _link(tx, user, arriving)
    await mailed_tokens.send_confirmation(
        tx,
        user=user,
        url=arriving.confirmation_url,
        keyring=arriving.keyring,
        now=arriving.now,
        limit_multiplier=arriving.limit_multiplier,
    )
    return user


async def _link(tx: Tx, user: User, arriving: _Arriving) -> None:
    """Have the identity lead to the user. Raises _Raced where it leads to somebody by now."""
    identity = arriving.identity
    values = {"provider": identity.provider, "subject": identity.subject}
    try:
        await tx.execute(_INSERT, {**values, "user_id": user.id, "now": arriving.now})
    except UniqueViolation as error:
        raise _Raced from error
