"""Asking GitHub about repositories, issues and people, over real HTTP."""

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.gateways.github.api_server import (
    TOKEN,
    Api,
    Json,
    Reply,
    api_server,
    contributor,
    limited,
    user,
)
from whipround.gateways.github.addresses import IssueAddress, RepositoryAddress
from whipround.gateways.github.rest import GitHub
from whipround.gateways.github.saying import (
    Account,
    Contributor,
    GitHubError,
    GitHubTooSlow,
    GitHubUnavailable,
    Issue,
    NotOnGitHub,
    Person,
    RateLimited,
    Refused,
    Repository,
    Withheld,
)

pytestmark = pytest.mark.anyio

HELLO = RepositoryAddress("octocat", "Hello-World")
HELLO_PATH = "/repos/octocat/Hello-World"
BUG = IssueAddress("octocat", "Hello-World", 1347)


@pytest.fixture
async def api(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    """An API that knows nothing yet."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with api_server() as api:
        yield api


@pytest.fixture
async def github(api: Api) -> AsyncIterator[GitHub]:
    """Who asks it, without a token."""
    async with _of(api) as github:
        yield github


async def test_a_repository(api: Api, github: GitHub) -> None:
    api.has_repository(
        "octocat/Hello-World",
        [contributor("octocat", 32), contributor("hubot", 1)],
        description=" A\nrepo\x00 ",
        language="Python",
        topics=["api", "octocat"],
    )

    assert await github.repository(HELLO) == Repository(
        url="https://github.com/octocat/Hello-World",
        name="octocat/Hello-World",
        description="A repo",
        image="https://avatars.githubusercontent.com/octocat",
        language="Python",
        keywords=("api", "octocat"),
        contributors=(Contributor(Person("octocat"), 32), Contributor(Person("hubot"), 1)),
        has_more=False,
    )

    assert Person("octocat").id == "https://github.com/octocat"
    assert api.asked == [HELLO_PATH, f"{HELLO_PATH}/contributors?per_page=100"]
    head = api.heads[0].lower()
    assert "accept: application/vnd.github+json" in head
    assert "user-agent: whipround/" in head
    assert "x-github-api-version: " in head
    assert "authorization" not in head


async def test_who_is_nobody_to_pay(api: Api, github: GitHub) -> None:
    anonymous = {"type": "Anonymous", "email": "a@b.test", "name": "A", "contributions": 9}
    api.has_repository(
        "octocat/Hello-World",
        [
            contributor("dependabot[bot]", 99, "Bot"),
            contributor("github", 50, "Organization"),
            contributor("ghost", 40),
            anonymous,
            contributor("idle", 0),
            contributor("octocat", 3),
            contributor("octocat", 2),
        ],
        owner=None,
        description=None,
    )

    repository = await github.repository(HELLO)

    assert repository.contributors == (Contributor(Person("octocat"), 3),)
    assert (repository.image, repository.description) == (None, None)


async def test_an_empty_repository(api: Api, github: GitHub) -> None:
    api.has_repository("octocat/Hello-World", None)

    assert (await github.repository(HELLO)).contributors == ()


async def test_contributors_over_several_pages(api: Api, github: GitHub) -> None:
    many = [contributor(f"user-{number}", 1000 - number) for number in range(250)]
    api.has_repository("octocat/Hello-World", many)

    everybody = await github.repository(HELLO, most=250)
    assert len(api.asked) == 4
    some = await github.repository(HELLO, most=30)

    assert len(everybody.contributors) == 250
    assert everybody.contributors[-1] == Contributor(Person("user-249"), 751)
    assert not everybody.has_more
    assert some.contributors == everybody.contributors[:30]
    assert some.has_more
    assert len(api.asked) == 6


async def test_a_list_is_not_read_for_ever(api: Api, github: GitHub) -> None:
    path = f"{HELLO_PATH}/contributors"
    api.has_repository("octocat/Hello-World")
    bots = [contributor("a[bot]", 1, "Bot")]
    api.says[path] = Reply(bots, headers={"Link": f'<{api.url}{path}?page=2>; rel="next"'})

    repository = await github.repository(HELLO)

    assert repository.contributors == ()
    assert repository.has_more
    assert len(api.asked) == 11


async def test_an_issue(api: Api, github: GitHub) -> None:
    api.has_issue(
        "octocat/Hello-World",
        1347,
        [user("hubot"), user("octocat"), user("hubot"), None, user("ci[bot]", "Bot")],
        title="Found a\tbug",
        body="It fails.\r\n\r\n    Always.\x1b[31m\n",
        state="closed",
        assignees=[user("hubot"), user("other")],
        closed_by=user("other"),
    )

    assert await github.issue(BUG) == Issue(
        url="https://github.com/octocat/Hello-World/issues/1347",
        repository="octocat/Hello-World",
        number=1347,
        title="Found a bug",
        description="It fails.\n\n    Always. [31m",
        state="closed",
        is_pull_request=False,
        is_merged=False,
        author=Person("octocat"),
        assignees=(Person("hubot"), Person("other")),
        commenters=(Person("hubot"), Person("octocat")),
        closed_by=Person("other"),
        has_more=False,
    )
    assert api.asked == [
        f"{HELLO_PATH}/issues/1347",
        f"{HELLO_PATH}/issues/1347/comments?per_page=100",
    ]


async def test_a_pull_request(api: Api, github: GitHub) -> None:
    merged = {"url": "…", "merged_at": "2026-01-02T03:04:05Z"}
    of: Json = {"state": "closed", "body": None, "user": None}
    api.has_issue("octocat/Hello-World", 1347, pull_request=merged, **of)
    api.has_issue("octocat/Hello-World", 2, pull_request={"merged_at": None}, **of)

    first = await github.issue(BUG)
    second = await github.issue(IssueAddress("octocat", "Hello-World", 2))

    assert (first.is_pull_request, first.is_merged) == (True, True)
    assert (second.is_pull_request, second.is_merged) == (True, False)
    assert (first.author, first.description, first.commenters) == (None, None, ())
    assert len(api.asked) == 2  # whoever has no comments is not asked for them


async def test_as_many_commenters_as_wanted(api: Api, github: GitHub) -> None:
    api.has_issue("octocat/Hello-World", 1347, [user(f"user-{n % 150}") for n in range(300)])

    some = await github.issue(BUG, most=100)
    everybody = await github.issue(BUG, most=150)

    assert (len(some.commenters), some.has_more) == (100, True)
    assert (len(everybody.commenters), everybody.has_more) == (150, False)


async def test_an_account(api: Api, github: GitHub) -> None:
    shown = {"name": "monalisa octocat", "email": "octocat@github.com"}
    api.known["/users/OctoCat"] = user("octocat", **shown)
    api.known["/users/github"] = user("github", "Organization", name=None, email=None)

    account = await github.account("OctoCat")

    image = "https://avatars.githubusercontent.com/octocat"
    assert account == Account("octocat", True, "monalisa octocat", image, "octocat@github.com")
    assert account.id == "https://github.com/octocat"
    assert "monalisa" not in repr(account)
    assert (await github.account("github")).is_person is False
    for login in ("nobody", "../repos/a", "a b", "", "settings"):
        with pytest.raises(NotOnGitHub):
            await github.account(login)
    assert len(api.asked) == 3


async def test_what_was_renamed_or_moved(api: Api, github: GitHub) -> None:
    api.has_repository("octocat/New", [contributor("octocat", 1)])
    api.has_issue("octocat/New", 1)
    moved = {"message": "Moved Permanently"}
    api.says[HELLO_PATH] = Reply(moved, 301, {"Location": f"{api.url}/repos/octocat/New"})
    issue = {"Location": "/repos/octocat/New/issues/1"}
    api.says[f"{HELLO_PATH}/issues/1347"] = Reply(moved, 301, issue)

    assert (await github.repository(HELLO)).name == "octocat/New"
    assert (await github.issue(BUG)).repository == "octocat/New"


async def test_the_token_goes_to_the_api_only(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    async with api_server() as other, _of(api, token=TOKEN) as github:
        api.has_repository("octocat/Hello-World", [contributor("octocat", 1)])
        with caplog.at_level(logging.DEBUG):
            await github.repository(HELLO)
        elsewhere = f"http://localhost:{api.port}/", f"{other.url}/", "https://127.0.0.1/"
        for location in (*elsewhere, f"http://a:b@127.0.0.1:{api.port}/", "http://[", "//x/"):
            api.says[HELLO_PATH] = Reply(None, 302, {"Location": location})
            with pytest.raises(GitHubUnavailable, match="leads"):
                await github.repository(HELLO)
        del api.says[HELLO_PATH]
        api.has_repository("octocat/Hello-World", contributors_url=f"{other.url}/contributors")
        with pytest.raises(GitHubUnavailable, match="elsewhere"):
            await github.repository(HELLO)
        link = {"Link": f'<{other.url}/more>; rel="next"'}
        api.has_repository("octocat/Hello-World")
        api.says[f"{HELLO_PATH}/contributors"] = Reply([], headers=link)
        with pytest.raises(GitHubUnavailable, match="elsewhere"):
            await github.repository(HELLO)

        assert other.asked == []
    assert all(f"authorization: Bearer {TOKEN}".lower() in head.lower() for head in api.heads)
    assert TOKEN not in caplog.text
    assert "octocat" not in caplog.text


async def test_redirects_in_a_circle(api: Api, github: GitHub) -> None:
    api.says[HELLO_PATH] = Reply(None, 302, {"Location": HELLO_PATH})

    with pytest.raises(GitHubUnavailable, match="more than 3 redirects"):
        await github.repository(HELLO)

    assert len(api.asked) == 4


async def test_what_only_our_token_may_see(api: Api) -> None:
    api.has_repository("octocat/Hello-World", [contributor("octocat", 1)], private=True)
    api.has_issue("octocat/Hello-World", 1347, [user("hubot")])

    async with _of(api, token=TOKEN) as github:
        with pytest.raises(NotOnGitHub):
            await github.repository(HELLO)
        with pytest.raises(NotOnGitHub):
            await github.issue(BUG)

    assert not any("contributors" in each or "comments" in each for each in api.asked)


@asynccontextmanager
async def _of(api: Api, *, token: str | None = None, seconds: float = 5.0) -> AsyncIterator[GitHub]:
    github = api.github(token=token, seconds=seconds)
    try:
        yield github
    finally:
        await github.close()


ASK: list[Callable[[GitHub], Awaitable[object]]] = [
    lambda github: github.repository(HELLO),
    lambda github: github.issue(BUG),
    lambda github: github.account("octocat"),
]

SECONDARY = {
    "message": "You have exceeded a secondary rate limit.",
    "documentation_url": "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api",
}


def from_now(reply: Reply) -> Reply:
    """The reply with a time of today where it says "+2000": so many seconds after now."""
    now = int(time.time())
    headers = {
        name: str(now + int(value)) if value.startswith("+") else value
        for name, value in reply.headers.items()
    }
    return replace(reply, headers=headers)


@pytest.mark.parametrize("ask", ASK, ids=["repository", "issue", "account"])
@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        (limited(Retry_After="120")(403), 120),
        (limited(Retry_After="120")(429), 120),
        (limited(X_RateLimit_Remaining="0", X_RateLimit_Reset="+2000")(403), 2000),
        (limited(X_RateLimit_Remaining="0", X_RateLimit_Reset="+2000")(429), 2000),
        (limited(X_RateLimit_Remaining="0", X_RateLimit_Reset="12")(403), 1),
        (limited(Retry_After="9" * 400)(429), 3600),
        (limited(Retry_After="soon")(429), 60),
        (Reply(SECONDARY, 403), 60),
    ],
    ids=range(8),
)
async def test_limits(
    api: Api,
    github: GitHub,
    ask: Callable[[GitHub], Awaitable[object]],
    reply: Reply,
    seconds: int,
) -> None:
    for path in (HELLO_PATH, f"{HELLO_PATH}/issues/1347", "/users/octocat"):
        api.says[path] = from_now(reply)

    with pytest.raises(RateLimited) as limit:
        await ask(github)
    with pytest.raises(RateLimited) as again:
        await github.account("hubot")

    left = limit.value.until - datetime.now(UTC)
    assert timedelta(seconds=seconds - 60) < left <= timedelta(seconds=seconds)
    # Nothing more is asked until then, of anything.
    assert again.value.until == limit.value.until
    assert len(api.asked) == 1


async def test_after_a_pause_it_is_asked_again(api: Api, github: GitHub) -> None:
    api.known["/users/octocat"] = user("octocat")
    api.says["/users/hubot"] = limited(Retry_After="0")(429)
    with pytest.raises(RateLimited):
        await github.account("hubot")

    github._client._quiet_until = datetime.now(UTC)

    assert (await github.account("octocat")).login == "octocat"


HTML = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<html>Sorry</html>"
TOO_LARGE = {
    "message": "The history or contributor list is too large to list contributors",
    "documentation_url": "https://docs.github.com/rest/repos/repos#list-repository-contributors",
}


@pytest.mark.parametrize("ask", ASK, ids=["repository", "issue", "account"])
@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply({}, 404), NotOnGitHub),
        (Reply({}, 410), NotOnGitHub),
        (Reply({}, 451), Withheld),
        (Reply(TOO_LARGE, 403), Refused),
        (Reply(b"HTTP/1.1 403 No\r\nConnection: close\r\n\r\nNo"), Refused),
        (Reply({"message": "Bad credentials"}, 401), GitHubUnavailable),
        (Reply({}, 500), GitHubUnavailable),
        (Reply({}, 503), GitHubUnavailable),
        (Reply({}, 302), GitHubUnavailable),
        (Reply(None, 204), GitHubUnavailable),
        (Reply([]), GitHubUnavailable),
        (Reply({"login": 1, "full_name": []}), GitHubUnavailable),
        (Reply(HTML), GitHubUnavailable),
        (Reply(HTML + b" " * 8 * 1024 * 1024), GitHubUnavailable),
        (Reply(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"name": "\xff"}'), GitHubUnavailable),
        (Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), GitHubUnavailable),
        (Reply(b"nonsense"), GitHubUnavailable),
        (Reply(b""), GitHubUnavailable),
    ],
    ids=range(18),
)
async def test_what_says_nothing(
    api: Api,
    github: GitHub,
    ask: Callable[[GitHub], Awaitable[object]],
    reply: Reply,
    error: type[GitHubError],
) -> None:
    for path in (HELLO_PATH, f"{HELLO_PATH}/issues/1347", "/users/octocat"):
        api.says[path] = reply

    with pytest.raises(error) as raised:
        await ask(github)

    assert type(raised.value) is error
    assert "\n" not in str(raised.value)


async def test_a_history_that_is_too_large(api: Api, github: GitHub) -> None:
    api.has_repository("octocat/Hello-World")
    api.says[f"{HELLO_PATH}/contributors"] = Reply(TOO_LARGE, 403)

    with pytest.raises(Refused):
        await github.repository(HELLO)


async def test_a_token_that_is_refused_is_an_error_in_the_log(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    api.says[HELLO_PATH] = Reply({"message": "Bad credentials"}, 401)

    async with _of(api, token=TOKEN) as github:
        with pytest.raises(GitHubUnavailable):
            await github.repository(HELLO)

    [record] = [it for it in caplog.records if it.levelno == logging.ERROR]
    assert "WHIPROUND_GITHUB_TOKEN" in record.getMessage()
    assert TOKEN not in caplog.text


async def test_what_does_not_answer(api: Api) -> None:
    api.is_silent = True

    async with _of(api, seconds=0.1) as github:
        with pytest.raises(GitHubTooSlow):
            await github.repository(HELLO)
    away = GitHub(url="http://127.0.0.1:9")
    with pytest.raises(GitHubUnavailable, match="ConnectError"):
        await away.account("octocat")
    await away.close()
