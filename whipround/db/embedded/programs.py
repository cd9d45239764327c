"""Running PostgreSQL's programs."""

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from whipround.db.embedded.account import Account
from whipround.db.embedded.errors import EmbeddedError
from whipround.db.embedded.locks import FileLock
from whipround.db.embedded.waiting import wait_until


async def run(account: Account, command: Sequence[str | Path], *, cwd: Path, told: str) -> None:
    """Run a program to its end, telling it `told`. When cancelled, the program ends too.

    Raises EmbeddedError with its last line when it fails.
    """
    with tempfile.TemporaryFile() as heard, tempfile.TemporaryFile() as said:
        said.write(told.encode())
        said.seek(0)
        process = _start(account, command, cwd=cwd, stdin=said, stdout=heard)
        try:
            await wait_until(lambda: process.poll() is not None, what=f"{command[0]} is running")
        finally:
            with suppress(ProcessLookupError, PermissionError):  # its children too
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.returncode != 0:
            heard.seek(0)
            last = heard.read().decode(errors="replace").strip().rpartition("\n")[2]
            raise EmbeddedError(f"{Path(command[0]).name} failed in {cwd}: {last}")


def spawn(
    account: Account, command: Sequence[str | Path], *, cwd: Path, log: Path, alive: FileLock
) -> "subprocess.Popen[bytes]":
    """Start a program that holds the lock `alive` for as long as it or a child of it lives.

    It is a session of its own: what is typed on our terminal does not reach it, and it outlives us.
    """
    with log.open("wb") as heard:
        process = _start(account, command, cwd=cwd, stdout=heard, inherited=[alive.fileno()])
    # Takes note of its end, whoever stops it, and whether or not we still care.
    threading.Thread(target=process.wait, name="postgresql", daemon=True).start()
    return process


def _start(
    account: Account,
    command: Sequence[str | Path],
    *,
    cwd: Path,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes],
    inherited: Sequence[int] = (),
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603
        command,
        cwd=cwd,
        stdin=stdin or subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=inherited,
        **account.process(),
    )
