"""Waiting without a time limit, and without leaving the operator in the dark."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)

_SHORTEST_SECONDS = 0.01
_LONGEST_SECONDS = 0.5
_REPORT_SECONDS = 5


async def wait_until(holds: Callable[[], bool | Awaitable[bool]], *, what: str) -> None:
    """Ask `holds` until it says so, less often as time goes by; every few seconds log `what`."""
    begun = time.monotonic()
    reported = 0
    while True:
        answer = holds()
        if answer if isinstance(answer, bool) else await answer:
            return
        waited = time.monotonic() - begun
        if waited >= (reported + 1) * _REPORT_SECONDS:
            reported += 1
            logger.warning("%s, for %d s now", what, waited)
        await asyncio.sleep(min(_SHORTEST_SECONDS + waited / 20, _LONGEST_SECONDS))
