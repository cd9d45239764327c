"""Memento, Payments: to a user or to a phone number, and the receipts of them."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, cast
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, JSONBody
from pydantic import BaseModel, Field, ValidationInfo, field_validator

from whipround.api.bodies import Context
from whipround.api.context import Call
from whipround.api.fields import (
    ONE_LINE,
    Amount,
    Description,
    Meta,
    Phone,
    Pin,
    SupportedCurrency,
    check_decimals,
    wrong,
)
from whipround.api.handling import Reply
from whipround.api.memento.call import Request, route
from whipround.api.memento.errors import answer_of
from whipround.api.memento.lists import page
from whipround.api.memento.paying import PAY_ERRORS
from whipround.api.memento.people import ImageInput
from whipround.api.memento.shapes import payments as shapes
from whipround.api.memento.shapes import receipts as receipt_shapes
from whipround.api.shapes import encode
from whipround.db.request_keys import Answer
from whipround.domain.images import attaching
from whipround.domain.images.reading import Image
from whipround.domain.payments import reading, receipts
from whipround.domain.payments.commands import (
    Pay,
    Payment,
)
from whipround.domain.payments.reading import PaymentNotFound, Seen
from whipround.errors import DomainError, Invalid
from whipround.flows.payments import pay
from whipround.money import Money


def _context(info: ValidationInfo) -> Context:
    return cast("Context", info.context)


class RecipientInput(BaseModel):
    """Who is paid, and how much."""

    amount: Amount = Field(description="The amount the recipient gets.")
    name: Annotated[str, Field(max_length=100), ONE_LINE] = Field(
        "", description="What to call the recipient of a phone number."
    )
    meta: Meta = Field("", description="Text that the client owns.")
    phone: Phone | None = Field(
        None, description="The phone number to pay, in the place of a user."
    )
    funding_source_id: UUID | None = Field(
        None,
        description="One's own bank account to pay out to, or one's own wallet to top up.",
    )
    user_id: UUID | None = Field(
        None, validate_default=True, description="The user to pay, in the place of a phone number."
    )

    @field_validator("amount")
    @classmethod
    def _fits(cls, value: Decimal, info: ValidationInfo) -> Decimal:
        return check_decimals(value, _context(info)["body"].get("currency"))

    @field_validator("funding_source_id")
    @classmethod
    def _without_phone(cls, value: UUID | None, info: ValidationInfo) -> UUID | None:
        if value is not None and info.data.get("phone") is not None:
            wrong("invalid", "and phone exclude each other")
        return value

    @field_validator("user_id")
    @classmethod
    def _one_of_them(cls, value: UUID | None, info: ValidationInfo) -> UUID | None:
        if not {"phone", "funding_source_id"} <= info.data.keys():
            return value  # what was sent is wrong by itself
        phone, source_id = info.data["phone"], info.data["funding_source_id"]
        if value is None and phone is None and source_id is None:
            wrong("required", "or phone is required")
        if value is not None and phone is not None:
            wrong("invalid", "and phone exclude each other")
        return value


class PaymentCreate(BaseModel):
    """A payment to be made (Memento, Create a payment)."""

    currency: SupportedCurrency = Field(description="The currency the recipient gets.")
    description: Description = Field("", description="The payment message.")
    meta: Meta = Field("", description="Text that the client owns.")
    recipient: RecipientInput = Field(description="Who is paid, and how much.")
    amount: Amount | None = Field(
        None, description="The recipient's amount; may be left out, and must agree with it."
    )
    image: ImageInput | None = Field(None, description="A picture to go with the payment.")
    source_currency: SupportedCurrency | None = Field(
        None,
        description="The currency to pay in, if it is another one: it is converted as"
        " `POST /v1/fees/calculate` quotes.",
    )
    funding_source_id: UUID = Field(description="The funding source to withdraw from.")
    pin: Pin = Field(repr=False, description="The current user's PIN.")

    @field_validator("amount")
    @classmethod
    def _the_recipients(cls, value: Decimal | None, info: ValidationInfo) -> Decimal | None:
        # Compared with what was sent: the recipient may be wrong for another reason.
        recipient = _context(info)["body"].get("recipient")
        stated = recipient.get("amount") if isinstance(recipient, dict) else None
        if value is not None and isinstance(stated, int | str | Decimal):
            try:
                agrees = Decimal(stated) == value
            except InvalidOperation:
                return value
            if not agrees:
                wrong("invalid", "must be left out, or be the recipient's")
        return value

    def command(self, call: Call, uploaded: Image | None) -> Pay:
        """As the domain knows it, with the picture that was `uploaded`, if it is one.

        Raises Invalid for another's id beside one's own source.
        """
        payer = call.authenticated.user
        to = self.recipient
        if to.funding_source_id is not None and to.user_id not in {None, payer.id}:
            message = "User id must be yours, as the funding source is"
            raise Invalid.field("recipient.user_id", "invalid", message)
        return Pay(
            key=call.key,
            payer_id=payer.id,
            payer_name=payer.full_name,
            pin=call.services.keyring.pin(payer.id, self.pin),
            funding_source_id=self.funding_source_id,
            recipient_user_id=None if to.funding_source_id else to.user_id,
            recipient_address=None if to.phone is None else ("phone", to.phone),
            recipient_source_id=to.funding_source_id,
            recipient_name=to.name,
            recipient_meta=to.meta,
            amount=Money(to.amount, self.currency),
            source_currency=self.source_currency or self.currency,
            description=self.description,
            meta=self.meta,
            picture=self.image.picture() if self.image else None,
            render=lambda outcome: _rendered(outcome, call, uploaded),
        )


async def _uploaded(call: Call, image: ImageInput | None) -> Image | None:
    """The upload that a body names; None where it is to be fetched. Raises Invalid."""
    if image is None or image.id is None:
        return None
    async with call.db.transaction() as tx:
        return await attaching.find_upload(
            tx, owner_id=call.authenticated.user.id, image_id=image.id, object_type="payment"
        )


def _rendered(outcome: Payment | DomainError, call: Call, uploaded: Image | None) -> Answer:
    """The answer that is stored with the money."""
    if isinstance(outcome, DomainError):
        refusal = answer_of(outcome, call.language)
        return Answer(refusal.status, refusal.body)
    payer = call.authenticated.user
    pictures = {outcome.id: [uploaded]} if uploaded else {}
    seen = Seen([outcome], {payer.id: payer}, {}, pictures)
    shape = shapes.payment(outcome, seen, viewer_id=payer.id, gallery=call.gallery, now=call.now)
    return Answer(201, encode(shape))


@post(
    "/v1/payments",
    status_code=201,
    summary="Create a payment",
    tags=["Payments"],
    opt=route(errors=PAY_ERRORS),
)
async def create_payment(request: Request, data: JSONBody[PaymentCreate]) -> Reply[shapes.Payment]:
    """Create a payment: send money to a user, or to a phone number whose owner can claim it.

    The payer pays the fee on top. A phone number that nobody has proven yet is told by SMS; whoever
    proves it in time has the money, else it returns, fee and all.

    From one's own card or bank account to oneself it tops up the wallet; from the wallet to one's
    own bank account, named by `recipient.funding_source_id`, it pays out. What a gateway has not
    decided is answered with an `open` payment.
    """
    call = request.call
    services = call.services
    command = data.command(call, await _uploaded(call, data.image))
    return Reply.rendered(await pay(services.desk, services.payments, command))


@get(
    "/v1/payments",
    summary="Get a list of payments",
    tags=["Payments"],
    opt=route(filters=reading.FILTERS),
)
async def list_payments(request: Request) -> Reply[list[shapes.Payment]]:
    """Get a list of payments that the current user made or received."""
    call, query = request.call, request.list_query()
    user_id = call.authenticated.user.id
    async with call.db.transaction() as tx:
        seen = await reading.page(tx, user_id=user_id, query=query)
    return page(
        request,
        query,
        seen.payments,
        lambda each: shapes.payment(
            each, seen, viewer_id=user_id, gallery=call.gallery, now=call.now
        ),
    )


@get(
    "/v1/payments/{payment_id:uuid}",
    summary="Get a payment",
    tags=["Payments"],
    opt=route(errors=(PaymentNotFound,)),
)
async def get_payment(request: Request, payment_id: FromPath[UUID]) -> Reply[shapes.Payment]:
    """Get a payment that the current user made or received."""
    call = request.call
    user_id = call.authenticated.user.id
    async with call.db.transaction() as tx:
        seen = await reading.find(tx, user_id=user_id, payment_id=payment_id)
    (found,) = seen.payments
    return Reply(shapes.payment(found, seen, viewer_id=user_id, gallery=call.gallery, now=call.now))


@get(
    "/v1/payments/{payment_id:uuid}/receipt",
    summary="Get a receipt",
    tags=["Payments"],
    opt=route(errors=(PaymentNotFound,)),
)
async def get_receipt(
    request: Request, payment_id: FromPath[UUID]
) -> Reply[receipt_shapes.Receipt]:
    """Get the receipt of a payment, once it is fully processed.

    Only the payer sees how it was paid.
    """
    call = request.call
    user_id = call.authenticated.user.id
    async with call.db.transaction() as tx:
        found = await receipts.receipt(tx, user_id=user_id, payment_id=payment_id)
    return Reply(receipt_shapes.receipt(found, locale=call.locale))


handlers = [create_payment, list_payments, get_payment, get_receipt]
