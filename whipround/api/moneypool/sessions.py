"""Moneypool, Sessions: logging in with email and password, and logging out."""

from litestar import delete, post
from litestar.params import JSONBody
from pydantic import BaseModel, Field

from whipround.api.fields import Email
from whipround.api.handling import Reply
from whipround.api.moneypool.call import Access, Request, route
from whipround.api.moneypool.people import oneself
from whipround.api.moneypool.shapes import people as shapes
from whipround.api.people_fields import Secret
from whipround.api.writes import limit_multiplier
from whipround.domain import logins, sessions
from whipround.domain.credentials import InvalidCredentials
from whipround.errors import Throttled, Unauthenticated


class Credentials(BaseModel):
    """Who logs in."""

    email: Email = Field(description="The user's email.")
    password: Secret = Field(repr=False, description="The user's password.")


class LogIn(BaseModel):
    """A login with email and password."""

    user: Credentials = Field(description="Who logs in.")


@post(
    "/api/sessions",
    status_code=201,
    summary="Email/Password Login",
    tags=["Sessions"],
    opt=route(access=Access.ANYONE, errors=(Unauthenticated, Throttled)),
)
async def log_in(request: Request, data: JSONBody[LogIn]) -> Reply[shapes.UserAnswer]:
    """Log in with email and password.

    The email is that of whoever has proven it; while nobody has, the newest and the first user who
    gave it can log in with it. Whatever of the two is wrong, the answer is the same.
    """
    call = request.call
    try:
        user, opened = await logins.log_in(
            call.db,
            email=data.user.email,
            password=data.user.password,
            address=call.remote_address,
            keyring=call.services.keyring,
            now=call.now,
            limit_multiplier=limit_multiplier(call),
        )
    except InvalidCredentials as error:
        raise Unauthenticated from error
    async with call.db.transaction() as tx:
        return Reply(await oneself(tx, call, user, token=opened.secret))


@delete(
    "/api/sessions",
    status_code=204,
    summary="Logout",
    tags=["Sessions"],
    opt=route(),
)
async def log_out(request: Request) -> Reply[None]:
    """Log out: the token is of no use any more. Others of the same user stay good."""
    call = request.call
    async with call.db.transaction() as tx:
        await sessions.end(tx, session_id=call.authenticated.id)
    return Reply()


handlers = [log_in, log_out]
