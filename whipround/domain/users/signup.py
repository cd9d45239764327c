"""Signing up (Memento, Create a user – signup)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from uuid_utils.compat import uuid7

from whipround.db.database import Database, Tx
from whipround.domain import claims, credentials, throttles, tokens
from whipround.domain.devices import NewDevice
from whipround.domain.funding.wallet import open_wallet
from whipround.domain.images import giving
from whipround.domain.images.giving import Picture
from whipround.domain.phones import country_of_phone
from whipround.domain.throttles import Charge
from whipround.domain.tokens import IssuedToken
from whipround.domain.users import uniqueness
from whipround.domain.users.person import COLUMNS, User
from whipround.domain.users.proofs import Proof, Proven, consume_all
from whipround.errors import Invalid
from whipround.keyring import Keyring


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """What a person says of themselves; texts are checked, addresses normalised.

    `phone` is an E.164 number and `email` in lower case; either may be None. Without a `country` it
    is the phone's. Without a `pin` nothing that asks for one can be done, until one is chosen.
    """

    first_name: str
    last_name: str
    username: str
    pin: str | None = field(default=None, repr=False)
    email: str | None = None
    phone: str | None = None
    password: str | None = field(default=None, repr=False)
    country: str | None = None
    timezone: str = "UTC"
    locale: str = "en"
    date_of_birth: date | None = None
    preferences: str = "{}"
    meta: str = ""
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class SignedUp:
    """A new user, and the token they are logged in with."""

    user: User
    token: IssuedToken


_INSERT = f"""
    insert into users (id, status, first_name, last_name, username, country, timezone, locale,
        email, email_verified_at, phone, phone_verified_at, date_of_birth, preferences, meta,
        password_hash, pin_digest, created_at, updated_at)
    values (%(id)s, 'active', %(first_name)s, %(last_name)s, %(username)s, %(country)s,
        %(timezone)s, %(locale)s, %(email)s, %(email_verified_at)s, %(phone)s,
        %(phone_verified_at)s, %(date_of_birth)s, %(preferences)s, %(meta)s,
        %(password_hash)s, %(pin_digest)s, %(now)s, %(now)s)
    returning {COLUMNS}
"""  # noqa: S608 (our own column names)


async def sign_up(
    db: Database,
    *,
    new: NewUser,
    proofs: Sequence[Proof],
    device: NewDevice,
    currencies: Sequence[str],
    address: str,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> SignedUp:
    """Make a user, with a wallet in `currencies`, all money that waits for them, and a token.

    `proofs` are verifications that nobody was logged in for, at least one; an address they prove
    and `new` does not give becomes the user's. `address` is the client's, for limits. Raises
    Invalid naming every field that is wrong, taken or not proven; Throttled; PasswordsBusy.
    """
    if not proofs:
        raise Invalid.field(
            "verifications", "required", "Verifications must prove a phone or an email"
        )
    await throttles.charge_apart(
        db,
        [Charge(throttles.SIGN_UPS_PER_ADDRESS, address)],
        keyring=keyring,
        now=now,
        multiplier=limit_multiplier,
    )
    password_hash = await credentials.hash_password(new.password) if new.password else None
    async with db.transaction() as tx:
        proven = await consume_all(
            tx, proofs, phone=new.phone, email=new.email, user_id=None, now=now
        )
        user = await create(
            tx,
            new=new,
            proven=proven,
            password_hash=password_hash,
            currencies=currencies,
            keyring=keyring,
            now=now,
        )
        token = await tokens.issue(
            tx, user_id=user.id, authenticator="signup", device=device, now=now
        )
    return SignedUp(user, token)


async def create(
    tx: Tx,
    *,
    new: NewUser,
    proven: Proven,
    password_hash: str | None,
    currencies: Sequence[str],
    keyring: Keyring,
    now: datetime,
) -> User:
    """Make a user whose addresses have been `proven`, with a wallet and what waits for them.

    Raises Invalid naming every field that is taken.
    """
    user_id = uuid7()
    phone, email = proven.phone or new.phone, proven.email or new.email
    await uniqueness.check(tx, username=new.username, phone=phone, email=email, except_id=None)
    values = {
        "id": user_id,
        "first_name": new.first_name,
        "last_name": new.last_name,
        "username": new.username,
        "country": new.country or (country_of_phone(phone) if phone else ""),
        "timezone": new.timezone,
        "locale": new.locale,
        "email": email,
        "email_verified_at": now if proven.email else None,
        "phone": phone,
        "phone_verified_at": now if proven.phone else None,
        "date_of_birth": new.date_of_birth,
        "preferences": new.preferences,
        "meta": new.meta,
        "password_hash": password_hash,
        "pin_digest": None if new.pin is None else keyring.pin(user_id, new.pin),
        "now": now,
    }
    with uniqueness.as_field_errors():
        [row] = await (await tx.execute(_INSERT, values)).fetchall()
    await open_wallet(tx, user_id=user_id, currencies=currencies, now=now)
    await claims.prove(tx, user_id=user_id, addresses=proven.addresses, now=now)
    await giving.give(
        tx,
        owner_id=user_id,
        object_type="user",
        object_id=user_id,
        picture=new.picture,
        now=now,
    )
    return User._make(row)
