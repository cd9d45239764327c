"""The running server: started by whoever comes first, watched by all, stopped by the last."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from whipround.db.embedded.cluster import ELSEWHERE, Cluster, open_cluster
from whipround.db.embedded.errors import AlreadyServed, EmbeddedError
from whipround.db.embedded.locks import FileLock
from whipround.db.embedded.programs import spawn
from whipround.db.embedded.waiting import wait_until

logger = logging.getLogger(__name__)

_WATCH_SECONDS = 0.2
_PING_SECONDS = 2
_FIRST_PAUSE_SECONDS = 1
_LONGEST_PAUSE_SECONDS = 30
_ATTACHED_SECONDS = 60

_STILL_ATTACHED = "pre-existing shared memory block"
"""What PostgreSQL says while the last process of a killed one is ending."""


class EmbeddedPostgres:
    """PostgreSQL 18 on a data folder, for as long as anybody uses it."""

    def __init__(self, data_dir: Path, *, elsewhere: Path = ELSEWHERE) -> None:
        self._data_dir = data_dir
        self._elsewhere = elsewhere
        self._cluster: Cluster | None = None
        self._locks: dict[str, FileLock] = {}
        self._watch: asyncio.Task[None] | None = None

    async def start(self, *, exclusive: bool = False) -> str:
        """Have PostgreSQL running, as long as that takes; the conninfo to connect with.

        From then on it is started again whenever it dies. `exclusive` makes us the one server of
        the data folder. When this fails or is cancelled, nothing is left running.

        Raises AlreadyServed for a second server, EmbeddedError for whatever else is in the way.
        """
        cluster = open_cluster(self._data_dir, elsewhere=self._elsewhere)
        try:
            self._open_locks(cluster)
            if exclusive:
                self._own()
            self._cluster = cluster
            await self._bring_up(cluster)
        except BaseException:
            await self.stop()
            raise
        self._watch = asyncio.create_task(self._keep_up(cluster))
        return cluster.conninfo

    async def stop(self) -> None:
        """Let go of PostgreSQL; when nobody else uses it, it is stopped, cleanly.

        This is carried through even when it is cancelled.
        """
        stopping = asyncio.create_task(self._stop())
        cancelled = None
        while not stopping.done():
            try:
                await asyncio.shield(stopping)
            except asyncio.CancelledError as error:
                cancelled = error
        stopping.result()
        if cancelled is not None:
            raise cancelled

    async def _stop(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
            self._watch = None
        try:
            if self._cluster is not None:
                await self._leave(self._cluster)
                self._cluster = None
        finally:
            for lock in self._locks.values():
                lock.close()
            self._locks.clear()

    def _open_locks(self, cluster: Cluster) -> None:
        try:
            for name in ("start", "using", "alive", "serve"):
                self._locks[name] = FileLock(cluster.home / f"{name}.lock")
        except OSError as error:
            raise EmbeddedError(f"{cluster.home} cannot be used: {error.strerror}") from error

    def _own(self) -> None:
        lock = self._locks["serve"]
        if not lock.try_exclusive():
            raise AlreadyServed(
                f"the data folder {self._data_dir} is in use by another server,"
                f" process {lock.noted()}"
            )
        lock.note(str(os.getpid()))

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Keep others from starting or stopping PostgreSQL at the same time."""
        lock = self._locks["start"]
        await wait_until(lock.try_exclusive, what="another process starts or stops PostgreSQL")
        try:
            yield
        finally:
            lock.release()

    def _is_alive(self) -> bool:
        """Whether any process of PostgreSQL is left."""
        if not self._locks["alive"].try_shared():
            return True
        self._locks["alive"].release()
        return False

    async def _bring_up(self, cluster: Cluster) -> None:
        """Start PostgreSQL unless it runs, and wait until it takes connections."""
        deadline = time.monotonic() + _ATTACHED_SECONDS
        while True:
            try:
                async with self._alone():
                    await self._join(cluster)
                    found = self._is_alive()
                    if not found:
                        await cluster.make()
                        await self._spawn(cluster)
            except OSError as error:
                raise EmbeddedError(f"PostgreSQL cannot be started: {error}") from error
            if await self._wait_until_ready(cluster):
                return
            if found:  # it was the end of a killed one
                continue
            said = cluster.last_words()
            if _STILL_ATTACHED not in said or time.monotonic() > deadline:
                raise EmbeddedError(f"PostgreSQL did not start: {said}")
            await asyncio.sleep(_FIRST_PAUSE_SECONDS)

    async def _join(self, cluster: Cluster) -> None:
        """Count as a user; what killed processes left running is ours now.

        If it was configured by another version of Whipround it is stopped, to be started anew.
        """
        using = self._locks["using"]
        if using.try_exclusive() and self._is_alive() and not cluster.is_configured():
            logger.info("PostgreSQL is started anew, as its configuration has changed")
            await self._shut_down(cluster)
        if not using.try_shared():  # it is held alone only together with start.lock, which is ours
            raise EmbeddedError(f"file locks do not work in {cluster.home}: use a local disk")

    async def _spawn(self, cluster: Cluster) -> None:
        cluster.configure()
        cluster.forget_processes()
        with FileLock(cluster.home / "alive.lock") as alive:
            # Others may be having a look at it, for an instant.
            await wait_until(alive.try_exclusive, what="alive.lock is taken")
            process = spawn(
                cluster.account,
                cluster.command,
                cwd=cluster.home,
                log=cluster.start_log,
                alive=alive,
            )
        if process.poll() is None and not self._is_alive():
            process.kill()
            raise EmbeddedError(f"file locks do not work in {cluster.home}: use a local disk")

    async def _wait_until_ready(self, cluster: Cluster) -> bool:
        """Wait for as long as PostgreSQL lives; whether it takes connections now."""
        conninfo = make_conninfo(cluster.conninfo, connect_timeout=_PING_SECONDS).encode()

        async def is_settled() -> bool:
            answer = await asyncio.to_thread(PGconn.ping, conninfo)
            return answer == Ping.OK or not self._is_alive()

        await wait_until(is_settled, what="PostgreSQL is starting or recovering")
        if not self._is_alive():
            return False
        try:
            async with await psycopg.AsyncConnection.connect(cluster.conninfo):
                return True
        except psycopg.OperationalError as error:
            if not self._is_alive():
                return False
            said = " ".join(str(error).split())
            raise EmbeddedError(f"PostgreSQL does not let us in: {said}") from error

    async def _keep_up(self, cluster: Cluster) -> None:
        """Start PostgreSQL again whenever it dies, for as long as we use it."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            if self._is_alive():
                continue
            logger.error("PostgreSQL has ended, and is started again")
            try:
                await self._bring_up(cluster)
                logger.warning("PostgreSQL runs again")
                pause = _FIRST_PAUSE_SECONDS
                continue
            except EmbeddedError as error:
                logger.error("%s; next attempt in %d s", error, pause)  # noqa: TRY400
            except Exception:
                logger.exception("PostgreSQL could not be started; next attempt in %d s", pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _leave(self, cluster: Cluster) -> None:
        async with self._alone():
            using = self._locks["using"]
            using.release()
            if using.try_exclusive():
                await self._shut_down(cluster)

    async def _shut_down(self, cluster: Cluster) -> None:
        """Stop PostgreSQL cleanly: clients are cut off, what is committed is written down."""
        told: int | None = None

        def is_down() -> bool:
            nonlocal told
            process = cluster.process_id()
            if process is not None and process != told:
                told = process
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGINT)
            return not self._is_alive()

        await wait_until(is_down, what="PostgreSQL is stopping")
