"""What the Litestar app of a dialect is made of: requests, bodies, answers, errors.

Each dialect adds who may call its routes, and how its errors look.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias, TypeVar

import litestar
from litestar import Litestar
from litestar.dto import AbstractDTO
from litestar.exceptions import MethodNotAllowedException
from litestar.openapi.spec import Reference
from litestar.plugins import SerializationPlugin
from litestar.response import Response
from litestar.types import ControllerRouterHandler
from litestar.typing import FieldDefinition
from pydantic import BaseModel

from whipround.api import bodies, forms
from whipround.api.bodies import MAX_BODY_BYTES
from whipround.api.context import JSON, Call, Headers, Refuse
from whipround.api.shapes import encode
from whipround.api.types import Receive, Scope, Send
from whipround.db.request_keys import Answer

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)

AnyRequest: TypeAlias = litestar.Request[Any, Any, Any]


def call_of(request: AnyRequest) -> Call:
    """What `Front` made of the request."""
    call: Call = request.scope["state"]["call"]
    return call


class Request(litestar.Request[Any, Any, Any]):
    """A request to a route of any dialect."""

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
        return bodies.parse_values(model, await self.form_values(files))

    async def form_values(self, files: frozenset[str]) -> forms.Form:
        """The values of a body that is a form; `files` are the names of those that are bytes.

        Raises FormTooLarge for more than 11 MiB, MalformedForm.
        """
        call = self.call
        sent = await bodies.read(
            self.receive, call.headers, most=forms.MAX_FORM_BYTES, too_large=forms.FormTooLarge
        )
        form = forms.parse(sent, call.headers.get(b"content-type", b""), files=files)
        # What makes a repeat the same is what it says, and not in which form.
        call.body = forms.canonical(form)
        return form


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


def new_app(
    handlers: Sequence[ControllerRouterHandler],
    *,
    request_class: type[Request],
    prepare: Callable[[Any], Awaitable[None]],
    refuse: Refuse,
) -> Litestar:
    """An app of a dialect's handlers, to be put behind a `Front`.

    `prepare` gets each request that has found its handler before anything of the body is read, and
    lets through who may call it; `refuse` renders whatever is raised.
    """

    def refused(request: AnyRequest, error: Exception) -> Reply[Any]:
        rendered = refuse(error, call_of(request))
        return Reply(body=rendered.body, status_code=rendered.status, more_headers=rendered.headers)

    return Litestar(
        handlers,
        before_request=prepare,
        exception_handlers={Exception: refused},
        logging_config=None,
        openapi_config=None,
        plugins=[Bodies()],
        request_class=request_class,
        request_max_body_size=MAX_BODY_BYTES,
        response_class=Reply,
    )


def check_method(request: AnyRequest) -> None:
    """Refuse what only Litestar itself would handle, whose answer would lack our headers."""
    if request.scope["method"] == "OPTIONS":
        template = request.scope["path_template"]
        routes = (route for route in request.app.routes if route.path_format == template)
        methods = {method for route in routes for method in route.methods}
        raise MethodNotAllowedException(headers={"allow": ", ".join(sorted(methods))})
