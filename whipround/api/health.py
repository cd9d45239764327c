"""For whoever watches the process: is it alive, and can it serve?"""

import asyncio
import logging

import psycopg

from whipround.api.context import Rendered
from whipround.api.types import App, Receive, Scope, Send
from whipround.db.database import Database
from whipround.domain import products
from whipround.errors import Unavailable

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 2.0

_OK = Rendered(200, b'{"status":"ok"}')
_NOT_READY = Rendered(503, b'{"status":"unavailable"}', ((b"retry-after", b"1"),))


async def healthz(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
    """200 as long as the process answers at all."""
    await _OK.send(send)


def readyz(db: Database) -> App:
    """200 when the database answers from a migrated schema within 2 seconds, else 503."""
    asking: asyncio.Task[bool] | None = None

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        nonlocal asking
        if asking is None or asking.done():
            asking = asyncio.create_task(_is_ready(db))
        # To give up takes psycopg seconds more where the database is silent. Nobody waits for that,
        # and until then nothing further is asked.
        done, _ = await asyncio.wait({asking}, timeout=PATIENCE_SECONDS)
        ready = bool(done) and asking.result()
        await (_OK if ready else _NOT_READY).send(send)

    return answer


async def _is_ready(db: Database) -> bool:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await products.list_products(db)
    except (TimeoutError, Unavailable, psycopg.Error) as error:
        logger.warning("not ready: %r", error)
        return False
    return True
