"""Every kind of error has its documented answer, and what is unforeseen says nothing."""

import json
import logging
from collections.abc import Sequence

import psycopg
import pytest
from litestar.exceptions import (
    ClientException,
    InternalServerException,
    MethodNotAllowedException,
    NotFoundException,
)

from whipround import errors
from whipround.api.bodies import BodyTooLarge, MalformedBody
from whipround.api.context import Call
from whipround.api.memento.errors import answer_of, refuse, status_of
from whipround.api.services import UnknownProduct
from whipround.errors import (
    Conflict,
    Declined,
    DomainError,
    FieldError,
    Invalid,
    NotFound,
    Throttled,
    Unauthenticated,
    Unavailable,
)


class InsufficientFunds(Declined):
    """There is not enough money."""

    code = "insufficient_funds"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InsufficientFunds(), 400, "insufficient_funds"),
        (Conflict(), 409, "conflict"),
        (Throttled(retry_after_seconds=7), 429, "too_many_requests"),
        (Unavailable(), 503, "unavailable"),
        (MalformedBody(), 400, "malformed_body"),
        (UnknownProduct(), 400, "unknown_product"),
        (BodyTooLarge(), 413, "body_too_large"),
        (MethodNotAllowedException(headers={"allow": "PUT, GET"}), 405, "method_not_allowed"),
        (ClientException("Invalid host header"), 400, "malformed_request"),
        (psycopg.OperationalError("the connection is lost"), 503, "unavailable"),
        (InternalServerException(), 500, "unknown_exception"),
        (DomainError("strange"), 500, "unknown_exception"),
        (psycopg.ProgrammingError("select secret"), 500, "unknown_exception"),
        (ValueError("secret"), 500, "unknown_exception"),
        (KeyError("secret"), 500, "unknown_exception"),
    ],
)
def test_an_error_object(error: Exception, status: int, code: str) -> None:
    rendered = answer_of(error, "en")

    assert rendered.status == status
    [shown] = json.loads(rendered.body)["errors"]
    assert shown.keys() == {"code", "message"}
    assert shown["code"] == code
    assert shown["message"]
    assert b"secret" not in rendered.body


@pytest.mark.parametrize(
    ("error", "status"), [(Unauthenticated(), 401), (NotFound(), 404), (NotFoundException(), 404)]
)
def test_an_empty_body(error: Exception, status: int) -> None:
    assert answer_of(error, "en")[:2] == (status, b"")


def test_the_validation_error_object() -> None:
    error = Invalid(
        [
            FieldError("username", "already_taken", "Username has already been taken"),
            FieldError("recipient.amount", "too_small", "Amount must be greater than 0"),
        ]
    )

    rendered = answer_of(error, "en")

    assert rendered.status == 422
    assert json.loads(rendered.body) == {
        "errors": [
            {
                "field": "username",
                "code": "already_taken",
                "message": "Username has already been taken",
            },
            {
                "field": "recipient.amount",
                "code": "too_small",
                "message": "Amount must be greater than 0",
            },
        ]
    }


def test_what_a_client_should_do_next_is_in_the_headers() -> None:
    wrong_method = MethodNotAllowedException(headers={"allow": "PUT, OPTIONS, GET"})

    assert answer_of(Throttled(retry_after_seconds=7), "en").headers == ((b"retry-after", b"7"),)
    assert answer_of(Unavailable(), "en").headers == ((b"retry-after", b"1"),)
    assert answer_of(Unauthenticated(), "en").headers == ((b"www-authenticate", b"Bearer"),)
    assert answer_of(wrong_method, "en").headers == ((b"allow", b"GET, PUT"),)


def _kinds(kind: type[DomainError]) -> Sequence[type[DomainError]]:
    return [kind, *(each for sub in kind.__subclasses__() for each in _kinds(sub))]


def test_every_kind_of_domain_error_has_a_row() -> None:
    kinds = [kind for kind in _kinds(DomainError) if kind.__module__ == errors.__name__]

    unforeseen = [kind for kind in kinds if status_of(kind) == 500]

    assert unforeseen == [DomainError]


def test_every_domain_error_of_the_system_has_a_code_and_a_message() -> None:
    for kind in _kinds(DomainError):
        assert kind.__doc__, kind
        assert isinstance(getattr(kind, "code", None), str), kind


def test_rendering_an_error_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        answer_of(ValueError("boom"), "en")

    assert not caplog.records


def test_a_database_that_is_away_is_told_in_a_line(caplog: pytest.LogCaptureFixture) -> None:
    call = Call({}, {b"correlation-id": b"018f2b6e-0000-4000-8000-000000000001"})

    refuse(psycopg.OperationalError("the connection is lost"), call)
    refuse(Unavailable(), call)
    refuse(ValueError("boom"), call)

    away, failed = caplog.records
    assert (away.levelname, away.exc_info) == ("WARNING", None)
    assert "the connection is lost" in away.message
    assert failed.levelname == "ERROR"
    assert failed.exc_info
