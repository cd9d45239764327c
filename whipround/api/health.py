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
    """200 when the database answers from a migrated schema, else 503."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await products.list_products(db)
        except (TimeoutError, Unavailable, psycopg.Error) as error:
            logger.warning("not ready: %r", error)
            await _NOT_READY.send(send)
        else:
            await _OK.send(send)

    return answer
