"""What the outside was asked, and what it said: the rows by which a crash is repaired.

A call is written with the intent it belongs to, before anything is asked. Its id is the key under
which the processor is asked, however often; the sweep asks about every call that is due.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple
from uuid import UUID

from psycopg.rows import class_row, dict_row

from whipround.db.database import Tx
from whipround.db.request_keys import RequestKey
from whipround.errors import Declined, NotFound
from whipround.outcomes import Outcome

Gateway = Literal["cards", "banks"]
CallKind = Literal["register", "charge", "refund", "payout"]
CallStatus = Literal["open", "pending", "approved", "declined", "failed", "cancelled", "overpaid"]

LEASE = timedelta(seconds=60)
"""How long a call is left to whoever asks: longer than any request to a processor may take. One
that nobody can tell of is asked about less and less often, twice as long each time."""

LONGEST_LEASE_DOUBLINGS = 6

WATCHED_FOR = timedelta(days=8)
"""After so long nothing that has ended is asked about any more, whatever was said last."""


class GatewayCallNotFound(NotFound):
    """There is no such call."""


class GatewayDeclined(Declined):
    """The card or the bank has declined."""

    code = "gateway_declined"


class GatewayUnavailable(Declined):
    """The processor cannot be reached; nothing was moved."""

    code = "gateway_unavailable"


@dataclass(frozen=True, slots=True)
class GatewayCall:
    """A call as its row has it. `amount` is in `currency`; both are None where no money moves.

    Of a card that is charged once, `sealed` is its token, sealed with the id of the call, and
    `holder` whose it is.
    """

    id: UUID
    gateway: Gateway
    kind: CallKind
    funding_source_id: UUID
    transaction_id: UUID | None
    charge_id: UUID | None
    amount: Decimal | None
    currency: str | None
    status: CallStatus
    error_code: str
    authorization_code: str
    reference_code: str
    tracking_code: str
    processed_at: datetime | None
    request_number: int | None
    attempts: int
    due_at: datetime | None
    created_at: datetime
    updated_at: datetime
    sealed: bytes | None = field(default=None, repr=False)
    holder: str = field(default="", repr=False)


def new_call(
    id_: UUID,
    *,
    gateway: Gateway,
    kind: CallKind,
    funding_source_id: UUID,
    transaction_id: UUID | None = None,
    charge_id: UUID | None = None,
    amount: Decimal | None = None,
    currency: str | None = None,
    request_number: int | None = None,
    now: datetime,
) -> GatewayCall:
    """A call that is about to be made, and that the sweep looks after once its lease is over."""
    return GatewayCall(
        id=id_,
        gateway=gateway,
        kind=kind,
        funding_source_id=funding_source_id,
        transaction_id=transaction_id,
        charge_id=charge_id,
        amount=amount,
        currency=currency,
        status="open",
        error_code="",
        authorization_code="",
        reference_code="",
        tracking_code="",
        processed_at=None,
        request_number=request_number,
        attempts=0,
        due_at=now + LEASE,
        created_at=now,
        updated_at=now,
    )


COLUMNS = """gateway_call.id, gateway_call.gateway, gateway_call.kind,
    gateway_call.funding_source_id, gateway_call.transaction_id, gateway_call.charge_id,
    gateway_call.amount, gateway_call.currency, gateway_call.status, gateway_call.error_code,
    gateway_call.authorization_code, gateway_call.reference_code, gateway_call.tracking_code,
    gateway_call.processed_at, gateway_call.request_number, gateway_call.attempts,
    gateway_call.due_at, gateway_call.created_at, gateway_call.updated_at, gateway_call.sealed,
    gateway_call.holder"""

_INSERT = """
    insert into gateway_call (id, gateway, kind, funding_source_id, transaction_id, charge_id,
        amount, currency, status, request_number, due_at, created_at, updated_at, sealed, holder)
    select id, gateway, kind, funding_source_id, transaction_id, charge_id, amount, currency,
        'open', request_number, due_at, created_at, created_at, sealed, holder
    from unnest(%(ids)b::uuid[], %(gateways)b::text[], %(kinds)b::text[], %(sources)b::uuid[],
        %(transactions)b::uuid[], %(charges)b::uuid[], %(amounts)s::numeric[],
        %(currencies)b::text[], %(requests)b::bigint[], %(due)b::timestamptz[],
        %(created)b::timestamptz[], %(sealed)b::bytea[], %(holders)b::text[])
        as made (id, gateway, kind, funding_source_id, transaction_id, charge_id, amount, currency,
            request_number, due_at, created_at, sealed, holder)
"""

_FIND = f"""
    select {COLUMNS} from gateway_call where id = %(id)s
"""  # noqa: S608 (our own column names)

_ASKED = f"""
    select {COLUMNS}, coalesce(card.id, bank_account.id) as account_id,
        coalesce(card.sealed, bank_account.sealed) as account_sealed,
        coalesce(payment.description, '') as description,
        coalesce(charge.reference_code, '') as charge_reference
    from gateway_call
        left join card on card.funding_source_id = gateway_call.funding_source_id
        left join bank_account on bank_account.funding_source_id = gateway_call.funding_source_id
        left join transaction on transaction.id = gateway_call.transaction_id
        left join payment on payment.id = transaction.payment_id
        left join gateway_call as charge on charge.id = gateway_call.charge_id
    where gateway_call.id = %(id)s
"""  # noqa: S608

_OF_REQUEST = """
    select gateway_call.id
    from request_key join gateway_call on gateway_call.request_number = request_key.number
    where request_key.id = %(id)s and gateway_call.status <> 'open'
"""

_OF_TRANSACTION = """
    select id from gateway_call where id = %(id)s or transaction_id = %(id)s
"""

_DUE = """
    select id from gateway_call where due_at <= %(now)s order by due_at limit %(limit)s
"""

_LEASE = """
    update gateway_call
    set attempts = least(attempts, 32766) + 1, updated_at = %(now)s,
        due_at = case when status in ('open', 'pending') or created_at > %(now)s - %(watched)s
            then %(now)s + %(lease)s * power(2, least(attempts, %(doublings)s)) end
    where id = %(id)s and due_at <= %(now)s
"""

# A word without a code, such as that nobody can tell, makes no code unknown that was known.
_RECORD = """
    update gateway_call
    set status = said.status, error_code = said.error_code,
        authorization_code =
            coalesce(nullif(said.authorization_code, ''), gateway_call.authorization_code),
        reference_code = coalesce(nullif(said.reference_code, ''), gateway_call.reference_code),
        tracking_code = coalesce(nullif(said.tracking_code, ''), gateway_call.tracking_code),
        processed_at = coalesce(said.processed_at, gateway_call.processed_at),
        due_at = said.due_at, updated_at = %(now)s,
        sealed = case when said.status in ('open', 'pending') then gateway_call.sealed end
    from unnest(%(ids)b::uuid[], %(statuses)b::text[], %(errors)b::text[],
        %(authorizations)b::text[], %(references)b::text[], %(trackings)b::text[],
        %(processed)b::timestamptz[],
        %(due)b::timestamptz[])
        as said (id, status, error_code, authorization_code, reference_code, tracking_code,
            processed_at, due_at)
    where gateway_call.id = said.id
"""


async def insert(tx: Tx, calls: Sequence[GatewayCall]) -> None:
    """Write calls that are about to be made, once `tx` has committed."""
    await tx.execute(
        _INSERT,
        {
            "ids": [call.id for call in calls],
            "gateways": [call.gateway for call in calls],
            "kinds": [call.kind for call in calls],
            "sources": [call.funding_source_id for call in calls],
            "transactions": [call.transaction_id for call in calls],
            "charges": [call.charge_id for call in calls],
            "amounts": [call.amount for call in calls],
            "currencies": [call.currency for call in calls],
            "requests": [call.request_number for call in calls],
            "due": [call.due_at for call in calls],
            "created": [call.created_at for call in calls],
            "sealed": [call.sealed for call in calls],
            "holders": [call.holder for call in calls],
        },
    )


async def find(tx: Tx, *, call_id: UUID) -> GatewayCall:
    """The call of this id. Raises GatewayCallNotFound."""
    async with tx.cursor(row_factory=class_row(GatewayCall)) as cursor:
        await cursor.execute(_FIND, {"id": call_id})
        found = await cursor.fetchone()
    if found is None:
        raise GatewayCallNotFound
    return found


class Asked(NamedTuple):
    """A call, and with what the outside is asked.

    `account_id` is the row of the card or bank account and `sealed` what its processor knows it by,
    None once its owner has deleted it. Of a card that is charged once the call itself has what its
    processor gave for it. `charge_reference` is that of the charge that a refund gives
    back.
    """

    call: GatewayCall
    account_id: UUID | None
    sealed: bytes | None
    description: str
    charge_reference: str


async def asked(tx: Tx, *, call_id: UUID) -> Asked:
    """What the outside is asked with. Raises GatewayCallNotFound."""
    async with tx.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_ASKED.encode(), {"id": call_id})
        row = await cursor.fetchone()
    if row is None:
        raise GatewayCallNotFound
    description, charge_reference = row.pop("description"), row.pop("charge_reference")
    account_id, sealed = row.pop("account_id"), row.pop("account_sealed")
    call = GatewayCall(**row)
    if call.sealed is not None:
        account_id, sealed = call.id, call.sealed
    return Asked(call, account_id, sealed, description, charge_reference)


async def answerable(tx: Tx, *, key: RequestKey) -> UUID | None:
    """The call that a request waited for, once there is word of it."""
    row = await (await tx.execute(_OF_REQUEST, {"id": key.id})).fetchone()
    return None if row is None else UUID(str(row[0]))


async def known_as(tx: Tx, *, id_: UUID) -> UUID:
    """The id of the call that has this id, or moves the money of the transaction that has it.

    Raises GatewayCallNotFound.
    """
    row = await (await tx.execute(_OF_TRANSACTION, {"id": id_})).fetchone()
    if row is None:
        raise GatewayCallNotFound
    return UUID(str(row[0]))


async def due(tx: Tx, *, now: datetime, limit: int) -> list[UUID]:
    """The ids of calls about which the outside is to be asked, those first that wait longest."""
    cursor = await tx.execute(_DUE, {"now": now, "limit": limit})
    return [id_ for (id_,) in await cursor.fetchall()]


async def lease(tx: Tx, *, call_id: UUID, now: datetime) -> bool:
    """Take a call that is due for as long as asking takes; False if somebody else has it."""
    values = {
        "id": call_id,
        "now": now,
        "lease": LEASE,
        "doublings": LONGEST_LEASE_DOUBLINGS,
        "watched": WATCHED_FOR,
    }
    cursor = await tx.execute(_LEASE, values)
    return bool(cursor.rowcount)


@dataclass(frozen=True, slots=True)
class Said:
    """What a call becomes by an outcome. `due_at` is when to ask again, if ever."""

    call_id: UUID
    status: CallStatus
    outcome: Outcome
    due_at: datetime | None


async def record(tx: Tx, said: Sequence[Said], *, now: datetime) -> None:
    """Write what the outside said of calls that `tx` has locked."""
    await tx.execute(
        _RECORD,
        {
            "ids": [each.call_id for each in said],
            "statuses": [each.status for each in said],
            "errors": [each.outcome.error_code for each in said],
            "authorizations": [each.outcome.authorization_code for each in said],
            "references": [each.outcome.reference_code for each in said],
            "trackings": [each.outcome.tracking_code for each in said],
            "processed": [each.outcome.processed_at for each in said],
            "due": [each.due_at for each in said],
            "now": now,
        },
    )
