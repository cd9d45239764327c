"""Limits on how often a thing may be tried, counted in the database and so across all processes.

Windows are fixed: a count starts anew when its window ends. What is stored is a keyed digest of
whom a limit counts against, never an address.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from whipround.db.database import Database, Tx
from whipround.errors import Throttled
from whipround.keyring import Keyring


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` times within each `window`, for every subject by itself."""

    kind: str
    count: int
    window: timedelta


# Whoever knows an address can use up its verification codes and its login codes, each for the other
# not at all, and neither for who has shown the password first.
CODES_PER_RECIPIENT = Limit("code_recipient", 5, timedelta(hours=1))
LOGIN_CODES_PER_RECIPIENT = Limit("login_code_recipient", 5, timedelta(hours=1))
PASSWORD_CODES_PER_USER = Limit("password_code_user", 5, timedelta(hours=1))
CODES_PER_CALLER = Limit("code_caller", 20, timedelta(hours=1))
LOGINS_PER_IDENTITY = Limit("login_identity", 10, timedelta(minutes=15))
LOGINS_PER_ADDRESS = Limit("login_address", 100, timedelta(minutes=15))
PASSWORDS_PER_USER = Limit("password_user", 10, timedelta(minutes=15))
SIGN_UPS_PER_ADDRESS = Limit("sign_up_address", 20, timedelta(hours=1))
DOCUMENTS_PER_USER = Limit("document_user", 5, timedelta(days=1))
SOURCES_PER_USER = Limit("source_user", 20, timedelta(days=1))
UPLOADS_PER_USER = Limit("upload_user", 100, timedelta(hours=1))
REQUESTS_PER_USER = Limit("request_user", 100, timedelta(days=1))
NUMBERS_ASKED_PER_USER = Limit("asked_number_user", 100, timedelta(days=1))
POOLS_PER_USER = Limit("pool_user", 50, timedelta(days=1))
INVITATIONS_PER_USER = Limit("invitation_user", 50, timedelta(days=1))
EXPORTS_PER_USER = Limit("export_user", 20, timedelta(days=1))
CASH_ORDERS_PER_USER = Limit("cash_order_user", 20, timedelta(days=1))
CONFIRMATIONS_PER_RECIPIENT = Limit("confirmation_recipient", 5, timedelta(hours=1))
CONFIRMATIONS_PER_USER = Limit("confirmation_user", 10, timedelta(hours=1))
RESETS_PER_RECIPIENT = Limit("reset_recipient", 5, timedelta(hours=1))
RESETS_PER_CALLER = Limit("reset_caller", 20, timedelta(hours=1))

SANDBOX_MULTIPLIER = 1_000
"""How much wider every limit is in a sandbox, which nobody attacks and everybody tries out."""

KEPT_FOR = timedelta(hours=36)
"""No shorter than any window."""


@dataclass(frozen=True, slots=True)
class Charge:
    """A try to count: against which limit, for whom, and as how many."""

    limit: Limit
    subject: str
    count: int = 1


_COUNT = """
    insert into throttle (subject, window_start, count)
    select subject, window_start, count
    from unnest(%(subjects)s::bytea[], %(starts)s::timestamptz[], %(counts)s::integer[])
        as tried (subject, window_start, count)
    order by subject
    on conflict (subject, window_start) do update set count = throttle.count + excluded.count
    returning subject, count
"""

_PRUNE = """
    delete from throttle
    where (subject, window_start) in (
        select subject, window_start from throttle where window_start < %(before)s limit %(limit)s
    )
"""


async def charge(
    tx: Tx, charges: Sequence[Charge], *, keyring: Keyring, now: datetime, multiplier: int = 1
) -> None:
    """Count tries that `tx` carries out; raises Throttled when one of the limits is used up.

    `multiplier` widens every limit: a sandbox is generous. A refused try need not be counted, so it
    does no harm that its transaction is rolled back.
    """
    counted = {keyring.throttle(each.limit.kind, each.subject): each for each in charges}
    cursor = await tx.execute(
        _COUNT,
        {
            "subjects": list(counted),
            "starts": [_window_start(each.limit, now) for each in counted.values()],
            "counts": [each.count for each in counted.values()],
        },
    )
    used_up = [
        counted[subject].limit
        for subject, count in await cursor.fetchall()
        if count > counted[subject].limit.count * multiplier
    ]
    if used_up:
        ends = max(_window_start(limit, now) + limit.window for limit in used_up)
        raise Throttled(retry_after_seconds=max(1, math.ceil((ends - now).total_seconds())))


async def charge_apart(
    db: Database, charges: Sequence[Charge], *, keyring: Keyring, now: datetime, multiplier: int = 1
) -> None:
    """Count tries in a transaction of their own: they count even when what follows fails.

    Raises Throttled.
    """
    async with db.transaction() as tx:
        await charge(tx, charges, keyring=keyring, now=now, multiplier=multiplier)


def _window_start(limit: Limit, now: datetime) -> datetime:
    seconds = int(limit.window.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)


async def prune(tx: Tx, *, now: datetime, limit: int) -> int:
    """Forget up to `limit` counters of windows long past; how many there were."""
    cursor = await tx.execute(_PRUNE, {"before": now - KEPT_FOR, "limit": limit})
    return cursor.rowcount
