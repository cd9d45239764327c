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
from whipround.api.moneypool.errors import (
    NotAcceptable,
    Renamed,
    answer_of,
    field_of,
    refuse,
    status_of,
)
from whipround.api.services import UnknownProduct
from whipround.domain.gateway_calls import GatewayDeclined
from whipround.domain.pools.errors import PoolClosed
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


class Late(Declined):
    """It is too late."""


class TooLate(Late):
    """It is far too late."""


@pytest.mark.parametrize(
    ("error", "status", "field"),
    [
        (Unauthenticated(), 401, "authorization"),
        (NotFound(), 404, "base"),
        (NotFoundException(), 404, "base"),
        (NotAcceptable(), 406, "accept"),
        (Late(), 422, "base"),
        (InsufficientFunds(), 422, "wallet_amount"),
        (GatewayDeclined(), 422, "card"),
        (PoolClosed(), 422, "pool_id"),
        (Conflict(), 409, "base"),
        (Throttled(retry_after_seconds=7), 429, "base"),
        (Unavailable(), 503, "base"),
        (MalformedBody(), 400, "base"),
        (UnknownProduct(), 400, "base"),
        (BodyTooLarge(), 413, "base"),
        (MethodNotAllowedException(headers={"allow": "PUT, GET"}), 405, "base"),
        (ClientException("Invalid host header"), 400, "base"),
        (psycopg.OperationalError("the connection is lost"), 503, "base"),
        (InternalServerException(), 500, "base"),
        (DomainError("secret"), 500, "base"),
        (psycopg.ProgrammingError("select secret"), 500, "base"),
        (ValueError("secret"), 500, "base"),
    ],
)
def test_an_error_is_about_something(error: Exception, status: int, field: str) -> None:
    rendered = answer_of(error, "en")

    assert rendered.status == status
    [(name, messages)] = json.loads(rendered.body)["errors"].items()
    assert name == field
    assert all(messages)
    assert b"secret" not in rendered.body


def test_what_is_documented() -> None:
    assert json.loads(answer_of(Unauthenticated(), "en").body) == {
        "errors": {"authorization": ["is invalid"]}
    }
    assert json.loads(answer_of(NotFound(), "en").body) == {"errors": {"base": ["not found"]}}


def test_wrong_fields() -> None:
    error = Invalid(
        [
            FieldError("user.email", "already_taken", "Email has already been taken"),
            FieldError("user.name", "required", "Name is required", "is required"),
            FieldError("name", "invalid", "Name must be readable"),
            FieldError("recipient.amount", "too_small", "Amount is too small", "is too small"),
            FieldError("recipient.user_id", "invalid", "Must be somebody else"),
        ]
    )
    renamed: Renamed = {"recipient.user_id": "user_requested_id", "amount": "wallet_amount"}

    rendered = answer_of(error, "en", renamed)

    assert rendered.status == 422
    assert json.loads(rendered.body)["errors"] == {
        "email": ["has already been taken"],
        "name": ["is required", "Name must be readable"],
        "wallet_amount": ["is too small"],
        "user_requested_id": ["Must be somebody else"],
    }


def test_a_route_says_what_a_refusal_is_about() -> None:
    renamed: Renamed = {Declined: "amount", Late: "date", PoolClosed: "base"}

    kinds = (TooLate, Late, PoolClosed, InsufficientFunds, NotFound)
    assert [field_of(kind, renamed) for kind in kinds] == [
        "date",
        "date",
        "base",
        "amount",
        "base",
    ]


def test_what_a_client_should_do_next_is_in_the_headers() -> None:
    wrong_method = MethodNotAllowedException(headers={"allow": "PUT, OPTIONS, GET"})

    assert answer_of(Throttled(retry_after_seconds=7), "en").headers == ((b"retry-after", b"7"),)
    assert answer_of(Unavailable(), "en").headers == ((b"retry-after", b"1"),)
    assert answer_of(Unauthenticated(), "en").headers == ((b"www-authenticate", b"Token"),)
    assert answer_of(wrong_method, "en").headers == ((b"allow", b"GET, PUT"),)


def _kinds(kind: type[DomainError]) -> Sequence[type[DomainError]]:
    return [kind, *(each for sub in kind.__subclasses__() for each in _kinds(sub))]


def test_every_kind_of_domain_error_has_a_row() -> None:
    kinds = [kind for kind in _kinds(DomainError) if kind.__module__ == errors.__name__]

    assert [kind for kind in kinds if status_of(kind) == 500] == [DomainError]


def test_only_what_is_a_failure_of_ours_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    call = Call({}, {b"correlation-id": b"018f2b6e-0000-4000-8000-000000000001"})

    for error in (Late(), NotFound(), Unavailable(), ValueError("boom")):
        refuse(error, call)

    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info
