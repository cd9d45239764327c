"""A real HTTP server that answers as Facebook's Graph API does.

As documented at https://developers.facebook.com/docs/graph-api/reference/debug_token,
https://developers.facebook.com/docs/graph-api/guides/secure-requests and
https://developers.facebook.com/docs/graph-api/guides/error-handling.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from whipround.gateways.facebook.graph import GraphFacebook

APP_ID = "138483919580948"
SECRET = "0123456789abcdef0123456789abcdef"

Json = dict[str, Any]
Said = tuple[int, Json | bytes]

_numbers = count(10_000_000_000_000)


def failure(code: int, message: str, *, status: int = 400) -> Said:
    """How the Graph API refuses a request."""
    said = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A1b2"}
    return status, {"error": said}


@dataclass
class Graph:
    """What Facebook knows of tokens, and what it was asked.

    `says` has answers that are given whatever is asked, by path: status and JSON, or bytes that are
    the whole answer.
    """

    port: int = 0
    tokens: dict[str, tuple[Json, Json]] = field(default_factory=dict)
    says: dict[str, Said] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    is_silent: bool = False

    @property
    def url(self) -> str:
        """In Facebook's place."""
        return f"http://127.0.0.1:{self.port}"

    def facebook(self, *, secret: str = SECRET, url: str | None = None) -> GraphFacebook:
        """Who asks it."""
        return GraphFacebook(app_id=APP_ID, app_secret=secret, url=url or self.url)

    def knows(
        self,
        name: str = "Jon Dough",
        email: str | None = None,
        *,
        me: Json | None = None,
        **of: Any,
    ) -> str:
        """The token of somebody; `of` is what else is said of it, and `me` of them."""
        number = next(_numbers)
        token = f"EAAB{number}ZD|&+ é"
        debugged: Json = {
            "app_id": APP_ID,
            "type": "USER",
            "application": "Whipround",
            "data_access_expires_at": int(time.time()) + 90 * 86_400,
            "expires_at": int(time.time()) + 3600,
            "is_valid": True,
            "issued_at": int(time.time()) - 60,
            "scopes": ["email", "public_profile"],
            "user_id": str(number),
        }
        person: Json = {"id": str(number), "name": name}
        if email is not None:
            person["email"] = email
        self.tokens[token] = ({**debugged, **of}, {**person, **(me or {})})
        return token

    def answer(self, path: str, asked: dict[str, str]) -> Said:
        """The answer to a GET."""
        self.asked.append((path, asked))
        if path in self.says:
            return self.says[path]
        token = asked["access_token"]
        known = {"/debug_token": [f"{APP_ID}|{SECRET}"], "/me": self.tokens}[path]
        if token not in known:
            return failure(190, "Invalid OAuth access token signature.")
        proof = hmac.new(SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()
        if asked.get("appsecret_proof") != proof:
            return failure(100, "Invalid appsecret_proof provided in the API argument")
        if path == "/debug_token":
            return self._debugged(asked["input_token"])
        fields = {**self.tokens[token][1]}
        return 200, {name: fields[name] for name in asked["fields"].split(",") if name in fields}

    def _debugged(self, token: str) -> Said:
        if token in self.tokens:
            return 200, {"data": self.tokens[token][0]}
        error = {"code": 190, "message": "Invalid OAuth access token."}
        return 200, {"data": {"error": error, "is_valid": False, "scopes": []}}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            if self.is_silent:
                await reader.read()  # until who asked has gone
                return
            parts = urlsplit(head.split()[1])
            status, said = self.answer(parts.path, dict(parse_qsl(parts.query)))
            writer.write(said if isinstance(said, bytes) else _rendered(status, said))
            await writer.drain()
        except ConnectionError:
            pass  # who asked has had enough
        finally:
            writer.close()


def _rendered(status: int, said: Json) -> bytes:
    body = json.dumps(said).encode()
    head = f"HTTP/1.1 {status} Whatever\r\nContent-Type: text/javascript; charset=UTF-8\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


@asynccontextmanager
async def graph_server() -> AsyncIterator[Graph]:
    """The Graph API on a free port of the loopback address, which knows nobody yet."""
    graph = Graph()
    server = await asyncio.start_server(graph.serve, "127.0.0.1", 0)
    graph.port = server.sockets[0].getsockname()[1]
    async with server:
        yield graph
