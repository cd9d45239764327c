"""Authentication tokens: how a person proves who they are on a device (Memento, Authentication).

A login has one step or two. While the second, code and PIN, is missing, its token is `pending` and
opens nothing. Only digests of the secrets are stored.
"""

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec
from psycopg.rows import class_row
from uuid_utils.compat import uuid7

from whipround.db import outbox
from whipround.db.database import Database, Tx
from whipround.domain import credentials, devices, throttles
from whipround.domain.credentials import InvalidCredentials, InvalidPin, UserLocked
from whipround.domain.devices import NewDevice
from whipround.domain.throttles import Charge
from whipround.domain.users import person
from whipround.domain.users.person import User
from whipround.errors import NotFound
from whipround.keyring import Keyring

LIFE = timedelta(days=90)
CODE_LIFE = timedelta(minutes=10)
CODE_TRIES = 5
KEPT_FOR = timedelta(days=1)
"""How long an expired token can still be asked about."""

TokenStatus = Literal["pending", "approved", "rejected"]
IdentityType = Literal["phone", "username"]
Authenticator = Literal["password", "sms"]


class TokenNotFound(NotFound):
    """There is no such authentication."""


@dataclass(frozen=True, slots=True)
class Login:
    """A first step: who somebody says they are, and from which device.

    A phone is an E.164 number; the secret of a `password` login is the password.
    """

    identity_type: IdentityType
    identity: str
    authenticator: Authenticator
    device: NewDevice
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    """An authentication token, without its secret."""

    id: UUID
    user_id: UUID
    status: TokenStatus
    error_code: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token, and the one time its secret is known."""

    token: Token
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Row:
    id: UUID
    user_id: UUID
    status: TokenStatus
    authenticator: str
    device: dict[str, Any] = field(repr=False)
    code_digest: bytes | None
    attempts: int
    error_code: str
    expires_at: datetime

    def shown(self, now: datetime) -> Token:
        """What is to be seen of it at `now`: a pending one whose time is over has failed."""
        if self.status == "pending" and self.expires_at <= now:
            return Token(self.id, self.user_id, "rejected", "expired", self.expires_at)
        return Token(self.id, self.user_id, self.status, self.error_code, self.expires_at)


_COLUMNS = """id, user_id, status, authenticator, device, code_digest, attempts, error_code,
    expires_at"""

_FIND = f"select {_COLUMNS} from token where id = %(id)s"  # noqa: S608 (our own column names)

_LOCK = _FIND + " for update"

_INSERT = """
    insert into token (id, user_id, status, authenticator, digest, device, device_id, code_digest,
        expires_at, created_at, updated_at)
    values (%(id)s, %(user_id)s, %(status)s, %(authenticator)s, %(digest)s, %(device)s::jsonb,
        %(device_id)s, %(code_digest)s, %(expires_at)s, %(now)s, %(now)s)
"""

# The secret of the first step becomes good too: a client that lost this answer is logged in.
_APPROVE = """
    update token
    set status = 'approved', pending_digest = digest, digest = %(digest)s, code_digest = null,
        device = '{}', expires_at = %(expires_at)s, updated_at = %(now)s
    where id = %(id)s
"""

_FAIL = """
    update token
    set status = %(status)s, attempts = %(attempts)s, error_code = %(error_code)s,
        updated_at = %(now)s
    where id = %(id)s
"""

_FIND_USER = {
    "username": f"""
        select {person.COLUMNS} from users where lower(username) = lower(%(identity)s)
    """,  # noqa: S608
    "phone": f"""
        select {person.COLUMNS} from users
        where phone = %(identity)s and phone_verified_at is not null
    """,  # noqa: S608
}

_END_OTHERS = """
    with ended as (
        delete from session
        where user_id = %(user_id)s and id is distinct from %(session_id)s
            and (token_id is null or token_id = %(token_id)s)
    )
    delete from token where user_id = %(user_id)s and id is distinct from %(token_id)s
"""

_PRUNE = """
    delete from token
    where id in (select id from token where expires_at < %(before)s limit %(limit)s)
"""


async def log_in(
    db: Database,
    *,
    login: Login,
    address: str,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> IssuedToken:
    """The first step (Memento, Get authentication token); `address` is the client's, for limits.

    A right password on a device used before is enough: the token is approved. Otherwise a code goes
    to the user's verified phone, else their verified email, and the token is pending. Raises
    InvalidCredentials, alike and in the same time for a wrong password and for nobody; Throttled.
    """
    await throttles.charge_apart(
        db,
        [
            Charge(throttles.LOGINS_PER_ADDRESS, address),
            Charge(
                throttles.LOGINS_PER_IDENTITY, f"{login.identity_type} {login.identity.lower()}"
            ),
        ],
        keyring=keyring,
        now=now,
        multiplier=limit_multiplier,
    )
    async with db.transaction() as tx:
        user = await _find_user(tx, login)
    new_hash = None
    if login.authenticator == "password":
        verdict = await credentials.verify_password(user and user.password_hash, login.secret)
        if not verdict.ok:
            raise InvalidCredentials
        new_hash = verdict.new_hash
    if user is None:
        raise InvalidCredentials
    async with db.transaction() as tx:
        if login.authenticator == "password":
            await _hold_password(tx, user, new_hash)
        known = await devices.find(tx, user_id=user.id, device_id=login.device.id)
        if login.authenticator == "password" and known is not None:
            return await issue(
                tx, user_id=user.id, authenticator="password", device=login.device, now=now
            )
        return await _issue_pending(
            tx,
            user,
            login,
            address=address,
            keyring=keyring,
            now=now,
            limit_multiplier=limit_multiplier,
        )


async def _find_user(tx: Tx, login: Login) -> User | None:
    # No identity has other letters; and whoever could write one with such as PostgreSQL takes for a
    # plain one (as the dotted capital I) would have as many tries as there are ways to write it.
    if not login.identity.isascii():
        return None
    cursor = await tx.execute(_FIND_USER[login.identity_type], {"identity": login.identity})
    row = await cursor.fetchone()
    return None if row is None else User._make(row)


async def _hold_password(tx: Tx, checked: User, new_hash: str | None) -> None:
    """Keep the password that was right as it is until `tx` ends, by its newer hash if there is one.

    Raises InvalidCredentials where it has changed meanwhile: who changes a password ends the tokens
    that it has got, and none may follow.
    """
    user = await person.lock(tx, user_id=checked.id)
    if user.password_hash != checked.password_hash:
        raise InvalidCredentials
    if new_hash is not None:
        await credentials.replace_hash(tx, user_id=user.id, old=user.password_hash, new=new_hash)


async def issue(
    tx: Tx,
    *,
    user_id: UUID,
    authenticator: Authenticator | Literal["signup"],
    device: NewDevice,
    now: datetime,
) -> IssuedToken:
    """A token for a person who has just proven who they are; the device becomes theirs."""
    await devices.save(tx, user_id=user_id, device=device, now=now)
    token = Token(uuid7(), user_id, "approved", "", now + LIFE)
    return await _insert(tx, token, authenticator=authenticator, device=device, now=now)


async def _issue_pending(
    tx: Tx,
    user: User,
    login: Login,
    *,
    address: str,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int,
) -> IssuedToken:
    """A token that waits for the code sent to the user, and for their PIN."""
    recipient = _recipient(user, login)
    if recipient is None:
        raise InvalidCredentials
    channel, recipient_address = recipient
    per_recipient = (
        Charge(throttles.PASSWORD_CODES_PER_USER, str(user.id))
        if login.authenticator == "password"
        else Charge(throttles.LOGIN_CODES_PER_RECIPIENT, recipient_address)
    )
    await throttles.charge(
        tx,
        [Charge(throttles.CODES_PER_CALLER, address), per_recipient],
        keyring=keyring,
        now=now,
        multiplier=limit_multiplier,
    )
    token = Token(uuid7(), user.id, "pending", "", now + CODE_LIFE)
    code = credentials.new_code()
    message = outbox.Message(channel, recipient_address, "login_code", user.locale, {"code": code})
    await outbox.put(tx, [message], now=now)
    return await _insert(
        tx,
        token,
        authenticator=login.authenticator,
        device=login.device,
        code_digest=keyring.code(token.id, code),
        now=now,
    )


def _recipient(user: User, login: Login) -> tuple[Literal["sms", "email"], str] | None:
    """Where the code goes: the verified phone; after a password else the verified email."""
    if user.phone is not None and user.phone_verified_at is not None:
        return "sms", user.phone
    if login.authenticator != "sms" and user.email is not None and user.email_verified_at:
        return "email", user.email
    return None


async def _insert(
    tx: Tx,
    token: Token,
    *,
    authenticator: str,
    device: NewDevice,
    code_digest: bytes | None = None,
    now: datetime,
) -> IssuedToken:
    secret = credentials.new_secret("wat")
    kept: object = device if token.status == "pending" else {}
    await tx.execute(
        _INSERT,
        {
            "id": token.id,
            "user_id": token.user_id,
            "status": token.status,
            "authenticator": authenticator,
            "digest": credentials.secret_digest("wat", secret),
            "device": msgspec.json.encode(kept).decode(),
            "device_id": device.id,
            "code_digest": code_digest,
            "expires_at": token.expires_at,
            "now": now,
        },
    )
    return IssuedToken(token, secret)


async def prove(
    db: Database, *, token_id: UUID, code: str, pin: str, keyring: Keyring, now: datetime
) -> IssuedToken:
    """The second step (Memento, Get authentication token – Step 2): the token, now approved.

    The PIN becomes that of a user who has none yet, and has shown their password. Raises
    TokenNotFound; InvalidCredentials whether the code or the PIN is wrong, the user locked, or the
    token no longer pending. After five wrong tries, or ten minutes, the token is rejected.
    """
    async with db.transaction() as tx:
        row = await _read(tx, _FIND, token_id)
        # The user's row is always locked before their tokens.
        user = await person.lock(tx, user_id=row.user_id)
        row = await _read(tx, _LOCK, token_id)
        issued = await _judge(tx, row, user, code=code, pin=pin, keyring=keyring, now=now)
    if issued is None:
        raise InvalidCredentials
    return issued


async def _judge(
    tx: Tx, row: _Row, user: User, *, code: str, pin: str, keyring: Keyring, now: datetime
) -> IssuedToken | None:
    """What a try at the second step comes to; None when it failed, which is to be committed.

    The PIN is tried only with the right code: without it the answer says nothing about the PIN, and
    nobody can lock a user whose messages they do not read.
    """
    if row.status != "pending" or row.code_digest is None:
        return None
    if row.expires_at <= now:
        await _fail(tx, row, attempts=row.attempts, error_code="expired", now=now)
        return None
    error: InvalidPin | UserLocked | None = None
    right = hmac.compare_digest(row.code_digest, keyring.code(row.id, code))
    if right and user.pin_digest is None and row.authenticator == "password":
        await credentials.choose_pin(tx, user_id=user.id, pin=pin, keyring=keyring)
    elif right:
        error = await credentials.check_pin(tx, user_id=user.id, pin=pin, keyring=keyring, now=now)
    if not right or error is not None:
        attempts = row.attempts + 1
        exhausted = "too_many_attempts" if attempts >= CODE_TRIES else ""
        await _fail(tx, row, attempts=attempts, error_code=exhausted, now=now)
        return None
    return await _approve(tx, row, now=now)


async def _fail(tx: Tx, row: _Row, *, attempts: int, error_code: str, now: datetime) -> None:
    status = "rejected" if error_code else "pending"
    values = {"id": row.id, "status": status, "attempts": attempts, "error_code": error_code}
    await tx.execute(_FAIL, {**values, "now": now})


async def _approve(tx: Tx, row: _Row, *, now: datetime) -> IssuedToken:
    device = msgspec.convert(row.device, NewDevice)
    await devices.save(tx, user_id=row.user_id, device=device, now=now)
    secret = credentials.new_secret("wat")
    digest = credentials.secret_digest("wat", secret)
    values = {"id": row.id, "digest": digest, "expires_at": now + LIFE, "now": now}
    await tx.execute(_APPROVE, values)
    return IssuedToken(Token(row.id, row.user_id, "approved", "", now + LIFE), secret)


async def status(tx: Tx, *, token_id: UUID, now: datetime) -> Token:
    """What has become of a login (Memento, Get authentication token status).

    Public to whoever knows the id. Raises TokenNotFound.
    """
    return (await _read(tx, _FIND, token_id)).shown(now)


async def _read(tx: Tx, query: str, token_id: UUID) -> _Row:
    async with tx.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(query, {"id": token_id})
        row = await cursor.fetchone()
    if row is None:
        raise TokenNotFound
    return row


async def end_others(
    tx: Tx, *, user_id: UUID, token_id: UUID | None, session_id: UUID | None
) -> None:
    """End every session and token of the user but these: after a new PIN or password.

    Without a `session_id` all end.
    """
    await tx.execute(
        _END_OTHERS, {"user_id": user_id, "token_id": token_id, "session_id": session_id}
    )


async def prune(tx: Tx, *, now: datetime, limit: int) -> int:
    """Delete up to `limit` tokens that expired a day ago, with their sessions; how many."""
    cursor = await tx.execute(_PRUNE, {"before": now - KEPT_FOR, "limit": limit})
    return cursor.rowcount
