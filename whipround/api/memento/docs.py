"""What shows the documentation: `GET /v1/openapi.json`, and `GET /v1/docs` for people.

The page is ours, made on the server from the document: it needs no script and nothing from
elsewhere, so it works offline and under the strictest content security policy.
"""

import asyncio
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import ChainableUndefined, Environment, FileSystemLoader
from litestar import get
from litestar.types import ControllerRouterHandler
from markupsafe import Markup, escape

from whipround.api.memento.call import Access, Reply, Request, route
from whipround.api.memento.openapi import Json, document

_CREDENTIALS = {
    ("session",): "Needs a session token.",
    (None, "session"): "Needs no credential; a session token that is sent must be good.",
    (): "Needs no credential.",
    ("token",): "Needs an authentication token.",
}

_HTML = b"text/html; charset=utf-8"
_POLICY = (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'")


def documentation(described: Sequence[ControllerRouterHandler]) -> list[ControllerRouterHandler]:
    """The two routes that show what the handlers `described` do."""

    @cache
    def made() -> Json:
        return document(described)

    @cache
    def page() -> bytes:
        return page_of(made()).encode()

    # In threads: the first time each takes a while.

    @get("/v1/openapi.json", include_in_schema=False, opt=route(access=Access.ANYONE))
    async def openapi(request: Request) -> Reply[Json]:  # noqa: ARG001
        """The OpenAPI document."""
        return Reply(await asyncio.to_thread(made))

    @get("/v1/docs", include_in_schema=False, opt=route(access=Access.ANYONE))
    async def docs(request: Request) -> Reply[bytes]:  # noqa: ARG001
        """The same as a page."""
        body = await asyncio.to_thread(page)
        return Reply(body=body, content_type=_HTML, more_headers=(_POLICY,))

    return [openapi, docs]


def page_of(openapi: Json) -> str:
    """An OpenAPI document as an HTML page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=ChainableUndefined,
    )
    environment.filters["prose"] = prose
    chapters: dict[str, list[Json]] = {}
    for path, operations in openapi["paths"].items():
        for verb, operation in operations.items():
            for tag in operation["tags"]:
                chapters.setdefault(tag, []).append(_shown(path, verb, operation, openapi))
    return environment.get_template("docs.html").render(
        info=openapi["info"],
        chapters=dict(sorted(chapters.items())),
        schemas=openapi["components"]["schemas"],
    )


def _shown(path: str, verb: str, operation: Json, openapi: Json) -> Json:
    """An operation, with what the page needs at hand."""
    components = openapi["components"]
    parameters = [
        components["parameters"][it["$ref"].rpartition("/")[2]] if "$ref" in it else it
        for it in operation["parameters"]
    ]
    credential = tuple(next(iter(it), None) for it in operation["security"])
    shown = operation | {
        "path": path,
        "verb": verb,
        "credential": _CREDENTIALS[credential],
        # What every request has is told once, at the top.
        "own_parameters": [it for it in parameters if it["in"] != "header"],
    }
    if "requestBody" in operation:
        [body] = operation["requestBody"]["content"].values()
        shown["body"] = components["schemas"][body["schema"]["$ref"].rpartition("/")[2]]
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
