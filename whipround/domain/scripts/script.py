"""What a payment script says, as values (later revisions, "Payment scripts")."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from whipround.domain.scripts.recipients import Recipient

MOST_PARTICIPANTS = 1_000
MOST_PARTS = 10**9
"""The largest share that is a whole number; a count of commits is far below."""

ScriptType = Literal["payment", "pledge", "pay", "donation"]
"""`pay` and `donation` are what answers call a payment; who sends an answer back may say so too."""

Origin = Literal["payer", "page", "domain"]
"""Who wrote a script: somebody who pays, a page that is paid for, or `/participation.txt`."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A share relative to others: so many parts of what the percentages leave."""

    count: int = 1


@dataclass(frozen=True, slots=True)
class Percent:
    """A share of the whole: above 0, at most 100, of at most 8 decimals."""

    percent: Decimal


Share = Parts | Percent


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody to be paid, in one role."""

    recipient: Recipient
    role: str = ""
    share: Share = Parts()
    comment: str = ""

    @property
    def key(self) -> tuple[Recipient, str]:
        """What there is one of in a script: a recipient in a role, however that is capitalised."""
        return self.recipient, self.role.casefold()


@dataclass(frozen=True, slots=True)
class Script:
    """A payment script. What it does not say is None or empty."""

    participants: tuple[Participant, ...] = ()
    type: ScriptType | None = None
    url: str | None = None
    title: str | None = None
    description: str | None = None
    image: str | None = None
    language: str | None = None
    keywords: tuple[str, ...] = ()
    message: str | None = None
    copyright: str | None = None

    @property
    def is_pledge(self) -> bool:
        """Whether payments by it are held, rather than made at once."""
        return self.type == "pledge"
