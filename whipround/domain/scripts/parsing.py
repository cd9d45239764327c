"""JSON, or an object it was read into, as a payment script; all that is wrong named by its place.

Fields that are not known are ignored, as is `comment`, which is for whoever reads the source, and
whatever begins with ".": the server's own bookkeeping is never taken from outside. `null` is what
is not said. `id-base` is the beginning of all ids that are no more than a name.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple, get_args

from whipround.domain.scripts import texts
from whipround.domain.scripts.checking import check_percentages
from whipround.domain.scripts.decoding import decoded
from whipround.domain.scripts.problems import Problems, too_many, within, wrong
from whipround.domain.scripts.recipients import LONGEST, Recipient, is_name, recipient
from whipround.domain.scripts.script import (
    MOST_PARTICIPANTS,
    MOST_PARTS,
    Origin,
    Participant,
    Parts,
    Percent,
    Script,
    ScriptType,
    Share,
)
from whipround.errors import Declined, Message

SCRIPT = "script"
"""What a script is called where it has no place of its own."""

_TYPES: Sequence[ScriptType] = get_args(ScriptType)

_WHOLE_NUMBER = re.compile(r"[0-9]{1,20}", re.ASCII)
_PERCENTAGE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,8})?) ?%", re.ASCII)


class NotUnderstood(Declined):
    """Input is not an username, an email address, an URL or a valid script"""

    code = "not_understood"


def parse(
    given: str | bytes | Mapping[str, object],
    *,
    hosts: Collection[str],
    origin: Origin = "payer",
    place: str = "",
) -> Script:
    """A script as it was written, by whoever is its `origin`; it need not name anybody yet.

    `hosts` are those at which people here have their pages. Raises Invalid naming everything that
    is wrong, in what stands at `place` of something larger.
    """
    value = decoded(given, place=place or SCRIPT) if isinstance(given, str | bytes) else given
    if not isinstance(value, Mapping):
        raise wrong(place or SCRIPT, "invalid", Message("must be an object"))
    return _Reader(hosts, origin, place).script(value)


def parse_data(data: object, *, hosts: Collection[str]) -> Script | Recipient:
    """What the argument `data` of a payment is: a script, or a single recipient or page.

    Raises Invalid, of what is wrong in a script, and NotUnderstood for what is neither.
    """
    if isinstance(data, Mapping):
        return parse(data, hosts=hosts)
    if isinstance(data, str):
        if data.lstrip().startswith("{"):
            return parse(data, hosts=hosts)
        found = recipient(data, hosts=hosts)
        if found is not None:
            return found
    raise NotUnderstood


class _Ids(NamedTuple):
    """How ids are read: whose pages are at which hosts, and what stands before a bare name."""

    hosts: Collection[str]
    base: str


class _Reader:
    """Reads one script."""

    def __init__(self, hosts: Collection[str], origin: Origin, place: str) -> None:
        self._hosts = hosts
        self._origin = origin
        self._place = place
        self._problems = Problems()

    def script(self, value: Mapping[str, object]) -> Script:
        """The script that the object says. Raises Invalid."""
        script = Script(
            participants=self._participants(value),
            type=self._type(value.get("type")),
            url=self._url(value.get("url")),
            title=self._text(value, "title", texts.TITLE),
            description=self._text(value, "description", texts.DESCRIPTION),
            image=self._web_address(value, "image"),
            language=texts.language(
                value.get("language"), place=self._at("language"), problems=self._problems
            ),
            keywords=texts.keywords(
                value.get("keywords"), place=self._at("keywords"), problems=self._problems
            ),
            message=self._text(value, "message", texts.MESSAGE),
            copyright=self._text(value, "copyright", texts.COPYRIGHT),
        )
        check_percentages(script, place=self._at("participants"), problems=self._problems)
        self._problems.refuse()
        return script

    def _at(self, name: str) -> str:
        return within(self._place, name)

    def _text(self, value: Mapping[str, object], name: str, form: texts.Form) -> str | None:
        return texts.text(value.get(name), form, place=self._at(name), problems=self._problems)

    def _web_address(self, value: Mapping[str, object], name: str) -> str | None:
        return texts.web_address(value.get(name), place=self._at(name), problems=self._problems)

    def _type(self, value: object) -> ScriptType | None:
        if value is None:
            return None
        for known in _TYPES:
            if value == known:
                return known
        predicate = Message("must be one of {values}", values=", ".join(_TYPES))
        self._problems.add(self._at("type"), "unsupported", predicate)
        return None

    def _url(self, value: object) -> str | None:
        if value is not None and self._origin != "payer":
            # A script is about the page that has it: it cannot take the payments of another.
            predicate = Message("is not for the script of a page or a domain to say")
            self._problems.add(self._at("url"), "unsupported", predicate)
            return None
        return texts.web_address(value, place=self._at("url"), problems=self._problems)

    def _participants(self, value: Mapping[str, object]) -> tuple[Participant, ...]:
        ids = _Ids(self._hosts, self._web_address(value, "id-base") or "")
        place = self._at("participants")
        given = value.get("participants")
        if given is None:
            return ()
        if not isinstance(given, list):
            self._problems.add(place, "invalid", Message("must be a list"))
            return ()
        if len(given) > MOST_PARTICIPANTS:
            self._problems.add(place, "too_long", too_many(MOST_PARTICIPANTS))
            return ()
        found: dict[tuple[Recipient, str], Participant] = {}
        for position, each in enumerate(given):
            if self._problems.are_many:  # what is no id can take longest to read
                break
            there = f"{place}[{position}]"
            participant = _participant(each, ids, place=there, problems=self._problems)
            if participant is not None and participant.key in found:
                predicate = Message("is there already, in the same role")
                self._problems.add(f"{there}.id", "already_taken", predicate)
            elif participant is not None:
                found[participant.key] = participant
        return tuple(found.values())


def _participant(value: object, ids: _Ids, *, place: str, problems: Problems) -> Participant | None:
    """Somebody who takes part; None where it is not said who."""
    if not isinstance(value, Mapping):
        problems.add(place, "invalid", Message("must be an object"))
        return None
    role, comment = (
        texts.text(value.get(name), form, place=f"{place}.{name}", problems=problems) or ""
        for name, form in (("role", texts.ROLE), ("comment", texts.COMMENT))
    )
    share = _share(value.get("share"), place=f"{place}.share", problems=problems)
    found = _recipient(value.get("id"), ids, place=f"{place}.id", problems=problems)
    return None if found is None else Participant(found, role, share, comment)


def _recipient(value: object, ids: _Ids, *, place: str, problems: Problems) -> Recipient | None:
    if value is None or value == "":
        problems.add(place, "required", Message("is required"))
        return None
    if isinstance(value, str) and len(value) > LONGEST:
        predicate = Message("must have at most {most} characters", most=LONGEST)
        problems.add(place, "too_long", predicate)
        return None
    found = None
    if isinstance(value, str):
        text = ids.base + value.strip() if ids.base and is_name(value) else value
        found = recipient(text, hosts=ids.hosts)
    if found is None:
        predicate = Message("must be a username, an email address, a phone as tel:, or a profile")
        problems.add(place, "invalid", predicate)
    return found


def _share(value: object, *, place: str, problems: Problems) -> Share:
    if value is None:
        return Parts()
    number = value
    if isinstance(value, str):
        percentage = _PERCENTAGE.fullmatch(value.strip())
        if percentage is not None:
            return _percent(Decimal(percentage[1]), place=place, problems=problems)
        if _WHOLE_NUMBER.fullmatch(value.strip()):
            number = int(value)
    if not isinstance(number, int) or isinstance(number, bool):
        predicate = Message("must be a whole number, or a percentage such as 10%")
        problems.add(place, "invalid", predicate)
    elif number <= 0:
        problems.add(place, "too_small", Message("must be greater than {bound}", bound=0))
    elif number > MOST_PARTS:
        problems.add(place, "too_large", Message("must be at most {bound}", bound=MOST_PARTS))
    else:
        return Parts(number)
    return Parts()


def _percent(percent: Decimal, *, place: str, problems: Problems) -> Share:
    if not percent:
        problems.add(place, "too_small", Message("must be greater than {bound}", bound="0%"))
    elif percent > 100:
        problems.add(place, "too_large", Message("must be at most {bound}", bound="100%"))
    else:
        return Percent(percent)
    return Parts()
