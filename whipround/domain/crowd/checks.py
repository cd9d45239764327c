"""What crowd payments claim of the ledger, for the audit."""

from collections.abc import Sequence

from whipround.domain.crowd.share_checks import SHARE_CHECKS
from whipround.ledger.audit import Check

CROWD_CHECKS: Sequence[Check] = (
    Check(
        "every crowd payment has the transfers of its status, and no other ones",
        """
        select format('crowd payment %s is %s, its transfers are: %s', crowd_payment.id, status,
            coalesce(string_agg(transfer.kind, ', ' order by transfer.kind), 'none'))
        from crowd_payment left join transfer on transfer.key in (
            crowd_payment.id || ':pay', crowd_payment.id || ':pledge',
            crowd_payment.id || ':unpledge')
        group by crowd_payment.id
        having (status, coalesce(string_agg(transfer.kind, ' ' order by transfer.kind), ''))
            not in (
                ('paid', 'crowd'),
                ('paid', 'crowd pledge'),
                ('pledged', 'pledge'),
                ('revoked', 'pledge unpledge'),
                ('expired', 'pledge unpledge')
            )
        """,
    ),
    Check(
        "every crowd payment that is paid is divided into its shares, to the last of it",
        """
        select format('crowd payment %s is %s of %s and a fee of %s; its %s shares are %s and %s',
            crowd_payment.id, status, crowd_payment.amount, crowd_payment.fee, shares, divided,
            fees)
        from crowd_payment left join (
            select crowd_id, count(*) as shares, sum(payment.amount) as divided,
                sum(payment.fee) as fees, sum(percentage) as percentages,
                max(position) + 1 as positions, count(distinct owner_id) as owners,
                min(owner_id::text) as owner_id, count(distinct funding_source_id) as sources,
                min(funding_source_id::text) as source_id,
                min(currency) as currency, count(distinct currency) as currencies
            from crowd_share join payment on payment.id = crowd_share.payment_id
            group by crowd_id
        ) as divided on crowd_id = crowd_payment.id
        where (status <> 'paid' and shares is not null) or (status = 'paid' and (
            (divided, fees, percentages, positions)
                is distinct from (crowd_payment.amount, crowd_payment.fee, 100::numeric, shares)
            or (owners, sources, currencies) is distinct from (1::bigint, 1::bigint, 1::bigint)
            or (divided.owner_id, source_id, divided.currency) is distinct from (
                crowd_payment.owner_id::text, crowd_payment.funding_source_id::text,
                crowd_payment.currency)
        ))
        """,
    ),
    Check(
        "every share is a payment of a crowd payment, and waits as a share where it waits",
        """
        select format('the share %s of crowd payment %s is no payment of it', payment_id, crowd_id)
        from crowd_share
            left join payment on payment.id = crowd_share.payment_id
            left join crowd_payment on crowd_payment.id = crowd_id
            left join holding on holding.object_id = payment_id
        where crowd_payment.id is null or payment.kind is distinct from 'payment'
            or holding.kind <> 'share'
        union all
        select format('the holding %s of a share belongs to none', holding.id)
        from holding left join crowd_share on payment_id = object_id
        where holding.kind = 'share' and payment_id is null
        """,
    ),
    Check(
        "every crowd payment took its amount and its fee, and what was not claimed came back",
        """
        select format('crowd payment %s of %s and a fee of %s: %s moved %s', crowd_payment.id,
            crowd_payment.amount, crowd_payment.fee, transfer.key, coalesce(entry.amount, 0))
        from crowd_payment
            join transfer on transfer.key in (
                crowd_payment.id || ':pay', crowd_payment.id || ':pledge',
                crowd_payment.id || ':unpledge')
            left join transfer as pledged
                on transfer.kind = 'crowd' and pledged.key = crowd_payment.id || ':pledge'
            left join account on account.currency = crowd_payment.currency
                and (account.owner_id, account.kind) = (
                    case when pledged.id is null then funding_source_id
                        else crowd_payment.id end,
                    case when pledged.id is null then 'wallet' else 'pledge' end)
            left join entry on entry.transfer_id = transfer.id and entry.account_id = account.id
                and (entry.amount > 0) = (transfer.kind = 'unpledge')
        where entry.amount is distinct from (crowd_payment.amount + crowd_payment.fee)
            * case transfer.kind when 'unpledge' then 1 else -1 end
        """,
    ),
    Check(
        "every share got into the wallet that it is in, or waited in a holding, with its fee",
        """
        select format('the transfer %s gave the account %s %s, its shares say %s', coalesce(
            gave.key, said.key), coalesce(gave.account_id, said.account_id), gave.amount,
            said.amount)
        from (
            select transfer.key, account_id, entry.amount
            from transfer join entry on entry.transfer_id = transfer.id
            where transfer.kind = 'crowd' and entry.amount > 0
        ) as gave full join (
            select crowd_id || ':pay' as key, account_id, sum(amount) as amount
            from (
                select crowd_id, account_id, holding.amount + holding.fee as amount
                from crowd_share join holding on object_id = payment_id
                union all
                select crowd_id, account.id, payment.amount
                from crowd_share
                    join payment on payment.id = crowd_share.payment_id
                    join transaction on transaction.id = transaction_id
                    left join holding on object_id = crowd_share.payment_id
                    left join account on account.owner_id = transaction.in_funding_source_id
                        and account.kind = 'wallet' and account.currency = payment.currency
                where holding.id is null
                union all
                select crowd_id, account.id, payment.fee
                from crowd_share
                    join payment on payment.id = crowd_share.payment_id
                    left join holding on object_id = crowd_share.payment_id
                    left join account on account.kind = 'fees'
                        and account.currency = payment.currency
                where holding.id is null and payment.fee > 0
            ) as part
            group by crowd_id, account_id
        ) as said on said.key = gave.key and said.account_id = gave.account_id
        where gave.amount is distinct from said.amount
        """,
    ),
    Check(
        "every pledge's account holds what is pledged while it waits, and nothing afterwards",
        """
        select format('crowd payment %s is %s, its account holds %s',
            coalesce(crowd_payment.id, account.owner_id), status, balance)
        from crowd_payment full join (
            select * from account where kind = 'pledge'
        ) as account on account.owner_id = crowd_payment.id
            and account.currency = crowd_payment.currency
        where coalesce(balance, 0) is distinct from case when status = 'pledged'
            then crowd_payment.amount + crowd_payment.fee else 0 end
        """,
    ),
    *SHARE_CHECKS,
)
