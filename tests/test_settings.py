"""Where settings come from, and which of two wins."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from whipround.settings import Settings

KEY = "ab" * 32


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to start in, without settings of the machine's."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"WHIPROUND_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_defaults_are_a_server_for_this_machine_only() -> None:
    settings = Settings()

    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.data_dir == Path(".whipround")
    assert settings.database_url is None
    assert settings.secret_key is None


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHIPROUND_PORT", "8123")
    monkeypatch.setenv("WHIPROUND_DATA_DIR", "/var/lib/whipround")
    monkeypatch.setenv("whipround_host", "::1")
    monkeypatch.setenv("PORT", "1")

    settings = Settings()

    assert settings.port == 8123
    assert settings.data_dir == Path("/var/lib/whipround")
    assert settings.host == "::1"


def test_the_file_is_read(folder: Path) -> None:
    (folder / "whipround.toml").write_text('port = 8124\nlog_format = "json"\n')

    settings = Settings()

    assert (settings.port, settings.log_format) == (8124, "json")
    assert settings.host == "127.0.0.1"


def test_the_environment_wins_over_the_file_and_arguments_over_both(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "whipround.toml").write_text('port = 8124\nhost = "::1"\nlog_level = "error"\n')
    monkeypatch.setenv("WHIPROUND_PORT", "8123")
    monkeypatch.setenv("WHIPROUND_HOST", "0.0.0.0")

    settings = Settings(port=8125)

    assert (settings.port, settings.host, settings.log_level) == (8125, "0.0.0.0", "error")


def test_unknown_variables_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHIPROUND_NOBODY_KNOWS", "1")

    assert Settings().port == 8000


@pytest.mark.parametrize("text", ["prot = 1\n", "[prot]\nport = 1\n"])
def test_a_misspelt_entry_of_the_file_is_refused_by_name(text: str, folder: Path) -> None:
    (folder / "whipround.toml").write_text(text)

    with pytest.raises(ValidationError) as caught:
        Settings()

    [error] = caught.value.errors()
    assert error["type"] == "extra_forbidden"
    assert error["loc"] == ("prot",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("DATABASE_CONNECTIONS", "3"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "loud"),
        ("SHUTDOWN_SECONDS", "0"),
    ],
)
def test_a_wrong_value_is_refused_by_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"WHIPROUND_{name}", value)

    with pytest.raises(ValidationError) as caught:
        Settings()

    assert [error["loc"] for error in caught.value.errors()] == [(name.lower(),)]


def test_every_wrong_value_is_named_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "whipround.toml").write_text('log_level = "loud"\n')
    monkeypatch.setenv("WHIPROUND_PORT", "eighty")

    with pytest.raises(ValidationError) as caught:
        Settings()

    assert {error["loc"] for error in caught.value.errors()} == {("port",), ("log_level",)}


def test_nothing_changes_while_a_process_runs() -> None:
    settings = Settings()

    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1  # type: ignore[misc]


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHIPROUND_SECRET_KEY", KEY)
    monkeypatch.setenv("WHIPROUND_SMTP_URL", "smtp://user:hunter2@host")
    monkeypatch.setenv("WHIPROUND_DATABASE_URL", "postgresql://user:hunter2@host/whipround")
    monkeypatch.setenv("WHIPROUND_SMS_URL", "twilio://SID:hunter2@+15551234567")

    settings = Settings()

    assert settings.secret_key is not None
    assert settings.secret_key.get_secret_value() == KEY
    assert KEY not in repr(settings)
    assert "hunter2" not in repr(settings)


def test_a_setting_left_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    # As docker compose and systemd leave them.
    monkeypatch.setenv("WHIPROUND_PORT", "")
    monkeypatch.setenv("WHIPROUND_DATABASE_URL", "")
    monkeypatch.setenv("WHIPROUND_SECRET_KEY", "")

    settings = Settings()

    assert settings.port == 8000
    assert settings.database_url is None
    assert settings.secret_key is None


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())
