"""Limits on how often a thing may be tried, counted in the database and so across all processes.

Windows are fixed: a count starts anew when its window ends. What is stored is a keyed digest of
whom a limit counts against, never an address.
"""

import math
from collections.abc import Mapping, Sequence
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
LOGIN_LINKS_PER_RECIPIENT = Limit("login_link_recipient", 5, timedelta(hours=1))
LOGIN_LINKS_PER_CALLER = Limit("login_link_caller", 20, timedelta(hours=1))
PROFILES_PER_USER = Limit("profile_user", 20, timedelta(hours=1))

CLAIMS_PER_ADDRESS = Limit("claim_address", 60, timedelta(hours=1))
# What waits for others and is taken back has cost its payer nothing, and had people written to.
SHARES_REVOKED_PER_USER = Limit("share_revoked_user", 1_000, timedelta(days=1))
REVOCATIONS_TOLD_PER_USER = Limit("revocation_told_user", 1_000, timedelta(days=1))

# What is to be paid may be asked of the web, and of who is here.
PREVIEWS_PER_ADDRESS = Limit("preview_address", 60, timedelta(hours=1))
PREVIEWS_PER_USER = Limit("preview_user", 300, timedelta(hours=1))
PHONE_WEIGHT = 10
"""As how many mails a message to a phone counts, where both do: it costs the product more."""

EMAILS_SHOWN_PER_ADDRESS = Limit("shown_email_address", 10_000, timedelta(days=1))
EMAILS_SHOWN_PER_USER = Limit("shown_email_user", 10_000, timedelta(days=1))
SHARES_HELD_PER_USER = Limit("share_held_user", 1_000, timedelta(days=1))

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

_LOCK = """
    select from throttle
        join unnest(%(subjects)s::bytea[], %(starts)s::timestamptz[])
            as tried (subject, window_start) using (subject, window_start)
    order by subject
    for no key update of throttle
"""

_GIVE_BACK = """
    update throttle set count = throttle.count - tried.count
    from unnest(%(subjects)s::bytea[], %(starts)s::timestamptz[], %(counts)s::integer[])
        as tried (subject, window_start, count)
    where throttle.subject = tried.subject and throttle.window_start = tried.window_start
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
    counted = _counted(charges, keyring)
    cursor = await tx.execute(_COUNT, _values(counted, now))
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

    Raises Throttled. A crash of the machine may forget the last of them.
    """
    async with db.transaction(is_durable=False) as tx:
        await charge(tx, charges, keyring=keyring, now=now, multiplier=multiplier)


async def give_back(
    db: Database, charges: Sequence[Charge], *, keyring: Keyring, now: datetime
) -> None:
    """Uncount tries that were charged at the same `now`, and turned out to be no guesses."""
    values = _values(_counted(charges, keyring), now)
    async with db.transaction() as tx:
        # In the order in which they are counted, so that the two never wait for each other.
        await tx.execute(_LOCK, values)
        await tx.execute(_GIVE_BACK, values)


def _counted(charges: Sequence[Charge], keyring: Keyring) -> Mapping[bytes, Charge]:
    return {keyring.throttle(each.limit.kind, each.subject): each for each in charges}


def _values(counted: Mapping[bytes, Charge], now: datetime) -> dict[str, object]:
    return {
        "subjects": list(counted),
        "starts": [_window_start(each.limit, now) for each in counted.values()],
        "counts": [each.count for each in counted.values()],
    }


def _window_start(limit: Limit, now: datetime) -> datetime:
    seconds = int(limit.window.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)


async def prune(tx: Tx, *, now: datetime, limit: int) -> int:
    """Forget up to `limit` counters of windows long past; how many there were."""
    cursor = await tx.execute(_PRUNE, {"before": now - KEPT_FOR, "limit": limit})
    return cursor.rowcount
