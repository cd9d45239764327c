"""How a Memento handler is called: its request, who may call it, its body, its answer.

A handler translates in, makes one domain call, translates out::

    @post("/v1/users/{user_id:uuid}/block", status_code=200, opt=route())
    async def block(request: Request, user_id: FromPath[UUID]) -> Reply[UserShape]: ...

Whatever a handler does not say otherwise needs a session.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, TypeAlias, TypeVar

import litestar
from litestar.dto import AbstractDTO
from litestar.exceptions import MethodNotAllowedException
from litestar.openapi.spec import Reference
from litestar.plugins import SerializationPlugin
from litestar.response import Response
from litestar.typing import FieldDefinition
from pydantic import BaseModel

from whipround.api import bodies, forms
from whipround.api.context import JSON, Call, Headers
from whipround.api.memento import filtering
from whipround.api.memento.shapes_base import encode
from whipround.api.types import Receive, Scope, Send
from whipround.db.listing import Column, ListQuery
from whipround.db.request_keys import Answer
from whipround.domain import sessions
from whipround.errors import DomainError, Unauthenticated

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)


class Access(Enum):
    """Who may call a route."""

    SESSION = "session"
    """Whoever sends a good session token. The default."""

    OPEN = "open"
    """Anybody; a session token that is sent all the same must be good."""

    ANYONE = "anyone"
    """Anybody; no credential is looked at: one gone stale must not keep its owner out."""

    TOKEN = "token"  # noqa: S105
    """Whoever sends some bearer token, which the handler itself examines (`call.bearer`)."""


def route(
    *,
    access: Access = Access.SESSION,
    errors: Iterable[type[DomainError]] = (),
    filters: Mapping[str, Column] | None = None,
    searchable: bool = False,
    conditions: Mapping[str, Column] | None = None,
    since: bool = False,
    known: Callable[[Call], Awaitable[Mapping[str, Any]]] | None = None,
    form: type[BaseModel] | None = None,
) -> dict[str, Any]:
    """The `opt` of a handler: who may call it, and what its documentation lists.

    `errors` are the domain errors it can be refused with, beyond those every route can; `filters`
    the columns of a list, which then may call `request.list_query()`; `conditions` those that what
    is no list takes a `filter` by, for `request.conditions()`; with `since` the parameter of that
    name may be read by `request.since()`. `known` finds out what the validators of the body have to
    know, which is asked for once it is known who is calling. `form` is the model of a body that is
    no JSON but a form with files, for `request.read_form()`.
    """
    return {
        "access": access,
        "errors": tuple(errors),
        "filters": filters,
        "searchable": searchable,
        "conditions": conditions,
        "since": since,
        "known": known,
        "form": form,
    }


AnyRequest: TypeAlias = litestar.Request[Any, Any, Any]


def call_of(request: AnyRequest) -> Call:
    """What `Front` made of the request."""
    call: Call = request.scope["state"]["call"]
    return call


class Request(litestar.Request[Any, Any, Any]):
    """A request to a Memento route."""

    __slots__ = ()

    @property
    def call(self) -> Call:
        """Product, session, time, key, and whatever else the handler needs."""
        return call_of(self)

    async def body(self) -> bytes:
        """The body; an empty one reads as an empty object, so that its missing fields are named.

        Raises BodyTooLarge for more than 1 MiB.
        """
        call = self.call
        if call.body is None:
            call.body = await bodies.read(self.receive, call.headers)
        return call.body or b"{}"

    async def read_form(self, model: type[Model], *, files: frozenset[str]) -> Model:
        """The body, a form with files, as a model; `files` are the fields that are bytes.

        Raises FormTooLarge for more than 11 MiB, MalformedForm, and Invalid naming every wrong
        field.
        """
        call = self.call
        sent = await bodies.read(
            self.receive, call.headers, most=forms.MAX_FORM_BYTES, too_large=forms.FormTooLarge
        )
        form = forms.parse(sent, call.headers.get(b"content-type", b""), files=files)
        # What makes a repeat the same is what it says, and not in which form.
        call.body = forms.canonical(form)
        return bodies.parse_form(model, form)

    def list_query(self) -> ListQuery:
        """What the query string asks of the list that the route declares. Raises Invalid."""
        declared = self.route_handler.opt
        return filtering.parse(
            self.call.query_string, declared["filters"], searchable=declared["searchable"]
        )

    def conditions(self) -> ListQuery:
        """The conditions of the query string on what the route declares. Raises Invalid."""
        return filtering.parse(self.call.query_string, self.route_handler.opt["conditions"])

    def since(self) -> datetime | None:
        """After which time the query string wants things; None: at any. Raises Invalid."""
        return filtering.since(self.call.query_string)


class Reply(Response[T]):
    """An answer: a shape (or a list of them) to render, or bytes rendered already.

    Its status is the handler's unless it says so itself. Without content its body is empty.
    """

    __slots__ = ("_body", "_content_type", "_headers")

    def __init__(
        self,
        content: T | None = None,
        *,
        body: bytes | None = None,
        status_code: int | None = None,
        more_headers: Headers = (),
        content_type: bytes = JSON,
        **_: Any,  # what Litestar says of every response, for which there is no use here
    ) -> None:
        self._body = body if body is not None else (b"" if content is None else encode(content))
        self._headers = more_headers
        self._content_type = content_type
        self.status_code = status_code

    @classmethod
    def rendered(cls, answer: Answer) -> "Reply[T]":
        """An answer that was rendered when the money moved, or the first time it was asked for."""
        return cls(body=answer.body, status_code=answer.status)

    def to_asgi_response(  # type: ignore[override] # an ASGI app is all that Litestar asks for
        self, *_: Any, status_code: int | None = None, **__: Any
    ) -> "Reply[T]":
        """The answer as an ASGI app."""
        self.status_code = self.status_code or status_code
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send the answer."""
        call: Call = scope["state"]["call"]
        await call.answer(
            send, self.status_code or 200, self._body, self._headers, self._content_type
        )


class _Body(AbstractDTO[Model]):
    """Reads a body into the pydantic model that a handler names as its `data`."""

    def decode_bytes(self, value: bytes) -> Model:
        """The body as a model. Raises MalformedBody, and Invalid naming every wrong field."""
        call: Call = self.asgi_connection.scope["state"]["call"]
        return bodies.parse(
            self.model_type, value, currencies=call.product.currencies, known=call.known
        )

    @classmethod
    def create_for_field_definition(cls, *_: Any, **__: Any) -> None:
        """Litestar's own decoding is not used, so nothing is prepared for it."""

    @classmethod
    def create_openapi_schema(cls, *_: Any, **__: Any) -> Reference:
        """pydantic describes the model; `openapi.py` adds its words to the document."""
        return Reference(ref=f"#/components/schemas/{cls.model_type.__name__}")


class Bodies(SerializationPlugin):
    """Has Litestar read pydantic models with `_Body`."""

    def supports_type(self, field_definition: FieldDefinition) -> bool:
        """Whether the annotation is a pydantic model."""
        return field_definition.is_subclass_of(BaseModel)

    def create_dto_for_type(self, field_definition: FieldDefinition) -> type[AbstractDTO[Any]]:
        """What reads that model."""
        return _Body.__class_getitem__(field_definition.annotation)


async def authenticate(request: AnyRequest) -> None:
    """Find out who is calling, before anything else of the request is looked at.

    A route that says nothing of its access needs a session. Raises Unauthenticated where more is
    asked for than was sent.
    """
    call = call_of(request)
    access = request.route_handler.opt.get("access")
    if access is None and request.scope["method"] == "OPTIONS":
        # Litestar's own handler, whose answer would lack our headers.
        raise MethodNotAllowedException(headers={"allow": _methods(request)})
    if access is Access.ANYONE:
        return
    token = call.bearer
    if token is None:
        if access is not Access.OPEN:
            raise Unauthenticated
        return
    if access is not Access.TOKEN:
        digest = sessions.digest(token)
        if digest is None:
            raise Unauthenticated
        call.session = await call.services.sessions.submit(digest)
        if call.session is None:
            raise Unauthenticated


async def prepare(request: AnyRequest) -> None:
    """What comes before the body: who is calling, then what the body's validators have to know."""
    await authenticate(request)
    known = request.route_handler.opt.get("known")
    if known is not None:
        call = call_of(request)
        call.known = await known(call)


def _methods(request: AnyRequest) -> str:
    template = request.scope["path_template"]
    routes = (route for route in request.app.routes if route.path_format == template)
    return ", ".join(sorted(method for route in routes for method in route.methods))
