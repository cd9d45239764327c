"""What must hold of a pool's terms, whether it is made or changed."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from whipround.domain.pools.options import NewOption
from whipround.errors import FieldError, Invalid, Message
from whipround.money import digits, fits_currency


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Between what and when a pool takes money; amounts in its currency, times in UTC.

    The amounts of options are as they are: the minimum and the maximum are for those that people
    choose themselves.
    """

    currency: str
    minimum_user_amount: Decimal | None
    maximum_user_amount: Decimal | None
    options: Sequence[NewOption]
    start_at: datetime | None
    end_at: datetime | None


def check(terms: Terms, *, named: Collection[str] | None = None, now: datetime) -> None:
    """Raise Invalid naming every field that is wrong.

    `named` are the fields that a change names, which are at fault where two disagree; None for all.
    """
    errors = [*_amounts(terms, named), *_times(terms, named, now)]
    if errors:
        raise Invalid(errors)


def _amounts(terms: Terms, named: Collection[str] | None) -> Iterator[FieldError]:
    least, most = terms.minimum_user_amount, terms.maximum_user_amount
    amounts = {
        "minimum_user_amount": least,
        "maximum_user_amount": most,
        **{f"contribution_options[{n}].amount": it.amount for n, it in enumerate(terms.options)},
    }
    for field, amount in amounts.items():
        if amount is not None and not fits_currency(amount, terms.currency):
            allowed = digits(terms.currency)
            yield FieldError(
                field,
                "too_precise",
                Message("Must have at most {decimals} decimals", decimals=allowed),
            )
    if least is not None and most is not None and least > most:
        if named is None or "maximum_user_amount" in named:
            yield FieldError("maximum_user_amount", "too_small", "Must be no less than the minimum")
        else:
            yield FieldError("minimum_user_amount", "too_large", "Must be no more than the maximum")


def _times(terms: Terms, named: Collection[str] | None, now: datetime) -> Iterator[FieldError]:
    if terms.end_at is None:
        return
    if terms.end_at <= now:
        yield FieldError("end_at", "invalid", "Must be in the future")
    elif terms.start_at is not None and terms.end_at <= terms.start_at:
        if named is None or "end_at" in named:
            yield FieldError("end_at", "invalid", "Must be after the start")
        else:
            yield FieldError("start_at", "invalid", "Must be before the end")
