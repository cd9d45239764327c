"""File locks that end with the process, whatever way it ends."""

import fcntl
import os
from pathlib import Path
from types import TracebackType


class FileLock:
    """A lock (flock) on a file, which is made if absent. It never blocks the event loop.

    It belongs to the open file: a child that inherits the descriptor holds it too.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def try_exclusive(self) -> bool:
        """Take the lock alone, or turn a shared one into that; False if another holds it."""
        return self._try(fcntl.LOCK_EX)

    def try_shared(self) -> bool:
        """Take the lock together with others; False if somebody holds it alone."""
        return self._try(fcntl.LOCK_SH)

    def release(self) -> None:
        """Let go; harmless when nothing is held."""
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go for good, except that a child which inherited the lock keeps it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def fileno(self) -> int:
        """The descriptor, to hand on to a child."""
        return self._fd

    def note(self, text: str) -> None:
        """Replace the file's content by a word on who holds the lock."""
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, text.encode(), 0)

    def noted(self) -> str:
        """What the holder noted."""
        return os.pread(self._fd, 100, 0).decode(errors="replace").strip()

    def __enter__(self) -> "FileLock":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _try(self, how: int) -> bool:
        try:
            fcntl.flock(self._fd, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
