"""Structured logs: one line per event, for machines (JSON) or for people (text).

Nothing secret is logged: of a request its id, method, path template, status, time taken and user,
never its query, headers or body.
"""

import logging
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, BinaryIO
from uuid import UUID

import msgspec
import structlog

from whipround.settings import Settings


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
    """Writes a line per request. Rendered and written directly: it is on the way of each one."""

    def __init__(self, stream: BinaryIO, *, as_json: bool) -> None:
        self._write = structlog.BytesLogger(stream).msg
        self._render: Callable[[_Line], bytes] = msgspec.json.encode if as_json else _as_text

    def write(
        self,
        *,
        request_id: bytes,
        method: str,
        path: str,
        status: int,
        started: float,
        user_id: UUID | None,
    ) -> None:
        """`path` is a template, such as "/v1/users/{id}"; `started` a reading of perf_counter."""
        line = _Line(
            timestamp=datetime.now(UTC),
            level="info",
            event="request",
            request_id=request_id.decode("ascii"),
            method=method,
            path=path,
            status=status,
            milliseconds=round((time.perf_counter() - started) * 1000, 2),
            user_id=user_id,
        )
        self._write(self._render(line))


def _as_text(line: _Line) -> bytes:
    who = f" user={line.user_id}" if line.user_id else ""
    return (
        f"{line.timestamp:%H:%M:%S} {line.method} {line.path} {line.status}"
        f" {line.milliseconds} ms request={line.request_id}{who}"
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
        last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    # What these say at info repeats what we say ourselves.
    for name in ("uvicorn.error", "procrastinate", "psycopg.pool"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _to_json(event: Mapping[str, Any] | MutableMapping[str, Any], **_: object) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()
