"""What refunds claim of the ledger, for the audit."""

from collections.abc import Sequence

from whipround.ledger.audit import Check

REFUND_CHECKS: Sequence[Check] = (
    Check(
        "every payment's refunds add up to what it says was refunded",
        """
        select format('payment %s says that %s and a fee of %s went back, its refunds %s and %s',
            payment.id, refunded, refunded_fee, coalesce(back.amount, 0), coalesce(back.fee, 0))
        from payment left join (
            select payment_id, sum(amount) as amount, sum(fee) as fee,
                sum(source_amount) as source_amount
            from refund group by payment_id
        ) as back on payment_id = payment.id
        where refunded <> coalesce(back.amount, 0) or refunded_fee <> coalesce(back.fee, 0)
            or refunded_source <> coalesce(back.source_amount, 0)
            or (refunded = payment.amount and (refunded_fee <> payment.fee
                or refunded_source <> coalesce(payment.source_amount, 0)))
        """,
    ),
    Check(
        "every refund agrees with its payment and its transaction, and there is none without",
        """
        select format('refund %s disagrees with transaction %s or payment %s',
            refund.id, coalesce(transaction.id, refund.transaction_id), payment.id)
        from refund
            full join (select * from transaction where kind = 'refund') as transaction
                on transaction.id = refund.transaction_id
            left join payment on payment.id = refund.payment_id
        where refund.id is null or transaction.id is null or payment.id is null
            or transaction.payment_id <> payment.id
            or payment.fulfillment_status <> 'fulfilled'
            or transaction.out_user_id <> payment.recipient_user_id
            or transaction.in_user_id is distinct from payment.owner_id
            or transaction.amount <> refund.amount or transaction.fee <> 0
            or refund.currency <> payment.currency or transaction.currency <> refund.currency
            or refund.source_currency is distinct from payment.source_currency
            or transaction.source_amount is distinct from refund.source_amount
            or transaction.source_currency is distinct from refund.source_currency
            or transaction.exchange_rate is distinct from payment.exchange_rate
        """,
    ),
    Check(
        "every refund took its amount and its part of the fee, and brings both to the payer",
        """
        select format('refund %s of %s should bring %s %s, %s of it from the fees', refund.id,
            refund.amount, refund.total, refund.source_currency, refund.fee)
        from (
            select id, transaction_id, amount, currency, fee,
                coalesce(source_amount, amount) + fee as total,
                coalesce(source_currency, currency) as source_currency
            from refund
        ) as refund
            join transaction on transaction.id = refund.transaction_id
            join transfer as taken on taken.key in (
                transaction.id || ':refund', transaction.id || ':hold')
            left join transfer as brought on brought.key = transaction.id ||
                case when taken.kind = 'refund' then ':refund' else ':settle' end
            left join transfer as returned on returned.key = transaction.id || ':return'
            left join account as recipient on recipient.owner_id = out_funding_source_id
                and recipient.kind = 'wallet' and recipient.currency = refund.currency
            left join account as fees on fees.kind = 'fees'
                and fees.currency = refund.source_currency
            left join account as clearing on clearing.kind = 'clearing'
                and clearing.currency = refund.source_currency
            left join account as payer on payer.owner_id = in_funding_source_id
                and payer.kind = 'wallet' and payer.currency = refund.source_currency
            left join entry as gave on gave.transfer_id = taken.id
                and gave.account_id = recipient.id
            left join entry as of_fees on of_fees.transfer_id = taken.id
                and of_fees.account_id = fees.id
            left join entry as waiting on waiting.transfer_id = taken.id
                and waiting.account_id = clearing.id
            left join entry as arrived on arrived.transfer_id = coalesce(returned.id, brought.id)
                and arrived.account_id = payer.id
        where gave.amount is distinct from -refund.amount
            or coalesce(of_fees.amount, 0) <> -refund.fee
            or (taken.kind = 'hold') <> (waiting.amount is not null)
            or waiting.amount <> refund.total
            or (status = 'approved') <> (arrived.amount is not null)
            or arrived.amount <> refund.total
        """,
    ),
)
