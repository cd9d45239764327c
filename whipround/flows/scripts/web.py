"""Asks the web for payment scripts: pages, and GitHub, whose answers are kept for a moment."""

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias, TypeVar

from whipround.errors import Declined, Unavailable
from whipround.gateways.github.addresses import IssueAddress, RepositoryAddress
from whipround.gateways.github.live import open_github
from whipround.gateways.github.rest import GitHub
from whipround.gateways.github.saying import (
    GitHubError,
    GitHubUnavailable,
    Issue,
    RateLimited,
    Repository,
)
from whipround.gateways.pages import sources
from whipround.gateways.pages.fetcher import FetchError, Fetches, FetchFailed
from whipround.gateways.pages.sources import Sources
from whipround.settings import Settings

logger = logging.getLogger(__name__)

KEPT_SECONDS = 60.0
"""How long an answer of GitHub's does for further questions; it counts what we ask."""

MOST_KEPT = 200

At: TypeAlias = RepositoryAddress | IssueAddress

Said = TypeVar("Said", Repository, Issue)


class NoScript(Declined):
    """No payment script found"""

    code = "no_script"


class ScriptOutOfReach(Declined):
    """The page or its payment script cannot be read right now: try again later."""

    code = "script_out_of_reach"


class GitHubOutOfReach(Unavailable):
    """GitHub cannot be asked right now: try again later."""


class Web:
    """Where scripts are asked for; the same for all products."""

    def __init__(
        self, fetcher: Fetches, github: GitHub, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetcher = fetcher
        self._github = github
        self._clock = clock
        self._kept: dict[At, tuple[float, Repository | Issue]] = {}

    async def page(self, url: str) -> Sources:
        """What there is to know about an address. Raises NoScript, ScriptOutOfReach."""
        try:
            return await sources.ask(self._fetcher, url)
        except FetchFailed as error:
            raise ScriptOutOfReach from error
        except FetchError as error:
            # Not told why: nobody learns by us which addresses are those of our own network.
            raise NoScript from error

    async def repository(self, at: RepositoryAddress, *, is_fresh: bool) -> Repository:
        """A repository and who wrote it, as it is now or was a minute ago.

        Raises NoScript, GitHubOutOfReach.
        """
        kept = None if is_fresh else self._recent(at)
        if isinstance(kept, Repository):
            return kept
        said = await _asked(self._github.repository(at))
        self._keep(at, said)
        return said

    async def issue(self, at: IssueAddress, *, is_fresh: bool) -> Issue:
        """An issue and who took part in it, as it is now or was a minute ago.

        Raises NoScript, GitHubOutOfReach.
        """
        kept = None if is_fresh else self._recent(at)
        if isinstance(kept, Issue):
            return kept
        said = await _asked(self._github.issue(at))
        self._keep(at, said)
        return said

    def _recent(self, at: At) -> Repository | Issue | None:
        kept = self._kept.get(at)
        return kept[1] if kept is not None and self._clock() - kept[0] < KEPT_SECONDS else None

    def _keep(self, at: At, said: Repository | Issue) -> None:
        self._kept.pop(at, None)
        self._kept[at] = (self._clock(), said)
        if len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]


async def _asked(asking: Awaitable[Said]) -> Said:
    try:
        return await asking
    except (RateLimited, GitHubUnavailable) as error:
        logger.warning("GitHub cannot be asked: %s", error)
        raise GitHubOutOfReach from error
    except GitHubError as error:
        raise NoScript from error


@asynccontextmanager
async def open_web(settings: Settings, fetcher: Fetches) -> AsyncIterator[Web]:
    """The web as the settings have it, for as long as it is needed. Raises GatewayMisconfigured."""
    async with open_github(settings) as github:
        yield Web(fetcher, github)
