"""What a batch of payments locks and reads: users, then payees, then accounts.

What hangs on locked rows is read in later statements. All is sent at once, but for what depends on
whose the payees are.
"""

from collections.abc import Callable, Sequence
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
    CLEARING_ACCOUNT,
    FEES_ACCOUNT,
    POSITION_ACCOUNT,
    WALLET_ACCOUNT,
)
from whipround.domain.limits import Limits
from whipround.domain.payees import Address, Payee
from whipround.domain.payments.commands import Pay
from whipround.domain.payments.state import Recipient, Source, State
from whipround.domain.quotes import Prices
from whipround.domain.users.person import REACHED_AT
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

# A card is good to the end of its month.
_SOURCES = """
    select funding_source.id, user_id, funding_source.type, type_name,
        allows_out and funding_source.status = 'enabled' and (card.id is null
            or card.status = 'active'
                and make_date(expiration_year, expiration_month, 1) + interval '1 month'
                    > %(now)s at time zone 'UTC'),
        allows_in and funding_source.status = 'enabled',
        coalesce(card.id, bank_account.id), coalesce(card.sealed, bank_account.sealed)
    from funding_source
        left join card on card.funding_source_id = funding_source.id
        left join bank_account on bank_account.funding_source_id = funding_source.id
    where funding_source.id = any(%(ids)b) and deleted_at is null
"""

# Whose wallet can be paid, and how to tell them.
RECIPIENTS_SQL = f"""
    select users.id, parent_user_id, funding_source.id, full_name, username, verified, official,
        locale, {REACHED_AT}
    from users join funding_source on user_id = users.id and type = 'virtual'
    where users.id = any(%(ids)b) and funding_source.user_id = any(%(ids)b)
        and users.status = 'active'
        and funding_source.allows_in and funding_source.status = 'enabled'
"""  # noqa: S608 (our own column names)

# The wallets of the recipients, the sources of the payers, and the product's own, in one order.
_LOCK_ACCOUNTS = """
    select id, currency, balance, floor, version, owner_id, kind
    from account
    where owner_id = any(array(
            select id from funding_source where user_id = any(%(recipients)b) and type = 'virtual'
        ) || %(sources)b::uuid[])
        and kind = any(%(kinds)b) and currency = any(%(currencies)b)
    order by id
    for no key update
"""

# Whatever it was paid from, it would return to the payer's wallet.
_WAITING = """
    select user_id, count(*)
    from holding join funding_source as wallet on wallet.id = source_id
    where user_id = any(%(payers)b) and type = 'virtual' and holding.status = 'held'
    group by user_id
"""


_ZERO = Decimal(0)

Rows: TypeAlias = AsyncCursor[TupleRow]


class _Wanted:
    """What the commands of a batch need to have locked and read."""

    def __init__(self, commands: Sequence[Pay], by_address: dict[Address, Payee]) -> None:
        self.pairs: set[tuple[UUID, UUID]] = set()
        self.receiving: set[tuple[UUID, str]] = set()
        self.sources: set[UUID] = set()
        self.accounts: dict[AccountName, NewAccount] = {}
        self.converts = False
        for command in commands:
            self._add(command, _recipient_id(command, by_address))

    def _add(self, command: Pay, recipient_id: UUID | None) -> None:
        source, destination = command.source_currency, command.amount.currency
        self.sources.add(command.funding_source_id)
        self._open(FEES_ACCOUNT, source)
        if recipient_id is not None:
            self.pairs.add((command.payer_id, recipient_id))
            self.receiving.add((recipient_id, destination))
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
        return [WALLET_ACCOUNT, *{kind for _, kind, _ in self.accounts}]

    @property
    def _received(self) -> set[str]:
        return {currency for _, currency in self.receiving}


def _recipient_id(command: Pay, by_address: dict[Address, Payee]) -> UUID | None:
    """The user who is paid, as far as that is known."""
    if command.recipient_source_id is not None:
        return command.payer_id
    if command.recipient_address is not None:
        return by_address[command.recipient_address].user_id
    return command.recipient_user_id


async def read(tx: Tx, commands: Sequence[Pay], *, clock: Callable[[], datetime]) -> "Reading":
    """Lock and read what the commands depend on; `clock` tells the time, in UTC."""
    payer_ids = list({command.payer_id for command in commands})
    payers = await tx.execute(_LOCK_PAYERS, {"ids": payer_ids})
    addresses = [c.recipient_address for c in commands if c.recipient_address is not None]
    found = await payees.lock_payees(tx, addresses, now=clock()) if addresses else []
    by_address = {(payee.kind, payee.address): payee for payee in found}
    wanted = _Wanted(commands, by_address)
    recipient_ids = list({recipient_id for _, recipient_id in wanted.pairs})
    source_ids = list(wanted.sources)
    # Of who pays themselves their wallet's too, which is found by whose it is.
    limited = [*source_ids, *(payer for payer, recipient in wanted.pairs if payer == recipient)]
    since = limits.since(clock())
    return Reading(
        clock=clock,
        wanted=wanted,
        payees=by_address,
        payers=payers,
        recipients=await tx.execute(RECIPIENTS_SQL, {"ids": recipient_ids}),
        sources=await tx.execute(_SOURCES, {"ids": source_ids, "now": clock()}),
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
                "recipients": recipient_ids,
                "sources": [*source_ids, PRODUCT],
                "currencies": wanted.currencies,
                "kinds": wanted.kinds,
            },
        ),
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """Statements on their way, and what is to be made of their results."""

    clock: Callable[[], datetime]
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
        wallets = (
            NewAccount(recipients[user_id].wallet_id, WALLET_ACCOUNT, currency)
            for user_id, currency in self.wanted.receiving
            if user_id in recipients
        )
        wanted = (*self.wanted.accounts.values(), *wallets)
        missing = [new for new in wanted if new.name not in accounts]
        if missing:
            opened = await open_accounts(tx, missing, now=self.clock())
            accounts |= {new.name: id_ for new, id_ in zip(missing, opened, strict=True)}
            book.add(await lock_accounts(tx, opened))
        payers = await self.payers.fetchall()
        return State(
            now=self.clock(),
            pins={row[0]: PinState(*row[1:5]) for row in payers},
            verified={row[0] for row in payers if row[5]},
            sources={row[0]: Source(*row) for row in await self.sources.fetchall()},
            recipients=recipients,
            payees=self.payees,
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
