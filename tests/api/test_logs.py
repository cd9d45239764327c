"""Logs: one form for all of the process, and no secrets in them."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from procrastinate.exceptions import ConnectorException

from whipround.api import logs
from whipround.api.logs import RequestLog, request_log
from whipround.settings import Settings

USER = UUID(int=5)


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    """Puts back how this process logs."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def _fail() -> None:
    pin = "secret-1234"
    raise ValueError(f"a pin of {len(pin)} characters")


def _log_a_failure() -> None:
    try:
        _fail()
    except ValueError:
        logging.getLogger("whipround.test").exception("it %s", "broke", extra={"request_id": "r1"})


def test_a_line_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json"))

    _log_a_failure()

    line = json.loads(capsys.readouterr().err)
    assert line["event"] == "it broke"
    assert line["level"] == "error"
    assert line["request_id"] == "r1"
    assert datetime.fromisoformat(line["timestamp"]).tzinfo is not None
    assert "ValueError: a pin of 11 characters" in line["exception"]
    assert "secret-1234" not in str(line)


def test_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="text"))

    _log_a_failure()

    text = capsys.readouterr().err
    assert "it broke" in text
    assert "request_id=r1" in text
    assert "ValueError: a pin of 11 characters" in text
    assert "secret-1234" not in text


@pytest.mark.parametrize(("level", "lines"), [("debug", 3), ("info", 2), ("error", 1)])
def test_levels(level: str, lines: int, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json", log_level=level))
    logger = logging.getLogger("whipround.test")

    logger.debug("one")
    logger.info("two")
    logger.error("three")

    assert len(capsys.readouterr().err.splitlines()) == lines


def test_a_database_that_is_away_is_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json"))
    queue = logging.getLogger("procrastinate.worker")

    away = ConnectorException()
    away.__cause__ = psycopg.OperationalError("the connection is closed")
    queue.error("Side task listener failed", exc_info=away)
    logging.getLogger("whipround.test").error("ours", exc_info=away)
    logging.getLogger("psycopg.pool").warning("error connecting")
    logging.getLogger("psycopg").warning("error ignored terminating")
    try:
        _fail()
    except ValueError:
        queue.exception("something else")
    queue.error("and no exception")

    lines = map(json.loads, capsys.readouterr().err.splitlines())
    assert [line["event"] for line in lines] == ["ours", "something else", "and no exception"]


@pytest.mark.parametrize(("level", "wanted"), [("debug", True), ("info", True), ("warning", False)])
def test_requests_are_logged_at_info(level: str, *, wanted: bool) -> None:
    assert (request_log(Settings(log_level=level)) is not None) is wanted


def _write(log: RequestLog) -> None:
    log.write(
        request_id=b"r1",
        method="GET",
        path="/v1/users/{user_id}",
        status=200,
        now=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        seconds=0.0123456,
        user_id=USER,
    )


@pytest.mark.anyio
async def test_request_lines_are_gathered_and_written_soon() -> None:
    stream = io.BytesIO()
    log = RequestLog(stream, as_json=True)

    _write(log)
    _write(log)
    assert stream.getvalue() == b""
    await asyncio.sleep(0.2)

    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first == second
    assert first["milliseconds"] == 12.35
    assert first["user_id"] == str(USER)
    _write(log)
    await asyncio.sleep(0.2)
    assert len(stream.getvalue().splitlines()) == 3


@pytest.mark.anyio
async def test_a_request_line_for_people() -> None:
    stream = io.BytesIO()
    log = RequestLog(stream, as_json=False)

    _write(log)
    log.flush()

    assert stream.getvalue() == (
        b"03:04:05 GET /v1/users/{user_id} 200 12.35 ms request=r1"
        b" user=00000000-0000-0000-0000-000000000005\n"
    )


@pytest.mark.anyio
async def test_a_log_that_nobody_takes_harms_nobody() -> None:
    stream = io.BytesIO()
    log = RequestLog(stream, as_json=True)
    stream.close()

    _write(log)
    log.flush()
