"""A sandbox server of our own: a process on a folder that is removed at the end."""

import http.client
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

START_SECONDS = 60
STOP_SECONDS = 120

_READY = re.compile(r"ready on (http://\S+)")
_LAST_LINES = 20


class ServerFailed(Exception):
    """The server did not start, or did not end well; the message has its last words."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. `seconds_to_ready` is from its start until /readyz answered."""

    url: str
    pid: int
    seconds_to_ready: float

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 80

    def resident_bytes(self) -> int:
        """The memory that the process holds."""
        statm = Path(f"/proc/{self.pid}/statm")
        if statm.exists():
            return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        asked = ["ps", "-o", "rss=", "-p", str(self.pid)]
        told = subprocess.run(asked, check=True, capture_output=True, text=True)
        return int(told.stdout) * 1024


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for one installation, removed at the end with all that is in it."""
    folder = Path(tempfile.mkdtemp(prefix="whipround-bench-"))
    try:
        folder.chmod(0o711)  # as root, PostgreSQL's account has to get through
        yield folder
    finally:
        _remove(folder)


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """`whipround serve --sandbox` on the folder and a free port of loopback, stopped at the end.

    Raises ServerFailed when it does not start within a minute, or ends otherwise than cleanly.
    """
    log = folder / "serve.log"
    started = time.perf_counter()
    with log.open("wb") as written:
        process = subprocess.Popen(
            _command("serve", "--sandbox", "--host", "127.0.0.1", "--port", "0"),
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us, who then stop it in order
        )
    try:
        url = _wait_until_ready(process, log, started)
        yield Server(url, process.pid, time.perf_counter() - started)
        _stop(process, log)
    finally:
        _end(process, folder)


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a `whipround` command on the folder's installation to its end."""
    return subprocess.run(
        _command(*arguments),
        check=False,
        cwd=folder,
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def data_dir(folder: Path) -> Path:
    """Where in the folder the installation is."""
    return folder / "data"


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "whipround", *arguments]


def _environment(folder: Path) -> dict[str, str]:
    """Ours without settings: what is in them must neither be measured nor touched."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WHIPROUND_")}
    return kept | {"WHIPROUND_DATA_DIR": str(data_dir(folder))}


def _wait_until_ready(process: "subprocess.Popen[bytes]", log: Path, started: float) -> str:
    url = None
    while time.perf_counter() - started < START_SECONDS:
        if process.poll() is not None:
            raise ServerFailed(
                f"the server ended with status {process.returncode}:\n{_end_of(log)}"
            )
        if url is None:
            announced = _READY.search(log.read_text(errors="replace"))
            url = announced[1] if announced else None
        if url is not None and _is_ready(url):
            return url
        time.sleep(0.01)
    raise ServerFailed(f"the server was not ready after {START_SECONDS} s:\n{_end_of(log)}")


def _is_ready(url: str) -> bool:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _stop(process: "subprocess.Popen[bytes]", log: Path) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    if process.returncode != 0:
        ended = f"ended with status {process.returncode}" if process.poll() else "did not stop"
        raise ServerFailed(f"the server {ended}:\n{_end_of(log)}")


def _end(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Leave nothing running, whatever happened."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    if process.poll() is None:
        process.kill()
        process.wait()
    if process.returncode != 0:
        # Its PostgreSQL outlives a server that was killed; the last command to use it stops it.
        run(folder, "product", "list")


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LAST_LINES:])


def _remove(folder: Path) -> None:
    # PostgreSQL may have been put elsewhere, where its account can reach it.
    pointer = data_dir(folder) / "postgres.location"
    if pointer.exists():
        shutil.rmtree(Path(pointer.read_text().strip()), ignore_errors=True)
    shutil.rmtree(folder)
