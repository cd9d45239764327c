"""Proving a profile that somebody has elsewhere (later revisions, "Mobbr", `oauth_id`).

Whoever is to prove one is sent to the site with a state, and comes back with it: it is theirs
alone, for a while and once. What shows the site that it is still them (RFC 7636) is kept sealed.
"""

from datetime import datetime, timedelta
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain import claims, credentials, throttles
from whipround.domain.throttles import Charge
from whipround.domain.users import person
from whipround.errors import FieldError, Invalid, Message
from whipround.keyring import Keyring

LIFE = timedelta(minutes=15)


class StateRefused(Invalid):
    """The state is unknown, has been used or has expired, or is somebody else's."""

    def __init__(self) -> None:
        predicate = Message("is invalid")
        message = "State is unknown, has been used or has expired: ask for another address"
        super().__init__([FieldError("state", "invalid", message, predicate)])


_INSERT = """
    insert into oauth_login (digest, provider, user_id, verifier, expires_at, created_at)
    values (%(digest)s, %(provider)s, %(user_id)s, %(verifier)s, %(expires_at)s, %(now)s)
"""

_TAKE = """
    delete from oauth_login
    where digest = %(digest)s and provider = %(provider)s and user_id = %(user_id)s
        and expires_at > %(now)s
    returning verifier
"""

_PRUNE = """
    delete from oauth_login
    where digest in (
        select digest from oauth_login where expires_at <= %(now)s limit %(limit)s
    )
"""


async def begin(
    tx: Tx,
    *,
    user_id: UUID,
    provider: str,
    verifier: str,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> str:
    """The state that the user is sent to the provider with. Raises Throttled."""
    await throttles.charge(
        tx,
        [Charge(throttles.PROFILES_PER_USER, str(user_id))],
        keyring=keyring,
        now=now,
        multiplier=limit_multiplier,
    )
    state = credentials.new_secret("wos")
    await tx.execute(
        _INSERT,
        {
            "digest": credentials.secret_digest("wos", state),
            "provider": provider,
            "user_id": user_id,
            "verifier": keyring.seal(user_id, verifier),
            "expires_at": now + LIFE,
            "now": now,
        },
    )
    return state


async def take(
    tx: Tx, *, user_id: UUID, provider: str, state: str, keyring: Keyring, now: datetime
) -> str:
    """The verifier that belongs to the state, which is used up. Raises StateRefused."""
    cursor = await tx.execute(
        _TAKE,
        {
            "digest": credentials.secret_digest("wos", state),
            "provider": provider,
            "user_id": user_id,
            "now": now,
        },
    )
    row = await cursor.fetchone()
    if row is None:
        raise StateRefused
    return keyring.unseal(user_id, row[0])


async def prove(tx: Tx, *, user_id: UUID, url: str, now: datetime) -> None:
    """The profile at the (canonical) address is the user's, whoever had it before.

    What waits for it is theirs. Raises PersonNotFound.
    """
    await person.lock(tx, user_id=user_id)
    await claims.prove(tx, user_id=user_id, addresses=[("profile", url)], now=now)


async def prune(tx: Tx, *, now: datetime, limit: int) -> int:
    """Delete up to `limit` states whose time is over; how many there were."""
    return (await tx.execute(_PRUNE, {"now": now, "limit": limit})).rowcount
