"""What the domain claims of the ledger: every row that says money moved has the transfer."""

from collections.abc import Sequence

from whipround.ledger.audit import Check

DOMAIN_CHECKS: Sequence[Check] = (
    Check(
        "every transaction that claims money has its transfer, and no other one",
        """
        select format('transaction %s is %s but its transfers are: %s', transaction.id, status,
            coalesce(string_agg(transfer.kind, ', '), 'none'))
        from transaction left join transfer on transfer.key in (
            transaction.id || ':pay', transaction.id || ':hold',
            transaction.id || ':settle', transaction.id || ':release'
        )
        group by transaction.id
        having array_agg(transfer.kind order by transfer.kind) not in (
            array['payment'], array['hold'], array['hold', 'settle'], array['hold', 'release']
        ) or (status = 'approved') <> (
            coalesce(bool_or(transfer.kind in ('payment', 'settle')), false)
        ) or (status = 'active') <> (
            array_agg(transfer.kind) = array['hold']
        ) or (status = 'cancelled') <> coalesce(bool_or(transfer.kind = 'release'), false)
        """,
    ),
    Check(
        "every payment agrees with its transaction, and there is none without the other",
        """
        select format('payment %s disagrees with transaction %s',
            coalesce(payment.id, payment_id), coalesce(transaction.id, transaction_id))
        from payment full join transaction on transaction.id = transaction_id
        where transaction.id is null or transaction.payment_id is distinct from payment.id
            or transaction.amount <> payment.amount or transaction.currency <> payment.currency
            or transaction.fee <> payment.fee
            or (transaction.status = 'approved') <> (payment.fulfillment_status = 'fulfilled')
            or (transaction.status = 'active') <> (payment.status = 'open')
            or transaction.in_user_id is distinct from payment.recipient_user_id
        """,
    ),
    Check(
        "every transaction took its amount and its fee from the paying source",
        """
        select format('transaction %s says %s and a fee of %s, its wallet gave %s', transaction.id,
            transaction.amount, fee, coalesce(-entry.amount, 0))
        from transaction
            join transfer on transfer.key in (
                transaction.id || ':pay', transaction.id || ':hold')
            left join account on account.owner_id = out_funding_source_id
                and account.kind = 'wallet' and account.currency = transaction.currency
            left join entry on entry.transfer_id = transfer.id and entry.account_id = account.id
        where entry.amount is distinct from -(transaction.amount + fee)
        """,
    ),
    Check(
        "every approved transaction moved its amount into the receiving source",
        """
        select format('transaction %s says %s, its wallet got %s', transaction.id,
            transaction.amount, coalesce(entry.amount, 0))
        from transaction
            join transfer on transfer.key in (
                transaction.id || ':pay', transaction.id || ':settle')
            left join account on account.owner_id = in_funding_source_id
                and account.kind = 'wallet' and account.currency = transaction.currency
            left join entry on entry.transfer_id = transfer.id and entry.account_id = account.id
        where status = 'approved' and entry.amount is distinct from transaction.amount
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
)
