"""What single shares of crowd payments claim, for the audit: what they came to, and whose they are.

Two shares of one person, or of the fees, move as one: that each is right does not follow from what
was moved.
"""

from collections.abc import Sequence

from whipround.ledger.audit import Check

SHARE_CHECKS: Sequence[Check] = (
    Check(
        "every share is its percentage of the amount, and bears as much of the fee",
        # A unit of the last decimal may have gone to either, as nothing is left over.
        """
        select format('the share %s is %s and a fee of %s: %s %% of %s and a fee of %s',
            payment.id, payment.amount, payment.fee, percentage, crowd_payment.amount,
            crowd_payment.fee)
        from crowd_share
            join crowd_payment on crowd_payment.id = crowd_id
            join payment on payment.id = crowd_share.payment_id
        where abs(payment.amount * 100 - crowd_payment.amount * percentage)
                > (crowd_payment.amount + 100) * 0.00000001
            or abs(payment.fee * crowd_payment.amount - payment.amount * crowd_payment.fee)
                > crowd_payment.amount * 0.00000001
        """,
    ),
    Check(
        "every share has come to whose wallet it is in, or waits for whom it was paid to",
        """
        select format('the share %s is %s, and what waited of it %s', payment.id,
            transaction.status, coalesce(holding.status, 'nothing'))
        from crowd_share
            join payment on payment.id = crowd_share.payment_id
            join transaction on transaction.id = payment.transaction_id
            left join funding_source as wallet
                on wallet.id = transaction.in_funding_source_id and wallet.type = 'virtual'
            left join holding on holding.object_id = payment.id
            left join account on account.id = holding.source_account_id
        where (transaction.status, coalesce(holding.status, '')) not in (
                ('approved', ''), ('approved', 'claimed'), ('active', 'held'),
                ('cancelled', 'returned')
            )
            or wallet.user_id is distinct from transaction.in_user_id
            or (wallet.id is null) = (transaction.status = 'approved')
            or transaction.out_funding_source_id <> payment.funding_source_id
            or transaction.out_user_id <> payment.owner_id
            or (holding.amount, holding.fee, holding.currency, holding.payee_id,
                holding.transaction_id, holding.source_id)
                <> (payment.amount, payment.fee, payment.currency, payment.recipient_payee_id,
                payment.transaction_id, payment.funding_source_id)
            or holding.id is not null and (account.owner_id, account.kind, account.currency)
                is distinct from (holding.source_id, 'wallet', holding.currency)
        """,
    ),
    Check(
        "every transfer of a crowd payment, or of a pledge, is one's that there is",
        """
        select format('transfer %s is of no crowd payment', transfer.key)
        from (
            select * from transfer where kind in ('crowd', 'pledge', 'unpledge')
        ) as transfer left join crowd_payment on crowd_payment.id::text = left(transfer.key, 36)
        where substr(transfer.key, 37) <> case transfer.kind
            when 'crowd' then ':pay' when 'pledge' then ':pledge' else ':unpledge' end
            or crowd_payment.id is null
        """,
    ),
)
