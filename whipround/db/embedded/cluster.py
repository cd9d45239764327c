"""The database cluster on disk: where it is, how it is made, how it is configured."""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from psycopg.conninfo import make_conninfo

from whipround.db.disk import put_on_disk
from whipround.db.embedded.account import Account, make_folder, name_of, server_account
from whipround.db.embedded.binaries import MAJOR, has_lz4, programs_for
from whipround.db.embedded.configuration import (
    access,
    configuration,
    disk_bytes,
    memory_bytes,
    names,
)
from whipround.db.embedded.errors import EmbeddedError
from whipround.db.embedded.programs import run

ELSEWHERE = Path("/var/lib/whipround")
"""Where root puts a cluster, or the programs, that PostgreSQL's account could not reach."""

SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 100
"""The kernel's limit is 103 bytes on macOS, 107 on Linux."""

_POINTER = "postgres.location"
_OWNER = "data-folder"
_FATAL = re.compile(r"(?:FATAL|PANIC):\s+(.*)")
_PASSING = "the database system is "  # starting up, shutting down: told to whoever asked
_NAME = "whipround"


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster: its home folder, and what runs it.

    The home is ours, with the locks and the configuration. Its folders `data` (PostgreSQL's own
    data folder), `run` (the socket) and `log` are the account's: as root we write nothing there.
    """

    home: Path
    account: Account
    programs: Path
    pointer: Path | None
    """What leads from the data folder to a home elsewhere."""

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """The folder of PostgreSQL's log, a file for each day of the week."""
        return self.home / "log"

    @property
    def start_log(self) -> Path:
        """What PostgreSQL said before its own log was open."""
        return self.home / "start.log"

    @property
    def sockets(self) -> Path:
        """The folder of the socket; another where its path would be too long, or has a comma.

        (To libpq, a comma is between two hosts.)
        """
        inside = self.home / "run"
        if len(os.fsencode(inside / SOCKET)) <= LONGEST_SOCKET_PATH and "," not in str(inside):
            return inside
        digest = sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path("/tmp") / f"whipround-{digest}"  # noqa: S108

    @property
    def conninfo(self) -> str:
        """How to connect: over the socket only, and to nobody but PostgreSQL's account."""
        return make_conninfo(
            host=str(self.sockets),
            port=5432,
            user=_NAME,
            dbname=_NAME,
            requirepeer=self.account.name,
        )

    @property
    def command(self) -> Sequence[str | Path]:
        """The command line of the server."""
        config = self.home / "whipround.conf"
        return (self.programs / "postgres", "-D", self.data, "-c", f"config_file={config}")

    def configuration(self) -> str:
        """The configuration as this version of Whipround wants it."""
        return configuration(
            home=self.home,
            programs=self.programs,
            sockets=self.sockets,
            lz4=has_lz4(self.programs),
            memory=memory_bytes(),
            disk=disk_bytes(self.home),
        )

    def is_configured(self) -> bool:
        """Whether the cluster on disk is configured as this version of Whipround wants it."""
        try:
            return (self.home / "whipround.conf").read_text() == self.configuration()
        except FileNotFoundError:
            return False

    def configure(self) -> None:
        """Write the configuration and who may connect; make the folders that are not there."""
        for folder in (self.log, self.sockets):
            self._give(folder)
        self._write("whipround.conf", self.configuration())
        self._write("pg_hba.conf", access(_NAME))
        self._write("pg_ident.conf", names(_NAME, self.account.name))

    def forget_processes(self) -> None:
        """Remove what a killed PostgreSQL left; only to be called when none of it runs.

        It names a process by number, and the number may be somebody else's by now.
        """
        for leftover in (
            self.data / "postmaster.pid",
            self.sockets / SOCKET,
            self.sockets / f"{SOCKET}.lock",
        ):
            leftover.unlink(missing_ok=True)

    def process_id(self) -> int | None:
        """The process that the running PostgreSQL says it is, if it is there."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            os.kill(pid, 0)
        except (OSError, ValueError):
            return None
        with suppress(OSError):  # where /proc is: PostgreSQL works in its data folder
            return pid if Path(f"/proc/{pid}/cwd").readlink() == self.data else None
        return pid

    async def make(self) -> None:
        """Create the cluster unless it exists. One that was left half made is made anew.

        When this fails, nothing leads to a home elsewhere: the next attempt looks for its own.
        """
        if self.data.exists():
            self._check_version()
            return
        try:
            await self._make()
        except BaseException:
            if self.pointer is not None:
                self.pointer.unlink(missing_ok=True)
                # Whoever waits for start.lock here must not make a cluster that nothing leads to.
                shutil.rmtree(self.home, ignore_errors=True)
            raise

    async def _make(self) -> None:
        half = self._empty_folder()
        await self._run(
            "initdb",
            f"--pgdata={half}",
            f"--username={_NAME}",
            "--auth=peer",
            "--encoding=UTF8",
            # Built-in rules for text do not change with the machine's libraries.
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--data-checksums",
            "--no-instructions",
        )
        # The one database there is becomes ours: quicker than to create another.
        rename = f"alter database postgres rename to {_NAME};\n"
        await self._run("postgres", "--single", "-D", str(half), "template1", told=rename)
        half.rename(self.data)
        put_on_disk(self.home)  # what is committed from now on is below that name

    def last_words(self) -> str:
        """Why PostgreSQL ended, in its own words, and where to read more."""
        said = self.start_log.read_text(errors="replace") if self.start_log.exists() else ""
        logs = sorted(self.log.glob("*.log"), key=lambda path: path.stat().st_mtime)
        if logs:
            # Of the log only what the last start added.
            said += logs[-1].read_text(errors="replace").rpartition(" starting PostgreSQL ")[2]
        fatal = [words for words in _FATAL.findall(said) if not words.startswith(_PASSING)]
        return f"{fatal[-1]} (see {self.log})" if fatal else f"see {self.start_log} and {self.log}"

    def _check_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != str(MAJOR):
            raise EmbeddedError(
                f"{self.data} was made by PostgreSQL {found}, and this is {MAJOR}:"
                " move the data with pg_dump"
            )

    def _give(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid not in (os.geteuid(), self.account.uid):
            raise EmbeddedError(f"{folder} belongs to somebody else")
        self.account.own(folder)

    def _write(self, name: str, text: str) -> None:
        new = self.home / f"{name}.new"
        new.write_text(text)
        new.chmod(0o644)
        new.replace(self.home / name)

    def _empty_folder(self) -> Path:
        for leftover in self.home.glob("making-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(dir=self.home, prefix="making-"))
        self.account.own(folder)
        return folder

    async def _run(self, program: str, *arguments: str, told: str = "") -> None:
        command: list[str | Path] = [self.programs / program, *arguments]
        await run(self.account, command, cwd=self.home, told=told)


def has_cluster(data_dir: Path) -> bool:
    """Whether a cluster was ever made for a data folder.

    Raises EmbeddedError when we may not know.
    """
    try:
        return (data_dir / "postgres").exists() or (data_dir / _POINTER).exists()
    except OSError as error:
        raise _unusable(data_dir, error) from error


def open_cluster(data_dir: Path, *, elsewhere: Path = ELSEWHERE) -> Cluster:
    """The cluster of a data folder. Its home is made if absent; the cluster itself is not.

    Raises EmbeddedError when the folder cannot be used.
    """
    try:
        make_folder(data_dir, mode=_ours())
        data_dir = data_dir.resolve()
        with _alone_in(data_dir):
            home = _home(data_dir, elsewhere).resolve()
        pointer = data_dir / _POINTER
        if home.stat().st_uid != os.geteuid():
            owner = name_of(home.stat().st_uid)
            raise EmbeddedError(f"{home} belongs to {owner}: run as {owner}")
        account = server_account(home / "data")
        programs = programs_for(account, elsewhere=elsewhere)
        return Cluster(home, account, programs, pointer if pointer.exists() else None)
    except OSError as error:
        raise _unusable(data_dir, error) from error


def _unusable(data_dir: Path, error: OSError) -> EmbeddedError:
    said = f"the data folder {data_dir} cannot be used: {error.strerror}"
    if error.filename and Path(error.filename) != data_dir:
        said += f" ({error.filename})"
    with suppress(OSError):
        owner = data_dir.stat().st_uid
        if owner != os.geteuid():
            said += f"; it belongs to {name_of(owner)}"
    return EmbeddedError(said)


def _home(data_dir: Path, elsewhere: Path) -> Path:
    pointer = data_dir / _POINTER
    if pointer.exists():
        if told := pointer.read_text().strip():
            return Path(told)
        # Whoever wrote it was killed in the midst of that, or the power went soon after.
        if found := _home_of(data_dir, elsewhere):
            _point(pointer, found)
            return found
        pointer.unlink()
    home = data_dir / "postgres"
    if home.exists() or server_account(home / "data").reaches(data_dir):
        make_folder(home, mode=_ours())
        return home
    make_folder(elsewhere, mode=0o755)
    home = Path(tempfile.mkdtemp(prefix="postgres-", dir=elsewhere))
    home.chmod(_ours())
    account = server_account(home / "data")
    if not account.reaches(home):
        home.rmdir()
        raise EmbeddedError(
            f"PostgreSQL runs as {account.name}, who can reach neither {data_dir} nor {elsewhere}:"
            " let others pass through one of them (chmod o+x)"
        )
    (home / _OWNER).write_text(f"{data_dir}\n")
    _point(pointer, home)
    return home


def _home_of(data_dir: Path, elsewhere: Path) -> Path | None:
    """The one home elsewhere that says it is of this folder, and has a cluster."""
    homes = [
        told.parent
        for told in elsewhere.glob(f"postgres-*/{_OWNER}")
        if told.read_text().strip() == str(data_dir) and (told.parent / "data").exists()
    ]
    if len(homes) > 1:
        found = ", ".join(map(str, homes))
        raise EmbeddedError(f"write into {data_dir / _POINTER} which of these is its: {found}")
    return homes[0] if homes else None


def _point(pointer: Path, home: Path) -> None:
    """Have a file lead to a home, from now on and whatever crashes: as a whole, or not at all."""
    draft = pointer.with_name(f"{pointer.name}.new")
    draft.write_text(f"{home}\n")
    put_on_disk(draft)
    draft.replace(pointer)
    put_on_disk(pointer.parent)


def _ours() -> int:
    # As root, PostgreSQL's account must get through to the folders that are its own.
    return 0o711 if os.geteuid() == 0 else 0o700


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes of ours out of a folder for a moment."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
