"""What the OpenAPI document of the Memento dialect says beyond that of any other."""

from collections.abc import Iterable, Mapping, Sequence

from litestar.handlers import HTTPRouteHandler

from whipround.api.memento.call import Access, Request
from whipround.api.memento.errors import Errors, ValidationErrors, status_of
from whipround.api.memento.shapes_base import Shape
from whipround.api.openapi import Dialect, Json, body_of, meaning, reference
from whipround.db.listing import DEFAULT_LIMIT, MAX_LIMIT, Column
from whipround.errors import DomainError, Invalid

_INTRODUCTION = """
White-label payments between people: payments, requests, pools, funding sources.

Amounts are exact JSON numbers, times ISO 8601 in UTC, ids UUIDs. Unknown fields are ignored. Every
answer repeats the `Product-ID` and `Correlation-ID` it belongs to. A write that takes an
`Idempotency-Key` can be sent again: with the same key (without one, the same `Correlation-ID`) and
the same body it is carried out once, and answered the same.
"""

_SECURITY_SCHEMES = {
    "session": {
        "type": "http",
        "scheme": "bearer",
        "description": "A session token, from `POST /v1/sessions`.",
    },
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "An authentication token, from `POST /v1/tokens` or from signing up.",
    },
}

_PARAMETERS: Mapping[str, Json] = {
    "page": {
        "in": "query",
        "name": "page",
        "description": "Which page to get, from 1.",
        "schema": {"type": "integer", "minimum": 1, "default": 1},
    },
    "limit": {
        "in": "query",
        "name": "limit",
        "description": "How many items a page has.",
        "schema": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_LIMIT,
            "default": DEFAULT_LIMIT,
        },
    },
    "since": {
        "in": "query",
        "name": "since",
        "description": "Only what came after this time, as in `2018-01-01 12:30:00`, in UTC.",
        "schema": {"type": "string"},
    },
    "search": {
        "in": "query",
        "name": "search",
        "description": "Text to search for.",
        "schema": {"type": "string", "maxLength": 200},
    },
}

_HEADERS: Mapping[str, Json] = {
    "Link": {
        "description": "Where the `next` and the `prev` page are, if there are any (RFC 8288).",
        "schema": {"type": "string"},
    },
    "WWW-Authenticate": {
        "description": "How to authenticate: with a bearer token.",
        "required": True,
        "schema": {"type": "string", "const": "Bearer"},
    },
}

_EMPTY = {
    401: "The credential is missing, unknown or expired. The body is empty.",
    404: "There is no such object, or not for the current user. The body is empty.",
}


def _parameters_of(handler: HTTPRouteHandler) -> Iterable[Json]:
    opt = handler.opt
    if opt["filters"] is not None:
        yield from (reference("page"), reference("limit"))
        if opt["searchable"]:
            yield reference("search")
    if opt["since"]:
        yield reference("since")
    if opt["filters"] is not None:
        yield from (_filter(opt["filters"]), _sort(opt["filters"]))
    if opt["conditions"] is not None:
        yield _filter(opt["conditions"])


def _headers_of(handler: HTTPRouteHandler) -> Sequence[str]:
    return ("Link",) if handler.opt["filters"] is not None else ()


def _filter(columns: Mapping[str, Column]) -> Json:
    """The `filter` parameter of one list, with a line for each field it knows."""
    lines = [
        f"- `{name}`: {', '.join(sorted(column.operators))}"
        + (f" ({', '.join(column.choices)}, all)" if column.choices else "")
        for name, column in columns.items()
    ]
    return {
        "in": "query",
        "name": "filter",
        "description": "Conditions that must all hold, `field:operator:value` with commas between,"
        " as in `created_at:gte:2018-01-01`. Lists are written `[a;b]`.\n\n" + "\n".join(lines),
        "schema": {"type": "string"},
    }


def _sort(columns: Mapping[str, Column]) -> Json:
    names = ", ".join(f"`{name}`" for name, column in columns.items() if column.sortable)
    return {
        "in": "query",
        "name": "sort",
        "description": f"What to sort by, as in `created_at:desc`: {names}. Newest first if left"
        " out.",
        "schema": {"type": "string"},
    }


def _kinds_of(handler: HTTPRouteHandler) -> Iterable[type[DomainError]]:
    opt = handler.opt
    if opt["since"] or opt["filters"] is not None or opt["conditions"] is not None:
        yield Invalid


def _refused(
    status: int, kinds: Sequence[type[DomainError]], _: HTTPRouteHandler
) -> tuple[str, type | None]:
    if status in _EMPTY:
        return _EMPTY[status], None
    if status == status_of(Invalid):
        return "One or more fields are wrong; every one is named.", ValidationErrors
    messages: dict[str, str] = {}
    for kind in kinds:
        messages.setdefault(kind.code, meaning(kind))
    return "\n".join(f"- `{code}`: {message}" for code, message in messages.items()), Errors


_MADE = {
    "POST /v1/tokens": {"token_id": "/id"},
    "POST /v1/contacts": {"contact_id": "/id"},
    "POST /v1/funding_sources": {"funding_source_id": "/id"},
    "POST /v1/images": {"image_id": "/id"},
    "POST /v1/payments": {"payment_id": "/id"},
    "POST /v1/pools": {"pool_id": "/id"},
    "POST /v1/requests": {"request_id": "/id", "participant_id": "/participants/0/id"},
    "POST /v1/users": {"user_id": "/id"},
    "POST /v1/users/search": {"user_id": "/0/id"},
    "POST /v1/verifications": {"verification_id": "/id"},
    "PUT /v1/verifications": {"verification_id": "/id"},
    "GET /v1/announcements": {"announcement_id": "/0/id"},
    "GET /v1/moments": {"moment_id": "/0/id"},
    "GET /v1/payments": {"payment_id": "/0/id"},
    "GET /v1/requests": {"request_id": "/0/id", "participant_id": "/0/participant/id"},
    "GET /v1/transactions": {"transaction_id": "/0/id"},
}


MEMENTO = Dialect(
    title="Whipround: Memento",
    introduction=_INTRODUCTION,
    request_class=Request,
    shape=Shape,
    security={
        Access.SESSION: [{"session": []}],
        Access.OPEN: [{}, {"session": []}],
        Access.ANYONE: [],
        Access.TOKEN: [{"token": []}],
    },
    security_schemes=_SECURITY_SCHEMES,
    credentials={
        Access.SESSION: "Needs a session token.",
        Access.OPEN: "Needs no credential; a session token that is sent must be good.",
        Access.ANYONE: "Needs no credential.",
        Access.TOKEN: "Needs an authentication token.",
    },
    parameters=_PARAMETERS,
    parameters_of=_parameters_of,
    headers=_HEADERS,
    headers_of=_headers_of,
    form_of=lambda handler: {"multipart/form-data": body_of(handler.opt["form"])},
    error_shapes=(Errors, ValidationErrors),
    success_words={200: "OK.", 201: "Created."},
    status_of=status_of,
    kinds_of=_kinds_of,
    refused=_refused,
    made=_MADE,
)
