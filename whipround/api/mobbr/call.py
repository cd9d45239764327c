"""How a Mobbr handler is called: its request, who may call it, its arguments, its answer.

A handler translates in, makes one domain call, translates out::

    @put("/api_v1/payments/confirm", status_code=201, opt=route(arguments=Confirm, errors=REPEATS))
    async def confirm(request: Request) -> Reply[shapes.Confirmed]:
        wanted = await request.arguments(Confirm)

Whatever a handler does not say otherwise needs good credentials, and takes no arguments.
"""

import binascii
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterable
from enum import Enum
from typing import Any, TypeVar

from pydantic import BaseModel

from whipround.api import handling, links
from whipround.api.context import Call
from whipround.api.handling import AnyRequest, Reply, call_of, check_method
from whipround.api.mobbr import arguments as reading
from whipround.api.mobbr import formats
from whipround.api.mobbr.errors import MissingUserAgent, NotAcceptable, Renamed, answer_of
from whipround.api.mobbr.shapes_base import Kind, enveloped
from whipround.api.writes import write_once
from whipround.db.database import Tx
from whipround.db.request_keys import Answer
from whipround.domain.credentials import InvalidCredentials
from whipround.errors import DomainError, Unauthenticated

Model = TypeVar("Model", bound=BaseModel)
Result = TypeVar("Result")


class Access(Enum):
    """Who may call a route."""

    PERSON = "person"
    """Somebody, who says who they are. The default."""

    PUBLIC = "public"
    """Anybody; but whoever says who they are has to be right."""

    ANYONE = "anyone"
    """Anybody with anything: no credential or User-Agent is looked at, and any Accept will do."""


def route(
    *,
    access: Access = Access.PERSON,
    errors: Iterable[type[DomainError]] = (),
    arguments: type[BaseModel] | None = None,
    renamed: Renamed | None = None,
) -> dict[str, Any]:
    """The `opt` of a handler: who may call it, and what its documentation lists.

    `errors` are the domain errors it can be refused with, beyond those every route can.
    `arguments` is the model for `request.arguments()`; a route without takes none. `renamed` says
    which argument a field is of that the domain calls otherwise (`{"participants": "data"}`).
    """
    return {
        "access": access,
        "errors": tuple(errors),
        "arguments": arguments,
        "renamed": renamed or {},
    }


_ROUTE = route()


class Request(handling.Request):
    """A request to a Mobbr route."""

    __slots__ = ()

    async def arguments(self, model: type[Model]) -> Model:
        """The arguments, from the query of GET and DELETE, else from the body.

        Raises MalformedArguments, UnsupportedFormat, BodyTooLarge, UnwantedArguments,
        MissingArgument, and Invalid naming every wrong one.
        """
        call = self.call
        return reading.parse(model, call, await reading.sent(call, self.receive))


async def prepare(request: AnyRequest) -> None:
    """What comes before the arguments, in this order: client, format, caller.

    Raises MissingUserAgent; NotAcceptable; Unauthenticated, Throttled; UnwantedArguments where none
    are taken.
    """
    call = call_of(request)
    opt = request.route_handler.opt
    if "access" not in opt:
        check_method(request)
        opt = _ROUTE
    call.renamed = opt["renamed"]
    content_type = formats.wanted(call)
    call.transcribe = formats.transcription(content_type)
    if opt["access"] is Access.ANYONE:
        return
    if not call.headers.get(b"user-agent", b"").strip():
        raise MissingUserAgent
    if content_type is None:
        raise NotAcceptable
    await _authenticate(call, is_needed=opt["access"] is Access.PERSON)
    if opt["arguments"] is None:
        reading.check_wanted(await reading.sent(call, request.receive))


async def _authenticate(call: Call, *, is_needed: bool) -> None:
    header = call.headers.get(b"authorization")
    if header is None:
        if is_needed:
            raise Unauthenticated
        return
    username, password = basic(header)
    try:
        call.session = await call.services.basic_auth.check(
            username, password, address=call.remote_address, now=call.now
        )
    except InvalidCredentials as error:
        raise Unauthenticated from error


def basic(header: bytes) -> tuple[str, str]:
    """The username and the password in an Authorization header (RFC 7617).

    Raises Unauthenticated for anything else.
    """
    scheme, _, sent = header.strip().partition(b" ")
    try:
        username, colon, password = b64decode(sent.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Unauthenticated from error
    if scheme.lower() != b"basic" or not colon:
        raise Unauthenticated
    return username, password


# Answers.


def reply(
    call: Call, result: Result, message: str | None = None, *, kind: Kind = "info"
) -> Reply[Result]:
    """An answer: a shape (or a list of them, or nothing), and perhaps what there is to say.

    The message is translated; its status is the route's.
    """
    return Reply(body=enveloped(result, message, kind, locale=call.language))


def answered(
    call: Call, result: object, message: str | None = None, *, kind: Kind = "info"
) -> Answer:
    """The same, rendered, as the answer of a write that is kept with what it has done."""
    body = enveloped(result, message, kind, locale=call.language)
    return Answer(200 if call.method in reading.IN_QUERY else 201, body)


async def once(call: Call, act: Callable[[Tx], Awaitable[Answer]]) -> Reply[Any]:
    """Carry out a write exactly once, under the request's key; its answer, or the first one again.

    Refusals by a rule are remembered with it; wrong arguments and limits are not. The arguments
    must have been read.
    """
    return Reply.rendered(await write_once(call, act, refusal=refusal))


def refusal(error: DomainError, call: Call) -> Answer:
    """The rendered answer of a write that a rule refuses, in the caller's language."""
    rendered = answer_of(error, call.language, call.renamed)
    return Answer(rendered.status, rendered.body)


# Where people are.


def people_of(call: Call) -> str:
    """What stands before a username where somebody's id is an address."""
    return f"{links.address_of(call.product, public_url=call.services.public_url)}/#/person/"


def hosts_of(call: Call) -> frozenset[str]:
    """The hosts by which an address means this product, in lower case, with and without a port."""
    return links.hosts_of(call.product, public_url=call.services.public_url)
