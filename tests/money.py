"""Makers of money, and of people who pay each other."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from tests.people import PIN, make_user, new_phone
from whipround.db.batch import Batcher
from whipround.db.database import Database, open_database
from whipround.db.request_keys import Answer, RequestKey
from whipround.domain.audit import DOMAIN_CHECKS
from whipround.domain.fees import FeeRule, replace_rules
from whipround.domain.funding.wallet import FEES_ACCOUNT, WALLET, WALLET_ACCOUNT, grant, wallet_of
from whipround.domain.payees import Address
from whipround.domain.payments.batch import PaymentBatch
from whipround.domain.payments.commands import Pay, Payment, Processing
from whipround.domain.payments.shares import PayShare
from whipround.domain.products import Product
from whipround.domain.users.person import User
from whipround.errors import DomainError, Invalid
from whipround.keyring import Keyring
from whipround.ledger.accounts import PRODUCT
from whipround.ledger.audit import Check, audit
from whipround.money import Money

_numbers = count(1)


def _money(text: str, *, currency: str) -> Money:
    return Money(Decimal(text), currency)


EUR = partial(_money, currency="EUR")
MXN = partial(_money, currency="MXN")
ISK = partial(_money, currency="ISK")
JPY = partial(_money, currency="JPY")

SIX = EUR("6.00")


@dataclass(frozen=True, slots=True)
class Person:
    """A user and the wallet that is theirs."""

    user: User
    wallet_id: UUID

    @property
    def id(self) -> UUID:
        """The user's id."""
        return self.user.id

    @property
    def phone(self) -> Address:
        """The phone of the user, as a payee."""
        assert self.user.phone is not None
        return ("phone", self.user.phone)


async def make_person(
    db: Database, *amounts: Money, keyring: Keyring, now: datetime, **given: Any
) -> Person:
    """A user with `amounts` in the wallet."""
    user = await make_user(db, keyring=keyring, now=now, **given)
    async with db.transaction() as tx:
        wallet_id = await wallet_of(tx, user_id=user.id)
    person = Person(user, wallet_id)
    await fund(db, person, *amounts, now=now)
    return person


async def fund(db: Database, person: Person, *amounts: Money, now: datetime) -> None:
    """Put money from the outside world into the person's wallet."""
    async with db.transaction() as tx:
        await grant(
            tx,
            wallet_id=person.wallet_id,
            amounts=amounts,
            key=f"test:{next(_numbers)}",
            now=now,
        )


async def charge(db: Database, *fixed: Money, percent: str = "0") -> None:
    """Have every payment in these currencies cost so much from now on, and no other anything."""
    rules = [
        FeeRule(
            kind="payment",
            funding_source_type=WALLET,
            currency=each.currency,
            title="Fee",
            percent=Decimal(percent),
            fixed=each.amount,
            minimum=Decimal(0),
            maximum=None,
        )
        for each in fixed
    ]
    async with db.transaction() as tx:
        await replace_rules(tx, rules)


async def held(db: Database, person: Person, currency: str = "EUR") -> Decimal:
    """What the wallet of the person holds; nothing where it has no account."""
    return await held_by(db, person.wallet_id, currency)


async def held_by(
    db: Database, owner_id: UUID, currency: str = "EUR", *, kind: str = WALLET_ACCOUNT
) -> Decimal:
    """What the account of an owner holds in one currency; nothing where there is none."""
    [[amount]] = await rows(
        db,
        "select coalesce(sum(balance), 0) from account"
        " where owner_id = %s and currency = %s and kind = %s",
        owner_id,
        currency,
        kind,
    )
    return Decimal(amount)


async def fees_held(db: Database, currency: str = "EUR") -> Decimal:
    """What the product has taken in fees."""
    return await held_by(db, PRODUCT, currency, kind=FEES_ACCOUNT)


async def rows(db: Database, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """What a query finds."""
    async with db.transaction() as tx:
        return await (await tx.execute(sql.encode(), parameters)).fetchall()


# Paying.


def new_address() -> Address:
    """A phone that is nobody's yet."""
    return ("phone", new_phone())


def new_key(said: bytes = b"") -> RequestKey:
    """The key of a request that no other test sends."""
    return RequestKey(next(_numbers).to_bytes(32, "big"), said)


def order(
    payer: Person,
    to: Person | Address,
    amount: Money,
    *,
    keyring: Keyring,
    pin: str = PIN,
    **given: Any,
) -> Pay:
    """A person's order to pay a person or an address."""
    said: dict[str, Any] = {
        "key": new_key(),
        "payer_id": payer.id,
        "payer_name": payer.user.full_name,
        "pin": keyring.pin(payer.id, pin),
        "funding_source_id": payer.wallet_id,
        "recipient_user_id": to.id if isinstance(to, Person) else None,
        "recipient_address": None if isinstance(to, Person) else to,
        "amount": amount,
        "source_currency": amount.currency,
        "description": "Lunch",
        "render": render,
    }
    return Pay(**{**said, **given})


class Outcome(NamedTuple):
    """What an answer says: the payment that was made, or why none was."""

    payment_id: UUID | None
    error: str | None = None
    fields: tuple[str, ...] = ()


def render(outcome: Payment | DomainError) -> Answer:
    """The answer, as a dialect would make one."""
    if isinstance(outcome, Payment):
        return Answer(201, msgspec.json.encode(Outcome(outcome.id)))
    fields = [it.field for it in outcome.errors] if isinstance(outcome, Invalid) else []
    return Answer(400, msgspec.json.encode(Outcome(None, outcome.code, tuple(fields))))


def outcome_of(answer: Answer) -> Outcome:
    """What the answer says."""
    return msgspec.json.decode(answer.body, type=Outcome)


Server = Batcher[Pay | PayShare, Answer | Processing]
"""What carries out payments in a server process."""


def server(db: Database, *, now: datetime) -> Server:
    """A server whose clock stands at `now`."""
    return Batcher(db, PaymentBatch(clock=lambda: now))


def answered(result: Answer | Processing) -> Answer:
    """The answer to an order for which nobody outside had to be asked."""
    assert isinstance(result, Answer)
    return result


async def pay(at: Server, *orders: Pay) -> list[Outcome]:
    """Have the orders carried out, all sent at once; what each came to."""
    answers = await asyncio.gather(*map(at.submit, orders))
    return [outcome_of(answered(answer)) for answer in answers]


@dataclass(frozen=True, slots=True)
class Scene:
    """A product in which people pay each other, with the clocks at `now`."""

    db: Database
    product: Product
    conninfo: str
    keyring: Keyring
    now: datetime

    async def person(self, *amounts: Money, **given: Any) -> Person:
        """Somebody new, with `amounts` in the wallet."""
        return await make_person(self.db, *amounts, keyring=self.keyring, now=self.now, **given)

    def order(self, payer: Person, to: Person | Address, amount: Money = SIX, **given: Any) -> Pay:
        """Somebody's order to pay."""
        return order(payer, to, amount, keyring=self.keyring, **given)

    def server(self, *, at: datetime | None = None) -> Server:
        """A server of the product."""
        return server(self.db, now=at or self.now)

    @asynccontextmanager
    async def another_server(self) -> AsyncIterator[Server]:
        """A further server of the product, with connections of its own."""
        async with open_database(self.conninfo, connections=4) as pool:
            yield server(pool.of(self.product.schema_name), now=self.now)

    async def pay(self, *orders: Pay, at: datetime | None = None) -> list[Outcome]:
        """Have the orders carried out by one server, all sent at once; what each came to."""
        return await pay(self.server(at=at), *orders)


# Proof and races.


async def problems(db: Database) -> Sequence[str]:
    """What an audit of the whole product finds wrong."""
    report = await audit(db, checks=DOMAIN_CHECKS)
    return [problem for finding in report.findings for problem in finding.problems]


async def found_in(
    db: Database, forged: Mapping[str, str], values: Mapping[str, Any], *, checks: Sequence[Check]
) -> dict[str, set[str]]:
    """The claims that do not hold after each of the statements, all of which are undone."""
    found = {}
    async with db.transaction() as tx:
        await tx.execute("savepoint truth")
        for name, statement in forged.items():
            await tx.execute(statement.encode(), values)
            found[name] = {
                check.claim
                for check in checks
                if await (await tx.execute(check.query.encode())).fetchall()
            }
            await tx.execute("rollback to savepoint truth")
    return found


_MOVED = """
    select (select count(*) from transfer), (select count(*) from entry),
        (select count(*) from payment), (select count(*) from transaction),
        (select count(*) from holding), (select count(*) from outbox),
        (select jsonb_object_agg(id, balance) from account where version > 0)
"""


@asynccontextmanager
async def nothing_moving(db: Database) -> AsyncIterator[None]:
    """Neither money, nor any word about it."""
    before = await rows(db, _MOVED)
    yield
    assert await rows(db, _MOVED) == before


_TABLES = """
    select format('select %%L, count(*) from %%I', relname, relname) from pg_class
    where relnamespace = current_schema::regnamespace and relkind = 'r' and relname <> 'throttle'
    order by relname
"""


@asynccontextmanager
async def nothing_changing(db: Database) -> AsyncIterator[None]:
    """No row comes or goes anywhere, but for what counts attempts; and no money moves."""
    counts = " union all ".join(count for (count,) in await rows(db, _TABLES))
    before = await rows(db, counts)
    async with nothing_moving(db):
        yield
    assert await rows(db, counts) == before


_WAITING = """
    select count(*) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'
"""


async def until_waiting(db: Database, count: int = 1) -> None:
    """Go on once so many transactions wait for others to let go of something."""
    async with db.transaction() as tx:
        while (await (await tx.execute(_WAITING)).fetchall()) != [(count,)]:
            # Within a transaction the activity is a snapshot unless told otherwise.
            await tx.execute("select pg_stat_clear_snapshot()")
            await asyncio.sleep(0.005)
