"""What a payment would cost: the quote that it is charged by, beforehand."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain.funding.wallet import CRYPTO_ADDRESS, WALLET
from whipround.domain.payments.commands import PaymentKind
from whipround.domain.payments.sides import why_not_between
from whipround.domain.quotes import Quote, quote, read_prices
from whipround.errors import FieldError, Invalid
from whipround.money import Money


class _Source(NamedTuple):
    id: UUID
    user_id: UUID
    type: str
    type_name: str


_SOURCES = """
    select id, user_id, type, type_name
    from funding_source
    where id = any(%(ids)s) and deleted_at is null
"""


async def calculate(
    tx: Tx,
    *,
    user_id: UUID,
    source_id: UUID,
    source_currency: str,
    destination_id: UUID | None,
    destination: Money,
    now: datetime,
) -> Quote:
    """What it costs a person to have `destination` arrive (Memento, Calculate payment fee).

    `source_id` is one of their funding sources, usable or not; `destination_id` anybody's, None for
    a recipient who is not known by one. Into one's own wallet it is a top-up, into one's own bank
    account a withdrawal, else a payment.

    Raises Invalid naming both sources where they are wrong, and what `quote` raises.
    """
    ids = [source_id] if destination_id is None else [source_id, destination_id]
    rows = await (await tx.execute(_SOURCES, {"ids": ids})).fetchall()
    found = {row[0]: _Source(*row) for row in rows}
    source = found.get(source_id)
    errors = list(_wrong_source(source, user_id))
    kind: PaymentKind = "payment"
    if destination_id is not None:
        to = found.get(destination_id)
        errors += _wrong_destination(source, to, user_id)
        if to is not None and to.user_id == user_id:
            kind = "top_up" if to.type == WALLET else "withdrawal"
    if source is None or errors:
        raise Invalid(errors)
    return quote(
        await read_prices(tx),
        kind=kind,
        types=(source.type_name, source.type),
        destination=destination,
        source_currency=source_currency,
        now=now,
    )


def _wrong_source(source: _Source | None, user_id: UUID) -> Sequence[FieldError]:
    if source is None or source.user_id != user_id:
        return [_wrong("source", "not_found", "You have no such source")]
    if source.type == CRYPTO_ADDRESS:
        return [_wrong("source", "unsupported", "Nothing can be paid from a crypto address")]
    return []


def _wrong_destination(
    source: _Source | None, to: _Source | None, user_id: UUID
) -> Sequence[FieldError]:
    """What is wrong with where the money is to go; to others it goes into their wallet anyway."""
    if to is None:
        return [_wrong("destination", "not_found", "There is no such source")]
    if to.user_id != user_id:
        return []
    wrong = why_not_between(None if source is None else source.type, to.type)
    return [] if wrong is None else [_wrong("destination", *wrong)]


def _wrong(side: str, code: str, message: str) -> FieldError:
    return FieldError(f"{side}.funding_source_id", code, message)
