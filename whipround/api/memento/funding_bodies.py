"""The bodies of requests about funding sources (Memento, Create and Update a funding source)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, cast

from pydantic import (
    BaseModel,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from whipround.api import bank_fields
from whipround.api.bank_fields import Bic, Iban, LastDigits, Month, Token, Year
from whipround.api.bodies import Context
from whipround.api.context import Call
from whipround.api.fields import ONE_LINE, VISIBLE, Country, Meta, Name, wrong
from whipround.domain.funding import reading, types
from whipround.domain.funding.changes import Change, Expiration
from whipround.domain.funding.creation import (
    NewBankAccount,
    NewCard,
    NewCryptoAddress,
    NewSource,
)
from whipround.errors import Message

_OwnMeta = Annotated[
    Meta | None, Field(description="That of the funding source, where it has none itself.")
]
"""What later revisions have in a card and a bank account, which are one with their source."""

_ISO_COUNTRIES = {"UK": "GB"}
"""What the documents write, and what it is."""


async def known(call: Call) -> Mapping[str, Any]:
    """What `FundingSourceCreate` has to know: the product's types, and what they are at bottom."""
    async with call.db.transaction() as tx:
        return {"types": await types.bases(tx)}


def _bases(info: ValidationInfo) -> Mapping[str, types.Base]:
    bases: Mapping[str, types.Base] = cast("Context", info.context)["known"]["types"]
    return bases


class CardExpiration(BaseModel):
    """Until when a card is good: the end of a month."""

    expiration_month: Month = Field(description="The month, from 1 to 12.")
    expiration_year: Year = Field(description="The year, of four digits; not in the past.")

    @field_validator("expiration_year")
    @classmethod
    def _not_in_the_past(cls, value: int, info: ValidationInfo) -> int:
        # December, where the month is wrong: the year may be wrong as well.
        month = info.data.get("expiration_month", 12)
        if reading.has_expired(month=month, year=value, now=datetime.now(UTC)):
            wrong("invalid", "and month must not be in the past")
        return value

    def expiration(self) -> Expiration:
        """As the domain knows it."""
        return Expiration(self.expiration_month, self.expiration_year)


class CardInput(CardExpiration):
    """A card, as a processor's client has made a token of it."""

    brand: Annotated[str, Field(max_length=50), ONE_LINE] = Field(
        "", description="The name of the card's brand, such as VISA."
    )
    last_digits: LastDigits = Field("", description="The last 4 digits of its number.")
    token: Token = Field(
        repr=False, description="The token that the card processor knows the card by."
    )
    owner_id: Annotated[str, Field(max_length=40), ONE_LINE] | None = Field(
        None, description="What the card processor knows the card's owner by."
    )
    meta: _OwnMeta = None

    def details(self) -> NewCard:
        """As the domain knows it."""
        return NewCard(
            brand=self.brand,
            last_digits=self.last_digits,
            expiration_month=self.expiration_month,
            expiration_year=self.expiration_year,
            token=self.token,
            owner_id=self.owner_id or "",
        )


class BankAccountInput(BaseModel):
    """A bank account: an IBAN, or a number, or both."""

    country: Country = Field(description="The country the bank is in, such as IS.")
    swift: Bic = Field(description="The BIC (SWIFT code) of the bank.")
    iban: Iban | None = Field(None, description="The IBAN; required without `account_number`.")
    account_number: str | None = Field(
        None,
        validate_default=True,
        description="The account number, in Mexico a CLABE; required without `iban`.",
    )
    nin: Annotated[str, Field(max_length=50), ONE_LINE] | None = Field(
        None, description="The national identification number of the account's owner."
    )
    token: Token | None = Field(
        None, repr=False, description="The token that a bank processor knows the account by."
    )
    meta: _OwnMeta = None

    @field_validator("iban")
    @classmethod
    def _of_the_country(cls, value: str | None, info: ValidationInfo) -> str | None:
        country = info.data.get("country")
        if value and country and bank_fields.iban_country(value) != _iso(country):
            wrong("invalid", "must be of the account's country")
        return value

    @field_validator("account_number")
    @classmethod
    def _of_its_kind(cls, value: str | None, info: ValidationInfo) -> str:
        if value is not None and value.strip():
            country = info.data.get("country")
            return bank_fields.account_number(value, country=country) if country else value
        if "iban" in info.data and not info.data["iban"]:
            wrong("required", "or iban is required")
        return ""

    def details(self) -> NewBankAccount:
        """As the domain knows it; the number of an IBAN's account is a part of it."""
        iban = self.iban or ""
        number = self.account_number or bank_fields.iban_account_number(iban)
        return NewBankAccount(
            country=self.country,
            swift=self.swift,
            iban=iban,
            account_number=number,
            owner_id=self.nin or "",
            token=self.token or "",
        )


def _iso(country: str) -> str:
    return _ISO_COUNTRIES.get(country, country)


class CryptoAddressInput(BaseModel):
    """An address of a crypto currency."""

    address: Annotated[str, Field(min_length=1, max_length=200), ONE_LINE, VISIBLE] = Field(
        description="The address."
    )
    currency: Annotated[str, Field(min_length=1, max_length=20), ONE_LINE, VISIBLE] = Field(
        description="The crypto currency, such as BTC."
    )

    def details(self) -> NewCryptoAddress:
        """As the domain knows it."""
        return NewCryptoAddress(currency=self.currency, address=self.address)


class FundingSourceCreate(BaseModel):
    """A funding source to be added: exactly the object that its type is over."""

    description: Name = Field(description="The title, only visible to the user.")
    type: str = Field(
        description="The name of the type: `card`, `bank_account`, `crypto_address`, or one of the"
        " product's own."
    )
    meta: Meta | None = Field(None, description="Text that the client owns.")
    card: CardInput | None = Field(
        None, validate_default=True, description="The card; for such a type only."
    )
    bank_account: BankAccountInput | None = Field(
        None, validate_default=True, description="The bank account; for such a type only."
    )
    crypto_address: CryptoAddressInput | None = Field(
        None, validate_default=True, description="The crypto address; for such a type only."
    )

    @field_validator("type")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        names = [name for name, base in _bases(info).items() if base in types.CREATABLE]
        if value not in names:
            wrong("unsupported", Message("must be one of {values}", values=", ".join(names)))
        return value

    @field_validator("card", "bank_account", "crypto_address")
    @classmethod
    def _of_its_type(cls, value: BaseModel | None, info: ValidationInfo) -> BaseModel | None:
        if "type" not in info.data:
            return value  # which is wrong by itself
        type_ = info.data["type"]
        is_asked_for = info.field_name == _bases(info)[type_]
        if is_asked_for and value is None:
            wrong("required", Message("is required for the type {type}", type=type_))
        if not is_asked_for and value is not None:
            wrong("unsupported", Message("must be left out for the type {type}", type=type_))
        return value

    def source(self) -> NewSource:
        """As the domain knows it."""
        given = (self.card, self.bank_account, self.crypto_address)
        (details,) = (each.details() for each in given if each is not None)
        metas = (self.meta, *(each.meta for each in (self.card, self.bank_account) if each))
        return NewSource(
            type_name=self.type,
            description=self.description,
            meta=next((each for each in metas if each is not None), ""),
            details=details,
        )


def _unchangeable(value: object) -> None:
    if value is not None:
        wrong("unsupported", "cannot be changed: add another funding source")


_Unchangeable = Annotated[None, PlainValidator(_unchangeable), WithJsonSchema({"type": "null"})]


class CardChange(CardExpiration):
    """What to change of a card."""

    meta: _OwnMeta = None


class FundingSourceUpdate(BaseModel):
    """What to change of a funding source. All but the description stays if left out."""

    description: Name = Field(description="The title, only visible to the user.")
    meta: Meta | None = Field(None, description="Text that the client owns.")
    card: CardChange | None = Field(
        None, description="Until when the card is good; for a card only."
    )
    bank_account: _Unchangeable = Field(None, description="Cannot be changed.")
    crypto_address: _Unchangeable = Field(None, description="Cannot be changed.")

    def change(self) -> Change:
        """As the domain knows it."""
        expiration = self.card.expiration() if self.card else None
        meta = self.card.meta if self.meta is None and self.card else self.meta
        return Change(description=self.description, meta=meta, expiration=expiration)


class FundingSourceCode(BaseModel):
    """The code that proves whose a funding source is."""

    code: str = Field(
        min_length=1, max_length=100, repr=False, description="The code on its statement."
    )
