"""Facebook's Graph API: whose an access token is, and which app it was given to.

As documented at https://developers.facebook.com/docs/graph-api/reference/debug_token,
https://developers.facebook.com/docs/graph-api/guides/secure-requests (`appsecret_proof`) and
https://developers.facebook.com/docs/graph-api/guides/error-handling.
"""

import asyncio
import hashlib
import hmac
import logging
from datetime import datetime
from typing import TypeVar

import httpx
import msgspec

from whipround.gateways.facebook.protocol import (
    FacebookPerson,
    FacebookUnavailable,
    TokenRefused,
)
from whipround.gateways.quiet import keep_addresses_out_of_logs

logger = logging.getLogger(__name__)

GRAPH = "https://graph.facebook.com"
"""Without a version: then each app is answered as the oldest that it may use, and what is asked
here is the same in all."""

ANSWER_SECONDS = 5
"""For all that is asked about one token."""

MAX_BYTES = 64 * 1024

_OTHER_APP = 100
"""The code by which a token for another app is refused; as is a parameter that is wrong."""

_TOKEN_CODES = frozenset({102, 190})
"""The codes of a token that is not good, or no longer: the one that the question is asked with."""

_APP_CODES = _TOKEN_CODES | {101}
"""The codes that are about our app, where the question is asked with its token."""

Answer = TypeVar("Answer", bound="_Answer")


class _Error(msgspec.Struct):
    code: int = 0


class _Answer(msgspec.Struct):
    error: _Error | None = None


class _Debugged(msgspec.Struct):
    """What Facebook says of a token; its numbers have been texts, and its texts numbers."""

    is_valid: bool = False
    app_id: str | int = ""
    type: str = ""
    user_id: str | int = ""
    expires_at: int = 0
    error: _Error | None = None


class _DebugAnswer(_Answer):
    data: _Debugged | None = None


class _Me(_Answer):
    id: str | int = ""
    name: str | None = None
    email: str | None = None


class GraphFacebook:
    """Asks the Graph API about tokens, in the name of one app."""

    def __init__(self, *, app_id: str, app_secret: str, url: str | None = None) -> None:
        """`url` is where the Graph API is, if not at Facebook's own address."""
        keep_addresses_out_of_logs()
        self._app_id = app_id
        self._secret = app_secret.encode()
        # Documented in place of one that would have to be asked for.
        self._app_token = f"{app_id}|{app_secret}"
        self._http = httpx.AsyncClient(
            base_url=(url or GRAPH).rstrip("/"),
            timeout=ANSWER_SECONDS,
            follow_redirects=False,
            headers={"Accept": "application/json"},
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def person(self, token: str, *, now: datetime) -> FacebookPerson:
        """Whose token it is. Raises TokenRefused, FacebookUnavailable."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                user_id = await self._user_of(token, now)
                return await self._me(token, user_id)
        except TimeoutError as error:
            raise FacebookUnavailable(f"no answer within {ANSWER_SECONDS} seconds") from error

    async def _user_of(self, token: str, now: datetime) -> str:
        """The id of the user that the token was given to, by our app. Raises as `person` does."""
        answer = await self._get(
            "/debug_token", self._app_token, {"input_token": token}, _DebugAnswer
        )
        if answer.error is not None:
            if answer.error.code == _OTHER_APP:
                raise TokenRefused("Facebook knows no such token for our app")
            if answer.error.code in _APP_CODES:
                logger.error(
                    "Facebook refuses our app (code %d): see WHIPROUND_FACEBOOK_APP_ID and"
                    " WHIPROUND_FACEBOOK_APP_SECRET",
                    answer.error.code,
                )
            raise FacebookUnavailable(f"Facebook says nothing: code {answer.error.code}")
        said = answer.data
        if said is None:
            raise FacebookUnavailable("the answer says nothing about the token")
        if not said.is_valid or said.error is not None:
            raise TokenRefused("Facebook says that the token is not valid")
        if str(said.app_id) != self._app_id:
            raise TokenRefused("the token is for another app")
        if said.type != "USER" or not str(said.user_id).isdigit():
            raise TokenRefused("the token is not a user's")
        if said.expires_at and said.expires_at <= now.timestamp():
            raise TokenRefused("the token has expired")
        return str(said.user_id)

    async def _me(self, token: str, user_id: str) -> FacebookPerson:
        me = await self._get("/me", token, {"fields": "id,name,email"}, _Me)
        if me.error is not None:
            if me.error.code in _TOKEN_CODES:
                raise TokenRefused("the token has ended meanwhile")
            raise FacebookUnavailable(f"Facebook says nothing of the user: code {me.error.code}")
        if str(me.id) != user_id:
            raise TokenRefused("the token is of another user than was said before")
        return FacebookPerson(user_id, me.name or "", me.email)

    async def _get(
        self, path: str, token: str, asked: dict[str, str], kind: type[Answer]
    ) -> Answer:
        """An answer of the API, an error of its own among them. Raises FacebookUnavailable."""
        proof = hmac.new(self._secret, token.encode(), hashlib.sha256).hexdigest()
        asked = {**asked, "access_token": token, "appsecret_proof": proof}
        try:
            async with self._http.stream("GET", path, params=asked) as answer:
                document = b""
                async for part in answer.aiter_bytes():
                    document += part
                    if len(document) > MAX_BYTES:
                        raise FacebookUnavailable("the answer is too long")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Its text might quote the address, and with it a token.
            raise FacebookUnavailable(f"no answer: {type(error).__name__}") from None
        try:
            said = msgspec.json.decode(document, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise FacebookUnavailable(
                f"the answer ({answer.status_code}) is none of the Graph API's"
            ) from None
        if answer.status_code != httpx.codes.OK and (
            said.error is None or not 400 <= answer.status_code < 500
        ):
            raise FacebookUnavailable(f"the answer is {answer.status_code}")
        return said
