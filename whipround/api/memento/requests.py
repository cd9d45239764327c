"""Memento, Requests: asking people for money, and what becomes of it."""

from decimal import Decimal
from typing import Annotated, Any, cast
from uuid import UUID

from litestar import delete, get, post, put
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
    SupportedCurrency,
    check_decimals,
    wrong,
)
from whipround.api.handling import Reply
from whipround.api.memento.call import Request, route
from whipround.api.memento.lists import page
from whipround.api.memento.people import ImageInput, once
from whipround.api.memento.shapes import requests as shapes
from whipround.api.writes import REPEATS, answer, limit_multiplier
from whipround.db.database import Tx
from whipround.db.request_keys import Answer
from whipround.domain.images.attaching import MOST_IMAGES
from whipround.domain.relationships import Blocked
from whipround.domain.requests import changing, creation, reading
from whipround.domain.requests.changing import Change
from whipround.domain.requests.creation import NewParticipant, NewRequest
from whipround.domain.requests.errors import (
    ParticipantResponded,
    PaymentUnderWay,
    RequestNotFound,
)
from whipround.domain.requests.reading import MOST_PARTICIPANTS, Seen
from whipround.errors import Throttled
from whipround.money import Money


def _fitting(value: Decimal, info: ValidationInfo) -> Decimal:
    """The amount, which has no more decimals than the currency that was sent."""
    return check_decimals(value, cast("Context", info.context)["body"].get("currency"))


class ParticipantInput(BaseModel):
    """Who is asked, and for how much."""

    amount: Amount = Field(description="The amount to ask for.")
    name: Annotated[str, Field(max_length=100), ONE_LINE] = Field(
        "", description="What to call whoever has the phone number."
    )
    meta: Meta = Field("", description="Text that the client owns.")
    phone: Phone | None = Field(
        None, description="The phone number to ask, in the place of a user."
    )
    user_id: UUID | None = Field(
        None, validate_default=True, description="The user to ask, in the place of a phone number."
    )

    _fits = field_validator("amount")(_fitting)

    @field_validator("user_id")
    @classmethod
    def _one_of_them(cls, value: UUID | None, info: ValidationInfo) -> UUID | None:
        if "phone" in info.data:  # else it is wrong by itself
            if value is None and info.data["phone"] is None:
                wrong("required", "or phone is required")
            if value is not None and info.data["phone"] is not None:
                wrong("invalid", "and phone exclude each other")
        return value

    def participant(self) -> NewParticipant:
        """As the domain knows it."""
        return NewParticipant(
            user_id=self.user_id,
            phone=self.phone,
            name=self.name,
            amount=self.amount,
            meta=self.meta,
        )


class RequestCreate(BaseModel):
    """A request to be made (Memento, Create a request)."""

    amount: Amount = Field(
        description="The total amount; what no participant is asked for is the owner's own part."
    )
    currency: SupportedCurrency = Field(description="The currency.")
    description: Description = Field("", description="The title.")
    funding_source_id: UUID = Field(
        description="The funding source that receives: one's own wallet or bank account."
    )
    image: ImageInput | None = Field(None, description="A picture to go with the request.")
    image_ids: Annotated[list[UUID], Field(max_length=MOST_IMAGES)] = Field(
        [], description="The ids of uploaded pictures, to go with the request."
    )
    meta: Meta = Field("", description="Text that the client owns.")
    only_owner_sees_participants: bool = Field(
        False,  # noqa: FBT003
        description="Whether nobody but the owner sees who else is asked.",
    )
    participants: Annotated[
        list[ParticipantInput], Field(min_length=1, max_length=MOST_PARTICIPANTS)
    ] = Field(description="Who is asked; nobody twice.")

    _fits = field_validator("amount")(_fitting)

    def request(self) -> NewRequest:
        """As the domain knows it."""
        return NewRequest(
            amount=Money(self.amount, self.currency),
            description=self.description,
            meta=self.meta,
            funding_source_id=self.funding_source_id,
            only_owner_sees_participants=self.only_owner_sees_participants,
            picture=self.image.picture() if self.image else None,
            image_ids=self.image_ids,
            participants=[each.participant() for each in self.participants],
        )


class RequestUpdate(BaseModel):
    """What to change of a request; what is left out stays."""

    description: Description = Field(default_factory=str, description="The title.")
    image: ImageInput | None = Field(
        None, description="The picture to be shown first; null takes it away."
    )
    meta: Meta = Field(default_factory=str, description="Text that the client owns.")
    only_owner_sees_participants: bool = Field(
        False,  # noqa: FBT003
        description="Whether nobody but the owner sees who else is asked.",
    )

    def change(self) -> Change:
        """As the domain knows it."""
        said: dict[str, Any] = {
            name: getattr(self, name) for name in self.model_fields_set - {"image"}
        }
        return Change(
            **said,
            has_picture="image" in self.model_fields_set,
            picture=self.image.picture() if self.image else None,
        )


@get(
    "/v1/requests",
    summary="Get a list of requests",
    tags=["Requests"],
    opt=route(filters=reading.FILTERS),
)
async def list_requests(request: Request) -> Reply[list[shapes.Request]]:
    """Get a list of the requests that the current user made, or is asked by.

    Each has its first 10 participants, and the current user if they are one.
    """
    call, query = request.call, request.list_query()
    async with call.db.transaction() as tx:
        seen = await reading.page(tx, user_id=call.authenticated.user.id, query=query)
    return page(
        request,
        query,
        seen.requests,
        lambda each: shapes.request(each, seen, gallery=call.gallery, now=call.now),
    )


@get(
    "/v1/requests/{request_id:uuid}",
    summary="Get a request",
    tags=["Requests"],
    opt=route(errors=(RequestNotFound,)),
)
async def get_request(request: Request, request_id: FromPath[UUID]) -> Reply[shapes.Request]:
    """Get a request that the current user made, or is asked by."""
    call = request.call
    async with call.db.transaction() as tx:
        seen = await reading.find(tx, user_id=call.authenticated.user.id, request_id=request_id)
    return Reply(_shape(seen, call))


@post(
    "/v1/requests",
    status_code=201,
    summary="Create a request",
    tags=["Requests"],
    opt=route(errors=(Blocked, Throttled, *REPEATS)),
)
async def create_request(request: Request, data: JSONBody[RequestCreate]) -> Reply[shapes.Request]:
    """Create a request: ask users, and whoever has a phone number, for money.

    All of them are told. A phone number that nobody has proven yet is told by SMS, and is asked as
    the user who proves it.
    """
    call = request.call

    async def act(tx: Tx) -> Answer:
        seen = await creation.create(
            tx,
            owner=call.authenticated.user,
            new=data.request(),
            keyring=call.services.keyring,
            now=call.now,
            limit_multiplier=limit_multiplier(call),
        )
        return answer(_shape(seen, call), status=201)

    return await once(call, act)


@put(
    "/v1/requests/{request_id:uuid}",
    summary="Update a request",
    tags=["Requests"],
    opt=route(errors=(RequestNotFound, *REPEATS)),
)
async def update_request(
    request: Request, request_id: FromPath[UUID], data: JSONBody[RequestUpdate]
) -> Reply[shapes.Request]:
    """Update the title, the picture and the rest of what is said of one's own request.

    Amounts and participants stay.
    """
    call = request.call

    async def act(tx: Tx) -> Answer:
        seen = await changing.update(
            tx,
            owner_id=call.authenticated.user.id,
            request_id=request_id,
            change=data.change(),
            now=call.now,
        )
        return answer(_shape(seen, call))

    return await once(call, act)


@delete(
    "/v1/requests/{request_id:uuid}",
    status_code=200,
    summary="Delete a request",
    tags=["Requests"],
    opt=route(errors=(RequestNotFound, ParticipantResponded, PaymentUnderWay, *REPEATS)),
)
async def delete_request(request: Request, request_id: FromPath[UUID]) -> Reply[None]:
    """Delete one's own request, which can only be done while nobody has responded.

    Those who were asked are told that they are not any more.
    """
    call = request.call
    owner = call.authenticated.user

    async def act(tx: Tx) -> Answer:
        await changing.delete(
            tx, owner_id=owner.id, owner=owner.full_name, request_id=request_id, now=call.now
        )
        return Answer(200, b"")

    return await once(call, act)


def _shape(seen: Seen, call: Call) -> shapes.Request:
    """The one request that is seen."""
    [found] = seen.requests
    return shapes.request(found, seen, gallery=call.gallery, now=call.now)


handlers = [
    list_requests,
    create_request,
    get_request,
    update_request,
    delete_request,
]
