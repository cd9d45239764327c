"""Mobbr, user: signing up, logging in and out."""

import asyncio
from collections.abc import Collection
from typing import Annotated

from litestar import delete, get, put
from pydantic import BaseModel, Field

from whipround.api.context import Call
from whipround.api.fields import Email
from whipround.api.handling import Reply
from whipround.api.mobbr.call import Access, Request, hosts_of, reply, route
from whipround.api.mobbr.oneself import oneself
from whipround.api.mobbr.shapes import users as shapes
from whipround.api.mobbr.shapes_base import utc_time
from whipround.api.people_fields import Password, Secret, Username
from whipround.api.writes import limit_multiplier
from whipround.domain import login_links, sessions, token_logins
from whipround.domain.credentials import InvalidCredentials, PasswordsBusy
from whipround.domain.mailed_tokens import MailedTokenNotFound
from whipround.domain.payees import Address
from whipround.domain.scripts.recipients import recipient
from whipround.domain.token_logins import LoggedIn
from whipround.domain.users import registration
from whipround.errors import Invalid, Message, Throttled
from whipround.gateways.profiles import profile_of

ANSWERED_AFTER_SECONDS = 0.1
"""More than it takes to write a mail: how soon the answer comes tells nobody whether one was."""

_LANGUAGE = "en"
"""Of somebody whose client does not say which one it is."""

_TAGS = ["Users"]

Named = Annotated[str, Field(min_length=1, max_length=254)]
"""A username or an email, of any form: nobody is told that it can be neither."""


class Register(BaseModel):
    """Who signs up."""

    username: Username = Field(
        description="The name: 3 to 30 letters, digits, `.`, `_` and `-`, with a letter."
    )
    email: Email = Field(description="The email address, which is to be confirmed.")
    password: Password = Field(repr=False, description="The password: 6 to 128 characters.")
    claim_token: Secret | None = Field(
        None,
        repr=False,
        description="The token of a mail that says that money waits for this email: it confirms it"
        " at once.",
    )


class PasswordLogin(BaseModel):
    """Who logs in with a password."""

    username: Named = Field(description="The username, or the email once it is confirmed.")
    password: Secret = Field(repr=False, description="The password.")


class LinkLogin(BaseModel):
    """Who logs in with what was mailed to them."""

    login_token: Secret = Field(repr=False, description="The token that was mailed.")


class SendLoginLink(BaseModel):
    """Who wants to be mailed a link."""

    username_or_email_or_id: Annotated[str, Field(min_length=1, max_length=2_000)] = Field(
        description="A username, an email, or any other `id` that the user has proven to be theirs."
    )


@put(
    "/api_v1/user/register_user_send_login_link",
    status_code=201,
    summary="Create user",
    tags=_TAGS,
    opt=route(access=Access.PUBLIC, arguments=Register, errors=(Invalid, Throttled, PasswordsBusy)),
)
async def register(request: Request) -> Reply[None]:
    """Sign up, with a wallet. A token to log in with is mailed to the email, and confirms it.

    What was paid to the email arrives then. Until then it keeps nobody else from using it, and the
    password is good already.
    """
    call, new = request.call, await request.arguments(Register)
    await registration.register(
        call.db,
        username=new.username,
        email=new.email,
        password=new.password,
        claim_token=new.claim_token,
        locale=call.accepted or _LANGUAGE,
        login_url=call.services.links.login,
        currencies=call.product.currencies,
        address=call.remote_address,
        keyring=call.services.keyring,
        now=call.now,
        limit_multiplier=limit_multiplier(call),
    )
    if new.claim_token is not None:
        return reply(
            call, None, Message("{email} is yours, and what was paid to it", email=new.email)
        )
    return reply(call, None, Message("Activation link sent to: {email}", email=new.email))


@put(
    "/api_v1/user/password_login",
    status_code=201,
    summary="Password login",
    tags=_TAGS,
    opt=route(
        access=Access.PUBLIC,
        arguments=PasswordLogin,
        errors=(InvalidCredentials, Throttled, PasswordsBusy),
    ),
)
async def password_login(request: Request) -> Reply[shapes.User]:
    """Log in to get a `token`, to call with in place of the password, and an empty username.

    It is good until it has not been used for 30 days.
    """
    call, who = request.call, await request.arguments(PasswordLogin)
    logged_in = await token_logins.log_in(
        call.db,
        call.services.basic_auth,
        username=who.username,
        password=who.password,
        address=call.remote_address,
        now=call.now,
    )
    return await _welcome(call, logged_in)


@put(
    "/api_v1/user/link_login",
    status_code=201,
    summary="Login with link",
    tags=_TAGS,
    opt=route(
        access=Access.PUBLIC,
        arguments=LinkLogin,
        errors=(InvalidCredentials, Invalid),
        renamed={"email": "login_token"},
    ),
)
async def link_login(request: Request) -> Reply[shapes.User]:
    """Log in with a token that was mailed, which is good once. As `password_login`.

    The email that it went to is confirmed by it.
    """
    call, brought = request.call, await request.arguments(LinkLogin)
    try:
        async with call.db.transaction() as tx:
            logged_in = await login_links.log_in(tx, secret=brought.login_token, now=call.now)
    except MailedTokenNotFound as error:
        raise InvalidCredentials from error
    return await _welcome(call, logged_in)


async def _welcome(call: Call, logged_in: LoggedIn) -> Reply[shapes.User]:
    async with call.db.transaction() as tx:
        me = await oneself(tx, call, logged_in.user.id, token=logged_in.opened.secret)
    before = logged_in.previous_login_at
    if before is None:
        return reply(call, me, "Welcome")
    welcome = Message("Welcome back, previous login: {time}", time=utc_time(before))
    return reply(call, me, welcome)


@get(
    "/api_v1/user/send_login_link",
    summary="Send login link",
    tags=_TAGS,
    opt=route(access=Access.PUBLIC, arguments=SendLoginLink, errors=(Throttled,)),
)
async def send_login_link(request: Request) -> Reply[None]:
    """Have a token to log in with mailed to the confirmed email of a user.

    The answer is always the same, so that nobody learns who is here.
    """
    call, asked = request.call, await request.arguments(SendLoginLink)
    loop = asyncio.get_running_loop()
    answers_at = loop.time() + ANSWERED_AFTER_SECONDS
    async with call.db.transaction() as tx:
        await login_links.ask(
            tx,
            whom=_whom(asked.username_or_email_or_id, hosts=hosts_of(call)),
            url=call.services.links.login,
            address=call.remote_address,
            keyring=call.services.keyring,
            now=call.now,
            limit_multiplier=limit_multiplier(call),
        )
    await asyncio.sleep(answers_at - loop.time())
    return reply(call, None, "If there is such a user, a login link was sent to their email")


def _whom(text: str, *, hosts: Collection[str]) -> str | Address | None:
    """The username or the address that is meant; None for what can be neither."""
    match recipient(text, hosts=hosts):
        case "username", name:
            return name
        case ("email" | "phone") as kind, address:
            return kind, address
        case "url", address:
            profile = profile_of(address)
            return ("profile", profile.url) if profile else None
    return None


@delete("/api_v1/user/logout", status_code=200, summary="Logout", tags=_TAGS, opt=route())
async def log_out(request: Request) -> Reply[None]:
    """Log out: the token that this is called with is of no use any more.

    Who calls with a password has nothing to end.
    """
    call = request.call
    async with call.db.transaction() as tx:
        await sessions.end(tx, session_id=call.authenticated.id)
    return reply(call, None, "Logged out")


@get("/api_v1/user/ping", summary="Ping", tags=_TAGS, opt=route())
async def ping(request: Request) -> Reply[bool]:
    """See whether the credentials are good, and keep the token that this is called with alive."""
    return reply(request.call, result=True)


handlers = [register, password_login, link_login, send_login_link, log_out, ping]
