"""What pools claim of the ledger, for the audit."""

from collections.abc import Sequence

from whipround.ledger.audit import Check

POOL_CHECKS: Sequence[Check] = (
    Check(
        "every pool's totals are those of its participants, each of whom has one first row",
        """
        select format('pool %s says %s from %s, %s pending, %s invited, %s rejected', pool.id,
            pool.amount, paid_count, pending_count, invited_count, rejected_count)
        from pool left join (
            select pool_id, sum(amount) filter (where status = 'paid') as collected,
                count(*) filter (where status = 'paid') as paid,
                count(*) filter (where status = 'pending') as pending,
                count(*) filter (where status = 'invited') as invited,
                count(*) filter (where status = 'rejected') as rejected,
                count(*) filter (where is_first) as firsts,
                count(distinct user_id) filter (where status <> 'cancelled') as people
            from pool_participant group by pool_id
        ) as counted on pool_id = pool.id
        where (pool.amount, paid_count, pending_count, invited_count, rejected_count)
            is distinct from (coalesce(collected, 0), coalesce(paid, 0), coalesce(pending, 0),
                coalesce(invited, 0), coalesce(rejected, 0))
            or firsts <> people
        """,
    ),
    Check(
        "every pool's account holds what it collected while it is open, and nothing once it closed",
        """
        select format('pool %s is %s with %s, its account holds %s', pool.id, status, pool.amount,
            balance)
        from pool left join account on account.id = account_id
        where balance is distinct from case status when 'open' then pool.amount else 0 end
            or (account.owner_id, account.kind, account.currency)
                is distinct from (pool.id, 'pool', pool.currency)
        """,
    ),
    Check(
        "every contribution is one payment into its pool, and there is none without the other",
        """
        select format('contribution %s of %s is %s, payment %s of %s %s is %s', contributor.id,
            contributor.amount, contributor.status, payment.id, payment.amount, payment.currency,
            payment.fulfillment_status)
        from (
            select * from pool_participant where status in ('paid', 'pending')
        ) as contributor
            left join pool on pool.id = contributor.pool_id
            full join (
                select * from payment
                where kind = 'contribution'
                    and (fulfillment_status = 'fulfilled' or status = 'open')
            ) as payment on payment.id = contributor.payment_id
        where contributor.id is null or payment.id is null
            or payment.participant_id <> contributor.id
            or payment.pool_id <> contributor.pool_id
            or payment.transaction_id is distinct from contributor.transaction_id
            or payment.owner_id <> contributor.user_id
            or (payment.amount, payment.currency) is distinct from
                (contributor.amount, pool.currency)
            or contributor.status <> case payment.status when 'open' then 'pending' else 'paid' end
        """,
    ),
    Check(
        "every closed pool was paid out once, all of it, to its owner",
        """
        select format('pool %s is %s with %s, paid out by %s of %s', pool.id, pool.status,
            pool.amount, payout.id, payout.amount)
        from pool full join (
            select * from payment where kind = 'payout'
        ) as payout on payout.pool_id = pool.id
        where pool.id is null or pool.payout_id is distinct from payout.id
            or (payout.id is not null) <> (pool.status = 'closed' and pool.amount > 0)
            or (payout.id is not null and (
                (payout.amount, payout.currency, payout.fee) <> (pool.amount, pool.currency, 0)
                or payout.owner_id <> pool.owner_id
                or payout.recipient_user_id is distinct from pool.owner_id
            ))
        """,
    ),
)
