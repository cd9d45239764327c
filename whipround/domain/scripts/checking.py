"""What has to hold of a script as a whole, however it came about."""

from collections.abc import Iterable
from decimal import Decimal

from whipround.domain.scripts.problems import Problems, too_many
from whipround.domain.scripts.script import (
    MOST_PARTICIPANTS,
    Participant,
    Parts,
    Percent,
    Script,
)
from whipround.errors import Message
from whipround.money import EXACT

PARTICIPANTS = "participants"

ALL = Decimal(100)


def percent_of(participants: Iterable[Participant]) -> Decimal:
    """What the percentages come to that are taken off first."""
    total = Decimal(0)
    for each in participants:
        if isinstance(each.share, Percent):
            total = EXACT.add(total, each.share.percent)
    return total


def check_percentages(script: Script, *, place: str, problems: Problems) -> None:
    """Note it if there are percentages of more than the whole."""
    percent = percent_of(script.participants)
    if percent > ALL:
        message = Message(
            "have shares of {percent}% in all: more than 100%", percent=f"{percent:f}"
        )
        problems.add(place, "too_large", message)


def check_whole(script: Script) -> None:
    """Raise Invalid unless a payment can be divided by the script, to the last of it.

    Somebody must take part, at most MOST_PARTICIPANTS. Percentages come to 100 where nobody has a
    whole number for a share, and to less where somebody has one: nothing may be left that is
    nobody's, and nobody may be left with nothing.
    """
    problems = Problems()
    count = len(script.participants)
    if not count:
        problems.add(PARTICIPANTS, "required", Message("must not be empty"))
    elif count > MOST_PARTICIPANTS:
        problems.add(PARTICIPANTS, "too_long", too_many(MOST_PARTICIPANTS))
    check_percentages(script, place=PARTICIPANTS, problems=problems)
    problems.refuse()
    percent = percent_of(script.participants)
    has_parts = any(isinstance(each.share, Parts) for each in script.participants)
    if has_parts and percent == ALL:
        message = Message("have shares of 100% and others, for which nothing is left")
        problems.add(PARTICIPANTS, "invalid", message)
    elif not has_parts and percent < ALL:
        message = Message(
            "have shares of {percent}% in all: the rest is nobody's", percent=f"{percent:f}"
        )
        problems.add(PARTICIPANTS, "too_small", message)
    problems.refuse()
