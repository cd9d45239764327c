"""A past: payments that were made before anybody measured, in every table they leave rows in."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import LiteralString, TypeAlias

import psycopg
from uuid_utils.compat import uuid7

from bench.people import CURRENCIES, PIN, Crowd, Payer
from whipround.db.batch import Batcher
from whipround.db.database import Tx
from whipround.db.request_keys import Answer, RequestKey
from whipround.domain.funding.wallet import FEES_ACCOUNT
from whipround.domain.payments.batch import PaymentBatch
from whipround.domain.payments.commands import Pay, Payment
from whipround.errors import DomainError
from whipround.keyring import Keyring
from whipround.ledger.accounts import PRODUCT, NewAccount, open_accounts
from whipround.money import Money

LASTING = timedelta(days=29)
"""Over how long the payments are spread, up to now: their keys are all kept still."""

CHUNK = 100_000

_AT_ONCE = 5_000

Values: TypeAlias = dict[str, object]

# As a restored dump is loaded: what the triggers would prove of each row is proven by the audit.
AS_RESTORE = "set local session_replication_role = replica"

_PEOPLE = """
    create temporary table person on commit drop as
    select position - 1 as position, user_id, wallet_id, array(
        select account.id
        from unnest(%(currencies)s::text[]) with ordinality as wanted (currency, number)
            join account on account.owner_id = wallet_id and account.kind = 'wallet'
                and account.currency = wanted.currency
        order by number
    ) as account_ids
    from unnest(%(users)s::uuid[], %(wallets)s::uuid[])
        with ordinality as person (user_id, wallet_id, position)
"""

# Whole euros and pesos in turn, of which the sandbox's fee of one per cent is exact. The first
# person makes one of every `%(every)s` payments, and the others make the rest.
_CHOOSE = """
    create temporary table chosen on commit drop as
    with payer as materialized (
        select number, at,
            case when number %% %(every)s = 0 then 0
                else 1 + floor(random() * (%(people)s - 1))::int end as payer,
            1 + floor(random() * (%(people)s - 1))::int as steps,
            1 + floor(random() * 20)::numeric as amount,
            1 + number / %(every)s %% cardinality(%(currencies)s::text[]) as purse
        from generate_series(%(first)s::int, %(last)s::int) as number,
            lateral (select %(begin)s + number * %(step)s::interval) as moment (at)
    )
    select number, at, amount, amount / 100 as fee,
        (%(currencies)s::text[])[purse] as currency, (%(fees)s::uuid[])[purse] as fees_account_id,
        owner.user_id as owner_id, owner.wallet_id as out_source_id,
        owner.account_ids[purse] as out_account_id,
        recipient.user_id as recipient_user_id, recipient.wallet_id as in_source_id,
        recipient.account_ids[purse] as in_account_id,
        uuidv7(at - clock_timestamp()) as id, uuidv7(at - clock_timestamp()) as transaction_id
    from payer
        join person as owner on owner.position = payer
        join person as recipient on recipient.position = (payer + steps) %% %(people)s
    order by number
"""

_STATEMENTS = (
    """
    insert into payment (id, owner_id, funding_source_id, amount, fee, currency, description, meta,
        status, fulfillment_status, recipient_id, recipient_user_id, recipient_name,
        recipient_meta, recipient_status, transaction_id, created_at, updated_at)
    select id, owner_id, out_source_id, amount, fee, currency, 'Lunch', '', 'closed', 'fulfilled',
        uuidv7(at - clock_timestamp()), recipient_user_id, 'Person', '', 'paid', transaction_id,
        at, at
    from chosen order by number
    """,
    """
    insert into transaction (id, payment_id, out_user_id, in_user_id, out_funding_source_id,
        in_funding_source_id, status, amount, fee, currency, tracking_code, created_at, updated_at)
    select transaction_id, id, owner_id, recipient_user_id, out_source_id, in_source_id,
        'approved', amount, fee, currency, '', at, at
    from chosen order by number
    """,
    """
    insert into transfer (id, kind, key, posted_at)
    select transaction_id, 'payment', transaction_id || ':pay', at from chosen order by number
    """,
    """
    create temporary table leg on commit drop as
    select number, account_id, transaction_id, moved
    from chosen, lateral (
        values (out_account_id, -amount - fee), (in_account_id, amount), (fees_account_id, fee)
    ) as leg (account_id, moved)
    """,
    """
    insert into entry (account_id, version, transfer_id, amount, balance)
    select account_id, version + row_number() over earlier, transaction_id, moved,
        balance + sum(moved) over earlier
    from leg join account on account.id = account_id
    window earlier as (
        partition by account_id order by number rows between unbounded preceding and current row
    )
    order by account_id, 2
    """,
    """
    update account
    set balance = balance + credits - debits, credited = credited + credits,
        debited = debited + debits, version = version + entries, updated_at = %(until)s
    from (
        select account_id, count(*) as entries,
            coalesce(sum(moved) filter (where moved > 0), 0) as credits,
            coalesce(-sum(moved) filter (where moved < 0), 0) as debits
        from leg group by account_id
    ) as total
    where account.id = account_id
    """,
    # The answers are short here: where they are looked up, their size plays no part.
    """
    with kept as (
        insert into request_key (id, fingerprint, created_at)
        select sha256(uuid_send(id)), sha256(uuid_send(transaction_id)), at
        from chosen order by number
        returning number
    )
    insert into request_answer (number, status, body) select number, 201, '{}' from kept
    """,
)


@dataclass(frozen=True, slots=True)
class History:
    """`count` payments among a crowd up to now, `of_one` of them made by its first person."""

    crowd: Crowd
    count: int
    of_one: int
    until: datetime

    async def make(self) -> AsyncIterator[int]:
        """Store them all. Yields how many there are after each step."""
        for first in range(0, self.count, CHUNK):
            last = min(first + CHUNK, self.count) - 1
            async with self.crowd.db.transaction(patient=True) as tx:
                await self._make_some(tx, first, last)
            yield last + 1

    async def _make_some(self, tx: Tx, first: int, last: int) -> None:
        await tx.execute(AS_RESTORE)
        wanted = [NewAccount(PRODUCT, FEES_ACCOUNT, currency) for currency in CURRENCIES]
        fees = await open_accounts(tx, wanted, now=self.until)
        chosen = await self.choose(tx, _CHOOSE, first, last, fees=fees)
        for statement in _STATEMENTS:
            await tx.execute(statement.encode(), {**chosen, "until": self.until})

    async def choose(
        self, tx: Tx, choose: LiteralString, first: int, last: int, **more: object
    ) -> Values:
        """Have `choose` say what the rows of these numbers are about; with what it knows."""
        people = self.crowd.payers
        await tx.execute(
            _PEOPLE,
            {
                "users": [each.user_id for each in people],
                "wallets": [each.wallet_id for each in people],
                "currencies": list(CURRENCIES),
            },
        )
        values: Values = {
            "first": first,
            "last": last,
            "every": self.count // self.of_one,
            "people": len(people),
            "reader": people[0].user_id,
            "begin": self.until - LASTING,
            "step": LASTING / self.count,
            "currencies": list(CURRENCIES),
            **more,
        }
        await tx.execute(choose, values)
        return values

    async def pay_numbers(self, *, keyring: Keyring, count: int) -> None:
        """Make further payments, to numbers that nobody has proven, as the server makes them."""
        batcher = Batcher(self.crowd.db, PaymentBatch())
        payers = self.crowd.payers
        for first in range(0, count, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, count))
            orders = (_to_a_number(payers[n % len(payers)], n, keyring) for n in numbers)
            await asyncio.gather(*map(batcher.submit, orders))


def _to_a_number(payer: Payer, number: int, keyring: Keyring) -> Pay:
    said = uuid7().bytes
    return Pay(
        key=RequestKey(id=said, fingerprint=keyring.fingerprint(said)),
        payer_id=payer.user_id,
        payer_name="Person",
        pin=keyring.pin(payer.user_id, PIN),
        funding_source_id=payer.wallet_id,
        recipient_address=("phone", f"+4478{number:08}"),
        amount=Money(Decimal("1.00"), "EUR"),
        source_currency="EUR",
        description="Lunch",
        render=_rendered,
    )


def _rendered(outcome: Payment | DomainError) -> Answer:
    if isinstance(outcome, DomainError):
        raise outcome
    return Answer(201, b"{}")


async def tidy(conninfo: str) -> None:
    """Vacuum and analyze everything and write it to disk, as time would, so that no run pays."""
    await _maintain(conninfo, "vacuum (analyze)", "checkpoint")


async def analyze(conninfo: str) -> None:
    """Have the planner know how large every table is by now, as it does four times a minute."""
    await _maintain(conninfo, "analyze")


async def _maintain(conninfo: str, *statements: LiteralString) -> None:
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        for statement in statements:
            await connection.execute(statement)
