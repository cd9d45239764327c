"""What a batch of payments locks and reads: users, payees, requests and pools, then accounts.

What hangs on locked rows is read in later statements. All is sent at once, but for what depends on
whose the payees are, and on what the requests and pools ask for.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from whipround.db.database import Tx
from whipround.domain import fees, fx, limits, payees, relationships
from whipround.domain.credentials import PinState
from whipround.domain.funding.wallet import (
    CASH,
    CLEARING_ACCOUNT,
    FEES_ACCOUNT,
    POSITION_ACCOUNT,
    WALLET,
    WALLET_ACCOUNT,
)
from whipround.domain.limits import Limits
from whipround.domain.payees import Address, Payee
from whipround.domain.payments.commands import DECLINED_WITHIN, Pay
from whipround.domain.payments.share_rows import lock_shares
from whipround.domain.payments.shares import POOL_ACCOUNT, PayShare, Pooled, Refusal
from whipround.domain.payments.sharing import Shares
from whipround.domain.payments.state import Recipient, Source, State
from whipround.domain.quotes import Prices
from whipround.ledger.accounts import (
    PRODUCT,
    Account,
    AccountName,
    NewAccount,
    lock_accounts,
    open_accounts,
)
from whipround.ledger.transfers import Book

_LOCK_PAYERS = """
    select id, pin_digest, pin_failures, locks, locked_until, verified
    from users
    where id = any(%(ids)b)
    order by id
    for no key update
"""

# A card is good to the end of its month. How often one has declined of late: somebody may be trying
# it out. Of what is charged once each may be another card: those count that may yet decline.
_SOURCES = """
    select funding_source.id, user_id, funding_source.type, type_name,
        allows_out and funding_source.status = 'enabled' and (card.id is null
            or card.status = 'active'
                and make_date(expiration_year, expiration_month, 1) + interval '1 month'
                    > %(now)s at time zone 'UTC'),
        allows_in and funding_source.status = 'enabled',
        coalesce(card.id, bank_account.id), coalesce(card.sealed, bank_account.sealed),
        case funding_source.type when 'virtual' then 0 else (
            select count(*)
            from gateway_call
            where funding_source_id = funding_source.id and gateway_call.status = 'declined'
                and kind = 'charge' and gateway_call.created_at > %(since)s
        ) end + case when is_once then (
            select count(*)
            from gateway_call
            where funding_source_id = funding_source.id and kind = 'charge'
                and gateway_call.status in ('open', 'pending')
        ) else 0 end, is_once
    from funding_source
        left join card on card.funding_source_id = funding_source.id
        left join bank_account on bank_account.funding_source_id = funding_source.id
    where funding_source.id = any(%(ids)b) and (deleted_at is null or is_once)
"""

# Whose wallet can be paid.
RECIPIENTS_SQL = """
    select users.id, parent_user_id, funding_source.id, full_name, username, verified, official,
        image_id
    from users join funding_source on user_id = users.id and type = 'virtual'
    where users.id = any(%(ids)b) and funding_source.user_id = any(%(ids)b)
        and users.status = 'active'
        and funding_source.allows_in and funding_source.status = 'enabled'
"""

# What a payment from a wallet, or with cash that has come, moves: the source, the wallet of the
# recipient, or the pool, and the product's own accounts, in one order. What is yet to come from the
# outside moves nothing, and must not wait here for what is being settled.
_LOCK_ACCOUNTS = """
    with paying as materialized (
        select funding_source.id, recipient_id, pool_id
        from unnest(%(sources)b::uuid[], %(recipients)b::uuid[], %(pools)b::uuid[])
            as paid (source_id, recipient_id, pool_id)
            join funding_source
                on funding_source.id = source_id and type in ('virtual', 'cash')
    )
    select id, currency, balance, floor, version, owner_id, kind
    from account
    where owner_id = any(array(
            select id from paying
            union all
            select wallet.id
            from paying join funding_source as wallet
                on wallet.user_id = recipient_id and wallet.type = 'virtual'
            union all
            select pool_id from paying where pool_id is not null
            union all
            select %(product)s where exists (select from paying)
        ))
        and kind = any(%(kinds)b) and currency = any(%(currencies)b)
    order by id
    for no key update
"""

# Whatever it was paid from, it would return to the payer's wallet.
# What waits to be claimed, and what the outside may yet add to it. Shares of crowd payments are
# counted by themselves.
_WAITING = """
    select user_id, count(*)
    from (
        select user_id
        from holding join funding_source as wallet on wallet.id = source_id
        where user_id = any(%(payers)b) and type = 'virtual' and holding.status = 'held'
            and holding.kind = 'payment'
        union all
        select user_id
        from gateway_call
            join funding_source on funding_source.id = gateway_call.funding_source_id
            join transaction on transaction.id = transaction_id
        where user_id = any(%(payers)b) and gateway_call.status in ('open', 'pending')
            and gateway_call.kind = 'charge' and in_user_id is null
    ) as unclaimed
    group by user_id
"""


_ZERO = Decimal(0)

Rows: TypeAlias = AsyncCursor[TupleRow]


class _Wanted:
    """What the commands of a batch need to have locked and read."""

    def __init__(
        self, commands: Iterable[Pay | Refusal], by_address: dict[Address, Payee], shares: Shares
    ) -> None:
        self.pairs: set[tuple[UUID, UUID]] = set()
        self.paying: set[tuple[UUID, UUID | None, UUID | None]] = set()
        self.receiving: set[tuple[UUID, UUID, str]] = set()
        self.spending: set[tuple[UUID, str]] = set()
        self.sources: set[UUID] = set()
        self.accounts: dict[AccountName, NewAccount] = {}
        self.converts = False
        for command in commands:
            pool = shares.pool_of(command)
            if pool is not None and pool.owner_id != command.payer_id:
                self.pairs.add((command.payer_id, pool.owner_id))
            if isinstance(command, Pay):
                self._add(command, _recipient_id(command, by_address), pool)

    def _add(self, command: Pay, recipient_id: UUID | None, pool: Pooled | None) -> None:
        source, destination = command.source_currency, command.amount.currency
        self.sources.add(command.funding_source_id)
        pool_id = None if pool is None else pool.id
        self.paying.add((command.funding_source_id, recipient_id, pool_id))
        self.spending.add((command.funding_source_id, source))
        if command.means.wallet is not None:
            self.sources.add(command.means.wallet.funding_source_id)
            self.paying.add((command.means.wallet.funding_source_id, None, None))
            self._open(CLEARING_ACCOUNT, source)
        self._open(FEES_ACCOUNT, source)
        if recipient_id is not None:
            self.pairs.add((command.payer_id, recipient_id))
            self.receiving.add((command.funding_source_id, recipient_id, destination))
        if command.recipient_source_id is not None:
            self.sources.add(command.recipient_source_id)
            self._open(CLEARING_ACCOUNT, source, destination)
        if source != destination:
            self.converts = True
            self._open(POSITION_ACCOUNT, source, destination, floor=None)

    def _open(self, kind: str, *currencies: str, floor: Decimal | None = _ZERO) -> None:
        for currency in currencies:
            new = NewAccount(PRODUCT, kind, currency, floor)
            self.accounts[new.name] = new

    @property
    def currencies(self) -> list[str]:
        """Those of the product's accounts and of the recipients', and so of the sources'."""
        return list({currency for _, _, currency in self.accounts} | self._received)

    @property
    def kinds(self) -> list[str]:
        """The kinds of the accounts."""
        pools = [POOL_ACCOUNT] if any(pool_id for _, _, pool_id in self.paying) else []
        return [WALLET_ACCOUNT, *pools, *{kind for _, kind, _ in self.accounts}]

    @property
    def _received(self) -> set[str]:
        return {currency for _, _, currency in self.receiving}

    def missing(
        self,
        accounts: Container[AccountName],
        sources: Mapping[UUID, Source],
        recipients: Mapping[UUID, Recipient],
    ) -> list[NewAccount]:
        """The accounts that are not there yet, of those that money at hand needs to move."""
        at_hand = {id_ for id_, source in sources.items() if source.type in {WALLET, CASH}}
        if at_hand.isdisjoint(source_id for source_id, _, _ in self.paying):
            return []
        received = (
            NewAccount(recipients[user_id].wallet_id, WALLET_ACCOUNT, currency)
            for source_id, user_id, currency in self.receiving
            if source_id in at_hand and user_id in recipients
        )
        spent = (
            NewAccount(source_id, WALLET_ACCOUNT, currency, floor=None)
            for source_id, currency in self.spending
            if source_id in at_hand and sources[source_id].type == CASH
        )
        wanted = {new.name: new for new in (*self.accounts.values(), *received, *spent)}
        return [new for name, new in wanted.items() if name not in accounts]


def _recipient_id(command: Pay, by_address: dict[Address, Payee]) -> UUID | None:
    """The user who is paid, as far as that is known."""
    if command.recipient_source_id is not None:
        return command.payer_id
    if command.recipient_address is not None:
        return by_address[command.recipient_address].user_id
    return command.recipient_user_id


async def read(
    tx: Tx, commands: Sequence[Pay | PayShare], *, clock: Callable[[], datetime]
) -> "Reading":
    """Lock and read what the commands depend on; `clock` tells the time, in UTC."""
    payer_ids = list({command.payer_id for command in commands})
    payers = await tx.execute(_LOCK_PAYERS, {"ids": payer_ids})
    payments = [command for command in commands if isinstance(command, Pay)]
    addresses = [c.recipient_address for c in payments if c.recipient_address is not None]
    found = await payees.lock_payees(tx, addresses, now=clock()) if addresses else []
    by_address = {(payee.kind, payee.address): payee for payee in found}
    shares = Shares()
    if len(payments) < len(commands):
        shares = await lock_shares(tx, [each for each in commands if isinstance(each, PayShare)])
    orders = [shares.order_of(each) if isinstance(each, PayShare) else each for each in commands]
    wanted = _Wanted(orders, by_address, shares)
    recipient_ids = list({recipient_id for _, recipient_id in wanted.pairs})
    source_ids = list(wanted.sources)
    # Of who pays themselves their wallet's too, which is found by whose it is.
    limited = [*source_ids, *(payer for payer, recipient in wanted.pairs if payer == recipient)]
    since = limits.since(clock())
    paying = list(wanted.paying)
    return Reading(
        clock=clock,
        orders=orders,
        shares=shares,
        wanted=wanted,
        payees=by_address,
        payers=payers,
        recipients=await tx.execute(RECIPIENTS_SQL, {"ids": recipient_ids}),
        sources=await tx.execute(
            _SOURCES,
            {"ids": source_ids, "now": clock(), "since": clock() - DECLINED_WITHIN},
        ),
        blocks=await relationships.ask_blocks(tx, pairs=list(wanted.pairs)),
        fee_rules=await tx.execute(fees.RULES_SQL),
        rates=await tx.execute(fx.RATES_SQL) if wanted.converts else None,
        spread=await tx.execute(fx.SPREAD_SQL) if wanted.converts else None,
        limit_rules=await tx.execute(limits.RULES_SQL),
        usage=await tx.execute(limits.USAGE_SQL, {"ids": limited, "since": since}),
        waiting=await tx.execute(_WAITING, {"payers": payer_ids}) if addresses else None,
        accounts=await tx.execute(
            _LOCK_ACCOUNTS,
            {
                "sources": [source_id for source_id, _, _ in paying],
                "recipients": [recipient_id for _, recipient_id, _ in paying],
                "pools": [pool_id for _, _, pool_id in paying],
                "product": PRODUCT,
                "currencies": wanted.currencies,
                "kinds": wanted.kinds,
            },
        ),
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """Statements on their way, and what is to be made of their results.

    `orders` are what the commands come to, in order.
    """

    clock: Callable[[], datetime]
    orders: Sequence[Pay | Refusal]
    shares: Shares
    wanted: _Wanted
    payees: dict[Address, Payee]
    payers: Rows
    recipients: Rows
    sources: Rows
    blocks: Rows
    fee_rules: Rows
    rates: Rows | None
    spread: Rows | None
    limit_rules: Rows
    usage: Rows
    waiting: Rows | None
    accounts: Rows

    async def state(self, tx: Tx) -> State:
        """What the decisions depend on; the time is that of the locks."""
        recipients = {row[0]: Recipient(*row) for row in await self.recipients.fetchall()}
        locked = await self.accounts.fetchall()
        accounts = {(row[5], row[6], row[1]): row[0] for row in locked}
        book = Book(Account(*row[:5]) for row in locked)
        sources = {row[0]: Source(*row) for row in await self.sources.fetchall()}
        missing = self.wanted.missing(accounts, sources, recipients)
        if missing:
            opened = await open_accounts(tx, missing, now=self.clock())
            accounts |= {new.name: id_ for new, id_ in zip(missing, opened, strict=True)}
            book.add(await lock_accounts(tx, opened))
        payers = await self.payers.fetchall()
        return State(
            now=self.clock(),
            pins={row[0]: PinState(*row[1:5]) for row in payers},
            verified={row[0] for row in payers if row[5]},
            sources=sources,
            recipients=recipients,
            payees=self.payees,
            shares=self.shares,
            blocks=set(await self.blocks.fetchall()),
            prices=await self._prices(),
            limits=Limits(await self.limit_rules.fetchall(), await self.usage.fetchall()),
            waiting=dict(await self.waiting.fetchall()) if self.waiting else {},
            accounts=accounts,
            book=book,
        )

    async def _prices(self) -> Prices:
        return Prices(
            rules=fees.by_kind(await self.fee_rules.fetchall()),
            rates=fx.rates_of(await self.rates.fetchall()) if self.rates else {},
            spread_percent=fx.spread_of(await self.spread.fetchall()) if self.spread else _ZERO,
        )
