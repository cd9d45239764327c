"""What the calls of the document need around them, and how one is played as it is printed."""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from operator import getitem
from typing import Any, TypeAlias

import httpx

from tests.api.documents import mended
from tests.api.mobbr.client import Client, Json, basic, said
from tests.api.mobbr.documents import Example, examples
from tests.outside import Outside

PASSWORD = "m0bbr2011"
PRINTED = basic("username", "password")
"""The credentials that all calls are printed with which have any."""

PAGE = "https://github.com/identifi/identifi"
PAID = "302302b4dd1280e2e9a38793de92f210"
"""The page that the samples are about, and the payment."""

SAMPLES: Mapping[str, Any] = {it.title: mended(it.answer, parse_float=Decimal) for it in examples()}


@dataclass(frozen=True, slots=True)
class Stage:
    """Patrick, who has some thousand euros, Ernesto, and the web with nothing on it yet."""

    client: Client
    outside: Outside
    patrick: Client
    ernesto: Client

    @property
    def page(self) -> str:
        """Where the page is that the samples are about: only its host is another."""
        return self.outside.site.url("/identifi/identifi")


@dataclass(frozen=True, slots=True)
class Part:
    """How a call is made: `words` are put in the place of others that are printed, in the call and
    in its answer, and of the answer the `free` paths are right by their form.

    `lacks` is where in a sample there is what the answer does not have. It is Ernesto's call if it
    `is_ernestos`, else Patrick's; who `is_known` has credentials where none are printed.
    """

    words: Mapping[str, str] = field(default_factory=dict)
    free: Collection[str] = ()
    lacks: Collection[Sequence[str]] = ()
    is_ernestos: bool = False
    is_known: bool = False

    def sample(self, example: Example) -> Json:
        """What the call is answered with, here; where no message is printed, there is none."""
        sample: Json = mended(self.of(example.answer), parse_float=Decimal)
        for *above, name in self.lacks:
            del reduce(getitem, above, sample)[name]
        return {"message": None, **sample}

    def of(self, printed: str) -> str:
        """What is printed, with the words of this part."""
        for there, here in self.words.items():
            printed = printed.replace(there, here)
        return printed


Prepare: TypeAlias = Callable[[Stage], Awaitable[Part]]


@dataclass(frozen=True, slots=True)
class Scene:
    """What has to be there before a call, and the status that it is answered with."""

    prepare: Prepare
    status: int


SCENES: dict[str, Scene] = {}
"""By the title of the example."""


def scene(title: str, *, status: int = 200) -> Callable[[Prepare], Prepare]:
    """Have this prepare the call of this title."""

    def add(prepare: Prepare) -> Prepare:
        SCENES[title] = Scene(prepare, status)
        return prepare

    return add


async def play(stage: Stage, part: Part, example: Example) -> httpx.Response:
    """Make a call as it is printed: its method, path, headers and body, but for the `words`."""
    printed = example.curl
    headers = dict(printed.headers)
    if headers.pop("Authorization", None) is not None or part.is_known:
        caller = stage.ernesto if part.is_ernestos else stage.patrick
        headers["Authorization"] = basic(caller.username, PASSWORD)
    return await stage.client.http.request(
        printed.method, part.of(printed.path), headers=headers, content=part.of(printed.body)
    )


async def shown(stage: Stage, data: object, **given: Any) -> Json:
    """What Patrick is shown."""
    answer = await stage.patrick.post("/payments/preview", {"data": data, **given})
    preview: Json = said(answer)
    return preview


async def paid(stage: Stage, data: object, amount: str, **given: Any) -> str:
    """Have Patrick pay, or pledge, some euros; the payment."""
    preview = await shown(stage, data, amount=amount, currency="EUR", **given)
    confirmed = said(await stage.patrick.put("/payments/confirm", {"hash": preview["hash"]}))
    return str(confirmed["payment_id"])


def plain(script: Mapping[str, Any]) -> Json:
    """A script without what the server says of it."""
    return {
        name: [plain(each) if isinstance(each, dict) else each for each in value]
        if isinstance(value, list)
        else value
        for name, value in script.items()
        if not name.startswith(".")
    }


def json_of(script: Mapping[str, Any]) -> str:
    """A script as it is written on a page."""
    return json.dumps(script, default=float)
