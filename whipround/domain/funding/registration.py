"""A card or a bank account becomes known to its processor, as far as our rows are concerned.

Whoever asks the processor (a request, or the sweep after a crash) reads what to ask, and records
what it said. Only the first to record does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, cast
from uuid import UUID

from psycopg.rows import class_row

from whipround.db import outbox
from whipround.db.database import Tx
from whipround.domain import credentials, gateway_calls
from whipround.domain.funding import clabe, reading
from whipround.domain.funding.reading import CardType, FundingSource
from whipround.domain.gateway_calls import (
    Gateway,
    GatewayCallNotFound,
    GatewayDeclined,
    GatewayUnavailable,
    Said,
)
from whipround.domain.users import person
from whipround.keyring import Keyring
from whipround.outcomes import Outcome

CODE_LIFE = timedelta(days=30)
"""How long the code on a statement is good for: a statement may be a monthly one."""


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What a processor knows of a card."""

    brand: str
    last_digits: str
    type: CardType
    expiration_month: int
    expiration_year: int


@dataclass(frozen=True, slots=True)
class Registering:
    """A card or bank account that its processor has not answered about.

    `token` may be empty for a bank account, whose `details` are those that a processor needs;
    `holder` is the full name of its person, `locale` their language. One that `receives_only` is
    the CLABE of its person, and no other will be.
    """

    call_id: UUID
    gateway: Gateway
    kind: Literal["card", "bank_account"]
    user_id: UUID
    source_id: UUID
    object_id: UUID
    description: str
    holder: str
    locale: str
    receives_only: bool
    token: str = field(repr=False)
    details: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Row:
    gateway: Gateway
    source_id: UUID
    user_id: UUID
    type: Literal["card", "bank_account"]
    description: str
    full_name: str
    locale: str
    receives_only: bool
    object_id: UUID
    sealed: bytes | None
    country: str | None
    swift: str | None
    iban: str | None
    account_number: str | None


_FIND = """
    select gateway_call.gateway, funding_source.id as source_id, funding_source.user_id,
        funding_source.type, funding_source.description, users.full_name, users.locale,
        not funding_source.allows_out as receives_only,
        coalesce(card.id, bank_account.id) as object_id,
        coalesce(card.sealed, bank_account.sealed) as sealed,
        bank_account.country, bank_account.swift, bank_account.iban, bank_account.account_number
    from gateway_call
        join funding_source on funding_source.id = gateway_call.funding_source_id
        join users on users.id = funding_source.user_id
        left join card on card.funding_source_id = funding_source.id
        left join bank_account on bank_account.funding_source_id = funding_source.id
    where gateway_call.id = %(call_id)s and gateway_call.kind = 'register'
        and gateway_call.status = 'open'
"""

_LOCK_SOURCE = """
    select id from funding_source where id = %(source_id)s for update
"""

_LOCK_CALL = """
    select status, request_number from gateway_call where id = %(call_id)s for update
"""

_SETTLED = """
    select gateway_call.status, user_id, funding_source.id
    from gateway_call join funding_source on funding_source.id = funding_source_id
    where gateway_call.id = %(call_id)s and kind = 'register' and gateway_call.status <> 'open'
"""

_ANSWERED = """
    update gateway_call set request_number = null where id = %(call_id)s
"""

_WRITE_SOURCE = """
    update funding_source
    set status = %(status)s, verified_at = %(verified_at)s, code_digest = %(code_digest)s,
        code_attempts = 0, code_expires_at = %(code_expires_at)s, deleted_at = %(deleted_at)s,
        updated_at = %(now)s
    where id = %(source_id)s
"""

_WRITE_CARD = """
    update card
    set status = %(card_status)s, sealed = %(sealed)s, brand = coalesce(%(brand)s, brand),
        type = coalesce(%(type)s, type), last_digits = coalesce(%(last_digits)s, last_digits),
        expiration_month = coalesce(%(expiration_month)s, expiration_month),
        expiration_year = coalesce(%(expiration_year)s, expiration_year), updated_at = %(now)s
    where funding_source_id = %(source_id)s
"""

_WRITE_BANK_ACCOUNT = """
    update bank_account
    set enabled = %(is_enabled)s, sealed = %(sealed)s, updated_at = %(now)s
    where funding_source_id = %(source_id)s
"""


async def find(tx: Tx, *, call_id: UUID, keyring: Keyring) -> Registering | None:
    """What is to be asked by a call; None if it is settled, or registers nothing."""
    async with tx.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(_FIND, {"call_id": call_id})
        row = await cursor.fetchone()
    if row is None:
        return None
    details = {
        "country": row.country,
        "swift": row.swift,
        "iban": row.iban,
        "account_number": row.account_number,
    }
    return Registering(
        call_id=call_id,
        gateway=row.gateway,
        kind=row.type,
        user_id=row.user_id,
        source_id=row.source_id,
        object_id=row.object_id,
        description=row.description,
        holder=row.full_name,
        locale=row.locale,
        receives_only=row.receives_only,
        token=keyring.unseal(row.object_id, row.sealed) if row.sealed else "",
        details={name: value for name, value in details.items() if value},
    )


@dataclass(frozen=True, slots=True)
class Locked:
    """The call is open, and nobody else records anything about it until the transaction ends."""

    request_number: int | None


async def lock(tx: Tx, *, registering: Registering) -> Locked | None:
    """Lock the source, then its call; None if the call was settled meanwhile."""
    if registering.receives_only:  # others of its person may go
        await person.lock(tx, user_id=registering.user_id)
    await tx.execute(_LOCK_SOURCE, {"source_id": registering.source_id})
    row = await (await tx.execute(_LOCK_CALL, {"call_id": registering.call_id})).fetchone()
    if row is None:
        raise GatewayCallNotFound
    status, request_number = row
    return Locked(cast("int | None", request_number)) if status == "open" else None


async def answered(tx: Tx, *, registering: Registering) -> None:
    """No request waits for the call any more."""
    await tx.execute(_ANSWERED, {"call_id": registering.call_id})


async def result(tx: Tx, *, call_id: UUID) -> FundingSource | GatewayDeclined | GatewayUnavailable:
    """What came of a call that was settled. Raises GatewayCallNotFound, FundingSourceNotFound."""
    row = await (await tx.execute(_SETTLED, {"call_id": call_id})).fetchone()
    if row is None:
        raise GatewayCallNotFound
    status, user_id, source_id = row
    if status == "approved":
        return await reading.get(tx, user_id=user_id, id_=source_id)
    return GatewayDeclined() if status == "declined" else GatewayUnavailable()


async def approve(
    tx: Tx,
    *,
    registering: Registering,
    reference: str,
    is_verified: bool,
    card: CardFacts | None,
    keyring: Keyring,
    now: datetime,
) -> FundingSource:
    """The processor knows the card or account by `reference` now; the funding source.

    A card is `enabled`. Unless the processor itself has verified whose it is, a code goes onto its
    statement; a bank account is `pending` until that is brought (`verifying.verify`). One that only
    receives needs no code, and takes the place of those before it.
    """
    is_enabled = is_verified or registering.kind == "card" or registering.receives_only
    code = None if is_verified or registering.receives_only else credentials.new_code()
    await _write(
        tx,
        registering,
        status="enabled" if is_enabled else "pending",
        now=now,
        verified_at=now if is_verified else None,
        code_digest=keyring.code(registering.source_id, code) if code else None,
        code_expires_at=now + CODE_LIFE if code else None,
        sealed=keyring.seal(registering.object_id, reference),
        card=card,
    )
    if code is not None:
        message = outbox.Message(
            "statement",
            str(registering.source_id),
            "funding_source_code",
            registering.locale,
            {"code": code, "description": registering.description},
        )
        await outbox.put(tx, [message], now=now)
    await _settle_call(tx, registering, "approved", Outcome("approved", processed_at=now), now)
    source = await reading.get(tx, user_id=registering.user_id, id_=registering.source_id)
    if registering.receives_only:
        await clabe.retire_older(tx, user_id=registering.user_id, now=now)
    return source


async def decline(tx: Tx, *, registering: Registering, outcome: Outcome, now: datetime) -> None:
    """The processor does not take it: `rejected`, and its token is forgotten."""
    await _write(tx, registering, status="rejected", card_status="rejected", now=now)
    await _settle_call(tx, registering, "declined", outcome, now)


async def cancel(tx: Tx, *, registering: Registering, now: datetime) -> None:
    """The processor was never asked: nothing is left behind."""
    await _write(
        tx, registering, status="disabled", card_status="cancelled", deleted_at=now, now=now
    )
    await _settle_call(tx, registering, "cancelled", Outcome("declined"), now)


async def _write(
    tx: Tx,
    registering: Registering,
    *,
    status: str,
    now: datetime,
    card: CardFacts | None = None,
    card_status: str = "active",
    **given: Any,
) -> None:
    """Write source and card or account; of what is not given, there is none."""
    values: dict[str, Any] = {
        "source_id": registering.source_id,
        "status": status,
        "card_status": card_status,
        "is_enabled": status == "enabled",
        "verified_at": None,
        "code_digest": None,
        "code_expires_at": None,
        "deleted_at": None,
        "sealed": None,
        "brand": card.brand if card else None,
        "type": card.type if card else None,
        "last_digits": card.last_digits if card else None,
        "expiration_month": card.expiration_month if card else None,
        "expiration_year": card.expiration_year if card else None,
        "now": now,
        **given,
    }
    await tx.execute(_WRITE_SOURCE, values)
    is_card = registering.kind == "card"
    await tx.execute(_WRITE_CARD if is_card else _WRITE_BANK_ACCOUNT, values)


async def _settle_call(
    tx: Tx,
    registering: Registering,
    status: Literal["approved", "declined", "cancelled"],
    outcome: Outcome,
    now: datetime,
) -> None:
    said = Said(registering.call_id, status, outcome, due_at=None)
    await gateway_calls.record(tx, [said], now=now)
