"""The OpenAPI 3.1 document of a dialect.

Litestar describes the routes and what they answer; pydantic the bodies. Added here is what every
route has: headers, security, and each error with its status. What only one dialect has, it says in
its `Dialect`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from importlib.metadata import version
from inspect import cleandoc
from types import NoneType
from typing import Any

import msgspec
from litestar import Litestar
from litestar._openapi.schema_generation import SchemaCreator
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import OpenAPIType, Schema
from litestar.plugins import OpenAPISchemaPlugin
from litestar.routes import HTTPRoute
from litestar.types import ControllerRouterHandler
from litestar.typing import FieldDefinition
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from whipround.api.bodies import BodyTooLarge, MalformedBody
from whipround.api.context import MalformedCorrelationId, MalformedIdempotencyKey
from whipround.api.errors import UnknownException
from whipround.api.forms import FormTooLarge, MalformedForm
from whipround.api.handling import Bodies, Reply, Request
from whipround.api.openapi_links import Made, add_links
from whipround.api.services import UnknownProduct
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
    "Retry-After": {
        "description": "After how many seconds to try again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
}
"""The headers of answers."""

_CHALLENGE = "WWW-Authenticate"

_PAGE: Json = {
    "text/html": {"schema": {"type": "string", "description": "The same as a page, for people."}}
}


def _form_in_opt(handler: HTTPRouteHandler) -> type[BaseModel] | None:
    model: type[BaseModel] | None = handler.opt["form"]
    return model


def _only_json(_: HTTPRouteHandler) -> Sequence[str]:
    return ("application/json",)


def _never(_: HTTPRouteHandler) -> bool:
    return False


def _as_it_is(schema: Json | None) -> Json | None:
    return schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What the document of a dialect has beyond that of any other.

    `shape` is the class of all its answers. `security` is what each kind of access needs, as the
    document says it, and `credentials` the same in words; `parameters` are those that a route can
    refer to, of which `parameters_of` names a route's own. `headers` are those that answers have,
    beyond the shared ones, and `headers_of` names those of a route's success. `form_of` is the
    content of a body that a handler reads itself, by content type, `model_of` its model, if it has
    one, and `form_kinds` are what is refused of it. `kinds_of` are the errors that every such route
    can be refused with; `refused` tells what an error's status means, for the errors it is the
    answer to, and in which shape, if any. `answer_types_of` are the content types of a route's
    answers; whoever prefers a page gets one of a route that `shows_pages`. `enveloped` is the
    schema of a success, by that of what the handler answers (None for nothing). `made` is where an
    answer has what other routes take.
    """

    title: str
    introduction: str
    request_class: type[Request]
    shape: type[msgspec.Struct]
    security: Mapping[Enum, Sequence[Json]]
    security_schemes: Mapping[str, Json]
    credentials: Mapping[Enum, str]
    parameters: Mapping[str, Json]
    parameters_of: Callable[[HTTPRouteHandler], Iterable[Json]]
    headers: Mapping[str, Json]
    headers_of: Callable[[HTTPRouteHandler], Sequence[str]]
    form_of: Callable[[HTTPRouteHandler], Json]
    error_shapes: Sequence[type[msgspec.Struct]]
    success_words: Mapping[int, str]
    status_of: Callable[[type[DomainError]], int]
    kinds_of: Callable[[HTTPRouteHandler], Iterable[type[DomainError]]]
    refused: Callable[[int, Sequence[type[DomainError]], HTTPRouteHandler], tuple[str, type | None]]
    model_of: Callable[[HTTPRouteHandler], type[BaseModel] | None] = _form_in_opt
    form_kinds: Sequence[type[DomainError]] = (MalformedForm, FormTooLarge, Invalid)
    answer_types_of: Callable[[HTTPRouteHandler], Sequence[str]] = _only_json
    shows_pages: Callable[[HTTPRouteHandler], bool] = _never
    enveloped: Callable[[Json | None], Json | None] = _as_it_is
    made: Made


def document(handlers: Sequence[ControllerRouterHandler], dialect: Dialect) -> Json:
    """The document that describes these handlers of a dialect."""
    app = _described(handlers, dialect)
    result = app.openapi_schema.to_schema()
    operations = list(_operations(app))
    for path, method, handler in operations:
        _complete(result["paths"][path][method], handler, dialect)
    add_links(result["paths"], dialect.made)
    schemas: Json = result["components"]["schemas"]
    for name, shape in _shapes(dialect.shape):
        if name in schemas:
            schemas[name]["description"] = cleandoc(shape.__doc__ or "")
    schemas |= _bodies([handler for _, _, handler in operations], dialect)
    schemas |= _error_shapes(dialect)
    result["components"] |= {
        "schemas": dict(sorted(schemas.items())),
        "parameters": {**_PARAMETERS, **dialect.parameters},
        "headers": {**_HEADERS, **dialect.headers},
        "securitySchemes": dialect.security_schemes,
    }
    return result


class _Decimals(OpenAPISchemaPlugin):
    """Describes a Decimal as the number that `encode` writes."""

    @staticmethod
    def is_plugin_supported_type(value: Any) -> bool:
        return value is Decimal

    def to_openapi_schema(
        self,
        field_definition: FieldDefinition,  # noqa: ARG002
        schema_creator: SchemaCreator,  # noqa: ARG002
    ) -> Schema:
        return Schema(type=OpenAPIType.NUMBER)


def _described(handlers: Sequence[ControllerRouterHandler], dialect: Dialect) -> Litestar:
    """The handlers in an app of their own, which answers nothing: its routes are read."""
    return Litestar(
        handlers,
        logging_config=None,
        plugins=[Bodies(), _Decimals()],
        request_class=dialect.request_class,
        response_class=Reply,
        openapi_config=OpenAPIConfig(
            title=dialect.title,
            version=version("whipround"),
            description=cleandoc(dialect.introduction),
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


def _complete(operation: Json, handler: HTTPRouteHandler, dialect: Dialect) -> None:
    """Add to a route what Litestar cannot know."""
    opt = handler.opt
    operation["security"] = list(dialect.security[opt["access"]])
    operation.pop("deprecated", None)
    parameters: list[Json] = operation.get("parameters", [])
    for parameter in parameters:
        name = parameter["name"].removesuffix("_id").replace("_", " ")
        parameter.setdefault("description", f"The unique identifier of the {name}.")
    names = ["Product-ID", "Correlation-ID", "Accept-Language"]
    if KeyReused in opt["errors"]:
        names.append("Idempotency-Key")
    parameters += [reference(name) for name in names]
    parameters += dialect.parameters_of(handler)
    operation["parameters"] = parameters
    if dialect.model_of(handler) is not None:
        operation["requestBody"] = {"required": True, "content": dialect.form_of(handler)}
    has_path = any(it.get("in") == "path" for it in parameters)
    operation["responses"] = {
        str(handler.status_code): _success(operation["responses"], handler, dialect),
        **_errors(handler, dialect, has_path=has_path),
    }


def reference(name: str) -> Json:
    """A parameter of several routes, where one of them has it."""
    return {"$ref": f"#/components/parameters/{name}"}


def body_of(model: type[BaseModel]) -> Json:
    """What a body of one content type is: a model that the document has."""
    return {"schema": {"$ref": _REF.format(model=model.__name__)}}


def _success(responses: Json, handler: HTTPRouteHandler, dialect: Dialect) -> Json:
    answer = _answer(dialect.success_words[handler.status_code], *dialect.headers_of(handler))
    is_empty = handler.parsed_fn_signature.return_type.has_inner_subclass_of(NoneType)
    content = {} if is_empty else responses[str(handler.status_code)]["content"]
    schema = dialect.enveloped(content["application/json"]["schema"] if content else None)
    if schema is None:
        return answer
    content = _content(schema, handler, dialect, may_be_page=dialect.shows_pages(handler))
    return answer | {"content": content}


def _content(
    schema: Json, handler: HTTPRouteHandler, dialect: Dialect, *, may_be_page: bool
) -> Json:
    content = {each: {"schema": schema} for each in dialect.answer_types_of(handler)}
    return content | _PAGE if may_be_page else content


def _errors(handler: HTTPRouteHandler, dialect: Dialect, *, has_path: bool) -> Json:
    """The error answers of a route, by status."""
    by_status: dict[int, dict[type[DomainError], None]] = {}
    for kind in _kinds(handler, dialect, has_path=has_path):
        by_status.setdefault(dialect.status_of(kind), {})[kind] = None
    return {
        str(status): _error_answer(status, list(by_status[status]), handler, dialect)
        for status in sorted(by_status)
    }


def _kinds(
    handler: HTTPRouteHandler, dialect: Dialect, *, has_path: bool
) -> Iterable[type[DomainError]]:
    yield from (UnknownProduct, MalformedCorrelationId, Unavailable, UnknownException)
    opt = handler.opt
    if KeyReused in opt["errors"]:
        yield MalformedIdempotencyKey
    if dialect.security[opt["access"]]:
        yield Unauthenticated
    if has_path:
        yield NotFound
    if handler.parsed_data_field is not None:
        yield from (MalformedBody, BodyTooLarge, Invalid)
    if dialect.model_of(handler) is not None:
        yield from dialect.form_kinds
    yield from dialect.kinds_of(handler)
    yield from opt["errors"]


def _error_answer(
    status: int, kinds: Sequence[type[DomainError]], handler: HTTPRouteHandler, dialect: Dialect
) -> Json:
    said, shape = dialect.refused(status, kinds, handler)
    headers = [_CHALLENGE] if status == dialect.status_of(Unauthenticated) else []
    if status in {dialect.status_of(Throttled), dialect.status_of(Unavailable)}:
        headers.append("Retry-After")
    if shape is None:
        return _answer(said, *headers)
    answer = _answer(said, "Content-Language", *headers)
    if _CHALLENGE in headers and not all(issubclass(it, Unauthenticated) for it in kinds):
        # Who has logged in with a wrong password is not asked for credentials in the header.
        answer["headers"][_CHALLENGE] = dialect.headers[_CHALLENGE] | {"required": False}
    may_be_page = dialect.shows_pages(handler) and any(it in handler.opt["errors"] for it in kinds)
    schema = {"$ref": _REF.format(model=shape.__name__)}
    return answer | {"content": _content(schema, handler, dialect, may_be_page=may_be_page)}


def meaning(kind: type[DomainError]) -> str:
    """What an error says by default."""
    return cleandoc(kind.__doc__ or "").partition("\n")[0]


def _answer(description: str, *more_headers: str) -> Json:
    """An answer without a body."""
    names = ("Product-ID", "Correlation-ID", *more_headers)
    return {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
    }


def _bodies(handlers: Sequence[HTTPRouteHandler], dialect: Dialect) -> Json:
    """The schemas of all bodies, and of what they contain."""
    models = {
        handler.parsed_data_field.annotation: None
        for handler in handlers
        if handler.parsed_data_field is not None
    }
    models |= {model: None for model in map(dialect.model_of, handlers) if model is not None}
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


def _shapes(kind: type[msgspec.Struct]) -> Iterable[tuple[str, type[msgspec.Struct]]]:
    for each in kind.__subclasses__():
        yield each.__name__, each
        yield from _shapes(each)


def _error_shapes(dialect: Dialect) -> Json:
    _, schemas = msgspec.json.schema_components(
        dialect.error_shapes, ref_template=_REF.replace("model", "name")
    )
    return schemas
