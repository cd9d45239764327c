"""The installation: a database, the key that belongs to it, and what is fixed when it is made."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hmac import compare_digest
from pathlib import Path

import psycopg
from psycopg.rows import class_row

from whipround.db import schema
from whipround.db.database import (
    CONNECT_TIMEOUT_SECONDS,
    INSTALLATION,
    Database,
    Tx,
    open_database,
)
from whipround.db.disk import put_on_disk
from whipround.db.embedded import EmbeddedPostgres, has_cluster
from whipround.domain import products, samples
from whipround.domain.products import Product
from whipround.errors import Invalid
from whipround.keyring import KeyFileError, Keyring
from whipround.settings import Settings

DEFAULT_PRODUCT = "main"
"""The product that a new installation begins with."""

KEY_FILE = "secret.key"

_OPENING_LOCK = 0x77686970_00000002  # "whip", 2


class InstallationError(Exception):
    """The installation cannot be opened; the message says why and what to do."""


class NotInitialised(InstallationError):
    """There is nothing here yet."""


class DatabaseUnreachable(InstallationError):
    """The database does not answer, or does not let us in."""


class WrongKind(InstallationError):
    """A sandbox was to be opened as a real installation, or the reverse."""


class WrongKey(InstallationError):
    """The secret key is missing, or belongs to another database."""


@dataclass(frozen=True, slots=True)
class Installation:
    """An open installation.

    `db` is seen from the installation's schema: a product's is `db.of(product.schema_name)`.
    `is_new` says that it was made just now.
    """

    db: Database
    keyring: Keyring
    sandbox: bool
    products: Sequence[Product]
    conninfo: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class _Made:
    sandbox: bool
    key_check: bytes


_LOCK = "select pg_advisory_xact_lock(%s)"

_IS_MADE = "select to_regclass('installation') is not null"

_READ = "select sandbox, key_check from installation"

_RECORD = "insert into installation (sandbox, key_check, created_at) values (%s, %s, %s)"


@asynccontextmanager
async def open_installation(
    settings: Settings, *, sandbox: bool | None, exclusive: bool
) -> AsyncIterator[Installation]:
    """Open the installation that the settings describe, migrated; closed at the end.

    Where there is none, it is made, as a sandbox or a real one. `sandbox` None opens either, and
    makes none. `exclusive` makes us the one server of the embedded database.

    Raises InstallationError, KeyFileError, or what `EmbeddedPostgres.start` and `schema.migrate`
    raise; each message is one line for the operator.
    """
    if sandbox is None and settings.database_url is None and not has_cluster(settings.data_dir):
        raise _not_initialised(settings)
    async with _postgresql(settings, exclusive=exclusive) as conninfo:
        await _knock(conninfo)
        async with open_database(conninfo, connections=settings.database_connections) as db:
            yield await _open(db, conninfo, settings, sandbox=sandbox)


@asynccontextmanager
async def _postgresql(settings: Settings, *, exclusive: bool) -> AsyncIterator[str]:
    if settings.database_url is not None:
        yield settings.database_url
        return
    server = EmbeddedPostgres(settings.data_dir)
    conninfo = await server.start(exclusive=exclusive)
    try:
        yield conninfo
    finally:
        await server.stop()


async def _knock(conninfo: str) -> None:
    """Connect once, so that what is in the way is told at once and plainly."""
    try:
        connection = await psycopg.AsyncConnection.connect(
            conninfo, connect_timeout=CONNECT_TIMEOUT_SECONDS
        )
    except psycopg.OperationalError as error:
        said = " ".join(str(error).split())
        raise DatabaseUnreachable(f"the database cannot be reached: {said}") from error
    except psycopg.Error as error:  # the message may hold a part of the password
        raise DatabaseUnreachable("WHIPROUND_DATABASE_URL is not a PostgreSQL URL") from error
    async with connection:
        schema.check_version(connection.info.server_version)


async def _open(
    db: Database, conninfo: str, settings: Settings, *, sandbox: bool | None
) -> Installation:
    async with db.of(INSTALLATION).transaction(patient=True) as tx:
        # Of two processes that find nothing, one makes the installation and the other opens it.
        await tx.execute(_LOCK, (_OPENING_LOCK,))
        found = await _find(tx)
        if found is None and sandbox is None:
            raise _not_initialised(settings)
        keyring = _keyring(settings, may_create=found is None)
        made = found or _Made(sandbox=bool(sandbox), key_check=keyring.check())
        _check(made, keyring, sandbox=sandbox)
        await schema.migrate(db)
        if found is None:
            await _furnish(db, keyring, sandbox=made.sandbox, now=datetime.now(UTC))
            # Last: what broke off before this is begun anew.
            await tx.execute(_RECORD, (made.sandbox, made.key_check, datetime.now(UTC)))
    return Installation(
        db=db,
        keyring=keyring,
        sandbox=made.sandbox,
        products=await products.list_products(db),
        conninfo=conninfo,
        is_new=found is None,
    )


async def _furnish(db: Database, keyring: Keyring, *, sandbox: bool, now: datetime) -> None:
    """Put into a new installation what it begins with. Safe to repeat after it broke off."""
    known = await products.list_products(db)
    product = known[0] if known else await products.add(db, name=DEFAULT_PRODUCT, now=now)
    if sandbox:
        with suppress(Invalid):  # filled already
            await samples.fill(db, product=product, keyring=keyring, now=now)


async def _find(tx: Tx) -> _Made | None:
    row = await (await tx.execute(_IS_MADE)).fetchone()
    if row != (True,):
        return None
    async with tx.cursor(row_factory=class_row(_Made)) as cursor:
        await cursor.execute(_READ)
        return await cursor.fetchone()


def _keyring(settings: Settings, *, may_create: bool) -> Keyring:
    if settings.secret_key is not None:
        return Keyring.from_hex(settings.secret_key.get_secret_value())
    path = settings.data_dir / KEY_FILE
    try:
        if path.exists():
            return Keyring.read(path)
        if may_create:
            return _create_key(path)
    except OSError as error:
        raise KeyFileError(f"the key file {path} cannot be made: {error.strerror}") from error
    raise WrongKey(
        f"the key file {path} of this database is missing: restore it from the backup,"
        " or set WHIPROUND_SECRET_KEY"
    )


def _create_key(path: Path) -> Keyring:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    keyring = Keyring.create(path)
    for written in (path, path.parent):  # before anything is committed that needs it
        put_on_disk(written)
    return keyring


def _check(made: _Made, keyring: Keyring, *, sandbox: bool | None) -> None:
    if sandbox is not None and sandbox != made.sandbox:
        raise WrongKind(
            "this is a sandbox: open it with --sandbox"
            if made.sandbox
            else "this is a real installation, not a sandbox: open it without --sandbox"
        )
    if not compare_digest(made.key_check, keyring.check()):
        raise WrongKey(
            "the secret key belongs to another database: use the key file that was made with this"
            " one, or set WHIPROUND_SECRET_KEY to its content"
        )


def place_of(settings: Settings) -> str:
    """Where the installation is, for an operator: the data folder or "the database"."""
    return str(settings.data_dir) if settings.database_url is None else "the database"


def _not_initialised(settings: Settings) -> NotInitialised:
    where = place_of(settings)
    return NotInitialised(f"there is no installation in {where} yet: run `whipround init`")
