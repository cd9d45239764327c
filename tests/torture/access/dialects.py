"""The dialects: their routes by what they look at, and how they refuse a credential."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from tests.api.mobbr import client as mobbr
from tests.api.routes import Route, routes_of
from tests.api.serving import VERSION
from whipround.api.memento import app as memento_app
from whipround.api.memento.call import Access as MementoAccess
from whipround.api.mobbr import app as mobbr_app
from whipround.api.mobbr.call import Access as MobbrAccess
from whipround.api.moneypool import app as moneypool_app
from whipround.api.moneypool.call import Access as MoneypoolAccess


def bearer(secret: str) -> str:
    return f"Bearer {secret}"


def token(secret: str) -> str:
    return f"Token token={secret}"


def basic(secret: str) -> str:
    return mobbr.basic("", secret)


def is_empty(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.content) == (401, b"")


def _is_invalid(answer: httpx.Response) -> bool:
    return answer.status_code == 401 and answer.json() == {
        "errors": {"authorization": ["is invalid"]}
    }


def _is_missing(answer: httpx.Response) -> bool:
    return answer.status_code == 403 and answer.json() == {
        "result": None,
        "message": {"text": "The credential is missing, unknown or expired.", "type": "error"},
    }


@dataclass(frozen=True)
class Dialect:
    """How a dialect is called, and how it refuses whoever must not call it.

    `own` is how its own secrets begin. Of its routes `guarded` need one, `checked` look at one that
    is sent, and `free` look at none.
    """

    own: str
    sent: Callable[[str], str]
    is_refused: Callable[[httpx.Response], bool]
    headers: Mapping[str, str]
    guarded: Sequence[Route]
    checked: Sequence[Route]
    free: Sequence[Route]


def _dialect(
    create: Any, accesses: tuple[set[Any], set[Any]], default: Any, **given: Any
) -> Dialect:
    by_access = [(it, it.handler.opt.get("access", default)) for it in routes_of(create())]
    guarded, checked = [[it for it, access in by_access if access in each] for each in accesses]
    free = [it for it, access in by_access if access not in accesses[1]]
    return Dialect(guarded=guarded, checked=checked, free=free, **given)


_M, _P, _B = MementoAccess, MoneypoolAccess, MobbrAccess

DIALECTS = {
    "Memento": _dialect(
        memento_app.create_app,
        ({_M.SESSION, _M.TOKEN}, {_M.SESSION, _M.TOKEN, _M.OPEN}),
        _M.SESSION,
        own="wst",
        sent=bearer,
        is_refused=is_empty,
        headers={},
    ),
    "Moneypool": _dialect(
        moneypool_app.create_app,
        ({_P.TOKEN}, {_P.TOKEN}),
        None,
        own="wmp",
        sent=token,
        is_refused=_is_invalid,
        headers={"Accept": VERSION},
    ),
    "Mobbr": _dialect(
        mobbr_app.create_app,
        ({_B.PERSON}, {_B.PERSON, _B.PUBLIC}),
        None,
        own="wmb",
        sent=basic,
        is_refused=_is_missing,
        headers={},
    ),
}
