"""The embedded PostgreSQL under real processes: killed, orphaned, raced, and as other accounts."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from whipround.db.embedded import AlreadyServed, EmbeddedError, EmbeddedPostgres, tool
from whipround.db.embedded.cluster import open_cluster
from whipround.db.embedded.configuration import configuration, memory_bytes

pytestmark = [pytest.mark.anyio, pytest.mark.processes]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be other accounts")

PATIENCE_SECONDS = 30

# A process that uses PostgreSQL until its input ends, as the account given.
USER_OF_POSTGRES = """
import asyncio, os, sys
import concurrent.futures.thread, encodings.idna  # a private Python is out of reach further down
from pathlib import Path
from typing import Any
from whipround.db.embedded import EmbeddedError, EmbeddedPostgres

data_dir, uid = Path(sys.argv[1]), int(sys.argv[2])
if uid:
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)

async def main():
    server = EmbeddedPostgres(data_dir)
    print(await server.start(exclusive=True), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop()

try:
    asyncio.run(main())
except EmbeddedError as error:
    sys.exit(str(error))
"""

_numbers = count(1)


@pytest.fixture(scope="module")
def initialised(short_dir: Path) -> Path:
    """A data folder with a cluster, for the tests that leave it whole."""
    folder = short_dir / "initialised"

    async def make() -> None:
        server = EmbeddedPostgres(folder)
        await server.start()
        await server.stop()

    asyncio.run(make())
    return folder


@pytest.fixture
def data_dir(initialised: Path) -> Iterator[Path]:
    """A data folder with a cluster that does not run; nor may it afterwards."""
    yield initialised
    assert not is_running(initialised)


@pytest.fixture
def own_dir(initialised: Path, short_dir: Path) -> Path:
    """The same for a test that breaks it."""
    folder = short_dir / f"own{next(_numbers)}"
    _copy(initialised, folder)
    return folder


@pytest.fixture
def empty_dir(short_dir: Path) -> Path:
    """A data folder that is not there yet."""
    return short_dir / f"empty{next(_numbers)}"


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", source, target], check=True)


@asynccontextmanager
async def running(data_dir: Path) -> AsyncIterator[str]:
    server = EmbeddedPostgres(data_dir)
    conninfo = await server.start()
    try:
        yield conninfo
    finally:
        await server.stop()


@contextmanager
def process_using(data_dir: Path, *, uid: int = 0) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-c", USER_OF_POSTGRES, data_dir, str(uid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        if process.poll() is None:
            process.communicate("", timeout=PATIENCE_SECONDS)


def kill(process: "subprocess.Popen[Any]") -> None:
    process.kill()
    process.wait()


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


async def query(conninfo: str, text: str) -> object:
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        cursor = await connection.execute(text.encode())
        return (await cursor.fetchone() or (None,))[0] if cursor.description else None


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def query_when_back(conninfo: str, text: str) -> object:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with suppress(psycopg.OperationalError):
                return await query(conninfo, text)
            await asyncio.sleep(0.02)


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres/data/postmaster.pid").read_text().splitlines()[0])


def is_running(data_dir: Path) -> bool:
    return bool(_processes(data_dir))


def _processes(data_dir: Path) -> list[int]:
    """The processes that work in the cluster's folder."""
    home = data_dir.resolve() / "postgres"
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with suppress(OSError):
                if (process / "cwd").readlink().is_relative_to(home):
                    found.append(int(process.name))
    return found


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def made_half(data_dir: Path) -> bool:
    return any(data_dir.glob("postgres/making-*/PG_VERSION"))


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def given_away(folder: Path) -> set[str]:
    """What below a folder of ours belongs to others, but not what is below that."""
    theirs = {path for path in folder.rglob("*") if path.stat().st_uid != os.geteuid()}
    return {str(path.relative_to(folder)) for path in theirs if path.parent not in theirs}


def account_of(pid: int) -> str:
    return pwd.getpwuid(Path(f"/proc/{pid}").stat().st_uid).pw_name


def program_of(pid: int) -> Path:
    return Path(f"/proc/{pid}/exe").readlink()


@contextmanager
def sleeping(uid: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Some other process of an account."""
    process = subprocess.Popen(["sleep", "60"], user=uid if os.geteuid() == 0 else None)
    try:
        yield process
    finally:
        kill(process)


async def test_is_durable_private_and_reached_by_socket_only(data_dir: Path) -> None:
    async with running(data_dir) as conninfo:
        for name, value in {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "data_checksums": "on",
            "listen_addresses": "",
            "server_encoding": "UTF8",
            "jit": "off",
        }.items():
            assert await query(conninfo, f"select current_setting('{name}')") == value
        methods = "select array_agg(distinct type || ' ' || auth_method) from pg_hba_file_rules"
        assert await query(conninfo, methods) == ["local peer"]
        assert await query(conninfo, "select lower('ÁÐ') = 'áð'") is True
        assert await query(conninfo, "select count(*) from pg_file_settings where error <> ''") == 0


async def test_keeps_its_data_and_leaves_nothing_running(data_dir: Path) -> None:
    async with running(data_dir) as conninfo:
        await query(conninfo, "create table kept as select 42 as answer")
    assert not is_running(data_dir)

    async with running(data_dir) as conninfo:
        assert await query(conninfo, "select answer from kept") == 42
    assert not is_running(data_dir)


async def test_starts_again_when_killed(data_dir: Path) -> None:
    async with running(data_dir) as conninfo:
        await query(conninfo, "create table kept_once as select 42 as answer")

        os.kill(postmaster(data_dir), signal.SIGKILL)

        assert await query_when_back(conninfo, "select answer from kept_once") == 42
    assert not is_running(data_dir)


async def test_starts_again_though_a_killed_one_is_slow_to_end(data_dir: Path) -> None:
    async with running(data_dir) as conninfo:
        busy = asyncio.create_task(
            query(conninfo, "do $$ begin for i in 1..15000000 loop end loop; end $$")
        )
        await asyncio.sleep(0.1)

        os.kill(postmaster(data_dir), signal.SIGKILL)

        assert await query_when_back(conninfo, "select 42") == 42
        await asyncio.wait([busy])


async def test_waits_as_long_as_recovery_takes(data_dir: Path) -> None:
    async with running(data_dir) as conninfo:
        recovering = await _hold_recovery(data_dir, conninfo)

        with pytest.raises(psycopg.OperationalError, match=r"starting up|recover"):
            await query(conninfo, "select 42")
        await asyncio.sleep(0.5)
        os.kill(recovering, signal.SIGCONT)

        assert await query_when_back(conninfo, "select 42") == 42


async def _hold_recovery(data_dir: Path, conninfo: str) -> int:
    """Kill PostgreSQL and hold the process that recovers it; which process that is."""
    for _ in range(20):  # recovery may be over before it is seen
        os.kill(postmaster(data_dir), signal.SIGKILL)
        found: list[int] = []

        def is_seen(found: list[int] = found) -> bool:
            found += [pid for pid in _processes(data_dir) if "startup" in _title(pid)]
            return bool(found)

        with suppress(TimeoutError, ProcessLookupError):
            async with asyncio.timeout(2):
                await until(is_seen)
            os.kill(found[0], signal.SIGSTOP)
            return found[0]
        await query_when_back(conninfo, "select 42")
    pytest.fail("recovery was always too fast to be seen")


async def test_adopts_what_a_killed_process_left_running(data_dir: Path) -> None:
    with process_using(data_dir) as process:
        line_of(process)
        kill(process)
    orphan = postmaster(data_dir)
    assert is_running(data_dir)

    async with running(data_dir) as conninfo:
        assert await query(conninfo, "select 42") == 42
        assert postmaster(data_dir) == orphan
    assert not is_running(data_dir)


async def test_starts_an_orphan_anew_when_its_configuration_is_old(data_dir: Path) -> None:
    with process_using(data_dir) as process:
        line_of(process)
        kill(process)
    orphan = postmaster(data_dir)
    config = data_dir / "postgres/whipround.conf"
    config.write_text(config.read_text() + "work_mem = '1MB'\n")

    async with running(data_dir) as conninfo:
        assert await query(conninfo, "select current_setting('work_mem') <> '1MB'") is True
        assert postmaster(data_dir) != orphan


async def test_starts_when_everything_was_killed(data_dir: Path) -> None:
    with process_using(data_dir) as process:
        await query(line_of(process), "create table kept_twice as select 42 as answer")
        kill(process)
        os.kill(postmaster(data_dir), signal.SIGKILL)

    async with running(data_dir) as conninfo:
        assert await query(conninfo, "select answer from kept_twice") == 42


async def test_is_not_misled_by_a_stale_process_number(data_dir: Path) -> None:
    with process_using(data_dir) as process:
        line_of(process)
        kill(process)
        stale = data_dir / "postgres/data/postmaster.pid"
        text = stale.read_text()
        os.kill(postmaster(data_dir), signal.SIGKILL)
        await until(lambda: not is_running(data_dir))
    owner = stale.parent.stat()
    # After a restart of the machine the number may belong to any process, also of that account.
    with sleeping(owner.st_uid) as other:
        number, _, rest = text.partition("\n")
        assert int(number) != other.pid
        stale.write_text(f"{other.pid}\n{rest}")
        (data_dir / "postgres/run/.s.PGSQL.5432.lock").write_text(f"{other.pid}\n{rest}")

        async with running(data_dir) as conninfo:
            assert await query(conninfo, "select 42") == 42
        assert other.poll() is None


async def test_has_one_server_and_any_number_of_other_users(data_dir: Path) -> None:
    with process_using(data_dir) as process:
        conninfo = line_of(process)

        with pytest.raises(AlreadyServed, match=f"in use by another server, process {process.pid}"):
            await EmbeddedPostgres(data_dir).start(exclusive=True)
        async with running(data_dir) as same:
            assert same == conninfo

        assert await query(conninfo, "select 42") == 42


async def test_is_stopped_by_the_last_one_out(data_dir: Path) -> None:
    first, second = EmbeddedPostgres(data_dir), EmbeddedPostgres(data_dir)
    await first.start()
    conninfo = await second.start()

    await first.stop()
    os.kill(postmaster(data_dir), signal.SIGKILL)
    assert await query_when_back(conninfo, "select 42") == 42

    await second.stop()
    assert not is_running(data_dir)


async def test_two_may_start_at_once_on_nothing(empty_dir: Path) -> None:
    servers = [EmbeddedPostgres(empty_dir), EmbeddedPostgres(empty_dir)]

    first, second = await asyncio.gather(*(server.start() for server in servers))

    assert await query(first, "select 42") == await query(second, "select 42") == 42
    await asyncio.gather(*(server.stop() for server in servers))
    assert not is_running(empty_dir)


@pytest.mark.parametrize("after_seconds", [0.1, 0.3])
async def test_a_cancelled_first_start_leaves_nothing_running(
    empty_dir: Path, after_seconds: float
) -> None:
    starting = asyncio.create_task(EmbeddedPostgres(empty_dir).start())
    await asyncio.sleep(after_seconds)

    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    await until(lambda: not is_running(empty_dir))  # what was killed takes a moment to be gone


@pytest.mark.parametrize("after_seconds", [0.03, 0.08])
async def test_a_cancelled_start_leaves_nothing_running(
    data_dir: Path, after_seconds: float
) -> None:
    starting = asyncio.create_task(EmbeddedPostgres(data_dir).start())
    await asyncio.sleep(after_seconds)

    starting.cancel()
    with suppress(asyncio.CancelledError):
        await starting
        pytest.skip("it had started already")

    assert not is_running(data_dir)
    async with running(data_dir) as conninfo:
        assert await query(conninfo, "select 42") == 42


async def test_begins_anew_when_killed_before_it_was_made(empty_dir: Path) -> None:
    with process_using(empty_dir) as process:
        await until(lambda: made_half(empty_dir))
        kill(process)

    async with running(empty_dir) as conninfo:
        assert await query(conninfo, "select 42") == 42
        assert not made_half(empty_dir)


async def test_a_strange_path_will_do(short_dir: Path, initialised: Path) -> None:
    folder = short_dir / "it's \\a \"strange path"
    _copy(initialised, folder)

    async with running(folder) as conninfo:
        assert conninfo_to_dict(conninfo)["host"] == str(folder / "postgres/run")
        assert await query(conninfo, "select 42") == 42


@pytest.mark.parametrize("name", ["long" * 25, "this, that"])
async def test_where_no_socket_can_be_it_is_elsewhere(
    short_dir: Path, initialised: Path, name: str
) -> None:
    folder = short_dir / name
    _copy(initialised, folder)

    async with running(folder) as conninfo:
        sockets = str(conninfo_to_dict(conninfo)["host"])
        assert await query(conninfo, "select 42") == 42
        assert not sockets.startswith(str(folder))
        assert mode_of(Path(sockets)) == 0o700
    shutil.rmtree(sockets)


async def test_says_what_is_wrong_with_the_folder(short_dir: Path, own_dir: Path) -> None:
    file = short_dir / "file"
    file.touch()
    with pytest.raises(EmbeddedError, match="cannot be used: File exists"):
        await EmbeddedPostgres(file).start()

    (own_dir / "postgres/data/PG_VERSION").write_text("15\n")
    with pytest.raises(EmbeddedError, match="made by PostgreSQL 15, and this is 18"):
        await EmbeddedPostgres(own_dir).start()


async def test_says_why_postgresql_does_not_start(own_dir: Path) -> None:
    shutil.rmtree(own_dir / "postgres/data/pg_wal")

    with pytest.raises(EmbeddedError, match=r"did not start: .*pg_wal"):
        await EmbeddedPostgres(own_dir).start()


async def test_goes_on_trying(own_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with running(own_dir) as conninfo:
        version = own_dir / "postgres/data/PG_VERSION"
        version.rename(version.with_suffix(".gone"))
        os.kill(postmaster(own_dir), signal.SIGKILL)
        await until(lambda: "next attempt" in caplog.text)

        version.with_suffix(".gone").rename(version)

        assert await query_when_back(conninfo, "select 42") == 42


@as_root
async def test_as_root_runs_as_somebody_else_who_owns_but_the_data(data_dir: Path) -> None:
    async with running(data_dir):
        assert account_of(postmaster(data_dir)) in ("postgres", "nobody")
        assert given_away(data_dir) == {"postgres/data", "postgres/log", "postgres/run"}


@as_root
async def test_as_root_finds_another_place_for_what_could_not_be_reached(short_dir: Path) -> None:
    private, elsewhere = short_dir / "private", short_dir / "elsewhere"
    private.mkdir(mode=0o700)
    data_dir = private / "data"

    for _ in range(2):
        server = EmbeddedPostgres(data_dir, elsewhere=elsewhere)
        conninfo = await server.start()
        assert await query(conninfo, "select 42") == 42
        await server.stop()

    assert mode_of(private) == 0o700
    (home,) = elsewhere.glob("postgres-*")
    assert (data_dir / "postgres.location").read_text().strip() == str(home)
    assert (home / "data-folder").read_text().strip() == str(data_dir)


@pytest.fixture
def strict_umask() -> Iterator[None]:
    """The umask of a hardened machine."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("strict_umask")
async def test_a_strict_umask_is_no_hindrance(empty_dir: Path) -> None:
    async with running(empty_dir) as conninfo:
        assert await query(conninfo, "select 42") == 42

    assert mode_of(empty_dir) == mode_of(empty_dir / "postgres")
    assert mode_of(empty_dir) == (0o711 if os.geteuid() == 0 else 0o700)


@as_root
@pytest.mark.usefixtures("strict_umask")
async def test_nor_is_it_in_another_place(short_dir: Path) -> None:
    private, elsewhere = short_dir / "private2", short_dir / "elsewhere2"
    private.mkdir(mode=0o700)

    server = EmbeddedPostgres(private / "data", elsewhere=elsewhere)
    conninfo = await server.start()

    assert await query(conninfo, "select 42") == 42
    await server.stop()
    assert mode_of(elsewhere) == 0o755


@as_root
async def test_a_place_that_cannot_be_reached_either_is_told_and_forgotten(short_dir: Path) -> None:
    private, elsewhere = short_dir / "private3", short_dir / "elsewhere3"
    for folder in (private, elsewhere):
        folder.mkdir(mode=0o700)

    with pytest.raises(EmbeddedError, match=f"can reach neither {private}/data nor {elsewhere}"):
        await EmbeddedPostgres(private / "data", elsewhere=elsewhere).start()

    assert list((private / "data").iterdir()) == []
    assert list(elsewhere.iterdir()) == []


def test_what_leads_elsewhere_and_says_nowhere_is_as_good_as_not_there(empty_dir: Path) -> None:
    # As an earlier version left it that was killed while it wrote.
    empty_dir.mkdir(mode=0o711)
    (empty_dir / "postgres.location").touch()

    cluster = open_cluster(empty_dir)

    assert (cluster.home, cluster.pointer) == (empty_dir.resolve() / "postgres", None)


def test_what_says_nowhere_leads_to_the_cluster_that_says_it_is_of_this_folder(
    empty_dir: Path, short_dir: Path
) -> None:
    # What was written without waiting for the disk may be empty after the power went.
    empty_dir.mkdir(mode=0o711)
    (empty_dir / "postgres.location").touch()
    elsewhere = short_dir / "elsewhere5"
    for name, owner in {"postgres-1": "/of/another", "postgres-2": empty_dir.resolve()}.items():
        (elsewhere / name / "data").mkdir(parents=True)
        (elsewhere / name / "data-folder").write_text(f"{owner}\n")

    cluster = open_cluster(empty_dir, elsewhere=elsewhere)

    assert cluster.home == elsewhere.resolve() / "postgres-2"
    assert (empty_dir / "postgres.location").read_text() == f"{elsewhere}/postgres-2\n"


@as_root
async def test_a_first_start_that_fails_leaves_nothing_elsewhere(short_dir: Path) -> None:
    private, elsewhere = short_dir / "private4", short_dir / "elsewhere4"
    private.mkdir(mode=0o700)
    starting = asyncio.create_task(EmbeddedPostgres(private / "data", elsewhere=elsewhere).start())
    await until(lambda: any(elsewhere.glob("postgres-*/making-*/PG_VERSION")))

    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    assert list((private / "data").iterdir()) == []
    assert not any(elsewhere.glob("postgres-*"))


@as_root
async def test_as_root_copies_programs_that_could_not_be_reached(
    short_dir: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tool("postgres").parents[2]
    site = short_dir / "site"
    site.mkdir(mode=0o700)
    (site / package.name).mkdir()
    (site / package.name / "__init__.py").touch()
    (site / package.name / "pginstall18").symlink_to(package / "pginstall18")
    (site / f"{package.name}.libs").symlink_to(package.parent / f"{package.name}.libs")
    monkeypatch.syspath_prepend(site)

    server = EmbeddedPostgres(data_dir, elsewhere=short_dir / "copied")
    conninfo = await server.start()

    assert program_of(postmaster(data_dir)).is_relative_to(short_dir / "copied")
    assert await query(conninfo, "select 42") == 42
    await server.stop()


@as_root
async def test_a_plain_user_runs_it_as_himself(short_dir: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    folder = short_dir / "of-nobody"
    folder.mkdir()
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)

    with process_using(folder / "data", uid=nobody.pw_uid) as process:
        assert "requirepeer=nobody" in line_of(process)
        assert account_of(postmaster(folder / "data")) == "nobody"

    assert process.returncode == 0
    assert not is_running(folder / "data")
    with pytest.raises(EmbeddedError, match="belongs to nobody: run as nobody"):
        await EmbeddedPostgres(folder / "data").start()


@as_root
async def test_a_plain_user_is_told_what_he_may_not(short_dir: Path, data_dir: Path) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid

    with process_using(data_dir, uid=nobody) as process:
        assert process.communicate()[1] == (
            f"the data folder {data_dir} cannot be used: Permission denied; it belongs to root\n"
        )
    with process_using(short_dir / "denied", uid=nobody) as process:
        assert process.communicate()[1] == (
            f"the data folder {short_dir / 'denied'} cannot be used: Permission denied\n"
        )


def test_is_sized_to_the_machine() -> None:
    def sized(memory: int, disk: int) -> str:
        return configuration(
            home=Path("/home"),
            programs=Path("/bin"),
            sockets=Path("/run"),
            lz4=True,
            memory=memory,
            disk=disk,
        )

    small, large = sized(2**29, 10 * 2**30), sized(64 * 2**30, 2**42)

    assert "shared_buffers = '64MB'" in small
    assert "max_wal_size = '512MB'" in small
    assert "shared_buffers = '2048MB'" in large
    assert "max_wal_size = '4096MB'" in large
    assert "wal_compression = 'lz4'" in large
    assert memory_bytes() > 2**28


def test_knows_its_tools() -> None:
    assert os.access(tool("pgbench"), os.X_OK)
    with pytest.raises(EmbeddedError, match="no program oracle"):
        tool("oracle")
