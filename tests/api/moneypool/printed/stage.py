"""What the calls of the document need around them, and how one is played as it is printed."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import httpx
import msgspec

from tests.api.documents import replaced
from tests.api.faces import Faces
from tests.api.moneypool.client import Client
from tests.api.moneypool.documents import Example

CARD = "tok_test_visa_4242"
CLABE = "002010077777777771"
"""One whose bank there is, and whose control digit is right."""

_TOKEN = re.compile(r"[0-9a-f]{32}")
_BODIES = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class Stage:
    """John and Andy, who have some thousand pesos each in Moneypool."""

    faces: Faces
    john: Client
    andy: Client


class Part(NamedTuple):
    """Who makes a call, and what is put in the place of what is printed.

    Those are the ids in its path that come after one's own, and other values in its body.
    """

    who: Client
    ids: Sequence[int] = ()
    values: Mapping[str, Any] = {}


Prepare: TypeAlias = Callable[[Stage], Awaitable[Part]]


@dataclass(frozen=True, slots=True)
class Scene:
    """What has to be there before a call, and the status that it is answered with."""

    prepare: Prepare
    status: int


SCENES: dict[str, Scene] = {}
"""By the heading that the call is below."""


def scene(*titles: str, status: int = 200) -> Callable[[Prepare], Prepare]:
    """Have this prepare the calls below these headings."""

    def add(prepare: Prepare) -> Prepare:
        SCENES.update(dict.fromkeys(titles, Scene(prepare, status)))
        return prepare

    return add


async def play(part: Part, example: Example) -> httpx.Response:
    """Make a call as it is printed: its method, headers and body, to what its line says."""
    ids = iter([part.who.id, *part.ids] if "{id}" in example.endpoint.path else [])
    path = re.sub("{id}", lambda _: str(next(ids)), example.endpoint.path)
    headers = {
        name: _TOKEN.sub(part.who.token or "", value)
        for name, value in example.curl.headers.items()
    }
    content = b"" if example.curl.body is None else body_of(example, part.values)
    return await part.who.http.request(
        example.endpoint.method, path, headers=headers, content=content
    )


def body_of(example: Example, values: Mapping[str, Any]) -> bytes:
    """The body as it is printed, but for these values."""
    return _BODIES.encode(replaced(example.curl.body, values))
