"""Tables as files that people open: CSV, and Excel workbooks.

What people typed is text, and never a formula: a name such as `=HYPERLINK(…)` is one to a program
that opens the file, unless it is told otherwise (CWE-1236). Everything here blocks: it belongs in a
thread.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO, TextIOWrapper
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import NamedTuple, Protocol, TypeAlias
from zipfile import ZIP_DEFLATED, ZipFile

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

Cell: TypeAlias = str | Decimal | datetime | None
"""Text, a number, a time in UTC, or nothing."""

ZIPPED_FROM_BYTES = 8 * 1024 * 1024
"""From which size on a CSV file is zipped: mail servers take no more than about 25 MiB."""

ROWS_OF_A_SHEET = 1_048_576
"""As many as Excel has."""

# What begins a formula, in full width too, where that begins a cell: also one of its own for a
# program that takes something else than the comma for the separator.
_FORMULA = re.compile(r"(^|[;\t\r\n])(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")
_CSV_TIME = "%Y-%m-%dT%H:%M:%SZ"
_EXCEL_TIME = "yyyy-mm-dd hh:mm:ss"
_WIDTHS = {str: 24, Decimal: 14, datetime: 20}


class File(NamedTuple):
    """A file as it is sent; `content_type` is its media type."""

    name: str
    content_type: str
    content: bytes


class Sheet(Protocol):
    """A table that is being written, row by row, whatever its size."""

    def add(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Write further rows."""
        ...

    def finish(self) -> File:
        """The file. Nothing can be added any more."""
        ...

    def close(self) -> None:
        """Let go of what it holds; more than once does no harm."""
        ...


class CsvSheet:
    """A CSV file (RFC 4180) in UTF-8, with plain numbers and ISO 8601 times.

    What would be read as a formula gets an apostrophe in front of it.
    """

    def __init__(self, name: str, headings: Sequence[str]) -> None:
        self._name = name
        self._bytes = TemporaryFile()  # noqa: SIM115 (closed by `close`)
        self._text = TextIOWrapper(self._bytes, encoding="utf-8", newline="")
        self._writer = csv.writer(self._text)
        self._writer.writerow(headings)

    def add(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Write further rows."""
        self._writer.writerows([_csv(cell) for cell in row] for row in rows)

    def finish(self) -> File:
        """The file; zipped if it is large."""
        self._text.flush()
        size = self._bytes.tell()
        self._bytes.seek(0)
        name = f"{self._name}.csv"
        if size < ZIPPED_FROM_BYTES:
            return File(name, "text/csv", self._bytes.read())
        zipped = BytesIO()
        with ZipFile(zipped, "w", ZIP_DEFLATED) as archive, archive.open(name, "w") as entry:
            copyfileobj(self._bytes, entry)
        return File(f"{name}.zip", "application/zip", zipped.getvalue())

    def close(self) -> None:
        """Forget what was written."""
        self._text.close()


def _csv(cell: Cell) -> str:
    if isinstance(cell, str):
        return _FORMULA.sub(r"\1'", cell)
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).strftime(_CSV_TIME)
    return "" if cell is None else f"{cell:f}"


class ExcelSheet:
    """An Excel workbook: numbers and times are such, and text is never a formula.

    It goes on on another sheet where one is full.
    """

    def __init__(self, name: str, headings: Sequence[str], *, decimals: int = 2) -> None:
        """`decimals` is how many its numbers show."""
        self._name = name
        self._headings = headings
        self._bytes = BytesIO()
        # Written to a file as it grows, a row at a time.
        self._book = Workbook(self._bytes, {"constant_memory": True})
        self._bold = self._book.add_format({"bold": True})
        # Still text when somebody edits it.
        self._plain = self._book.add_format({"quote_prefix": True})
        zeros = "." + "0" * decimals if decimals else ""
        self._number = self._book.add_format({"num_format": f"0{zeros}"})
        self._time = self._book.add_format({"num_format": _EXCEL_TIME})
        self._is_open = True
        self._begin()

    def _begin(self) -> None:
        self._sheet: Worksheet = self._book.add_worksheet()
        self._sheet.freeze_panes(1, 0)
        self._sheet.set_column(0, len(self._headings) - 1, _WIDTHS[str])
        for column, heading in enumerate(self._headings):
            self._sheet.write_string(0, column, heading, self._bold)
        self._row = 1

    def add(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Write further rows."""
        for row in rows:
            if self._row == ROWS_OF_A_SHEET:
                self._begin()
            for column, cell in enumerate(row):
                self._write(column, cell)
            self._row += 1

    def _write(self, column: int, cell: Cell) -> None:
        if isinstance(cell, str):
            risky = _FORMULA.match(cell)
            self._sheet.write_string(self._row, column, cell, self._plain if risky else None)
        elif isinstance(cell, datetime):
            # A workbook knows no zones.
            local = cell.astimezone(UTC).replace(tzinfo=None)
            self._sheet.write_datetime(self._row, column, local, self._time)
        elif cell is not None:
            # Excel's numbers have 15 digits, whoever writes them.
            self._sheet.write_number(self._row, column, cell, self._number)

    def finish(self) -> File:
        """The workbook."""
        self.close()
        type_ = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        return File(f"{self._name}.xlsx", type_, self._bytes.getvalue())

    def close(self) -> None:
        """Have it written to the end."""
        if self._is_open:
            self._is_open = False
            self._book.close()
