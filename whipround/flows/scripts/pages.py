"""The payment script that a page comes to, by all that was found about it (later revisions,
"Payment scripts").
"""

from collections.abc import Collection, Sequence

from whipround.domain.scripts import texts
from whipround.domain.scripts.addresses import normalised, pieces
from whipround.domain.scripts.cascading import cascade
from whipround.domain.scripts.parsing import parse
from whipround.domain.scripts.patterns import scripts_for
from whipround.domain.scripts.problems import Problems
from whipround.domain.scripts.script import Script
from whipround.flows.scripts.spelling import with_profiles
from whipround.flows.scripts.web import NoScript, ScriptOutOfReach
from whipround.gateways.pages.fetcher import FetchFailed, TooLarge, Unreadable
from whipround.gateways.pages.reading import PageSays
from whipround.gateways.pages.sources import Sources, Trouble

DOMAIN = "participation"
PAGE = "script"
"""What the scripts of a domain and of a page are called, where something in them is wrong."""


def script_of_page(
    said: Sources, address: str, *, hosts: Collection[str]
) -> tuple[Script, tuple[str, ...]]:
    """The script of the page at `address`, which is in its normal form, and where it comes from.

    Which is what there is of `domain`, `meta` and `link`. Takes milliseconds for what is large.
    Raises NoScript, ScriptOutOfReach, and Invalid for a script that is wrong: nobody is paid by
    half of what a page or its domain says.
    """
    _check_troubles(said.troubles)
    domain: list[Script] = []
    if said.domain_script is not None:
        found = scripts_for(address, said.domain_script, hosts=hosts, place=DOMAIN)
        domain = [with_profiles(each, place=f"{DOMAIN}.participants") for each in found]
    page = None
    if said.script is not None:
        page = parse(said.script, hosts=hosts, origin="page", place=PAGE)
        page = with_profiles(page, place=f"{PAGE}.participants")
    if not any(each.participants for each in (*domain, page) if each is not None):
        raise NoScript
    types = {
        "domain": bool(domain),
        "meta": page is not None and said.script_url is None,
        "link": page is not None and said.script_url is not None,
    }
    script = cascade(domain=domain, page=page, elsewhere=_elsewhere(said.page))
    return script, tuple(name for name, is_there in types.items() if is_there)


def _check_troubles(troubles: Sequence[Trouble]) -> None:
    """Raise for a script that is there, or may be, and could not be had.

    Leaving it out would pay others what is somebody's. A domain that does not give the file has
    none: many a server says so of whatever it does not have.
    """
    for trouble in troubles:
        if isinstance(trouble.error, FetchFailed):
            raise ScriptOutOfReach
        if trouble.source == "link" or isinstance(trouble.error, TooLarge | Unreadable):
            raise NoScript


def _elsewhere(says: PageSays) -> Script:
    """What the page says without a script, as much of it as a script may say."""
    unsaid = Problems()  # what does not fit is not said
    title, description = says.title or says.og_title, says.description or says.og_description

    def text(value: str | None, form: texts.Form) -> str | None:
        return texts.text(value and value[: form.most], form, place="", problems=unsaid)

    return Script(
        title=text(title, texts.TITLE),
        description=text(description, texts.DESCRIPTION),
        image=normalised(says.og_image or ""),
        language=texts.language(says.language, place="", problems=unsaid),
        keywords=texts.keywords(list(says.keywords), place="", problems=unsaid),
        copyright=text(says.copyright, texts.COPYRIGHT),
    )


def icons(says: PageSays, address: str) -> tuple[str, str | None]:
    """A page's small picture, which is where browsers look for one, and its large one if any."""
    scheme, _, _ = address.partition("://")
    usual = f"{scheme}://{pieces(address).host}/favicon.ico"
    return normalised(says.favicon or "") or usual, normalised(says.touch_icon or "")
