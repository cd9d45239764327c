"""Where pictures are worked on: in threads, a few at once, while everything else goes on."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from whipround.errors import Unavailable
from whipround.gateways.images.groups import Portrait, draw
from whipround.gateways.images.renditions import Crop, Renditions, render

Made = TypeVar("Made")

AT_ONCE = 2
"""How many pictures are open at the same time: one may take 600 MB."""

MOST_WAITING = 20


class DarkroomBusy(Unavailable):
    """Too many pictures are being worked on right now; it is safe to repeat this request."""


class Darkroom:
    """Works on a few pictures at once, behind which a few more may wait."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pictures")
        self._inside = 0

    async def render(self, content: bytes, *, crop: Crop | None = None) -> Renditions:
        """As `renditions.render`. Raises BadPicture, BadCrop, DarkroomBusy."""
        return await self._run(partial(render, content, crop=crop))

    async def draw(self, portraits: Sequence[Portrait]) -> Renditions:
        """As `groups.draw`. Raises DarkroomBusy."""
        return await self._run(partial(draw, portraits))

    async def _run(self, work: Callable[[], Made]) -> Made:
        if self._inside >= AT_ONCE + MOST_WAITING:
            raise DarkroomBusy
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._inside -= 1
