"""Memento, Verifications: in two steps, by a code, and in a single one, by a document."""

from typing import Annotated, get_args
from uuid import UUID

from litestar import get, post, put
from litestar.params import FromPath, JSONBody
from pydantic import (
    BaseModel,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from whipround.api.fields import MANY_LINES, ONE_LINE, Email, Phone, wrong
from whipround.api.handling import Reply
from whipround.api.memento.call import Access, Request, route
from whipround.api.memento.people import once
from whipround.api.memento.shapes import people as shapes
from whipround.api.writes import REPEATS, answer, limit_multiplier
from whipround.db.database import Tx
from whipround.db.request_keys import Answer
from whipround.domain import identity, verifications
from whipround.domain.verifications import (
    DataNotExpected,
    DocumentType,
    VerificationFinished,
    VerificationNotFound,
    VerificationType,
)
from whipround.errors import Throttled, Unauthenticated

_PHONE = TypeAdapter[str](Phone)
_EMAIL = TypeAdapter[str](Email)


class NewVerification(BaseModel):
    """Where to send a code, or what a document says; and what for."""

    type: VerificationType = Field(
        description="`sms`, `email` or `call`, by a code; `passport` or `drivers_license`, by a"
        " document."
    )
    recipient: str = Field(
        "",
        max_length=254,
        validate_default=True,
        description="Where the code goes: an international phone number, or an email address."
        " Required for a code.",
    )
    data: Annotated[str, Field(max_length=500), MANY_LINES] = Field(
        "",
        validate_default=True,
        repr=False,
        description="What the document says, such as its number. Required for a document.",
    )
    event: Annotated[str, Field(min_length=1, max_length=100), ONE_LINE] = Field(
        description="What the verification is for."
    )

    @field_validator("recipient", "data", mode="before")
    @classmethod
    def _as_its_type_needs(cls, value: object, info: ValidationInfo) -> object:
        by_document = info.data.get("type") in get_args(DocumentType)
        if info.field_name != ("data" if by_document else "recipient"):
            return ""  # what is of no use is not looked at
        if value is None or (isinstance(value, str) and not value.strip()):
            wrong("required", "is required")
        return value

    @field_validator("recipient")
    @classmethod
    def _of_its_type(cls, value: str, info: ValidationInfo) -> str:
        by_mail = info.data.get("type") == "email"
        if not value or "type" not in info.data:
            return value
        try:
            return (_EMAIL if by_mail else _PHONE).validate_python(value)
        except ValidationError:
            if by_mail:
                wrong("invalid", "must be an email address, such as john@example.com")
            wrong("invalid", "must be an international phone number, such as +44 7911 123456")


class VerificationData(BaseModel):
    """What a verification in two steps waits for."""

    data: str = Field(
        min_length=1, max_length=100, repr=False, description="The code that was sent."
    )


async def _create(request: Request, data: NewVerification) -> Reply[shapes.Verification]:
    call = request.call

    async def act(tx: Tx) -> Answer:
        match data.type:
            case "passport" | "drivers_license":
                if call.session is None:
                    raise Unauthenticated
                asked = await identity.submit(
                    tx,
                    user_id=call.session.user.id,
                    kind=data.type,
                    data=data.data,
                    event=data.event,
                    keyring=call.services.keyring,
                    now=call.now,
                    limit_multiplier=limit_multiplier(call),
                )
            case "sms" | "email" | "call":
                asked = await verifications.request(
                    tx,
                    user_id=call.session.user.id if call.session else None,
                    address=call.remote_address,
                    kind=data.type,
                    recipient=data.recipient,
                    event=data.event,
                    locale=call.locale,
                    keyring=call.services.keyring,
                    now=call.now,
                    limit_multiplier=limit_multiplier(call),
                )
        return answer(shapes.verification(asked), status=201)

    return await once(call, act)


@post(
    "/v1/verifications",
    summary="Two-step verification – Step 1: Request data; or all of it in a single step",
    tags=["Verifications"],
    status_code=201,
    opt=route(access=Access.OPEN, errors=(Throttled, *REPEATS)),
)
async def create_verification(
    request: Request, data: JSONBody[NewVerification]
) -> Reply[shapes.Verification]:
    """Have a code sent to a phone number or an email address, or send in a document.

    Whoever asks with a session is the only one who can go on with the verification. What the same
    user still had pending for the recipient is cancelled.

    A document needs a session; 401 without. It is `pending` until somebody has looked at it, at
    most for 30 days, and then `approved` or `rejected`. One of the same type that was still pending
    is cancelled.
    """
    return await _create(request, data)


@put(
    "/v1/verifications",
    summary="Single-step verification; or step 1 of two, in the older form",
    tags=["Verifications"],
    status_code=201,
    opt=route(access=Access.OPEN, errors=(Throttled, *REPEATS)),
)
async def put_verification(
    request: Request, data: JSONBody[NewVerification]
) -> Reply[shapes.Verification]:
    """The same as `POST /v1/verifications`."""
    return await _create(request, data)


@post(
    "/v1/verifications/{verification_id:uuid}/data",
    summary="Two-step verification – Step 2: Provide data",
    tags=["Verifications"],
    status_code=200,
    opt=route(
        access=Access.OPEN,
        errors=(VerificationNotFound, VerificationFinished, DataNotExpected, *REPEATS),
    ),
)
async def provide_data(
    request: Request, verification_id: FromPath[UUID], data: JSONBody[VerificationData]
) -> Reply[shapes.Verification]:
    """Bring the code that a verification waits for.

    The answer tells what came of it: a wrong code leaves the verification `pending`, with an
    `error_code`; the fifth wrong one, or one after ten minutes, makes it `failed`.
    """
    call = request.call

    async def act(tx: Tx) -> Answer:
        found = await verifications.provide(
            tx,
            verification_id=verification_id,
            user_id=call.session.user.id if call.session else None,
            code=data.data,
            keyring=call.services.keyring,
            now=call.now,
        )
        return answer(shapes.verification(found))

    return await once(call, act)


@get(
    "/v1/verifications/{verification_id:uuid}",
    summary="Get a verification object",
    tags=["Verifications"],
    opt=route(access=Access.OPEN, errors=(VerificationNotFound,)),
)
async def get_verification(
    request: Request, verification_id: FromPath[UUID]
) -> Reply[shapes.Verification]:
    """Get a verification."""
    call = request.call
    async with call.db.transaction() as tx:
        found = await verifications.get(
            tx,
            verification_id=verification_id,
            user_id=call.session.user.id if call.session else None,
            now=call.now,
        )
    return Reply(shapes.verification(found))


handlers = [create_verification, put_verification, provide_data, get_verification]
