"""Two products behind one server, with all that it mounts, and what is kept of them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any, NamedTuple

import httpx

from tests.api.conftest import Shared
from tests.api.faces import Faces, root_of, seen_by
from tests.api.serving import client_of, new_directory
from tests.conftest import lent_product
from tests.money import problems, rows
from whipround.api.logs import RequestLog
from whipround.api.types import App
from whipround.db.database import Database

Contents = Mapping[str, str]


class World(NamedTuple):
    """What one server shows of two products; and the lines that it has logged of requests."""

    app: App
    shared: Shared
    beside: Shared
    here: Faces
    there: Faces
    log: BytesIO
    requests: RequestLog

    def logged(self) -> list[str]:
        """The lines of the log."""
        self.requests.flush()  # which gathers them
        return self.log.getvalue().decode().splitlines()

    @asynccontextmanager
    async def anybody(self, address: str) -> AsyncIterator[Faces]:
        """The same, for somebody who calls from another address."""
        async with seen_by(self.app, self.shared, address=address) as faces:
            yield faces

    @asynccontextmanager
    async def bare(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client that adds nothing to what it is told to send."""
        async with client_of(self.app) as http:
            http.headers.clear()
            yield http


@asynccontextmanager
async def world(shared: Shared, **given: Any) -> AsyncIterator[World]:
    """A server of this product and of another one, whose books are proven in the end.

    `given` is what a directory takes.
    """
    async with lent_product(shared.installation_db) as other:
        beside = shared._replace(product=other, db=shared.installation_db.of(other.schema_name))
        directory = new_directory(shared.installation_db, shared.keyring, **given)
        directory.set([shared.product, beside.product])
        log = BytesIO()
        requests = RequestLog(log, as_json=True)
        app = root_of(directory, log=requests)
        async with seen_by(app, shared) as here, seen_by(app, beside) as there:
            yield World(app, shared, beside, here, there, log, requests)
        requests.flush()
        await directory.drain()
        for each in (shared, beside):
            assert await problems(each.db) == []


_TABLES = """
    select relname from pg_class
    where relnamespace = current_schema::regnamespace and relkind = 'r' and relname <> 'throttle'
    order by relname
"""


async def tables_of(db: Database) -> list[str]:
    """The tables of a product, but for what counts attempts."""
    return [name for (name,) in await rows(db, _TABLES)]


async def contents(db: Database) -> Contents:
    """A digest of every row that a product keeps, by table, but for what counts attempts."""
    each = " union all ".join(
        f"select '{name}', md5(coalesce(string_agg(it::text, '' order by it::text), ''))"
        f' from "{name}" as it'
        for name in await tables_of(db)
    )
    return dict(await rows(db, each))


def changed(before: Contents, after: Contents) -> list[str]:
    """The tables in which anything is another than before."""
    names = sorted(before.keys() | after.keys())
    return [name for name in names if before.get(name) != after.get(name)]


@asynccontextmanager
async def nothing_changed(*dbs: Database) -> AsyncIterator[None]:
    """No value of any row is another afterwards, but for what counts attempts."""
    before = [await contents(db) for db in dbs]
    yield
    for db, was in zip(dbs, before, strict=True):
        assert changed(was, await contents(db)) == []
