"""`python -m whipround …` as processes of their own that need not import everything anew.

Importing takes longer than what most commands do. One process does it, and is forked for each
command, which has arguments, environment, folder, streams and signals as if it had been started.
"""

import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, NoReturn, Self

_LONGEST_REQUEST = 100_000
_STREAMS = (0, 1, 2)
_TURN = 0.02
"""For how many seconds at a time a thread waits for a command to end."""


class Command:
    """A command that runs: what tests need of a `subprocess.Popen`, which cannot be of a fork.

    `stdout` and `stderr` are pipes, or None where all is written to a log.
    """

    def __init__(
        self, pid: int, status: IO[bytes], stdout: IO[str] | None, stderr: IO[str] | None
    ) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdout = stdout
        self.stderr = stderr
        self._status = status
        self._asking = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.wait()
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()

    def poll(self) -> int | None:
        """Its exit status, negative if it was killed; None while it runs."""
        return self.returncode if self.returncode is not None else self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has ended. Raises subprocess.TimeoutExpired."""
        ended = self.returncode if self.returncode is not None else self._ended(timeout)
        if ended is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return ended

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What else it has written, once it has ended: no more than a pipe holds."""
        self.wait(timeout)
        return (
            self.stdout.read() if self.stdout else "",
            self.stderr.read() if self.stderr else "",
        )

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Tell it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        until = None if timeout is None else time.monotonic() + timeout
        turn = _TURN if timeout is None else min(_TURN, timeout)
        while True:
            with self._asking:  # one thread may wait for it, while another looks
                if self.returncode is None and select.select([self._status], [], [], turn)[0]:
                    with self._status:
                        self.returncode = int(self._status.readline())
            if self.returncode is not None or (until is not None and time.monotonic() >= until):
                return self.returncode


class Nursery:
    """Starts commands, until it is closed."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                cwd=Path(__file__).parent.parent,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def close(self) -> None:
        """Start no more. Commands that still run go on."""
        self._line.close()
        self._process.wait()

    def start(
        self, *arguments: str, cwd: Path, env: Mapping[str, str], log: IO[bytes] | None = None
    ) -> Command:
        """Start `whipround` with these arguments. With a `log`, all that it writes goes there."""
        status, statuses = os.pipe()
        pipes = [] if log else [os.pipe(), os.pipe()]
        ends = [log.fileno()] * 2 if log else [end for _, end in pipes]
        request = json.dumps([arguments, str(cwd), dict(env)]).encode()
        with Path(os.devnull).open() as nothing:
            socket.send_fds(self._line, [request], [statuses, nothing.fileno(), *ends])
        for end in [statuses, *(end for _, end in pipes)]:
            os.close(end)
        told = os.fdopen(status, "rb", buffering=0)
        pid = int(told.readline())
        stdout, stderr = (os.fdopen(end) for end, _ in pipes) if pipes else (None, None)
        return Command(pid, told, stdout, stderr)


def _become(request: bytes, streams: Sequence[int]) -> None:
    """Be a process as it would be, had it been started."""
    arguments, folder, environment = json.loads(request)
    for number, stream in zip(_STREAMS, streams, strict=True):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments
    random.seed()


def _keep(pid: int, statuses: int, streams: Sequence[int]) -> NoReturn:
    """Tell which process it is, and in the end how it ended."""
    for stream in streams:
        os.close(stream)
    os.write(statuses, b"%d\n" % pid)
    _, status = os.waitpid(pid, 0)
    os.write(statuses, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _serve(line: socket.socket, command: Callable[[], None]) -> None:
    """Be forked for whatever is asked, until nobody can ask any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # of those who keep the commands
    while True:
        request, fds, _, _ = socket.recv_fds(line, _LONGEST_REQUEST, 1 + len(_STREAMS))
        if not request:
            return
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            line.close()
            statuses, *streams = fds
            if pid := os.fork():
                _keep(pid, statuses, streams)
            os.close(statuses)
            _become(request, streams)
            command()
            sys.exit()
        for fd in fds:
            os.close(fd)


if __name__ == "__main__":
    from whipround.cli import main

    with socket.socket(fileno=int(sys.argv.pop())) as asked:
        _serve(asked, main)
