"""Further addresses that a person is paid at (later revisions, "Mobbr", `email_id`).

A person's profile has one email. Whoever proves others has what is paid to them, by the payee's
row alone: it lets nobody in, and nobody else sees it. The first one is that of the profile.
"""

from datetime import datetime
from uuid import UUID

from whipround.db import outbox
from whipround.db.database import Database, Tx
from whipround.domain import claim_links, claims, mailed_tokens, throttles
from whipround.domain.mailed_tokens import LONGEST_NAME_MAILED, MailedTokenNotFound
from whipround.domain.readable import without_links
from whipround.domain.throttles import Charge
from whipround.domain.users import person, uniqueness
from whipround.domain.users.person import User
from whipround.errors import Invalid, Message
from whipround.keyring import Keyring

_IS_OWN = """
    select exists (
        select from payee
        where kind = 'email' and address = %(email)s and user_id = %(user_id)s
    )
"""

_GIVE_FIRST = """
    update users
    set email = %(email)s, email_verified_at = %(now)s, email_vouched = %(vouched)s,
        updated_at = %(now)s
    where id = %(id)s
"""


async def count(
    db: Database, *, user_id: UUID, keyring: Keyring, now: datetime, limit_multiplier: int = 1
) -> None:
    """Count that the user asks for an address, whatever comes of it. Raises Throttled.

    Whoever asks is told which are those of somebody's profile.
    """
    await throttles.charge_apart(
        db,
        [Charge(throttles.CONFIRMATIONS_PER_USER, str(user_id))],
        keyring=keyring,
        now=now,
        multiplier=limit_multiplier,
    )


async def ask(
    tx: Tx,
    *,
    user_id: UUID,
    email: str,
    url: str,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> None:
    """Mail the user a token that proves that the address (in lower case) is theirs, too.

    It goes to the end of `url`. That they ask is counted before, with `count`. Raises Invalid where
    they have proven it already, or it is the email of somebody else's profile; Throttled.
    """
    user = await person.lock(tx, user_id=user_id)
    values = {"user_id": user.id, "email": email}
    [[is_own]] = await (await tx.execute(_IS_OWN, values)).fetchall()
    if is_own:
        predicate = Message("is confirmed already")
        raise Invalid.field("email", "invalid", "Email is confirmed already", predicate)
    await uniqueness.check(tx, username=user.username, phone=None, email=email, except_id=user.id)
    await throttles.charge(
        tx,
        [Charge(throttles.CONFIRMATIONS_PER_RECIPIENT, email)],
        keyring=keyring,
        now=now,
        multiplier=limit_multiplier,
    )
    token = await mailed_tokens.make(tx, kind="email_id", user_id=user.id, email=email, now=now)
    name = without_links(user.full_name, most=LONGEST_NAME_MAILED)
    data = {"token": token, "url": f"{url}{token}", "name": name}
    await outbox.put(tx, [outbox.Message("email", email, "email_id", user.locale, data)], now=now)


async def confirm(
    tx: Tx, *, user_id: UUID, secret: str, knows_password: bool, now: datetime
) -> User:
    """The address that the token went to is the user's from now on, and what waits for it.

    The token is the user's own, or of a link that says that money waits. `knows_password` is
    whether the user has shown it: an email that only a session brings lets nobody in. Raises
    MailedTokenNotFound; Invalid where the address is that of somebody else's profile.
    """
    user = await person.lock(tx, user_id=user_id)
    email = await _proven(tx, user, secret, now)
    if user.email == email:
        return await mailed_tokens.prove_own(tx, user, now=now)
    await uniqueness.check(tx, username=user.username, phone=None, email=email, except_id=user.id)
    if user.email is None:
        values = {"id": user.id, "email": email, "vouched": knows_password, "now": now}
        with uniqueness.as_field_errors():
            await tx.execute(_GIVE_FIRST, values)
    await claims.prove(tx, user_id=user.id, addresses=[("email", email)], now=now)
    return await person.find(tx, user_id=user.id)


async def _proven(tx: Tx, user: User, secret: str, now: datetime) -> str:
    """The address that the token proves, which is used up. Raises MailedTokenNotFound."""
    try:
        found = await mailed_tokens.find(tx, kind="email_id", secret=secret, now=now)
    except MailedTokenNotFound:
        return await claim_links.use(tx, secret=secret, now=now)
    if found.user_id != user.id:
        raise MailedTokenNotFound
    token, _ = await mailed_tokens.lock(tx, kind="email_id", secret=secret, now=now)
    await mailed_tokens.use(tx, token, now=now)
    return token.email
