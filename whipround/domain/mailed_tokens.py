"""Secrets that are mailed: who brings one back reads what is sent to the address it went to.

A link confirms an address (Moneypool, Create a User); a token lets its reader set a new password
(`password_resets`), log in (`login_links`), or have a further address (`email_ids`). Each is good
once, for a while, and for the address it went to: of no use once the user's is another one. A link
that says that money waits (`claim_links`) is nobody's yet. Only digests are kept. Lock order, as
everywhere: users, their tokens, payees.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from psycopg.rows import class_row
from uuid_utils.compat import uuid7

from whipround.db import outbox
from whipround.db.database import Tx
from whipround.domain import claims, credentials, throttles
from whipround.domain.readable import without_links
from whipround.domain.throttles import Charge
from whipround.domain.users import person, uniqueness
from whipround.domain.users.person import COLUMNS, User
from whipround.errors import Invalid, Message, NotFound, Throttled
from whipround.keyring import Keyring

MailedKind = Literal["confirmation", "password_reset", "login_link", "email_id"]

LIFE: Mapping[MailedKind, timedelta] = {
    "confirmation": timedelta(days=7),
    "password_reset": timedelta(hours=2),
    "login_link": timedelta(days=1),
    "email_id": timedelta(days=7),
}

KEPT_FOR = timedelta(days=1)
"""How long an expired token is still there to be looked at by an operator."""

LONGEST_NAME_MAILED = 50
"""How much of a name is read by whoever reads mail at an address that somebody has only named."""


class MailedTokenNotFound(NotFound):
    """There is no such token, or it has been used, or has expired."""


@dataclass(frozen=True, slots=True)
class MailedToken:
    """A token that can still be used, without its secret. It proves the address `email`."""

    id: UUID
    user_id: UUID
    email: str


@dataclass(frozen=True, slots=True)
class MailedClaim:
    """A token that whoever reads mail at `email` has, who may be nobody here."""

    id: UUID
    email: str
    expires_at: datetime
    created_at: datetime


_INSERT = """
    insert into mailed_token (id, kind, user_id, email, digest, expires_at, created_at)
    values (%(id)s, %(kind)s, %(user_id)s, %(email)s, %(digest)s, %(expires_at)s, %(now)s)
"""

_FIND = """
    select id, user_id, email
    from mailed_token
    where digest = %(digest)s and kind = %(kind)s and used_at is null and expires_at > %(now)s
"""

_LOCK = _FIND + " for update"

_INSERT_CLAIMS = """
    insert into mailed_token (id, kind, email, digest, expires_at, created_at)
    select id, 'claim', email, digest, expires_at, %(now)s
    from unnest(%(ids)b::uuid[], %(emails)b::text[], %(digests)b::bytea[],
        %(expires_at)b::timestamptz[]) as claim (id, email, digest, expires_at)
"""

_FIND_CLAIM = """
    select id, email, expires_at, created_at
    from mailed_token
    where digest = %(digest)s and kind = 'claim' and used_at is null and expires_at > %(now)s
        and not exists (
            select from payee
            where payee.kind = 'email' and address = email and payee.user_id is not null
        )
"""

_USE = "update mailed_token set used_at = %(now)s where id = %(id)s"

_USE_ALL = """
    update mailed_token set used_at = %(now)s
    where user_id = %(user_id)s and kind = any(%(kinds)s) and used_at is null
"""

_CONFIRM = f"""
    update users set email_verified_at = %(now)s, updated_at = %(now)s
    where id = %(id)s
    returning {COLUMNS}
"""  # noqa: S608 (our own column names)

_PRUNE = """
    delete from mailed_token
    where id in (select id from mailed_token where expires_at < %(before)s limit %(limit)s)
"""


async def make(tx: Tx, *, kind: MailedKind, user_id: UUID, email: str, now: datetime) -> str:
    """A new secret for who reads the mail to `email`, which is the user's."""
    secret = credentials.new_secret("wml")
    await tx.execute(
        _INSERT,
        {
            "id": uuid7(),
            "kind": kind,
            "user_id": user_id,
            "email": email,
            "digest": credentials.secret_digest("wml", secret),
            "expires_at": now + LIFE[kind],
            "now": now,
        },
    )
    return secret


async def find(tx: Tx, *, kind: MailedKind, secret: str, now: datetime) -> MailedToken:
    """The token of this secret, while it can be used. Raises MailedTokenNotFound."""
    return await _one(tx, _FIND, kind, secret, now)


async def lock(tx: Tx, *, kind: MailedKind, secret: str, now: datetime) -> tuple[MailedToken, User]:
    """The token and its user, both locked until `tx` ends.

    Raises MailedTokenNotFound, also where the user is not active, or the address not theirs any
    more; one that is to become theirs (`email_id`) may be any.
    """
    found = await find(tx, kind=kind, secret=secret, now=now)
    # The user's row is always locked before their tokens.
    user = await person.lock(tx, user_id=found.user_id)
    token = await _one(tx, _LOCK, kind, secret, now)
    is_gone = kind != "email_id" and user.email != token.email
    if is_gone or user.status != "active":
        raise MailedTokenNotFound
    return token, user


async def _one(tx: Tx, query: str, kind: MailedKind, secret: str, now: datetime) -> MailedToken:
    values = {"kind": kind, "digest": credentials.secret_digest("wml", secret), "now": now}
    async with tx.cursor(row_factory=class_row(MailedToken)) as cursor:
        await cursor.execute(query, values)
        found = await cursor.fetchone()
    if found is None:
        raise MailedTokenNotFound
    return found


async def make_claims(
    tx: Tx, *, emails: Sequence[str], expires_at: Sequence[datetime], now: datetime
) -> list[str]:
    """New secrets for who reads the mail to addresses where money waits, in their order."""
    secrets = [credentials.new_secret("wml") for _ in emails]
    await tx.execute(
        _INSERT_CLAIMS,
        {
            "ids": [uuid7() for _ in emails],
            "emails": list(emails),
            "digests": [credentials.secret_digest("wml", secret) for secret in secrets],
            "expires_at": list(expires_at),
            "now": now,
        },
    )
    return secrets


async def find_claim(tx: Tx, *, secret: str, now: datetime, locked: bool = False) -> MailedClaim:
    """The claim of this secret, while it can be used; perhaps locked until `tx` ends.

    Raises MailedTokenNotFound, also where somebody has proven the address since.
    """
    values = {"digest": credentials.secret_digest("wml", secret), "now": now}
    async with tx.cursor(row_factory=class_row(MailedClaim)) as cursor:
        await cursor.execute(
            _FIND_CLAIM + (" for update of mailed_token" if locked else ""), values
        )
        found = await cursor.fetchone()
    if found is None:
        raise MailedTokenNotFound
    return found


async def use(tx: Tx, token: MailedToken | MailedClaim, *, now: datetime) -> None:
    """Use up a (locked) token."""
    await tx.execute(_USE, {"id": token.id, "now": now})


async def use_all(tx: Tx, *, user_id: UUID, now: datetime) -> None:
    """Use up all tokens of the (locked) user that let somebody in: after a new PIN or password."""
    kinds = ["password_reset", "login_link"]
    await tx.execute(_USE_ALL, {"kinds": kinds, "user_id": user_id, "now": now})


# Confirming an address.


async def send_confirmation(
    tx: Tx, *, user: User, url: str, keyring: Keyring, now: datetime, limit_multiplier: int = 1
) -> bool:
    """Mail the user, who has just said what their address is, a link that proves it.

    The token goes to the end of the path of `url`. Whether it was sent: not to a user without an
    address, or who has proven it; and not when the address or the user has been sent enough of
    late, as that must keep nobody from signing up. They can ask for another one later.
    """
    if user.email is None or user.email_verified_at is not None:
        return False
    try:
        await _send(tx, user, url=url, keyring=keyring, now=now, limit_multiplier=limit_multiplier)
    except Throttled:
        return False
    return True


async def resend_confirmation(
    tx: Tx, *, user_id: UUID, url: str, keyring: Keyring, now: datetime, limit_multiplier: int = 1
) -> None:
    """Mail a user who asks for it another link that proves their address.

    Earlier ones stay good. Raises Invalid where there is nothing to prove, or somebody else has
    proven the address; Throttled.
    """
    user = await person.lock(tx, user_id=user_id)
    if user.email is None:
        predicate = Message("is required")
        raise Invalid.field("email", "required", "Email is required", predicate)
    if user.email_verified_at is not None:
        predicate = Message("is confirmed already")
        raise Invalid.field("email", "invalid", "Email is confirmed already", predicate)
    # Nobody is written to in the name of somebody whose address it cannot be.
    await uniqueness.check(
        tx, username=user.username, phone=None, email=user.email, except_id=user.id
    )
    await _send(tx, user, url=url, keyring=keyring, now=now, limit_multiplier=limit_multiplier)


async def _send(
    tx: Tx, user: User, *, url: str, keyring: Keyring, now: datetime, limit_multiplier: int
) -> None:
    """Mail a link to the user's address, which is there. Raises Throttled."""
    email = user.email or ""
    await throttles.charge(
        tx,
        [
            Charge(throttles.CONFIRMATIONS_PER_RECIPIENT, email),
            Charge(throttles.CONFIRMATIONS_PER_USER, str(user.id)),
        ],
        keyring=keyring,
        now=now,
        multiplier=limit_multiplier,
    )
    token = await make(tx, kind="confirmation", user_id=user.id, email=email, now=now)
    path, mark, query = url.partition("?")
    name = without_links(user.full_name, most=LONGEST_NAME_MAILED)
    data = {"token": token, "url": f"{path}{token}{mark}{query}", "name": name}
    message = outbox.Message("email", email, "email_confirmation", user.locale, data)
    await outbox.put(tx, [message], now=now)


async def confirm(tx: Tx, *, secret: str, now: datetime) -> User:
    """The link has been followed: its address is the user's, and what waits for it theirs.

    The user as they are then; it does no harm that they had proven the address before. Raises
    MailedTokenNotFound; Invalid where somebody else has proven the address meanwhile.
    """
    token, user = await lock(tx, kind="confirmation", secret=secret, now=now)
    await use(tx, token, now=now)
    return await prove_own(tx, user, now=now)


async def prove_own(tx: Tx, user: User, *, now: datetime) -> User:
    """The (locked) user reads the mail to the address that they say is theirs; the user then.

    What waits for it is theirs, too. Raises Invalid where somebody else has proven the address.
    """
    if user.email is None or user.email_verified_at is not None:
        return user
    await uniqueness.check(
        tx, username=user.username, phone=None, email=user.email, except_id=user.id
    )
    with uniqueness.as_field_errors():
        [row] = await (await tx.execute(_CONFIRM, {"id": user.id, "now": now})).fetchall()
    await claims.prove(tx, user_id=user.id, addresses=[("email", user.email)], now=now)
    return User._make(row)


async def prune(tx: Tx, *, now: datetime, limit: int) -> int:
    """Delete up to `limit` tokens that expired a day ago; how many there were."""
    cursor = await tx.execute(_PRUNE, {"before": now - KEPT_FOR, "limit": limit})
    return cursor.rowcount
