"""Logging in with GitHub, to show that a profile there is one's own.

As documented at
https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps and
https://docs.github.com/en/apps/oauth-apps/maintaining-oauth-apps/troubleshooting-oauth-app-access-token-request-errors.
No permission is asked for: whose profile it is GitHub says without any. The token that it gives is
used once, and not kept.
"""

import asyncio
import logging
from typing import TypeVar

import httpx
import msgspec
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from whipround import __version__
from whipround.gateways.oauth.protocol import CodeRefused, ProviderUnavailable
from whipround.gateways.profiles import profile_of
from whipround.gateways.quiet import keep_addresses_out_of_logs

logger = logging.getLogger(__name__)

GITHUB = "https://github.com"
API = "https://api.github.com"

ANSWER_SECONDS = 5
"""For all that is asked about one person."""

MAX_BYTES = 64 * 1024

_APP_ERRORS = frozenset({"incorrect_client_credentials", "redirect_uri_mismatch"})
"""What is wrong with our app, and not with what somebody came back with."""

Said = TypeVar("Said")


class _Token(msgspec.Struct):
    access_token: str = ""
    error: str = ""


class _Me(msgspec.Struct):
    login: str = ""
    type: str = ""


class GitHubProvider:
    """Asks GitHub about people who come back from there, in the name of one app."""

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        url: str | None = None,
        api_url: str | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        """`url` and `api_url` are where GitHub and its REST API are, if not at its own."""
        keep_addresses_out_of_logs()
        self._client_id = client_id
        self._client_secret = client_secret
        self._url = (url or GITHUB).rstrip("/")
        self._api = (api_url or API).rstrip("/")
        self._seconds = seconds
        self._http = httpx.AsyncClient(
            timeout=seconds,
            follow_redirects=False,
            headers={"accept": "application/json", "user-agent": f"whipround/{__version__}"},
        )

    def address(self, *, state: str, verifier: str) -> str:
        """Where somebody logs in; GitHub sends them back to the address that the app has there."""
        address: str = prepare_grant_uri(
            f"{self._url}/login/oauth/authorize",
            client_id=self._client_id,
            response_type="code",
            state=state,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return address

    async def profile(self, *, code: str, verifier: str) -> str:
        """The profile of whoever came back with the code. Raises CodeRefused, ProviderUnavailable.

        Organizations are nobody's.
        """
        try:
            async with asyncio.timeout(self._seconds):
                token = await self._token(code, verifier)
                me = await self._asked(
                    "GET",
                    f"{self._api}/user",
                    _Me,
                    headers={"authorization": f"Bearer {token}"},
                )
        except TimeoutError as error:
            raise ProviderUnavailable(f"no answer within {self._seconds} seconds") from error
        profile = profile_of(f"{GITHUB}/{me.login}")
        if me.type != "User" or profile is None or profile.name != me.login.lower():
            raise ProviderUnavailable("the answer does not say who it is")
        return profile.url

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _token(self, code: str, verifier: str) -> str:
        """What GitHub gives for the code."""
        form = prepare_token_request(
            "authorization_code",
            code=code,
            code_verifier=verifier,
            client_id=self._client_id,
            client_secret=self._client_secret,
        )
        answer = await self._asked(
            "POST",
            f"{self._url}/login/oauth/access_token",
            _Token,
            content=form,
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        if answer.error in _APP_ERRORS:
            logger.error(
                "GitHub refuses our app (%s): see WHIPROUND_GITHUB_CLIENT_ID and"
                " WHIPROUND_GITHUB_CLIENT_SECRET",
                answer.error,
            )
            raise ProviderUnavailable(f"GitHub refuses our app: {answer.error}")
        if answer.error:
            raise CodeRefused("GitHub refuses the code")
        token = answer.access_token
        if not token or not token.isascii() or not token.isprintable():
            raise ProviderUnavailable("the answer has no token")
        return token

    async def _asked(
        self,
        method: str,
        url: str,
        kind: type[Said],
        *,
        content: str | None = None,
        headers: dict[str, str],
    ) -> Said:
        """Raises ProviderUnavailable for whatever is no answer of GitHub's."""
        document = b""
        try:
            async with self._http.stream(method, url, content=content, headers=headers) as answer:
                async for part in answer.aiter_bytes():
                    document += part
                    if len(document) > MAX_BYTES:
                        raise ProviderUnavailable("the answer is too long")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Its text might quote what was sent.
            raise ProviderUnavailable(f"no answer: {type(error).__name__}") from None
        if answer.status_code != httpx.codes.OK:
            raise ProviderUnavailable(f"the answer is {answer.status_code}")
        try:
            return msgspec.json.decode(document, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ProviderUnavailable("the answer is none of GitHub's") from None
