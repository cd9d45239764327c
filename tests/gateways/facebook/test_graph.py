"""Asking the Graph API whose a token is, over real HTTP."""

import hashlib
import hmac
import logging
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from tests.gateways.facebook.graph_server import APP_ID, SECRET, Graph, failure, graph_server
from whipround.gateways.facebook import graph as module
from whipround.gateways.facebook.graph import MAX_BYTES
from whipround.gateways.facebook.protocol import (
    FacebookError,
    FacebookPerson,
    FacebookUnavailable,
    TokenRefused,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def graph(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Graph]:
    """A Graph API that knows nobody yet."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with graph_server() as graph:
        yield graph


async def _person(graph: Graph, token: str, **given: str) -> FacebookPerson:
    facebook = graph.facebook(**given)
    try:
        return await facebook.person(token, now=datetime.now(UTC))
    finally:
        await facebook.close()


async def test_whose_a_token_is(graph: Graph) -> None:
    token = graph.knows("Jon Dough", "Jon@Example.com")

    person = await _person(graph, token)

    user_id = graph.tokens[token][0]["user_id"]
    assert person == FacebookPerson(user_id, "Jon Dough", "Jon@Example.com")
    assert "Jon" not in repr(person)
    app_token = f"{APP_ID}|{SECRET}"
    assert graph.asked == [
        (
            "/debug_token",
            {
                "input_token": token,
                "access_token": app_token,
                "appsecret_proof": _proof(app_token),
            },
        ),
        (
            "/me",
            {
                "fields": "id,name,email",
                "access_token": token,
                "appsecret_proof": _proof(token),
            },
        ),
    ]


def _proof(token: str) -> str:
    return hmac.new(SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()


async def test_without_an_email_a_name_an_end_or_quotes(graph: Graph) -> None:
    nameless = graph.knows(me={"name": None}, expires_at=0)
    numbers = graph.knows("Ann", app_id=int(APP_ID), user_id=17, me={"id": 17})

    assert (await _person(graph, nameless)).name == ""
    assert await _person(graph, numbers) == FacebookPerson("17", "Ann", None)


EXPIRED = {
    "is_valid": False,
    "error": {"code": 190, "subcode": 463, "message": "Session has expired"},
}


@pytest.mark.parametrize(
    "known",
    [
        lambda graph: "nobody's",
        lambda graph: graph.knows(**EXPIRED),
        lambda graph: graph.knows(expires_at=int(time.time()) - 1),
        lambda graph: graph.knows(app_id="138483919580949"),
        lambda graph: graph.knows(type="PAGE"),
        lambda graph: graph.knows(type="APP", user_id=""),
        lambda graph: graph.knows(me={"id": "17"}),
        lambda graph: _saying(graph, "/debug_token", 100),
        lambda graph: _saying(graph, "/me", 190),
    ],
    ids=["unknown", "ended", "expired", "app", "page", "no-user", "other", "other-app", "gone"],
)
async def test_a_token_that_is_of_no_use_is_refused(
    graph: Graph, known: Callable[[Graph], str]
) -> None:
    with pytest.raises(TokenRefused):
        await _person(graph, known(graph))


def _saying(graph: Graph, path: str, code: int) -> str:
    """The token of somebody about whom that path says an error."""
    graph.says[path] = failure(code, "(#100) The App_id in the input_token did not match")
    return graph.knows()


HTML = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<html>Sorry</html>"
MOVED = b"HTTP/1.1 302 Found\r\nLocation: /me\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("path", ["/debug_token", "/me"])
@pytest.mark.parametrize(
    "said",
    [
        failure(2, "Service temporarily unavailable", status=500),
        failure(4, "Application request limit reached", status=403),
        (503, {}),
        (200, {"data": [], "id": []}),
        (200, HTML),
        (302, MOVED),
        (200, HTML + b" " * MAX_BYTES),
        (200, b"gone"),
    ],
    ids=["service", "too-many", "down", "other", "html", "moved", "endless", "broken"],
)
async def test_without_a_word_about_the_token(
    graph: Graph, path: str, said: tuple[int, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    token = graph.knows()
    graph.says[path] = said

    with caplog.at_level(logging.DEBUG), pytest.raises(FacebookUnavailable) as unavailable:
        await _person(graph, token)

    assert graph.asked[-1][0] == path
    _says_nothing(unavailable.value, caplog, token)


async def test_what_does_not_answer(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    token = graph.knows()
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.1)
    graph.is_silent = True

    with caplog.at_level(logging.DEBUG):
        with pytest.raises(FacebookUnavailable, match="no answer within") as silent:
            await _person(graph, token)
        with pytest.raises(FacebookUnavailable, match="ConnectError") as absent:
            await _person(graph, token, url="http://127.0.0.1:9")

    _says_nothing(silent.value, caplog, token)
    _says_nothing(absent.value, caplog, token)


async def test_an_app_that_facebook_refuses_is_an_error_in_the_log(
    graph: Graph, caplog: pytest.LogCaptureFixture
) -> None:
    token = graph.knows()

    with pytest.raises(FacebookUnavailable) as refused:
        await _person(graph, token, secret="another" * 4)

    [record] = [it for it in caplog.records if it.levelno == logging.ERROR]
    assert "WHIPROUND_FACEBOOK_APP_SECRET" in record.getMessage()
    assert "another" not in caplog.text
    _says_nothing(refused.value, caplog, token)


def _says_nothing(error: FacebookError, caplog: pytest.LogCaptureFixture, token: str) -> None:
    """Neither the error, nor what caused it, nor a log tells the token or the secret."""
    told = caplog.text + repr(error) + repr(error.__cause__)
    assert token[:16] not in told
    assert SECRET not in told
