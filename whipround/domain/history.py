"""What came to a person and what left them in one currency, as the books have it.

Each movement of the person's own accounts is one: of the wallet all of them, of cards, bank
accounts and cash what they have paid to others. What was set aside and came back as if nothing had
been, as where a card or a bank declines, is none. So a history always explains the wallet it is of:
all that came in less all that went out, fees included, is what is there (but for what a sandbox has
granted).

Every account is walked in the order of its entries, no further than a page reaches: neither other
currencies nor other people's payments are read.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from psycopg.rows import dict_row

from whipround.db.database import Tx
from whipround.db.listing import Page
from whipround.errors import Message
from whipround.money import EXACT

IncomeType = Literal["card_to_wallet", "user_to_wallet", "pool_to_wallet"]
OutcomeType = Literal[
    "card_to_user",
    "card_to_pool",
    "cash_to_pool",
    "wallet_to_account",
    "wallet_to_user",
    "wallet_to_pool",
]

Status = Literal["paid", "waiting", "pending", "returned"]
"""How far what was paid has come: to where it was to go; to an address that nobody has proven; not
yet, as a card or a bank has the last word; back again, all of it."""


@dataclass(frozen=True, slots=True)
class Income:
    """What came into the wallet: `amount`, all of it, whatever it was called before.

    `party` is who it is from, a person's name or a pool's title; of what came back, who it had been
    sent to. `number` is that of the payment.
    """

    type: IncomeType
    amount: Decimal
    happened_at: datetime
    description: str | Message
    party: str
    number: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was paid: `amount`, and the `fee` on top of it.

    `party` is who it went to: a person's name, the address while nobody has proven it, a pool's
    title, what the owner of a bank account calls the bank (their own name, if they do not).
    `refunded` is how much of the whole payment its recipient has given back so far, to wherever it
    was paid from. `number` is that of the payment.
    """

    type: OutcomeType
    amount: Decimal
    fee: Decimal
    refunded: Decimal
    status: Status
    happened_at: datetime
    description: str | Message
    party: str
    number: int


# Accounts that nothing has moved are passed over, and those outside that have never paid. A crypto
# address has none. In an array: however many sources the planner believes there to be, their
# accounts are looked up.
_ACCOUNTS = """
    select account.id, source.type, source.type = 'virtual' as is_wallet
    from account join funding_source as source on source.id = account.owner_id
    where account.owner_id = any(array(
            select id from funding_source
            where user_id = %(user_id)s and type <> 'crypto_address'
        ))
        and account.kind = 'wallet' and account.currency = %(currency)s and account.version > 0
        and (source.type = 'virtual' or account.debited > 0)
"""

# What came to nothing: no money has left, or it was set aside and is back. What an unproven address
# was sent, and what was charged or paid out at first, has left, whatever became of it.
_CAME_TO_NOTHING = """
    transaction.kind = 'payment' and (
        transaction.status = 'rejected'
        or transaction.status = 'cancelled' and payment.expires_at is null
    )
"""

# Of what is outside only what others were paid is of interest: a top-up is so when it comes in, and
# what goes back to a card does not come in at all.
_WAS_PAID = """
    transaction.kind = 'payment' and payment.kind in ('payment', 'request', 'contribution')
"""

# A grant belongs to no transaction, and its key to whoever made it; that of any other transfer
# begins with the transaction's id.
_MOVED = f"""
    select entry.version, entry.amount as moved, transfer.kind as step, transfer.posted_at,
        transaction.kind as transaction_kind, transaction.status, transaction.in_funding_source_id,
        transaction.in_user_id, transaction.out_user_id,
        payment.kind, payment.number, payment.owner_id, payment.pool_id, payment.description,
        payment.recipient_user_id, payment.recipient_payee_id, payment.funding_source_id,
        payment.fee, payment.wallet_amount, payment.wallet_fee,
        payment.expires_at is not null as has_waited,
        case when payment.source_amount is null then payment.refunded
            else payment.refunded_source end as refunded
    from entry
        join transfer on transfer.id = entry.transfer_id
        join transaction on transaction.id =
            case when transfer.kind <> 'grant' then left(transfer.key, 36)::uuid end
        join payment on payment.id = transaction.payment_id
    where entry.account_id = mine.id and (mine.is_wallet or entry.amount < 0)
        and case when mine.is_wallet then not ({_CAME_TO_NOTHING}) else {_WAS_PAID} end
    order by entry.version desc
    limit %(reach)s
"""  # noqa: S608 (our own SQL)

# What came from a card and a wallet together came in one sum, of which either part is shown.
_PAGE = f"""
    select moved.*, mine.type, mine.is_wallet, source.type as paid_with, part.is_wallet_part
    from ({_ACCOUNTS}) as mine
        cross join lateral ({_MOVED}) as moved
        left join funding_source as source on source.id = moved.funding_source_id
        cross join (values (false), (true)) as part (is_wallet_part)
    where not is_wallet_part or (
        wallet_amount is not null and moved > 0 and step in ('payment', 'settle')
        and transaction_kind = 'payment'
    )
    order by posted_at desc, is_wallet desc, version desc, mine.id, is_wallet_part
    limit %(limit)s offset %(offset)s
"""  # noqa: S608

_NAMES = """
    select id, full_name from users where id = any(%(ids)s)
    union all
    select id, description from pool where id = any(%(ids)s)
    union all
    select id, address from payee where id = any(%(ids)s)
    union all
    select source.id, coalesce(nullif(bank, ''), full_name)
    from funding_source as source
        join users on users.id = source.user_id
        left join bank_account on bank_account.funding_source_id = source.id
    where source.id = any(%(ids)s)
"""

# What several servers post to one account at once may not stand there in the order of their clocks:
# so many entries beyond the page are looked at for any that belongs to it.
_OUT_OF_ORDER = 16


async def page(tx: Tx, *, user_id: UUID, currency: str, page: Page) -> list[Income | Outcome]:
    """The user's history in the currency, newest first, and one more if there is a next page.

    What is in it and when (Moneypool, List Payments, and later revisions, "History of what the
    other faces do"): money shows as it moves. A card's from when it was charged; a wallet's from
    when it left, be it to a bank or to an address that nobody has proven; what was to wait for
    somebody, from when they had it. What comes back adds an income, and changes nothing before it:
    what nobody has claimed, what could not land, what a bank returned, what a recipient gave back.
    What goes back to a card does not come in, and is told of the outcome only (`refunded`). What
    was paid in one currency and received in another is an outcome in the one, and an income in the
    other. What a card and the wallet paid together is two outcomes, and two incomes.
    """
    offset = (page.number - 1) * page.limit
    values = {
        "user_id": user_id,
        "currency": currency,
        "limit": page.limit + 1,
        "offset": offset,
        "reach": offset + page.limit + 1 + _OUT_OF_ORDER,
    }
    async with tx.cursor(row_factory=dict_row) as cursor:
        # How far the page reaches is what the plan depends on.
        await cursor.execute(_PAGE.encode(), values, prepare=False)
        rows = await cursor.fetchall()
    names = await _names(tx, {_party(row) for row in rows})
    return [_shown(row, names[_party(row)]) for row in rows]


async def _names(tx: Tx, ids: set[UUID]) -> dict[UUID, str]:
    if not ids:
        return {}
    return dict(await (await tx.execute(_NAMES, {"ids": list(ids)})).fetchall())


def _is_received(row: dict[str, Any]) -> bool:
    """Whether it is money that was meant to come here, and not money that came back."""
    return row["transaction_kind"] == "payment" and row["step"] in {"payment", "settle"}


def _party(row: dict[str, Any]) -> UUID:
    """The id of who is on the other side: a user, a pool, an address or a bank account."""
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


def _shown(row: dict[str, Any], party: str) -> Income | Outcome:
    return _outcome(row, party) if row["moved"] < 0 else _income(row, party)


def _income(row: dict[str, Any], party: str) -> Income:
    received, description = _is_received(row), row["description"]
    return Income(
        type=_income_type(row),
        amount=_income_amount(row),
        happened_at=row["posted_at"],
        description=description if received else _returned(description),
        party=party,
        number=row["number"],
    )


def _income_type(row: dict[str, Any]) -> IncomeType:
    if row["transaction_kind"] == "payment" and row["kind"] == "top_up":
        return "card_to_wallet"
    if not _is_received(row):
        return "user_to_wallet"
    if row["kind"] == "payout":
        return "pool_to_wallet"
    from_wallet = row["is_wallet_part"] or row["paid_with"] == "virtual"
    return "user_to_wallet" if from_wallet else "card_to_wallet"


def _income_amount(row: dict[str, Any]) -> Decimal:
    amount, by_wallet = Decimal(row["moved"]), row["wallet_amount"]
    if by_wallet is None or not _is_received(row):
        return amount
    return Decimal(by_wallet) if row["is_wallet_part"] else EXACT.subtract(amount, by_wallet)


def _outcome(row: dict[str, Any], party: str) -> Outcome:
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
        number=row["number"],
    )


def _status(row: dict[str, Any], *, is_refund: bool) -> Status:
    if row["status"] == "approved":
        return "paid"
    if row["status"] != "active":
        return "returned"
    return "waiting" if row["has_waited"] and not is_refund else "pending"


def _fee(row: dict[str, Any]) -> Decimal:
    """What of the movement is a fee: of a payment that two sources bear, the one's own."""
    if row["transaction_kind"] == "refund":
        return Decimal(0)
    if row["wallet_fee"] is None:
        return Decimal(row["fee"])
    by_wallet = Decimal(row["wallet_fee"])
    return by_wallet if row["is_wallet"] else EXACT.subtract(row["fee"], by_wallet)


def _outcome_type(row: dict[str, Any]) -> OutcomeType:
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
