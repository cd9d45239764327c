"""`whipround serve --sandbox` as processes that tests start, signal and kill."""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from tests.nursery import Command, Nursery

PATIENCE_SECONDS = 60


class Server:
    """A process that serves an installation, once it is started; it may be started again."""

    def __init__(
        self, nursery: Nursery, *, folder: Path, environment: Mapping[str, str], name: str
    ) -> None:
        self.log = folder / f"{name}.log"
        self._nursery = nursery
        self._folder = folder
        self._environment = environment
        self._process: Command | None = None

    @property
    def pid(self) -> int:
        """The process that was started last."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started, and has not ended."""
        return self._process is not None and self._process.poll() is None

    def launch(self) -> None:
        """Start it unless it runs, and wait for nothing. Its log begins anew."""
        if not self.is_running:
            with self.log.open("wb") as log:
                self._process = self._nursery.start(
                    "serve", "--sandbox", cwd=self._folder, env=self._environment, log=log
                )

    def start(self) -> str:
        """The address of the server, which is started unless it runs."""
        self.launch()
        assert self._process is not None
        until = time.monotonic() + PATIENCE_SECONDS
        while not _has_address(said := self.log.read_text()):
            assert self._process.poll() is None, said
            assert time.monotonic() < until, said
            time.sleep(0.02)
        return _address(said)

    def address(self) -> str:
        """Where it says that it is served; empty while it does not run, or has not said so."""
        said = self.log.read_text() if self.is_running else ""
        return _address(said) if _has_address(said) else ""

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        assert self._process is not None
        self._process.send_signal(number)

    def ended(self) -> int:
        """Its exit status; it is about to end."""
        assert self._process is not None
        return self._process.wait(PATIENCE_SECONDS)

    def stop(self) -> None:
        """Leave nothing running, whatever happened."""
        if self.is_running:
            self.signal(signal.SIGTERM)
            self.ended()


def _has_address(said: str) -> bool:
    return "http://" in said and said.endswith("\n")


def _address(said: str) -> str:
    return "http://" + said.split("http://")[1].split(maxsplit=1)[0]


class Installation:
    """A sandbox in a folder, and the servers that run on it.

    Without a `database_url` it has its own PostgreSQL, durable and with one server at a time.
    `settings` are those of all servers, as they are in the environment.
    """

    def __init__(
        self, nursery: Nursery, folder: Path, *, database_url: str | None = None, **settings: str
    ) -> None:
        folder.mkdir(mode=0o711, exist_ok=True)
        folder.chmod(0o711)  # whatever the umask
        self.folder = folder
        self._nursery = nursery
        self._servers: list[Server] = []
        kept = {name: it for name, it in os.environ.items() if not name.startswith("WHIPROUND_")}
        elsewhere = {} if database_url is None else {"WHIPROUND_DATABASE_URL": database_url}
        self._environment = {
            **kept,
            **elsewhere,
            "WHIPROUND_DATA_DIR": str(folder / "data"),
            "WHIPROUND_PORT": "0",
            "WHIPROUND_LOG_LEVEL": "warning",
            **settings,
        }

    def server(self, name: str = "serve", **settings: str) -> Server:
        """A server of this installation, yet to be started; `settings` are its own."""
        server = Server(
            self._nursery,
            folder=self.folder,
            environment=self._environment | settings,
            name=name,
        )
        self._servers.append(server)
        return server

    def run(self, *arguments: str) -> tuple[int, str]:
        """Exit status and words of a `whipround` command."""
        with self.begin(*arguments) as process:
            said, complained = process.communicate(timeout=PATIENCE_SECONDS)
            return process.wait(), said + complained

    def begin(self, *arguments: str) -> Command:
        """A `whipround` command, which runs."""
        return self._nursery.start(*arguments, cwd=self.folder, env=self._environment)

    def postgres_home(self) -> Path:
        """Where its own PostgreSQL is: as root, it may have been put elsewhere."""
        pointer = self.folder / "data" / "postgres.location"
        return Path(pointer.read_text().strip()) if pointer.exists() else self._inside()

    def postgres_pid(self) -> int:
        """The first process of its own PostgreSQL, which runs."""
        return int((self.postgres_home() / "data" / "postmaster.pid").read_text().split()[0])

    def close(self) -> None:
        """Stop all servers, and prove the books.

        PostgreSQL outlives a server that was killed; the last command to use it stops it.
        """
        for server in self._servers:
            server.stop()
        status, said = self.run("audit")
        assert (status, "The books hold." in said) == (0, True), said

    def _inside(self) -> Path:
        return self.folder / "data" / "postgres"
