"""What all pages of documentation are made with."""

import asyncio
import time

import pytest

from whipround.api.docs import Once, prose


def test_prose_is_escaped() -> None:
    assert prose("a <b>\n`c<d`\n\n- x\n- `y`") == (
        "<p>a &lt;b&gt; <code>c&lt;d</code></p><ul><li>x<li><code>y</code></ul>"
    )
    assert prose(None) == ""


@pytest.mark.anyio
async def test_what_many_want_at_once_is_made_once() -> None:
    made = []

    def make() -> bytes:
        time.sleep(0.05)
        made.append(b"document")
        return made[-1]

    once = Once(make)
    told = await asyncio.gather(*(once.wait() for _ in range(5)))
    told.append(await once.wait())

    assert told == [b"document"] * 6
    assert len(made) == 1
