"""What a call is about, and locking all that its outcome touches.

Payees are locked first, then the calls, then accounts; what the rows of a payment say that is read
here before the locks never changes.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from whipround.db.database import Tx
from whipround.domain import payees
from whipround.domain.funding.wallet import CLEARING_ACCOUNT, FEES_ACCOUNT, WALLET_ACCOUNT
from whipround.domain.gateway_calls import CallKind, CallStatus
from whipround.domain.legs import Accounts, Part, Worth, positions
from whipround.domain.payees import Address, Payee
from whipround.domain.payments.commands import PaymentKind
from whipround.domain.payments.locking import RECIPIENTS_SQL
from whipround.domain.payments.share_rows import lock_paid_shares
from whipround.domain.payments.shares import POOL_ACCOUNT, Pooled
from whipround.domain.payments.sharing import Shares
from whipround.domain.payments.state import Recipient
from whipround.domain.refunds import settling
from whipround.domain.refunds.settling import Unsettled
from whipround.ledger.accounts import PRODUCT, NewAccount, lock_named
from whipround.ledger.transfers import Book
from whipround.money import EXACT


@dataclass(frozen=True, slots=True)
class Case:
    """A call, the payment whose money it moves, and its payer. None of it ever changes.

    `outside_id` is the card or bank account that was asked. `recipient_user_id` is who was to be
    paid when the payment was made; `payee` the address if that was nobody yet. `part` is set aside
    out of the payer's wallet, where that bears one.
    """

    call_id: UUID
    kind: CallKind
    outside_id: UUID
    transaction_id: UUID
    request_number: int | None
    called_at: datetime
    payment_id: UUID
    payment_kind: PaymentKind
    owner_id: UUID
    funding_source_id: UUID
    arrives_at_id: UUID | None
    worth: Worth
    description: str
    recipient_user_id: UUID | None
    payee: Address | None
    request_id: UUID | None
    pool_id: UUID | None
    participant_id: UUID | None
    paid_at: datetime
    payer_name: str
    payer_wallet_id: UUID
    part: Part | None = None

    @property
    def asked(self) -> Decimal:
        """What the outside was asked for, of a charge."""
        return EXACT.subtract(self.worth.total, self.part.total) if self.part else self.worth.total


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a call has come, read under its lock."""

    status: CallStatus
    attempts: int


@dataclass(slots=True)
class State:
    """All that the outcomes depend on, under lock. `accounts` are by name."""

    now: datetime
    cases: dict[UUID, Case]
    standings: dict[UUID, Standing]
    refunds: dict[UUID, Unsettled]
    recipients: dict[UUID, Recipient]
    payees: dict[Address, Payee]
    shares: Shares
    accounts: Accounts
    book: Book

    def pool_of(self, case: Case) -> Pooled | None:
        """The pool that a payment still can get into."""
        pool = self.shares.pools.get(case.pool_id) if case.pool_id else None
        return None if pool is None or pool.is_closed(self.now) else pool


# For a refund the payment is the one that is refunded; its own rows are read elsewhere.
_CASES = """
    select gateway_call.id as call_id, gateway_call.kind, gateway_call.funding_source_id,
        gateway_call.transaction_id, request_number, gateway_call.created_at as called_at,
        payment.id as payment_id, payment.kind as payment_kind, owner_id,
        payment.funding_source_id as paying_id, transaction.in_funding_source_id,
        payment.amount, payment.fee, payment.currency,
        coalesce(payment.source_amount, payment.amount) as source_amount,
        coalesce(payment.source_currency, payment.currency) as source_currency,
        payment.description, recipient_user_id, payee.kind as payee_kind,
        payee.address as payee_address, request_id, pool_id, participant_id,
        payment.created_at as paid_at, users.full_name, wallet.id as wallet_id,
        payment.wallet_amount, payment.wallet_fee
    from gateway_call
        join transaction on transaction.id = gateway_call.transaction_id
        join payment on payment.id = transaction.payment_id
        join users on users.id = payment.owner_id
        join funding_source as wallet
            on wallet.user_id = payment.owner_id and wallet.type = 'virtual'
        left join payee on payee.id = payment.recipient_payee_id
    where gateway_call.id = any(%(ids)b)
"""

_LOCK_CALLS = """
    select id, status, attempts
    from gateway_call
    where id = any(%(ids)b)
    order by id
    for no key update
"""


async def read(tx: Tx, call_ids: Sequence[UUID], *, clock: Callable[[], datetime]) -> State:
    """Lock and read what the outcomes of these calls depend on; `clock` tells the time, in UTC.

    A call may be named more than once, if there is more than one word on it.
    """
    words = Counter(call_ids)
    cases = await _cases(tx, list(words))
    addresses = [case.payee for case in cases.values() if case.payee is not None]
    found = await payees.lock_payees(tx, addresses, now=clock()) if addresses else []
    by_address = {(payee.kind, payee.address): payee for payee in found}
    shares = await _lock_shares(tx, list(cases.values()))
    standing = await tx.execute(_LOCK_CALLS, {"ids": list(cases)})
    paid = {user_id for case in cases.values() if (user_id := paid_user(case, by_address))}
    asked = await tx.execute(RECIPIENTS_SQL, {"ids": list(paid)})
    refunded = [case.transaction_id for case in cases.values() if case.kind == "refund"]
    unsettled = await settling.read(tx, transaction_ids=refunded) if refunded else {}
    recipients = {row[0]: Recipient(*row) for row in await asked.fetchall()}
    standings = {row[0]: Standing(*row[1:]) for row in await standing.fetchall()}
    state = State(
        now=clock(),
        cases=cases,
        standings=standings,
        refunds=unsettled,
        recipients=recipients,
        payees=by_address,
        shares=shares,
        accounts={},
        book=Book(()),
    )
    wanted = [new for case in cases.values() for new in _wanted(state, case, words[case.call_id])]
    locked = await (await lock_named(tx, wanted)).locked(tx, now=clock())
    return replace(state, accounts=locked.ids, book=Book(locked.accounts))


def _wanted(state: State, case: Case, words: int) -> Sequence[NewAccount]:
    """The accounts that a call's outcome may move; there may be several words on it."""
    if case.kind == "refund":
        return state.refunds[case.transaction_id].accounts
    user_id = paid_user(case, state.payees)
    recipient = state.recipients.get(user_id) if user_id else None
    pool = state.pool_of(case)
    is_new = state.standings[case.call_id].status in {"open", "pending"} and words == 1
    may_stray = (recipient is None and pool is None) or not is_new
    wanted = _accounts(case, recipient, may_stray=may_stray)
    if pool is not None:
        wanted.append(NewAccount(pool.id, POOL_ACCOUNT, pool.currency))
    return wanted


async def _lock_shares(tx: Tx, cases: Sequence[Case]) -> Shares:
    """Lock what the payments pay for."""
    of_requests = [case for case in cases if case.payment_kind == "request"]
    of_pools = [case for case in cases if case.payment_kind == "contribution"]
    return await lock_paid_shares(
        tx,
        requests=[case.request_id for case in of_requests if case.request_id],
        pools=[case.pool_id for case in of_pools if case.pool_id],
        contributors=[case.participant_id for case in of_pools if case.participant_id],
    )


def paid_user(case: Case, by_address: dict[Address, Payee]) -> UUID | None:
    """The user to be paid; None while nobody has proven the address."""
    return case.recipient_user_id if case.payee is None else by_address[case.payee].user_id


def _accounts(case: Case, recipient: Recipient | None, *, may_stray: bool) -> list[NewAccount]:
    """Every account that any outcome of a charge or a payout may move.

    A charge that cannot stray into its payer's wallet does not touch that, and so the payments from
    there need not wait for it.
    """
    worth = case.worth
    wanted = [NewAccount(PRODUCT, FEES_ACCOUNT, worth.source_currency)]
    if case.kind != "charge" or may_stray or case.part is not None:
        wanted.append(NewAccount(case.payer_wallet_id, WALLET_ACCOUNT, worth.source_currency))
    if worth.converts:
        wanted += positions(worth)
    if case.part is not None:
        wanted.append(NewAccount(PRODUCT, CLEARING_ACCOUNT, worth.source_currency))
    if case.kind == "charge":
        wanted.append(
            NewAccount(case.outside_id, WALLET_ACCOUNT, worth.source_currency, floor=None)
        )
        if recipient is not None:
            wanted.append(NewAccount(recipient.wallet_id, WALLET_ACCOUNT, worth.currency))
    else:
        wanted += (
            NewAccount(case.outside_id, WALLET_ACCOUNT, worth.currency, floor=None),
            NewAccount(PRODUCT, CLEARING_ACCOUNT, worth.currency),
            NewAccount(PRODUCT, CLEARING_ACCOUNT, worth.source_currency),
        )
    return wanted


async def _cases(tx: Tx, call_ids: Sequence[UUID]) -> dict[UUID, Case]:
    async with tx.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_CASES.encode(), {"ids": list(call_ids)})
        return {row["call_id"]: _case(row) for row in await cursor.fetchall()}


def _case(row: dict[str, Any]) -> Case:
    amount, fee, source_amount = (Decimal(row[name]) for name in ("amount", "fee", "source_amount"))
    return Case(
        call_id=row["call_id"],
        kind=row["kind"],
        outside_id=row["funding_source_id"],
        transaction_id=row["transaction_id"],
        request_number=row["request_number"],
        called_at=row["called_at"],
        payment_id=row["payment_id"],
        payment_kind=row["payment_kind"],
        owner_id=row["owner_id"],
        funding_source_id=row["paying_id"],
        arrives_at_id=row["in_funding_source_id"],
        worth=Worth(amount, row["currency"], source_amount, row["source_currency"], fee),
        description=row["description"],
        recipient_user_id=row["recipient_user_id"],
        payee=(row["payee_kind"], row["payee_address"]) if row["payee_kind"] else None,
        paid_at=row["paid_at"],
        request_id=row["request_id"],
        pool_id=row["pool_id"],
        participant_id=row["participant_id"],
        payer_name=row["full_name"],
        payer_wallet_id=row["wallet_id"],
        part=Part(row["wallet_amount"], row["wallet_fee"]) if row["wallet_amount"] else None,
    )
