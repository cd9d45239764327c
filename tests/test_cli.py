"""The command line as operators meet it, with one line for whatever is in the way."""

import asyncio
import os
import signal
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import get_args
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from tests.databases import Originals
from tests.gateways.rates.documents import of
from tests.nursery import Command, Nursery
from tests.people import make_user
from whipround.cli.app import app
from whipround.db.database import open_database
from whipround.domain import identity
from whipround.domain.verifications import DocumentType
from whipround.keyring import Keyring

pytestmark = pytest.mark.processes

TIMEOUT_SECONDS = 60

_numbers = count(1)


@pytest.fixture
def data_dir(short_dir: Path) -> Path:
    """A data folder that is not there yet."""
    return short_dir / f"cli{next(_numbers)}"


class Whipround:
    """`whipround` on one data folder, in a working directory of its own."""

    def __init__(
        self, nursery: Nursery, data_dir: Path, cwd: Path, database_url: str | None = None
    ) -> None:
        self.nursery = nursery
        self.data_dir = data_dir
        self.cwd = cwd
        self.database_url = database_url or ""
        self.settings = {"WHIPROUND_DATA_DIR": str(data_dir), "WHIPROUND_PORT": "0"}
        if database_url is not None:
            self.settings["WHIPROUND_DATABASE_URL"] = database_url

    def start(self, *arguments: str, **environment: str) -> Command:
        env = os.environ | self.settings | environment
        return self.nursery.start(*arguments, cwd=self.cwd, env=env)

    def refuse(self, *arguments: str, **environment: str) -> str:
        """The one line that a command says which cannot run."""
        with self.start(*arguments, **environment) as process:
            _, said = process.communicate(timeout=TIMEOUT_SECONDS)
            return one_line(process.wait(), said)

    def here(self, *arguments: str) -> Result:
        """Run a command in this process, which is quicker."""
        return CliRunner().invoke(app, arguments, env=self.settings)

    def succeed(self, *arguments: str) -> str:
        done = self.here(*arguments)
        assert (done.exit_code, done.stderr) == (0, "")
        return done.stdout

    def refuse_here(self, *arguments: str) -> str:
        done = self.here(*arguments)
        return one_line(done.exit_code, done.stderr)


def one_line(status: int, said: str) -> str:
    assert status == 1
    assert said.startswith("whipround: ")
    assert said.count("\n") == 1, said
    return said.removeprefix("whipround: ").strip()


@pytest.fixture
def whipround(nursery: Nursery, data_dir: Path, tmp_path: Path) -> Whipround:
    """`whipround` on the embedded database."""
    return Whipround(nursery, data_dir, tmp_path)


@pytest.fixture
def whipround_elsewhere(
    nursery: Nursery, tmp_path: Path, fresh_url: str, anyio_backend: object
) -> Whipround:
    """`whipround` on a database that it does not run itself; quicker."""
    return Whipround(nursery, tmp_path / "data", tmp_path, fresh_url)


@pytest.fixture
async def whipround_made(
    nursery: Nursery, tmp_path: Path, originals: Originals, anyio_backend: object
) -> AsyncIterator[Whipround]:
    """`whipround` on an installation that is there already, on a database elsewhere."""
    async with originals.copied(sandbox=False, data_dir=tmp_path / "data") as url:
        yield Whipround(nursery, tmp_path / "data", tmp_path, url)


@contextmanager
def serving(whipround: Whipround, *arguments: str) -> Iterator[tuple[Command, str]]:
    """A server that is ready, and the line in which it said so; stopped at the end."""
    with whipround.start("serve", *arguments) as process:
        try:
            yield process, ready_line(process)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=TIMEOUT_SECONDS)
            process.kill()


def ready_line(process: Command) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if "http://" in line:
            return line.strip()
    _, err = process.communicate(timeout=TIMEOUT_SECONDS)
    pytest.fail(f"it ended before it was ready: {err}")


def test_init_makes_an_installation_once(whipround_elsewhere: Whipround) -> None:
    made = whipround_elsewhere.succeed("init")

    assert "Made an installation." in made
    assert "secret.key belongs in the backup" in made
    said = "there is a real installation in the database already"
    assert whipround_elsewhere.refuse_here("init") == said
    assert whipround_elsewhere.refuse_here("init", "--sandbox") == said


def test_products_are_added_and_listed(whipround_made: Whipround) -> None:

    added = whipround_made.succeed(
        "product", "add", "shop", "--host-name", "shop.example.org", "--currency", "ISK"
    )

    listed = whipround_made.succeed("product", "list")
    assert added.startswith("Added the product shop, ")
    assert "main" in listed
    assert "shop.example.org" in listed
    refused = whipround_made.refuse_here("product", "add", "shop")
    assert refused == "There is already a product shop."
    refused = whipround_made.refuse_here("product", "add", "Shop", "--currency", "EURO")
    assert refused.startswith("name: must be small letters")
    assert refused.endswith("currencies: 'EURO' is not an ISO 4217 code")


def test_funding_types_are_named(whipround_made: Whipround) -> None:

    added = whipround_made.succeed("funding-type", "add", "gift_card", "card")

    assert added == "The product main has the type gift_card now, a card.\n"
    listed = whipround_made.succeed("funding-type", "list")
    assert "savings_account" in listed
    assert "gift_card" in listed
    refused = whipround_made.refuse_here("funding-type", "add", "gift_card", "card")
    assert refused == "There is already a type gift_card."
    refused = whipround_made.refuse_here("funding-type", "add", "Purse", "virtual")
    assert refused.startswith("name: must be small letters")
    assert "base: must be one of bank_account, card, crypto_address" in refused
    removed = whipround_made.succeed("funding-type", "remove", "gift_card")
    assert removed == "The product main has no type gift_card any more.\n"
    refused = whipround_made.refuse_here("funding-type", "remove", "gift_card")
    assert refused == "There is no type gift_card."
    assert whipround_made.refuse_here("funding-type", "remove", "card") == ("card is a base type.")


def test_everybody_is_told_something(whipround_made: Whipround) -> None:

    soon = ("--start-at", "2099-01-15 12:30", "--fullscreen", "--no-dismiss")
    button = ("--button-label", "Open", "--button-url", "https://example.org/terms")
    made = whipround_made.succeed("announce", "[Terms]", "They are new.", *soon, *button)
    wrong = whipround_made.refuse_here("announce", " ", "Hello", "--image", "here")
    listed = whipround_made.succeed("announcement", "list")

    id_ = made.removeprefix("Announced: ").strip()
    assert wrong == (
        "title: Title is required; image_url: Image URL must be an http or https address"
    )
    assert [it in listed for it in (id_, "[Terms]", "2099-01-15 12:30 UTC")] == [True] * 3
    assert whipround_made.succeed("announcement", "remove", id_).strip() == (
        f"The announcement {id_} is gone."
    )
    assert id_ not in whipround_made.succeed("announcement", "list")
    gone = whipround_made.refuse_here("announcement", "remove", id_)
    assert gone == "There is no such announcement."


def test_fees_are_loaded_and_shown(whipround_made: Whipround, tmp_path: Path) -> None:
    file = tmp_path / "fees.toml"
    file.write_text(
        """
        [[fee]]
        kind = "payment"
        funding_source_type = "virtual"
        currency = "EUR"
        title = "Service"
        percent = 1.25

        [exchange]
        spread_percent = 0.75
        """
    )

    loaded = whipround_made.succeed("fees", "load", str(file))

    said = "The product main has 1 fee rules now, and a spread of 0.75 %."
    assert loaded.strip() == said
    shown = whipround_made.succeed("fees", "show")
    assert "1.25" in shown
    assert shown.strip().endswith("The spread of exchange rates is 0.75 %.")
    file.write_text(file.read_text().replace("virtual", "gold_card"))
    refused = whipround_made.refuse_here("fees", "load", str(file))
    assert refused == "fee.0.funding_source_type: there is no type gold_card"
    file.write_text("fee = ")
    assert whipround_made.refuse_here("fees", "load", str(file)).startswith("fees.toml: not a TOML")
    missing = whipround_made.refuse_here("fees", "load", "none.toml")
    assert missing == "No such file or directory: none.toml"


def test_limits_and_rates_are_loaded_and_shown(whipround_made: Whipround, tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    file.write_text(
        """
        [[limit]]
        funding_source_type = "card"
        currency = "EUR"
        direction = "out"
        period = "month"
        is_rolling = true
        amount = 1234.5
        verified_unlimited = true
        """
    )

    loaded = whipround_made.succeed("limits", "load", str(file))

    assert loaded == "The product main has 1 limits now.\n"
    shown = whipround_made.succeed("limits", "show")
    assert all(it in shown for it in ("rolling month", "1234.5", "unlimited"))
    file.write_text("[[limit]]")
    refused = whipround_made.refuse_here("limits", "load", str(file))
    assert refused.startswith("limit.0.funding_source_type: Field required; limit.0.currency:")

    file.write_bytes(of("2026-01-14"))
    loaded = whipround_made.succeed("rates", "load", str(file))
    assert loaded == "The product main has 10 exchange rates of 2026-01-14 now.\n"
    shown = whipround_made.succeed("rates", "show")
    assert all(it in shown for it in ("MXN", "20.7638", "2026-01-14", "too old to be used"))
    file.write_bytes(of("2026-01-13"))
    refused = whipround_made.refuse_here("rates", "load", str(file))
    assert refused == "The rates are of 2026-01-13; those of 2026-01-14 are here already."
    file.write_text("<html/>")
    refused = whipround_made.refuse_here("rates", "load", str(file))
    assert refused.startswith("the document is not one of the ECB's reference rates: it begins")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/rates.xml"
    refused = whipround_made.refuse_here("rates", "load", address)
    assert refused.startswith("the rates cannot be fetched: ConnectError")


def test_the_audit_proves_every_product(whipround_made: Whipround) -> None:

    proven = whipround_made.succeed("audit")

    assert proven.startswith("main: 0 transfers")
    assert proven.strip().endswith("The books hold.")
    assert whipround_made.refuse_here("audit", "--product", "x") == "There is no product x."


def test_people_are_looked_after(whipround_made: Whipround) -> None:
    keyring = Keyring.read(whipround_made.data_dir / "secret.key")

    async def make_people() -> None:
        async with open_database(whipround_made.database_url, connections=4) as db:
            for name in ("ada", "grace"):
                product = db.of("product_main")
                await make_user(product, keyring=keyring, now=datetime.now(UTC), username=name)
            async with product.transaction() as tx:
                await tx.execute("update users set locked_until = now() + interval '1 day'")

    asyncio.run(make_people())

    assert "locked until" in whipround_made.succeed("user", "show", "ada")
    assert whipround_made.succeed("user", "unlock", "ADA") == "ada is unlocked.\n"
    said = whipround_made.succeed("user", "official", "ada", "--on")
    assert said == "ada is official.\n"
    said = whipround_made.succeed("user", "verified", "ada", "--off")
    assert said == "ada is not verified.\n"
    said = whipround_made.succeed("user", "guardian", "ada", "grace")
    assert said == "The guardian of ada is grace.\n"
    said = whipround_made.refuse_here("user", "guardian", "grace", "ada")
    assert said.startswith("Nobody can be their own guardian")
    shown = whipround_made.succeed("user", "show", "ada")
    assert "active" in shown
    said = whipround_made.succeed("user", "guardian", "ada", "--nobody")
    assert said == "The guardian of ada is nobody.\n"
    assert whipround_made.refuse_here("user", "show", "nobody") == "There is no such user."


def test_people_are_verified(whipround_made: Whipround) -> None:
    keyring = Keyring.read(whipround_made.data_dir / "secret.key")

    async def send_documents() -> list[str]:
        now = datetime.now(UTC)
        async with open_database(whipround_made.database_url, connections=4) as db:
            product = db.of("product_main")
            user = await make_user(product, keyring=keyring, now=now, username="ada")
            async with product.transaction() as tx:
                sent = [
                    await identity.submit(
                        tx,
                        user_id=user.id,
                        kind=kind,
                        data="0123 :pizza:\rUK",
                        event="user_kyc",
                        keyring=keyring,
                        now=now,
                    )
                    for kind in get_args(DocumentType)
                ]
        return [str(each.id) for each in sent]

    passport, licence = asyncio.run(send_documents())

    listed = whipround_made.succeed("verification", "list")
    assert listed.index(passport) < listed.index(licence)
    assert "user_kyc" in listed
    shown = whipround_made.succeed("verification", "show", passport)
    assert "0123 :pizza:" in shown
    assert "John Dough" in shown
    said = whipround_made.succeed("verification", "reject", licence, "--reason", "Blurred.")
    assert said == "The drivers_license of ada is rejected.\n"
    said = whipround_made.succeed("verification", "approve", passport)
    assert said == "The passport of ada is approved: ada is verified.\n"
    assert "Blurred." in whipround_made.succeed("verification", "show", licence)
    assert "erased" in whipround_made.succeed("verification", "show", passport)
    assert passport not in whipround_made.succeed("verification", "list")
    said = "The verification is not pending any more."
    assert whipround_made.refuse_here("verification", "approve", licence) == said
    said = "There is no such verification."
    assert whipround_made.refuse_here("verification", "show", str(UUID(int=1))) == said


def test_serve_makes_what_it_needs_outlives_a_kill_and_leaves_nothing(whipround: Whipround) -> None:
    with serving(whipround, "--sandbox") as (process, line):
        assert "http://127.0.0.1:" in line
        assert "main" in whipround.succeed("product", "list")
        assert whipround.refuse("serve", "--sandbox") == (
            f"the data folder {whipround.data_dir} is in use by another server,"
            f" process {process.pid}"
        )
        process.kill()
        process.wait()
    assert processes_in(whipround.data_dir)

    with serving(whipround, "--sandbox") as (process, _):
        pass

    assert process.returncode == 0
    assert not processes_in(whipround.data_dir)


def test_a_port_in_use_is_told(whipround_elsewhere: Whipround) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        refused = whipround_elsewhere.refuse("serve", "--sandbox", "--port", str(port))

    assert refused == f"port {port} of 127.0.0.1 is in use: choose another with --port"


def test_a_sandbox_stays_one(whipround_elsewhere: Whipround) -> None:
    whipround_elsewhere.succeed("init", "--sandbox")

    said = "there is a sandbox in the database already"
    assert whipround_elsewhere.refuse_here("init") == said
    assert whipround_elsewhere.refuse_here("init", "--sandbox") == said
    assert whipround_elsewhere.refuse("serve") == "this is a sandbox: open it with --sandbox"


def test_a_real_one_stays_real(whipround_made: Whipround) -> None:

    assert whipround_made.refuse("serve", "--sandbox") == (
        "this is a real installation, not a sandbox: open it without --sandbox"
    )


def test_a_sandbox_is_not_shown_to_others_by_mistake(whipround: Whipround) -> None:
    refused = whipround.refuse("serve", "--sandbox", "--host", "0.0.0.0")

    assert refused.startswith("a sandbox keeps nothing back: ")
    assert not whipround.data_dir.exists()


def test_a_key_that_is_missing_or_wrong_is_told(whipround_made: Whipround) -> None:
    key_file = whipround_made.data_dir / "secret.key"
    key_file.unlink()

    missing = whipround_made.refuse_here("audit")
    wrong = whipround_made.refuse("serve", WHIPROUND_SECRET_KEY="ab" * 32)

    assert missing.startswith(f"the key file {key_file} of this database is missing: restore it")
    assert wrong.startswith("the secret key belongs to another database")


def test_a_database_that_is_down_is_told(whipround: Whipround) -> None:
    refused = whipround.refuse("serve", WHIPROUND_DATABASE_URL="postgresql://127.0.0.1:1/whipround")

    assert refused.startswith("the database cannot be reached: ")
    assert "Connection refused" in refused


def test_a_database_that_is_too_old_is_told(whipround: Whipround) -> None:
    with an_old_postgresql() as port:
        refused = whipround.refuse(
            "serve", WHIPROUND_DATABASE_URL=f"postgresql://u@127.0.0.1:{port}/u?gssencmode=disable"
        )

    assert refused == "the database is PostgreSQL 15.7, and Whipround needs 16 or newer"


def test_wrong_settings_are_named(whipround: Whipround) -> None:
    refused = whipround.refuse("serve", WHIPROUND_PORT="http", WHIPROUND_LOG_LEVEL="loud")

    port, level = refused.split("; ")
    assert port.startswith("WHIPROUND_PORT (or port in the settings file): Input should be a valid")
    assert level.startswith("WHIPROUND_LOG_LEVEL (or log_level in the settings file): Input should")


def test_a_settings_file_that_is_not_toml_is_told(whipround: Whipround) -> None:
    (whipround.cwd / "whipround.toml").write_text("port 8000")

    refused = whipround.refuse("serve")

    assert refused.startswith("whipround.toml is not a TOML file: Expected '='")


def test_a_misspelt_setting_of_the_file_is_told(whipround: Whipround) -> None:
    (whipround.cwd / "whipround.toml").write_text("prot = 8000")

    assert whipround.refuse("serve") == "whipround.toml: there is no setting prot"


def test_help_shows_what_is_in_brackets() -> None:
    shown = CliRunner().invoke(app, ["fees", "load", "--help"], env={"COLUMNS": "120"}).stdout

    assert "A TOML file of [[fee]] tables and an [exchange] table." in shown


def test_a_gateway_that_makes_no_sense_is_told(whipround_elsewhere: Whipround) -> None:
    refused = whipround_elsewhere.refuse("serve", WHIPROUND_SMTP_URL="ftp://mail.example.org")

    assert "WHIPROUND_SMTP_URL" in refused


def test_a_data_folder_that_cannot_be_used_is_told(whipround: Whipround) -> None:
    whipround.data_dir.touch()

    refused = whipround.refuse("serve")

    assert refused == f"the data folder {whipround.data_dir} cannot be used: File exists"


def test_commands_need_an_installation(whipround: Whipround) -> None:
    said = f"there is no installation in {whipround.data_dir} yet: run `whipround init`"

    assert whipround.refuse_here("audit") == said
    assert whipround.refuse_here("product", "list") == said
    assert not whipround.data_dir.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_work_stops_when_told(whipround_elsewhere: Whipround, number: signal.Signals) -> None:
    whipround_elsewhere.succeed("init", "--sandbox")

    with whipround_elsewhere.start("work") as process:
        assert process.stderr is not None
        assert "working" in process.stderr.readline()
        process.send_signal(number)
        process.communicate(timeout=TIMEOUT_SECONDS)

    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_command_that_is_interrupted_cleans_up(
    whipround: Whipround, number: signal.Signals
) -> None:
    with whipround.start("init") as process:
        while not any(whipround.data_dir.glob("postgres/making-*/PG_VERSION")):
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(number)
        _, said = process.communicate(timeout=TIMEOUT_SECONDS)

    assert (process.returncode, said) == (128 + number, "")
    while processes_in(whipround.data_dir):  # what was killed takes a moment to be gone
        time.sleep(0.005)


def test_a_server_hung_up_on_stops_as_it_should(whipround_elsewhere: Whipround) -> None:
    with serving(whipround_elsewhere, "--sandbox") as (process, _):
        process.send_signal(signal.SIGHUP)
        _, said = process.communicate(timeout=TIMEOUT_SECONDS)

    assert (process.returncode, said) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_server_told_to_stop_before_it_serves_leaves_nothing(
    whipround: Whipround, number: signal.Signals
) -> None:
    with whipround.start("serve", "--sandbox") as process:
        while not any(whipround.data_dir.glob("postgres/data/postmaster.pid")):
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(number)
        heard, said = process.communicate(timeout=TIMEOUT_SECONDS)

    assert (process.returncode, heard, said) == (0, "", "")
    assert not processes_in(whipround.data_dir)


def processes_in(folder: Path) -> list[int]:
    """The processes that work below a folder."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with suppress(OSError):
                if (process / "cwd").readlink().is_relative_to(folder):
                    found.append(int(process.name))
    return found


@contextmanager
def an_old_postgresql() -> Iterator[int]:
    """Something that says it is PostgreSQL 15.7, as that would say it; its port."""

    class Old(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            request = self.request.recv(1024)
            if request[4:8] == (80877103).to_bytes(4, "big"):  # may we speak TLS?
                self.request.sendall(b"N")
                self.request.recv(1024)
            self.request.sendall(
                message(b"R", bytes(4))
                + message(b"S", b"server_version\x0015.7\0")
                + message(b"S", b"client_encoding\0UTF8\0")
                + message(b"Z", b"I")
            )
            self.request.recv(1024)

    def message(kind: bytes, body: bytes) -> bytes:
        return kind + (len(body) + 4).to_bytes(4, "big") + body

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Old) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()
