"""How a Moneypool handler is called: its request, who may call it, its body, its answer.

A handler translates in, makes one domain call, translates out::

    @delete("/api/users/{user_id:int}/liabilities/{liability_id:int}", opt=route(errors=REPEATS))
    async def decline(request: Request, user_id: FromPath[int], liability_id: FromPath[int]) -> …

Whatever a handler does not say otherwise needs the version and a good token, and a `user_id` in its
path is the caller's own.
"""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import Enum
from typing import Any, TypeVar

from pydantic import BaseModel

from whipround.api import bodies, forms, handling
from whipround.api.accepting import media_ranges
from whipround.api.context import Call
from whipround.api.handling import AnyRequest, Reply, call_of, check_method
from whipround.api.moneypool.errors import NotAcceptable, Renamed, answer_of
from whipround.api.writes import write_once
from whipround.db.database import Tx
from whipround.db.request_keys import Answer
from whipround.domain import numbers, sessions
from whipround.domain.users.person import User
from whipround.errors import DomainError, NotFound, Unauthenticated

Model = TypeVar("Model", bound=BaseModel)

CURRENCY = "MXN"
"""The one currency of this dialect: what is in another does not exist here."""


MOST_PER_PAGE = 100
"""How much of a list one page has, unless it is to have less."""


class Access(Enum):
    """Who may call a route."""

    TOKEN = "token"  # noqa: S105
    """Whoever sends the token of somebody who is logged in. The default."""

    ANYONE = "anyone"
    """Anybody; no credential is looked at: one gone stale must not keep its owner out."""


def route(
    *,
    access: Access = Access.TOKEN,
    errors: Iterable[type[DomainError]] = (),
    renamed: Renamed | None = None,
    form: type[BaseModel] | None = None,
    files: frozenset[str] = frozenset(),
    is_versioned: bool = True,
    is_own: bool = True,
    in_any_product: bool = False,
    is_list: bool = False,
) -> dict[str, Any]:
    """The `opt` of a handler: who may call it, and what its documentation lists.

    `errors` are the domain errors it can be refused with, beyond those every route can. `renamed`
    says what the route calls what they are about, where that is not the domain's last word: by the
    domain's name of a field (`recipient.amount`), or by the class of what a rule refuses. `form` is
    the model of a body that may be a form, of which the fields named in `files` are files, for
    `request.read_form()`.

    Without `is_versioned` no version has to be asked for, and a `user_id` in the path may be
    another's where it is not `is_own`. A product without pesos has what is `in_any_product` only.
    What `is_list` has pages (`lists.wanted`).
    """
    return {
        "access": access,
        "errors": tuple(errors),
        "renamed": renamed or {},
        "form": form,
        "files": files,
        "is_versioned": is_versioned,
        "is_own": is_own,
        "in_any_product": in_any_product,
        "is_list": is_list,
    }


_ROUTE = route()


class Request(handling.Request):
    """A request to a Moneypool route."""

    __slots__ = ()

    async def read_form(self, model: type[Model], *, files: frozenset[str]) -> Model:
        """The body as a model: JSON, or a form whose names are written `user[name]`.

        `files` are the names of the form's fields that are bytes. Raises FormTooLarge for more than
        11 MiB, MalformedBody, and Invalid naming every wrong field.
        """
        call = self.call
        if call.headers.get(b"content-type", b"")[:20].lower().startswith(b"multipart/"):
            return bodies.parse_values(model, _nested(await self.form_values(files)))
        # A picture may be in JSON too.
        call.body = await bodies.read(
            self.receive, call.headers, most=forms.MAX_FORM_BYTES, too_large=forms.FormTooLarge
        )
        return bodies.parse(model, call.body, currencies=call.product.currencies)


_NESTED_NAME = re.compile(r"(\w+)\[(\w+)\]")


def _nested(form: forms.Form) -> Mapping[str, Any]:
    """The values of a form as JSON would have them."""
    values: dict[str, Any] = {}
    wrapped: dict[str, dict[str, str | bytes]] = {}
    for name, value in form.items():
        match = _NESTED_NAME.fullmatch(name)
        if match is None:
            values[name] = value
        else:
            wrapped.setdefault(match[1], {})[match[2]] = value
    return values | wrapped


async def prepare(request: AnyRequest) -> None:
    """What comes before the body, in this order: version, caller, whose the path is.

    Raises NotFound where there is nothing of this dialect, or not for the caller; NotAcceptable;
    Unauthenticated.
    """
    call = call_of(request)
    opt = request.route_handler.opt
    if "access" not in opt:
        check_method(request)
        opt = _ROUTE
    call.renamed = opt["renamed"]
    if CURRENCY not in call.product.currencies and not opt["in_any_product"]:
        raise NotFound
    if opt["is_versioned"] and not _is_accepted(call.every(b"accept")):
        raise NotAcceptable
    if opt["access"] is not Access.ANYONE:
        await _authenticate(call)
    if request.path_params:
        _check_path(request, is_own=opt["is_own"])


async def _authenticate(call: Call) -> None:
    digest = sessions.login_digest(auth_token(call) or "")
    if digest is not None:
        call.session = await call.services.sessions.submit(digest)
    if call.session is None:
        raise Unauthenticated


def _check_path(request: AnyRequest, *, is_own: bool) -> None:
    """See that the ids in the path can be ids, written as we write them, and the user the caller.

    Raises NotFound.
    """
    call = call_of(request)
    ids = [value for value in request.path_params.values() if isinstance(value, int)]
    written = Counter(call.path.split("/"))
    if not (all(map(numbers.can_be, ids)) and Counter(map(str, ids)) <= written):
        raise NotFound
    if is_own and "user_id" in request.path_params:
        own(call, request.path_params["user_id"])


def own(call: Call, user_id: int) -> User:
    """The caller, whose `user_id` this has to be. Raises NotFound."""
    user = call.authenticated.user
    if user.number != user_id:
        raise NotFound
    return user


# Headers.

_RANGE = "application/vnd.moneypool.mx+json"
_VERSION = "1"


def _is_accepted(accept: bytes) -> bool:
    """Whether an Accept header has our media type in our version, however it likes it."""
    return any(
        each.kind == _RANGE and each.parameters.get("version") == _VERSION and each.quality
        for each in media_ranges(accept)
    )


_TOKEN = re.compile(
    r"""token\s+token\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"',;]+))\s*(?:[,;].*)?""", re.IGNORECASE
)


def auth_token(call: Call) -> str | None:
    """The token of the Authorization header, `Token token=…`, quoted or not; None without one."""
    header = call.headers.get(b"authorization", b"").strip().decode("latin-1")
    match = _TOKEN.fullmatch(header)
    return next(filter(None, match.groups()), None) if match else None


# Writes.


async def once(call: Call, act: Callable[[Tx], Awaitable[Answer]]) -> Reply[Any]:
    """Carry out a write exactly once, under the request's key; its answer, or the first one again.

    Refusals by a rule are remembered with it; wrong fields and limits are not.
    """
    return Reply.rendered(await write_once(call, act, refusal=refusal))


def refusal(error: DomainError, call: Call) -> Answer:
    """The rendered answer of a write that a rule refuses, in the caller's language."""
    rendered = answer_of(error, call.language, call.renamed)
    return Answer(rendered.status, rendered.body)
