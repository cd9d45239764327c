"""Moneypool, Sessions: logging in with Facebook."""

from typing import Annotated

from litestar import post
from litestar.params import JSONBody
from pydantic import BaseModel, Field

from whipround.api.handling import Reply
from whipround.api.moneypool.call import Access, Request, route
from whipround.api.moneypool.people import oneself
from whipround.api.moneypool.shapes import people as shapes
from whipround.api.writes import limit_multiplier
from whipround.domain.external_logins import ExternalLoginRefused
from whipround.domain.users import joining
from whipround.errors import Throttled
from whipround.flows import facebook_logins
from whipround.flows.facebook_logins import (
    FacebookNotSetUp,
    FacebookOutOfReach,
    FacebookTokenRefused,
)

# Facebook says not to expect any length of its tokens.
OauthToken = Annotated[
    str, Field(min_length=1, max_length=4096, json_schema_extra={"format": "password"})
]


class FacebookUser(BaseModel):
    """Who logs in."""

    oauth_token: OauthToken = Field(
        repr=False, description="The user access token that Facebook's SDK gave for this app."
    )


class FacebookLogIn(BaseModel):
    """A login with Facebook."""

    user: FacebookUser = Field(description="Who logs in.")


@post(
    "/api/fb_sessions",
    status_code=201,
    summary="Facebook Login",
    tags=["Sessions"],
    opt=route(
        access=Access.ANYONE,
        errors=(
            FacebookTokenRefused,
            ExternalLoginRefused,
            FacebookNotSetUp,
            FacebookOutOfReach,
            Throttled,
        ),
    ),
)
async def log_in(request: Request, data: JSONBody[FacebookLogIn]) -> Reply[shapes.UserAnswer]:
    """Log in with Facebook, at the first time as a new user.

    Facebook is asked whose the token is. Who has logged in so before is known by that; who has not,
    and has an account with the email that Facebook knows, gets into that account if they have
    proven the email there. Otherwise an account is made, and a link is mailed that confirms its
    email. A new user has no password: `POST /api/passwords` gets them one, once the email is
    confirmed.
    """
    call = request.call
    user, opened, _ = await facebook_logins.log_in(
        call.db,
        call.services.facebook,
        oauth_token=data.user.oauth_token,
        locale=call.accepted or joining.LOCALE,
        confirmation_url=call.services.confirmation_url,
        currencies=call.product.currencies,
        address=call.remote_address,
        keyring=call.services.keyring,
        now=call.now,
        limit_multiplier=limit_multiplier(call),
    )
    async with call.db.transaction() as tx:
        return Reply(await oneself(tx, call, user, token=opened.secret))


handlers = [log_in]
