"""The limits on what a connection may send, and how slowly."""

import asyncio
import logging
import re
import resource
import socket
import struct

import msgspec
import pytest
import uvloop

from tests.api.serving import served
from whipround.api import protocol
from whipround.api.protocol import MAX_HEAD_BYTES, allow_many_files, most_connections
from whipround.api.types import Receive, Scope, Send

pytestmark = pytest.mark.anyio


_MUCH = 16 * 1024 * 1024
"""More than a kernel holds for a connection."""


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if scope["path"] == "/slow":
        await asyncio.sleep(0.4)
    if scope["path"] == "/much":
        body = bytes(_MUCH)
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


async def _send(port: int, *pieces: bytes, pause: float = 0.0) -> bytes:
    """All that comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def _request(*headers: bytes, body: bytes = b"") -> bytes:
    length = b"content-length: %d" % len(body)
    lines = [b"POST /x HTTP/1.1", b"host: x", b"connection: close", length, *headers]
    return b"\r\n".join([*lines, b"", body])


async def test_a_request() -> None:
    async with served(_echo) as port:
        answer = await _send(port, _request(body=b"hello"))

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\nhello")


async def test_large_headers_within_the_limit_and_a_larger_body() -> None:
    async with served(_echo) as port:
        answer = await _send(port, _request(b"x: " + b"y" * 30_000, body=b"z" * 500_000))

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"z")


@pytest.mark.parametrize("size", [MAX_HEAD_BYTES + 1, 10 * MAX_HEAD_BYTES])
@pytest.mark.parametrize("complete", [True, False])
async def test_headers_that_are_too_large(size: int, complete: bool) -> None:
    request = _request(b"x: " + b"y" * size)
    if not complete:
        request = request.removesuffix(b"\r\n\r\n")
    async with served(_echo) as port:
        answer = await _send(port, request)

    assert answer.startswith((b"HTTP/1.1 431 ", b""))
    assert b" 200 " not in answer


async def test_headers_without_end_in_small_pieces() -> None:
    pieces = [b"GET / HTTP/1.1\r\n", *[b"x: " + b"y" * 8000 + b"\r\n"] * 5]
    async with served(_echo) as port:
        answer = await _send(port, *pieces, pause=0.01)

    assert answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "sent",
    [
        b"HELLO\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_no_http(sent: bytes) -> None:
    async with served(_echo) as port:
        answer = await _send(port, sent)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"\r\ncontent-type: application/json" in head
    assert b"\r\ncontent-length: %d\r\n" % len(body) in head
    assert re.search(rb"\r\ncorrelation-id: [0-9a-f-]{36}\r\n", head)
    assert msgspec.json.decode(body) == {
        "errors": [{"code": "malformed_request", "message": "The request cannot be read."}]
    }


@pytest.mark.parametrize(
    ("rest", "status"), [(b"content-length: x\r\n\r\n", b"400"), (b"x: " + b"y" * 40_000, b"431")]
)
async def test_a_refusal_bears_the_id_that_was_read(rest: bytes, status: bytes) -> None:
    id_ = b"d4097613-3b63-4dbb-befe-2211b9dc821a"
    async with served(_echo) as port:
        head = b"POST /x HTTP/1.1\r\nCorrelation-ID: " + id_ + b"\r\n"
        answer = await _send(port, head + rest)

    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"\r\ncorrelation-id: " + id_ + b"\r\n" in answer


async def test_what_was_whole_before_nonsense_is_answered_as_itself() -> None:
    whole = _request(body=b"hello").replace(b"connection: close\r\n", b"")
    async with served(_echo) as port:
        answer = await _send(port, whole.replace(b"/x", b"/slow") + b"\0nonsense\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"hello")
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "piece",
    [
        b"",
        b"POST / HTTP/1.1\r\nhost: x\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhello",
    ],
)
async def test_a_request_that_does_not_get_finished(
    piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "REQUEST_SECONDS", 0.2)
    async with served(_echo) as port:
        answer = await _send(port, piece)

    assert b" 200 " not in answer


async def test_a_large_body_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REQUEST_SECONDS", 0.1)
    monkeypatch.setattr(protocol, "SLOWEST_BYTES_PER_SECOND", 20)
    request = _request(body=b"ten bytes.")
    async with served(_echo) as port:
        answer = await _send(port, request[:-4], request[-4:-2], request[-2:], pause=0.12)

    assert answer.endswith(b"ten bytes.")


async def test_a_slow_answer_is_no_slow_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REQUEST_SECONDS", 0.1)
    request = _request(body=b"hello").replace(b"/x", b"/slow")
    async with served(_echo) as port:
        answer = await _send(port, request[:-2], request[-2:], pause=0.05)

    assert answer.endswith(b"hello")


async def test_a_connection_is_used_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REQUEST_SECONDS", 0.1)
    keeping = _request(body=b"one").replace(b"connection: close\r\n", b"")
    async with served(_echo) as port:
        answer = await _send(port, keeping, _request(body=b"two"), pause=0.3)

    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert answer.endswith(b"two")


async def _half_close(port: int, sent: bytes) -> bytes:
    """All that comes back to who says all at once and then only listens."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    writer.write_eof()
    try:
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()


async def test_who_has_said_all_is_answered_all() -> None:
    keeping = _request(body=b"one").replace(b"connection: close\r\n", b"")
    slow = keeping.replace(b"/x", b"/slow")
    async with served(_echo) as port:
        answer = await _half_close(port, slow + keeping.replace(b"one", b"two"))

    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert answer.endswith(b"two")


async def test_a_large_body_does_not_count_as_the_head_of_the_request_behind_it() -> None:
    large = _request(body=b"z" * 40_000).replace(b"connection: close\r\n", b"")
    head, _ = _request(body=b"hello").split(b"hello")
    async with served(_echo) as port:
        answer = await _send(port, large + head, b"hello", pause=0.1)

    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"200"]
    assert answer.endswith(b"hello")


@pytest.mark.parametrize(
    "sent", [b"", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhello"]
)
async def test_who_stops_in_the_middle_is_not_waited_for(sent: bytes) -> None:
    async with served(_echo) as port:
        answer = await _half_close(port, sent)

    assert answer == b""


@pytest.mark.parametrize("blank", [b"\r\n", b"\r\n" * 3])
async def test_blank_lines_do_not_keep_a_connection(
    blank: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "REQUEST_SECONDS", 0.2)
    keeping = _request(body=b"one").replace(b"connection: close\r\n", b"")
    async with served(_echo) as port:
        answer = await _send(port, keeping, blank, pause=0.05)

    assert answer.count(b"HTTP/1.1 200 ") == 1
    assert answer.endswith(b"one")


async def test_more_requests_in_line_than_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MOST_PIPELINED", 3)
    keeping = _request(body=b"hello").replace(b"connection: close\r\n", b"")
    async with served(_echo) as port:
        answer = await _send(port, keeping * 10)

    # The first one does not wait: it is being answered.
    assert answer.count(b"HTTP/1.1 200 ") == 4
    assert answer.endswith(b"hello")


_CHUNKED = _request(b"transfer-encoding: chunked").replace(b"content-length: 0\r\n", b"")


async def test_headers_after_a_body() -> None:
    async with served(_echo) as port:
        answer = await _send(port, _CHUNKED + b"5\r\nhello\r\n0\r\nx: y\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"hello")


@pytest.mark.parametrize(
    "without_end", [[b"x: " + b"y" * 8000 + b"\r\n"] * 5, [b"x: ", *[b"y" * 8000] * 5]]
)
async def test_headers_without_end_after_a_body(without_end: list[bytes]) -> None:
    pieces = [_CHUNKED + b"5\r\nhello\r\n", b"0\r\n", *without_end]
    async with served(_echo) as port:
        answer = await _send(port, *pieces, pause=0.01)

    assert answer.startswith(b"HTTP/1.1 431 ")


async def _take(port: int, *, pause: float, pieces: int) -> int:
    """How much of a very large answer comes, to who takes so many pieces, then all, then ends."""
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.setblocking(False)
        await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=line, limit=4096)
        writer.write(_request().replace(b"/x", b"/much"))
        taken = 0
        for _ in range(pieces):
            await asyncio.sleep(pause)
            taken += len(await reader.read(4096))
        taken += len(await asyncio.wait_for(reader.read(), 20))
        writer.close()
    return taken


async def test_who_takes_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REQUEST_SECONDS", 0.1)
    monkeypatch.setattr(protocol, "UNREAD_SECONDS", 0.2)
    async with served(_echo) as port:
        taken = await _take(port, pause=1.0, pieces=1)

    assert taken < _MUCH


async def test_who_takes_a_little_at_a_time_gets_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REQUEST_SECONDS", 0.1)
    monkeypatch.setattr(protocol, "UNREAD_SECONDS", 0.5)
    async with served(_echo) as port:
        taken = await _take(port, pause=0.02, pieces=40)

    assert taken > _MUCH


async def test_one_client_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "most_connections", lambda: 2)
    async with served(_echo) as port:
        there = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        refused = await _send(port, pause=0.05)
        there[0][1].close()
        await there[0][1].wait_closed()
        answer = await _send(port, _request(body=b"hello"))
        there[1][1].close()

    assert refused.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nconnection: close\r\n" in refused
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_as_many_files_as_may_be_but_some_are_not_for_clients() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
        begun_with = most_connections()
        allow_many_files()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        allowed = most_connections()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

    assert begun_with == 1024 - protocol.RESERVED_FILES
    assert (soft, hard) == (min(before[1], protocol.MOST_OPEN_FILES), before[1])
    assert allowed == soft - protocol.RESERVED_FILES


def test_a_client_that_hangs_up_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    keeping = _request(body=b"hello").replace(b"connection: close\r\n", b"")
    pipelined = keeping + keeping.replace(b"/x", b"/slow") + keeping

    async def hang_up() -> None:
        async with served(_echo) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(pipelined)
            await writer.drain()
            await asyncio.sleep(0.1)
            socket_ = writer.get_extra_info("socket")
            socket_.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            await asyncio.sleep(0.6)

    # On uvloop, which is what serves: it refuses to write to a connection that is gone.
    with caplog.at_level(logging.WARNING):
        uvloop.run(hang_up())

    assert caplog.messages == []
