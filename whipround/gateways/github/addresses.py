"""What an address at GitHub is of, by its form alone."""

import re
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

HOSTS = frozenset({"github.com", "www.github.com"})

_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}", re.ASCII)
_NAME = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,100}", re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)

# Where GitHub itself is at home: nobody can have these as a login.
_OWN_WORDS = """
    about account advisories apps blog code codespaces collections contact copilot
    customer-stories dashboard developer discussions edu education enterprise events explore
    features gist gists help home issues join login logout marketplace mobile models new news
    nonprofit notifications open-source organizations orgs pages partners premium-support press
    pricing pulls readme search security sessions settings shop signup site site-policy solutions
    sponsors stars stories support team teams terms topics trending users watching whats-new wiki
"""
_OWN = frozenset(_OWN_WORDS.split())


@dataclass(frozen=True, slots=True)
class RepositoryAddress:
    """github.com/OWNER/NAME."""

    owner: str
    name: str


@dataclass(frozen=True, slots=True)
class IssueAddress:
    """github.com/OWNER/NAME/issues/NUMBER, or pull/NUMBER: the numbers are of one kind."""

    owner: str
    name: str
    number: int


@dataclass(frozen=True, slots=True)
class ProfileAddress:
    """github.com/LOGIN, a person's or an organization's."""

    login: str


Address: TypeAlias = RepositoryAddress | IssueAddress | ProfileAddress


def address_of(url: str) -> Address | None:
    """What the address is of; None for any other address, and for pages within a repository."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    default_port = {"http": 80, "https": 443}.get(parts.scheme)
    if default_port is None or host not in HOSTS or "@" in parts.netloc:
        return None
    if port not in (None, default_port):
        return None
    return _of_path(parts.path.strip("/").split("/"))


def is_login(text: str) -> bool:
    """Whether somebody at GitHub may be called so."""
    return _LOGIN.fullmatch(text) is not None and text.lower() not in _OWN


def _of_path(path: list[str]) -> Address | None:
    if not is_login(path[0]):
        return None
    if len(path) == 1:
        return ProfileAddress(path[0])
    name = path[1].removesuffix(".git")
    if not _NAME.fullmatch(name):
        return None
    if len(path) == 2:
        return RepositoryAddress(path[0], name)
    # A pull request has pages of its own: its commits, its files.
    is_issue = (path[2] == "issues" and len(path) == 4) or (path[2] == "pull" and len(path) >= 4)
    if is_issue and _NUMBER.fullmatch(path[3]):
        return IssueAddress(path[0], name, int(path[3]))
    return None
