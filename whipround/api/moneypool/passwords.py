"""Moneypool, Reset Password, which the document names without describing it.

See "later revisions", Moneypool, "The documents name a Reset Password".
"""

import asyncio

from litestar import patch, post
from litestar.params import JSONBody
from pydantic import BaseModel, Field

from whipround.api.fields import Email
from whipround.api.handling import Reply
from whipround.api.moneypool.call import Access, Request, route
from whipround.api.moneypool.fields import Confirmation
from whipround.api.people_fields import Password, Secret
from whipround.api.writes import limit_multiplier
from whipround.domain import password_resets
from whipround.domain.credentials import PasswordsBusy
from whipround.errors import Invalid, Throttled

ANSWERED_AFTER_SECONDS = 0.1
"""More than it takes to write a mail: how soon the answer comes tells nobody whether one was."""


class ForgetfulUser(BaseModel):
    """Who has no password, or none that they know."""

    email: Email = Field(description="The email address that the user has confirmed.")


class ForgottenPassword(BaseModel):
    """A request for a token."""

    user: ForgetfulUser = Field(description="The user.")


class UserWithToken(BaseModel):
    """A new password, and the token that lets set it."""

    reset_token: Secret = Field(repr=False, description="The token that was mailed.")
    password: Password = Field(repr=False, description="The new password.")
    password_confirmation: Confirmation = Field(repr=False, description="The new password again.")


class PasswordReset(BaseModel):
    """A new password."""

    user: UserWithToken = Field(description="The user.")


@post(
    "/api/passwords",
    status_code=204,
    summary="Ask for a new password",
    tags=["Passwords"],
    opt=route(access=Access.ANYONE, errors=(Invalid, Throttled)),
)
async def ask(request: Request, data: JSONBody[ForgottenPassword]) -> Reply[None]:
    """Mails a token with which a new password can be set, good once and for two hours.

    To an address that a user has confirmed, and to no other; the answer is always the same, so that
    nobody learns whose is.
    """
    call = request.call
    loop = asyncio.get_running_loop()
    answers_at = loop.time() + ANSWERED_AFTER_SECONDS
    async with call.db.transaction() as tx:
        await password_resets.ask(
            tx,
            email=data.user.email,
            address=call.remote_address,
            keyring=call.services.keyring,
            now=call.now,
            limit_multiplier=limit_multiplier(call),
        )
    await asyncio.sleep(answers_at - loop.time())
    return Reply()


@patch(
    "/api/passwords",
    status_code=204,
    summary="Set a new password",
    tags=["Passwords"],
    opt=route(access=Access.ANYONE, errors=(Invalid, PasswordsBusy)),
)
async def reset(request: Request, data: JSONBody[PasswordReset]) -> Reply[None]:
    """Sets a new password with the token that was mailed.

    Ends everything that the user is logged in with, here and elsewhere, and uses up all tokens that
    were mailed to them for this.
    """
    call = request.call
    await password_resets.reset(
        call.db,
        reset_token=data.user.reset_token,
        password=data.user.password,
        now=call.now,
    )
    return Reply()


handlers = [ask, reset]
