"""Structured logs: one line per event, for machines (JSON) or for people (text).

Nothing secret is logged: of a request its id, method, path template, status, time taken and user,
never its query, headers or body.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, BinaryIO
from uuid import UUID

import msgspec
import psycopg
import structlog
from psycopg_pool import PoolTimeout

from whipround.settings import Settings

FLUSH_SECONDS = 0.1

_LEAST_LEVELS = {
    "procrastinate": logging.WARNING,
    "psycopg": logging.ERROR,
    "uvicorn.error": logging.ERROR,
}


class _Line(msgspec.Struct, gc=False):
    timestamp: datetime
    level: str
    event: str
    request_id: str
    method: str
    path: str
    status: int
    milliseconds: float
    user_id: UUID | None


class RequestLog:
    """Writes a line per request. Made for speed: it is on the way of each one.

    Lines are gathered and written a few times a second, or by `flush`; a process that is killed
    loses the last of them.
    """

    def __init__(self, stream: BinaryIO, *, as_json: bool) -> None:
        self._stream = stream
        self._render: Callable[[_Line], bytes] = _to_json_line if as_json else _to_text_line
        self._lines: list[bytes] = []

    def write(
        self,
        *,
        request_id: bytes,
        method: str,
        path: str,
        status: int,
        now: datetime,
        seconds: float,
        user_id: UUID | None,
    ) -> None:
        """`path` is a template, such as "/v1/users/{id}"; `now` when the request came."""
        if not self._lines:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        line = _Line(
            timestamp=now,
            level="info",
            event="request",
            request_id=request_id.decode("ascii"),
            method=method,
            path=path,
            status=status,
            milliseconds=round(seconds * 1000, 2),
            user_id=user_id,
        )
        self._lines.append(self._render(line))

    def flush(self) -> None:
        """Write what has gathered."""
        lines, self._lines = self._lines, []
        # Nobody is left without an answer because nobody reads the log.
        with suppress(OSError, ValueError):
            self._stream.write(b"".join(lines))
            self._stream.flush()


def _to_json_line(line: _Line) -> bytes:
    return msgspec.json.encode(line) + b"\n"


def _to_text_line(line: _Line) -> bytes:
    at, who = line.timestamp, f" user={line.user_id}" if line.user_id else ""
    return (
        f"{at.hour:02}:{at.minute:02}:{at.second:02} {line.method} {line.path} {line.status}"
        f" {line.milliseconds} ms request={line.request_id}{who}\n"
    ).encode()


def request_log(settings: Settings) -> RequestLog | None:
    """The log of requests; None when its level is not wanted, so that nothing is even measured."""
    if settings.log_level not in {"debug", "info"}:
        return None
    return RequestLog(sys.stderr.buffer, as_json=settings.log_format == "json")


def configure(settings: Settings) -> None:
    """Have all logging of this process, our own and of libraries, written in one form."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.log_format == "json":
        last: list[structlog.typing.Processor] = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_to_json),
        ]
    else:
        # Never its pretty tracebacks: they show local variables, and so PINs and tokens.
        plain = structlog.dev.plain_traceback
        last = [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
        ]
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_is_news)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    # What these say beneath repeats what we say ourselves, or is about clients that talk nonsense.
    for name, least in _LEAST_LEVELS.items():
        logging.getLogger(name).setLevel(least)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a record says what we do not say ourselves.

    A database that is away we tell in a line wherever we notice; procrastinate tells it with a
    traceback for each of its tasks.
    """
    if not record.name.startswith("procrastinate") or not record.exc_info:
        return True
    error = record.exc_info[1]
    while error is not None:
        if isinstance(error, psycopg.OperationalError | PoolTimeout):
            return False
        error = error.__cause__
    return True


def _to_json(event: Mapping[str, Any], **_: object) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()
