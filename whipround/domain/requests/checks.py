"""What requests claim of the ledger, for the audit."""

from collections.abc import Sequence

from whipround.ledger.audit import Check

REQUEST_CHECKS: Sequence[Check] = (
    Check(
        "every request's totals are those of its participants, and its status follows from them",
        """
        select format('request %s says %s paid by %s, %s pending, %s rejected, %s cancelled: %s %s',
            id, amount_paid, paid_count, pending_count, rejected_count, cancelled_count, status,
            fulfillment_status)
        from payment_request join lateral (
            select coalesce(sum(amount) filter (where status in ('paid', 'settled')), 0) as paid,
                count(*) filter (where status in ('paid', 'settled')) as payers,
                count(*) filter (where status = 'pending') as pending,
                count(*) filter (where status = 'rejected') as rejected,
                count(*) filter (where status = 'cancelled') as cancelled,
                bool_and(is_open = (payment_request.status = 'open')) as is_known
            from request_participant where request_id = payment_request.id
        ) as counted on true
        where (amount_paid, paid_count, pending_count, rejected_count, cancelled_count)
                is distinct from (paid, payers, pending, rejected, cancelled)
            or (status = 'open') <> (pending > 0) or not is_known
            or fulfillment_status <> case
                when payers = 0 then 'unfulfilled' when pending > 0 then 'partial'
                else 'fulfilled' end
        """,
    ),
    Check(
        "every share of a request is paid by one payment of just its amount, and no other pays it",
        """
        select format('participant %s is %s, payment %s of %s %s is %s', asked.id, asked.status,
            payment.id, payment.amount, payment.currency, payment.fulfillment_status)
        from request_participant as asked
            join payment_request on payment_request.id = asked.request_id
            full join (
                select * from payment
                where kind = 'request' and (fulfillment_status = 'fulfilled' or status = 'open')
            ) as payment on payment.id = asked.payment_id
        where (payment.id is null and (asked.status = 'paid' or asked.payment_id is not null))
            or (payment.id is not null and (
                asked.id is null
                or payment.participant_id <> asked.id
                or payment.request_id <> asked.request_id
                or payment.owner_id is distinct from asked.user_id
                or payment.recipient_user_id is distinct from payment_request.owner_id
                or (payment.amount, payment.currency) <> (asked.amount, payment_request.currency)
                or asked.status <> case payment.status
                    when 'open' then 'pending' else 'paid' end
            ))
        """,
    ),
    # Nobody asked for a withdrawal that carries on what came: the call to its bank has no request.
    Check(
        "whatever came for a bank account goes on to it once, and is what had come",
        """
        select format('what came by payment %s is %s, its withdrawal is %s of %s',
            coalesce(came.id, forwarding.payment_id), coalesce(forwarding.status, 'forgotten'),
            withdrawal.id, withdrawal.amount)
        from (
            select payment.id, recipient_user_id, source.id as bank_id, payment.amount,
                payment.currency
            from payment
                left join payment_request on payment_request.id = request_id
                left join pool on pool.payout_id = payment.id
                join funding_source as source on source.type = 'bank_account'
                    and source.id = coalesce(payment_request.funding_source_id,
                        pool.funding_source_id)
            where payment.fulfillment_status = 'fulfilled'
        ) as came full join forwarding on payment_id = came.id full join (
            select payment.id, owner_id, in_funding_source_id, payment.amount, payment.currency,
                payment.fee
            from payment
                join transaction on transaction.id = transaction_id
                join gateway_call on gateway_call.transaction_id = transaction.id
            where gateway_call.kind = 'payout' and request_number is null
        ) as withdrawal on withdrawal.id = withdrawal_id
        where came.id is null or forwarding.payment_id is null
            or (came.recipient_user_id, came.bank_id, came.amount, came.currency)
                is distinct from (forwarding.user_id, forwarding.funding_source_id,
                    forwarding.amount, forwarding.currency)
            or (withdrawal.id is not null) <> (forwarding.status = 'sent')
            or (withdrawal.id is not null and (owner_id, in_funding_source_id, withdrawal.amount,
                withdrawal.currency, fee) is distinct from (came.recipient_user_id, came.bank_id,
                came.amount, came.currency, 0))
        """,
    ),
)
