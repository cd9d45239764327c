"""A domain's own scripts, for those of its pages that match a pattern (`/participation.txt`)."""

from collections.abc import Collection, Mapping
from typing import NamedTuple
from urllib.parse import unquote

from whipround.domain.scripts import addresses
from whipround.domain.scripts.decoding import decoded
from whipround.domain.scripts.parsing import parse
from whipround.domain.scripts.problems import Problems, too_many, within, wrong
from whipround.domain.scripts.script import Script
from whipround.errors import Message

MOST_RULES = 1_000
LONGEST_PATTERN = addresses.LONGEST

MOST_NAMED = 5_000
"""How many participants all the rules for a page may have: to read one takes a tenth of a
millisecond, and a MiB has room for tens of thousands."""

_PARTICIPANTS = "participants"
_PATTERN = "url-pattern"
_SCRIPT = "script"


class Rule(NamedTuple):
    """A pattern and the script for pages that match it, not yet looked into; `place` names it."""

    pattern: str
    script: Mapping[str, object]
    place: str


def parse_rules(text: str | bytes, *, place: str = "") -> list[Rule]:
    """The rules of a domain, in their order, from a JSON list of `{"url-pattern", "script"}`.

    Raises Invalid naming everything that is wrong, but for the scripts: whoever pays for one page
    is not stopped by what is wrong with that of another.
    """
    found = decoded(text, place=place or "participation")
    if not isinstance(found, list):
        raise wrong(place or "participation", "invalid", Message("must be a list"))
    if len(found) > MOST_RULES:
        raise wrong(place or "participation", "too_long", too_many(MOST_RULES))
    problems = Problems()
    rules = [_rule(each, f"{place}[{at}]", problems) for at, each in enumerate(found)]
    problems.refuse()
    return rules


def scripts_for(
    address: str, text: str | bytes, *, hosts: Collection[str], place: str = ""
) -> list[Script]:
    """The scripts that a domain has for the page at `address`, which is in its normal form.

    In the order of the rules that match. Raises Invalid naming everything that is wrong with these
    scripts, or with the rules; and for more participants than anybody has, in whatever roles.
    """
    matching = [rule for rule in parse_rules(text, place=place) if matches(rule.pattern, address)]
    count = sum(_count(rule.script.get(_PARTICIPANTS)) for rule in matching)
    if count > MOST_NAMED:
        raise wrong(within(place, _PARTICIPANTS), "too_long", too_many(MOST_NAMED))
    return [
        parse(rule.script, hosts=hosts, origin="domain", place=within(rule.place, _SCRIPT))
        for rule in matching
    ]


def _count(participants: object) -> int:
    return len(participants) if isinstance(participants, list) else 0


def matches(pattern: str, address: str) -> bool:
    r"""Whether the path and query of an address, in its normal form, are as the pattern says.

    `*` stands for anything or nothing, `\*` for a star; all else for itself, however it is escaped.
    A pattern without a question mark is about paths: whatever query follows does not take a page
    out of the domain's hands.
    """
    pieces = [unquote(piece) for piece in _between_wildcards(pattern)]
    _, path, query, _ = addresses.pieces(address)
    if _fits(pieces, unquote(f"{path}?{query}" if query else path)):
        return True
    return bool(query) and "?" not in pattern and _fits(pieces, unquote(path))


def _rule(value: object, place: str, problems: Problems) -> Rule:
    rule = value if isinstance(value, Mapping) else {}
    if rule is not value:
        problems.add(place, "invalid", Message("must be an object"))
        return Rule("", {}, place)
    pattern, script = rule.get(_PATTERN), rule.get(_SCRIPT)
    at_pattern, at_script = within(place, _PATTERN), within(place, _SCRIPT)
    if pattern is None:
        problems.add(at_pattern, "required", Message("is required"))
    elif not isinstance(pattern, str):
        problems.add(at_pattern, "invalid", Message("must be a string"))
    elif len(pattern) > LONGEST_PATTERN:
        predicate = Message("must have at most {most} characters", most=LONGEST_PATTERN)
        problems.add(at_pattern, "too_long", predicate)
    elif not pattern.startswith(("/", "*")):
        # It could never match, and a domain would not get what it believes it asks for.
        problems.add(at_pattern, "invalid", Message("must begin with / or *"))
    if script is None:
        problems.add(at_script, "required", Message("is required"))
    elif not isinstance(script, Mapping):
        problems.add(at_script, "invalid", Message("must be an object"))
    return Rule(
        pattern if isinstance(pattern, str) else "",
        script if isinstance(script, Mapping) else {},
        place,
    )


def _between_wildcards(pattern: str) -> list[str]:
    r"""What stands before, between and after the wildcards, with `\*` as the star it means."""
    pieces = [""]
    rest = pattern
    while rest:
        before, star, rest = rest.partition("*")
        if star and before.endswith("\\"):
            # Escaped, so that undoing escapes leaves it as it is.
            pieces[-1] += before[:-1] + "%2A"
        else:
            pieces[-1] += before
            if star:
                pieces.append("")
    return pieces


def _fits(pieces: list[str], text: str) -> bool:
    """Whether the text begins and ends with the first and last of `pieces`, with the others between
    them, in order. Each is sought once, so it takes no longer than reading both."""
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return text == first
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in pieces[1:-1]:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
