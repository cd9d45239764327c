"""Logging in with a link that was mailed (later revisions, "Mobbr", `send_login_link`).

A link goes to the address that its user has proven, and not to one that a session alone has
brought: whoever stole one could let themselves in for good. Whoever signs up gets the first one
before the address is proven: following it proves it.
"""

from datetime import datetime

from whipround.db import outbox
from whipround.db.database import Tx
from whipround.domain import mailed_tokens, throttles, token_logins
from whipround.domain.credentials import InvalidCredentials
from whipround.domain.mailed_tokens import LONGEST_NAME_MAILED, MailedTokenNotFound
from whipround.domain.payees import Address
from whipround.domain.readable import without_links
from whipround.domain.throttles import Charge
from whipround.domain.token_logins import LoggedIn
from whipround.domain.users.person import COLUMNS, User
from whipround.errors import Throttled
from whipround.keyring import Keyring

_IS_REACHED = "email_verified_at is not null and email_vouched and users.status = 'active'"

_FIND_BY_USERNAME = f"""
    select {COLUMNS} from users where lower(username) = %(name)s and {_IS_REACHED}
"""  # noqa: S608 (our own column names)

# In parts, as each has an index of its own.
_FIND_BY_ADDRESS = f"""
    select {COLUMNS} from users
    where lower(email) = %(address)s and %(kind)s = 'email' and {_IS_REACHED}
    union
    select {COLUMNS} from payee join users on users.id = payee.user_id
    where payee.kind = %(kind)s and payee.address = %(address)s and {_IS_REACHED}
"""  # noqa: S608


async def ask(
    tx: Tx,
    *,
    whom: str | Address | None,
    url: str,
    address: str,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> None:
    """Mail a link to `whom`, a username or an address that somebody has proven, if there is one.

    Nobody is told if there is. The token goes to the end of `url`; limits count against the
    client's `address`, and what is asked for, whether or not. Raises Throttled.
    """
    charges = [Charge(throttles.LOGIN_LINKS_PER_CALLER, address)]
    if whom is not None:
        subject = whom if isinstance(whom, str) else " ".join(whom)
        charges.append(Charge(throttles.LOGIN_LINKS_PER_RECIPIENT, subject.lower()))
    await throttles.charge(tx, charges, keyring=keyring, now=now, multiplier=limit_multiplier)
    user = await _find(tx, whom) if whom is not None else None
    if user is None or user.status_at(now) != "active":
        return
    try:
        # Whoever has many names gets no more mail for it; nor may that be seen from outside.
        async with tx.transaction():
            await _charge_mailbox(tx, user, keyring, now, limit_multiplier)
    except Throttled:
        return
    await send(tx, user=user, url=url, is_new=False, now=now)


async def _charge_mailbox(
    tx: Tx, user: User, keyring: Keyring, now: datetime, limit_multiplier: int
) -> None:
    subject = f"user {user.id}"
    await throttles.charge(
        tx,
        [Charge(throttles.LOGIN_LINKS_PER_RECIPIENT, subject)],
        keyring=keyring,
        now=now,
        multiplier=limit_multiplier,
    )


async def send(tx: Tx, *, user: User, url: str, is_new: bool, now: datetime) -> None:
    """Mail the user, who has an address, a link; `is_new` where nobody knows yet whose that is."""
    email = user.email or ""
    token = await mailed_tokens.make(tx, kind="login_link", user_id=user.id, email=email, now=now)
    name = without_links(user.username, most=LONGEST_NAME_MAILED)
    data = {"token": token, "url": f"{url}{token}", "name": name, "is_new": is_new}
    await outbox.put(tx, [outbox.Message("email", email, "login_link", user.locale, data)], now=now)


async def _find(tx: Tx, whom: str | Address) -> User | None:
    if isinstance(whom, str):
        values = {"name": whom.lower()}
        row = await (await tx.execute(_FIND_BY_USERNAME, values)).fetchone()
    else:
        kind, address = whom
        values = {"kind": kind, "address": address}
        row = await (await tx.execute(_FIND_BY_ADDRESS, values)).fetchone()
    return None if row is None else User._make(row)


async def log_in(tx: Tx, *, secret: str, now: datetime) -> LoggedIn:
    """Open a session for whoever brings the token back (Mobbr, Login with link).

    The address is theirs, and what waits for it, if it was not before. Raises MailedTokenNotFound
    where the token is unknown, used or expired, its user locked, or the address another one now;
    Invalid where somebody else has proven the address meanwhile.
    """
    token, user = await mailed_tokens.lock(tx, kind="login_link", secret=secret, now=now)
    await mailed_tokens.use(tx, token, now=now)
    user = await mailed_tokens.prove_own(tx, user, now=now)
    try:
        return await token_logins.open_for(tx, user, now=now)
    except InvalidCredentials as error:
        raise MailedTokenNotFound from error
