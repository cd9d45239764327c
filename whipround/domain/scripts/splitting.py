"""What each participant of a script gets of a payment, exactly, and how that came about."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from whipround.domain.scripts.checking import ALL, PARTICIPANTS, percent_of
from whipround.domain.scripts.script import Participant, Parts, Script
from whipround.errors import Invalid
from whipround.money import EXACT, SCALE, Money, split


@dataclass(frozen=True, slots=True)
class Basis:
    """How a portion came about: so much `of` a total, of `percent` of the whole.

    By `percent`, it is 10 of 100, of 100 percent, say; by `parts`, 24 of 35, of the 90 percent that
    the percentages left.
    """

    by: Literal["percent", "parts"]
    share: Decimal
    of: Decimal
    percent: Decimal


@dataclass(frozen=True, slots=True)
class Portion:
    """What a participant gets.

    `percentage` and `amount` have 8 decimals; `remainder` is what the amount has beyond what the
    basis comes to when it is cut down to these: nothing, or one unit of the last decimal. Amount
    and remainder are None where no amount was divided.
    """

    participant: Participant
    percentage: Decimal
    basis: Basis
    amount: Decimal | None = None
    remainder: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Division:
    """A payment by a script: the portions, in the order of its participants.

    Their percentages sum to 100, and their amounts to what is divided, if anything is.
    """

    portions: tuple[Portion, ...]
    money: Money | None = None


def divide(script: Script, money: Money | None = None) -> Division:
    """What everybody gets of `money`, or of whatever is paid.

    Percentages are taken off first, and whole numbers divide the rest; where nobody has one, what
    percentages of less than 100 leave (`without`) goes to those who have them, in proportion. What
    is cut off below the eighth decimal is given to those who lost most by it, ties to the earlier.

    Raises Invalid for nobody to pay, and for an amount of which somebody would get nothing.
    """
    participants = script.participants
    if not participants:
        raise _nobody()
    bases = _bases(participants)
    weights = _weights(bases)
    portions = [
        Portion(participant, percentage, basis)
        for participant, percentage, basis in zip(
            participants, split(ALL, weights), bases, strict=True
        )
    ]
    if money is None:
        return Division(tuple(portions))
    amounts = split(money.amount, weights)
    if not all(amounts):
        raise Invalid.field(
            "amount", "too_small", "Amount is too small to be divided among all recipients"
        )
    remainders = _remainders(money.amount, weights, amounts)
    return Division(
        tuple(
            replace(portion, amount=amount, remainder=remainder)
            for portion, amount, remainder in zip(portions, amounts, remainders, strict=True)
        ),
        money,
    )


def without(script: Script, positions: Collection[int]) -> Script:
    """The script without the participants at `positions`, whose shares go to all others.

    Percentages stay what they are while somebody is left with a whole number for a share. Raises
    Invalid if nobody is left.
    """
    left = set(positions)
    remaining = tuple(each for at, each in enumerate(script.participants) if at not in left)
    if not remaining:
        raise _nobody()
    return replace(script, participants=remaining)


def _nobody() -> Invalid:
    return Invalid.field(PARTICIPANTS, "invalid", "There is nobody who can be paid")


def _bases(participants: Sequence[Participant]) -> list[Basis]:
    percent = percent_of(participants)
    parts = sum(each.share.count for each in participants if isinstance(each.share, Parts))
    rest = EXACT.subtract(ALL, percent)
    return [
        Basis("parts", Decimal(each.share.count), Decimal(parts), rest)
        if isinstance(each.share, Parts)
        else Basis("percent", each.share.percent, ALL if parts else percent, ALL)
        for each in participants
    ]


def _weights(bases: Sequence[Basis]) -> list[Decimal]:
    """Whole numbers in the same proportion as the portions, so that nothing is rounded here."""
    parts = next((int(basis.of) for basis in bases if basis.by == "parts"), 1)
    return [
        Decimal(_units(basis.percent) * int(basis.share))
        if basis.by == "parts"
        else Decimal(_units(basis.share) * parts)
        for basis in bases
    ]


def _units(percent: Decimal) -> int:
    return int(EXACT.scaleb(percent, SCALE))


def _remainders(
    total: Decimal, weights: Sequence[Decimal], amounts: Sequence[Decimal]
) -> list[Decimal]:
    """What each amount has beyond its proportion of the total, cut down."""
    whole = sum(map(int, weights))
    units = _units(total)
    return [
        EXACT.subtract(amount, EXACT.scaleb(Decimal(units * int(weight) // whole), -SCALE))
        for weight, amount in zip(weights, amounts, strict=True)
    ]
