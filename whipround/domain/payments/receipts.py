"""Receipts: what a payment came to, and what of it went back, for either side of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from psycopg.rows import dict_row

from whipround.db.database import Tx
from whipround.domain.funding.wallet import CARD, CASH
from whipround.domain.legs import Worth
from whipround.domain.payments.reading import PaymentNotFound
from whipround.errors import Message
from whipround.money import Money

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no letter reads as a digit
_CODE_LENGTH = 7


@dataclass(frozen=True, slots=True)
class Party:
    """One side of a receipt: a user, or a pool, which has no username.

    `details` has the bank account that was paid out to.
    """

    id: UUID
    full_name: str
    username: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Method:
    """How it was paid: the funding source, and the card or the bank account behind it.

    `from_wallet` is what of it the payer's wallet bore, where a card has paid the rest.
    """

    funding_source_id: UUID
    description: str
    details: tuple[str, ...] = ()
    from_wallet: Money | None = None


@dataclass(frozen=True, slots=True)
class GivenBack:
    """A refund as a receipt lists it; `amount` is what the reader got, or gave."""

    id: UUID
    reference_code: str
    time: datetime
    amount: Money
    status: Literal["pending", "approved"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """Memento, "The receipt object". `paid` arrived, `cost` is the fee, `total` left the payer.

    Of a payment that converts the payer's version is in the currency it was paid in, with the
    `exchange_rate`; the recipient's in the other one, with no cost. `method` is None for the
    recipient, who does not see how it was paid, and of what a pool paid out. `refunded` is what all
    the refunds come to.
    """

    description: str
    reference_code: str
    time: datetime
    payer: Party
    recipient: Party
    method: Method | None
    paid: Money
    cost: Money
    total: Money
    exchange_rate: Decimal | None
    refunds: tuple[GivenBack, ...]
    refunded: Money


_SELECT = """
    select payment.number, payment.description, payment.amount, payment.currency, payment.fee,
        coalesce(payment.source_amount, payment.amount) as source_amount,
        coalesce(payment.source_currency, payment.currency) as source_currency,
        payment.exchange_rate, transaction.updated_at as time,
        payment.owner_id,
        case payment.kind when 'payout' then pool_id else payer.id end as payer_id,
        case payment.kind when 'payout' then payment.description else payer.full_name end
            as payer_name,
        case payment.kind when 'payout' then '' else payer.username end as payer_username,
        coalesce(recipient.id, pool_id) as recipient_id,
        coalesce(recipient.full_name, payment.recipient_name) as recipient_name,
        coalesce(recipient.username, '') as recipient_username,
        source.id as source_id, source.description as source_description,
        case when source.is_once then source.type end as paid_once_by,
        payment.wallet_amount + payment.wallet_fee as from_wallet,
        card.brand, card.last_digits, charge.tracking_code, charge.authorization_code,
        coalesce(nullif(bank.iban, ''), bank.account_number) as account,
        coalesce(nullif(paid_out.iban, ''), paid_out.account_number) as paid_out_to
    from payment
        join transaction on transaction.id = payment.transaction_id
        join users as payer on payer.id = payment.owner_id
        left join users as recipient on recipient.id = payment.recipient_user_id
        left join funding_source as source on source.id = payment.funding_source_id
        left join card on card.funding_source_id = source.id
        left join bank_account as bank on bank.funding_source_id = source.id
        left join bank_account as paid_out
            on paid_out.funding_source_id = transaction.in_funding_source_id
        left join gateway_call as charge
            on charge.transaction_id = payment.transaction_id and charge.kind = 'charge'
    where payment.id = %(payment_id)s and fulfillment_status = 'fulfilled'
        and %(user_id)s in (payment.owner_id, payment.recipient_user_id)
"""

_REFUNDS = """
    select refund.id, refund.number, refund.created_at, refund.amount, refund.fee,
        coalesce(refund.source_amount, refund.amount) as source_amount,
        case transaction.status when 'active' then 'pending' else 'approved' end as status
    from refund join transaction on transaction.id = refund.transaction_id
    where refund.payment_id = %(payment_id)s
    order by refund.created_at, refund.id
"""


async def receipt(tx: Tx, *, user_id: UUID, payment_id: UUID) -> Receipt:
    """The receipt of a payment as the user may see it.

    Raises PaymentNotFound for somebody else's payment, or one that is not fully processed
    (Memento, "Get a receipt").
    """
    async with tx.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_SELECT, {"payment_id": payment_id, "user_id": user_id})
        row = await cursor.fetchone()
        if row is None:
            raise PaymentNotFound
        await cursor.execute(_REFUNDS, {"payment_id": payment_id})
        refunds = await cursor.fetchall()
    is_payer = row["owner_id"] == user_id
    worth = Worth(**{name: row[name] for name in Worth._fields})
    paid, cost = _amounts(worth, is_payer=is_payer)
    listed = tuple(_given_back(each, worth, is_payer=is_payer) for each in refunds)
    return Receipt(
        description=row["description"],
        reference_code=reference_code(row["number"]),
        time=row["time"],
        payer=Party(row["payer_id"], row["payer_name"], row["payer_username"]),
        recipient=Party(
            row["recipient_id"],
            row["recipient_name"],
            row["recipient_username"],
            _masked(row["paid_out_to"]),
        ),
        method=_method(row) if is_payer and row["source_id"] else None,
        paid=paid,
        cost=cost,
        total=paid + cost,
        exchange_rate=row["exchange_rate"] if is_payer else None,
        refunds=listed,
        refunded=sum((each.amount for each in listed), Money(Decimal(0), paid.currency)),
    )


def _amounts(worth: Worth, *, is_payer: bool) -> tuple[Money, Money]:
    """What was paid and what it cost, as one side of the payment has it."""
    if is_payer or not worth.converts:
        currency = worth.source_currency
        return Money(worth.source_amount, currency), Money(worth.fee, currency)
    return Money(worth.amount, worth.currency), Money(Decimal(0), worth.currency)


def _given_back(row: Mapping[str, Any], worth: Worth, *, is_payer: bool) -> GivenBack:
    amount = Money(row["amount"], worth.currency)
    if is_payer:
        amount = Money(row["source_amount"], worth.source_currency)
        amount += Money(row["fee"], worth.source_currency)
    return GivenBack(
        id=row["id"],
        # Refunds have numbers of their own.
        reference_code=f"R{reference_code(row['number'])}",
        time=row["created_at"],
        amount=amount,
        status=row["status"],
    )


def _method(row: Mapping[str, Any]) -> Method:
    details = _masked(row["account"])
    if row["last_digits"] is not None:
        details += (f"{row['brand']} {row['last_digits']}".strip(),)
    codes = {"Transaction #": row["tracking_code"], "AuthCode #": row["authorization_code"]}
    known = " - ".join(f"{label}{code}" for label, code in codes.items() if code)
    once, borne = row["paid_once_by"], row["from_wallet"]
    return Method(
        row["source_id"],
        row["source_description"] if once is None else _PAID_ONCE_BY[once],
        details + ((known,) if known else ()),
        None if borne is None else Money(borne, row["currency"]),
    )


_PAID_ONCE_BY = {CARD: Message("Card"), CASH: Message("Cash")}
"""What is called what somebody pays with once, and has no name for."""


def _masked(account: str | None) -> tuple[str, ...]:
    """The end of a bank account's number, if there is one."""
    return (f"**** {account[-4:]}",) if account else ()


def reference_code(number: int) -> str:
    """A payment's number as people read it out: seven or more digits and capitals, "00002MC"."""
    code = ""
    while number:
        number, digit = divmod(number, len(_ALPHABET))
        code = _ALPHABET[digit] + code
    return code.rjust(_CODE_LENGTH, "0")
