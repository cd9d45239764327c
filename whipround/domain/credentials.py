"""Passwords, PINs and the secrets of tokens: how each is made, stored and checked."""

import asyncio
import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Literal, TypeVar
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from psycopg.rows import class_row

from whipround.db.database import Tx
from whipround.errors import Declined, Unavailable
from whipround.keyring import Keyring

Result = TypeVar("Result")

PIN_TRIES = 5
FIRST_LOCK = timedelta(hours=1)

PASSWORD_RUNS_AT_ONCE = 2
PASSWORDS_WAITING = 64
LONGEST_PASSWORD_TRIED = 1024


class InvalidPin(Declined):
    """The PIN is wrong."""

    code = "invalid_pin"


class UserLocked(Declined):
    """The user is locked."""

    code = "user_locked"


class InvalidCredentials(Declined):
    """The credentials are wrong."""

    code = "invalid_credentials"


# PINs. They have too little entropy for a slow hash to help: a keyed digest, and few tries.


@dataclass(frozen=True, slots=True)
class PinState:
    """What is known of a user's PIN and of the tries at it, as the user's row keeps it.

    There is no digest where there is no PIN: then every PIN is wrong.
    """

    pin_digest: bytes | None
    failures: int
    locks: int
    locked_until: datetime | None


@dataclass(frozen=True, slots=True)
class PinVerdict:
    """The state to keep, and the error where the try failed."""

    state: PinState
    error: InvalidPin | UserLocked | None


def judge_pin(state: PinState, given_digest: bytes, now: datetime) -> PinVerdict:
    """What a try at a PIN comes to. Pure and cheap: it runs once per payment, over a locked row.

    Five wrong tries lock the user for an hour, and each further five for twice as long. While the
    user is locked the right PIN fails too, and no try counts.
    """
    if state.locked_until is not None and state.locked_until > now:
        return PinVerdict(state, UserLocked())
    if state.pin_digest is None:  # nothing is there to be guessed
        return PinVerdict(state, InvalidPin())
    if hmac.compare_digest(state.pin_digest, given_digest):
        if state.failures or state.locks:
            state = PinState(state.pin_digest, 0, 0, None)
        return PinVerdict(state, None)
    if state.failures + 1 < PIN_TRIES:
        return PinVerdict(replace(state, failures=state.failures + 1), InvalidPin())
    until = now + FIRST_LOCK * 2**state.locks
    return PinVerdict(PinState(state.pin_digest, 0, state.locks + 1, until), InvalidPin())


_LOCK_PIN = """
    select pin_digest, pin_failures as failures, locks, locked_until
    from users
    where id = %(user_id)s
    for no key update
"""

_WRITE_PIN = """
    update users
    set pin_failures = %(failures)s, locks = %(locks)s, locked_until = %(locked_until)s
    where id = %(user_id)s
"""


async def check_pin(
    tx: Tx, *, user_id: UUID, pin: str, keyring: Keyring, now: datetime
) -> InvalidPin | UserLocked | None:
    """Try a PIN, with the row of the user (who must exist) locked until `tx` ends.

    A failure is returned, not raised: its count must be committed, so the caller lets `tx` commit
    before it lets anybody know.
    """
    async with tx.cursor(row_factory=class_row(PinState)) as cursor:
        await cursor.execute(_LOCK_PIN, {"user_id": user_id})
        [state] = await cursor.fetchall()
    verdict = judge_pin(state, keyring.pin(user_id, pin), now)
    if verdict.state is not state:
        await write_pin(tx, user_id=user_id, state=verdict.state)
    return verdict.error


_CHOOSE_PIN = """
    update users set pin_digest = %(digest)s where id = %(user_id)s and pin_digest is null
"""


async def choose_pin(tx: Tx, *, user_id: UUID, pin: str, keyring: Keyring) -> None:
    """Give a user who has no PIN this one; whoever has one keeps it."""
    await tx.execute(_CHOOSE_PIN, {"user_id": user_id, "digest": keyring.pin(user_id, pin)})


async def write_pin(tx: Tx, *, user_id: UUID, state: PinState) -> None:
    """Keep what the tries at a PIN have come to, in a row that is locked."""
    await tx.execute(
        _WRITE_PIN,
        {
            "user_id": user_id,
            "failures": state.failures,
            "locks": state.locks,
            "locked_until": state.locked_until,
        },
    )


# Passwords. The parameters are OWASP's of least memory, for a server that shares a machine.

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


class PasswordsBusy(Unavailable):
    """Too many passwords are being checked right now; it is safe to repeat this request."""


class _Threads:
    """The few threads in which argon2 runs, with a bounded line before them."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(PASSWORD_RUNS_AT_ONCE, thread_name_prefix="argon2")
        self._inside = 0

    async def run(self, work: Callable[[], Result]) -> Result:
        if self._inside >= PASSWORD_RUNS_AT_ONCE + PASSWORDS_WAITING:
            raise PasswordsBusy
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._inside -= 1


_THREADS = _Threads()


@dataclass(frozen=True, slots=True)
class PasswordVerdict:
    """Whether the password is right, and the hash to store instead if the old one is outdated."""

    ok: bool
    new_hash: str | None = None


async def hash_password(password: str) -> str:
    """The argon2id hash to store. Raises PasswordsBusy."""
    return await _THREADS.run(partial(_hash, password))


async def verify_password(password_hash: str | None, password: str) -> PasswordVerdict:
    """Check a password, in the same time when there is no hash. Raises PasswordsBusy."""
    return await _THREADS.run(partial(_verify, password_hash, password))


_REPLACE_HASH = """
    update users set password_hash = %(new)s where id = %(id)s and password_hash = %(old)s
"""


async def replace_hash(tx: Tx, *, user_id: UUID, old: str | None, new: str) -> None:
    """Keep a newer hash of the same password, unless the password has changed meanwhile."""
    await tx.execute(_REPLACE_HASH, {"new": new, "old": old, "id": user_id})


def _normalised(password: str) -> str:
    return unicodedata.normalize("NFKC", password[:LONGEST_PASSWORD_TRIED])


def _hash(password: str) -> str:
    return _HASHER.hash(_normalised(password))


@cache
def _hash_of_nobody() -> str:
    return _HASHER.hash(secrets.token_urlsafe(32))


def _verify(password_hash: str | None, password: str) -> PasswordVerdict:
    nobody = _hash_of_nobody()
    try:
        _HASHER.verify(password_hash or nobody, _normalised(password))
    except (VerificationError, InvalidHashError):
        return PasswordVerdict(ok=False)
    if password_hash is None:
        return PasswordVerdict(ok=False)
    outdated = _HASHER.check_needs_rehash(password_hash)
    return PasswordVerdict(ok=True, new_hash=_hash(password) if outdated else None)


# Secrets of tokens: random enough for a plain digest.

SecretKind = Literal["wat", "wst", "wmp", "wmb", "wml", "wos"]
"""What a secret opens: `wat` is Memento's authentication token, `wst` its session token, `wmp` what
Moneypool is called with and `wmb` Mobbr, `wml` goes into a link that is mailed, `wos` to a provider
and back when somebody proves who they are there."""


def new_secret(kind: SecretKind) -> str:
    """256 random bits, marked with what they are for, so that no kind passes for another."""
    return f"{kind}_{secrets.token_urlsafe(32)}"


def secret_digest(kind: SecretKind, secret: str) -> bytes | None:
    """The SHA-256 under which a secret is kept; None for what is no secret of this kind."""
    if not secret.startswith(f"{kind}_"):
        return None
    return hashlib.sha256(secret.encode()).digest()


def new_code() -> str:
    """A one-time code of six digits."""
    return f"{secrets.randbelow(1_000_000):06}"
