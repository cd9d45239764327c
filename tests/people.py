"""Makers of people, and of what they have proven."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import count
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db.database import Database, Tx
from whipround.domain import credentials, sessions, tokens, verifications
from whipround.domain.devices import NewDevice
from whipround.domain.sessions import OpenedSession, Session
from whipround.domain.tokens import IssuedToken
from whipround.domain.users import signup
from whipround.domain.users.person import User
from whipround.domain.users.proofs import Proven
from whipround.domain.users.signup import NewUser
from whipround.domain.verifications import CodeType
from whipround.keyring import Keyring

PIN = "1234"
CURRENCIES = ("EUR", "MXN")

_numbers = count(1)


def new_phone() -> str:
    """An E.164 number that no other test uses."""
    return f"+4477009{next(_numbers):05}"


def new_email() -> str:
    """An email address that no other test uses."""
    return f"person{next(_numbers)}@example.com"


def new_device(**given: Any) -> NewDevice:
    """A device never seen before."""
    device: dict[str, Any] = {
        "id": uuid7(),
        "make": "iPhone",
        "model": "iPhone6,2",
        "os_name": "iOS",
        "os_version": "8.0",
    }
    return NewDevice(**{**device, **given})


def new_user(**given: Any) -> NewUser:
    """What somebody says of themselves at sign-up."""
    number = next(_numbers)
    said: dict[str, Any] = {
        "first_name": "John",
        "last_name": "Dough",
        "username": f"john{number}",
        "pin": PIN,
    }
    return NewUser(**{**said, **given})


@cache
def hash_of(password: str) -> str:
    """What is stored of a password: the same for all who have it, as hashing takes its time."""
    return credentials._hash(password)


async def make_user(
    db: Database,
    *,
    keyring: Keyring,
    now: datetime,
    proven: Proven | None = None,
    password_hash: str | None = None,
    **given: Any,
) -> User:
    """A user with a wallet, by default with a proven phone."""
    async with db.transaction() as tx:
        return await signup.create(
            tx,
            new=new_user(**given),
            proven=proven or Proven(phone=new_phone()),
            password_hash=password_hash,
            currencies=CURRENCIES,
            keyring=keyring,
            now=now,
        )


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A user with a token and a session."""

    user: User
    token: IssuedToken
    opened: OpenedSession
    session: Session


async def log_in(
    db: Database, user: User, *, now: datetime, device: NewDevice | None = None
) -> LoggedIn:
    """Have the user logged in, on a new device if none is given."""
    async with db.transaction() as tx:
        token = await tokens.issue(
            tx, user_id=user.id, authenticator="signup", device=device or new_device(), now=now
        )
        opened = await sessions.open_session(tx, token_secret=token.secret, now=now)
        session = await find_session(tx, opened.secret, now=now)
    assert session is not None
    return LoggedIn(user, token, opened, session)


async def find_session(tx: Tx, secret: str, *, now: datetime) -> Session | None:
    """The session of this secret, if it is good."""
    digest = sessions.digest(secret)
    assert digest is not None
    return (await sessions.find(tx, [digest], now=now)).get(digest)


async def last_code(db: Database, recipient: str) -> str:
    """The code in the newest message to the recipient, be it delivered already."""
    async with db.transaction() as tx:
        cursor = await tx.execute(
            """
            select data->>'code' from (
                select id, recipient, data from outbox
                union all
                select id, recipient, data from sandbox_message
            )
            where recipient = %s and data ? 'code' order by id desc limit 1
            """,
            (recipient,),
        )
        [[code]] = await cursor.fetchall()
    return str(code)


async def make_verification(
    db: Database,
    *,
    keyring: Keyring,
    now: datetime,
    recipient: str,
    user_id: UUID | None = None,
    kind: CodeType | None = None,
) -> UUID:
    """An approved verification of the recipient, not used yet."""
    kind = kind or ("email" if "@" in recipient else "sms")
    async with db.transaction() as tx:
        asked = await verifications.request(
            tx,
            user_id=user_id,
            address="192.0.2.1",
            kind=kind,
            recipient=recipient,
            event="signup",
            locale="en",
            keyring=keyring,
            now=now,
            limit_multiplier=1000,
        )
    code = await last_code(db, recipient)
    async with db.transaction() as tx:
        approved = await verifications.provide(
            tx, verification_id=asked.id, user_id=user_id, code=code, keyring=keyring, now=now
        )
    assert approved.status == "approved"
    return approved.id
