"""People add cards, bank accounts and crypto addresses (Memento, Create a funding source).

What a card or an account is known by at its processor is sealed from the first moment on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db.database import Tx
from whipround.domain import gateway_calls, throttles
from whipround.domain.funding import reading, types
from whipround.domain.funding.reading import FundingSource
from whipround.domain.gateway_calls import Gateway
from whipround.domain.throttles import Charge
from whipround.domain.users import person
from whipround.errors import Declined, Invalid
from whipround.keyring import Keyring

MOST_SOURCES = 50
"""How many funding sources a person may have at a time, the wallet among them."""


class TooManySources(Declined):
    """There are too many funding sources already."""

    code = "limit_exceeded"


@dataclass(frozen=True, slots=True)
class NewCard:
    """A card as its owner describes it; `token` is what a processor gave for it.

    `owner_id` is what the processor knows its owner by, or empty.
    """

    brand: str
    last_digits: str
    expiration_month: int
    expiration_year: int
    token: str = field(repr=False)
    owner_id: str = ""


@dataclass(frozen=True, slots=True)
class NewBankAccount:
    """A bank account as its owner describes it. What is not known is empty.

    `owner_id` is a national identification number; `token` what a processor knows the account by;
    `bank` what its owner calls the bank. One that `receives_only` never pays: nobody has to prove
    that it is theirs.
    """

    country: str
    swift: str
    iban: str
    account_number: str
    owner_id: str
    token: str = field(repr=False)
    bank: str = ""
    receives_only: bool = False


@dataclass(frozen=True, slots=True)
class NewCryptoAddress:
    """An address of a crypto currency."""

    currency: str
    address: str


NewDetails: TypeAlias = NewCard | NewBankAccount | NewCryptoAddress


@dataclass(frozen=True, slots=True)
class NewSource:
    """A funding source to be added. `type_name` is one of the product's, over what it details."""

    type_name: str
    description: str
    meta: str
    details: NewDetails


class Created(NamedTuple):
    """What was added, and the call by which its processor is asked; None where none is."""

    source: FundingSource
    call_id: UUID | None


class _Kind(NamedTuple):
    """What the kinds of details have of their own: base type, gateway, what money can do."""

    base: types.Base
    gateway: Gateway | None
    allows_in: bool
    allows_out: bool


_KINDS: Mapping[type, _Kind] = {
    NewCard: _Kind("card", "cards", allows_in=False, allows_out=True),
    NewBankAccount: _Kind("bank_account", "banks", allows_in=True, allows_out=True),
    NewCryptoAddress: _Kind("crypto_address", None, allows_in=False, allows_out=False),
}

_COUNT = """
    select count(*) from funding_source where user_id = %(user_id)s and deleted_at is null
"""

_INSERT_SOURCE = """
    insert into funding_source (id, user_id, type, type_name, description, meta, gateway, allows_in,
        allows_out, status, created_at, updated_at)
    values (%(id)s, %(user_id)s, %(type)s, %(type_name)s, %(description)s, %(meta)s, %(gateway)s,
        %(allows_in)s, %(allows_out)s, %(status)s, %(now)s, %(now)s)
"""

_INSERT_CARD = """
    insert into card (id, funding_source_id, status, type, brand, last_digits, owner_id,
        expiration_month, expiration_year, sealed, created_at, updated_at)
    values (%(id)s, %(source_id)s, 'active', 'debit', %(brand)s, %(last_digits)s, %(owner_id)s,
        %(expiration_month)s, %(expiration_year)s, %(sealed)s, %(now)s, %(now)s)
"""

_INSERT_BANK_ACCOUNT = """
    insert into bank_account (id, funding_source_id, country, swift, iban, account_number, owner_id,
        bank, enabled, sealed, created_at, updated_at)
    values (%(id)s, %(source_id)s, %(country)s, %(swift)s, %(iban)s, %(account_number)s,
        %(owner_id)s, %(bank)s, false, %(sealed)s, %(now)s, %(now)s)
"""

_INSERT_CRYPTO_ADDRESS = """
    insert into crypto_address (id, funding_source_id, currency, address, created_at, updated_at)
    values (%(id)s, %(source_id)s, %(currency)s, %(address)s, %(now)s, %(now)s)
"""


def gateway_for(details: NewDetails) -> Gateway | None:
    """Which gateway is to be asked about such a source; None for one that is only kept."""
    return _KINDS[type(details)].gateway


def _receives_only(details: NewDetails) -> bool:
    return isinstance(details, NewBankAccount) and details.receives_only


async def create(
    tx: Tx,
    *,
    user_id: UUID,
    new: NewSource,
    processor_name: str,
    request_number: int | None,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> Created:
    """Add a funding source of the user's. One that a processor has to be asked about is `pending`.

    The processor is asked once `tx` has committed. `request_number` is that of the request key
    whose answer waits for what it says; `limit_multiplier` widens how many a person may add a day.
    Raises TooManySources, Throttled, and Invalid for a type that is gone.
    """
    kind = _KINDS[type(new.details)]
    subject = Charge(throttles.SOURCES_PER_USER, str(user_id))
    await throttles.charge(tx, [subject], keyring=keyring, now=now, multiplier=limit_multiplier)
    await person.lock(tx, user_id=user_id)
    [[count]] = await (await tx.execute(_COUNT, {"user_id": user_id})).fetchall()
    if count >= MOST_SOURCES:
        raise TooManySources
    if await types.base_of(tx, name=new.type_name) != kind.base:
        raise Invalid.field("type", "unsupported", "Type is not there any more")
    source_id = uuid7()
    values: dict[str, Any] = {
        "id": source_id,
        "user_id": user_id,
        "type": kind.base,
        "type_name": new.type_name,
        "description": new.description,
        "meta": new.meta,
        "gateway": processor_name if kind.gateway else "",
        "allows_in": kind.allows_in,
        "allows_out": kind.allows_out and not _receives_only(new.details),
        "status": "pending" if kind.gateway else "disabled",
        "now": now,
    }
    await tx.execute(_INSERT_SOURCE, values)
    await _insert_details(tx, new.details, source_id=source_id, keyring=keyring, now=now)
    call_id = None
    if kind.gateway is not None:
        call_id = uuid7()
        call = gateway_calls.new_call(
            call_id,
            gateway=kind.gateway,
            kind="register",
            funding_source_id=source_id,
            request_number=request_number,
            now=now,
        )
        await gateway_calls.insert(tx, [call])
    return Created(await reading.get(tx, user_id=user_id, id_=source_id), call_id)


async def _insert_details(
    tx: Tx, details: NewDetails, *, source_id: UUID, keyring: Keyring, now: datetime
) -> None:
    id_ = uuid7()
    values: dict[str, Any] = {"id": id_, "source_id": source_id, "now": now}
    match details:
        case NewCard():
            values |= {
                "brand": details.brand,
                "last_digits": details.last_digits,
                "owner_id": details.owner_id,
                "expiration_month": details.expiration_month,
                "expiration_year": details.expiration_year,
                "sealed": keyring.seal(id_, details.token),
            }
            await tx.execute(_INSERT_CARD, values)
        case NewBankAccount():
            values |= {
                "country": details.country,
                "swift": details.swift,
                "iban": details.iban,
                "account_number": details.account_number,
                "owner_id": details.owner_id,
                "bank": details.bank,
                "sealed": keyring.seal(id_, details.token) if details.token else None,
            }
            await tx.execute(_INSERT_BANK_ACCOUNT, values)
        case NewCryptoAddress():
            values |= {"currency": details.currency, "address": details.address}
            await tx.execute(_INSERT_CRYPTO_ADDRESS, values)
