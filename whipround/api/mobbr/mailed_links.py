"""Mobbr, user: where the links in mails lead, and where people come back to from elsewhere.

Following one changes nothing, as what reads mail for people follows links too: it says what the
token in it is good for, and the app does the rest.
"""

from typing import Any

from litestar import get
from pydantic import BaseModel, Field

from whipround.api import pages
from whipround.api.context import Call
from whipround.api.handling import Reply
from whipround.api.mobbr.call import Access, Request, reply, route
from whipround.api.mobbr.logins import LinkLogin
from whipround.api.mobbr.shapes import users as shapes
from whipround.api.mobbr.users import ConfirmEmail
from whipround.api.people_fields import Secret
from whipround.domain import claim_links, mailed_tokens
from whipround.domain.claim_links import Waiting
from whipround.domain.mailed_tokens import MailedKind, MailedTokenNotFound
from whipround.errors import Invalid, Message
from whipround.locales import translate
from whipround.money import round_to_currency

_TAGS = ["Users"]

_GONE = Message("This link is no longer good")
_WHY_GONE = Message(
    "It may have been used before: then all is well. Or it is too old: then ask for another one in"
    " the app."
)
_LOG_IN = Message("You can log in with this")
_HOW_TO_LOG_IN = Message(
    "Log in in the app with the token in the mail, or at the end of this page's address. It is good"
    " once."
)
_CONFIRM = Message("You can confirm your email address with this")
_HOW_TO_CONFIRM = Message(
    "Confirm it in the app, where you are logged in, with the token in the mail, or at the end of"
    " this page's address. It is good once."
)
_CLAIM = Message("Money waits for you")
_NOTHING = Message("Nothing waits for you any more")
_COME_BACK = Message("You are back")
_HOW_TO_PROVE = Message(
    "Go back to the app: it needs the code and the state in this page's address."
)
_NOT_PROVEN = Message("Nothing was proven")
_WHY_NOT_PROVEN = Message("You have not logged in there, or have not let us know who you are.")


class ClaimToken(BaseModel):
    """A link that says that money waits."""

    claim_token: Secret = Field(repr=False, description="The token in the link.")


class Returning(BaseModel):
    """What a site sends somebody back with (RFC 6749, 4.1.2)."""

    code: Secret | None = Field(None, repr=False, description="What shows who they are there.")
    state: Secret | None = Field(None, repr=False, description="What they were sent there with.")
    error: str | None = Field(None, description="Why it does not say who they are.")
    error_description: str | None = Field(None, description="The same in words.")
    error_uri: str | None = Field(None, description="Where there is more about it.")
    iss: str | None = Field(None, description="Which site it is.")


@get(
    "/api_v1/user/login_link",
    summary="Look at a login link",
    tags=_TAGS,
    opt=route(access=Access.ANYONE, arguments=LinkLogin),
)
async def login_link(request: Request) -> Reply[shapes.Link]:
    """Say whether a login token can still be used, with `PUT /api_v1/user/link_login`.

    This is where the link in the mail leads: a page, for who prefers one. It changes nothing.
    """
    brought = await request.arguments(LinkLogin)
    is_good = await _is_good(request.call, "login_link", brought.login_token)
    return _link(request.call, "link_login", _LOG_IN, _HOW_TO_LOG_IN, is_good=is_good)


@get(
    "/api_v1/user/email_link",
    summary="Look at a confirmation link",
    tags=_TAGS,
    opt=route(access=Access.ANYONE, arguments=ConfirmEmail),
)
async def email_link(request: Request) -> Reply[shapes.Link]:
    """Say whether a token can still be used, with `PUT /api_v1/user/confirm_email_id`.

    This is where the link in the mail leads: a page, for who prefers one. It changes nothing.
    """
    brought = await request.arguments(ConfirmEmail)
    is_good = await _is_good(request.call, "email_id", brought.confirm_token)
    return _link(request.call, "confirm_email_id", _CONFIRM, _HOW_TO_CONFIRM, is_good=is_good)


async def _is_good(call: Call, kind: MailedKind, token: str) -> bool:
    try:
        async with call.db.transaction() as tx:
            await mailed_tokens.find(tx, kind=kind, secret=token, now=call.now)
    except MailedTokenNotFound:
        return False
    return True


def _link(
    call: Call, what: str, title: Message, text: Message, *, is_good: bool
) -> Reply[shapes.Link]:
    if not is_good:
        title, text = _GONE, _WHY_GONE
    if _wants_page(call):
        return _page(call, title, text)
    return reply(call, shapes.Link(what, is_good), title)


@get(
    "/api_v1/user/claim_link",
    summary="Look at what waits",
    tags=_TAGS,
    opt=route(access=Access.ANYONE, arguments=ClaimToken, errors=(MailedTokenNotFound,)),
)
async def claim_link(request: Request) -> Reply[shapes.ClaimLink]:
    """Say what waits for whoever was mailed a link, and how to get it. It changes nothing.

    Whoever is here calls `PUT /api_v1/user/confirm_email_id` with the token as its `confirm_token`;
    whoever is not signs up with the email and the `claim_token`. The link is good while nobody has
    proven the email.
    """
    call, brought = request.call, await request.arguments(ClaimToken)
    try:
        async with call.db.transaction() as tx:
            waiting = await claim_links.look(tx, secret=brought.claim_token, now=call.now)
    except MailedTokenNotFound:
        if not _wants_page(call):
            raise
        return _page(call, _GONE, _WHY_GONE, status=404)
    if _wants_page(call):
        return _page(call, _CLAIM if waiting.amounts else _NOTHING, _how_to_claim(waiting))
    return reply(call, shapes.claim_link(waiting), _how_to_claim(waiting))


def _how_to_claim(waiting: Waiting) -> Message:
    amounts = ", ".join(
        f"{each.currency} {round_to_currency(each.amount, each.currency):f}"
        for each in waiting.amounts
    )
    if not amounts:
        return Message("Whatever was paid to {email} has gone back.", email=waiting.email)
    return Message(
        "{amounts} was paid to {email}. To get it, sign up with this email and the token of this"
        " link, or add the token where you are logged in.",
        amounts=amounts,
        email=waiting.email,
    )


@get(
    "/api_v1/user/oauth_callback",
    summary="Come back from a site",
    tags=_TAGS,
    opt=route(access=Access.ANYONE, arguments=Returning, errors=(Invalid,)),
)
async def oauth_callback(request: Request) -> Reply[shapes.Returned]:
    """Where people come back to from `oauth_url`, if the operator has no page of their own for it.

    It says what `PUT /api_v1/user/oauth_id` needs, and changes nothing.
    """
    call, brought = request.call, await request.arguments(Returning)
    is_back = brought.code is not None and brought.state is not None
    if _wants_page(call):
        title, text = (_COME_BACK, _HOW_TO_PROVE) if is_back else (_NOT_PROVEN, _WHY_NOT_PROVEN)
        return _page(call, title, text, status=200 if is_back else 400)
    if brought.code is None or brought.state is None:
        raise Invalid.field("code", "required", _WHY_NOT_PROVEN)
    return reply(call, shapes.Returned(brought.code, brought.state), _HOW_TO_PROVE)


def _wants_page(call: Call) -> bool:
    return pages.prefers_page(call.headers.get(b"accept", b""))


def _page(call: Call, title: Message, text: Message, *, status: int = 200) -> Reply[Any]:
    return Reply(
        body=pages.page(title, translate(text, call.language), locale=call.language),
        status_code=status,
        more_headers=pages.HEADERS,
        content_type=pages.HTML,
    )


handlers = [login_link, email_link, claim_link, oauth_callback]
