"""What all dialects do with an error before each renders it in its own form.

A dialect has one table from kind of error to answer, over domain errors alone: whatever else ends a
request is one of them first.
"""

import logging
from collections.abc import Mapping
from typing import TypeVar

import psycopg
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException

from whipround.api.bodies import Malformed
from whipround.api.context import Call, Headers
from whipround.errors import DomainError, Message, NotFound, Throttled, Unavailable

T = TypeVar("T")

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1
"""After how long a client may ask again when the service is busy."""


class UnknownException(DomainError):
    """An unknown exception occurred."""


class MethodNotAllowed(DomainError):
    """This path does not know that method."""

    code = "method_not_allowed"

    def __init__(self, methods: str) -> None:
        self.methods = methods
        super().__init__(Message("Use {methods}.", methods=methods))


def domain_error(error: Exception) -> DomainError:
    """The domain error that an error is to be answered as.

    What is a failure of ours becomes an UnknownException, which says nothing more.
    """
    match error:
        case DomainError():
            return error
        case psycopg.OperationalError():
            return Unavailable()
        case NotFoundException():
            return NotFound()
        case MethodNotAllowedException():
            methods = (error.headers or {}).get("allow", "").split(", ")
            return MethodNotAllowed(", ".join(sorted({*methods} - {"OPTIONS"})))
        case HTTPException() if error.status_code < 500:
            # What the framework itself refuses, such as a malformed Host header.
            return Malformed()
        case _:
            return UnknownException()


def nearest(table: Mapping[type[BaseException], T], kind: type[DomainError]) -> T:
    """The row of a kind of error: its own, else that of the nearest class it is derived from."""
    return next(row for row in map(table.get, kind.__mro__) if row is not None)


def advice(error: DomainError) -> Headers:
    """The headers that tell a client what to do next, in all dialects."""
    match error:
        case Throttled():
            return ((b"retry-after", b"%d" % error.retry_after_seconds),)
        case Unavailable():
            return ((b"retry-after", b"%d" % RETRY_SECONDS),)
        case MethodNotAllowed():
            return ((b"allow", error.methods.encode("ascii")),)
        case _:
            return ()


def log_failure(error: Exception, call: Call, *, status: int) -> None:
    """Log an error that ended a request with this status, if it is a failure of ours."""
    told = {"request_id": call.correlation_id.decode()}
    if isinstance(error, psycopg.OperationalError):
        logger.warning("the database failed a request: %r", error, extra=told)
    elif status >= 500 and not isinstance(error, Unavailable):
        logger.error("a request failed", exc_info=error, extra=told)
