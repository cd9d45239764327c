"""What orders to be paid in cash claim of the ledger, for the audit."""

from collections.abc import Sequence

from whipround.ledger.audit import Check

CASH_CHECKS: Sequence[Check] = (
    # What has only just been paid is still on its way, as long as somebody looks after it.
    Check(
        "every order that was paid in cash is one payment of just that, and there is no other one",
        """
        select format('cash order %s of %s is %s with %s, its %s %s is of %s %s', paid.id,
            paid.user_id, paid.status, paid.paid_amount, payment.kind, payment.id, payment.amount,
            payment.currency)
        from (
            select * from cash_order
            where payment_id is not null or (status = 'paid' and due_at is null)
        ) as paid full join (
            select payment.*
            from payment join funding_source on funding_source.id = payment.funding_source_id
            where funding_source.type = 'cash'
        ) as payment on payment.id = paid.payment_id
        where payment.id is null
            or (paid.id is null and not exists (
                select from cash_order
                where user_id = payment.owner_id and status = 'paid'
                    and cash_order.payment_id is null and due_at is not null
            ))
            or (paid.id is not null and (
                (payment.owner_id, payment.amount, payment.currency, payment.fee)
                    is distinct from (paid.user_id, paid.paid_amount, paid.currency, 0)
                or payment.fulfillment_status <> 'fulfilled'
                or payment.source_amount is not null
                or payment.kind not in ('contribution', 'top_up')
                or (payment.kind = 'contribution' and (payment.pool_id, payment.amount)
                    is distinct from (paid.pool_id, paid.amount))
            ))
        """,
    ),
)
