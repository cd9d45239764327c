"""What shows a dialect's documentation: its `openapi.json`, and its `docs` for people.

The page is ours, made on the server from the document: it needs no script and nothing from
elsewhere, so it works offline and under the strictest content security policy.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Generic, TypeVar

from jinja2 import ChainableUndefined, Environment, FileSystemLoader
from litestar import get
from litestar.types import ControllerRouterHandler
from markupsafe import Markup, escape

from whipround.api.handling import Reply, Request
from whipround.api.openapi import Dialect, Json, document
from whipround.api.shapes import encode

_HTML = b"text/html; charset=utf-8"
_POLICY = (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'")


Made = TypeVar("Made")


class Once(Generic[Made]):
    """What takes a while to make, and is made once, however many want it at the same time."""

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._making = Lock()
        self._made: list[Made] = []

    def get(self) -> Made:
        """What was made, or is made now."""
        with self._making:
            if not self._made:
                self._made.append(self._make())
        return self._made[0]

    async def wait(self) -> Made:
        """The same, while others are served."""
        return self._made[0] if self._made else await asyncio.to_thread(self.get)


def documentation(
    described: Sequence[ControllerRouterHandler],
    dialect: Dialect,
    *,
    root: str,
    opt: Mapping[str, Any],
) -> list[ControllerRouterHandler]:
    """The two routes below `root` that show what the handlers `described` do.

    `opt` is what the dialect's `route` makes for a route that is open to anybody.
    """

    made = Once(lambda: document(described, dialect))
    encoded = Once(lambda: encode(made.get()))
    page = Once(lambda: page_of(made.get(), dialect).encode())

    @get(f"{root}/openapi.json", include_in_schema=False, opt=opt)
    async def openapi(request: Request) -> Reply[Json]:  # noqa: ARG001
        """The OpenAPI document."""
        return Reply(body=await encoded.wait())

    @get(f"{root}/docs", include_in_schema=False, opt=opt)
    async def docs(request: Request) -> Reply[bytes]:  # noqa: ARG001
        """The same as a page."""
        return Reply(body=await page.wait(), content_type=_HTML, more_headers=(_POLICY,))

    return [openapi, docs]


def page_of(openapi: Json, dialect: Dialect) -> str:
    """The OpenAPI document of a dialect as an HTML page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=ChainableUndefined,
    )
    environment.filters["prose"] = prose
    chapters: dict[str, list[Json]] = {}
    for path, operations in openapi["paths"].items():
        for verb, operation in operations.items():
            shown = _shown(path, verb, operation, openapi) | {
                "credential": _credential(operation, dialect)
            }
            for tag in operation["tags"]:
                chapters.setdefault(tag, []).append(shown)
    return environment.get_template("docs.html").render(
        info=openapi["info"],
        chapters=dict(sorted(chapters.items())),
        schemas=openapi["components"]["schemas"],
    )


def _credential(operation: Json, dialect: Dialect) -> str:
    """What an operation needs to know of who is calling, in words."""
    return next(
        words
        for access, words in dialect.credentials.items()
        if list(dialect.security[access]) == operation["security"]
    )


def _shown(path: str, verb: str, operation: Json, openapi: Json) -> Json:
    """An operation, with what the page needs at hand."""
    components = openapi["components"]
    parameters = [
        components["parameters"][it["$ref"].rpartition("/")[2]] if "$ref" in it else it
        for it in operation["parameters"]
    ]
    shown = operation | {
        "path": path,
        "verb": verb,
        # What every request has is told once, at the top.
        "own_parameters": [it for it in parameters if it["in"] != "header"],
    }
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]
        shown["body_types"] = list(content)
        shown["body_schema"] = schema = next(iter(content.values()))["schema"]
        shown["body"] = components["schemas"][schema["$ref"].rpartition("/")[2]]
    return shown


def prose(text: str | None) -> Markup:
    """Plain text with `code` and lists as HTML."""
    parts = []
    for paragraph in (text or "").strip().split("\n\n"):
        lines = [_CODE.sub(r"<code>\1</code>", str(escape(it))) for it in paragraph.split("\n")]
        if lines[0].startswith("- "):
            parts.append("<ul>" + "".join(f"<li>{it.removeprefix('- ')}" for it in lines) + "</ul>")
        elif lines[0]:
            parts.append(f"<p>{' '.join(lines)}</p>")
    return Markup("".join(parts))  # noqa: S704 (escaped above)


_CODE = re.compile("`([^`]+)`")
