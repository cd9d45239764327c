"""Requests as bytes, and the bytes that come back."""

import asyncio
import re
from collections.abc import Sequence
from typing import NamedTuple

PATIENCE_SECONDS = 20.0
"""Longer than any request may take; what takes longer hangs."""


class Answer(NamedTuple):
    """What came back: the statuses of all answers, and all of it."""

    statuses: Sequence[int]
    said: bytes

    @property
    def is_framed(self) -> bool:
        """Whether the last answer is as long as it says."""
        head, _, body = self.said.rpartition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head[head.rfind(b"HTTP/1.1 ") :])
        return length is None or int(length[1]) == len(body)


async def sent(port: int, request: bytes) -> Answer:
    """Send this and no more, and read until the server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        writer.write_eof()
        said = await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
    except ConnectionError:  # it had seen enough
        said = b""
    finally:
        writer.close()
    return Answer([int(it) for it in re.findall(rb"(?m)^HTTP/1.1 (\d{3}) ", said)], said)


def request(
    method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes = b""
) -> bytes:
    """A request, whose framing is right."""
    lines = [b"%s %s HTTP/1.1" % (method, target), b"Host: x", b"Connection: close"]
    lines += [b"%s: %s" % header for header in headers]
    lines += [b"Content-Length: %d" % len(body)] if body else []
    return b"\r\n".join([*lines, b"", body])
