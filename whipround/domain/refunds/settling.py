"""What becomes of a refund by what a card or a bank says: pure, but for its reading and writing.

The money waits in the clearing account. It goes to where the payment was charged, or, where that
takes nothing back, to the payer's wallet: a refund always arrives.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import dict_row
from uuid_utils.compat import uuid7

from whipround.db.database import Tx
from whipround.domain import notifications
from whipround.domain.funding.wallet import CLEARING_ACCOUNT, WALLET_ACCOUNT
from whipround.domain.legs import Accounts
from whipround.domain.notifications import Event
from whipround.domain.refunds import telling
from whipround.domain.refunds.commands import Refund
from whipround.domain.refunds.reading import COLUMNS, made
from whipround.domain.refunds.telling import Subject
from whipround.ledger.accounts import PRODUCT, NewAccount
from whipround.ledger.transfers import Leg, Transfer
from whipround.outcomes import Outcome

_READ = f"""
    select {COLUMNS}, gateway_call.funding_source_id as source_id, wallet.id as wallet_id,
        transaction.in_funding_source_id as goes_to_id
    from refund
        join payment on payment.id = payment_id
        join transaction on transaction.id = refund.transaction_id
        join gateway_call on gateway_call.transaction_id = refund.transaction_id
        join funding_source as wallet
            on wallet.user_id = payment.owner_id and wallet.type = 'virtual'
    where refund.transaction_id = any(%(transactions)s)
"""  # noqa: S608 (our own column names)

_WRITE = """
    with settled as (
        select * from unnest(%(transactions)s::uuid[], %(sources)s::uuid[], %(trackings)s::text[])
            as settled (transaction_id, in_funding_source_id, tracking_code)
    ), moved as (
        update transaction
        set status = 'approved', in_funding_source_id = settled.in_funding_source_id,
            tracking_code = coalesce(nullif(settled.tracking_code, ''), transaction.tracking_code),
            updated_at = %(now)s
        from settled
        where transaction.id = settled.transaction_id
    )
    update refund set updated_at = %(now)s
    from settled
    where refund.transaction_id = settled.transaction_id
"""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A refund that a card or a bank was asked to take.

    Its money can go to that source, or to the payer's wallet; `goes_to_id` says where it went, or
    is to go first.
    """

    refund: Refund
    goes_to_id: UUID
    source_id: UUID
    wallet_id: UUID
    paid: Subject

    @property
    def accounts(self) -> Sequence[NewAccount]:
        """The accounts that settling it needs: the clearing account, the source's, the wallet's."""
        currency = self.refund.returned.currency
        return (
            NewAccount(PRODUCT, CLEARING_ACCOUNT, currency),
            NewAccount(self.source_id, WALLET_ACCOUNT, currency, floor=None),
            NewAccount(self.wallet_id, WALLET_ACCOUNT, currency),
        )


class Settled(NamedTuple):
    """A refund whose money arrives with the transfer, and where."""

    refund: Refund
    transfer: Transfer
    in_funding_source_id: UUID
    tracking_code: str
    events: Sequence[Event]


async def read(tx: Tx, *, transaction_ids: Sequence[UUID]) -> dict[UUID, Unsettled]:
    """The refunds of these transactions, whose calls are locked, by transaction."""
    async with tx.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_READ, {"transactions": list(transaction_ids)})
        rows = await cursor.fetchall()
    paid = await telling.paid(tx, payment_ids=[row["payment_id"] for row in rows])
    return {
        row["transaction_id"]: Unsettled(
            refund=made(row),
            goes_to_id=row["goes_to_id"],
            source_id=row["source_id"],
            wallet_id=row["wallet_id"],
            paid=paid[row["payment_id"]],
        )
        for row in rows
    }


def settle(
    unsettled: Unsettled, outcome: Outcome | None, ids: Accounts, *, now: datetime
) -> Settled | None:
    """What the outcome makes of the refund; None if nothing.

    `ids` has the `accounts`. No outcome is that of a call which never was and shall not be: as
    where the money is declined, the payer's wallet gets it. So it does when a card or a bank that
    had accepted the money sends it back. A word that was heard before changes nothing.
    """
    refund = unsettled.refund
    if outcome is not None and outcome.status == "pending":
        return None
    is_approved = outcome is not None and outcome.status == "approved"
    is_settled = refund.status == "approved"
    if is_settled and (is_approved or unsettled.goes_to_id == unsettled.wallet_id):
        return None
    clearing, source, wallet = (ids[new.name] for new in unsettled.accounts)
    from_account, step = (source, "return") if is_settled else (clearing, "settle")
    returned = refund.returned.amount
    legs = (Leg(from_account, -returned), Leg(source if is_approved else wallet, returned))
    settled = replace(refund, status="approved", updated_at=now)
    return Settled(
        refund=settled,
        transfer=Transfer(uuid7(), step, f"{refund.transaction_id}:{step}", legs),
        in_funding_source_id=unsettled.source_id if is_approved else unsettled.wallet_id,
        tracking_code="" if outcome is None else outcome.tracking_code,
        events=telling.events(unsettled.paid, settled, to_wallet=not is_approved),
    )


async def write(tx: Tx, settled: Sequence[Settled], *, now: datetime) -> None:
    """Write what was settled, and tell the payers; the same transaction posts the transfers."""
    await tx.execute(
        _WRITE,
        {
            "transactions": [each.refund.transaction_id for each in settled],
            "sources": [each.in_funding_source_id for each in settled],
            "trackings": [each.tracking_code for each in settled],
            "now": now,
        },
    )
    await notifications.tell(tx, [event for each in settled for event in each.events], now=now)
