"""What paying for a request has in common with contributing to a pool: the body, the answer."""

from uuid import UUID

from pydantic import BaseModel, Field

from whipround.api.context import Call
from whipround.api.fields import Meta, Pin, SupportedCurrency
from whipround.api.handling import Reply
from whipround.api.memento.people import refusal
from whipround.api.memento.shapes import participation
from whipround.api.memento.shapes.participation import Participant
from whipround.api.writes import REPEATS, answer
from whipround.db.request_keys import Answer
from whipround.domain.credentials import InvalidPin, UserLocked
from whipround.domain.funding.reading import FundingSourceDisabled
from whipround.domain.fx import RateMissing, TooLargeToConvert, TooSmallToConvert
from whipround.domain.gateway_calls import GatewayDeclined, GatewayUnavailable
from whipround.domain.limits import LimitExceeded
from whipround.domain.payments.commands import Payment, RecipientUnavailable
from whipround.domain.payments.shares import PayShare, Share
from whipround.domain.relationships import Blocked
from whipround.errors import DomainError
from whipround.flows.payments import pay
from whipround.ledger.transfers import InsufficientFunds

PAY_ERRORS = (
    InvalidPin,
    UserLocked,
    FundingSourceDisabled,
    InsufficientFunds,
    Blocked,
    LimitExceeded,  # and others of the same code
    RateMissing,
    TooSmallToConvert,
    TooLargeToConvert,
    GatewayDeclined,
    GatewayUnavailable,
    RecipientUnavailable,
    *REPEATS,
)
"""What a payment can be refused with, whatever it is for."""


class SharePayment(BaseModel):
    """How a share is paid."""

    funding_source_id: UUID = Field(description="The funding source to withdraw from.")
    source_currency: SupportedCurrency | None = Field(
        None,
        description="The currency to pay in, if it is another one: it is converted as"
        " `POST /v1/fees/calculate` quotes.",
    )
    meta: Meta = Field("", description="Text that the client owns, kept with the payment.")
    pin: Pin = Field(repr=False, description="The current user's PIN.")


async def pay_share(
    call: Call, data: SharePayment, share: Share, *, status: int
) -> Reply[Participant]:
    """Pay a share of a request or a pool; the answer, of this status, is the participant."""
    payer = call.authenticated.user

    def rendered(outcome: Payment | DomainError) -> Answer:
        if isinstance(outcome, DomainError):
            return refusal(outcome, call)
        return answer(participation.payer(outcome, payer), status=status)

    command = PayShare(
        key=call.key,
        payer_id=payer.id,
        payer_name=payer.full_name,
        pin=call.services.keyring.pin(payer.id, data.pin),
        funding_source_id=data.funding_source_id,
        share=share,
        source_currency=data.source_currency,
        meta=data.meta,
        render=rendered,
    )
    services = call.services
    return Reply.rendered(await pay(services.desk, services.payments, command))
