"""Who takes part in a request or a pool, as both show it."""

from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple
from uuid import UUID

ParticipantStatus = Literal["pending", "paid", "settled", "rejected", "cancelled", "invited"]

FIRST_NAMES = 6
"""How many first names go with a request or a pool (Memento, The participation object)."""


class Participant(NamedTuple):
    """Somebody who is asked for money, or puts it in (Memento, The participant object).

    `user_id` is None until somebody proves the address; `full_name` is the one that was given with
    it until then, and `username` empty. `amount` is None of somebody who has only been invited;
    `transaction_id` is None while no payment was made, and for whoever may not see it.
    """

    id: UUID
    user_id: UUID | None
    parent_user_id: UUID | None
    transaction_id: UUID | None
    status: ParticipantStatus
    amount: Decimal | None
    currency: str
    full_name: str
    username: str
    verified: bool
    official: bool
    meta: str
    created_at: datetime
    updated_at: datetime


class Participation(NamedTuple):
    """How many take part, by how they stand, and the first names of the first few.

    `total` counts everybody, those who are cancelled too; what is settled is paid.
    """

    invited: int
    paid: int
    pending: int
    rejected: int
    total: int
    first_names: tuple[str, ...]
