"""GitHub's REST API: repositories with who wrote them, issues with who took part, people.

As documented at https://docs.github.com/rest/repos/repos, https://docs.github.com/rest/issues and
https://docs.github.com/rest/users/users; for limits
https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api, for lists
https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import islice
from typing import Literal, TypeVar

import msgspec

from whipround.gateways.github.addresses import IssueAddress, RepositoryAddress, is_login
from whipround.gateways.github.client import Client
from whipround.gateways.github.saying import (
    Account,
    Contributor,
    GitHubTooSlow,
    GitHubUnavailable,
    Issue,
    NotOnGitHub,
    Person,
    Repository,
)
from whipround.gateways.pages.wording import line, lines

GITHUB = "https://api.github.com"

ANSWER_SECONDS = 5.0
"""For all that is asked about one thing."""

MOST_PEOPLE = 100

TITLE_CHARACTERS = 500
DESCRIPTION_CHARACTERS = 2_000

# As many as GitHub gives at once, and how often more are asked for.
_PAGE = 100
_PAGES = 10

# Who stands for all whose account is no more.
_GHOST = "ghost"

Said = TypeVar("Said")


class _User(msgspec.Struct):
    login: str = ""
    type: str = ""
    avatar_url: str | None = None
    name: str | None = None
    email: str | None = None


class _Contributor(_User):
    contributions: int = 0


class _Repository(msgspec.Struct):
    full_name: str
    html_url: str
    private: bool
    contributors_url: str
    owner: _User | None = None
    description: str | None = None
    language: str | None = None
    topics: list[str] = []


class _PullRequest(msgspec.Struct):
    merged_at: datetime | None = None


class _Issue(msgspec.Struct):
    html_url: str
    number: int
    state: Literal["open", "closed"]
    comments_url: str
    repository_url: str
    title: str | None = None
    body: str | None = None
    user: _User | None = None
    assignees: list[_User] | None = None
    closed_by: _User | None = None
    pull_request: _PullRequest | None = None
    comments: int = 0


class _Comment(msgspec.Struct):
    user: _User | None = None


class GitHub:
    """Asks the REST API, about what is public only."""

    def __init__(
        self, *, url: str | None = None, token: str | None = None, seconds: float = ANSWER_SECONDS
    ) -> None:
        """`url` is where the API is, if not at GitHub's own address; `token` is sent there only."""
        self._client = Client(url=url or GITHUB, token=token, seconds=seconds)
        self._seconds = seconds

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def repository(
        self, address: RepositoryAddress, *, most: int = MOST_PEOPLE
    ) -> Repository:
        """A repository, and at most so many who wrote it. Raises a GitHubError."""
        async with self._in_time():
            about = self._client.address(f"/repos/{address.owner}/{address.name}")
            said = await self._public(about)
            people, has_more = await self._collect(
                said.contributors_url, _Contributor, _contributing, most
            )
        return Repository(
            url=said.html_url,
            name=said.full_name,
            description=line(said.description, DESCRIPTION_CHARACTERS),
            image=said.owner.avatar_url if said.owner else None,
            language=line(said.language, TITLE_CHARACTERS),
            keywords=tuple(said.topics),
            contributors=tuple(
                Contributor(person, each.contributions) for person, each in people.items()
            ),
            has_more=has_more,
        )

    async def issue(self, address: IssueAddress, *, most: int = MOST_PEOPLE) -> Issue:
        """An issue or pull request, and at most so many who commented. Raises a GitHubError."""
        async with self._in_time():
            at = f"/repos/{address.owner}/{address.name}/issues/{address.number}"
            said = await self._said(self._client.address(at), _Issue)
            if self._client.has_token:
                # It may have moved, and only the repository says whether it is for all to see.
                await self._public(said.repository_url)
            people: dict[Person, _Comment] = {}
            has_more = False
            if said.comments:
                people, has_more = await self._collect(
                    said.comments_url, _Comment, _commenting, most
                )
        return Issue(
            url=said.html_url,
            repository="/".join(said.repository_url.split("/")[-2:]),
            number=said.number,
            title=line(said.title, TITLE_CHARACTERS),
            description=lines(said.body, DESCRIPTION_CHARACTERS),
            state=said.state,
            is_pull_request=said.pull_request is not None,
            is_merged=said.pull_request is not None and said.pull_request.merged_at is not None,
            author=_person(said.user),
            assignees=_people(*said.assignees or ()),
            commenters=tuple(people),
            closed_by=_person(said.closed_by),
            has_more=has_more,
        )

    async def account(self, login: str) -> Account:
        """Who has the login. Raises a GitHubError."""
        if not is_login(login):
            raise NotOnGitHub("nobody can be called so")
        async with self._in_time():
            said = await self._said(self._client.address(f"/users/{login}"), _User)
        return Account(
            login=said.login,
            is_person=_person(said) is not None,
            name=line(said.name, TITLE_CHARACTERS),
            image=said.avatar_url,
            email=line(said.email, TITLE_CHARACTERS),
        )

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._seconds):
                yield
        except TimeoutError as error:
            raise GitHubTooSlow(f"no answer within {self._seconds:g} seconds") from error

    async def _public(self, url: str) -> _Repository:
        """A repository that everybody may see, whatever our token lets us see."""
        said = await self._said(url, _Repository)
        if said.private:
            raise NotOnGitHub("it is not public")
        return said

    async def _said(self, url: str, kind: type[Said]) -> Said:
        said = (await self._client.get(url, kind)).said
        if said is None:
            raise GitHubUnavailable("the answer is empty")
        return said

    async def _collect(
        self, url: str, kind: type[Said], who: Callable[[Said], Person | None], most: int
    ) -> tuple[dict[Person, Said], bool]:
        """At most so many people of a list, with the first entry of each; and whether it has more.

        A list is read no further than ten pages, whoever is on them.
        """
        found: dict[Person, Said] = {}
        at = f"{url}?per_page={_PAGE}"
        for _ in range(_PAGES):
            answer = await self._client.get(at, list[kind])  # type: ignore[valid-type]
            for each in answer.said or ():
                person = who(each)
                if person is not None:
                    found.setdefault(person, each)
            if answer.next_url is None or len(found) > most:
                break
            at = answer.next_url
        has_more = answer.next_url is not None or len(found) > most
        return dict(islice(found.items(), most)), has_more


def _person(user: _User | None) -> Person | None:
    """Who it is, if it is somebody."""
    if user is None or user.type != "User" or user.login == _GHOST or not is_login(user.login):
        return None
    return Person(user.login)


def _people(*users: _User | None) -> tuple[Person, ...]:
    """Those who are somebody, each once."""
    found = (_person(user) for user in users)
    return tuple(dict.fromkeys(person for person in found if person is not None))


def _contributing(entry: _Contributor) -> Person | None:
    return _person(entry) if entry.contributions > 0 else None


def _commenting(entry: _Comment) -> Person | None:
    return _person(entry.user)
