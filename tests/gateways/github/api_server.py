"""A real HTTP server that answers as GitHub's REST API does.

As documented at https://docs.github.com/rest/repos/repos, https://docs.github.com/rest/issues,
https://docs.github.com/rest/users/users and
https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from whipround.gateways.github.rest import GitHub

TOKEN = "github_pat_11ABCDEFG0"

Json = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """An answer: what is said in it, or bytes that are all of it."""

    said: Json | list[Json] | bytes | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def rendered(self) -> bytes:
        """As it goes out."""
        if isinstance(self.said, bytes):
            return self.said
        body = b"" if self.said is None else json.dumps(self.said).encode()
        lines = [
            f"HTTP/1.1 {self.status} Whatever",
            "Content-Type: application/json; charset=utf-8",
            f"Content-Length: {len(body)}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Api:
    """What GitHub knows, by path; `asked` are paths and queries, and `heads` what came with them.

    `says` has answers that are given whatever is known.
    """

    port: int = 0
    known: dict[str, Json | list[Json] | None] = field(default_factory=dict)
    says: dict[str, Reply] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    is_silent: bool = False

    @property
    def url(self) -> str:
        """In the place of GitHub's."""
        return f"http://127.0.0.1:{self.port}"

    def github(self, *, token: str | None = None, seconds: float = 5.0) -> GitHub:
        """Who asks it."""
        return GitHub(url=self.url, token=token, seconds=seconds)

    def has_repository(
        self, name: str, contributors: Sequence[Json] | None = (), **of: Any
    ) -> Json:
        """A repository, OWNER/NAME, with who wrote it; `of` is what else is said of it."""
        owner = name.partition("/")[0]
        path = f"/repos/{name}"
        about: Json = {
            "id": 1296269,
            "name": name.partition("/")[2],
            "full_name": name,
            "owner": user(owner),
            "private": False,
            "html_url": f"https://github.com/{name}",
            "description": "This your first repo!",
            "fork": False,
            "url": self.url + path,
            "contributors_url": f"{self.url}{path}/contributors",
            "language": None,
            "topics": [],
            "visibility": "public",
            **of,
        }
        self.known[path] = about
        self.known[f"{path}/contributors"] = None if contributors is None else list(contributors)
        return about

    def has_issue(
        self, name: str, number: int, commenters: Sequence[Json | None] = (), **of: Any
    ) -> Json:
        """An issue of the repository NAME, with who commented on it."""
        path = f"/repos/{name}/issues/{number}"
        about: Json = {
            "id": 1,
            "url": self.url + path,
            "repository_url": f"{self.url}/repos/{name}",
            "comments_url": f"{self.url}{path}/comments",
            "html_url": f"https://github.com/{name}/issues/{number}",
            "number": number,
            "state": "open",
            "title": "Found a bug",
            "body": "I'm having a problem with this.",
            "user": user("octocat"),
            "labels": [],
            "assignee": None,
            "assignees": [],
            "comments": len(commenters),
            "closed_at": None,
            "closed_by": None,
            "state_reason": None,
            **of,
        }
        self.known[path] = about
        self.known[f"{path}/comments"] = [
            {"id": 1, "body": "Me too", "user": who} for who in commenters
        ]
        return about

    def answer(self, target: str) -> Reply:
        """The answer to a GET."""
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        if path in self.says:
            return self.says[path]
        if path not in self.known:
            said = {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}
            return Reply({**said, "status": "404"}, 404)
        said_of_it = self.known[path]
        if said_of_it is None:
            return Reply(None, 204)
        if not isinstance(said_of_it, list):
            return Reply(said_of_it)
        size, page = int(query.get("per_page", ["30"])[0]), int(query.get("page", ["1"])[0])
        assert size <= 100
        last = max(1, -(-len(said_of_it) // size))
        link = [
            f'<{self.url}{path}?per_page={size}&page={at}>; rel="{rel}"'
            for rel, at in (("prev", page - 1), ("next", page + 1), ("last", last))
            if 1 <= at <= last and page < last
        ]
        headers = {"Link": ", ".join(link)} if link else {}
        return Reply(said_of_it[(page - 1) * size : page * size], headers=headers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head)
            self.asked.append(head.split()[1])
            if self.is_silent:
                await reader.read()  # until who asked has gone
                return
            writer.write(self.answer(head.split()[1]).rendered())
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # who asked has had enough
        finally:
            writer.close()


def user(login: str, kind: str = "User", **of: Any) -> Json:
    """Somebody, as they are told everywhere."""
    return {
        "login": login,
        "id": 1,
        "avatar_url": f"https://avatars.githubusercontent.com/{login}",
        "gravatar_id": "",
        "html_url": f"https://github.com/{login}",
        "type": kind,
        "site_admin": False,
        **of,
    }


def contributor(login: str, commits: int, kind: str = "User") -> Json:
    """Somebody who wrote in a repository."""
    return user(login, kind, contributions=commits)


def limited(**headers: str) -> Callable[[int], Reply]:
    """An answer to who has asked too often, by its status."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda status: Reply({"message": "API rate limit exceeded"}, status, named)


@asynccontextmanager
async def api_server() -> AsyncIterator[Api]:
    """The API on a free port of the loopback address, which knows nothing yet."""
    api = Api()
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0)
    api.port = server.sockets[0].getsockname()[1]
    async with server:
        yield api
