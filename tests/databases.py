"""Databases of a test's own, empty or with an installation in them."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from whipround.db.database import Database, Tx
from whipround.domain.installation import KEY_FILE, open_installation
from whipround.settings import Settings

_numbers = count(1)

# Without waiting for the disk, files are copied quicker than they are logged.
_CREATE = sql.SQL("create database {} template {} strategy file_copy")

_DROP = sql.SQL("drop database {} with (force)")


@asynccontextmanager
async def new_database(url: str, *, template: str = "template1") -> AsyncIterator[str]:
    """How to connect to a new database on the server of `url`, which is dropped at the end."""
    name = f"fresh_{next(_numbers)}"
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(_CREATE.format(sql.Identifier(name), sql.Identifier(template)))
        yield make_conninfo(url, dbname=name)
        await connection.execute(_DROP.format(sql.Identifier(name)))


class Originals:
    """An installation of either kind, made once and copied for each test that needs one."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder
        self._made: dict[bool, str] = {}

    @asynccontextmanager
    async def copied(self, *, sandbox: bool, data_dir: Path) -> AsyncIterator[str]:
        """How to connect to a copy; its key file is put into `data_dir`."""
        if sandbox not in self._made:
            self._made[sandbox] = await self._make(sandbox=sandbox)
        self._copy_key(data_dir, sandbox=sandbox)
        async with new_database(self._url, template=self._made[sandbox]) as url:
            yield url

    async def _make(self, *, sandbox: bool) -> str:
        name = "original_sandbox" if sandbox else "original"
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            await connection.execute(
                _CREATE.format(sql.Identifier(name), sql.Identifier("template1"))
            )
        settings = Settings(
            database_url=make_conninfo(self._url, dbname=name),
            data_dir=self._key_dir(sandbox=sandbox),
        )
        async with open_installation(settings, sandbox=sandbox, exclusive=False):
            return name

    def _copy_key(self, data_dir: Path, *, sandbox: bool) -> None:
        data_dir.mkdir(exist_ok=True)
        shutil.copy(self._key_dir(sandbox=sandbox) / KEY_FILE, data_dir)

    def _key_dir(self, *, sandbox: bool) -> Path:
        return self._folder / ("original-sandbox" if sandbox else "original")


class LosesAcknowledgement(Database):
    """A database whose connection breaks after the first commit, before anybody heard of it."""

    def __init__(self, db: Database) -> None:
        super().__init__(db._pool, db.schema)
        self._is_lost = False

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[Tx]:
        """A transaction; the first one is committed and ends with an error all the same."""
        async with super().pipeline() as tx:
            yield tx
        if not self._is_lost:
            self._is_lost = True
            raise psycopg.OperationalError("server closed the connection unexpectedly")
