"""A website on this machine, as good or bad as a test needs it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

Body: TypeAlias = bytes | AsyncIterator[bytes]


@dataclass
class Site:
    """What is at each path: a whole answer, head and body, perhaps in parts.

    `seen` are the heads of all requests, in order.
    """

    port: int = 0
    pages: dict[str, Callable[[], Body]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """The address of what is at the path."""
        return f"http://{host}:{self.port}{path}"

    def serve(
        self,
        path: str,
        body: Body | Callable[[], Body] = b"",
        *,
        status: int = 200,
        content_type: str = "text/html",
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Have `body` served at the path; its address."""
        lines = [f"HTTP/1.1 {status} Whatever", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if content_type:
            lines.append(f"Content-Type: {content_type}")
        head = "\r\n".join([*lines, "", ""]).encode()

        async def parts(rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            yield head
            async for part in rest:
                yield part

        def answer() -> Body:
            made = body() if callable(body) else body
            return head + made if isinstance(made, bytes) else parts(made)

        self.pages[path] = answer
        return self.url(path)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.seen.append(head)
            body = self.pages[head.split(" ")[1]]()
            if isinstance(body, bytes):
                writer.write(body)
            else:
                async for part in body:
                    if writer.is_closing():  # nobody hears it
                        break
                    writer.write(part)
                    await writer.drain()
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def website() -> AsyncIterator[Site]:
    """A website with nothing on it yet, over IPv4 and on loopback only."""
    site = Site()
    server = await asyncio.start_server(site.answer, "127.0.0.1", 0)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()
