"""Moneypool, Payments: from a card, from the wallet, or from both, to somebody or into a pool."""

from decimal import Decimal
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

from litestar import post
from litestar.params import FromPath, JSONBody
from pydantic import BaseModel, Field, ValidationInfo, field_validator
from uuid_utils.compat import uuid7

from whipround.api.bank_fields import Token
from whipround.api.context import Call
from whipround.api.fields import ONE_LINE, Description, Email, wrong
from whipround.api.handling import Reply
from whipround.api.moneypool.call import CURRENCY, Request, refusal, route
from whipround.api.moneypool.errors import Renamed
from whipround.api.moneypool.fields import Number, Pesos
from whipround.api.moneypool.shapes import payments as shapes
from whipround.api.writes import REPEATS, answer
from whipround.db.database import Tx
from whipround.db.request_keys import Answer
from whipround.domain.credentials import UserLocked
from whipround.domain.funding import once
from whipround.domain.funding.reading import FundingSourceDisabled
from whipround.domain.gateway_calls import GatewayDeclined, GatewayUnavailable
from whipround.domain.limits import LimitExceeded
from whipround.domain.payments.commands import (
    Pay,
    Payment,
    RecipientUnavailable,
    TooManyDeclined,
    TooManyWaiting,
)
from whipround.domain.payments.means import FromWallet, Means, OnceCard
from whipround.domain.payments.shares import Contribution, PayShare, RequestShare, Share
from whipround.domain.pools.errors import (
    AlreadyContributed,
    PoolClosed,
    PoolNotFound,
    PoolNotStarted,
)
from whipround.domain.relationships import Blocked
from whipround.domain.requests.errors import (
    AlreadyPaid,
    ParticipantResponded,
    PaymentUnderWay,
    RequestNotFound,
)
from whipround.domain.requests.numbers import participant_of
from whipround.domain.users import person
from whipround.errors import DomainError, Invalid
from whipround.flows.payments import pay
from whipround.ledger.transfers import InsufficientFunds
from whipround.money import EXACT, Money

Method = Literal["card", "wallet", "mixed"]

PAY_ERRORS = (
    UserLocked,
    FundingSourceDisabled,
    InsufficientFunds,
    Blocked,
    LimitExceeded,
    TooManyDeclined,
    TooManyWaiting,
    GatewayDeclined,
    GatewayUnavailable,
    RecipientUnavailable,
    AlreadyPaid,
    ParticipantResponded,
    PaymentUnderWay,
    AlreadyContributed,
    PoolClosed,
    PoolNotStarted,
    *REPEATS,
)
"""What a payment can be refused with, however and whatever for it is made."""

_NAMES: Renamed = {
    "recipient.email": "new_email",
    "recipient.user_id": "new_email",
    AlreadyPaid: "payment_request_id",
    ParticipantResponded: "payment_request_id",
    PaymentUnderWay: "payment_request_id",
}


class PaymentInput(BaseModel):
    """What is paid for, and how (Moneypool, "These parameters specify the general information")."""

    description: Description = Field("", description="What the payment is for.")
    payment_method: Method = Field(
        description="`wallet`, `card`, or `mixed`; `card` with a `wallet_amount` is mixed too."
    )
    wallet_amount: Pesos | None = Field(
        None,
        validate_default=True,
        description="What is taken from the wallet, in MXN; of a mixed payment a part.",
    )
    payment_request_id: Number | None = Field(
        None,
        description="The payment request that is paid, which then leaves the list. The payment goes"
        " to whoever asks: `new_email` may be left out.",
    )
    pool_id: Number | None = Field(
        None, description="The pool to pay to; not beside a `new_email` or a payment request."
    )
    new_email: Email | None = Field(
        None,
        validate_default=True,
        description="The email of whoever is paid. Where nobody has proven it yet, the money waits"
        " for whoever does.",
    )

    @field_validator("wallet_amount")
    @classmethod
    def _goes_with_method(cls, value: Decimal | None, info: ValidationInfo) -> Decimal | None:
        if value is None and info.data.get("payment_method") in {"wallet", "mixed"}:
            wrong("required", "is required")
        return value

    @field_validator("pool_id")
    @classmethod
    def _one_purpose(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("payment_request_id") is not None:
            wrong("invalid", "and payment_request_id exclude each other")
        return value

    @field_validator("new_email")
    @classmethod
    def _one_recipient(cls, value: str | None, info: ValidationInfo) -> str | None:
        if not {"pool_id", "payment_request_id"} <= info.data.keys():
            return value  # one of them is wrong by itself
        pool_id, request_id = info.data["pool_id"], info.data["payment_request_id"]
        if value is not None and pool_id is not None:
            wrong("invalid", "and pool_id exclude each other")
        if value is None and pool_id is None and request_id is None:
            wrong("required", "or pool_id is required")
        return value


class TransactionInput(BaseModel):
    """The card that is charged (Moneypool, "the information needed to charge a credit card")."""

    amount: Pesos = Field(description="What the card is charged, in MXN.")
    card: Token = Field(
        repr=False, description="The card's token, good for this charge, from the processor."
    )
    name: Annotated[str, Field(min_length=1, max_length=100), ONE_LINE] = Field(
        repr=False, description="The cardholder's name."
    )


class MixedPaymentCreate(BaseModel):
    """A payment to be made."""

    payment: PaymentInput = Field(description="What is paid for, and how.")
    transaction: TransactionInput | None = Field(
        None, validate_default=True, description="The card; left out where the wallet pays all."
    )

    @field_validator("transaction")
    @classmethod
    def _goes_with_method(
        cls, value: TransactionInput | None, info: ValidationInfo
    ) -> TransactionInput | None:
        payment = info.data.get("payment")
        if payment is None:  # it is wrong by itself
            return value
        if payment.payment_method == "wallet" and value is not None:
            wrong("invalid", "must be left out where the wallet pays all")
        if payment.payment_method != "wallet" and value is None:
            wrong("required", "is required")
        return value

    @property
    def amount(self) -> Decimal:
        """All that is paid, in MXN."""
        by_card = self.transaction.amount if self.transaction else Decimal(0)
        return EXACT.add(self.payment.wallet_amount or Decimal(0), by_card)


_NOBODYS = RequestShare(UUID(int=0), None)
"""What nobody asks for: where a request is not there, so that a repeat is answered as the first
request was, whatever has become of what that has paid."""


class _Order(NamedTuple):
    """What the ids in a body stand for. `source_id` is what pays, beside the `means`.

    `wrong` is why the share is nobody's, where it is.
    """

    source_id: UUID
    means: Means
    share: Share | None
    wrong: Invalid | None = None


@post(
    "/api/users/{user_id:int}/mixed_payments",
    status_code=201,
    summary="Create a payment",
    tags=["Payments"],
    opt=route(errors=PAY_ERRORS, renamed=_NAMES),
)
async def create_payment(
    request: Request,
    user_id: FromPath[int],  # noqa: ARG001 - seen to be the caller's own
    data: JSONBody[MixedPaymentCreate],
) -> Reply[shapes.PaymentCreated]:
    """Pay somebody, or into a pool, from a card, from the wallet, or from both.

    The payer pays the fee on top. A mixed payment is one act: if the card is declined the wallet is
    untouched, and if the wallet is short the card is not charged. Money for an email that nobody
    has proven waits until somebody does, and returns if nobody does in time.
    """
    call = request.call
    if data.transaction is None:
        call.renamed = {**call.renamed, "amount": "wallet_amount"}
    order = await _order(call, data)
    command = _pay(call, data, order) if order.share is None else _share(call, data, order)
    services = call.services
    return Reply.rendered(await pay(services.desk, services.payments, command))


async def _order(call: Call, data: MixedPaymentCreate) -> _Order:
    """Raises Invalid for a pool that there is not."""
    session, wallet_amount = call.authenticated, data.payment.wallet_amount
    share, wrong = await _share_of(call, data)
    if data.transaction is None:
        return _Order(session.wallet_id, Means(numbered=True), share, wrong)
    call_id = uuid7()
    sealed = call.services.keyring.seal(call_id, data.transaction.card)
    means = Means(
        card=OnceCard(call_id, sealed, data.transaction.name),
        wallet=None if wallet_amount is None else FromWallet(session.wallet_id, wallet_amount),
        numbered=True,
    )
    async with call.db.transaction() as tx:
        cards_id = await once.source_of(tx, user_id=session.user.id, kind="card", now=call.now)
    return _Order(cards_id, means, share, wrong)


async def _share_of(call: Call, data: MixedPaymentCreate) -> tuple[Share | None, Invalid | None]:
    """What is paid, if that is a share; nobody's, and why, for a request that there is not."""
    payment = data.payment
    if payment.pool_id is not None:
        pool_id = await call.services.pools.submit(payment.pool_id)
        if pool_id is None:
            raise _unknown_pool()
        return Contribution(pool_id, None, data.amount, by_amount=True), None
    if payment.payment_request_id is None:
        return None, None
    async with call.db.transaction() as tx:
        return await _asked_of(tx, call, data, payment.payment_request_id)


async def _asked_of(
    tx: Tx, call: Call, data: MixedPaymentCreate, number: int
) -> tuple[Share, Invalid | None]:
    user_id, email = call.authenticated.user.id, data.payment.new_email
    try:
        asked = await participant_of(tx, user_id=user_id, number=number, currency=CURRENCY)
    except RequestNotFound:
        return _NOBODYS, _unknown_request()
    if email is not None:
        owner = await person.find(tx, user_id=asked.owner_id)
        if not owner.email_verified_at or owner.email != email:
            message = "Must be the email of whoever asks, or left out"
            return _NOBODYS, Invalid.field("new_email", "invalid", message)
    return RequestShare(asked.request_id, asked.participant_id, data.amount), None


def _unknown_pool() -> Invalid:
    return Invalid.field("pool_id", "not_found", "There is no such pool")


def _unknown_request() -> Invalid:
    return Invalid.field("payment_request_id", "not_found", "There is no such payment request")


def _pay(call: Call, data: MixedPaymentCreate, order: _Order) -> Pay:
    payer, email = call.authenticated.user, data.payment.new_email
    assert email is not None  # noqa: S101 - or there is a share
    return Pay(
        key=call.key,
        payer_id=payer.id,
        payer_name=payer.full_name,
        pin=None,
        funding_source_id=order.source_id,
        recipient_address=("email", email),
        recipient_name=email,
        amount=Money(data.amount, CURRENCY),
        source_currency=CURRENCY,
        description=data.payment.description,
        render=lambda outcome: _rendered(outcome, call, data, order),
        means=order.means,
    )


def _share(call: Call, data: MixedPaymentCreate, order: _Order) -> PayShare:
    payer = call.authenticated.user
    assert order.share is not None  # noqa: S101 - the caller's case
    return PayShare(
        key=call.key,
        payer_id=payer.id,
        payer_name=payer.full_name,
        pin=None,
        funding_source_id=order.source_id,
        share=order.share,
        source_currency=CURRENCY,
        meta="",
        render=lambda outcome: _rendered(outcome, call, data, order),
        means=order.means,
        only_in=CURRENCY,
        description=data.payment.description,
    )


def _rendered(
    outcome: Payment | DomainError, call: Call, data: MixedPaymentCreate, order: _Order
) -> Answer:
    """The answer that is stored with the money."""
    if isinstance(outcome, PoolNotFound):
        outcome = _unknown_pool()
    if isinstance(outcome, RequestNotFound):
        outcome = order.wrong or _unknown_request()
    if isinstance(outcome, DomainError):
        return refusal(outcome, call)
    return answer(shapes.created(outcome, is_by_card=data.transaction is not None), status=201)


handlers = [create_payment]
