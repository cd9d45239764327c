"""A new password for somebody who has forgotten theirs, or never had one (Moneypool, Reset
Password).

A token is mailed to an address that its user has proven, and to no other: whoever says that an
address is theirs could otherwise be let in by whoever reads it, and the reverse. Nor to one that a
session alone has brought (`users.update`): else a stolen one would be as good as the password.
"""

from datetime import datetime

from whipround.db import outbox
from whipround.db.database import Database, Tx
from whipround.domain import credentials, external_logins, mailed_tokens, throttles, tokens
from whipround.domain.mailed_tokens import MailedTokenNotFound
from whipround.domain.throttles import Charge
from whipround.errors import Invalid, Message
from whipround.keyring import Keyring

_FIND = """
    select id, locale
    from users
    where lower(email) = %(email)s and email_verified_at is not null and email_vouched
        and status = 'active'
"""

_WRITE = """
    update users set password_hash = %(password_hash)s, updated_at = %(now)s where id = %(id)s
"""


async def ask(
    tx: Tx, *, email: str, address: str, keyring: Keyring, now: datetime, limit_multiplier: int = 1
) -> None:
    """Mail a token to whoever has proven the email (in lower case); nobody is told if there is one.

    Limits count against the email and the client's `address`, whether or not. Raises Throttled.
    """
    await throttles.charge(
        tx,
        [
            Charge(throttles.RESETS_PER_CALLER, address),
            Charge(throttles.RESETS_PER_RECIPIENT, email),
        ],
        keyring=keyring,
        now=now,
        multiplier=limit_multiplier,
    )
    row = await (await tx.execute(_FIND, {"email": email})).fetchone()
    if row is None:
        return
    user_id, locale = row
    token = await mailed_tokens.make(
        tx, kind="password_reset", user_id=user_id, email=email, now=now
    )
    message = outbox.Message("email", email, "password_reset", locale, {"token": token})
    await outbox.put(tx, [message], now=now)


async def reset(db: Database, *, reset_token: str, password: str, now: datetime) -> None:
    """Set the password of who brings the token back, and end all that they are logged in with.

    Facebook leads to them by their email only, until it is linked anew. What wrong PINs have locked
    stays so. Raises Invalid where the token is unknown, used or expired; PasswordsBusy.
    """
    try:
        # Nobody makes work for argon2 without one.
        async with db.transaction() as tx:
            await mailed_tokens.find(tx, kind="password_reset", secret=reset_token, now=now)
        password_hash = await credentials.hash_password(password)
        async with db.transaction() as tx:
            await _reset(tx, reset_token, password_hash, now)
    except MailedTokenNotFound as error:
        predicate = Message("is invalid")
        raise Invalid.field(
            "reset_token", "invalid", "Reset token is invalid", predicate
        ) from error


async def _reset(tx: Tx, reset_token: str, password_hash: str, now: datetime) -> None:
    """Raises MailedTokenNotFound."""
    _, user = await mailed_tokens.lock(tx, kind="password_reset", secret=reset_token, now=now)
    if user.email_verified_at is None:  # given up meanwhile, and said to be theirs again
        raise MailedTokenNotFound
    await mailed_tokens.use_all(tx, user_id=user.id, now=now)
    await tx.execute(_WRITE, {"password_hash": password_hash, "id": user.id, "now": now})
    await tokens.end_others(tx, user_id=user.id, token_id=None, session_id=None)
    # A link to a provider may be what somebody else has left behind, to come back by.
    await external_logins.end_all(tx, user_id=user.id)
