"""The history, as it is answered (Moneypool, "List Payments")."""

from collections.abc import Sequence
from typing import Annotated, TypeAlias

import msgspec

from whipround.api.moneypool.shapes_base import Amount, Shape, Time, decimal_string, local_time
from whipround.api.shapes import doc
from whipround.domain import history
from whipround.domain.history import IncomeType, OutcomeType, Status
from whipround.errors import Message
from whipround.locales import translate

_CREATED_AT: TypeAlias = Annotated[Time, doc("The time when the money came, or went.")]
_PAYMENT_ID: TypeAlias = Annotated[
    int, doc("The id of the payment; all that belongs to one payment has the same.")
]


class Income(Shape):
    """What came into the wallet."""

    amount: Annotated[Amount, doc("What came, in MXN.")]
    created_at: _CREATED_AT
    description: Annotated[
        str,
        doc("What the payment was for; of money that came back it says so: `Returned: Dinner`."),
    ]
    type: Annotated[
        IncomeType,
        doc(
            "`card_to_wallet`: from somebody's card or bank account, or one's own, or cash of one's"
            " own; `user_to_wallet`: from somebody's wallet, or money that came back;"
            " `pool_to_wallet`: a pool was paid out."
        ),
    ]
    party: Annotated[
        str,
        doc(
            "The name of who has paid, or the title of the pool; of money that came back, whom it"
            " had been sent to."
        ),
    ]
    payment_id: _PAYMENT_ID


class Outcome(Shape):
    """What was paid."""

    amount: Annotated[Amount, doc("What was paid, in MXN, without the fee.")]
    created_at: _CREATED_AT
    description: Annotated[
        str,
        doc("What the payment is for; of money that one gave back it says so: `Refund: Lunch`."),
    ]
    type: Annotated[
        OutcomeType,
        doc(
            "From a card or a bank account, to somebody (`card_to_user`) or into a pool"
            " (`card_to_pool`); `cash_to_pool`: paid at a shop; from the wallet, to one's own bank"
            " account (`wallet_to_account`), to somebody (`wallet_to_user`, what one gives back"
            " included) or into a pool (`wallet_to_pool`)."
        ),
    ]
    party: Annotated[
        str,
        doc(
            "The name of who was paid, or the email while nobody has proven it; the title of the"
            " pool, or of the script by which many were paid at once; the bank, or one's own name"
            " if that is not known."
        ),
    ]
    payment_id: _PAYMENT_ID
    fee: Annotated[Amount, doc("What was paid on top, in MXN.")]
    refunded: Annotated[
        Amount,
        doc(
            "How much of the whole payment its recipients have given back, in MXN. What went back"
            " to a card shows here only."
        ),
    ]
    status: Annotated[
        Status,
        doc(
            "`paid`; `waiting` for somebody to prove the email, of many at once for the last of"
            " them, or, where it is only pledged, to be claimed; `pending` while a bank has not"
            " decided; `returned`: it came back, which is an income of its own."
        ),
    ]


class Movement(Shape):
    """Either an `income` or an `outcome`."""

    outcome: Annotated[Outcome | msgspec.UnsetType, doc("What was paid.")] = msgspec.UNSET
    income: Annotated[Income | msgspec.UnsetType, doc("What came in.")] = msgspec.UNSET


class History(Shape):
    """What came and what went."""

    history: Annotated[list[Movement], doc("What came and what went, newest first.")]


def listed(found: Sequence[history.Income | history.Outcome], *, language: str) -> History:
    """A page of a history, for a reader of the language."""
    return History([_movement(each, language) for each in found])


def _movement(found: history.Income | history.Outcome, language: str) -> Movement:
    if isinstance(found, history.Income):
        return Movement(income=_income(found, language))
    return Movement(outcome=_outcome(found, language))


def _income(found: history.Income, language: str) -> Income:
    return Income(
        amount=decimal_string(found.amount),
        created_at=local_time(found.happened_at),
        description=_words(found.description, language),
        type=found.type,
        party=found.party,
        payment_id=found.number,
    )


def _outcome(found: history.Outcome, language: str) -> Outcome:
    return Outcome(
        amount=decimal_string(found.amount),
        created_at=local_time(found.happened_at),
        description=_words(found.description, language),
        type=found.type,
        party=found.party,
        payment_id=found.number,
        fee=decimal_string(found.fee),
        refunded=decimal_string(found.refunded),
        status=found.status,
    )


def _words(description: str, language: str) -> str:
    """Our words in the reader's language; those of a person as they are."""
    return translate(description, language) if isinstance(description, Message) else description
