"""Payments by group commit: take the keys, lock, read, decide, write.

A fixed number of statements, whatever the size of the batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from whipround.db import outbox, request_keys
from whipround.db.database import Tx
from whipround.db.request_keys import Answer, Claims, InProgress, KeyReused
from whipround.domain import fees, payees, relationships
from whipround.domain.credentials import PinState
from whipround.domain.funding.wallet import FEES_ACCOUNT, WALLET_ACCOUNT
from whipround.domain.payees import Address, Payee
from whipround.domain.payments.commands import Pay, Payment
from whipround.domain.payments.decide import Decision, Recipient, Source, State, decide
from whipround.errors import Invalid
from whipround.ledger.accounts import PRODUCT, Account, NewAccount, lock_accounts, open_accounts
from whipround.ledger.transfers import Book, numerics

_LOCK_PAYERS = """
    select id, pin_digest, pin_failures, locks, locked_until
    from users
    where id = any(%(ids)b)
    order by id
    for no key update
"""

_SOURCES = """
    select id, user_id, type, allows_out and status = 'enabled'
    from funding_source
    where id = any(%(ids)b)
"""

# A wallet, and how to reach its person: by email where there is a proven address, else by SMS.
_RECIPIENTS = """
    select users.id, parent_user_id, funding_source.id, full_name, username, verified, official,
        locale,
        case when email_verified_at is not null then 'email'
            when phone_verified_at is not null then 'sms' end,
        case when email_verified_at is not null then email else coalesce(phone, '') end
    from users join funding_source on user_id = users.id and type = 'virtual'
    where users.id = any(%(ids)b) and funding_source.user_id = any(%(ids)b)
        and users.status = 'active'
        and funding_source.allows_in and funding_source.status = 'enabled'
"""

# The wallets of the recipients, the sources of the payers, and the product's fees, in one order.
_LOCK_ACCOUNTS = """
    select id, currency, balance, floor, version, owner_id
    from account
    where owner_id = any(array(
            select id from funding_source where user_id = any(%(recipients)b) and type = 'virtual'
        ) || %(sources)b::uuid[])
        and kind in ('wallet', 'fees') and currency = any(%(currencies)b)
    order by id
    for no key update
"""

_WAITING = """
    select source_id, count(*)
    from holding
    where status = 'held' and source_id = any(%(sources)b)
    group by source_id
"""

_WRITE_PINS = """
    update users
    set pin_failures = judged.failures, locks = judged.locks, locked_until = judged.locked_until
    from unnest(%(ids)s::uuid[], %(failures)s::smallint[], %(locks)s::smallint[],
        %(until)s::timestamptz[]) as judged (id, failures, locks, locked_until)
    where users.id = judged.id
"""

_INSERT_PAYMENTS = """
    with made as (
        select * from unnest(%(ids)b::uuid[], %(owners)b::uuid[], %(sources)b::uuid[],
            %(in_sources)b::uuid[], %(amounts)s::numeric[], %(fees)s::numeric[],
            %(currencies)b::text[], %(descriptions)b::text[], %(metas)b::text[],
            %(image_urls)b::text[], %(statuses)b::text[], %(fulfillments)b::text[],
            %(recipients)b::uuid[], %(recipient_users)b::uuid[], %(recipient_payees)b::uuid[],
            %(recipient_names)b::text[], %(recipient_metas)b::text[],
            %(recipient_statuses)b::text[], %(transactions)b::uuid[],
            %(expires_at)b::timestamptz[])
            as made (id, owner_id, source_id, in_source_id, amount, fee, currency, description,
                meta, image_url, status, fulfillment_status, recipient_id, recipient_user_id,
                payee_id, recipient_name, recipient_meta, recipient_status, transaction_id,
                expires_at)
    ), moved as (
        insert into transaction (id, payment_id, out_user_id, in_user_id, out_funding_source_id,
            in_funding_source_id, status, amount, fee, currency, tracking_code, expires_at,
            created_at, updated_at)
        select transaction_id, id, owner_id, recipient_user_id, source_id, in_source_id,
            case when recipient_user_id is null then 'active' else 'approved' end,
            amount, fee, currency, '', expires_at, %(now)s, %(now)s
        from made
    )
    insert into payment (id, owner_id, funding_source_id, amount, fee, currency, description, meta,
        image_url, status, fulfillment_status, recipient_id, recipient_user_id, recipient_payee_id,
        recipient_name, recipient_meta, recipient_status, transaction_id, expires_at, created_at,
        updated_at)
    select id, owner_id, source_id, amount, fee, currency, description, meta, image_url, status,
        fulfillment_status, recipient_id, recipient_user_id, payee_id, recipient_name,
        recipient_meta, recipient_status, transaction_id, expires_at, %(now)s, %(now)s
    from made
"""


Rows: TypeAlias = AsyncCursor[TupleRow]


class PaymentBatch:
    """The work of the payments batcher: many `Pay` commands in one transaction.

    Safe to run twice with the same commands: what was committed is answered from its key.
    """

    def __init__(self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock

    async def __call__(self, tx: Tx, commands: Sequence[Pay]) -> Sequence[Answer | Exception]:
        """One answer per command; KeyReused or InProgress for a key that is not the command's."""
        keys = [command.key for command in commands]
        taking = await request_keys.take(tx, keys, now=self._clock())
        reading = await self._read(tx, commands)
        claims = await taking.taken(tx)
        answers: dict[int, Answer | Exception] = {}
        first: dict[bytes, int] = {}
        ours: list[int] = []
        forgotten: set[bytes] = set()
        for position, key in enumerate(keys):
            earlier = claims.earlier(key)
            if earlier is not None:
                answers[position] = earlier
            elif first.setdefault(key.id, position) == position:
                ours.append(position)
        if ours:
            mine = [commands[position] for position in ours]
            outcomes, forgotten = await self._carry_out(tx, claims, mine, await reading.state(tx))
            answers.update(zip(ours, outcomes, strict=True))
        # A command whose key came earlier in the same batch gets what that one got.
        for position, key in enumerate(keys):
            if position not in answers:
                leader = first[key.id]
                if keys[leader].fingerprint == key.fingerprint:
                    answers[position] = answers[leader]
                else:  # the next time round, a key that was given back is free
                    answers[position] = InProgress() if key.id in forgotten else KeyReused()
        return [answers[position] for position in range(len(commands))]

    async def _carry_out(
        self, tx: Tx, claims: Claims, commands: Sequence[Pay], state: State
    ) -> tuple[Sequence[Answer], set[bytes]]:
        """The answers, and the ids of the keys that are given back."""
        decision = decide(state, commands)
        answers = [
            command.render(outcome)
            for command, outcome in zip(commands, decision.outcomes, strict=True)
        ]
        kept, forgotten = [], []
        for command, outcome, answer in zip(commands, decision.outcomes, answers, strict=True):
            if isinstance(outcome, Invalid):
                forgotten.append(command.key)
            else:
                kept.append((claims.number(command.key), answer))
        await _write(tx, state, decision)
        await request_keys.keep(tx, kept)
        if forgotten:
            await request_keys.forget(tx, forgotten)
        return answers, {key.id for key in forgotten}

    async def _read(self, tx: Tx, commands: Sequence[Pay]) -> "_Reading":
        """Lock users, then payees, then accounts; read what hangs on them in later statements.

        All is sent at once, but for what depends on whose the payees are.
        """
        payers = await tx.execute(_LOCK_PAYERS, {"ids": list({c.payer_id for c in commands})})
        addresses = [c.recipient_address for c in commands if c.recipient_address is not None]
        found = await payees.lock_payees(tx, addresses, now=self._clock()) if addresses else []
        by_address = {(payee.kind, payee.address): payee for payee in found}
        pairs, receiving = set(), set()
        for command in commands:
            recipient_id = command.recipient_user_id
            if command.recipient_address is not None:
                recipient_id = by_address[command.recipient_address].user_id
            if recipient_id is not None:
                pairs.add((command.payer_id, recipient_id))
                receiving.add((recipient_id, command.amount.currency))
        recipient_ids = list({recipient_id for _, recipient_id in pairs})
        source_ids = list({command.funding_source_id for command in commands})
        currencies = {command.amount.currency for command in commands}
        return _Reading(
            clock=self._clock,
            payees=by_address,
            currencies=currencies,
            receiving=receiving,
            payers=payers,
            recipients=await tx.execute(_RECIPIENTS, {"ids": recipient_ids}),
            sources=await tx.execute(_SOURCES, {"ids": source_ids}),
            blocks=await relationships.ask_blocks(tx, pairs=list(pairs)),
            fee_rules=await tx.execute(fees.RULES_SQL),
            waiting=await tx.execute(_WAITING, {"sources": source_ids}) if addresses else None,
            accounts=await tx.execute(
                _LOCK_ACCOUNTS,
                {
                    "recipients": recipient_ids,
                    "sources": [*source_ids, PRODUCT],
                    "currencies": list(currencies),
                },
            ),
        )


@dataclass(frozen=True, slots=True)
class _Reading:
    """Statements on their way, and what is to be made of their results."""

    clock: Callable[[], datetime]
    payees: dict[Address, Payee]
    currencies: set[str]
    receiving: set[tuple[UUID, str]]
    payers: Rows
    recipients: Rows
    sources: Rows
    blocks: Rows
    fee_rules: Rows
    waiting: Rows | None
    accounts: Rows

    async def state(self, tx: Tx) -> State:
        """What the decisions depend on; the time is that of the locks."""
        recipients = {row[0]: Recipient(*row) for row in await self.recipients.fetchall()}
        locked = await self.accounts.fetchall()
        accounts = {(row[5], row[1]): row[0] for row in locked}
        book = Book(Account(*row[:5]) for row in locked)
        wanted = [NewAccount(PRODUCT, FEES_ACCOUNT, currency) for currency in self.currencies] + [
            NewAccount(recipients[user_id].wallet_id, WALLET_ACCOUNT, currency)
            for user_id, currency in self.receiving
            if user_id in recipients
        ]
        missing = [new for new in wanted if (new.owner_id, new.currency) not in accounts]
        if missing:
            opened = await open_accounts(tx, missing, now=self.clock())
            for new, id_ in zip(missing, opened, strict=True):
                accounts[new.owner_id, new.currency] = id_
            book.add(await lock_accounts(tx, opened))
        return State(
            now=self.clock(),
            pins={row[0]: PinState(*row[1:]) for row in await self.payers.fetchall()},
            sources={row[0]: Source(*row) for row in await self.sources.fetchall()},
            recipients=recipients,
            payees=self.payees,
            blocks=set(await self.blocks.fetchall()),
            fee_rules=fees.by_kind(await self.fee_rules.fetchall()),
            waiting=dict(await self.waiting.fetchall()) if self.waiting else {},
            accounts=accounts,
            book=book,
        )


async def _write(tx: Tx, state: State, decision: Decision) -> None:
    """Everything that was decided, one statement per table."""
    if decision.pins:
        await tx.execute(
            _WRITE_PINS,
            {
                "ids": list(decision.pins),
                "failures": [pin.failures for pin in decision.pins.values()],
                "locks": [pin.locks for pin in decision.pins.values()],
                "until": [pin.locked_until for pin in decision.pins.values()],
            },
        )
    await state.book.write(tx, now=state.now)
    if decision.payments:
        await tx.execute(_INSERT_PAYMENTS, _columns(decision.payments, state.now))
    if decision.told:
        await payees.write_told(tx, list(decision.told.values()))
    if decision.holdings:
        await payees.insert_holdings(tx, decision.holdings, now=state.now)
    await outbox.put(tx, decision.messages, now=state.now)


def _columns(payments: Sequence[Payment], now: datetime) -> dict[str, Any]:
    return {
        "ids": [p.id for p in payments],
        "owners": [p.owner_id for p in payments],
        "sources": [p.funding_source_id for p in payments],
        "in_sources": [p.in_funding_source_id for p in payments],
        "amounts": numerics(p.amount for p in payments),
        "fees": numerics(p.fee for p in payments),
        "currencies": [p.currency for p in payments],
        "descriptions": [p.description for p in payments],
        "metas": [p.meta for p in payments],
        "image_urls": [p.image_url for p in payments],
        "statuses": [p.status for p in payments],
        "fulfillments": [p.fulfillment_status for p in payments],
        "recipients": [p.recipient.id for p in payments],
        "recipient_users": [p.recipient.user_id for p in payments],
        "recipient_payees": [p.payee_id for p in payments],
        "recipient_names": [p.recipient.full_name for p in payments],
        "recipient_metas": [p.recipient.meta for p in payments],
        "recipient_statuses": [p.recipient.status for p in payments],
        "transactions": [p.transaction_id for p in payments],
        "expires_at": [p.expires_at for p in payments],
        "now": now,
    }
