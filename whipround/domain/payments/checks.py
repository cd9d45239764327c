"""What payments from a card and the wallet together claim of the ledger, for the audit."""

from collections.abc import Sequence

from whipround.ledger.audit import Check

MIXED_CHECKS: Sequence[Check] = (
    Check(
        "every payment from a card and the wallet set the wallet's part aside, once",
        """
        select format('payment %s says that the wallet bore %s and a fee of %s, it gave %s',
            payment.id, wallet_amount, wallet_fee, coalesce(-gave.amount, 0))
        from payment
            left join transfer as aside on aside.key = transaction_id || ':aside'
            left join funding_source as wallet
                on wallet.user_id = owner_id and wallet.type = 'virtual'
            left join account on account.owner_id = wallet.id and account.kind = 'wallet'
                and account.currency = payment.currency
            left join entry as gave on gave.transfer_id = aside.id and gave.account_id = account.id
        where wallet_amount is not null
            and gave.amount is distinct from -(wallet_amount + wallet_fee)
        """,
    ),
    Check(
        "the wallet's part of every such payment is given back if the card did not pay, else not",
        """
        select format('payment %s: the charge is %s, and the wallet got back %s', payment.id,
            coalesce(gateway_call.status, 'not there'), coalesce(got.amount, 0))
        from payment
            left join gateway_call on gateway_call.transaction_id = payment.transaction_id
            left join transfer as back on back.key = payment.transaction_id || ':back'
            left join transfer as strayed on strayed.key = payment.transaction_id || ':return'
            left join funding_source as wallet
                on wallet.user_id = owner_id and wallet.type = 'virtual'
            left join account on account.owner_id = wallet.id and account.kind = 'wallet'
                and account.currency = payment.currency
            left join entry as got on got.transfer_id = back.id and got.account_id = account.id
        where (wallet_amount is not null or back.id is not null)
            and case
                -- What a card did pay in the end, once it was thought that it had not.
                when gateway_call.status = 'approved' and back.id is not null
                    then got.amount is distinct from wallet_amount + wallet_fee
                        or strayed.id is null
                when gateway_call.status in ('declined', 'cancelled')
                    then got.amount is distinct from wallet_amount + wallet_fee
                else gateway_call.status is null or back.id is not null
            end
        """,
    ),
    Check(
        "nothing is set aside for any other payment",
        """
        select format('transfer %s of no payment from a card and a wallet', transfer.key)
        from transfer
        where (key like '%:aside' or key like '%:back') and not exists (
            select from payment
            where transfer.key in (transaction_id || ':aside', transaction_id || ':back')
                and wallet_amount is not null
        )
        """,
    ),
    Check(
        "what is paid with once is in nobody's list, takes nothing in, and is no card of its own",
        """
        select format('funding source %s is of type %s', funding_source.id, funding_source.type)
        from funding_source left join card on card.funding_source_id = funding_source.id
        where is_once <> (funding_source.type = 'cash' or is_once and funding_source.type = 'card')
            or is_once and (deleted_at is null or allows_in or card.id is not null)
        """,
    ),
)
