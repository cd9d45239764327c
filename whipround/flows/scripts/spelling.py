"""Profiles, told from other addresses and spelled in one way.

Two spellings of a profile's address are the same id. That is said of the form alone, and so before
scripts are merged: it must not depend on who has proven what.
"""

from dataclasses import replace

from whipround.domain.scripts.recipients import Recipient
from whipround.domain.scripts.script import Participant, Script
from whipround.errors import FieldError, Invalid, Message
from whipround.gateways.profiles import profile_of


def spelled(recipient: Recipient) -> Recipient:
    """The recipient, known as a profile if it is the address of one."""
    profile = profile_of(recipient.value) if recipient.kind == "url" else None
    return recipient if profile is None else Recipient("profile", profile.url)


def with_profiles(script: Script, *, place: str = "participants") -> Script:
    """The script with its participants `spelled`.

    `place` is what they are called. Raises Invalid for two who turn out to be one, in one role.
    """
    found: dict[tuple[Recipient, str], Participant] = {}
    wrong: list[FieldError] = []
    for position, participant in enumerate(script.participants):
        each = replace(participant, recipient=spelled(participant.recipient))
        if each.key in found:
            field = f"{place}[{position}].id"
            predicate = Message("is there already, in the same role")
            wrong.append(FieldError.of(field, "already_taken", predicate, called=field))
        found.setdefault(each.key, each)
    if wrong:
        raise Invalid(wrong)
    return replace(script, participants=tuple(found.values()))
