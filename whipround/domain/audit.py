"""What the domain claims of the ledger: every row that says money moved has the transfer."""

from collections.abc import Sequence

from whipround.domain.cash.checks import CASH_CHECKS
from whipround.domain.crowd.checks import CROWD_CHECKS
from whipround.domain.payments.checks import MIXED_CHECKS
from whipround.domain.pools.checks import POOL_CHECKS
from whipround.domain.refunds.checks import REFUND_CHECKS
from whipround.domain.requests.checks import REQUEST_CHECKS
from whipround.ledger.audit import Check

DOMAIN_CHECKS: Sequence[Check] = (
    # What was done to a transaction's money, and what the outside said of it if it was asked, for
    # every status that it can have.
    Check(
        "every transaction that claims money has its transfers, and no other ones",
        """
        select format('%s %s is %s, its transfers are: %s; the outside: %s', transaction.kind,
            transaction.id, transaction.status,
            coalesce(string_agg(transfer.kind, ', ' order by transfer.kind), 'none'),
            coalesce(gateway_call.kind || ' ' || gateway_call.status, 'not asked'))
        from transaction
            left join gateway_call on gateway_call.transaction_id = transaction.id
            left join crowd_share
                on transaction.kind = 'payment' and crowd_share.payment_id = transaction.payment_id
            left join transfer on transfer.key in (
                transaction.id || ':pay', transaction.id || ':hold', transaction.id || ':settle',
                transaction.id || ':release', transaction.id || ':return',
                transaction.id || ':refund', crowd_id || ':pay'
            )
        group by transaction.id, gateway_call.id
        having (transaction.kind, transaction.status,
            coalesce(string_agg(transfer.kind, ' ' order by transfer.kind), ''),
            coalesce(gateway_call.kind || ' ' || gateway_call.status, '')) not in (
                ('payment', 'approved', 'payment', ''),
                ('payment', 'active', 'hold', ''),
                ('payment', 'approved', 'hold settle', ''),
                ('payment', 'cancelled', 'hold release', ''),
                ('payment', 'active', '', 'charge open'),
                ('payment', 'active', '', 'charge pending'),
                ('payment', 'rejected', '', 'charge declined'),
                ('payment', 'cancelled', '', 'charge cancelled'),
                ('payment', 'approved', 'payment', 'charge approved'),
                ('payment', 'active', 'hold', 'charge approved'),
                ('payment', 'approved', 'hold settle', 'charge approved'),
                ('payment', 'cancelled', 'hold release', 'charge approved'),
                ('payment', 'failed', 'return', 'charge approved'),
                ('payment', 'approved', 'crowd', ''),
                ('payment', 'active', 'crowd', ''),
                ('payment', 'approved', 'crowd settle', ''),
                ('payment', 'cancelled', 'crowd release', ''),
                ('payment', 'active', 'hold', 'payout open'),
                ('payment', 'active', 'hold', 'payout pending'),
                ('payment', 'approved', 'hold settle', 'payout approved'),
                ('payment', 'rejected', 'hold release', 'payout declined'),
                ('payment', 'cancelled', 'hold release', 'payout cancelled'),
                ('payment', 'failed', 'hold return settle', 'payout failed'),
                ('refund', 'approved', 'refund', ''),
                ('refund', 'active', 'hold', 'refund open'),
                ('refund', 'active', 'hold', 'refund pending'),
                ('refund', 'approved', 'hold settle', 'refund approved'),
                ('refund', 'approved', 'hold settle', 'refund declined'),
                ('refund', 'approved', 'hold settle', 'refund cancelled'),
                ('refund', 'approved', 'hold return settle', 'refund failed')
            )
        """,
    ),
    Check(
        "every payment agrees with its transaction, and there is none without the other",
        """
        select format('payment %s disagrees with transaction %s',
            coalesce(payment.id, payment_id), coalesce(transaction.id, transaction_id))
        from payment full join (
            select * from transaction where kind = 'payment'
        ) as transaction on transaction.id = transaction_id
        where transaction.id is null or transaction.payment_id is distinct from payment.id
            or (transaction.amount, transaction.currency, transaction.fee)
                <> (payment.amount, payment.currency, payment.fee)
            or (transaction.source_amount, transaction.source_currency, transaction.exchange_rate)
                is distinct from
                (payment.source_amount, payment.source_currency, payment.exchange_rate)
            or (transaction.status = 'approved') <> (payment.fulfillment_status = 'fulfilled')
            or (transaction.status = 'active') <> (payment.status = 'open')
            or transaction.in_user_id is distinct from payment.recipient_user_id
        """,
    ),
    Check(
        "every transaction took its amount and its fee from the paying source",
        """
        select format('transaction %s says %s and a fee of %s, its source gave %s', transaction.id,
            coalesce(transaction.source_amount, transaction.amount), transaction.fee,
            coalesce(-entry.amount, 0))
        from transaction
            left join payment on payment.id = payment_id
            left join gateway_call on gateway_call.transaction_id = transaction.id
            join transfer on transfer.key in (
                transaction.id || ':pay', transaction.id || ':hold',
                case gateway_call.kind when 'charge' then transaction.id || ':return' end
            )
            left join account on account.owner_id = coalesce(out_funding_source_id, pool_id)
                and account.kind = case payment.kind when 'payout' then 'pool' else 'wallet' end
                and account.currency = coalesce(transaction.source_currency, transaction.currency)
            left join entry on entry.transfer_id = transfer.id and entry.account_id = account.id
        where transaction.kind = 'payment'
            and entry.amount is distinct from
                -(coalesce(transaction.source_amount, transaction.amount) + transaction.fee
                    - coalesce(wallet_amount + wallet_fee, 0))
        """,
    ),
    Check(
        "every approved transaction moved its amount into the receiving source",
        """
        select format('transaction %s says %s, its source got %s', transaction.id,
            transaction.amount, coalesce(entry.amount, 0))
        from transaction
            left join payment on payment.id = payment_id and payment.kind = 'contribution'
            join transfer on transfer.key in (
                transaction.id || ':pay', transaction.id || ':settle')
            left join account on account.owner_id = coalesce(in_funding_source_id, pool_id)
                and account.kind = case when pool_id is null then 'wallet' else 'pool' end
                and account.currency = transaction.currency
            left join entry on entry.transfer_id = transfer.id and entry.account_id = account.id
        where transaction.kind = 'payment' and transaction.status = 'approved'
            and entry.amount is distinct from transaction.amount
        """,
    ),
    Check(
        "every holding account holds what waits in it, and nothing once it is finished",
        """
        select format('holding %s is %s and holds %s', holding.id, status, balance)
        from holding left join account on account.id = account_id
        where balance is distinct from
            case when status = 'held' then holding.amount + holding.fee else 0 end
        """,
    ),
    Check(
        "the clearing accounts hold what is on its way to the outside, and nothing else",
        """
        select format('%s %s are being cleared, and %s are there', coalesce(sum, 0),
            coalesce(underway.currency, account.currency), coalesce(balance, 0))
        from (
            select currency, sum(amount)
            from (
                select payment.currency, payment.amount
                from payment
                    join transaction on transaction.id = transaction_id
                    join gateway_call on gateway_call.transaction_id = transaction.id
                where payment.kind = 'withdrawal' and transaction.status = 'active'
                union all
                select coalesce(payment.source_currency, payment.currency), payment.fee
                from payment
                    join transaction on transaction.id = transaction_id
                    join gateway_call on gateway_call.transaction_id = transaction.id
                where payment.kind = 'withdrawal' and transaction.status = 'active'
                union all
                select payment.currency, payment.wallet_amount + payment.wallet_fee
                from payment
                    join gateway_call on gateway_call.transaction_id = payment.transaction_id
                where wallet_amount is not null and gateway_call.status in ('open', 'pending')
                union all
                select coalesce(refund.source_currency, refund.currency),
                    coalesce(refund.source_amount, refund.amount) + refund.fee
                from refund
                    join transaction on transaction.id = refund.transaction_id
                    join gateway_call on gateway_call.transaction_id = transaction.id
                where transaction.status = 'active'
            ) as part
            group by currency
        ) as underway full join (
            select currency, balance from account where kind = 'clearing'
        ) as account on account.currency = underway.currency
        where coalesce(sum, 0) <> coalesce(balance, 0)
        """,
    ),
    Check(
        "the outside was asked to move exactly what each transaction says",
        """
        select format('transaction %s: the outside was asked for %s %s', transaction.id,
            gateway_call.amount, gateway_call.currency)
        from gateway_call
            left join transaction on transaction.id = gateway_call.transaction_id
            left join refund on refund.transaction_id = transaction.id
            left join payment on payment.id = transaction.payment_id
        where gateway_call.kind <> 'register'
            and (gateway_call.amount, gateway_call.currency) is distinct from case gateway_call.kind
                when 'charge' then (
                    coalesce(transaction.source_amount, transaction.amount) + transaction.fee
                        - coalesce(wallet_amount + wallet_fee, 0),
                    coalesce(transaction.source_currency, transaction.currency))
                when 'payout' then (transaction.amount, transaction.currency)
                else (coalesce(refund.source_amount, refund.amount) + refund.fee,
                    coalesce(refund.source_currency, refund.currency))
            end
        """,
    ),
    # With the part of the wallet's, unless that was given back before.
    Check(
        "all that was charged and could get no further is in the payer's wallet",
        """
        select format('transaction %s: %s were charged, %s got to the wallet of its payer',
            transaction.id, gateway_call.amount, coalesce(entry.amount, 0))
        from gateway_call
            join transaction on transaction.id = transaction_id
            join transfer on transfer.key = transaction.id || ':return'
            left join transfer as back on back.key = transaction.id || ':back'
            left join payment on payment.id = payment_id and back.id is null
            left join funding_source as wallet on wallet.id = in_funding_source_id
                and wallet.user_id = out_user_id and wallet.type = 'virtual'
            left join account on account.owner_id = wallet.id and account.kind = 'wallet'
                and account.currency = gateway_call.currency
            left join entry on entry.transfer_id = transfer.id and entry.account_id = account.id
        where gateway_call.kind = 'charge'
            and entry.amount is distinct from
                gateway_call.amount + coalesce(wallet_amount + wallet_fee, 0)
        """,
    ),
    *MIXED_CHECKS,
    *REFUND_CHECKS,
    *REQUEST_CHECKS,
    *POOL_CHECKS,
    *CASH_CHECKS,
    *CROWD_CHECKS,
)
