"""A real HTTP server that answers as GitHub does where people log in with it.

As documented at
https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps and
https://docs.github.com/en/apps/oauth-apps/maintaining-oauth-apps/troubleshooting-oauth-app-access-token-request-errors.
"""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from whipround.gateways.oauth.github import GitHubProvider

CLIENT_ID = "Ov23liAbCdEfGhIjKlMn"
SECRET = "0123456789abcdef0123456789abcdef01234567"
CALLBACK = "https://app.test/popup"

Json = dict[str, Any]
Said = tuple[int, Json | bytes]

_numbers = count(1)


@dataclass
class GitHub:
    """What GitHub knows of codes and tokens, and what it was asked.

    `says` has answers that are given whatever is asked, by path: status and JSON, or bytes that are
    the whole answer.
    """

    port: int = 0
    challenges: dict[str, tuple[str, str]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    says: dict[str, Said] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    is_silent: bool = False

    @property
    def url(self) -> str:
        """In GitHub's place."""
        return f"http://127.0.0.1:{self.port}"

    def provider(self, *, secret: str = SECRET, seconds: float = 5) -> GitHubProvider:
        """Who asks it."""
        return GitHubProvider(
            client_id=CLIENT_ID,
            client_secret=secret,
            url=self.url,
            api_url=self.url,
            seconds=seconds,
        )

    def authorize(self, address: str, login: str) -> str:
        """Somebody logs in at an address; the one that they are sent back to."""
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}" == self.url
        assert parts.path == "/login/oauth/authorize"
        sent = dict(parse_qsl(parts.query))
        assert (sent["client_id"], sent["response_type"]) == (CLIENT_ID, "code")
        assert sent["code_challenge_method"] == "S256"
        assert "scope" not in sent
        code = f"{next(_numbers):020x}"
        self.challenges[code] = (sent["code_challenge"], login)
        return f"{CALLBACK}?{urlencode({'code': code, 'state': sent['state']})}"

    def answer(self, method: str, path: str, head: str, body: str) -> Said:
        """The answer to a request."""
        self.asked.append(f"{method} {path}")
        if path in self.says:
            return self.says[path]
        if (method, path) == ("POST", "/login/oauth/access_token"):
            assert "\r\naccept: application/json\r\n" in head.lower()
            return 200, self._token(dict(parse_qsl(body)))
        assert (method, path) == ("GET", "/user")
        bearer = "\r\nauthorization: bearer "
        at = head.lower().index(bearer) + len(bearer)
        login = self.tokens.get(head[at:].split("\r\n", maxsplit=1)[0])
        if login is None:
            return 401, {"message": "Bad credentials"}
        kind = "Organization" if login.startswith("org-") else "User"
        return 200, {"login": login, "id": 583231, "type": kind, "email": None}

    def _token(self, sent: Json) -> Json:
        if (sent.get("client_id"), sent.get("client_secret")) != (CLIENT_ID, SECRET):
            return _error("incorrect_client_credentials")
        assert sent["grant_type"] == "authorization_code"
        challenge, login = self.challenges.pop(sent.get("code", ""), ("", ""))
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        shown = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if not login or shown != challenge:
            return _error("bad_verification_code")
        token = f"gho_{next(_numbers):036}"
        self.tokens[token] = login
        return {"access_token": token, "scope": "", "token_type": "bearer"}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            if self.is_silent:
                await reader.read()  # until who asked has gone
                return
            marker = "content-length: "
            at = head.lower().find(marker)
            length = int(head[at + len(marker) :].split("\r\n")[0]) if at >= 0 else 0
            body = (await reader.readexactly(length)).decode()
            method, path, _ = head.split(" ", 2)
            status, said = self.answer(method, path, head, body)
            writer.write(said if isinstance(said, bytes) else _rendered(status, said))
            await writer.drain()
        except ConnectionError:
            pass  # who asked has had enough
        finally:
            writer.close()


def _error(code: str) -> Json:
    return {"error": code, "error_description": "…", "error_uri": "https://docs.github.com/"}


def _rendered(status: int, said: Json) -> bytes:
    body = json.dumps(said).encode()
    head = f"HTTP/1.1 {status} Whatever\r\nContent-Type: application/json; charset=utf-8\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


@asynccontextmanager
async def login_server() -> AsyncIterator[GitHub]:
    """GitHub on a free port of the loopback address."""
    github = GitHub()
    server = await asyncio.start_server(github.serve, "127.0.0.1", 0)
    github.port = server.sockets[0].getsockname()[1]
    async with server:
        yield github
