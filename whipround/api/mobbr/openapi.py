"""What the OpenAPI document of the Mobbr dialect says beyond that of any other."""

from collections.abc import Iterable, Mapping, Sequence

from litestar.handlers import HTTPRouteHandler
from pydantic import BaseModel

from whipround.api.bodies import BodyTooLarge
from whipround.api.mobbr import arguments
from whipround.api.mobbr.arguments import (
    IN_QUERY,
    MalformedArguments,
    MissingArgument,
    UnsupportedFormat,
    UnwantedArguments,
)
from whipround.api.mobbr.call import Access, Request
from whipround.api.mobbr.errors import CHALLENGE, MissingUserAgent, NotAcceptable, status_of
from whipround.api.mobbr.formats import OFFERED
from whipround.api.mobbr.shapes_base import Refusal, Said, Shape
from whipround.api.openapi import Dialect, Json, body_of, meaning, reference
from whipround.api.openapi_links import Then
from whipround.errors import DomainError, Invalid

_INTRODUCTION = """
Crowd payments: an amount that a payment script divides among many; pledges, which are divided once
they are claimed; shares that wait for somebody to prove that they are whom they are for.

Every answer is `{"result": …, "message": null}`, where a message is
`{"text": "…", "type": "info"}`, or of the type `warning` or `error`. GET and DELETE take their
arguments in the query, POST and PUT in the body: as JSON, `application/x-www-form-urlencoded` or
XML in UTF-8, by its Content-Type. What is an array is repeated: `ids=…&ids=…`, or `ids[]=…`.
Booleans are `true`, `false`, `1` or `0`. What is empty in a query or a form, and null, is as good
as left out.

Amounts are decimal strings with 8 decimals, and negative for money that leaves; times are
`YYYY-MM-DD HH:MM:SS` in UTC; ids of payments have 32 hexadecimal digits. Every request needs a
`User-Agent`.

A write that takes an `Idempotency-Key` can be sent again: with the same key (without one, the same
`Correlation-ID`) and the same arguments it is carried out once, and answered the same. A GET
without the header `Product-ID` may name its product in the query string instead, as `product-id`.

Answers are JSON, or XML for who accepts that and nothing better. It says the same, one to one, and
bodies in XML are read the same way, whatever their outermost element is called:

- A field is an element of its name: `<title>Tacos</title>`. One whose name is none in XML, such as
  `.amount`, is a `field`: `<field name=".amount">1</field>`.
- What is in a list is an `item`: `<keywords><item>food</item></keywords>`. In a body the element
  may also be repeated: `<ids>…</ids><ids>…</ids>`.
- What is no text says so: `type="number"`, `"boolean"` or `"null"`; what is empty is an `"array"`
  or an `"object"`. In a body numbers and booleans may be texts.
- XML has no control characters. An element says in `escaped` if its `text`, its `name` or both
  (`"name text"`) have them as in `\\u0007`, and each backslash twice.
"""

_SECURITY_SCHEMES = {
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "A username (or the email that somebody has proven) and the password; or an"
        " empty username, and as the password the `token` of `PUT /api_v1/user/password_login`.",
    },
}

_PARAMETERS: Mapping[str, Json] = {
    "Accept": {
        "in": "header",
        "name": "Accept",
        "required": False,
        "description": "The format of the answer. Left out: JSON.",
        "schema": {"type": "string", "examples": list(OFFERED)},
    },
    "User-Agent": {
        "in": "header",
        "name": "User-Agent",
        "required": True,
        "description": "What sends the request.",
        "schema": {"type": "string", "minLength": 1},
    },
}

_HEADERS: Mapping[str, Json] = {
    "WWW-Authenticate": {
        "description": "How to authenticate: with HTTP Basic.",
        "required": True,
        "schema": {"type": "string", "const": CHALLENGE.decode()},
    },
}

_STATUS_WORDS = {
    403: "The credentials are missing, wrong or expired.",
    404: "There is no such thing, or not for the caller.",
    405: "The path does not know that method.",
    413: "The body is larger than 1 MiB.",
    415: "Neither JSON nor XML is accepted, or the body is in another format.",
}

_FORMATS = ("application/json", arguments.FORM, "application/xml", "text/xml")


def _is_for_browsers(handler: HTTPRouteHandler) -> bool:
    """Whether nothing is asked of whoever calls it."""
    return handler.opt["access"] is Access.ANYONE


def _parameters_of(handler: HTTPRouteHandler) -> Iterable[Json]:
    yield reference("Accept")
    if not _is_for_browsers(handler):
        yield reference("User-Agent")
    model = handler.opt["arguments"]
    if model is not None and handler.http_methods <= IN_QUERY:
        yield from _in_query(model)


def _in_query(model: type[BaseModel]) -> Iterable[Json]:
    schema = model.model_json_schema()
    for name, field in schema["properties"].items():
        parameter = {
            "in": "query",
            "name": name,
            "required": name in schema.get("required", ()),
            "description": field.pop("description"),
            "schema": _given(field),
        }
        if field.get("type") == "array":
            parameter |= {"style": "form", "explode": True}
        yield parameter


def _given(field: Json) -> Json:
    """What is said where something is said: an argument that may be null is left out instead."""
    kinds = [kind for kind in field.get("anyOf", ()) if kind != {"type": "null"}]
    return kinds[0] if len(kinds) == 1 else field


def _model_of(handler: HTTPRouteHandler) -> type[BaseModel] | None:
    """The model of a handler's body."""
    model: type[BaseModel] | None = handler.opt["arguments"]
    return None if handler.http_methods <= IN_QUERY else model


def _form_of(handler: HTTPRouteHandler) -> Json:
    return dict.fromkeys(_FORMATS, body_of(handler.opt["arguments"]))


def _kinds_of(handler: HTTPRouteHandler) -> Iterable[type[DomainError]]:
    yield UnwantedArguments
    if not _is_for_browsers(handler):
        yield from (MissingUserAgent, NotAcceptable)
    if handler.opt["arguments"] is not None:
        yield from (MissingArgument, Invalid)


def _refused(
    status: int, kinds: Sequence[type[DomainError]], handler: HTTPRouteHandler
) -> tuple[str, type | None]:
    del handler
    said = [_STATUS_WORDS[status]] if status in _STATUS_WORDS else []
    lines = [] if said else [f"- {_meaning(kind)}" for kind in dict.fromkeys(kinds)]
    return "\n\n".join([*said, *(["\n".join(dict.fromkeys(lines))] if lines else [])]), Refusal


def _meaning(kind: type[DomainError]) -> str:
    return "Invalid parameter: NAME. What would be right." if kind is Invalid else meaning(kind)


def _enveloped(schema: Json | None) -> Json:
    return {
        "type": "object",
        "properties": {
            "result": {"description": "The answer.", **(schema or {"type": "null"})},
            "message": {
                "description": "What there is to say about it.",
                "oneOf": [{"$ref": f"#/components/schemas/{Said.__name__}"}, {"type": "null"}],
            },
        },
        "required": ["result", "message"],
    }


_MADE = {
    "POST /api_v1/payments/preview": Then("PUT /api_v1/payments/confirm", {"hash": "/result/hash"}),
    "PUT /api_v1/payments/confirm": Then("GET /api_v1/payments/info", {"id": "/result/payment_id"}),
    "GET /api_v1/payments": Then("GET /api_v1/payments/info", {"id": "/result/0/id"}),
    "GET /api_v1/payments/unclaimed_shares": Then(
        "DELETE /api_v1/payments/unclaimed_shares", {"share_ids": "/result/0/share_id"}
    ),
    "GET /api_v1/payments/pledged": Then(
        "DELETE /api_v1/payments/pledged", {"ids": "/result/0/id"}
    ),
    "GET /api_v1/user/oauth_callback": Then(
        "PUT /api_v1/user/oauth_id", {"code": "/result/code", "state": "/result/state"}
    ),
}


MOBBR = Dialect(
    title="Whipround: Mobbr",
    introduction=_INTRODUCTION,
    request_class=Request,
    shape=Shape,
    security={
        Access.PERSON: [{"basic": []}],
        Access.PUBLIC: [{}, {"basic": []}],
        Access.ANYONE: [],
    },
    security_schemes=_SECURITY_SCHEMES,
    credentials={
        Access.PERSON: "Needs credentials.",
        Access.PUBLIC: "Needs no credentials; those that are sent have to be right.",
        Access.ANYONE: "Needs no credentials.",
    },
    parameters=_PARAMETERS,
    parameters_of=_parameters_of,
    headers=_HEADERS,
    headers_of=lambda _: (),
    form_of=_form_of,
    error_shapes=(Refusal,),
    success_words={200: "OK.", 201: "Done."},
    status_of=status_of,
    kinds_of=_kinds_of,
    refused=_refused,
    model_of=_model_of,
    form_kinds=(MalformedArguments, UnsupportedFormat, BodyTooLarge),
    answer_types_of=lambda _: OFFERED,
    shows_pages=_is_for_browsers,
    enveloped=_enveloped,
    made=_MADE,
)
