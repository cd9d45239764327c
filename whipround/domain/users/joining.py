"""Signing up with a name, an email and a password (Moneypool, Create a User).

Nothing is proven yet: the email is whosever it says it is once the link that is sent there has been
followed, and so is the money that waits for it.
"""

from collections.abc import Sequence
from datetime import datetime

from whipround.db.database import Database, Tx
from whipround.domain import credentials, mailed_tokens, sessions, throttles
from whipround.domain.sessions import OpenedSession
from whipround.domain.throttles import Charge
from whipround.domain.users import naming, signup
from whipround.domain.users.person import User
from whipround.domain.users.proofs import Proven
from whipround.domain.users.signup import NewUser
from whipround.errors import Invalid
from whipround.keyring import Keyring

COUNTRY = "MX"
TIMEZONE = "America/Mexico_City"
LOCALE = "es-MX"
"""The language of somebody whose client does not say which one it is."""


async def join(
    db: Database,
    *,
    name: str,
    email: str,
    password: str,
    locale: str,
    confirmation_url: str,
    currencies: Sequence[str],
    address: str,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> tuple[User, OpenedSession]:
    """Make a user, with a wallet in `currencies`, who is logged in; the email is to be confirmed.

    The name and the email (in lower case) are checked; the link is `confirmation_url`, to whose
    path a token is added. `address` is the client's, for limits. Raises Invalid, `email` already
    taken, where somebody has proven it; Throttled, PasswordsBusy.
    """
    await throttles.charge_apart(
        db,
        [Charge(throttles.SIGN_UPS_PER_ADDRESS, address)],
        keyring=keyring,
        now=now,
        multiplier=limit_multiplier,
    )
    password_hash = await credentials.hash_password(password)
    async with db.transaction() as tx:
        user = await create(
            tx,
            name=name,
            email=email,
            is_proven=False,
            password_hash=password_hash,
            locale=locale,
            currencies=currencies,
            keyring=keyring,
            now=now,
        )
        await mailed_tokens.send_confirmation(
            tx,
            user=user,
            url=confirmation_url,
            keyring=keyring,
            now=now,
            limit_multiplier=limit_multiplier,
        )
        return user, await sessions.open_login(tx, user_id=user.id, now=now)


async def create(
    tx: Tx,
    *,
    name: str,
    email: str | None,
    is_proven: bool,
    password_hash: str | None,
    locale: str,
    currencies: Sequence[str],
    keyring: Keyring,
    now: datetime,
) -> User:
    """Make a user of this name, with a username like it, a wallet, and no PIN.

    An email that `is_proven` becomes theirs, with what waits for it. Raises Invalid, `email`
    already taken, where somebody else has proven it.
    """
    first_name, last_name = naming.split(name)
    proven = Proven(email=email if is_proven else None)
    for username in naming.usernames(name):
        new = NewUser(
            first_name=first_name,
            last_name=last_name,
            username=username,
            email=email,
            country=COUNTRY,
            timezone=TIMEZONE,
            locale=locale,
        )
        try:
            async with tx.transaction():
                return await signup.create(
                    tx,
                    new=new,
                    proven=proven,
                    password_hash=password_hash,
                    currencies=currencies,
                    keyring=keyring,
                    now=now,
                )
        except Invalid as error:
            others = [each for each in error.errors if each.field != "username"]
            if others:
                raise Invalid(others) from error
    raise AssertionError("there is always another username")
