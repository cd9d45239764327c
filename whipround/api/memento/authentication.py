"""Memento, Authentication: tokens, which last long, and sessions, which last a day."""

from typing import Annotated, Literal
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, JSONBody
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, ValidationInfo, field_validator

from whipround.api.fields import Phone, Pin, wrong
from whipround.api.handling import Reply
from whipround.api.memento.call import Access, Request, route
from whipround.api.memento.people import DeviceDescription
from whipround.api.memento.shapes import people as shapes
from whipround.api.writes import limit_multiplier
from whipround.domain import sessions, tokens
from whipround.domain.credentials import InvalidCredentials, UserLocked
from whipround.errors import Throttled

_PHONE = TypeAdapter[str](Phone)

Password = Annotated[str, Field(max_length=1024)]


class Identity(BaseModel):
    """Who somebody says they are."""

    type: Literal["phone", "username"] = Field(description="`phone` or `username`.")
    value: str = Field(
        min_length=1, max_length=100, description="The phone number (verified), or the username."
    )

    @field_validator("value")
    @classmethod
    def _of_its_type(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("type") != "phone":
            return value
        try:
            return _PHONE.validate_python(value)
        except ValidationError:
            wrong("invalid", "must be an international phone number, such as +44 7911 123456")


class LogIn(BaseModel):
    """The first step of a login."""

    identity: Identity = Field(description="Who logs in.")
    authenticator: Literal["password", "sms"] = Field(description="`password` or `sms`.")
    secret: Password | None = Field(
        None,
        validate_default=True,
        repr=False,
        description="The password. May be left out for `sms`.",
        json_schema_extra={"format": "password"},
    )
    device: DeviceDescription = Field(description="The device to log in from.")

    @field_validator("secret")
    @classmethod
    def _there_for_a_password(cls, value: str | None, info: ValidationInfo) -> str | None:
        if not value and info.data.get("authenticator") == "password":
            wrong("required", "is required")
        return value


class SecondStep(BaseModel):
    """The second step of a login."""

    secret: str = Field(
        min_length=1, max_length=100, repr=False, description="The code that was sent."
    )
    pin: Pin = Field(repr=False, description="The user's PIN.")


@post(
    "/v1/tokens",
    summary="Get authentication token",
    tags=["Authentication"],
    status_code=201,
    opt=route(access=Access.ANYONE, errors=(InvalidCredentials, Throttled)),
)
async def create_token(request: Request, data: JSONBody[LogIn]) -> Reply[shapes.Authentication]:
    """Get an authentication token.

    With a right password, on a device the user has used before, it is `approved` at once. Otherwise
    it is `pending`: a code goes to the user's verified phone (else, after a password, their
    verified email) and comes back with the PIN to `/v1/tokens/{id}/secret`.
    """
    call = request.call
    issued = await tokens.log_in(
        call.db,
        login=tokens.Login(
            identity_type=data.identity.type,
            identity=data.identity.value,
            authenticator=data.authenticator,
            secret=data.secret or "",
            device=data.device.device(),
        ),
        address=call.remote_address,
        keyring=call.services.keyring,
        now=call.now,
        limit_multiplier=limit_multiplier(call),
    )
    return Reply(shapes.authentication(issued.token, secret=issued.secret))


@post(
    "/v1/tokens/{token_id:uuid}/secret",
    summary="Get authentication token – Step 2",
    tags=["Authentication"],
    status_code=200,
    opt=route(access=Access.ANYONE, errors=(InvalidCredentials, tokens.TokenNotFound)),
)
async def provide_secret(
    request: Request, token_id: FromPath[UUID], data: JSONBody[SecondStep]
) -> Reply[shapes.Authentication]:
    """Bring the code and the PIN that a pending token waits for.

    The answer has a new token; the one of the first step is good from now on too. After five wrong
    tries, or ten minutes, the token is `rejected`. Somebody who has no PIN yet, as they have signed
    up through another API, chooses it here, if the first step was the password.
    """
    call = request.call
    issued = await tokens.prove(
        call.db,
        token_id=token_id,
        code=data.secret,
        pin=data.pin,
        keyring=call.services.keyring,
        now=call.now,
    )
    return Reply(shapes.authentication(issued.token, secret=issued.secret))


@get(
    "/v1/tokens/{token_id:uuid}",
    summary="Get authentication token status",
    tags=["Authentication"],
    opt=route(access=Access.ANYONE, errors=(tokens.TokenNotFound,)),
)
async def get_token(request: Request, token_id: FromPath[UUID]) -> Reply[shapes.Authentication]:
    """Get the status of an authentication token."""
    call = request.call
    async with call.db.transaction() as tx:
        token = await tokens.status(tx, token_id=token_id, now=call.now)
    return Reply(shapes.authentication(token))


@post(
    "/v1/sessions",
    summary="Get session token",
    tags=["Authentication"],
    status_code=201,
    opt=route(access=Access.TOKEN, errors=(UserLocked,)),
)
async def create_session(request: Request) -> Reply[shapes.Session]:
    """Get a session token, for the authentication token in the Authorization header."""
    call = request.call
    async with call.db.transaction() as tx:
        opened = await sessions.open_session(tx, token_secret=call.bearer or "", now=call.now)
    return Reply(shapes.session(opened))


@post(
    "/v1/sessions/verify",
    summary="Verify session token",
    tags=["Authentication"],
    status_code=200,
    opt=route(),
)
async def verify_session(request: Request) -> Reply[None]:  # noqa: ARG001 (all is done before)
    """Verify that the session token in the Authorization header is good."""
    return Reply()


handlers = [create_token, provide_secret, get_token, create_session, verify_session]
