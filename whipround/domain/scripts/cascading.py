"""Several scripts that are about one page, as one (later revisions, "Payment scripts").

The domain's come first, of every pattern that the page matches, then that of the page; what the
page says elsewhere fills what is missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from whipround.domain.scripts.checking import check_whole
from whipround.domain.scripts.recipients import Recipient
from whipround.domain.scripts.script import MOST_PARTICIPANTS, Participant, Percent, Script

_Key = tuple[Recipient, str]

_PARTICIPANTS = "participants"


def cascade(
    *, domain: Sequence[Script] = (), page: Script | None = None, elsewhere: Script | None = None
) -> Script:
    """The script that these come to.

    What a later one says counts over what an earlier one does. Participants are only ever added: of
    who is there already in the same role the later share counts, but the page cannot lower a
    percentage that the domain gives. `elsewhere` is what the page says without a script; it has no
    participants.

    Raises Invalid if a payment cannot be divided by what they come to.
    """
    merged = Script()
    for each in domain:
        merged = _over(merged, each)
        if len(merged.participants) > MOST_PARTICIPANTS:  # nothing takes any away
            break
    given = {
        each.key: each.share for each in merged.participants if isinstance(each.share, Percent)
    }
    if page is not None:
        merged = _over(merged, page, given=given)
    if elsewhere is not None:
        merged = _over(replace(elsewhere, participants=()), merged)
    check_whole(merged)
    return merged


_NOTHING_GIVEN: Mapping[_Key, Percent] = {}


def _over(
    earlier: Script, later: Script, *, given: Mapping[_Key, Percent] = _NOTHING_GIVEN
) -> Script:
    """What `later` says, and what `earlier` does where it is silent.

    Nobody gets less than the percentage that they were `given`.
    """
    said: dict[str, Any] = {
        field.name: value
        for field in fields(later)
        if field.name != _PARTICIPANTS and (value := getattr(later, field.name))
    }
    participants = {each.key: each for each in earlier.participants}
    for each in later.participants:
        there = participants.get(each.key)
        participants[each.key] = each if there is None else _again(there, each, given.get(each.key))
    return replace(earlier, participants=tuple(participants.values()), **said)


def _again(earlier: Participant, later: Participant, least: Percent | None) -> Participant:
    """Who takes part already, with what is said of them later."""
    share = later.share
    if least is not None and not (isinstance(share, Percent) and share.percent >= least.percent):
        share = least
    return replace(earlier, share=share, comment=later.comment or earlier.comment)
