"""What GitHub says, and how it says that it cannot."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


class GitHubError(Exception):
    """GitHub says nothing of it. The text is for operators, and quotes no token."""


class NotOnGitHub(GitHubError):
    """There is no such thing at GitHub, or no longer, or not for everybody to see."""


class Withheld(GitHubError):
    """It may not be shown, by law."""


class Refused(GitHubError):
    """GitHub does not say this of it: as of those who wrote a very large repository."""


class RateLimited(GitHubError):
    """We have asked too often, and may not before `until`."""

    def __init__(self, until: datetime) -> None:
        self.until = until
        super().__init__(f"GitHub wants no questions before {until:%H:%M:%S} UTC")


class GitHubUnavailable(GitHubError):
    """There was no answer that says anything; later there may be."""


class GitHubTooSlow(GitHubUnavailable):
    """It was not all said in time."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account of their own: no bot, no organization, nobody who has left."""

    login: str

    @property
    def id(self) -> str:
        """Their address."""
        return f"https://github.com/{self.login}"


@dataclass(frozen=True, slots=True)
class Contributor:
    """Somebody who wrote in a repository, and the number of their commits: 1 or more."""

    person: Person
    commits: int


@dataclass(frozen=True, slots=True)
class Repository:
    """A public repository.

    `name` is OWNER/NAME as it is now, `image` its owner's picture, `language` that of most of its
    code, `keywords` its topics. The contributors come with most commits first; not all of them
    where `has_more`.
    """

    url: str
    name: str
    description: str | None
    image: str | None
    language: str | None
    keywords: tuple[str, ...]
    contributors: tuple[Contributor, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue or a pull request of a public repository, which may be another than was asked for.

    `repository` is OWNER/NAME. The commenters come in the order of their first comments, each once;
    not all of them where `has_more`.
    """

    url: str
    repository: str
    number: int
    title: str | None
    description: str | None
    state: Literal["open", "closed"]
    is_pull_request: bool
    is_merged: bool
    author: Person | None
    assignees: tuple[Person, ...]
    commenters: tuple[Person, ...]
    closed_by: Person | None
    has_more: bool


@dataclass(frozen=True, slots=True)
class Account:
    """Who has a login, spelled as GitHub does.

    `email` is what they show to everybody, if to anybody; it is theirs by their own word only.
    """

    login: str
    is_person: bool
    name: str | None = field(repr=False)
    image: str | None
    email: str | None = field(repr=False)

    @property
    def id(self) -> str:
        """Their address."""
        return f"https://github.com/{self.login}"
