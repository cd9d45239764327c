"""The OpenAPI 3.1 document of the Memento dialect.

Litestar describes the routes and what they answer; pydantic the bodies. Added here is what every
route has: headers, security, list parameters, and each error with its status and code.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from inspect import cleandoc
from types import NoneType
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.routes import HTTPRoute
from litestar.types import ControllerRouterHandler
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from whipround.api.bodies import BodyTooLarge, MalformedBody
from whipround.api.context import MalformedCorrelationId, MalformedIdempotencyKey
from whipround.api.forms import FormTooLarge, MalformedForm
from whipround.api.memento.call import Access, Bodies, Reply, Request
from whipround.api.memento.errors import Errors, UnknownException, ValidationErrors, status_of
from whipround.api.memento.shapes_base import Shape
from whipround.api.services import UnknownProduct
from whipround.db.listing import DEFAULT_LIMIT, MAX_LIMIT, Column
from whipround.db.request_keys import KeyReused
from whipround.errors import (
    DomainError,
    Invalid,
    NotFound,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from whipround.locales import LANGUAGES

Json = dict[str, Any]

_REF = "#/components/schemas/{model}"

_INTRODUCTION = """
White-label payments between people: payments, requests, pools, funding sources.

Amounts are exact JSON numbers, times ISO 8601 in UTC, ids UUIDs. Unknown fields are ignored. Every
answer repeats the `Product-ID` and `Correlation-ID` it belongs to. A write that takes an
`Idempotency-Key` can be sent again: with the same key (without one, the same `Correlation-ID`) and
the same body it is carried out once, and answered the same.
"""

_SECURITY: Mapping[Access, Sequence[Json]] = {
    Access.SESSION: [{"session": []}],
    Access.OPEN: [{}, {"session": []}],
    Access.ANYONE: [],
    Access.TOKEN: [{"token": []}],
}

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
    "Product-ID": {
        "in": "header",
        "name": "Product-ID",
        "required": False,
        "description": "The product that the request is for. Left out: the product that owns the"
        " host name, else the default one.",
        "schema": {"type": "string", "format": "uuid"},
    },
    "Correlation-ID": {
        "in": "header",
        "name": "Correlation-ID",
        "required": False,
        "description": "A unique id of this request; made up if left out.",
        "schema": {"type": "string", "format": "uuid"},
    },
    "Idempotency-Key": {
        "in": "header",
        "name": "Idempotency-Key",
        "required": False,
        "description": "What makes a repeated write the same: with the same key and body it is"
        " carried out once, and answered the same. 1 to 255 visible ASCII characters; left out, the"
        " Correlation-ID takes its place.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    },
    "Accept-Language": {
        "in": "header",
        "name": "Accept-Language",
        "required": False,
        "description": "Which languages messages may be in (RFC 9110, 12.5.4). Left out, or none of"
        " ours: the user's own.",
        "schema": {"type": "string", "examples": ["es-MX, en;q=0.5"]},
    },
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
    "Product-ID": {
        "description": "The product that the request was for. Left out where there is no such"
        " product.",
        "schema": {"type": "string", "format": "uuid"},
    },
    "Correlation-ID": {
        "description": "The id of the request: the one that was sent, or one made up.",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
    },
    "Content-Language": {
        "description": "The language of the messages. Left out where an answer is repeated.",
        "schema": {"type": "string", "enum": list(LANGUAGES)},
    },
    "Link": {
        "description": "Where the `next` and the `prev` page are, if there are any (RFC 8288).",
        "schema": {"type": "string"},
    },
    "WWW-Authenticate": {
        "description": "How to authenticate: with a bearer token.",
        "required": True,
        "schema": {"type": "string", "const": "Bearer"},
    },
    "Retry-After": {
        "description": "After how many seconds to try again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
}
"""The headers of answers."""

_STATUS_WORDS = {
    200: "OK.",
    201: "Created.",
    401: "The credential is missing, unknown or expired. The body is empty.",
    404: "There is no such object, or not for the current user. The body is empty.",
}


def document(handlers: Sequence[ControllerRouterHandler]) -> Json:
    """The document that describes these handlers."""
    app = _described(handlers)
    result = app.openapi_schema.to_schema()
    operations = list(_operations(app))
    for path, method, handler in operations:
        _complete(result["paths"][path][method], handler)
    schemas: Json = result["components"]["schemas"]
    for name, shape in _shapes(Shape):
        if name in schemas:
            schemas[name]["description"] = cleandoc(shape.__doc__ or "")
    schemas |= _bodies([handler for _, _, handler in operations]) | _error_shapes()
    result["components"] |= {
        "schemas": dict(sorted(schemas.items())),
        "parameters": dict(_PARAMETERS),
        "headers": dict(_HEADERS),
        "securitySchemes": _SECURITY_SCHEMES,
    }
    return result


def _described(handlers: Sequence[ControllerRouterHandler]) -> Litestar:
    """The handlers in an app of their own, which answers nothing: its routes are read."""
    return Litestar(
        handlers,
        logging_config=None,
        plugins=[Bodies()],
        request_class=Request,
        response_class=Reply,
        openapi_config=OpenAPIConfig(
            title="Whipround: Memento",
            version=version("whipround"),
            description=cleandoc(_INTRODUCTION),
            use_handler_docstrings=True,
        ),
    )


def _operations(app: Litestar) -> Iterable[tuple[str, str, HTTPRouteHandler]]:
    for each in app.routes:
        if isinstance(each, HTTPRoute):
            for handler in each.route_handlers:
                if handler.resolve_include_in_schema() and "access" in handler.opt:
                    for method in handler.http_methods:
                        yield each.path_format, method.lower(), handler


def _complete(operation: Json, handler: HTTPRouteHandler) -> None:
    """Add to a route what Litestar cannot know."""
    opt = handler.opt
    operation["security"] = list(_SECURITY[opt["access"]])
    operation.pop("deprecated", None)
    names = ["Product-ID", "Correlation-ID", "Accept-Language"]
    if KeyReused in opt["errors"]:
        names.append("Idempotency-Key")
    if opt["filters"] is not None:
        names += ["page", "limit", *(["search"] if opt["searchable"] else [])]
    if opt["since"]:
        names.append("since")
    parameters: list[Json] = operation.get("parameters", [])
    for parameter in parameters:
        name = parameter["name"].removesuffix("_id").replace("_", " ")
        parameter["description"] = f"The unique identifier of the {name}."
    parameters += [{"$ref": f"#/components/parameters/{name}"} for name in names]
    if opt["filters"] is not None:
        parameters += [_filter(opt["filters"]), _sort(opt["filters"])]
    if opt["conditions"] is not None:
        parameters.append(_filter(opt["conditions"]))
    operation["parameters"] = parameters
    if opt["form"] is not None:
        schema = {"schema": {"$ref": _REF.format(model=opt["form"].__name__)}}
        content = {"multipart/form-data": schema}
        operation["requestBody"] = {"required": True, "content": content}
    operation["responses"] = {
        str(handler.status_code): _success(operation["responses"], handler),
        **_errors(handler, has_path=any(it.get("in") == "path" for it in parameters)),
    }


def _success(responses: Json, handler: HTTPRouteHandler) -> Json:
    more = ("Link",) if handler.opt["filters"] is not None else ()
    answer = _answer(_STATUS_WORDS[handler.status_code], *more)
    if handler.parsed_fn_signature.return_type.has_inner_subclass_of(NoneType):
        return answer
    return answer | {"content": responses[str(handler.status_code)]["content"]}


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


def _errors(handler: HTTPRouteHandler, *, has_path: bool) -> Json:
    """The error answers of a route, by status."""
    by_status: dict[int, dict[str, str]] = {}
    for kind in _kinds(handler, has_path=has_path):
        messages = by_status.setdefault(status_of(kind), {})
        messages.setdefault(kind.code, cleandoc(kind.__doc__ or "").partition("\n")[0])
    return {str(status): _error_answer(status, by_status[status]) for status in sorted(by_status)}


def _kinds(handler: HTTPRouteHandler, *, has_path: bool) -> Iterable[type[DomainError]]:
    yield from (UnknownProduct, MalformedCorrelationId, Unavailable, UnknownException)
    if KeyReused in handler.opt["errors"]:
        yield MalformedIdempotencyKey
    if handler.opt["access"] is not Access.ANYONE:
        yield Unauthenticated
    if has_path:
        yield NotFound
    if handler.parsed_data_field is not None:
        yield from (MalformedBody, BodyTooLarge, Invalid)
    opt = handler.opt
    if opt["form"] is not None:
        yield from (MalformedForm, FormTooLarge, Invalid)
    if opt["since"] or opt["filters"] is not None or opt["conditions"] is not None:
        yield Invalid
    yield from handler.opt["errors"]


def _error_answer(status: int, messages: Mapping[str, str]) -> Json:
    if status in _STATUS_WORDS:
        more = ("WWW-Authenticate",) if status == status_of(Unauthenticated) else ()
        return _answer(_STATUS_WORDS[status], *more)
    if status == status_of(Invalid):
        said = "One or more fields are wrong; every one is named."
        return _answer(said, "Content-Language") | {"content": _content(ValidationErrors)}
    listed = "\n".join(f"- `{code}`: {message}" for code, message in messages.items())
    later = status in {status_of(Throttled), status_of(Unavailable)}
    headers = ["Content-Language", *(["Retry-After"] if later else [])]
    return _answer(listed, *headers) | {"content": _content(Errors)}


def _answer(description: str, *more_headers: str) -> Json:
    """An answer without a body."""
    names = ("Product-ID", "Correlation-ID", *more_headers)
    return {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
    }


def _content(shape: type) -> Json:
    return {"application/json": {"schema": {"$ref": _REF.format(model=shape.__name__)}}}


def _bodies(handlers: Sequence[HTTPRouteHandler]) -> Json:
    """The schemas of all bodies, and of what they contain."""
    models = {
        handler.parsed_data_field.annotation: None
        for handler in handlers
        if handler.parsed_data_field is not None
    }
    models |= {handler.opt["form"]: None for handler in handlers if handler.opt["form"]}
    _, schemas = models_json_schema(
        [(model, "validation") for model in models if issubclass(model, BaseModel)],
        ref_template=_REF,
    )
    definitions: Json = schemas.get("$defs", {})
    for definition in definitions.values():
        for field in definition.get("properties", {}).values():
            # pydantic leaves out a description that is also the object's own.
            if "description" not in field and "$ref" in field:
                name = field["$ref"].rpartition("/")[2]
                field["description"] = definitions[name]["description"]
    return definitions


def _shapes(kind: type[Shape]) -> Iterable[tuple[str, type[Shape]]]:
    for each in kind.__subclasses__():
        yield each.__name__, each
        yield from _shapes(each)


def _error_shapes() -> Json:
    _, schemas = msgspec.json.schema_components(
        [Errors, ValidationErrors], ref_template=_REF.replace("model", "name")
    )
    return schemas
