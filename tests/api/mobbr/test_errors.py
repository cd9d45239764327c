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
from whipround.api.mobbr.arguments import MissingArgument, UnsupportedFormat, UnwantedArguments
from whipround.api.mobbr.errors import (
    MissingUserAgent,
    NotAcceptable,
    answer_of,
    argument_of,
    refuse,
    status_of,
)
from whipround.api.services import UnknownProduct
from whipround.db.request_keys import InProgress, KeyReused
from whipround.domain.credentials import InvalidCredentials, UserLocked
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
from whipround.ledger.transfers import InsufficientFunds

CALL = Call(
    {"method": "PUT", "path": "/api_v1/payments/confirm"},
    {b"correlation-id": b"018f2b6e-0000-4000-8000-000000000001"},
)


class Late(Declined):
    """It is too late."""


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unauthenticated(), 403),
        (InvalidCredentials(), 403),
        (NotFound(), 404),
        (NotFoundException(), 404),
        (Late(), 400),
        (UserLocked(), 400),
        (InsufficientFunds(), 400),
        (KeyReused(), 400),
        (InProgress(), 409),
        (Conflict(), 409),
        (Invalid.field("hash", "invalid", "The hash has expired"), 400),
        (UnwantedArguments(["x"]), 400),
        (MissingArgument("hash", CALL), 400),
        (MissingUserAgent(), 400),
        (MalformedBody(), 400),
        (UnknownProduct(), 400),
        (ClientException("Invalid host header"), 400),
        (MethodNotAllowedException(headers={"allow": "PUT, GET"}), 405),
        (BodyTooLarge(), 413),
        (NotAcceptable(), 415),
        (UnsupportedFormat(), 415),
        (Throttled(retry_after_seconds=7), 429),
        (Unavailable(), 503),
        (psycopg.OperationalError("the connection is lost"), 503),
        (InternalServerException(), 500),
        (DomainError("secret"), 500),
        (psycopg.ProgrammingError("select secret"), 500),
        (ValueError("secret"), 500),
    ],
    ids=lambda it: type(it).__name__ if isinstance(it, Exception) else "",
)
def test_an_error_is_told_in_the_envelope(error: Exception, status: int) -> None:
    rendered = answer_of(error, "en")

    assert rendered.status == status
    body = json.loads(rendered.body)
    assert body.keys() == {"result", "message"}
    assert body["result"] is None
    assert body["message"]["type"] == "error"
    assert body["message"]["text"]
    assert b"secret" not in rendered.body


def _text(error: Exception, locale: str = "en") -> str:
    text: str = json.loads(answer_of(error, locale).body)["message"]["text"]
    return text


def test_the_documented_texts() -> None:
    missing = MissingArgument("hash", CALL)
    wrong = Invalid([FieldError("amount", "too_small", "Amount must be greater than 0")])

    assert _text(UnwantedArguments(["a", "b"])) == "Unwanted arguments: a, b"
    assert _text(missing) == (
        "Argument [hash] to method [PUT /api_v1/payments/confirm] missing or invalid."
    )
    assert _text(wrong) == "Invalid parameter: amount. Amount must be greater than 0."
    assert _text(wrong, "es") == "Parámetro no válido: amount. Amount must be greater than 0."


def test_an_argument_is_named_for_what_is_wrong_in_it() -> None:
    renamed = {"participants": "data", "recipient.amount": "share"}
    fields = ("url", "ids[0]", "data.participants[3].share", "participants[3].id")

    assert [argument_of(it, renamed) for it in fields] == ["url", "ids", "data", "data"]
    assert argument_of("recipient.amount", renamed) == "share"


def test_what_a_client_should_do_next_is_in_the_headers() -> None:
    wrong_method = MethodNotAllowedException(headers={"allow": "PUT, OPTIONS, GET"})
    challenge = b'Basic realm="Whipround", charset="UTF-8"'

    assert answer_of(Throttled(retry_after_seconds=7), "en").headers == ((b"retry-after", b"7"),)
    assert answer_of(Unavailable(), "en").headers == ((b"retry-after", b"1"),)
    assert answer_of(Unauthenticated(), "en").headers == ((b"www-authenticate", challenge),)
    assert answer_of(wrong_method, "en").headers == ((b"allow", b"GET, PUT"),)


def _kinds(kind: type[DomainError]) -> Sequence[type[DomainError]]:
    return [kind, *(each for sub in kind.__subclasses__() for each in _kinds(sub))]


def test_every_kind_of_domain_error_has_a_row() -> None:
    kinds = [kind for kind in _kinds(DomainError) if kind.__module__ == errors.__name__]

    assert [kind for kind in kinds if status_of(kind) == 500] == [DomainError]


def test_only_what_is_a_failure_of_ours_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    for error in (Late(), NotFound(), Unavailable(), ValueError("boom")):
        refuse(error, CALL)

    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info
