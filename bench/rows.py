"""Rows behind every list: requests, pools, notifications and the rest, as many as payments.

They go to the crowd of a history, after all that is proven of its books: they have no money.
"""

from collections.abc import AsyncIterator
from typing import LiteralString

from bench.history import AS_RESTORE, CHUNK, History

HOST = "example.org"
PAGE = f"https://{HOST}/0"
"""What most crowd payments are for."""

# The reader, at position 0, owns one row of every `%(every)s`, and is the other one of as many.
_CHOOSE = """
    create temporary table chosen on commit drop as
    with placed as (
        select number, %(begin)s + number * %(step)s::interval as at, number %% %(every)s as turn,
            case number %% %(every)s when 0 then 0
                else 1 + (number * 7919::bigint) %% (%(people)s - 1) end as owner_at,
            case number %% %(every)s when 1 then 0
                else 1 + (number * 104729::bigint) %% (%(people)s - 1) end as other_at
        from generate_series(%(first)s::int, %(last)s::int) as number
    )
    select number, at, turn, uuidv7(at - clock_timestamp()) as id,
        owner.user_id as owner_id, owner.wallet_id, other.user_id as other_id,
        case number / %(every)s %% 2 when 0 then 'open' else 'closed' end as status,
        case when number / %(every)s %% 4 < 2 then 'EUR' else 'MXN' end as currency,
        uuidv7(at - clock_timestamp()) as crowd_id,
        case when number / %(every)s %% 10 < 2 then 'pledged' else 'paid' end as crowd_status
    from placed
        join person as owner on owner.position = owner_at
        join person as other on other.position = other_at
    order by number
"""

_EACH: tuple[LiteralString, ...] = (
    """
    insert into payment_request (id, owner_id, funding_source_id, amount, currency, description,
        meta, only_owner_sees_participants, status, fulfillment_status, amount_paid, pending_count,
        paid_count, created_at, updated_at)
    select id, owner_id, wallet_id, 20, currency, 'Dinner', '', false, status,
        case status when 'open' then 'unfulfilled' else 'fulfilled' end,
        case status when 'open' then 0 else 20 end, (status = 'open')::int,
        (status = 'closed')::int, at, at
    from chosen order by number
    """,
    """
    insert into request_participant (id, request_id, user_id, name, amount, status, meta, is_open,
        created_at, updated_at)
    select uuidv7(at - clock_timestamp()), id, other_id, '', 20,
        case status when 'open' then 'pending' else 'settled' end, '', status = 'open', at, at
    from chosen order by number
    """,
    """
    insert into pool (id, owner_id, funding_source_id, account_id, currency, description,
        detailed_description, hashtag, meta, is_public, only_owner_sees_participants,
        has_unique_participants, allows_optional_amount, status, fulfillment_status, invited_count,
        closed_at, created_at, updated_at)
    select id, owner_id, wallet_id, gen_random_uuid(), currency, 'Gift ' || number,
        'For somebody we know', '', '', turn = 2, false, false, true, status,
        case status when 'open' then 'unfulfilled' else 'fulfilled' end, 1,
        case status when 'closed' then at end, at, at
    from chosen order by number
    """,
    """
    insert into pool_participant (id, pool_id, user_id, status, meta, is_first, is_invited,
        pool_created_at, created_at, updated_at)
    select uuidv7(at - clock_timestamp()), id, other_id, 'invited', '', true, true, at, at, at
    from chosen order by number
    """,
    """
    insert into notification (id, user_id, actor_id, kind, object_id, data, created_at, updated_at)
    select uuidv7(at - clock_timestamp()), owner_id, other_id, 'request_received', id,
        '{"amount": "20.00", "currency": "EUR", "owner": "Person", "description": "Dinner"}', at, at
    from chosen order by number
    """,
    """
    insert into moment_read (user_id, moment_id, read_at)
    select owner_id, id, at from chosen order by number
    """,
    """
    insert into contact (id, owner_id, first_name, last_name, country, created_at, updated_at)
    select uuidv7(at - clock_timestamp()),
        -- Nobody has more than 5,000.
        case when number < 5000 then %(reader)s else owner_id end,
        'Person', number::text, 'GB', at, at
    from chosen where number < 5000 or turn <> 0 order by number
    """,
    """
    insert into announcement (id, type, title, message, start_at, created_at, updated_at)
    select id, 'general', 'Terms', 'They are new.', at, at, at from chosen order by number
    """,
    """
    insert into announcement_ack (announcement_id, user_id, acknowledged_at)
    select id, case status when 'open' then %(reader)s else other_id end, at
    from chosen order by number
    """,
    """
    insert into image (id, owner_id, object_type, object_id, status, created_at, updated_at)
    select gen_random_uuid(), owner_id, 'request', id, 'ready', at, at from chosen order by number
    """,
    """
    insert into relationship (id, user_id, other_user_id, type, created_at, updated_at)
    select gen_random_uuid(), owner_id, other_id, 'friend', at, at
    from chosen where owner_id <> other_id
    on conflict do nothing
    """,
    # Two pledges in ten; one page that many are for, and many that some are for.
    """
    insert into crowd_payment (id, owner_id, funding_source_id, status, amount, fee, currency, url,
        host, is_invoiced, title, keywords, expires_at, created_at, paid_at, updated_at)
    select crowd_id, owner_id, wallet_id, crowd_status, 20, 0, currency,
        'https://' || %(host)s || '/' || case number %% 3 when 0 then 0
            else number %% 10007 end,
        %(host)s, false, 'A page', array['food', 'number ' || number],
        case crowd_status when 'pledged' then now() + interval '90 days' end, at,
        case crowd_status when 'paid' then at end, at
    from chosen order by number
    """,
    # One part is for somebody who is here, the other one waits.
    """
    with share as (
        select *, number / %(every)s %% 20 = 6 as is_waiting,
            uuidv7(at - clock_timestamp()) as share_id,
            uuidv7(at - clock_timestamp()) as transaction_id
        from chosen where crowd_status = 'paid'
    ), moved as (
        insert into transaction (id, payment_id, out_user_id, in_user_id, out_funding_source_id,
            status, amount, fee, currency, tracking_code, created_at, updated_at)
        select transaction_id, share_id, owner_id, case when not is_waiting then other_id end,
            wallet_id, case when is_waiting then 'active' else 'approved' end, 20, 0, currency, '',
            at, at
        from share order by number
    ), made as (
        insert into crowd_share (payment_id, crowd_id, position, role, percentage, recipient)
        select share_id, crowd_id, 0, 'Contributor', 100, 'person' from share order by number
    ), waiting as (
        insert into holding (id, payee_id, account_id, source_account_id, source_id, kind,
            object_id, transaction_id, amount, fee, currency, status, expires_at, created_at,
            updated_at)
        select gen_random_uuid(), payee.id, gen_random_uuid(), gen_random_uuid(), wallet_id,
            'share', share_id, transaction_id, 20, 0, currency, 'held',
            now() + interval '90 days', at, at
        from share, lateral (select id from payee order by id limit 1) as payee
        -- Nobody has more than 5,000 that wait.
        where is_waiting and (turn <> 0 or number < 50000)
    )
    insert into payment (id, owner_id, funding_source_id, amount, fee, currency, description, meta,
        status, fulfillment_status, recipient_id, recipient_user_id, recipient_name,
        recipient_meta, recipient_status, transaction_id, created_at, updated_at)
    select share_id, owner_id, wallet_id, 20, 0, currency, 'A page', '',
        case when is_waiting then 'open' else 'closed' end,
        case when is_waiting then 'unfulfilled' else 'fulfilled' end, gen_random_uuid(),
        case when not is_waiting then other_id end, '', '',
        case when is_waiting then 'pending' else 'paid' end, transaction_id, at, at
    from share order by number
    """,
    """
    with made as (
        insert into funding_source (id, user_id, type, type_name, description, allows_in,
            allows_out, status, created_at, updated_at)
        select id, owner_id, 'crypto_address', 'crypto_address', 'Mine', false, false, 'disabled',
            at, at
        from chosen order by number
        returning id, created_at
    )
    insert into crypto_address (id, funding_source_id, currency, address, created_at, updated_at)
    select gen_random_uuid(), id, 'BTC', 'bc1', created_at, created_at from made
    """,
)
"""What each row of the history is given one more of."""

# Every payment of the history was given back; what moved is the payment's own transaction.
_REFUNDS = """
    insert into refund (id, payment_id, transaction_id, amount, fee, currency, description, meta,
        created_at, updated_at)
    select gen_random_uuid(), id, transaction_id, amount, 0, currency, '', '', created_at,
        created_at
    from payment
    where transaction_id is not null
"""

# One pool of the reader's, the newest, is one that many others have paid into.
_CONTRIBUTIONS = """
    insert into pool_participant (id, pool_id, user_id, status, amount, payment_id, meta, is_first,
        is_invited, pool_created_at, created_at, updated_at)
    select uuidv7(at - clock_timestamp()), pool.id, other_id, 'paid', 1, gen_random_uuid(), '',
        false, false, pool.created_at, at, at
    from chosen,
        lateral (
            select id, created_at from pool where owner_id = %(reader)s
            order by created_at desc, id desc limit 1
        ) as pool
    where turn > 1
"""


async def store(past: History) -> AsyncIterator[int]:
    """Store them, as many of each as there are payments. Yields how many after each step."""
    for statements in (_EACH, (_CONTRIBUTIONS,)):
        for first in range(0, past.count, CHUNK):
            last = min(first + CHUNK, past.count) - 1
            async with past.crowd.db.transaction(patient=True) as tx:
                await tx.execute(AS_RESTORE)
                values = await past.choose(tx, _CHOOSE, first, last, host=HOST)
                for statement in statements:
                    await tx.execute(statement, values)
            if statements is _EACH:
                yield last + 1
    async with past.crowd.db.transaction(patient=True) as tx:
        await tx.execute(AS_RESTORE)
        await tx.execute(_REFUNDS)
