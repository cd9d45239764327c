"""Memento, Fees: what a payment would cost."""

from decimal import Decimal
from uuid import UUID

from litestar import post
from litestar.params import JSONBody
from pydantic import BaseModel, Field, ValidationInfo, field_validator

from whipround.api.fields import Amount, SupportedCurrency, check_decimals
from whipround.api.handling import Reply
from whipround.api.memento.call import Request, route
from whipround.api.memento.shapes import fees as shapes
from whipround.domain.fee_calculation import calculate
from whipround.domain.fx import RatesUnavailable, TooLargeToConvert, TooSmallToConvert
from whipround.money import Money


class FeeSourceInput(BaseModel):
    """Where the money would come from."""

    funding_source_id: UUID = Field(description="The funding source, one's own.")
    currency: SupportedCurrency = Field(description="The currency to be taken from it.")


class FeeDestinationInput(BaseModel):
    """Where the money would go."""

    funding_source_id: UUID | None = Field(
        None, description="The funding source; may be left out where it is another person's."
    )
    currency: SupportedCurrency = Field(description="The currency that is to arrive.")


class FeeCalculation(BaseModel):
    """A payment to be quoted (Memento, Calculate payment fee)."""

    amount: Amount = Field(
        description="The amount that is to arrive, in the currency of the destination."
    )
    source: FeeSourceInput = Field(description="Where the money would come from.")
    destination: FeeDestinationInput = Field(description="Where the money would go.")

    @field_validator("amount")
    @classmethod
    def _fits(cls, value: Decimal, info: ValidationInfo) -> Decimal:
        # As it was sent: the destination may be wrong for another reason.
        destination = (info.context or {})["body"].get("destination")
        currency = destination.get("currency") if isinstance(destination, dict) else None
        return check_decimals(value, currency)


@post(
    "/v1/fees/calculate",
    status_code=200,
    summary="Calculate payment fee",
    tags=["Fees"],
    opt=route(errors=(RatesUnavailable, TooSmallToConvert, TooLargeToConvert)),
)
async def calculate_fee(request: Request, data: JSONBody[FeeCalculation]) -> Reply[shapes.Fee]:
    """Calculate the fee when sending money from one funding source to another.

    What is quoted is what a payment is charged, until the fees or the exchange rates change.
    """
    call = request.call
    async with call.db.transaction() as tx:
        quoted = await calculate(
            tx,
            user_id=call.authenticated.user.id,
            source_id=data.source.funding_source_id,
            source_currency=data.source.currency,
            destination_id=data.destination.funding_source_id,
            destination=Money(data.amount, data.destination.currency),
            now=call.now,
        )
    return Reply(shapes.fee(quoted))


handlers = [calculate_fee]
