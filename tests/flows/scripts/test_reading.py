"""The payment script of an address: of a page and its domain, or of what is at GitHub."""

import asyncio
import json
from typing import Any

import pytest

from tests.domain.scripts.scripts import found_wrong
from tests.gateways.github.api_server import Reply, contributor, limited, user
from tests.outside import Outside
from whipround.domain.scripts.addresses import normalised
from whipround.domain.scripts.script import Script
from whipround.errors import DomainError, Invalid
from whipround.flows.scripts.reading import FoundScript, script_of
from whipround.flows.scripts.web import (
    MOST_KEPT,
    GitHubOutOfReach,
    NoScript,
    ScriptOutOfReach,
    Web,
)
from whipround.gateways.pages.fetcher import Fetcher
from whipround.gateways.pages.networks import LOOPBACK

pytestmark = pytest.mark.anyio

ANN, BEN, OWNER = "ann", "ben", "mailto:owner@site.test"


def script(*ids: str, **said: Any) -> dict[str, Any]:
    """A script of these people, a share each."""
    return {"participants": [{"id": id_} for id_ in ids], **said}


def of(*participants: dict[str, Any], **said: Any) -> str:
    """A script, as its JSON text."""
    return json.dumps({"participants": participants, **said})


def who(found: FoundScript | Script) -> list[tuple[str, str]]:
    """Who takes part, in which role."""
    said = found.script if isinstance(found, FoundScript) else found
    return [(each.recipient.value, each.role) for each in said.participants]


async def read(outside: Outside, url: str, **how: Any) -> FoundScript:
    return await script_of(outside.web, url, hosts={"pay.test"}, **how)


async def refusal(outside: Outside, url: str) -> type[DomainError]:
    with pytest.raises(DomainError) as error:
        await read(outside, url)
    return type(error.value)


# Pages.


async def test_of_a_page(outside: Outside) -> None:
    head = """
        <title>A page</title><meta name="description" content="All of it">
        <meta property="og:image" content="/picture.png"><link rel="icon" href="/small.png">
        <link rel="apple-touch-icon" href="/large.png"><meta name="keywords" content="a, b, A">
        <link rel="copyright" href="/licence"><meta property="og:locale" content="en_GB">
        <meta property="og:description" content="Shared">
    """
    url = outside.page(script(ANN, "https://pay.test/#/person/Ben", title="Told"), head=head)

    found = await read(outside, url)

    assert who(found) == [(ANN, ""), (BEN, "")]
    assert (found.url, found.script.url, found.script_types) == (url, url, ("meta",))
    assert found.favicon == outside.site.url("/small.png")
    assert found.logo == outside.site.url("/large.png")
    page = found.page
    assert (page.url, page.host) == (url, "127.0.0.1")
    assert (page.title, page.description, page.keywords) == ("Told", "All of it", ("a", "b"))
    assert (page.image, page.language) == (outside.site.url("/picture.png"), "en-GB")
    assert page.copyright == outside.site.url("/licence")
    assert page.favicon == found.favicon


async def test_what_a_page_says_elsewhere_is_cut_to_fit(outside: Outside) -> None:
    head = f"""<meta property="og:title" content="Shared"><title>{"t" * 400}</title>
        <meta property="og:description" content="{"d" * 3000}">
        <meta name="keywords" content="{",".join(f"k{at}" for at in range(90))}">"""
    url = outside.page(script(ANN), head=head)

    found = await read(outside, url)

    assert found.script.title == "t" * 300
    assert found.script.description == "d" * 2000
    assert len(found.script.keywords) == 50
    assert (found.favicon, found.logo) == (outside.site.url("/favicon.ico"), None)


async def test_a_script_that_a_page_links_to(outside: Outside) -> None:
    body = json.dumps(script(ANN)).encode()
    link = outside.site.serve(outside.new_path(), body, content_type="application/json")
    url = outside.page(head=f'<link rel="participation" type="application/json" href="{link}">')

    found = await read(outside, url)

    assert (who(found), found.script_types) == ([(ANN, "")], ("link",))


async def test_the_domains_script_comes_first_and_cannot_be_lowered(outside: Outside) -> None:
    owner = {"id": OWNER, "role": "Platform", "share": "10%"}
    outside.domain(
        ("/pages/*", {"participants": [owner], "title": "The site's", "type": "donation"}),
        ("/other/*", script("eve")),
    )
    url = outside.page({"participants": [{**owner, "share": "1%"}, {"id": ANN}], "title": "Ours"})

    found = await read(outside, url)

    assert who(found) == [("owner@site.test", "Platform"), (ANN, "")]
    assert str(found.script.participants[0].share) == "Percent(percent=Decimal('10'))"
    assert (found.script.title, found.script.type) == ("Ours", "donation")
    assert found.script_types == ("domain", "meta")


async def test_the_domain_alone_may_say_who_is_paid(outside: Outside) -> None:
    outside.domain(("*", script(ANN)))
    text = outside.site.serve("/plain.bin", b"\0", content_type="application/octet-stream")

    assert (await read(outside, outside.page())).script_types == ("domain",)
    assert who(await read(outside, text)) == [(ANN, "")]


async def test_of_a_domain_that_has_none_for_the_page(outside: Outside) -> None:
    outside.domain(("/elsewhere", script(BEN)), ("/nobody", {"title": "No one"}))

    found = await read(outside, outside.page(script(ANN)))

    assert (who(found), found.script_types) == ([(ANN, "")], ("meta",))


@pytest.mark.parametrize(
    ("status", "expected"),
    [(404, None), (403, None), (302, None), (500, ScriptOutOfReach), (429, ScriptOutOfReach)],
)
async def test_a_domain_that_gives_nothing(
    outside: Outside, status: int, expected: type[DomainError] | None
) -> None:
    outside.site.serve("/participation.txt", status=status, headers={"Location": "/nowhere"})
    outside.site.serve("/nowhere", status=404)
    url = outside.page(script(ANN))

    if expected is None:
        assert who(await read(outside, url)) == [(ANN, "")]
    else:
        assert await refusal(outside, url) is expected


async def test_a_domains_script_that_cannot_be_read(outside: Outside) -> None:
    url = outside.page(script(ANN))
    for body in (b" " * (1024 * 1024 + 1), b"[\xff]"):
        outside.site.serve("/participation.txt", body, content_type="text/plain")

        assert await refusal(outside, url) is NoScript


@pytest.mark.parametrize(
    ("status", "content_type", "expected"),
    [
        (404, "application/json", NoScript),
        (200, "text/html", NoScript),
        (503, "application/json", ScriptOutOfReach),
    ],
)
async def test_a_link_that_leads_to_no_script(
    outside: Outside, status: int, content_type: str, expected: type[DomainError]
) -> None:
    outside.domain(("*", script(OWNER)))
    link = outside.site.serve(outside.new_path(), b"{}", status=status, content_type=content_type)
    url = outside.page(head=f'<link rel="participation" href="{link}">')

    assert await refusal(outside, url) is expected


@pytest.mark.parametrize(
    "said",
    [None, "", {}, {"title": "Nobody's"}],
    ids=str,
)
async def test_a_page_without_a_script(outside: Outside, said: Any) -> None:
    assert await refusal(outside, outside.page(said)) is NoScript


async def test_a_page_that_is_not_there(outside: Outside) -> None:
    gone = outside.site.serve(outside.new_path(), status=410)
    broken = outside.site.serve(outside.new_path(), status=502)

    assert await refusal(outside, gone) is NoScript
    assert await refusal(outside, broken) is ScriptOutOfReach
    assert await refusal(outside, "http://127.0.0.1:9/") is ScriptOutOfReach


async def test_no_page_behind_our_walls_is_asked_for(outside: Outside) -> None:
    url = outside.page(script(ANN))
    web = Web(Fetcher(), outside.github.github())

    for hidden in (url, url.replace("127.0.0.1", "localhost"), "http://[::ffff:10.0.0.1]/"):
        address = normalised(hidden)
        assert address is not None
        with pytest.raises(NoScript):
            await script_of(web, address, hosts=())
    assert outside.site.seen == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("{", ("script", "invalid")),
        ('["ann"]', ("script", "invalid")),
        (of({"id": ANN, "share": 0}), ("script.participants[0].share", "too_small")),
        (of({"id": ANN}, url="https://other.test/"), ("script.url", "unsupported")),
        (of({"id": ANN, "share": "101%"}), ("script.participants[0].share", "too_large")),
        (of({"id": ANN, "share": "50%"}), ("participants", "too_small")),
        (
            of({"id": "https://GitHub.com/Ann"}, {"id": "https://github.com/ann/"}),
            ("script.participants[1].id", "already_taken"),
        ),
    ],
)
async def test_a_script_that_is_wrong(
    outside: Outside, said: str, expected: tuple[str, str]
) -> None:
    url = outside.page(said)

    with pytest.raises(Invalid) as error:
        await read(outside, url)

    assert found_wrong(error.value) == [expected]


async def test_a_domains_script_that_is_wrong(outside: Outside) -> None:
    url = outside.page(script(ANN))
    outside.domain(("/pages/*", {"participants": [{"id": "two words"}]}))

    with pytest.raises(Invalid) as error:
        await read(outside, url)

    assert found_wrong(error.value) == [("participation[0].script.participants[0].id", "invalid")]


async def test_circles_end(outside: Outside) -> None:
    circle = outside.site.serve("/circle", status=302, headers={"Location": "/circle"})
    itself = outside.page(path="/itself", head='<link rel="participation" href="/itself">')

    assert await refusal(outside, circle) is NoScript
    assert await refusal(outside, itself) is NoScript


# Where a page is at home.


async def test_the_script_of_where_a_page_is_at_home(outside: Outside) -> None:
    home = outside.page(script(ANN))
    copy = outside.page(script("eve"), head=f'<link rel="canonical" href="{home}">')

    found = await read(outside, copy)

    # A page can claim neither the name nor what was pledged to another one.
    assert (found.url, found.script.url, who(found)) == (home, home, [(ANN, "")])


async def test_a_home_without_a_script(outside: Outside) -> None:
    nobody = outside.page()
    elsewhere = "https://other.test/page"
    for home in (nobody, elsewhere):
        copy = outside.page(script(ANN), head=f'<link rel="canonical" href="{home}">')

        assert (await read(outside, copy)).url == copy


async def test_a_page_that_has_moved_is_at_home_where_it_says(outside: Outside) -> None:
    new = outside.new_path()
    old = outside.site.serve(outside.new_path(), status=301, headers={"Location": new})
    outside.page(script(ANN), path=new)
    moved = await read(outside, old)
    outside.page(script(ANN), path=new, head=f'<link rel="canonical" href="{old}">')
    seen = len(outside.site.seen)

    again = await read(outside, old)

    assert (moved.url, again.url) == (outside.site.url(new), old)
    assert len(outside.site.seen) - seen == 3  # the page, where it has moved, the domain's


# GitHub.

REPOSITORY = "https://github.com/identifi/identifi"
ISSUE = "https://github.com/mobbr/mobbr-frontend/issues/189"


async def test_of_a_repository(outside: Outside) -> None:
    outside.github.has_repository(
        "identifi/identifi",
        [contributor("Martti", 24), contributor("rippler", 11), contributor("ci", 9, "Bot")],
        description="Identifi implementation",
        topics=["bitcoin"],
    )

    found = await read(outside, f"{REPOSITORY}.git")

    assert who(found) == [
        ("https://github.com/martti", "Contributor"),
        ("https://github.com/rippler", "Contributor"),
    ]
    assert [str(each.share) for each in found.script.participants] == [
        "Parts(count=24)",
        "Parts(count=11)",
    ]
    assert {each.recipient.kind for each in found.script.participants} == {"profile"}
    assert (found.url, found.script_types) == (REPOSITORY, ("api",))
    said = found.script
    assert (said.title, said.type) == ("Github repository identifi/identifi", "donation")
    assert (said.description, said.keywords) == ("Identifi implementation", ("bitcoin",))
    assert said.image == "https://avatars.githubusercontent.com/identifi"
    assert (found.page.host, found.logo) == (
        "github.com",
        "https://github.com/apple-touch-icon.png",
    )
    assert outside.site.seen == []


@pytest.mark.parametrize(("state", "type_"), [("open", "pledge"), ("closed", "payment")])
async def test_of_an_issue(outside: Outside, state: str, type_: str) -> None:
    outside.github.has_issue(
        "mobbr/mobbr-frontend",
        189,
        [user("octocat"), user("ann"), user("bot", "Bot")],
        state=state,
        title="Sharing section on TASKS",
        assignees=[user("ann")],
        closed_by=user("Ben") if state == "closed" else None,
    )

    found = await read(outside, ISSUE)

    closer = [("https://github.com/ben", "Closer")] if state == "closed" else []
    assert who(found) == [
        ("https://github.com/octocat", "Participant"),
        ("https://github.com/ann", "Participant"),
        ("https://github.com/ann", "Assignee"),
        *closer,
    ]
    assert found.script.title == "Github repository mobbr/mobbr-frontend, issue #189"
    assert found.script.description == "Sharing section on TASKS"
    assert (found.script.type, found.url) == (type_, ISSUE)


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        (None, NoScript),
        (Reply({}, 451), NoScript),
        (Reply({}, 403), NoScript),
        (Reply({}, 500), GitHubOutOfReach),
        (limited(retry_after="30")(429), GitHubOutOfReach),
    ],
)
async def test_what_github_does_not_say(
    outside: Outside, says: Reply | None, expected: type[DomainError]
) -> None:
    if says is not None:
        outside.github.says["/repos/identifi/identifi"] = says

    assert await refusal(outside, REPOSITORY) is expected


async def test_a_repository_that_nobody_has_written(outside: Outside) -> None:
    outside.github.has_repository("identifi/identifi", None)

    assert await refusal(outside, REPOSITORY) is NoScript


async def test_what_github_said_does_for_a_minute(outside: Outside) -> None:
    outside.github.has_repository("identifi/identifi", [contributor("ann", 1)])
    outside.github.has_issue("identifi/identifi", 1)
    time = 0.0
    asks = outside.github.github()
    web = Web(Fetcher(allowed=LOOPBACK), asks, clock=lambda: time)

    async def ask(url: str, *, is_fresh: bool = False) -> int:
        before = len(outside.github.asked)
        await script_of(web, url, hosts=(), is_fresh=is_fresh)
        return len(outside.github.asked) - before

    assert [await ask(REPOSITORY), await ask(REPOSITORY)] == [2, 0]
    assert [await ask(f"{REPOSITORY}/issues/1"), await ask(f"{REPOSITORY}/issues/1")] == [1, 0]
    assert await ask(REPOSITORY, is_fresh=True) == 2
    assert await ask(f"{REPOSITORY}/issues/1", is_fresh=True) == 1
    time = 60.0
    assert await ask(REPOSITORY) == 2


async def test_not_everything_is_kept(outside: Outside) -> None:
    web = outside.web
    for at in range(MOST_KEPT + 1):
        outside.github.has_issue("a/b", at + 1)

    def ask(number: int) -> Any:
        return script_of(web, f"https://github.com/a/b/issues/{number}", hosts=())

    await ask(1)
    await asyncio.gather(*map(ask, range(2, MOST_KEPT + 2)))
    asked = len(outside.github.asked)
    await ask(MOST_KEPT + 1)
    assert len(outside.github.asked) == asked
    await ask(1)
    assert len(outside.github.asked) == asked + 1
