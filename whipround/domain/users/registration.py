"""Signing up with a username, an email and a password (later revisions, "Mobbr").

The email is proven by the link that is sent there, or by one that was: of a mail that says that
money waits.
"""

from collections.abc import Sequence
from datetime import datetime

from whipround.db.database import Database, Tx
from whipround.domain import claim_links, credentials, login_links, throttles
from whipround.domain.mailed_tokens import MailedTokenNotFound
from whipround.domain.throttles import Charge
from whipround.domain.users import signup
from whipround.domain.users.person import User
from whipround.domain.users.proofs import Proven
from whipround.domain.users.signup import NewUser
from whipround.errors import Invalid, Message, Throttled
from whipround.keyring import Keyring


async def register(
    db: Database,
    *,
    username: str,
    email: str,
    password: str,
    claim_token: str | None,
    locale: str,
    login_url: str,
    currencies: Sequence[str],
    address: str,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> User:
    """Make a user, with a wallet in `currencies`, who is mailed a link to log in by.

    The username and the email (in lower case) are checked; a token is added to the end of
    `login_url`. No link is sent to an email that was written to enough of late. The `claim_token`
    of a link that was mailed to the email proves it at once: then no other is sent. `address` is
    the client's, for limits. Raises Invalid naming what is taken, or a token that is of no use;
    Throttled, PasswordsBusy.
    """
    await throttles.charge_apart(
        db,
        [Charge(throttles.SIGN_UPS_PER_ADDRESS, address)],
        keyring=keyring,
        now=now,
        multiplier=limit_multiplier,
    )
    password_hash = await credentials.hash_password(password)
    new = NewUser(first_name=username, last_name="", username=username, email=email, locale=locale)
    async with db.transaction() as tx:
        if claim_token is not None:
            try:
                proven_email = await claim_links.use(tx, secret=claim_token, now=now)
            except MailedTokenNotFound as error:
                raise _refused() from error
            if proven_email != email:
                raise _refused()
        user = await signup.create(
            tx,
            new=new,
            proven=Proven(email=None if claim_token is None else email),
            password_hash=password_hash,
            currencies=currencies,
            keyring=keyring,
            now=now,
        )
        if claim_token is None and await _may_write(tx, email, keyring, now, limit_multiplier):
            await login_links.send(tx, user=user, url=login_url, is_new=True, now=now)
        return user


async def _may_write(
    tx: Tx, email: str, keyring: Keyring, now: datetime, limit_multiplier: int
) -> bool:
    """Whether an address has not been written to enough of late, in the name of whoever signs up.

    That keeps nobody from signing up: who is meant can ask for a link later (`email_ids`).
    """
    charge = Charge(throttles.CONFIRMATIONS_PER_RECIPIENT, email)
    try:
        await throttles.charge(tx, [charge], keyring=keyring, now=now, multiplier=limit_multiplier)
    except Throttled:
        return False
    return True


def _refused() -> Invalid:
    predicate = Message("is invalid")
    message = "Claim token is unknown, has been used or has expired, or is of another email"
    return Invalid.field("claim_token", "invalid", message, predicate)
