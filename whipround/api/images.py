"""Pictures, to whoever knows their names: `GET /images/{name}/{rendition}.jpg`.

No session is needed, as what shows a picture seldom has one. What is under a name stays what it is,
so that everybody may keep it for a year.
"""

import hashlib
import logging
import re

from whipround.api.context import Rendered
from whipround.api.types import App, Receive, Scope, Send
from whipround.errors import Unavailable
from whipround.flows.images import file_of
from whipround.flows.studio import Studio
from whipround.gateways.images.store import CACHE_CONTROL

logger = logging.getLogger(__name__)

_PATH = re.compile(
    r"/images/([0-9a-f]{32}|groups/[0-9A-Za-z_-]{22,200})/(ui|full|thumbnail)\.jpg", re.ASCII
)

_NOT_FOUND = Rendered(404)
_WRONG_METHOD = Rendered(405, b"", ((b"allow", b"GET, HEAD"),))
_LATER = Rendered(503, b"", ((b"retry-after", b"5"),))


def pictures(studio: Studio) -> App:
    """The route of all pictures, of whichever product."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        if scope["method"] not in {"GET", "HEAD"}:
            await _WRONG_METHOD.send(send)
            return
        try:
            file = await _find(studio, scope["path"])
        except Unavailable as error:
            logger.warning("a picture cannot be served now: %r", error)
            await _LATER.send(send)
            return
        if file is None:
            await _NOT_FOUND.send(send)
        else:
            await _send(file, scope, send)

    return answer


async def _find(studio: Studio, path: str) -> bytes | None:
    asked = _PATH.fullmatch(path)
    if asked is None:
        return None
    name, rendition = asked.groups()
    return await file_of(studio, name, rendition)


async def _send(file: bytes, scope: Scope, send: Send) -> None:
    tag = b'"%s"' % hashlib.sha256(file).hexdigest()[:32].encode()
    headers = [
        (b"etag", tag),
        (b"cache-control", CACHE_CONTROL.encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    known = b", ".join(value for name, value in scope["headers"] if name == b"if-none-match")
    if known and _has(known, tag):
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    headers += [(b"content-type", b"image/jpeg"), (b"content-length", b"%d" % len(file))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    body = b"" if scope["method"] == "HEAD" else file
    await send({"type": "http.response.body", "body": body})


def _has(known: bytes, tag: bytes) -> bool:
    """Whether a list of tags (RFC 9110, If-None-Match) has this one, which is a strong one."""
    tags = [each.strip().removeprefix(b"W/") for each in known.split(b",")]
    return b"*" in tags or tag in tags
