"""Asks GitHub's API one question at a time, and reads the answer.

Nothing is asked of any other host, wherever the API redirects to, so the token goes nowhere else.
"""

import logging
import ssl
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Generic, NamedTuple, TypeVar

import httpx
import msgspec

from whipround import __version__
from whipround.gateways.github.saying import (
    GitHubUnavailable,
    NotOnGitHub,
    RateLimited,
    Refused,
    Withheld,
)
from whipround.gateways.quiet import keep_addresses_out_of_logs

logger = logging.getLogger(__name__)

MAX_BYTES = 8 * 1024 * 1024
"""Of one answer: a hundred comments may be long."""

MAX_REDIRECTS = 3

_HEADERS = {
    "accept": "application/vnd.github+json",
    "x-github-api-version": "2022-11-28",
    "user-agent": f"whipround/{__version__}",  # it answers nobody without
}

_PAUSE = timedelta(minutes=1)
"""Documented, for where GitHub does not say how long it wants to be left alone."""

_LONGEST_PAUSE = timedelta(hours=1)
"""The limits are by the hour; a clock that is wrong shall not silence us for longer."""

Said = TypeVar("Said")


class Answer(NamedTuple, Generic[Said]):
    """What was said, if anything, and where the list goes on, if it does."""

    said: Said | None
    next_url: str | None


class _Trouble(msgspec.Struct):
    documentation_url: str | None = None


class Client:
    """The API at `url`, asked with a token if there is one."""

    def __init__(self, *, url: str, token: str | None, seconds: float) -> None:
        keep_addresses_out_of_logs()
        self.has_token = token is not None
        self._base = httpx.URL(url.rstrip("/"))
        self._quiet_until = datetime.min.replace(tzinfo=UTC)
        self._http = httpx.AsyncClient(
            verify=_tls(),
            timeout=seconds,
            follow_redirects=False,
            headers=_HEADERS if token is None else {**_HEADERS, "authorization": f"Bearer {token}"},
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def address(self, path: str) -> str:
        """The address of a path of the API."""
        return f"{self._base}{path}"

    async def get(self, url: str, kind: type[Said]) -> Answer[Said]:
        """The answer at an address of the API, after its redirects. Raises a GitHubError.

        While GitHub wants to be left alone, it is: it may ban who goes on.
        """
        if datetime.now(UTC) < self._quiet_until:
            raise RateLimited(self._quiet_until)
        asked = self._checked(url)
        try:
            for _ in range(1 + MAX_REDIRECTS):
                async with self._http.stream("GET", asked) as answer:
                    if not answer.has_redirect_location:
                        return self._read(answer, await _body(answer), kind)
                    asked = self._checked(answer.headers["location"], asked)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise GitHubUnavailable(f"no answer: {type(error).__name__}") from None
        raise GitHubUnavailable(f"more than {MAX_REDIRECTS} redirects")

    def _checked(self, url: str, base: httpx.URL | None = None) -> httpx.URL:
        """The address, which must be one of the API. Raises GitHubUnavailable."""
        try:
            whole = (base or self._base).join(url)
        except httpx.InvalidURL:
            raise GitHubUnavailable("the API leads to what is no address") from None
        here = (whole.scheme, whole.raw_host, whole.port, whole.userinfo)
        if here != (self._base.scheme, self._base.raw_host, self._base.port, b""):
            raise GitHubUnavailable("the API leads elsewhere")
        return whole

    def _read(self, answer: httpx.Response, body: bytes, kind: type[Said]) -> Answer[Said]:
        status = answer.status_code
        if status == httpx.codes.NO_CONTENT:
            return Answer(None, None)
        if status != httpx.codes.OK:
            raise self._error(answer, body)
        try:
            said = msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise GitHubUnavailable("the answer is none of GitHub's") from None
        return Answer(said, answer.links.get("next", {}).get("url"))

    def _error(self, answer: httpx.Response, body: bytes) -> Exception:
        status = answer.status_code
        if status in (404, 410):
            return NotOnGitHub("there is no such thing, or it is not public")
        if status == 451:
            return Withheld("it may not be shown, by law")
        if status in (403, 429):
            until = _until(answer, body)
            if until is None:
                return Refused(f"the answer is {status}")
            self._quiet_until = until
            return RateLimited(until)
        if status == 401:
            logger.error("GitHub refuses our token: see WHIPROUND_GITHUB_TOKEN")
        return GitHubUnavailable(f"the answer is {status}")


@cache
def _tls() -> ssl.SSLContext:
    """Takes a while to make."""
    return httpx.create_ssl_context()


async def _body(answer: httpx.Response) -> bytes:
    """All of an answer. Raises GitHubUnavailable, httpx.HTTPError."""
    body = bytearray()
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > MAX_BYTES:
            raise GitHubUnavailable("the answer is too long")
    return bytes(body)


def _until(answer: httpx.Response, body: bytes) -> datetime | None:
    """Until when GitHub wants no more questions; None where it refuses this one only."""
    now = datetime.now(UTC)
    retry_after = answer.headers.get("retry-after", "")
    reset = answer.headers.get("x-ratelimit-reset", "")
    if retry_after.isdecimal():
        pause = timedelta(seconds=min(int(retry_after), 86_400))
    elif answer.headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        pause = timedelta(seconds=min(int(reset) - now.timestamp(), 86_400))
    elif answer.status_code == 429 or _is_about_limits(body):
        pause = _PAUSE
    else:
        return None
    return now + min(max(pause, timedelta(seconds=1)), _LONGEST_PAUSE)


def _is_about_limits(body: bytes) -> bool:
    """Whether the answer refers to what the documentation says of limits.

    A secondary limit is told so, when it is told by no header.
    """
    try:
        trouble = msgspec.json.decode(body, type=_Trouble)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return "rate-limit" in (trouble.documentation_url or "")
