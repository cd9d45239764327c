"""What a movement shows, from the row of its entry."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from whipround.domain.history import crowds
from whipround.domain.history.crowds import Shares
from whipround.domain.history.movements import Income, IncomeType, Outcome, OutcomeType, Status
from whipround.errors import Message
from whipround.money import EXACT


def is_own_crowd(row: Mapping[str, Any]) -> bool:
    """Whether it is a crowd payment of the person's own, as it left or as it came back."""
    return row["crowd_id"] is not None and (row["moved"] < 0 or row["step"] == "unpledge")


def party_id(row: Mapping[str, Any]) -> UUID | None:
    """The id of who is on the other side: a user, a pool, an address or a bank account.

    None of a crowd payment of one's own, on whose other side may be many.
    """
    if is_own_crowd(row):
        return None
    is_out = row["moved"] < 0
    if row["transaction_kind"] == "refund":
        found = row["in_user_id"] if is_out else row["out_user_id"]
    elif row["pool_id"] is not None:
        found = row["pool_id"]
    elif row["kind"] == "withdrawal":
        found = row["in_funding_source_id"]
    elif is_out or not _is_received(row):
        found = row["recipient_user_id"] or row["recipient_payee_id"]
    else:
        found = row["owner_id"]
    return UUID(str(found))


def shown(
    row: Mapping[str, Any], names: Mapping[UUID, str], shares: Mapping[UUID, Shares]
) -> Income | Outcome:
    """The movement. `names` has all parties, `shares` those of the person's crowd payments.

    What is only pledged has no shares.
    """
    other = party_id(row)
    if other is not None:
        return _outcome(row, names[other]) if row["moved"] < 0 else _income(row, names[other])
    of_crowd = shares.get(row["crowd_id"], crowds.NONE)
    party = crowds.party(row, of_crowd)
    return _income(row, party) if row["moved"] > 0 else _to_crowd(row, party, of_crowd)


def _is_received(row: Mapping[str, Any]) -> bool:
    """Whether it is money that was meant to come here, and not money that came back."""
    if row["crowd_id"] is not None:
        return bool(row["step"] == "crowd")
    return row["transaction_kind"] == "payment" and row["step"] in {"payment", "settle"}


def _income(row: Mapping[str, Any], party: str) -> Income:
    received, description = _is_received(row), row["description"]
    return Income(
        type=_income_type(row),
        amount=_income_amount(row),
        happened_at=row["posted_at"],
        description=description if received else _returned(description),
        party=party,
        number=_number(row),
    )


def _number(row: Mapping[str, Any]) -> int:
    """Of a share that of its crowd payment: all that belongs to one payment has the same."""
    return int(row["crowd_number"] or row["number"])


def _to_crowd(row: Mapping[str, Any], party: str, shares: Shares) -> Outcome:
    """All of a crowd payment, whoever gets it."""
    return Outcome(
        type="wallet_to_user",
        amount=EXACT.subtract(-row["moved"], row["fee"]),
        fee=Decimal(row["fee"]),
        refunded=shares.refunded,
        status=crowds.status(row, shares),
        happened_at=row["posted_at"],
        description=row["about"] or row["description"],
        party=party,
        number=_number(row),
    )


def _income_type(row: Mapping[str, Any]) -> IncomeType:
    if row["transaction_kind"] == "payment" and row["kind"] == "top_up":
        return "card_to_wallet"
    if not _is_received(row) or row["crowd_id"] is not None:
        return "user_to_wallet"
    if row["kind"] == "payout":
        return "pool_to_wallet"
    from_wallet = row["is_wallet_part"] or row["paid_with"] == "virtual"
    return "user_to_wallet" if from_wallet else "card_to_wallet"


def _income_amount(row: Mapping[str, Any]) -> Decimal:
    amount, by_wallet = Decimal(row["moved"]), row["wallet_amount"]
    if by_wallet is None or not _is_received(row):
        return amount
    return Decimal(by_wallet) if row["is_wallet_part"] else EXACT.subtract(amount, by_wallet)


def _outcome(row: Mapping[str, Any], party: str) -> Outcome:
    is_refund = row["transaction_kind"] == "refund"
    fee, description = _fee(row), row["description"]
    return Outcome(
        type=_outcome_type(row),
        amount=EXACT.subtract(-row["moved"], fee),
        fee=fee,
        refunded=Decimal(0) if is_refund else row["refunded"],
        status=_status(row, is_refund=is_refund),
        happened_at=row["posted_at"],
        description=_refund(description) if is_refund else description,
        party=party,
        number=_number(row),
    )


def _status(row: Mapping[str, Any], *, is_refund: bool) -> Status:
    if row["status"] == "approved":
        return "paid"
    if row["status"] != "active":
        return "returned"
    return "waiting" if row["has_waited"] and not is_refund else "pending"


def _fee(row: Mapping[str, Any]) -> Decimal:
    """What of the movement is a fee: of a payment that two sources bear, the one's own."""
    if row["transaction_kind"] == "refund":
        return Decimal(0)
    if row["wallet_fee"] is None:
        return Decimal(row["fee"])
    by_wallet = Decimal(row["wallet_fee"])
    return by_wallet if row["is_wallet"] else EXACT.subtract(row["fee"], by_wallet)


def _outcome_type(row: Mapping[str, Any]) -> OutcomeType:
    if not row["is_wallet"]:
        if row["kind"] != "contribution":
            return "card_to_user"
        return "cash_to_pool" if row["type"] == "cash" else "card_to_pool"
    # A top-up that is given back goes to the card or the bank account that it came from.
    own = "top_up" if row["transaction_kind"] == "refund" else "withdrawal"
    if row["kind"] == own:
        return "wallet_to_account"
    return "wallet_to_pool" if row["kind"] == "contribution" else "wallet_to_user"


def _returned(description: str) -> Message:
    if not description:
        return Message("Returned")
    return Message("Returned: {what}", what=description)


def _refund(description: str) -> Message:
    if not description:
        return Message("Refund")
    return Message("Refund: {what}", what=description)
