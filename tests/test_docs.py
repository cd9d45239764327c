"""The documentation says what there is: all of it, and nothing else."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from enum import Enum
from inspect import cleandoc
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

import whipround
from bench.server import serving, temporary_folder
from tests.api.documents import Endpoint, mended
from tests.api.memento.documents import objects
from tests.api.mobbr.documents import examples as mobbr_examples
from tests.api.moneypool.documents import examples, history_types
from tests.api.moneypool.documents import objects as moneypool_objects
from tests.api.routes import routes_of
from whipround.api.bodies import CODES
from whipround.api.memento import app as memento
from whipround.api.memento import call as memento_call
from whipround.api.memento import errors as memento_errors
from whipround.api.memento.openapi import MEMENTO
from whipround.api.mobbr import app as mobbr
from whipround.api.mobbr import call as mobbr_call
from whipround.api.mobbr import errors as mobbr_errors
from whipround.api.mobbr.arguments import MissingArgument
from whipround.api.mobbr.openapi import MOBBR
from whipround.api.moneypool import app as moneypool
from whipround.api.moneypool import call as moneypool_call
from whipround.api.moneypool import errors as moneypool_errors
from whipround.api.moneypool.openapi import MONEYPOOL
from whipround.api.openapi import document
from whipround.cli.app import app as command_line
from whipround.db.listing import Column
from whipround.db.request_keys import InProgress, KeyReused
from whipround.domain import throttles
from whipround.domain.audit import DOMAIN_CHECKS
from whipround.domain.notifications import KINDS
from whipround.domain.scripts.parsing import parse
from whipround.domain.scripts.splitting import divide
from whipround.domain.throttles import Limit
from whipround.errors import Declined, DomainError, Invalid, Throttled, Unauthenticated
from whipround.ledger.audit import LEDGER_CHECKS
from whipround.money import Money
from whipround.settings import Settings

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])

LONGEST_LINE = 159
LONGEST_DECISION = 30


def sections(page: Path, level: str) -> dict[str, str]:
    """The text below each heading of a level, by the heading without its backticks."""
    parts = re.split(rf"^{level} (.+)$", page.read_text(), flags=re.MULTILINE)[1:]
    return {
        heading.replace("`", ""): re.split(r"^#{1,4} ", text, maxsplit=1, flags=re.MULTILINE)[0]
        for heading, text in zip(parts[::2], parts[1::2], strict=True)
    }


def rows(text: str) -> list[str]:
    """The rows of the tables in a text, but for their heads."""
    lines = re.findall(r"^\|.*\|$", text, re.MULTILINE)
    heads = {at - 1 for at, line in enumerate(lines) if set(line) <= set("|-")}
    return [line for at, line in enumerate(lines) if at not in heads and not set(line) <= set("|-")]


def blocks(text: str, language: str) -> str:
    """The fenced blocks of a text in one language, one after the other."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return "".join(found)


# Settings and commands.


def test_every_setting_is_described_and_no_other() -> None:
    described = sections(DOCS / "settings.md", "###")

    assert set(described) == {f"WHIPROUND_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_is_described_as_it_is(name: str) -> None:
    field = Settings.model_fields[name]
    said = sections(DOCS / "settings.md", "###")[f"WHIPROUND_{name.upper()}"]
    first, meaning = said.strip().split("\n\n", 1)

    shown = {None: "unset", "": "empty"}.get(field.default, f"`{field.default}`")
    assert first.endswith(f", default {shown}")
    assert " ".join(meaning.split()).startswith(field.description or "?")


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The command, if it does anything itself, and those below it."""
    below = getattr(command, "commands", {})
    if not below or name == "whipround":
        yield name, command
    for each, subcommand in below.items():
        yield from commands(subcommand, f"{name} {each}")


COMMANDS = dict(commands(typer.main.get_command(command_line), "whipround"))


def test_every_command_is_described_and_no_other() -> None:
    assert set(sections(DOCS / "commands.md", "##")) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_described_and_no_other(name: str) -> None:
    said = sections(DOCS / "commands.md", "##")[name]

    there = {
        option
        for parameter in COMMANDS[name].params
        for option in (
            [*parameter.opts, *parameter.secondary_opts]
            if parameter.param_type_name == "option"
            else [parameter.name.upper()]
        )
    }
    named = {
        option
        for row in rows(said)
        for option in re.findall(r"`(--[a-z-]+|[A-Z]+)", row.split(" | ")[0])
    }
    assert named == there - {"--help"}


# The routes of the dialects.


class Described(NamedTuple):
    """A dialect and the page that describes it; `default` is the access that is not told."""

    page: Path
    create_app: Callable[[], Litestar]
    default: Enum
    refusals: Callable[[HTTPRouteHandler], str]


def declined_of(handler: HTTPRouteHandler) -> Iterator[type[DomainError]]:
    """What a route can be refused with, beyond what every write that is done once can."""
    return (each for each in handler.opt["errors"] if each not in (KeyReused, InProgress))


def refusals_of_memento(handler: HTTPRouteHandler) -> str:
    """The codes of a route's refusals, and the statuses of its other errors."""
    kinds = list(declined_of(handler))
    codes = " ".join(each.code for each in kinds if memento_errors.status_of(each) == 400)
    statuses = sorted({memento_errors.status_of(each) for each in kinds} - {400})
    return ", ".join([*([f"`{codes}`"] if codes else []), *map(str, statuses)])


def refusals_of_moneypool(handler: HTTPRouteHandler) -> str:
    """What a route's refusals are about, and the statuses of its other errors."""
    kinds, renamed = list(declined_of(handler)), handler.opt["renamed"]
    fields = {
        moneypool_errors.field_of(each, renamed): None
        for each in kinds
        if issubclass(each, Declined)
    }
    statuses = sorted({moneypool_errors.status_of(each) for each in kinds} - {422})
    return ", ".join([*(f"`{field}`" for field in fields), *map(str, statuses)])


def refusals_of_mobbr(handler: HTTPRouteHandler) -> str:
    """The statuses that a route's errors are answered with, beyond wrong arguments."""
    kinds = (it for it in declined_of(handler) if it not in (Invalid, MissingArgument))
    return ", ".join(sorted({str(mobbr_errors.status_of(it)) for it in kinds}))


MEMENTO_PAGE = DOCS / "memento.md"
DIALECTS = [
    Described(MEMENTO_PAGE, memento.create_app, memento_call.Access.SESSION, refusals_of_memento),
    Described(
        DOCS / "moneypool.md",
        moneypool.create_app,
        moneypool_call.Access.TOKEN,
        refusals_of_moneypool,
    ),
    Described(DOCS / "mobbr.md", mobbr.create_app, mobbr_call.Access.PERSON, refusals_of_mobbr),
]


def routes(app: Litestar) -> Iterator[tuple[Endpoint, HTTPRouteHandler]]:
    """The routes that are described, each with what it is in a document."""
    return ((it.endpoint, it.handler) for it in routes_of(app) if "access" in it.handler.opt)


def route_row(dialect: Described, endpoint: Endpoint, handler: HTTPRouteHandler) -> str:
    """What the table of routes says of a route."""
    once = "yes" if KeyReused in handler.opt["errors"] else ""
    summary = handler.summary or cleandoc(handler.fn.__doc__ or "").rstrip(".")
    access = handler.opt["access"]
    who = "" if access is dialect.default else access.value
    return f"| `{endpoint}` | {summary} | {who} | {once} | {dialect.refusals(handler)} |"


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda it: it.page.stem)
def test_every_route_is_described_and_no_other(dialect: Described) -> None:
    described = [
        row
        for text in sections(dialect.page, "###").values()
        for row in rows(text)
        if re.match(r"\| `[A-Z]+ /", row)
    ]

    there = [route_row(dialect, *each) for each in routes(dialect.create_app())]
    assert sorted(described) == sorted(there)


# The Memento dialect.


def filter_row(path: str, filters: dict[str, Column]) -> str:
    """What the table of lists says of a list."""
    fields = "; ".join(
        f"`{name}` {' '.join(sorted(column.operators))}"
        + (f" ({' '.join(column.choices)})" if column.choices else "")
        for name, column in filters.items()
        if name not in {"created_at", "updated_at"}
    )
    return f"| `GET {path}` | {fields} |"


def test_every_filter_is_described_and_no_other() -> None:
    described = rows(sections(MEMENTO_PAGE, "##")["Lists"])

    expected = [
        filter_row(endpoint.path, handler.opt["filters"])
        for endpoint, handler in routes(memento.create_app())
        if handler.opt["filters"] is not None
    ]
    assert sorted(described) == sorted(expected)


SCHEMAS = {
    "activity summary": "Summary",
    "activity update": "Updates",
    "money pool": "Pool",
    "validation error": "FieldErrorShape",
}
"""The schemas of objects whose names are others than the documents have."""


def object_rows() -> list[str]:
    """What the table of objects says: the fields that the documents have, and the further ones."""
    schemas = document(memento.HANDLERS, MEMENTO)["components"]["schemas"]
    known: dict[str, dict[str, None]] = {}
    for each in objects():
        printed = {name.partition(".")[0] for name in each.types}
        fields = [*each.types, *(name for name in each.sample if name not in printed)]
        known.setdefault(each.name, {}).update(dict.fromkeys(fields))
    rows = []
    for name, documented in known.items():
        there = schemas[SCHEMAS.get(name, name.title().replace(" ", ""))]["properties"]
        printed = {field.partition(".")[0] for field in documented}
        assert printed <= there.keys(), name
        cells = (documented, (field for field in there if field not in printed))
        first, second = (", ".join(f"`{field}`" for field in cell) for cell in cells)
        rows.append(f"| {name} | {first} | {second} |")
    return rows


def test_every_object_is_described_with_all_its_fields() -> None:
    assert rows(sections(MEMENTO_PAGE, "##")["Objects"]) == object_rows()


def test_every_error_code_is_described_and_no_other() -> None:
    described = {
        row.split(" | ")[1].strip("`"): int(row.split(" | ")[0].strip("| "))
        for row in rows(sections(MEMENTO_PAGE, "###")["Error codes"])
    }

    listed: dict[str, int] = {"malformed_request": 400, "method_not_allowed": 405}
    for path in document(memento.HANDLERS, MEMENTO)["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                codes = re.findall(r"^- `(\w+)`:", response["description"], re.MULTILINE)
                listed |= dict.fromkeys(codes, int(status))
    assert described == listed


def test_every_validation_code_is_described_and_no_other() -> None:
    described = rows(sections(MEMENTO_PAGE, "###")["Validation codes"])

    assert {row.split(" | ")[0].strip("| `") for row in described} == CODES


def test_every_limit_is_described_and_no_other() -> None:
    described = {row.rpartition(" | ")[0] for row in rows(sections(MEMENTO_PAGE, "##")["Limits"])}

    limits = [each for each in vars(throttles).values() if isinstance(each, Limit)]
    assert described == {
        f"| `{each.kind}` | {each.count} in {each.window.total_seconds() / 60:g} minutes"
        for each in limits
    }


def test_every_notification_is_described_and_no_other() -> None:
    described = {
        (type_.strip("`"), key)
        for row in rows(sections(MEMENTO_PAGE, "###")["Notifications"])
        for type_, keys in [row.strip("| ").split(" | ", 1)]
        for key in re.findall(r"`(\w+)`", keys)
        if not type_.startswith("`GET")
    }

    assert described == set(KINDS.values())


# The Moneypool dialect.

MONEYPOOL_PAGE = DOCS / "moneypool.md"

SHOWN = {
    "user": ("User", ("Get a User", "user")),
    "user who is asked": ("Person", ("Create a Payment Request", "payment_request.user_requested")),
    "payment request, in the list": ("MixedPaymentRequest", ("Payment Request Object", "")),
    "payment request": ("PaymentRequest", ("Create a Payment Request", "payment_request")),
    "payment": ("Payment", ("Create a Card Payment", "payment")),
    "income": ("Income", ("List Payments", "history.1.income")),
    "outcome": ("Outcome", ("List Payments", "history.0.outcome")),
    "cash payment": ("CashPayment", None),
    "withdrawal": ("Withdrawal", None),
    "confirmed user": ("ConfirmedUser", None),
}
"""The schemas of objects, and below which heading the document has a sample of them, and where."""


def printed_fields(title: str, path: str) -> list[str]:
    """The fields that an object has in the document: in its sample, and in its table."""
    tables = {it.name: it for it in moneypool_objects()}
    samples = {it.title: it.answer for it in examples()}
    sample = samples[title] if title in samples else tables[title].sample
    for name in filter(None, path.split(".")):
        sample = sample[int(name) if name.isdigit() else name]
    return list(dict.fromkeys([*sample, *(tables[title].attributes if title in tables else ())]))


def test_every_object_of_moneypool_is_described_with_all_its_fields() -> None:
    schemas = document(moneypool.HANDLERS, MONEYPOOL)["components"]["schemas"]

    expected = []
    for name, (schema, sample) in SHOWN.items():
        there = schemas[schema]["properties"]
        printed = printed_fields(*sample) if sample else []
        assert set(printed) <= there.keys(), name
        cells = (printed, (field for field in there if field not in printed))
        first, second = (", ".join(f"`{field}`" for field in cell) for cell in cells)
        expected.append(f"| {name} | {first} | {second} |")
    assert rows(sections(MONEYPOOL_PAGE, "##")["Objects"]) == expected


def test_every_refusal_of_moneypool_is_described_and_no_other() -> None:
    listed = {
        f"| `{field}` | {meaning} |"
        for path in document(moneypool.HANDLERS, MONEYPOOL)["paths"].values()
        for operation in path.values()
        for field, meaning in re.findall(
            r"^- `(\w+)`: (.*)$",
            operation["responses"].get("422", {}).get("description", ""),
            re.MULTILINE,
        )
    }

    assert rows(sections(MONEYPOOL_PAGE, "###")["Refusals"]) == sorted(listed)


def test_every_type_of_payment_is_described_and_no_other() -> None:
    described = rows(sections(MONEYPOOL_PAGE, "####")["The history"])

    types = [
        f"`{name}` | {direction}" for direction, names in history_types().items() for name in names
    ]
    assert [row.strip("| ").rpartition(" | ")[0] for row in described] == types


# The Mobbr dialect.

MOBBR_PAGE = DOCS / "mobbr.md"

GENERAL = (Invalid, MissingArgument, Throttled, Unauthenticated, KeyReused, InProgress)
"""What many routes of Mobbr's are refused with, and is told of all together."""

SHOWN_BY_MOBBR: Mapping[str, tuple[str, *tuple[tuple[str, str], ...]]] = {
    "preview": ("Preview", ("Create payment", "result")),
    "script": (
        "Script",
        ("Confirm payment", "result.payment_script"),
        ("Create payment, 2", "result.script"),
    ),
    "participant": ("Participant", ("Confirm payment", "result.payment_script.participants.0")),
    "derivation": ("Derivation",),
    "confirmed payment": ("Confirmed", ("Confirm payment", "result")),
    "payment, in the list": ("Listed", ("List payments", "result.0")),
    "payment, of a domain": ("PaidToHost", ("List payments for domain", "result.0")),
    "payment, of an URL": ("PaidToPage", ("List payments for URL", "result.0")),
    "somebody": ("Somebody", ("List payments for URL", "result.0.senders.0")),
    "payment": ("Inspected", ("Inspect payment", "result")),
    "keyword": ("Keyword", ("Inspect payment", "result.keywords.0")),
    "receiver": ("Receiver", ("Inspect payment", "result.receivers.0")),
    "sender": ("Sender", ("Inspect payment", "result.senders.0")),
    "unclaimed share": ("Unclaimed", ("List unclaimed shares", "result.0")),
    "claimable payment": ("Claimable", ("List claimable payments", "result.0")),
    "pledge": ("Pledge", ("List pledges", "result.0")),
    "what was claimed": ("Claimed",),
    "balances": ("Balances",),
    "balance": ("Balance",),
    "currency": ("Currency",),
    "kind of ids": ("IdProvider",),
    "user": ("User",),
    "link": ("Link",),
    "link to claim by": ("ClaimLink",),
    "what somebody came back with": ("Returned",),
}
"""The schemas of objects, and of which calls the document has samples of them, and where."""


def fields_in_mobbr(title: str, path: str) -> list[str]:
    """The fields that an object has in the document's sample."""
    [sample] = [mended(it.answer) for it in mobbr_examples() if it.title == title]
    for name in path.split("."):
        sample = sample[int(name) if name.isdigit() else name]
    return list(sample)


def test_every_object_of_mobbr_is_described_with_all_its_fields() -> None:
    schemas = document(mobbr.HANDLERS, MOBBR)["components"]["schemas"]

    expected = []
    for name, (schema, *samples) in SHOWN_BY_MOBBR.items():
        there = schemas[schema]["properties"]
        printed = list(dict.fromkeys(it for each in samples for it in fields_in_mobbr(*each)))
        assert set(printed) <= there.keys(), name
        cells = (printed, (field for field in there if field not in printed))
        first, second = (", ".join(f"`{field}`" for field in cell) for cell in cells)
        expected.append(f"| {name} | {first} | {second} |")
    assert rows(sections(MOBBR_PAGE, "##")["Objects"]) == expected


def test_every_refusal_of_mobbr_is_described_and_no_other() -> None:
    found: dict[tuple[int, str], list[str]] = {}
    for _, handler in routes(mobbr.create_app()):
        for kind in handler.opt["errors"]:
            if kind not in GENERAL:
                said = (mobbr_errors.status_of(kind), " ".join((kind.__doc__ or "").split()))
                found.setdefault(said, []).append(str(handler.summary))

    expected = [
        f"| {status} | {text} | {', '.join(calls)} |"
        for (status, text), calls in sorted(found.items())
    ]
    assert rows(sections(MOBBR_PAGE, "###")["Refusals"]) == expected


def test_every_division_comes_out_as_it_is_described() -> None:
    told = rows(sections(MOBBR_PAGE, "###")["The division"])

    assert len(told) >= 5
    for row in told:
        shares, amount, amounts = (cell.split(", ") for cell in row.strip("| ").split(" | "))
        people = [
            {"id": f"mailto:a{at}@b.test", "share": share.strip("`")}
            for at, share in enumerate(shares)
        ]
        divided = divide(
            parse({"participants": people}, hosts=()), Money(Decimal(amount[0]), "EUR")
        )
        assert [it.amount for it in divided.portions] == [*map(Decimal, amounts)], row


# The ledger.


def test_every_check_of_the_audit_is_described_and_no_other() -> None:
    said = sections(DOCS / "ledger.md", "##")["Audit"]

    described = re.findall(r"^\* \*\*(.+?)\.\*\*", said, re.MULTILINE)
    assert described == [check.claim for check in (*LEDGER_CHECKS, *DOMAIN_CHECKS)]


# Operating.


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder for another installation."""
    with temporary_folder() as folder:
        yield folder


def shell(folder: Path, script: str) -> str:
    """What a script prints that is run in a folder; it must say nothing on stderr."""
    done = subprocess.run(
        ["/bin/sh", "-eu"],
        check=False,
        cwd=folder,
        input=script.replace(".venv/bin/", f"{Path(sys.executable).parent}/"),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.processes
def test_backup_and_restore_work_as_printed(elsewhere: Path) -> None:
    said = sections(DOCS / "operating.md", "###")
    connecting = blocks(said["How to connect"], "sh")
    with temporary_folder() as folder, serving(folder):
        (folder / ".whipround").symlink_to("data")
        shell(folder, connecting + blocks(said["Backup"], "sh"))
        for name in ("whipround.dump", "secret.key"):
            shutil.copy(folder / name, elsewhere)

    printed = shell(elsewhere, blocks(said["Restore"], "sh"))

    assert "The books hold." in printed


# All pages.


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        found = page.parent / path if path else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_are_not_too_long(page: Path) -> None:
    lines = page.read_text().splitlines()
    assert all(len(line) <= LONGEST_LINE for line in lines if not line.startswith("|"))


def test_every_decision_is_short_and_listed() -> None:
    index = (DOCS / "decisions" / "README.md").read_text()

    listed = re.findall(r"^\* \[(.+)\]\((.+)\)$", index, re.MULTILINE)
    assert listed == [(title_of(page), page.name) for page in DECISIONS]
    for number, page in enumerate(DECISIONS, start=1):
        assert page.name.startswith(f"{number:04}-")
        assert len(page.read_text().splitlines()) <= LONGEST_DECISION, page.name
        assert list(sections(page, "##")) == ["Context", "Decision", "Consequence"], page.name


def title_of(page: Path) -> str:
    return page.read_text().partition("\n")[0].removeprefix("# ")


def test_the_changelog_knows_this_version() -> None:
    assert whipround.__version__ in (ROOT / "CHANGELOG.md").read_text()
