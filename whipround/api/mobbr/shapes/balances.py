"""Balances and what is known of currencies, as they are answered."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, TypeAlias

from babel.numbers import get_currency_name

from whipround.api.mobbr.shapes_base import (
    Amount,
    Shape,
    Time,
    decimal_string,
    optional_utc_time,
)
from whipround.api.shapes import doc
from whipround.domain.balances import Held, Holdings
from whipround.money import known_locale

_Code: TypeAlias = Annotated[str, doc("The currency, by ISO 4217.")]
_Name: TypeAlias = Annotated[str, doc("What the currency is called in the reader's language.")]


class Balance(Shape):
    """What the wallet holds of a currency."""

    updatedatetime: Annotated[
        Time | None, doc("The time when it last changed; null if there never was any.")
    ]
    amount: Annotated[Amount, doc("What there is.")]
    fee: Annotated[Amount, doc("What it costs, on top, to pay all that is spendable at once.")]
    spendable: Annotated[Amount, doc("The most that can be paid at once.")]
    currency_iso: _Code
    exchange_rate: Annotated[
        str | None, doc("What one is worth in the currency of the total; null if not known now.")
    ]
    converted_amount: Annotated[
        Amount | None, doc("What all of it is worth there; null if not known now.")
    ]
    currency_description: _Name


class Balances(Shape):
    """What the wallet holds."""

    balances: Annotated[
        list[Balance], doc("One for each currency that payments are made in, and of any other.")
    ]
    total_amount: Annotated[
        Amount | None, doc("What all of it is worth; null as long as not all rates are known.")
    ]
    total_currency_iso: Annotated[str, doc("The currency of the total, by ISO 4217.")]


class Currency(Shape):
    """A currency."""

    currency_iso: _Code
    currency_description: _Name
    exchange_rate: Annotated[
        str | None, doc("What one is worth in the base currency; null if not known now.")
    ]


def balances(found: Holdings, *, language: str) -> Balances:
    """What a wallet holds, for a reader of the language."""
    return Balances(
        balances=[_balance(each, language) for each in found.held],
        total_amount=_optional(found.total),
        total_currency_iso=found.currency,
    )


def _balance(found: Held, language: str) -> Balance:
    return Balance(
        updatedatetime=optional_utc_time(found.updated_at),
        amount=decimal_string(found.amount),
        fee=decimal_string(found.fee),
        spendable=decimal_string(found.spendable),
        currency_iso=found.currency,
        exchange_rate=_rate(found.rate),
        converted_amount=_optional(found.converted),
        currency_description=_name(found.currency, language),
    )


def currencies(worth: Mapping[str, Decimal | None], *, language: str) -> list[Currency]:
    """Currencies, each with what one of it is worth, for a reader of the language."""
    return [Currency(code, _name(code, language), _rate(rate)) for code, rate in worth.items()]


def _optional(amount: Decimal | None) -> str | None:
    return None if amount is None else decimal_string(amount)


def _rate(rate: Decimal | None) -> str | None:
    """A rate with all its digits: some are worth too little for 8 decimals."""
    return None if rate is None else f"{rate:f}"


def _name(code: str, language: str) -> str:
    return str(get_currency_name(code, locale=known_locale(language)))
