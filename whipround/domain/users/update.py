"""Changing what is known of the current user (Memento, Update the current user).

A stolen session alone takes over nothing: a new PIN, password, phone or email needs the current PIN
or password, or a verification.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeVar

from msgspec import UNSET, UnsetType

from whipround.db.database import Database, Tx
from whipround.domain import (
    claims,
    credentials,
    devices,
    mailed_tokens,
    payees,
    throttles,
    tokens,
)
from whipround.domain.credentials import (
    InvalidCredentials,
    InvalidPin,
    PinState,
    UserLocked,
    judge_pin,
)
from whipround.domain.devices import DeviceChange
from whipround.domain.images import giving
from whipround.domain.images.giving import Picture
from whipround.domain.payees import Address
from whipround.domain.sessions import Session
from whipround.domain.throttles import Charge
from whipround.domain.users import person, uniqueness
from whipround.domain.users.person import COLUMNS, User
from whipround.domain.users.proofs import Proof, Proven, consume_all
from whipround.errors import Invalid, Unauthenticated
from whipround.keyring import Keyring

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChange:
    """What to change; what is unset stays. Texts are checked, addresses normalised.

    A `pin` that comes without any other proof is the current PIN, as older clients send it;
    otherwise it is the new one. None takes a phone, email, date of birth or picture away.
    """

    first_name: str | UnsetType = UNSET
    last_name: str | UnsetType = UNSET
    username: str | UnsetType = UNSET
    email: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    country: str | UnsetType = UNSET
    timezone: str | UnsetType = UNSET
    locale: str | UnsetType = UNSET
    date_of_birth: date | UnsetType | None = UNSET
    preferences: str | UnsetType = UNSET
    meta: str | UnsetType = UNSET
    picture: Picture | UnsetType | None = UNSET
    pin: str | None = field(default=None, repr=False)
    current_pin: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    current_password: str | None = field(default=None, repr=False)
    proofs: Sequence[Proof] = ()
    device: DeviceChange | None = None


@dataclass(frozen=True, slots=True)
class Passwords:
    """What was worked out of the passwords of a change, ahead of its transaction.

    `checked_hash` is the stored hash that the current password was found to be right for.
    """

    new_hash: str | None = None
    checked_hash: str | None = None

    def prove(self, user: User) -> bool:
        """Whether the current password was right, and is still the user's."""
        return self.checked_hash is not None and self.checked_hash == user.password_hash


async def check_passwords(
    db: Database,
    *,
    user: User,
    change: UserChange,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> Passwords:
    """The slow part of an update, done while no transaction is open.

    A wrong current password is noticed by `update`. Raises Throttled, PasswordsBusy.
    """
    checked_hash = new_hash = None
    if change.current_password is not None:
        await throttles.charge_apart(
            db,
            [Charge(throttles.PASSWORDS_PER_USER, str(user.id))],
            keyring=keyring,
            now=now,
            multiplier=limit_multiplier,
        )
        verdict = await credentials.verify_password(user.password_hash, change.current_password)
        if verdict.ok:
            checked_hash = user.password_hash
    if change.password is not None:
        new_hash = await credentials.hash_password(change.password)
    return Passwords(new_hash, checked_hash)


# An address that only a session vouches for is proven, but lets nobody into the account.
_WRITE = f"""
    update users
    set email_vouched = case
            when %(vouches)s then true
            else email_vouched
                and (email, email_verified_at)
                    is not distinct from (%(email)s, %(email_verified_at)s)
        end,
        first_name = %(first_name)s, last_name = %(last_name)s, username = %(username)s,
        country = %(country)s, timezone = %(timezone)s, locale = %(locale)s,
        email = %(email)s, email_verified_at = %(email_verified_at)s,
        phone = %(phone)s, phone_verified_at = %(phone_verified_at)s,
        date_of_birth = %(date_of_birth)s, preferences = %(preferences)s, meta = %(meta)s,
        password_hash = %(password_hash)s,
        pin_digest = %(pin_digest)s, pin_failures = %(pin_failures)s, locks = %(locks)s,
        locked_until = %(locked_until)s, updated_at = %(updated_at)s
    where id = %(id)s
    returning {COLUMNS}
"""  # noqa: S608 (our own column names)

_LOGGED_IN_AT = """
    select coalesce(token.created_at, session.created_at)
    from session left join token on token.id = session.token_id
    where session.id = %(id)s
"""


class ProofLacking(Invalid):
    """Something is to change that needs a proof, and there is none."""


class SessionEnded(Unauthenticated):
    """The session was ended by another one meanwhile."""


class _PinRefused(Exception):
    """Undoes an update, but not the count of wrong PINs."""

    def __init__(self, state: PinState, error: InvalidPin | UserLocked) -> None:
        self.state = state
        self.error = error
        super().__init__()


async def update(
    tx: Tx,
    *,
    session: Session,
    change: UserChange,
    passwords: Passwords,
    keyring: Keyring,
    now: datetime,
) -> User | InvalidPin | UserLocked:
    """Change the session's user; the user as they are then.

    `passwords` come from `check_passwords`. A wrong PIN is returned, not raised: its count must be
    committed with `tx`, and nothing else was changed. A new PIN or password ends all other
    sessions. Raises InvalidCredentials for a wrong current password, Invalid naming every field
    that is wrong, taken, or lacks a proof; SessionEnded.
    """
    user = await person.lock(tx, user_id=session.user.id)
    logged_in_at = await _logged_in_at(tx, session)
    if change.current_password is not None and not passwords.prove(user):
        raise InvalidCredentials
    request = _Request(user, session, logged_in_at, change, passwords, keyring, now)
    try:
        async with tx.transaction():
            return await _update(tx, request)
    except _PinRefused as refused:
        await credentials.write_pin(tx, user_id=user.id, state=refused.state)
        return refused.error


@dataclass(frozen=True, slots=True)
class _Request:
    """A change to a locked user, whose current password is right if one was given."""

    user: User
    session: Session
    logged_in_at: datetime
    change: UserChange
    passwords: Passwords
    keyring: Keyring
    now: datetime


@dataclass(frozen=True, slots=True)
class _Authority:
    """What a request proves about who makes it, and the PIN it sets."""

    proven: Proven
    knows_secret: bool
    reads_own_messages: bool
    new_pin: str | None
    pin_state: PinState

    @property
    def vouches(self) -> bool:
        """Whether it is the user who makes it, and not whoever has stolen their session."""
        return self.knows_secret or self.reads_own_messages


async def _logged_in_at(tx: Tx, session: Session) -> datetime:
    """When the session's login began. Raises SessionEnded: it may have ended before the lock."""
    row = await (await tx.execute(_LOGGED_IN_AT, {"id": session.id})).fetchone()
    if row is None:
        raise SessionEnded
    moment: datetime = row[0]
    return moment


async def _update(tx: Tx, request: _Request) -> User:
    user, session, change, now = request.user, request.session, request.change, request.now
    authority = await _authority(tx, request)
    new = _changed(request, authority)
    _check_authority(request, authority, new)
    await _check_free(tx, user, new)
    if not isinstance(change.picture, UnsetType):
        await giving.change(
            tx,
            owner_id=user.id,
            object_type="user",
            object_id=user.id,
            picture=change.picture,
            now=now,
        )
    with uniqueness.as_field_errors():
        values = {**new._asdict(), "vouches": authority.vouches}
        [row] = await (await tx.execute(_WRITE, values)).fetchall()
    await _move_addresses(tx, user, new, now)
    if change.device is not None:
        await devices.update(
            tx,
            user_id=user.id,
            device_id=session.device,
            change=change.device,
            field="device.id",
            now=now,
        )
    if authority.new_pin is not None or change.password is not None:
        await tokens.end_others(
            tx, user_id=user.id, token_id=session.token_id, session_id=session.id
        )
        await mailed_tokens.use_all(tx, user_id=user.id, now=now)
    return User._make(row)


async def _authority(tx: Tx, request: _Request) -> _Authority:
    """Raises _PinRefused for a wrong PIN, Invalid for a verification that is of no use."""
    user, change, now = request.user, request.change, request.now
    proven = await consume_all(
        tx,
        change.proofs,
        phone=_or(change.phone, None),
        email=_or(change.email, None),
        user_id=user.id,
        now=now,
    )
    knows_password = change.current_password is not None
    reads_own_messages = _is_own(request, proven)
    pin_is_new = change.current_pin is not None or knows_password or reads_own_messages
    current_pin = change.current_pin if pin_is_new else change.pin
    state = user.pin_state
    if current_pin is not None:
        verdict = judge_pin(state, request.keyring.pin(user.id, current_pin), now)
        if verdict.error is not None:
            raise _PinRefused(verdict.state, verdict.error)
        state = verdict.state
    return _Authority(
        proven=proven,
        knows_secret=knows_password or current_pin is not None,
        reads_own_messages=reads_own_messages,
        new_pin=change.pin if pin_is_new else None,
        pin_state=state,
    )


def _is_own(request: _Request, proven: Proven) -> bool:
    """Whether an address was proven that was the user's already when this session's login began.

    One that came later might have been brought by whoever stole the session.
    """
    user = request.user
    verified_at = [
        moment
        for moment, own, shown in (
            (user.phone_verified_at, user.phone, proven.phone),
            (user.email_verified_at, user.email, proven.email),
        )
        if moment is not None and shown is not None and shown == own
    ]
    return any(moment <= request.logged_in_at for moment in verified_at)


def _changed(request: _Request, authority: _Authority) -> User:
    """The user as the request would have them."""
    user, change, proven = request.user, request.change, authority.proven
    phone, phone_verified_at = _address(
        (user.phone, user.phone_verified_at), change.phone, proven.phone, request.now
    )
    email, email_verified_at = _address(
        (user.email, user.email_verified_at), change.email, proven.email, request.now
    )
    pin, state = authority.new_pin, authority.pin_state
    return user._replace(
        first_name=_or(change.first_name, user.first_name),
        last_name=_or(change.last_name, user.last_name),
        username=_or(change.username, user.username),
        country=_or(change.country, user.country),
        timezone=_or(change.timezone, user.timezone),
        locale=_or(change.locale, user.locale),
        email=email,
        email_verified_at=email_verified_at,
        phone=phone,
        phone_verified_at=phone_verified_at,
        date_of_birth=_or(change.date_of_birth, user.date_of_birth),
        preferences=_or(change.preferences, user.preferences),
        meta=_or(change.meta, user.meta),
        password_hash=request.passwords.new_hash or user.password_hash,
        pin_digest=state.pin_digest if pin is None else request.keyring.pin(user.id, pin),
        pin_failures=state.failures,
        locks=state.locks,
        locked_until=state.locked_until,
        updated_at=request.now,
    )


def _address(
    old: tuple[str | None, datetime | None],
    given: str | UnsetType | None,
    proven: str | None,
    now: datetime,
) -> tuple[str | None, datetime | None]:
    """An address and since when it is verified, after the change."""
    address, verified_at = old
    if proven is not None:
        return proven, verified_at if address == proven and verified_at else now
    if given in (UNSET, address):
        return old
    return _or(given, None), None


def _check_authority(request: _Request, authority: _Authority, new: User) -> None:
    """Raise Invalid when something is to change that the request does not entitle to."""
    user, change, proven = request.user, request.change, authority.proven
    if authority.knows_secret:
        return
    wants_secret = change.password is not None or change.pin is not None
    lacking = wants_secret and not authority.reads_own_messages
    lacking = lacking or (new.phone != user.phone and proven.phone is None)
    lacking = lacking or (new.email != user.email and proven.email is None)
    if lacking:
        message = "Current pin is required, or the current password, or a verification"
        raise ProofLacking.field("current_pin", "required", message)


async def _check_free(tx: Tx, user: User, new: User) -> None:
    """Raise Invalid naming what is another user's, of that which changes."""
    phone_changes = (new.phone, new.phone_verified_at) != (user.phone, user.phone_verified_at)
    email_changes = (new.email, new.email_verified_at) != (user.email, user.email_verified_at)
    await uniqueness.check(
        tx,
        username=new.username,
        phone=new.phone if phone_changes else None,
        email=new.email if email_changes else None,
        except_id=user.id,
    )


async def _move_addresses(tx: Tx, user: User, new: User, now: datetime) -> None:
    """Give up the payees of addresses that are the user's no longer, and claim the new ones."""
    before, after = _payees(user), _payees(new)
    # All payees are locked before any account is: the order that the money path keeps.
    await payees.lock_payees(tx, before ^ after, now=now)
    for kind, address in sorted(before - after):
        await claims.release_address(tx, user_id=user.id, kind=kind, address=address, now=now)
    await claims.prove(tx, user_id=user.id, addresses=after - before, now=now)


def _payees(user: User) -> set[Address]:
    """The addresses that are proven to be the user's."""
    found: set[Address] = set()
    if user.phone is not None and user.phone_verified_at is not None:
        found.add(("phone", user.phone))
    if user.email is not None and user.email_verified_at is not None:
        found.add(("email", user.email))
    return found


def _or(value: Value | UnsetType, default: Value) -> Value:
    return default if isinstance(value, UnsetType) else value
