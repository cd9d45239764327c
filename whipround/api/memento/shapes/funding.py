"""Funding sources (Memento, Funding Sources)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from whipround.api.memento.shapes_base import CREATED_AT, ID, UPDATED_AT, Amount, Shape, amount
from whipround.api.shapes import doc
from whipround.domain.funding import reading, types
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


class BankAccount(Shape):
    """A bank account (Memento, The bank account object)."""

    id: ID
    country: Annotated[str, doc("The country the bank is in.")]
    account_number: Annotated[str, doc("The account number, which may be a part of the IBAN.")]
    iban: Annotated[str, doc("The IBAN; or empty.")]
    swift: Annotated[str, doc("The BIC (SWIFT code) of the bank.")]
    owner_id: Annotated[str, doc("The national identification number of the owner; or empty.")]
    enabled: Annotated[bool, doc("Whether the bank account is enabled.")]
    meta: Annotated[str, doc("Text that the client owns: that of the funding source.")]
    created_at: CREATED_AT
    updated_at: UPDATED_AT


class Card(Shape):
    """A card (Memento, The card object)."""

    id: ID
    status: Annotated[
        Literal["active", "expired", "rejected", "cancelled"],
        doc("The card status: `active`, `expired`, `rejected`, `cancelled`."),
    ]
    type: Annotated[reading.CardType, doc("The type of card: `debit` or `credit`.")]
    brand: Annotated[str, doc("The card brand; or empty.")]
    owner_id: Annotated[str, doc("What the processor knows the owner by; or empty.")]
    expiration_month: Annotated[int, doc("The month until whose end it is good, from 1 to 12.")]
    expiration_year: Annotated[int, doc("The year of that month.")]
    masked_number: Annotated[str, doc("The card number, of which only the end is shown.")]
    verified: Annotated[bool, doc("Whether the card has been verified.")]
    verified_at: Annotated[datetime | None, doc("The time when it was verified, if it was.")]
    meta: Annotated[str, doc("Text that the client owns: that of the funding source.")]
    created_at: CREATED_AT
    updated_at: UPDATED_AT


class CryptoAddress(Shape):
    """An address of a crypto currency."""

    id: ID
    address: Annotated[str, doc("The address.")]
    currency: Annotated[str, doc("The crypto currency.")]
    created_at: CREATED_AT
    updated_at: UPDATED_AT


class FundingSource(Shape):
    """A funding source (Memento, The funding source object)."""

    id: ID
    type: Annotated[
        types.Base,
        doc("What it is: `virtual`, the wallet, `bank_account`, `card`, `crypto_address`."),
    ]
    type_name: Annotated[str, doc("What the product calls such a type.")]
    status: Annotated[
        reading.SourceStatus, doc("The status: `pending`, `enabled`, `disabled`, `rejected`.")
    ]
    description: Annotated[str, doc("The title, only visible to the user.")]
    meta: Annotated[str, doc("Text that the client owns.")]
    gateway: Annotated[str, doc("The gateway that moves its money; empty where none does.")]
    bank_account: Annotated[BankAccount | None, doc("The bank account behind it, if there is one.")]
    card: Annotated[Card | None, doc("The card behind it, if there is one.")]
    crypto_address: Annotated[
        CryptoAddress | None, doc("The crypto address behind it, if there is one.")
    ]
    balances: Annotated[
        list[FundingSourceBalance], doc("What came in less what went out, per currency.")
    ]
    currencies: Annotated[list[str], doc("The currencies it can send and receive.")]
    allows_in: Annotated[bool, doc("Whether it can receive money.")]
    allows_out: Annotated[bool, doc("Whether money can be sent from it.")]
    enabled: Annotated[bool, doc("Whether it can be used.")]
    verified: Annotated[bool, doc("Whether it has been verified.")]
    verified_at: Annotated[datetime | None, doc("The time when it was verified, if it was.")]
    created_at: CREATED_AT
    updated_at: UPDATED_AT


def funding_source(
    found: reading.FundingSource,
    balances: Sequence[Balance],
    currencies: Sequence[str],
    *,
    now: datetime,
) -> FundingSource:
    """A funding source with its balances; `currencies` are those of the product."""
    return FundingSource(
        id=found.id,
        type=found.type,
        type_name=found.type_name,
        status=found.status,
        description=found.description,
        meta=found.meta,
        gateway=found.gateway,
        bank_account=_bank_account(found.bank_account, found) if found.bank_account else None,
        card=_card(found.card, found, now=now) if found.card else None,
        crypto_address=_crypto_address(found.crypto_address) if found.crypto_address else None,
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


def _bank_account(found: reading.BankAccount, source: reading.FundingSource) -> BankAccount:
    return BankAccount(
        id=found.id,
        country=found.country,
        account_number=found.account_number,
        iban=found.iban,
        swift=found.swift,
        owner_id=found.owner_id,
        enabled=found.enabled,
        meta=source.meta,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )


def _card(found: reading.Card, source: reading.FundingSource, *, now: datetime) -> Card:
    return Card(
        id=found.id,
        status=found.status_at(now),
        type=found.type,
        brand=found.brand,
        owner_id=found.owner_id,
        expiration_month=found.expiration_month,
        expiration_year=found.expiration_year,
        masked_number=found.masked_number,
        verified=source.verified_at is not None,
        verified_at=source.verified_at,
        meta=source.meta,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )


def _crypto_address(found: reading.CryptoAddress) -> CryptoAddress:
    return CryptoAddress(
        id=found.id,
        address=found.address,
        currency=found.currency,
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
