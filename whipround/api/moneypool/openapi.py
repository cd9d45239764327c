"""What the OpenAPI document of the Moneypool dialect says beyond that of any other."""

from collections.abc import Iterable, Mapping, Sequence

from litestar.handlers import HTTPRouteHandler
from pydantic import BaseModel, TypeAdapter

from whipround.api.moneypool.call import MOST_PER_PAGE, Access, Request
from whipround.api.moneypool.errors import Errors, NotAcceptable, field_of, status_of
from whipround.api.moneypool.shapes_base import Shape
from whipround.api.openapi import Dialect, Json, body_of, meaning, reference
from whipround.errors import Declined, DomainError, Invalid, NotFound

_INTRODUCTION = """
Wallets, card and mixed payments, payment requests and pool invitations, in Mexican pesos.

Every request says which version it wants: `Accept: application/vnd.moneypool.mx+json; version=1`.
Who is calling is said by the `auth_token` that logging in or signing up has answered:
`Authorization: Token token=…`. Every `user_id` in a path is one's own, but where it says otherwise.

Amounts are decimal strings such as `108.5`, times ISO 8601 with milliseconds in Mexico City, ids
integers. Unknown fields are ignored. What is wrong with a request is listed by the field it is
about: `{"errors": {"email": ["has already been taken"]}}`; what is about no field is about `base`.

A write that takes an `Idempotency-Key` can be sent again: with the same key (without one, the same
`Correlation-ID`) and the same body it is carried out once, and answered the same. A GET without the
header `Product-ID` may name its product in the query string instead, as `product-id`.
"""

_SECURITY_SCHEMES = {
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`Token token=…`, quoted or not: an `auth_token`, from `POST /api/sessions`"
        " or from signing up. It is good for 90 days.",
    },
}

_PARAMETERS: Mapping[str, Json] = {
    "Accept": {
        "in": "header",
        "name": "Accept",
        "required": True,
        "description": "The version of the API.",
        "schema": {
            "type": "string",
            "examples": ["application/vnd.moneypool.mx+json; version=1"],
        },
    },
    "page": {
        "in": "query",
        "name": "page",
        "description": "Which page of the list.",
        "schema": {"type": "integer", "minimum": 1, "default": 1},
    },
    "per_page": {
        "in": "query",
        "name": "per_page",
        "description": "How much of the list is on a page.",
        "schema": {
            "type": "integer",
            "minimum": 1,
            "maximum": MOST_PER_PAGE,
            "default": MOST_PER_PAGE,
        },
    },
}

_HEADERS: Mapping[str, Json] = {
    "Link": {
        "description": "The pages around this one, as in RFC 8288: `next` and `prev`. There is no"
        " `next` on the last page.",
        "schema": {"type": "string"},
    },
    "WWW-Authenticate": {
        "description": "How to authenticate: with a token.",
        "required": True,
        "schema": {"type": "string", "const": "Token"},
    },
}

_STATUS_WORDS = {
    401: "The token is missing, unknown or expired.",
    404: "There is no such thing, or not for the current user.",
    406: "The version was not asked for.",
    422: "One or more fields are wrong, or what they ask for is refused; every one is named.",
}


def _parameters_of(handler: HTTPRouteHandler) -> Iterable[Json]:
    if handler.opt["is_versioned"]:
        yield reference("Accept")
    if handler.opt["is_list"]:
        yield from (reference("page"), reference("per_page"))


def _headers_of(handler: HTTPRouteHandler) -> Sequence[str]:
    return ("Link",) if handler.opt["is_list"] else ()


def _form_of(handler: HTTPRouteHandler) -> Json:
    """JSON, or a form, in which what JSON wraps is named `user[name]` and may be a file."""
    model: type[BaseModel] = handler.opt["form"]
    fields: dict[str, Json] = {}
    for wrapper, wrapped in model.model_fields.items():
        schema = TypeAdapter(wrapped.rebuild_annotation()).json_schema()
        for name, field in schema["properties"].items():
            fields[f"{wrapper}[{name}]"] = _in_a_form(field)
    for name in handler.opt["files"]:
        fields[name] |= {"format": "binary"}
    return {
        "application/json": body_of(model),
        "multipart/form-data": {"schema": {"type": "object", "properties": fields}},
    }


def _in_a_form(field: Json) -> Json:
    """A field that may be null, as a form sends it, where nothing is."""
    kinds = [kind for kind in field.get("anyOf", ()) if kind != {"type": "null"}]
    if not kinds:
        return field
    [kind] = kinds
    return {"description": field["description"], **kind}


def _kinds_of(handler: HTTPRouteHandler) -> Iterable[type[DomainError]]:
    yield NotFound
    if handler.opt["is_versioned"]:
        yield NotAcceptable
    if handler.opt["is_list"]:
        yield Invalid


def _refused(
    status: int, kinds: Sequence[type[DomainError]], handler: HTTPRouteHandler
) -> tuple[str, type | None]:
    said = [_STATUS_WORDS[status]] if status in _STATUS_WORDS else []
    listed = [kind for kind in kinds if not said or issubclass(kind, Declined)]
    fields = [field_of(kind, handler.opt["renamed"]) for kind in listed]
    lines = dict.fromkeys(
        f"- `{field}`: {meaning(kind)}" for field, kind in zip(fields, listed, strict=True)
    )
    return "\n\n".join([*said, *(["\n".join(lines)] if lines else [])]), Errors


_MADE = {
    "POST /api/users": {"user_id": "/user/id"},
    "POST /api/sessions": {"user_id": "/user/id"},
    "POST /api/fb_sessions": {"user_id": "/user/id"},
    "POST /api/users/{user_id}/payment_requests": {"payment_request_id": "/payment_request/id"},
    "GET /api/users/{user_id}/mixed_payment_requests": {
        "payment_request_id": "/payment_requests/0/id",
        "liability_id": "/payment_requests/0/liability_id",
    },
}


MONEYPOOL = Dialect(
    title="Whipround: Moneypool",
    introduction=_INTRODUCTION,
    request_class=Request,
    shape=Shape,
    security={Access.TOKEN: [{"token": []}], Access.ANYONE: []},
    security_schemes=_SECURITY_SCHEMES,
    credentials={
        Access.TOKEN: "Needs the `auth_token` of somebody who is logged in.",
        Access.ANYONE: "Needs no credential.",
    },
    parameters=_PARAMETERS,
    parameters_of=_parameters_of,
    headers=_HEADERS,
    headers_of=_headers_of,
    form_of=_form_of,
    error_shapes=(Errors,),
    success_words={200: "OK.", 201: "Created.", 204: "Done. The body is empty."},
    status_of=status_of,
    kinds_of=_kinds_of,
    refused=_refused,
    shows_pages=lambda handler: not handler.opt["is_versioned"],
    made=_MADE,
)
