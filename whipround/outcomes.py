"""What an outside party says of money that it was asked to move."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Outcome:
    """The word of a processor on one operation.

    `pending` is decided later. A payout that is `declined` after it was `approved` has come back.
    `error_code` says why something was declined, in words of ours such as "card_declined"; the
    codes are the processor's references. `processed_at` is UTC.
    """

    status: Literal["approved", "declined", "pending"]
    error_code: str = ""
    authorization_code: str = ""
    reference_code: str = ""
    tracking_code: str = ""
    processed_at: datetime | None = None
