"""Who calls with a name and a password in each request (later revisions, "Mobbr", "HTTP Basic").

Checking a password is made to be slow. One that was found to be right is remembered for a minute,
by a keyed digest that takes in the hash which the user's row has now: so a new password ends what
is remembered of the old one in every process, and nothing is remembered of wrong ones.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from whipround.db.batch import Batcher
from whipround.db.database import Database, Tx
from whipround.domain import credentials, emails, sessions, throttles
from whipround.domain.credentials import InvalidCredentials
from whipround.domain.sessions import Session
from whipround.domain.throttles import Charge
from whipround.domain.users.person import COLUMNS, User
from whipround.keyring import Keyring

REMEMBERED_SECONDS = 60.0

MOST_KNOWN = 10_000
"""How many right passwords are known again, so that their next check costs no try."""

_NOBODY = UUID(int=0)

_NEVER = datetime.max.replace(tzinfo=UTC)

_USERNAME = re.compile(r"[a-z0-9._-]{1,100}", re.ASCII)

# Each part has a unique index of its own.
_FIND = f"""
    select lower(users.username), wallet.id, {COLUMNS}
    from users join funding_source as wallet on wallet.user_id = users.id
    where lower(users.username) = any(%(usernames)s) and wallet.type = 'virtual'
    union all
    select lower(users.email), wallet.id, {COLUMNS}
    from users join funding_source as wallet on wallet.user_id = users.id
    where lower(users.email) = any(%(emails)s) and email_verified_at is not null
        and wallet.type = 'virtual'
"""  # noqa: S608 (our own column names)


class BasicAuth:
    """Checks the credentials of calls, for one product."""

    def __init__(
        self,
        db: Database,
        keyring: Keyring,
        *,
        sessions: Batcher[bytes, Session | None],
        limit_multiplier: int = 1,
    ) -> None:
        """`sessions` finds a session by its digest."""
        self._db = db
        self._keyring = keyring
        self._sessions = sessions
        self._limit_multiplier = limit_multiplier
        self._people = Batcher(db, _find, reads_only=True)
        # When each was last found to be right; the latest at the end.
        self._known: OrderedDict[bytes, float] = OrderedDict()
        self._checks: dict[bytes, asyncio.Task[None]] = {}

    async def check(self, username: str, password: str, *, address: str, now: datetime) -> Session:
        """The session of a call with these credentials; `address` is the client's, for limits.

        Without a `username` the password is a token that somebody has logged in with; else it is
        that of the user of this name, or of whoever has proven this email. Who shows a password has
        no row in `session`: its id is the user's.

        Raises InvalidCredentials, alike and in the same time for a wrong password, for nobody, and
        for a user who is locked or not active; Throttled, PasswordsBusy. A password that was right
        before costs no try.
        """
        if not username:
            return await self._by_token(password, now)
        identity = _identity(username)
        found = await self._people.submit(identity) if identity else None
        if found is not None and found.user.status_at(now) != "active":
            found = None
        key = self._keyring.password(
            found.user.id if found else _NOBODY,
            (found.user.password_hash or "") if found else username,
            password,
        )
        checked_at = self._known.get(key)
        loop_time = asyncio.get_running_loop().time()
        if checked_at is None or loop_time - checked_at >= REMEMBERED_SECONDS:
            kind = "email" if "@" in username else "username"
            tries = [
                Charge(throttles.LOGINS_PER_ADDRESS, address),
                Charge(throttles.LOGINS_PER_IDENTITY, f"{kind} {identity or username.lower()}"),
            ]
            await self._verify(key, found, password, tries, now)
        if found is None:  # nobody's password is ever right
            raise InvalidCredentials
        return found

    async def drain(self) -> None:
        """Wait until all that was begun has been answered."""
        await self._people.drain()
        while self._checks:
            await asyncio.wait(self._checks.values())

    async def _by_token(self, token: str, now: datetime) -> Session:
        """Raises InvalidCredentials."""
        digest = sessions.login_digest(token, kind="wmb")
        session = await self._sessions.submit(digest) if digest else None
        if session is None:
            raise InvalidCredentials
        if sessions.is_due(session, now=now):
            async with self._db.transaction() as tx:
                return await sessions.prolong(tx, session=session, now=now)
        return session

    async def _verify(
        self,
        key: bytes,
        found: Session | None,
        password: str,
        tries: Sequence[Charge],
        now: datetime,
    ) -> None:
        """Check a password once for all who ask for the same meanwhile. Raises as `check` does."""
        check = self._checks.get(key)
        if check is None:
            check = asyncio.create_task(self._check(key, found, password, tries, now))
            self._checks[key] = check
            check.add_done_callback(lambda done: self._forget(key, done))
        # Who hangs up takes nothing from the others.
        await asyncio.shield(check)

    async def _check(
        self,
        key: bytes,
        found: Session | None,
        password: str,
        tries: Sequence[Charge],
        now: datetime,
    ) -> None:
        is_known = key in self._known
        if not is_known:
            await throttles.charge_apart(
                self._db,
                tries,
                keyring=self._keyring,
                now=now,
                multiplier=self._limit_multiplier,
            )
        old_hash = found.user.password_hash if found else None
        verdict = await credentials.verify_password(old_hash, password)
        if found is None or not verdict.ok:
            raise InvalidCredentials
        if not is_known:
            await throttles.give_back(self._db, tries, keyring=self._keyring, now=now)
        if verdict.new_hash is not None:
            async with self._db.transaction() as tx:
                await credentials.replace_hash(
                    tx, user_id=found.user.id, old=old_hash, new=verdict.new_hash
                )
        self._known[key] = asyncio.get_running_loop().time()
        self._known.move_to_end(key)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def _forget(self, key: bytes, done: "asyncio.Task[None]") -> None:
        del self._checks[key]
        if not done.cancelled():
            done.exception()  # raised to who still waits for it, if anybody does


def _identity(text: str) -> str | None:
    """What a username or an email is looked up by; None for what can be neither."""
    if "@" in text:
        return emails.normalised(text)
    lowered = text.lower()
    return lowered if _USERNAME.fullmatch(lowered) else None


async def _find(tx: Tx, identities: Sequence[str]) -> list[Session | None]:
    """Sessions as whoever is known by these names would have, whatever their status."""
    cursor = await tx.execute(
        _FIND,
        {
            "usernames": [each for each in identities if "@" not in each],
            "emails": [each for each in identities if "@" in each],
        },
        binary=True,
    )
    found: dict[str, Session] = {}
    for name, wallet_id, *columns in await cursor.fetchall():
        user = User._make(columns)
        found[name] = Session(user.id, None, None, _NEVER, wallet_id, user)
    return [found.get(identity) for identity in identities]
