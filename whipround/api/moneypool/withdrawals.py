"""Moneypool, withdrawals: from one's wallet to one's bank (later revisions, "Moneypool")."""

from uuid import UUID

from litestar import post
from litestar.params import FromPath, JSONBody
from pydantic import BaseModel, Field

from whipround.api.context import Call
from whipround.api.handling import Reply
from whipround.api.moneypool.call import CURRENCY, Request, refusal, route
from whipround.api.moneypool.fields import Pesos
from whipround.api.moneypool.shapes import cash as shapes
from whipround.api.writes import REPEATS, answer
from whipround.db.request_keys import Answer
from whipround.domain.credentials import UserLocked
from whipround.domain.funding import clabe
from whipround.domain.funding.clabe import Clabe
from whipround.domain.funding.reading import FundingSourceDisabled
from whipround.domain.gateway_calls import GatewayDeclined, GatewayUnavailable
from whipround.domain.limits import LimitExceeded
from whipround.domain.payments.commands import NoSuchDestination, Pay, Payment
from whipround.domain.payments.means import Means
from whipround.errors import DomainError, Invalid
from whipround.flows.payments import pay
from whipround.ledger.transfers import InsufficientFunds
from whipround.money import Money

_NOBODYS = UUID(int=0)
"""What no funding source is called: where there is no CLABE, so that a repeat is answered as the
first request was, whose CLABE may be gone since."""


class WithdrawalInput(BaseModel):
    """What is to be withdrawn."""

    amount: Pesos = Field(
        description="What arrives at the bank account, in MXN; the fee is on top."
    )


class WithdrawalCreate(BaseModel):
    """A withdrawal to be made."""

    withdrawal: WithdrawalInput = Field(description="What is to be withdrawn.")


@post(
    "/api/users/{user_id:int}/withdrawals",
    status_code=201,
    summary="Create a withdrawal",
    tags=["Payments"],
    opt=route(
        errors=(
            UserLocked,
            InsufficientFunds,
            FundingSourceDisabled,
            LimitExceeded,
            GatewayDeclined,
            GatewayUnavailable,
            *REPEATS,
        ),
        renamed={
            "recipient.funding_source_id": "clabe",
            InsufficientFunds: "amount",
            GatewayDeclined: "clabe",
        },
    ),
)
async def create_withdrawal(
    request: Request,
    user_id: FromPath[int],  # noqa: ARG001 - seen to be the caller's own
    data: JSONBody[WithdrawalCreate],
) -> Reply[shapes.WithdrawalCreated]:
    """Withdraw money from the wallet to one's own bank account, the CLABE.

    What its bank does not take is in the wallet again.
    """
    call = request.call
    user = call.authenticated.user
    async with call.db.transaction() as tx:
        to = await clabe.of(tx, user_id=user.id)
    command = Pay(
        key=call.key,
        payer_id=user.id,
        payer_name=user.full_name,
        pin=None,
        funding_source_id=call.authenticated.wallet_id,
        recipient_source_id=to.source_id if to else _NOBODYS,
        amount=Money(data.withdrawal.amount, CURRENCY),
        source_currency=CURRENCY,
        description="",
        render=lambda outcome: _rendered(outcome, call, to),
        means=Means(numbered=True),
    )
    services = call.services
    return Reply.rendered(await pay(services.desk, services.payments, command))


def _rendered(outcome: Payment | DomainError, call: Call, to: Clabe | None) -> Answer:
    """The answer that is stored with the money."""
    if isinstance(outcome, NoSuchDestination):  # there is none, or it has gone just now
        outcome = Invalid.field("clabe", "required", "There is no CLABE to withdraw to")
    if isinstance(outcome, DomainError):
        return refusal(outcome, call)
    if to is not None and to.source_id != outcome.in_funding_source_id:
        to = None  # it has taken the place of the one that was paid out to
    return answer(shapes.withdrawn(outcome, to), status=201)


handlers = [create_withdrawal]
