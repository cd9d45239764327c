"""Opening an installation: made once, and never opened with what does not belong to it."""

import asyncio
from pathlib import Path

import pytest

from whipround.domain import products
from whipround.domain.installation import (
    DatabaseUnreachable,
    Installation,
    NotInitialised,
    WrongKey,
    WrongKind,
    open_installation,
)
from whipround.keyring import KeyFileError
from whipround.settings import Settings

pytestmark = [pytest.mark.anyio, pytest.mark.processes]


@pytest.fixture
def settings(fresh_url: str, tmp_path: Path) -> Settings:
    """Settings for an empty database and an empty data folder."""
    return Settings(database_url=fresh_url, data_dir=tmp_path / "data", database_connections=4)


async def opened(settings: Settings, *, sandbox: bool | None) -> Installation:
    async with open_installation(settings, sandbox=sandbox, exclusive=False) as installation:
        return installation


async def test_an_installation_begins_with_a_key_and_a_product(settings: Settings) -> None:
    made = await opened(settings, sandbox=True)
    found = await opened(settings, sandbox=None)

    assert (made.is_new, found.is_new) == (True, False)
    assert made.sandbox
    assert found.sandbox
    assert [product.name for product in made.products] == ["main"]
    assert found.products == made.products
    assert found.keyring.check() == made.keyring.check()
    assert (settings.data_dir / "secret.key").stat().st_mode & 0o777 == 0o600


async def test_two_processes_make_one_installation(settings: Settings) -> None:
    one, other = await asyncio.gather(
        opened(settings, sandbox=False), opened(settings, sandbox=False)
    )

    assert {one.is_new, other.is_new} == {True, False}
    assert one.products == other.products


async def test_what_broke_off_is_begun_anew(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(products, "add", fail)
        with pytest.raises(ZeroDivisionError):
            await opened(settings, sandbox=False)

    made = await opened(settings, sandbox=False)

    assert made.is_new
    assert len(made.products) == 1


async def test_a_sandbox_stays_one(settings: Settings) -> None:
    await opened(settings, sandbox=True)

    with pytest.raises(WrongKind, match="this is a sandbox"):
        await opened(settings, sandbox=False)


async def test_a_real_one_stays_real(settings: Settings) -> None:
    await opened(settings, sandbox=False)

    with pytest.raises(WrongKind, match="not a sandbox"):
        await opened(settings, sandbox=True)


async def test_nothing_is_made_unasked(settings: Settings) -> None:
    with pytest.raises(NotInitialised, match="run `whipround init`"):
        await opened(settings, sandbox=None)
    with pytest.raises(NotInitialised, match="run `whipround init`"):
        await opened(settings.model_copy(update={"database_url": None}), sandbox=None)

    assert not settings.data_dir.exists()


async def test_a_database_is_opened_with_its_own_key_only(settings: Settings) -> None:
    key_file = settings.data_dir / "secret.key"
    await opened(settings, sandbox=False)
    key = key_file.read_text()

    key_file.write_text("ab" * 32)
    with pytest.raises(WrongKey, match="belongs to another database"):
        await opened(settings, sandbox=False)
    key_file.write_text("abc")
    with pytest.raises(KeyFileError, match="64 hexadecimal digits"):
        await opened(settings, sandbox=False)
    key_file.unlink()
    with pytest.raises(WrongKey, match=r"secret\.key of this database is missing"):
        await opened(settings, sandbox=False)
    assert not key_file.exists()

    by_environment = Settings(**settings.model_dump() | {"secret_key": key})
    assert (await opened(by_environment, sandbox=False)).products


async def test_a_database_that_is_away_is_told_in_one_line(settings: Settings) -> None:
    away = settings.model_copy(update={"database_url": "postgresql://127.0.0.1:1/none"})
    with pytest.raises(DatabaseUnreachable, match=r"cannot be reached: .*refused"):
        await opened(away, sandbox=None)

    nonsense = settings.model_copy(update={"database_url": "pg:pass word"})
    with pytest.raises(DatabaseUnreachable, match="is not a PostgreSQL URL") as refused:
        await opened(nonsense, sandbox=None)
    assert "word" not in str(refused.value)
