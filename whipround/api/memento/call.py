"""How a Memento handler is called: its request, who may call it, its body, its answer.

A handler translates in, makes one domain call, translates out::

    @post("/v1/users/{user_id:uuid}/block", status_code=200, opt=route())
    async def block(request: Request, user_id: FromPath[UUID]) -> Reply[UserShape]: ...

Whatever a handler does not say otherwise needs a session.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from pydantic import BaseModel

from whipround.api import handling
from whipround.api.context import Call
from whipround.api.handling import AnyRequest, call_of, check_method
from whipround.api.memento import filtering
from whipround.db.listing import Column, ListQuery
from whipround.domain import sessions
from whipround.errors import DomainError, Unauthenticated


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


class Request(handling.Request):
    """A request to a Memento route."""

    __slots__ = ()

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


async def authenticate(request: AnyRequest) -> None:
    """Find out who is calling, before anything else of the request is looked at.

    A route that says nothing of its access needs a session. Raises Unauthenticated where more is
    asked for than was sent.
    """
    call = call_of(request)
    access = request.route_handler.opt.get("access")
    if access is None:
        check_method(request)
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
