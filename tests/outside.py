"""The web on this machine: a website, and what answers as GitHub does."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.gateways.github.api_server import Api, api_server
from tests.website import Site, website
from whipround.flows.scripts.web import Web
from whipround.gateways.pages.fetcher import Fetcher
from whipround.gateways.pages.networks import LOOPBACK

_numbers = count(1)

PARTICIPATION = "/participation.txt"


@dataclass(frozen=True, slots=True)
class Outside:
    """What there is outside, and the `web` by which it is asked."""

    site: Site
    github: Api
    web: Web

    def page(
        self,
        script: Mapping[str, Any] | str | None = None,
        *,
        head: str = "",
        path: str | None = None,
    ) -> str:
        """A page with a script in it, and this in its head; its address, of no other test's."""
        if isinstance(script, Mapping):
            script = json.dumps(script)
        meta = ""
        if script is not None:
            quoted = script.replace("&", "&amp;").replace('"', "&quot;")
            meta = f'<meta name="participation" content="{quoted}">'
        path = path or self.new_path()
        return self.site.serve(path, f"<html><head>{meta}{head}</head></html>".encode())

    def domain(self, *rules: tuple[str, Mapping[str, Any]]) -> None:
        """Have the domain's own scripts from now on: each a pattern and a script."""
        said = [{"url-pattern": pattern, "script": script} for pattern, script in rules]
        self.site.serve(PARTICIPATION, json.dumps(said).encode(), content_type="text/plain")

    def no_domain(self) -> None:
        """The domain has none."""
        self.site.serve(PARTICIPATION, status=404)

    def new_path(self) -> str:
        """A path at which nothing is yet."""
        return f"/pages/{next(_numbers)}"


@asynccontextmanager
async def outside_here() -> AsyncIterator[Outside]:
    """The web, with nothing on it yet."""
    async with website() as site, api_server() as github:
        asks = github.github()
        outside = Outside(site, github, Web(Fetcher(allowed=LOOPBACK), asks))
        outside.no_domain()
        yield outside
        await asks.close()
