"""Moneypool, Users: the link that is mailed, and proves that an address is its user's.

The document has no such endpoint; see "later revisions", Moneypool, "Sign-up mails a link".
"""

from typing import Any

from litestar import get, post
from litestar.params import FromPath

from whipround.api import pages
from whipround.api.handling import Reply
from whipround.api.moneypool.call import Access, Request, route
from whipround.api.moneypool.errors import status_of
from whipround.api.moneypool.shapes import confirmations as shapes
from whipround.api.writes import limit_multiplier
from whipround.domain import mailed_tokens
from whipround.domain.mailed_tokens import MailedTokenNotFound
from whipround.domain.users.person import User
from whipround.errors import Invalid, Message, NotFound, Throttled

_CONFIRMED = Message("Your email address is confirmed")
_NOT_FOUND = Message("This link is no longer good")
_WHY_NOT_FOUND = Message(
    "It may have been used before: then all is well. Or it is more than seven days old, or of an"
    " address that you have changed since: then ask for another one in the app."
)
_TAKEN = Message("This email address is somebody else's")
_WHY_TAKEN = Message("Another account has confirmed it in the meantime. Choose another address.")


@get(
    "/api/confirmations/{token:str}",
    status_code=200,
    summary="Confirm an email address",
    tags=["Users"],
    opt=route(access=Access.ANYONE, is_versioned=False, errors=(MailedTokenNotFound, Invalid)),
)
async def confirm(request: Request, token: FromPath[str]) -> Reply[shapes.Confirmed]:
    """The link that was mailed to an address, for a person to follow in a browser.

    The address is its user's from then on, and so is all that was paid to it. Whoever prefers a
    page (`Accept: text/html`) gets one. A link is good once, for seven days.
    """
    call = request.call
    wants_page = pages.prefers_page(call.headers.get(b"accept", b""))
    try:
        async with call.db.transaction() as tx:
            user = await mailed_tokens.confirm(tx, secret=token, now=call.now)
    except NotFound:
        if not wants_page:
            raise
        return _page(call.language, _NOT_FOUND, _WHY_NOT_FOUND, status=status_of(NotFound))
    except Invalid:
        if not wants_page:
            raise
        return _page(call.language, _TAKEN, _WHY_TAKEN, status=status_of(Invalid))
    if wants_page:
        return _page(call.language, _CONFIRMED, _welcome(user), status=200)
    return Reply(shapes.confirmed(user))


def _welcome(user: User) -> Message:
    return Message(
        "{email} is yours, {name}. What was paid to it is in your wallet.",
        email=user.email,
        name=user.full_name,
    )


def _page(locale: str, title: Message, text: Message, *, status: int) -> Reply[Any]:
    return Reply(
        body=pages.page(title, text, locale=locale),
        status_code=status,
        more_headers=pages.HEADERS,
        content_type=pages.HTML,
    )


@post(
    "/api/confirmations",
    status_code=204,
    summary="Ask for another link",
    tags=["Users"],
    opt=route(errors=(Invalid, Throttled)),
)
async def resend(request: Request) -> Reply[None]:
    """Mails another link that confirms the email address of the current user.

    Refused once it is confirmed. Earlier links stay good.
    """
    call = request.call
    async with call.db.transaction() as tx:
        await mailed_tokens.resend_confirmation(
            tx,
            user_id=call.authenticated.user.id,
            url=call.services.confirmation_url,
            keyring=call.services.keyring,
            now=call.now,
            limit_multiplier=limit_multiplier(call),
        )
    return Reply()


handlers = [confirm, resend]
