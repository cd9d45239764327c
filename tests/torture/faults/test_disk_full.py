"""The disk is full: who asks is told, and all goes on by itself once there is room."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import psycopg
import pytest

from tests.api.memento.client import error_code
from tests.api.memento.paying import said
from tests.api.memento.picturing import upload
from tests.databases import Originals
from tests.nursery import Nursery
from tests.servers import Installation
from tests.torture.faults.load import Load, Tell
from tests.torture.faults.places import place_of, place_over_a_line
from whipround.api.logs import FLUSH_SECONDS

pytestmark = [pytest.mark.anyio, pytest.mark.processes]

SIZE = "256m"
REFUSALS = 20

_CHUNK = bytes(1 << 16)
_MOST_SEGMENTS = 40


@contextmanager
def small_disk(folder: Path, *, size: str, tell: Tell) -> Iterator[Path]:
    """A folder that is a disk of its own, of so many bytes.

    Where there can be none, nothing is shown, and that is told. Whoever is killed leaves it behind.
    """
    folder.mkdir(mode=0o711, parents=True)
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=711", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mounting, check=False, capture_output=True, text=True)
        why = mounted.stderr.strip()
    except FileNotFoundError:
        mounted, why = None, "there is no mount on this machine"
    if mounted is None or mounted.returncode != 0:
        tell("full disk", f"not shown: {why}")
        pytest.skip(f"no disk of one's own can be mounted here: {why}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Fill a disk to the last byte; the file that does so."""
    ballast = disk / "ballast"
    with suppress(OSError), ballast.open("ab", buffering=0) as file:
        while file.write(_CHUNK):
            pass
    return ballast


async def test_a_full_folder_of_pictures_and_of_the_log_is_in_no_other_way(
    nursery: Nursery, short_dir: Path, originals: Originals, chance: Random, tell: Tell
) -> None:
    with small_disk(short_dir / "pictures", size="2m", tell=tell) as disk:
        async with place_over_a_line(
            nursery, disk, originals, chance, WHIPROUND_LOG_LEVEL="info"
        ) as (place, _):
            who, log = place.load.people[0].memento, place.server.log
            said(await upload(who), 201)
            ballast, logged = fill(disk), log.stat().st_size
            refused = await upload(who)
            async with place.load.running():
                await place.load.done(10)
            await asyncio.sleep(2 * FLUSH_SECONDS)
            assert error_code(refused, 503) == "unavailable"
            assert int(refused.headers["Retry-After"]) > 0
            assert all(it.status in {200, 201} for it in place.load.heard)
            assert log.stat().st_size - logged < 4096
            ballast.unlink()
            said(await upload(who), 201)
            await place.load.settled()
            await asyncio.sleep(2 * FLUSH_SECONDS)
            assert log.stat().st_size - logged > 4096


@pytest.mark.long
async def test_a_full_disk_of_postgresql_loses_nothing(
    nursery: Nursery, short_dir: Path, chance: Random, tell: Tell
) -> None:
    folder = short_dir / "full"
    with small_disk(folder / "data", size=SIZE, tell=tell) as disk:
        installation = Installation(nursery, folder)
        async with place_of(installation, chance=chance) as place:
            load = place.load
            async with load.running():
                await load.done()
                ballast = fill(disk)
                began = time.monotonic()
                died = await _until_nothing_can_be_written(load)
                await load.refused(REFUSALS)
                ballast.unlink()
                ended = time.monotonic()
                await load.done(3)
            await load.settled()
            load.tell(tell, "full disk", began=began, ended=ended)
            tell("full disk: PostgreSQL ended", died)


async def _until_nothing_can_be_written(load: Load) -> bool:
    """Use up what room PostgreSQL has set aside; whether it has ended by that."""
    for _ in range(_MOST_SEGMENTS):
        try:
            async with load.db.transaction() as tx:
                await tx.execute("select pg_switch_wal()")
        except psycopg.OperationalError as error:
            return not isinstance(error, psycopg.errors.DiskFull)
        await load.heard_of()
    raise AssertionError("there is still room")
