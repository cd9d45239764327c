"""A script as answers show it: as it could be sent again, or with all that the server adds."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from whipround.domain.scripts.recipients import written
from whipround.domain.scripts.script import Participant, Parts, Script, ScriptType, Share
from whipround.domain.scripts.splitting import Division, Portion
from whipround.money import EXACT

PAYMENT: ScriptType = "payment"
"""What a script is that does not say."""


class Known(NamedTuple):
    """What is known of a participant who was found: the name, and the digest of a picture."""

    name: str | None = None
    gravatar: str | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What belongs to a payment beside its script; `script_types` are where that came from.

    The `currency` is what it is to be in where there is no amount yet; where there is one, `fee` is
    what the product takes on top.
    """

    is_invoiced: bool = False
    referrer: str | None = None
    script_types: Sequence[str] = ()
    favicon: str | None = None
    logo: str | None = None
    currency: str | None = None
    fee: Decimal | None = None


def plain(script: Script, *, people: str) -> dict[str, object]:
    """The script as it could be sent again; `people` is what a username follows (`written`).

    What it does not say is left out, but for `type`. The order of the fields is that of the
    documents.
    """
    fields: dict[str, object] = {
        "image": script.image,
        "url": script.url,
        "language": script.language,
        "title": script.title,
        "description": script.description,
        "copyright": script.copyright,
    }
    return {
        **{name: value for name, value in fields.items() if value is not None},
        "participants": [_participant(each, people) for each in script.participants],
        **({"keywords": list(script.keywords)} if script.keywords else {}),
        **({"message": script.message} if script.message is not None else {}),
        "type": script.type or PAYMENT,
    }


def annotated(
    script: Script,
    division: Division,
    *,
    people: str,
    known: Sequence[Known],
    circumstances: Circumstances,
) -> dict[str, object]:
    """The script with the server's own fields: what everybody gets, and how that came about.

    `division` is one of this script, and `known` are its participants, in their order. Amounts are
    decimal strings, but for that of the whole and its fee, which are numbers.
    """
    money, fee = division.money, circumstances.fee
    return {
        **plain(script, people=people),
        "participants": [
            {**_participant(portion.participant, people), **_portion(portion, who)}
            for portion, who in zip(division.portions, known, strict=True)
        ],
        ".script-type": list(circumstances.script_types),
        ".amount": None if money is None else Decimal(decimal_text(money.amount)),
        ".fee": None if fee is None else Decimal(decimal_text(fee)),
        ".currency": circumstances.currency if money is None else money.currency,
        ".invoiced": circumstances.is_invoiced,
        ".referrer": circumstances.referrer,
        ".favicon": circumstances.favicon,
        ".logo": circumstances.logo,
    }


def share_text(share: Share) -> str:
    """A share as a script says it: `24`, or `2.5%`."""
    return str(share.count) if isinstance(share, Parts) else f"{decimal_text(share.percent)}%"


def decimal_text(value: Decimal) -> str:
    """A decimal without zeros at its end: `100`, `0.01`."""
    return f"{value.normalize(EXACT):f}"


def _participant(participant: Participant, people: str) -> dict[str, object]:
    share = participant.share
    described: dict[str, object] = {
        "id": written(participant.recipient, people=people),
        "role": participant.role,
        "share": share.count if isinstance(share, Parts) else share_text(share),
    }
    if participant.comment:
        described["comment"] = participant.comment
    return described


def _portion(portion: Portion, who: Known) -> dict[str, object]:
    basis = portion.basis
    derivation = {
        "by": basis.by,
        "share": decimal_text(basis.share),
        "of": decimal_text(basis.of),
        "percent": decimal_text(basis.percent),
    }
    fields: dict[str, object] = {".x-id": who.name}
    if portion.amount is not None and portion.remainder is not None:
        fields[".amount"] = decimal_text(portion.amount)
        derivation["remainder"] = decimal_text(portion.remainder)
    return {
        **fields,
        ".percentage": decimal_text(portion.percentage),
        ".gravatar": who.gravatar,
        ".derivation": derivation,
    }
