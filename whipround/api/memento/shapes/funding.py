"""Funding sources and transactions (Memento, Funding Sources, Transactions)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from whipround.api.memento.shapes_base import CREATED_AT, ID, UPDATED_AT, Amount, Shape, amount, doc
from whipround.domain import transactions
from whipround.domain.funding import reading
from whipround.ledger.accounts import Balance


class FundingSourceBalance(Shape):
    """What a funding source holds in one currency (Memento, The funding source balance object)."""

    id: ID
    amount: Annotated[Amount, doc("What is there now.")]
    amount_in: Annotated[Amount, doc("All that ever came in.")]
    amount_out: Annotated[Amount, doc("All that ever went out.")]
    currency: Annotated[str, doc("The ISO 4217 code of the currency.")]
    created_at: CREATED_AT
    updated_at: UPDATED_AT


class FundingSource(Shape):
    """A funding source (Memento, The funding source object)."""

    id: ID
    type: Annotated[str, doc("The type: `virtual` is the wallet.")]
    description: Annotated[str, doc("The title, only visible to the user.")]
    meta: Annotated[str, doc("Text that the client owns.")]
    gateway: Annotated[str, doc("The gateway that moves its money; empty for the wallet.")]
    bank_account: Annotated[None, doc("The bank account behind it, if there is one.")]
    card: Annotated[None, doc("The card behind it, if there is one.")]
    crypto_address: Annotated[None, doc("The crypto address behind it, if there is one.")]
    balances: Annotated[list[FundingSourceBalance], doc("What it holds, per currency.")]
    currencies: Annotated[list[str], doc("The currencies it can send and receive.")]
    allows_in: Annotated[bool, doc("Whether it can receive money.")]
    allows_out: Annotated[bool, doc("Whether money can be sent from it.")]
    enabled: Annotated[bool, doc("Whether it can be used.")]
    verified: Annotated[bool, doc("Whether it has been verified.")]
    verified_at: Annotated[datetime | None, doc("The time when it was verified, if it was.")]
    created_at: CREATED_AT
    updated_at: UPDATED_AT


class Transaction(Shape):
    """A transaction (Memento, The transaction object)."""

    id: ID
    out_user_id: Annotated[UUID, doc("The user who paid.")]
    in_user_id: Annotated[UUID | None, doc("The user who was paid; null while unclaimed.")]
    out_funding_source_id: Annotated[
        UUID | None, doc("The source withdrawn from; null unless it is yours.")
    ]
    in_funding_source_id: Annotated[
        UUID | None, doc("The source deposited to; null unless it is yours.")
    ]
    payment_id: Annotated[UUID, doc("The payment it belongs to.")]
    status: Annotated[
        transactions.TransactionStatus, doc("`active` while the money waits to be claimed.")
    ]
    amount: Annotated[Amount, doc("The amount that arrives.")]
    fee: Annotated[Amount | None, doc("What the payer paid on top; null for the recipient.")]
    currency: Annotated[str, doc("The ISO 4217 code of the currency.")]
    tracking_code: Annotated[str, doc("A reference for other systems; or empty.")]
    error: Annotated[bool, doc("Whether it ended in an error.")]
    gateway_response: Annotated[None, doc("The gateway's answer; null if none was involved.")]
    meta: Annotated[str, doc("Text that the client owns: that of its payment.")]
    expires_at: Annotated[datetime | None, doc("The time when it expires, if it does.")]
    created_at: CREATED_AT
    updated_at: UPDATED_AT


def funding_source(
    found: reading.FundingSource, balances: Sequence[Balance], currencies: Sequence[str]
) -> FundingSource:
    """A funding source with its balances; `currencies` are those of the product."""
    return FundingSource(
        id=found.id,
        type=found.type,
        description=found.description,
        meta=found.meta,
        gateway=found.gateway,
        bank_account=None,
        card=None,
        crypto_address=None,
        balances=[_balance(each) for each in balances],
        currencies=list(currencies),
        allows_in=found.allows_in,
        allows_out=found.allows_out,
        enabled=found.status == "enabled",
        verified=found.verified_at is not None,
        verified_at=found.verified_at,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )


def _balance(balance: Balance) -> FundingSourceBalance:
    return FundingSourceBalance(
        id=balance.id,
        amount=amount(balance.amount, balance.currency),
        amount_in=amount(balance.amount_in, balance.currency),
        amount_out=amount(balance.amount_out, balance.currency),
        currency=balance.currency,
        created_at=balance.created_at,
        updated_at=balance.updated_at,
    )


def transaction(found: transactions.Transaction, *, viewer_id: UUID) -> Transaction:
    """A transaction as one of its two sides sees it: only their own funding source."""
    paid = found.out_user_id == viewer_id
    received = found.in_user_id == viewer_id
    return Transaction(
        id=found.id,
        out_user_id=found.out_user_id,
        in_user_id=found.in_user_id,
        out_funding_source_id=found.out_funding_source_id if paid else None,
        in_funding_source_id=found.in_funding_source_id if received else None,
        payment_id=found.payment_id,
        status=found.status,
        amount=amount(found.amount, found.currency),
        fee=amount(found.fee, found.currency) if paid else None,
        currency=found.currency,
        tracking_code=found.tracking_code,
        error=found.error_code != "",
        gateway_response=None,
        meta=found.meta,
        expires_at=found.expires_at,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )
