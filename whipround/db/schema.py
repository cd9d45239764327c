"""Forward-only SQL migrations: each schema knows which files made it what it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from procrastinate.schema import SchemaManager
from psycopg import sql

from whipround.db.database import INSTALLATION, Database, Tx

JOBS = "jobs"
"""The schema of the job queue, one per database."""

OLDEST_VERSION = 16
"""The oldest major version of PostgreSQL that will do."""

MIGRATIONS = Path(__file__).parent / "migrations"
"""Where the SQL is: a folder for the installation, one for a product."""

_MIGRATION_LOCK = 0x77686970_00000001  # "whip", 1


class SchemaError(Exception):
    """The database does not fit this version of Whipround; the message says why."""


class DatabaseTooOld(SchemaError):
    """The PostgreSQL is older than what Whipround needs."""


class DatabaseTooNew(SchemaError):
    """A newer Whipround has already migrated the database."""


class MigrationChanged(SchemaError):
    """A migration is not what it was when the database went through it."""


@dataclass(frozen=True, slots=True)
class _Migration:
    name: str
    text: bytes

    @property
    def checksum(self) -> str:
        return sha256(self.text).hexdigest()


_LOCK = "select pg_advisory_xact_lock(%s)"

_SCHEMA_EXISTS = "select 1 from pg_namespace where nspname = %s"

_CREATE_SCHEMA = sql.SQL("create schema {}")

_CREATE_TABLE = """
    create table if not exists migration (
        name text primary key,
        checksum text not null,
        applied_at timestamptz not null default now()
    )
"""

_APPLIED = "select name, checksum from migration"

_RECORD = "insert into migration (name, checksum) values (%s, %s)"

_PRODUCT_SCHEMAS = "select schema_name from product order by created_at, id"

_READ_SEARCH_PATH = "select current_setting('search_path')"

_SET_SEARCH_PATH = "select set_config('search_path', %s, true)"


def check_version(server_version: int) -> None:
    """Refuse a PostgreSQL that is too old, given its version as libpq tells it: 160004 is 16.4.

    Raises DatabaseTooOld.
    """
    major, minor = divmod(server_version, 10_000)
    if major < OLDEST_VERSION:
        raise DatabaseTooOld(
            f"the database is PostgreSQL {major}.{minor},"
            f" and Whipround needs {OLDEST_VERSION} or newer"
        )


async def migrate(db: Database) -> None:
    """Bring the installation, the job queue and every product up to date.

    Of several processes that start at once, one does it and the others wait. Each file is a
    transaction: what fails half-way goes on from there next time.

    Raises a SchemaError when the database is too old, or was migrated by another Whipround.
    """
    async with db.of(INSTALLATION).transaction(patient=True) as guard:
        check_version(guard.info.server_version)
        await lock(guard)
        await _migrate(db.of(INSTALLATION), _in_folder(MIGRATIONS / "installation"))
        await _migrate_jobs(db.of(JOBS))
        schemas = await (await guard.execute(_PRODUCT_SCHEMAS)).fetchall()
        for (schema,) in schemas:
            await _migrate(db.of(schema), _in_folder(MIGRATIONS / "product"))


async def lock(tx: Tx) -> None:
    """Keep others from migrating, or adding a product, until `tx` ends."""
    await tx.execute(_LOCK, (_MIGRATION_LOCK,))


async def create_product_schema(tx: Tx, schema: str) -> None:
    """Create the schema of a new product, whole or not at all; `tx` must hold the `lock`."""
    before = await (await tx.execute(_READ_SEARCH_PATH)).fetchone()
    await tx.execute(_SET_SEARCH_PATH, (schema,))
    await _applied(tx, schema)
    for migration in _in_folder(MIGRATIONS / "product"):
        await _apply(tx, migration)
    await tx.execute(_SET_SEARCH_PATH, before)


async def _migrate(db: Database, migrations: Sequence[_Migration]) -> None:
    async with db.transaction(patient=True) as tx:
        applied = await _applied(tx, db.schema)
    _refuse_newer(db.schema, applied, migrations)
    for migration in migrations:
        if applied.get(migration.name, migration.checksum) != migration.checksum:
            raise MigrationChanged(
                f"the migration {migration.name} has changed since the schema {db.schema}"
                " went through it: install the release that belongs to this database"
            )
    await _apply_missing(db, applied, migrations)


async def _migrate_jobs(db: Database) -> None:
    """Install or upgrade procrastinate's own schema.

    It ships the whole schema for a new database, and steps between releases for an old one. A step
    may be retouched by a later release: what counts is that it was taken, not its checksum.
    """
    steps = _in_folder(Path(SchemaManager.get_migrations_path()))
    async with db.transaction(patient=True) as tx:
        applied = await _applied(tx, db.schema)
        if not applied:
            await tx.execute(SchemaManager.get_schema().encode())
            for step in steps:
                await tx.execute(_RECORD, (step.name, step.checksum))
            return
    _refuse_newer(db.schema, applied, steps)
    await _apply_missing(db, applied, steps)


async def _applied(tx: Tx, schema: str) -> Mapping[str, str]:
    """The names and checksums of what a schema went through; a new schema is created."""
    found = await tx.execute(_SCHEMA_EXISTS, (schema,))
    if await found.fetchone() is None:
        await tx.execute(_CREATE_SCHEMA.format(sql.Identifier(schema)))
    await tx.execute(_CREATE_TABLE)
    rows = await (await tx.execute(_APPLIED)).fetchall()
    return dict(rows)


def _refuse_newer(
    schema: str, applied: Mapping[str, str], migrations: Sequence[_Migration]
) -> None:
    unknown = sorted(applied.keys() - {migration.name for migration in migrations})
    if unknown:
        raise DatabaseTooNew(
            f"the database is newer than this Whipround: the schema {schema} went through"
            f" {unknown[-1]}, which is unknown here"
        )


async def _apply_missing(
    db: Database, applied: Mapping[str, str], migrations: Sequence[_Migration]
) -> None:
    for migration in migrations:
        if migration.name not in applied:
            async with db.transaction(patient=True) as tx:
                await _apply(tx, migration)


async def _apply(tx: Tx, migration: _Migration) -> None:
    await tx.execute(migration.text)
    await tx.execute(_RECORD, (migration.name, migration.checksum))


def _in_folder(folder: Path) -> Sequence[_Migration]:
    return [_Migration(path.name, path.read_bytes()) for path in sorted(folder.glob("*.sql"))]
