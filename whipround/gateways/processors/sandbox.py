"""The sandbox's processor: it plays the outside, and keeps what it was asked in its own table.

It is another party, so its transactions are its own: what it did stays done whatever becomes of
the request that asked for it, and is on the disk before anybody hears of it. What it had said and
then forgot would be booked all the same, by who still waits for the database to come back.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from whipround.db.batch import Batcher, Overloaded
from whipround.db.database import Database, Tx
from whipround.errors import Conflict, NotFound, Unavailable
from whipround.gateways.processors.protocol import (
    CardDetails,
    Charge,
    Operation,
    OutcomeUnknown,
    Payout,
    ProcessorUnavailable,
    Refund,
    Registered,
    Registration,
)
from whipround.ledger.transfers import numerics
from whipround.money import EXACT, Money, digits
from whipround.outcomes import Outcome

APPROVED_TOKEN = "tok_test_visa_4242"  # noqa: S105 (worth nothing)
TIMEOUT_TOKEN = "tok_test_timeout"  # noqa: S105
PENDING_TOKEN = "tok_test_pending"  # noqa: S105

PENDING_FOR = timedelta(seconds=10)
"""After how long what is pending is approved by itself."""

TIMEOUT_SECONDS = 0.05
"""How long a call that times out keeps its caller."""

_DECLINED = {
    "tok_test_card_declined": "card_declined",
    "tok_test_insufficient_funds": "insufficient_funds",
}
_SPECIAL = frozenset({TIMEOUT_TOKEN, PENDING_TOKEN, *_DECLINED})
_LAST_DIGITS = {
    "tok_test_card_declined": "0002",
    "tok_test_insufficient_funds": "9995",
    TIMEOUT_TOKEN: "0119",
    PENDING_TOKEN: "0077",
}
_NAMED_TOKEN = re.compile(r"tok_test_([a-z]+)_(\d{4})")
_BANK_ACCOUNT = "sandbox_account_"
_CARD_YEARS = 4

Status = Literal["approved", "declined", "pending"]


class NoSuchOperation(NotFound):
    """The processor was never asked for this."""


class NotInThatState(Conflict):
    """What became of this cannot be changed any more."""

    code = "not_in_that_state"


@dataclass(frozen=True, slots=True)
class _Asked:
    """An operation and the time it was asked for."""

    operation: Operation
    now: datetime


@dataclass(frozen=True, slots=True)
class _Decided:
    """What is to become of an operation, unless its key is known."""

    status: Status
    error_code: str = ""


@dataclass(frozen=True, slots=True)
class _Stored:
    """An operation as its row has it."""

    key: UUID
    kind: Literal["charge", "refund", "payout"]
    status: Status
    error_code: str
    authorization_code: str
    reference_code: str
    tracking_code: str
    processed_at: datetime | None

    @property
    def outcome(self) -> Outcome:
        return Outcome(
            status=self.status,
            error_code=self.error_code,
            authorization_code=self.authorization_code,
            reference_code=self.reference_code,
            tracking_code=self.tracking_code,
            processed_at=self.processed_at,
        )


_COLUMNS = """key, kind, status, error_code, authorization_code, reference_code, tracking_code,
    processed_at"""

_INSERT = f"""
    insert into sandbox_operation (key, kind, amount, currency, charge_key, status, error_code,
        authorization_code, reference_code, tracking_code, processed_at, approves_at, created_at)
    select * from unnest(%(keys)b::uuid[], %(kinds)b::text[], %(amounts)s::numeric[],
        %(currencies)b::text[], %(charge_keys)b::uuid[], %(statuses)b::text[], %(errors)b::text[],
        %(authorizations)b::text[], %(references)b::text[], %(trackings)b::text[],
        %(processed)b::timestamptz[], %(approves)b::timestamptz[], %(created)b::timestamptz[])
    on conflict (key) do nothing
    returning {_COLUMNS}
"""  # noqa: S608 (our own column names)

_READ = f"""
    select {_COLUMNS} from sandbox_operation where key = any(%(keys)b)
"""  # noqa: S608

_LOCK = f"""
    select {_COLUMNS} from sandbox_operation where key = %(key)s for update
"""  # noqa: S608

# Whoever gives back a part of a charge waits here for whoever gives back another.
_LOCK_CHARGES = """
    select key, amount, currency
    from sandbox_operation
    where key = any(%(keys)b) and kind = 'charge' and status = 'approved'
    order by key
    for update
"""

_REFUNDS = """
    select charge_key, key, amount
    from sandbox_operation
    where charge_key = any(%(keys)b) and status <> 'declined'
"""

# What was pending long enough has been approved, though nobody looked.
_RIPEN = """
    update sandbox_operation
    set status = 'approved', processed_at = approves_at, approves_at = null
    where key = any(%(keys)b) and status = 'pending' and approves_at <= %(now)s
"""

_CHANGE = """
    update sandbox_operation
    set status = %(status)s, error_code = %(error)s, processed_at = %(now)s, approves_at = null
    where key = %(key)s
"""


class SandboxProcessor:
    """Plays a processor of cards and of banks alike; the token says how it ends.

    `tok_test_card_declined` and `tok_test_insufficient_funds` are declined; `tok_test_timeout`
    goes through, and says nothing; `tok_test_pending` is approved ten seconds later, or by
    `approve`. `tok_test_visa_4242` and bank accounts are approved; any other card is unknown.
    """

    name = "sandbox"

    def __init__(
        self, db: Database, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._db = db
        self._clock = clock
        self._batcher: Batcher[_Asked, tuple[Outcome, bool]] = Batcher(db, _carry_out)

    async def register(self, registration: Registration) -> Registered | Outcome:
        """Take any card and any account; nobody's statement is known to be theirs yet."""
        token = registration.token
        if registration.kind == "card":
            known = "" if token.startswith(_BANK_ACCOUNT) else token  # an account is no card
            return Registered(known, is_verified=False, card=self._details(token))
        known = token if token in _SPECIAL else f"{_BANK_ACCOUNT}{registration.key.hex}"
        return Registered(known, is_verified=False, card=None)

    async def charge(self, charge: Charge) -> Outcome:
        """Take the money as the token says. Raises as `Processor` does."""
        return await self._do(charge, _token_of(charge))

    async def refund(self, refund: Refund) -> Outcome:
        """Give back what is left of an approved charge, and no more."""
        return await self._do(refund, "")

    async def pay_out(self, payout: Payout) -> Outcome:
        """Send the money as the token says."""
        return await self._do(payout, payout.reference)

    async def find(self, operation: Operation) -> Outcome | None:
        """What became of an operation by now; None if its key was never heard of."""
        values = {"keys": [operation.key], "now": self._clock()}
        try:
            async with self._db.transaction() as tx:
                await tx.execute(_RIPEN, values)
                stored = await _read(tx, [operation.key])
        except (psycopg.OperationalError, Unavailable) as error:
            raise OutcomeUnknown from error
        return stored[0].outcome if stored else None

    def least_payout(self, currency: str) -> Money:
        """The smallest coin there is, if only on paper."""
        return Money(Decimal(1).scaleb(-digits(currency)), currency)

    async def close(self) -> None:
        """Nothing is held but the database, which is not ours."""

    async def _do(self, operation: Operation, token: str) -> Outcome:
        try:
            outcome, is_new = await self._batcher.submit(_Asked(operation, self._clock()))
        except Overloaded as error:
            raise ProcessorUnavailable from error
        except Unavailable as error:
            raise OutcomeUnknown from error
        if token == TIMEOUT_TOKEN and is_new:
            await asyncio.sleep(TIMEOUT_SECONDS)
            raise OutcomeUnknown
        return outcome

    def _details(self, token: str) -> CardDetails | None:
        """What a test card looks like; None for one that is no test card."""
        named = _NAMED_TOKEN.fullmatch(token)
        if named is None and token not in _LAST_DIGITS:
            return None
        brand, last_digits = named.groups() if named else ("visa", _LAST_DIGITS[token])
        return CardDetails(
            brand=brand.capitalize(),
            last_digits=last_digits,
            type="credit",
            expiration_month=12,
            expiration_year=self._clock().year + _CARD_YEARS,
        )


async def approve(
    db: Database, *, key: UUID, kind: Literal["charge", "payout"], now: datetime
) -> None:
    """Approve a charge or a payout that is pending. Raises NoSuchOperation, NotInThatState."""
    change = _Change(kind, ("pending",), _Decided("approved"))
    await _make(db, change, key=key, now=now)


async def decline(db: Database, *, key: UUID, now: datetime) -> None:
    """Decline a charge that is pending. Raises NoSuchOperation, NotInThatState."""
    change = _Change("charge", ("pending",), _Decided("declined", "card_declined"))
    await _make(db, change, key=key, now=now)


async def fail_payout(db: Database, *, key: UUID, now: datetime) -> None:
    """Have a payout come back, be it days after it was approved.

    Raises NoSuchOperation, NotInThatState.
    """
    change = _Change("payout", ("pending", "approved"), _Decided("declined", "payout_failed"))
    await _make(db, change, key=key, now=now)


@dataclass(frozen=True, slots=True)
class _Change:
    """What becomes of an operation of that kind which is in one of these states."""

    kind: Literal["charge", "payout"]
    before: Sequence[Status]
    after: _Decided


async def _make(db: Database, change: _Change, *, key: UUID, now: datetime) -> None:
    async with db.transaction() as tx:
        await tx.execute(_RIPEN, {"keys": [key], "now": now})
        async with tx.cursor(row_factory=class_row(_Stored)) as cursor:
            await cursor.execute(_LOCK, {"key": key})
            found = await cursor.fetchone()
        if found is None or found.kind != change.kind:
            raise NoSuchOperation
        if found.status not in change.before:
            raise NotInThatState
        after = change.after
        values = {"key": key, "status": after.status, "error": after.error_code, "now": now}
        await tx.execute(_CHANGE, values)


async def _carry_out(tx: Tx, asked: Sequence[_Asked]) -> list[tuple[Outcome, bool] | Exception]:
    """The outcome of each operation, and whether its key was new. A known key stays as it is."""
    refunds = [each.operation for each in asked if isinstance(each.operation, Refund)]
    left = await _what_is_left(tx, refunds) if refunds else {}
    # In one order, so that no two batches wait for each other.
    by_key = {each.operation.key: each for each in asked}
    in_order = [by_key[key] for key in sorted(by_key)]
    columns = _columns(in_order, [_decide(each, left) for each in in_order])
    new = {row.key: row.outcome for row in await _stored(tx, _INSERT, columns)}
    known = [key for key in by_key if key not in new]
    earlier = {row.key: row.outcome for row in await _read(tx, known)} if known else {}
    outcomes = new | earlier
    return [(outcomes[each.operation.key], each.operation.key in new) for each in asked]


@dataclass(slots=True)
class _Left:
    """What is left of a charge beside the refunds in `taken`, by their keys."""

    amount: Decimal
    currency: str
    taken: dict[UUID, Decimal]


async def _what_is_left(tx: Tx, refunds: Iterable[Refund]) -> dict[UUID, _Left]:
    """Lock the approved charges that are to be refunded, and see what is left of each."""
    keys = list({refund.charge_key for refund in refunds})
    locked = await (await tx.execute(_LOCK_CHARGES, {"keys": keys})).fetchall()
    left = {key: _Left(amount, currency, {}) for key, amount, currency in locked}
    for charge_key, key, amount in await (await tx.execute(_REFUNDS, {"keys": keys})).fetchall():
        left[charge_key].taken[key] = amount
    return left


def _decide(asked: _Asked, left: dict[UUID, _Left]) -> _Decided:
    operation = asked.operation
    if isinstance(operation, Refund):
        return _decide_refund(operation, left.get(operation.charge_key))
    token = _token_of(operation)
    if token in _DECLINED:
        return _Decided("declined", _DECLINED[token])
    if token == PENDING_TOKEN:
        return _Decided("pending")
    if token in (APPROVED_TOKEN, TIMEOUT_TOKEN) or token.startswith(_BANK_ACCOUNT):
        return _Decided("approved")
    return _Decided("declined", "unknown_token")


def _token_of(operation: Charge | Payout) -> str:
    """What says how it ends: of a card that is charged once, its own token."""
    return operation.reference or (operation.token if isinstance(operation, Charge) else "")


def _decide_refund(refund: Refund, charge: _Left | None) -> _Decided:
    if charge is None or charge.currency != refund.amount.currency:
        return _Decided("declined", "charge_not_refundable")
    taken = charge.taken
    taken[refund.key] = refund.amount.amount
    rest = charge.amount
    for amount in taken.values():
        rest = EXACT.subtract(rest, amount)
    if rest < 0:
        del taken[refund.key]
        return _Decided("declined", "refund_too_large")
    return _Decided("approved")


def _columns(asked: Sequence[_Asked], decided: Sequence[_Decided]) -> dict[str, Any]:
    operations = [each.operation for each in asked]
    times = [(each.now, one.status) for each, one in zip(asked, decided, strict=True)]
    return {
        "keys": [o.key for o in operations],
        "kinds": [type(o).__name__.lower() for o in operations],
        "amounts": numerics(o.amount.amount for o in operations),
        "currencies": [o.amount.currency for o in operations],
        "charge_keys": [o.charge_key if isinstance(o, Refund) else None for o in operations],
        "statuses": [one.status for one in decided],
        "errors": [one.error_code for one in decided],
        "authorizations": [
            f"{o.key.int % 10**6:06}" if one.status != "declined" else ""
            for o, one in zip(operations, decided, strict=True)
        ],
        "references": [f"sandbox_{o.key.hex}" for o in operations],
        "trackings": [o.key.hex[-12:].upper() for o in operations],
        "processed": [None if status == "pending" else now for now, status in times],
        "approves": [now + PENDING_FOR if status == "pending" else None for now, status in times],
        "created": [now for now, _ in times],
    }


async def _read(tx: Tx, keys: Sequence[UUID]) -> list[_Stored]:
    return await _stored(tx, _READ, {"keys": keys})


async def _stored(tx: Tx, statement: str, values: Mapping[str, Any]) -> list[_Stored]:
    async with tx.cursor(row_factory=class_row(_Stored)) as cursor:
        await cursor.execute(statement.encode(), values)
        return await cursor.fetchall()
