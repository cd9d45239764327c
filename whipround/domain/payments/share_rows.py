"""The rows of requests and pools that payments pay into: locking, reading and writing them.

Lock order: requests, their participants, pools; after users and payees, before accounts. Whoever
writes a row of a pool's participants locks the pool.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from whipround.db.batch import MAX_COMMANDS
from whipround.db.database import Tx
from whipround.domain.payments.shares import (
    Asked,
    Contribution,
    Contributor,
    Forwarding,
    PayShare,
    Pooled,
    Requested,
    RequestShare,
)
from whipround.domain.payments.sharing import Shares
from whipround.ledger.transfers import numerics

# Where its money goes never changes, so that it may be read beside the lock.
_LOCK_REQUESTS = """
    select payment_request.id, owner_id, payment_request.currency, payment_request.description,
        case funding_source.type when 'bank_account' then funding_source.id end,
        amount_paid, pending_count, paid_count, rejected_count, cancelled_count
    from payment_request
        join funding_source on funding_source.id = payment_request.funding_source_id
    where payment_request.id = any(%(ids)b)
    order by payment_request.id
    for no key update of payment_request
"""

# All of them: those of a request that closes are written too.
_LOCK_ASKED = """
    select id, request_id, user_id, amount, status, payment_id, meta, created_at, updated_at
    from request_participant
    where request_id = any(%(ids)b)
    order by id
    for no key update
"""

_LOCK_POOLS = """
    select id, owner_id, account_id, currency, description, is_public, has_unique_participants,
        allows_optional_amount, minimum_user_amount, maximum_user_amount, status, start_at, end_at,
        created_at, amount, invited_count, paid_count, pending_count, rejected_count
    from pool
    where id = any(%(ids)b)
    order by id
    for no key update
"""

_ROW = """
    select pool_participant.id, pool_id, user_id, status, amount, option_id, payment_id,
        transaction_id, meta, is_first, is_invited, pool_created_at, created_at, updated_at
    from pool_participant
"""

_FIRSTS = f"""
    {_ROW} join unnest(%(pools)b::uuid[], %(users)b::uuid[]) as wanted (pool_id, user_id)
        using (pool_id, user_id)
    where is_first
"""

_CONTRIBUTORS = f"{_ROW} where id = any(%(ids)b)"

# The earliest are enough: of one person no more than these can fail in one batch.
_LIVING = f"""
    select living.*
    from (
        select distinct pool_id, user_id from pool_participant where id = any(%(ids)b)
    ) as person cross join lateral (
        select * from (
            (
                {_ROW}
                where pool_id = person.pool_id and user_id = person.user_id and is_first
            ) union all (
                {_ROW}
                where pool_id = person.pool_id and user_id = person.user_id and not is_first
                    and status in ('pending', 'paid')
                order by created_at, id limit {MAX_COMMANDS}
            )
        ) as own
        order by created_at, id
    ) as living
"""  # noqa: S608 (our own column names)

_OPTIONS = "select pool_id, id, amount from contribution_option where pool_id = any(%(ids)b)"

# Its participants know when a request is closed.
_WRITE_REQUESTS = """
    with written as (
        update payment_request
        set amount_paid = changed.amount_paid, pending_count = changed.pending_count,
            paid_count = changed.paid_count, rejected_count = changed.rejected_count,
            cancelled_count = changed.cancelled_count, status = changed.status,
            fulfillment_status = changed.fulfillment_status, updated_at = %(now)s
        from unnest(%(ids)b::uuid[], %(paid_amounts)s::numeric[], %(pending)b::integer[],
                %(paid)b::integer[], %(rejected)b::integer[], %(cancelled)b::integer[],
                %(statuses)b::text[], %(fulfillments)b::text[])
            as changed (id, amount_paid, pending_count, paid_count, rejected_count, cancelled_count,
                status, fulfillment_status)
        where payment_request.id = changed.id
        returning payment_request.id, payment_request.status
    ), closed as (
        select request_participant.id
        from written join request_participant on request_id = written.id
        where written.status = 'closed' and is_open
        order by request_participant.id
        for no key update of request_participant
    )
    update request_participant set is_open = false
    from closed
    where request_participant.id = closed.id
"""

_WRITE_ASKED = """
    update request_participant
    set status = changed.status, payment_id = changed.payment_id, updated_at = %(now)s
    from unnest(%(ids)b::uuid[], %(statuses)b::text[], %(payments)b::uuid[])
        as changed (id, status, payment_id)
    where request_participant.id = changed.id
"""

_WRITE_POOLS = """
    update pool
    set amount = changed.amount, invited_count = changed.invited, paid_count = changed.paid,
        pending_count = changed.pending, rejected_count = changed.rejected, updated_at = %(now)s
    from unnest(%(ids)b::uuid[], %(amounts)s::numeric[], %(invited)b::integer[],
        %(paid)b::integer[], %(pending)b::integer[], %(rejected)b::integer[])
        as changed (id, amount, invited, paid, pending, rejected)
    where pool.id = changed.id
"""

_INSERT_CONTRIBUTORS = """
    insert into pool_participant (id, pool_id, user_id, status, amount, option_id, payment_id,
        transaction_id, meta, is_first, is_invited, pool_created_at, created_at, updated_at)
    select id, pool_id, user_id, status, amount, option_id, payment_id, transaction_id, meta,
        is_first, false, pool_created_at, %(now)s, %(now)s
    from unnest(%(ids)b::uuid[], %(pools)b::uuid[], %(users)b::uuid[], %(statuses)b::text[],
        %(amounts)s::numeric[], %(options)b::uuid[], %(payments)b::uuid[],
        %(transactions)b::uuid[], %(metas)b::text[], %(firsts)b::boolean[],
        %(made)b::timestamptz[])
        as new (id, pool_id, user_id, status, amount, option_id, payment_id, transaction_id, meta,
            is_first, pool_created_at)
"""

_WRITE_CONTRIBUTORS = """
    update pool_participant
    set status = changed.status, amount = changed.amount, option_id = changed.option_id,
        payment_id = changed.payment_id, transaction_id = changed.transaction_id,
        meta = changed.meta, is_first = changed.is_first, is_invited = changed.is_invited,
        updated_at = %(now)s
    from unnest(%(ids)b::uuid[], %(statuses)b::text[], %(amounts)s::numeric[],
        %(options)b::uuid[], %(payments)b::uuid[], %(transactions)b::uuid[], %(metas)b::text[],
        %(firsts)b::boolean[], %(invited)b::boolean[])
        as changed (id, status, amount, option_id, payment_id, transaction_id, meta, is_first,
            is_invited)
    where pool_participant.id = changed.id
"""

_INSERT_FORWARDINGS = """
    insert into forwarding (payment_id, user_id, funding_source_id, amount, currency, status,
        created_at, updated_at)
    select payment_id, user_id, funding_source_id, amount, currency, 'waiting', %(now)s, %(now)s
    from unnest(%(payments)b::uuid[], %(users)b::uuid[], %(sources)b::uuid[],
        %(amounts)s::numeric[], %(currencies)b::text[])
        as new (payment_id, user_id, funding_source_id, amount, currency)
"""


async def lock_shares(tx: Tx, commands: Iterable[PayShare]) -> Shares:
    """Lock what the commands name, and read what hangs on it."""
    requests: set[UUID] = set()
    contributions: set[tuple[UUID, UUID]] = set()
    for command in commands:
        match command.share:
            case RequestShare(request_id):
                requests.add(request_id)
            case Contribution(pool_id):
                contributions.add((pool_id, command.payer_id))
    return await _lock(tx, requests=requests, contributions=contributions)


async def lock_paid_shares(
    tx: Tx,
    *,
    requests: Iterable[UUID],
    pools: Iterable[UUID] = (),
    contributors: Iterable[UUID] = (),
) -> Shares:
    """Lock requests with their participants, and pools with some of their rows."""
    shares = await _lock(tx, requests=set(requests), contributions=(), pools=set(pools))
    wanted = list(contributors)
    if wanted:
        rows = await tx.execute(_CONTRIBUTORS.encode(), {"ids": wanted})
        living = await tx.execute(_LIVING.encode(), {"ids": wanted})
        shares.contributors = {row[0]: Contributor(*row) for row in await rows.fetchall()}
        for each in (Contributor(*row) for row in await living.fetchall()):
            shares.living.setdefault((each.pool_id, each.user_id), []).append(each)
    return shares


async def _lock(
    tx: Tx,
    *,
    requests: set[UUID],
    contributions: Iterable[tuple[UUID, UUID]],
    pools: Iterable[UUID] = (),
) -> Shares:
    shares = Shares()
    pairs = sorted(contributions)
    pool_ids = list({*pools, *(pool_id for pool_id, _ in pairs)})
    if requests:
        ids = list(requests)
        locked = await tx.execute(_LOCK_REQUESTS, {"ids": ids})
        rows = await tx.execute(_LOCK_ASKED, {"ids": ids})
        shares.requests = {row[0]: Requested(*row) for row in await locked.fetchall()}
        for row in await rows.fetchall():
            shares.add_asked(Asked(*row))
    if pool_ids:
        locked = await tx.execute(_LOCK_POOLS, {"ids": pool_ids})
        options = await tx.execute(_OPTIONS, {"ids": pool_ids})
        rows = await tx.execute(
            _FIRSTS.encode(),
            {
                "pools": [pool_id for pool_id, _ in pairs],
                "users": [user_id for _, user_id in pairs],
            },
        )
        shares.pools = {row[0]: Pooled(*row) for row in await locked.fetchall()}
        for pool_id, option_id, amount in await options.fetchall():
            shares.options.setdefault(pool_id, {})[option_id] = amount
        firsts = [Contributor(*row) for row in await rows.fetchall()]
        shares.firsts = {(first.pool_id, first.user_id): first for first in firsts}
    return shares


async def write_shares(tx: Tx, shares: Shares, *, now: datetime) -> None:
    """Write what has become of the requests and pools, one statement per table."""
    changed = list(shares.changed.values())
    if requests := [each for each in changed if isinstance(each, Requested)]:
        await tx.execute(_WRITE_REQUESTS, _request_columns(requests, now))
    if asked := [each for each in changed if isinstance(each, Asked)]:
        await tx.execute(
            _WRITE_ASKED,
            {
                "ids": [each.id for each in asked],
                "statuses": [each.status for each in asked],
                "payments": [each.payment_id for each in asked],
                "now": now,
            },
        )
    if pools := [each for each in changed if isinstance(each, Pooled)]:
        await tx.execute(_WRITE_POOLS, _pool_columns(pools, now))
    contributors = [each for each in changed if isinstance(each, Contributor)]
    # A person has one first row: what is none any more makes room.
    for is_first in (False, True):
        if rows := [each for each in contributors if each.is_first == is_first]:
            await tx.execute(_WRITE_CONTRIBUTORS, _contributor_columns(rows, now))
    if shares.new:
        await tx.execute(
            _INSERT_CONTRIBUTORS,
            {
                **_contributor_columns(shares.new, now),
                "pools": [each.pool_id for each in shares.new],
                "users": [each.user_id for each in shares.new],
                "made": [each.pool_created_at for each in shares.new],
            },
        )


def _request_columns(requests: Sequence[Requested], now: datetime) -> dict[str, Any]:
    return {
        "ids": [each.id for each in requests],
        "paid_amounts": numerics(each.amount_paid for each in requests),
        "pending": [each.pending for each in requests],
        "paid": [each.paid for each in requests],
        "rejected": [each.rejected for each in requests],
        "cancelled": [each.cancelled for each in requests],
        "statuses": [each.status for each in requests],
        "fulfillments": [each.fulfillment_status for each in requests],
        "now": now,
    }


def _pool_columns(pools: Sequence[Pooled], now: datetime) -> dict[str, Any]:
    return {
        "ids": [each.id for each in pools],
        "amounts": numerics(each.amount for each in pools),
        "invited": [each.invited for each in pools],
        "paid": [each.paid for each in pools],
        "pending": [each.pending for each in pools],
        "rejected": [each.rejected for each in pools],
        "now": now,
    }


def _contributor_columns(rows: Sequence[Contributor], now: datetime) -> dict[str, Any]:
    return {
        "ids": [each.id for each in rows],
        "statuses": [each.status for each in rows],
        "amounts": numerics(each.amount for each in rows),
        "options": [each.option_id for each in rows],
        "payments": [each.payment_id for each in rows],
        "transactions": [each.transaction_id for each in rows],
        "metas": [each.meta for each in rows],
        "firsts": [each.is_first for each in rows],
        "invited": [each.is_invited for each in rows],
        "now": now,
    }


async def insert_forwardings(tx: Tx, forwardings: Sequence[Forwarding], *, now: datetime) -> None:
    """Have money that came go on; the payments that brought it are written already."""
    if not forwardings:
        return
    await tx.execute(
        _INSERT_FORWARDINGS,
        {
            "payments": [each.payment_id for each in forwardings],
            "users": [each.user_id for each in forwardings],
            "sources": [each.funding_source_id for each in forwardings],
            "amounts": numerics(each.money.amount for each in forwardings),
            "currencies": [each.money.currency for each in forwardings],
            "now": now,
        },
    )
