"""Reading a history: the entries of a person's accounts, and what they are of."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from whipround.db.database import Tx
from whipround.db.listing import Page
from whipround.domain.history import crowds, showing
from whipround.domain.history.crowds import Shares
from whipround.domain.history.movements import Income, Outcome

# Accounts that nothing has moved are passed over, and those outside that have never paid. A crypto
# address has none. In an array: however many sources the planner believes there to be, their
# accounts are looked up.
_ACCOUNTS = """
    select account.id, source.type, source.type = 'virtual' as is_wallet
    from account join funding_source as source on source.id = account.owner_id
    where account.owner_id = any(array(
            select id from funding_source
            where user_id = %(user_id)s and type <> 'crypto_address'
        ))
        and account.kind = 'wallet' and account.currency = %(currency)s and account.version > 0
        and (source.type = 'virtual' or account.debited > 0)
"""

# What came to nothing: no money has left, or it was set aside and is back. What an unproven address
# was sent, and what was charged or paid out at first, has left, whatever became of it.
_CAME_TO_NOTHING = """
    transaction.kind = 'payment' and (
        transaction.status = 'rejected'
        or transaction.status = 'cancelled' and payment.expires_at is null
    )
"""

# Of what is outside only what others were paid is of interest: a top-up is so when it comes in, and
# what goes back to a card does not come in at all.
_WAS_PAID = """
    transaction.kind = 'payment' and payment.kind in ('payment', 'request', 'contribution')
"""

_OF_CROWDS = "'crowd', 'pledge', 'unpledge'"
"""The kinds of transfers of crowd payments."""

# A grant belongs to no transaction, and its key to whoever made it; that of any other transfer
# begins with the id of the transaction, or of the crowd payment, whose shares move in one.
_MOVED = f"""
    select entry.version, entry.amount as moved, transfer.kind as step, transfer.posted_at,
        transaction.kind as transaction_kind, transaction.status, transaction.in_funding_source_id,
        transaction.in_user_id, transaction.out_user_id,
        payment.id as payment_id, payment.kind, payment.pool_id, payment.recipient_user_id,
        payment.recipient_payee_id, payment.funding_source_id, payment.wallet_amount,
        payment.wallet_fee, payment.expires_at is not null as has_waited,
        case when payment.source_amount is null then payment.refunded
            else payment.refunded_source end as refunded,
        coalesce(payment.number, crowd.number) as number,
        coalesce(payment.owner_id, crowd.owner_id) as owner_id,
        coalesce(payment.fee, crowd.fee) as fee,
        coalesce(
            payment.description, nullif(crowd.title, ''), nullif(crowd.message, ''), crowd.url, ''
        ) as description,
        crowd.id as crowd_id, crowd.status as crowd_status, crowd.title, crowd.url,
        crowd.description as about
    from entry
        join transfer on transfer.id = entry.transfer_id
        left join transaction on transaction.id = case
            when transfer.kind not in ('grant', {_OF_CROWDS}) then left(transfer.key, 36)::uuid end
        left join payment on payment.id = transaction.payment_id
        left join crowd_payment as crowd on crowd.id =
            case when transfer.kind in ({_OF_CROWDS}) then left(transfer.key, 36)::uuid end
    where entry.account_id = mine.id and (mine.is_wallet or entry.amount < 0)
        and case when crowd.id is not null then true
            when mine.is_wallet then not ({_CAME_TO_NOTHING}) else {_WAS_PAID} end
    order by entry.version desc
    limit %(reach)s
"""  # noqa: S608 (our own SQL)

# What came from a card and a wallet together came in one sum, of which either part is shown. What
# is a share is looked up of what is shown alone.
_PAGE = f"""
    select moved.*, mine.type, mine.is_wallet, source.type as paid_with, part.is_wallet_part, (
            select crowd_payment.number
            from crowd_share join crowd_payment on crowd_payment.id = crowd_share.crowd_id
            where crowd_share.payment_id = moved.payment_id
        ) as crowd_number
    from ({_ACCOUNTS}) as mine
        cross join lateral ({_MOVED}) as moved
        left join funding_source as source on source.id = moved.funding_source_id
        cross join (values (false), (true)) as part (is_wallet_part)
    where not is_wallet_part or (
        wallet_amount is not null and moved > 0 and step in ('payment', 'settle')
        and transaction_kind = 'payment'
    )
    order by posted_at desc, is_wallet desc, version desc, mine.id, is_wallet_part
    limit %(limit)s offset %(offset)s
"""  # noqa: S608

_NAMES = """
    select id, full_name from users where id = any(%(ids)s)
    union all
    select id, description from pool where id = any(%(ids)s)
    union all
    select id, address from payee where id = any(%(ids)s)
    union all
    select source.id, coalesce(nullif(bank, ''), full_name)
    from funding_source as source
        join users on users.id = source.user_id
        left join bank_account on bank_account.funding_source_id = source.id
    where source.id = any(%(ids)s)
"""

# What several servers post to one account at once may not stand there in the order of their clocks:
# so many entries beyond the page are looked at for any that belongs to it.
_OUT_OF_ORDER = 16


async def page(tx: Tx, *, user_id: UUID, currency: str, page: Page) -> list[Income | Outcome]:
    """The user's history in the currency, newest first, and one more if there is a next page.

    What is in it and when (Moneypool, List Payments, and later revisions, "History of what the
    other faces do"): money shows as it moves. A card's from when it was charged; a wallet's from
    when it left, be it to a bank or to an address that nobody has proven; what was to wait for
    somebody, from when they had it. What comes back adds an income, and changes nothing before it:
    what nobody has claimed, what could not land, what a bank returned, what a recipient gave back.
    What goes back to a card does not come in, and is told of the outcome only (`refunded`). What
    was paid in one currency and received in another is an outcome in the one, and an income in the
    other. What a card and the wallet paid together is two outcomes, and two incomes. A crowd
    payment is one outcome, from when it was paid or pledged, and for each of its recipients one
    income, however many shares they have.
    """
    offset = (page.number - 1) * page.limit
    values = {
        "user_id": user_id,
        "currency": currency,
        "limit": page.limit + 1,
        "offset": offset,
        "reach": offset + page.limit + 1 + _OUT_OF_ORDER,
    }
    async with tx.cursor(row_factory=dict_row) as cursor:
        # How far the page reaches is what the plan depends on.
        await cursor.execute(_PAGE.encode(), values, prepare=False)
        rows = await cursor.fetchall()
    names = await _names(tx, {party_id for row in rows if (party_id := showing.party_id(row))})
    shares = await _shares(tx, rows)
    return [showing.shown(row, names, shares) for row in rows]


async def _names(tx: Tx, ids: set[UUID]) -> dict[UUID, str]:
    if not ids:
        return {}
    return dict(await (await tx.execute(_NAMES, {"ids": list(ids)})).fetchall())


async def _shares(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> dict[UUID, Shares]:
    """What is known of the shares of the crowd payments that the person has made."""
    made = [row for row in rows if showing.is_own_crowd(row)]
    return await crowds.shares_of(
        tx,
        crowd_ids={row["crowd_id"] for row in made},
        unnamed={row["crowd_id"] for row in made if not row["title"]},
    )
