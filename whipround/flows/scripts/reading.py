"""The payment script of an address, wherever it comes from."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from whipround.domain.crowd.plan import Page
from whipround.domain.scripts.addresses import normalised
from whipround.domain.scripts.cascading import cascade
from whipround.domain.scripts.script import Script
from whipround.flows.scripts.github import script_of_issue, script_of_repository
from whipround.flows.scripts.pages import icons, script_of_page
from whipround.flows.scripts.web import NoScript, Web
from whipround.gateways.github.addresses import IssueAddress, RepositoryAddress, address_of
from whipround.gateways.pages.sources import Sources

_API = ("api",)

_GITHUB_FAVICON = "https://github.com/favicon.ico"
_GITHUB_LOGO = "https://github.com/apple-touch-icon.png"


@dataclass(frozen=True, slots=True)
class FoundScript:
    """The script of the page at `url`, which is in its normal form, and is what `script.url` says.

    `script_types` are where it comes from: `api`, or what there was of `domain`, `meta`, `link`.
    """

    script: Script
    url: str
    script_types: tuple[str, ...]
    favicon: str
    logo: str | None

    @property
    def page(self) -> Page:
        """What a payment by the script is for."""
        return page_of(self.script, favicon=self.favicon)


def page_of(script: Script, *, favicon: str | None = None) -> Page:
    """What a payment by a script is for, as it says itself."""
    return Page(
        url=script.url,
        host=None if script.url is None else urlsplit(script.url).hostname,
        title=script.title or "",
        description=script.description or "",
        image=script.image,
        language=script.language,
        copyright=script.copyright,
        message=script.message or "",
        keywords=script.keywords,
        favicon=favicon,
    )


async def script_of(
    web: Web, url: str, *, hosts: Collection[str], is_fresh: bool = False
) -> FoundScript:
    """The script of an address, which is in its normal form, with somebody who takes part.

    `hosts` are those at which people here have their pages. What GitHub said a minute ago will do,
    unless it is to be `is_fresh`. A known host is asked by its API alone: what it has for a script
    is not its pages' to say.

    Raises NoScript, ScriptOutOfReach, GitHubOutOfReach, and Invalid for a script that is wrong.
    """
    match address_of(url):
        case RepositoryAddress() as at:
            repository = await web.repository(at, is_fresh=is_fresh)
            return _at_github(script_of_repository(repository), repository.url)
        case IssueAddress() as at:
            issue = await web.issue(at, is_fresh=is_fresh)
            return _at_github(script_of_issue(issue), issue.url)
        case _:
            return await _of_page(web, url, hosts)


def _at_github(script: Script, url: str) -> FoundScript:
    address = normalised(url)
    if address is None or not script.participants:
        raise NoScript
    script = replace(cascade(page=script), url=address)
    return FoundScript(script, address, _API, _GITHUB_FAVICON, _GITHUB_LOGO)


async def _of_page(web: Web, url: str, hosts: Collection[str]) -> FoundScript:
    """The script of a page, or of the one that it says it is a copy of.

    It is under the address of the latter that payments are listed and pledges are claimed: so what
    that says counts, lest any page of a site could claim what was pledged to another one.
    """
    said = await web.page(url)
    found = await asyncio.to_thread(_on_page, said, hosts)
    home = normalised(said.canonical_url)
    if home is None or home == found.url:
        return found
    if home != url:
        try:
            found = await asyncio.to_thread(_on_page, await web.page(home), hosts)
        except NoScript:  # it is at home nowhere else
            return found
    return replace(found, url=home, script=replace(found.script, url=home))


def _on_page(said: Sources, hosts: Collection[str]) -> FoundScript:
    """What was found where the page is, after all redirects, whatever it says of that."""
    url = normalised(said.url)
    if url is None:  # it leads to what nobody could name
        raise NoScript
    script, script_types = script_of_page(said, url, hosts=hosts)
    favicon, logo = icons(said.page, url)
    return FoundScript(
        script=replace(script, url=url),
        url=url,
        script_types=script_types,
        favicon=favicon,
        logo=logo,
    )
