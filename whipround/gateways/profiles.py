"""Whose profile an address is, at the sites where people can be known by one.

By the form of the address alone: nobody is asked whether there is such a profile.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from whipround.gateways.github.addresses import is_login


@dataclass(frozen=True, slots=True)
class Profile:
    """A person's at a site: `provider` is a key of `PROVIDERS`.

    Two addresses are of one profile where these are equal: a name is in lower case where the site
    takes no notice of it, and a number where the site's addresses hold one.
    """

    provider: str
    name: str

    @property
    def url(self) -> str:
        """The profile's address, of all spellings always the same."""
        return PROVIDERS[self.provider].url.format(name=self.name)


@dataclass(frozen=True, slots=True)
class Provider:
    """A site with profiles: where, and what the path of one is like; `own` are none's names."""

    title: str
    url: str
    hosts: re.Pattern[str]
    path: re.Pattern[str]
    own: frozenset[str] = frozenset()


def _hosts(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?:www\.)?(?:{pattern})", re.ASCII)


def _path(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"/{pattern}/?", re.ASCII | re.IGNORECASE)


_OWN_OF_TWITTER = """
    about account compose download explore hashtag home i intent jobs login logout messages
    notifications oauth privacy search settings share signup tos who_to_follow
"""
_OWN_OF_GRAVATAR = """
    account atlas avatar blog businesses connect docs emails explore integrations login logout
    oauth2 privacy profile profiles search signup site support userimage
"""
_OWN_OF_GITLAB = """
    admin api dashboard explore groups help jwt login oauth profile projects public search snippets
    unsubscribes users
"""
_OWN_OF_BITBUCKET = """
    account api blog dashboard help login product repo search site snippets support workspace
"""

PROVIDERS: Mapping[str, Provider] = {
    "github": Provider(
        title="GitHub",
        url="https://github.com/{name}",
        hosts=_hosts(r"github\.com"),
        path=_path(r"(?P<name>[a-z0-9][a-z0-9_-]{0,38})"),
    ),
    "stackoverflow": Provider(
        title="Stack Overflow",
        url="https://stackoverflow.com/users/{name}",
        hosts=_hosts(r"stackoverflow\.com"),
        # The name that follows the number may change, and says nothing.
        path=_path(r"users/(?P<name>[1-9][0-9]{0,11})(?:/[^/]{0,100})?"),
    ),
    "twitter": Provider(
        title="Twitter",
        url="https://twitter.com/{name}",
        hosts=_hosts(r"(?:mobile\.)?(?:twitter|x)\.com"),
        path=_path(r"@?(?P<name>[a-z0-9_]{1,15})"),
        own=frozenset(_OWN_OF_TWITTER.split()),
    ),
    "gravatar": Provider(
        title="Gravatar",
        url="https://gravatar.com/{name}",
        hosts=_hosts(r"(?:[a-z]{2}\.)?gravatar\.com"),
        path=_path(r"(?P<name>[a-z0-9]{1,64})"),
        own=frozenset(_OWN_OF_GRAVATAR.split()),
    ),
    "linkedin": Provider(
        title="LinkedIn",
        url="https://www.linkedin.com/in/{name}",
        hosts=_hosts(r"(?:[a-z]{2}\.)?linkedin\.com"),
        path=_path(r"in/(?P<name>[a-z0-9-]{3,100})"),
    ),
    "gitlab": Provider(
        title="GitLab",
        url="https://gitlab.com/{name}",
        hosts=_hosts(r"gitlab\.com"),
        path=_path(r"(?P<name>[a-z0-9_][a-z0-9_.-]{0,254})"),
        own=frozenset(_OWN_OF_GITLAB.split()),
    ),
    "bitbucket": Provider(
        title="Bitbucket",
        url="https://bitbucket.org/{name}",
        hosts=_hosts(r"bitbucket\.org"),
        path=_path(r"(?P<name>[a-z0-9_][a-z0-9_-]{0,61})"),
        own=frozenset(_OWN_OF_BITBUCKET.split()),
    ),
}
"""The sites by the word that stands for each; none of them tells names apart by their case."""


def profile_of(url: str) -> Profile | None:
    """Whose profile the address is of, if it is one; queries and fragments are of no matter."""
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or "@" in parts.netloc:
        return None
    if port not in (None, 80 if parts.scheme == "http" else 443):
        return None
    for word, provider in PROVIDERS.items():
        if provider.hosts.fullmatch(host):
            found = provider.path.fullmatch(parts.path)
            name = found["name"].lower() if found else None
            if name is None or name in provider.own or (word == "github" and not is_login(name)):
                return None
            return Profile(word, name)
    return None
