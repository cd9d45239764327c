"""The operating-system account that PostgreSQL runs as: never root."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whipround.db.embedded.errors import EmbeddedError

UNPRIVILEGED = ("postgres", "nobody")
"""Accounts that PostgreSQL may run as when we are root, best first."""

ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What PostgreSQL's processes see of our environment: the rest may hold secrets."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account of this machine."""

    name: str
    uid: int
    gid: int

    def process(self) -> dict[str, Any]:
        """How to start a process of this account: arguments of `subprocess.Popen`."""
        environment = {key: os.environ[key] for key in ENVIRONMENT if key in os.environ}
        become = {"user": self.uid, "group": self.gid, "extra_groups": []}
        return {
            "env": environment | {"LC_ALL": "C"},
            **({} if self.is_us() else become),
        }

    def is_us(self) -> bool:
        """Whether it is the account that we run as."""
        return self.uid == os.geteuid()

    def own(self, folder: Path) -> None:
        """Give a folder that we made to the account, for its eyes only."""
        folder.chmod(0o700)
        if not self.is_us():
            os.chown(folder, self.uid, self.gid)

    def reaches(self, folder: Path) -> bool:
        """Whether the account may enter a folder, tried for real: modes are not the whole story."""
        if self.is_us():
            return True
        enter = ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)]
        tried = subprocess.run(  # noqa: S603
            enter,
            check=False,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self.process(),
        )
        return tried.returncode == 0


def server_account(data: Path) -> Account:
    """Whom PostgreSQL runs as: us, or as root an unprivileged account; whoever owns the data.

    Raises EmbeddedError when there is no account to use.
    """
    if os.geteuid() != 0:
        return _account(os.geteuid())
    if data.exists():
        return _account(data.stat().st_uid)
    for name in UNPRIVILEGED:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(found.pw_name, found.pw_uid, found.pw_gid)
    raise EmbeddedError(
        "PostgreSQL does not run as root, and there is neither an account `postgres` nor `nobody`"
    )


def make_folder(folder: Path, *, mode: int) -> None:
    """Make a folder with exactly this mode, whatever the umask; one that is there is left alone.

    Folders above it that are missing are made too, as the umask has it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=mode)
    except FileExistsError:
        if not folder.is_dir():
            raise
    else:
        folder.chmod(mode)


def name_of(uid: int) -> str:
    """The name of an account, or its number when it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _account(uid: int) -> Account:
    try:
        found = pwd.getpwuid(uid)
    except KeyError as error:
        raise EmbeddedError(
            f"user {uid} has no name on this machine, and PostgreSQL needs one"
        ) from error
    return Account(found.pw_name, found.pw_uid, found.pw_gid)
