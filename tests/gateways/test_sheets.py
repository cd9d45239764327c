"""Files that people open: what is in them is what was written, and nothing of it is a formula."""

import csv
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any
from zipfile import ZipFile

import pytest
from openpyxl import load_workbook

from whipround.gateways import sheets
from whipround.gateways.sheets import Cell, CsvSheet, ExcelSheet, File

HEADINGS = ("Name", "Amount", "At")
AT = datetime(2026, 1, 15, 12, 0, 30, tzinfo=UTC)

STARTS = "=+-@\t\r\n＝＋－＠"
RISKY = [f"{start}1+1" for start in STARTS]
PLAIN = ['Zoë, "Z"', "O'Neil", "1=1", "007", "2026-01-15", "", " =1", "姓名"]


def rows(names: list[str]) -> list[tuple[Cell, ...]]:
    here = AT.astimezone(timezone(timedelta(hours=2)))
    return [*((name, Decimal("20.50"), here) for name in names), ("nothing", None, None)]


def written(sheet: CsvSheet | ExcelSheet, table: list[tuple[Cell, ...]]) -> File:
    sheet.add(table[:3])
    sheet.add(iter(table[3:]))
    file = sheet.finish()
    sheet.close()
    return file


def read_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(StringIO(content.decode("utf-8"), newline="")))


def test_a_csv_file_reads_as_it_was_written() -> None:
    file = written(CsvSheet("participants", HEADINGS), rows([*PLAIN, *RISKY]))

    assert file[:2] == ("participants.csv", "text/csv")
    heading, *lines = read_csv(file.content)
    assert heading == list(HEADINGS)
    shown = [*PLAIN, *(f"'{name}" for name in RISKY)]
    at = "2026-01-15T12:00:30Z"
    assert lines == [*([name, "20.50", at] for name in shown), ["nothing", "", ""]]
    assert not any(cell.startswith(tuple(STARTS)) for line in lines for cell in line)


def test_a_csv_file_has_no_formulas_for_whom_a_semicolon_separates() -> None:
    table: list[tuple[Cell, ...]] = [("Ann;=1+1", "Zoë", "a;b;-1\t@x")]

    file = written(CsvSheet("participants", HEADINGS), table)

    assert read_csv(file.content)[1] == ["Ann;'=1+1", "Zoë", "a;b;'-1\t'@x"]
    other = [
        cell for line in file.content.decode().splitlines() for cell in re.split("[;\t]", line)
    ]
    assert len(other) > len(HEADINGS)
    assert not any(cell.startswith(tuple(STARTS)) for cell in other)


def test_a_large_csv_file_is_zipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "ZIPPED_FROM_BYTES", 100)

    file = written(CsvSheet("participants", HEADINGS), rows(PLAIN))

    assert file[:2] == ("participants.csv.zip", "application/zip")
    with ZipFile(BytesIO(file.content)) as archive:
        assert archive.namelist() == ["participants.csv"]
        assert len(read_csv(archive.read("participants.csv"))) == len(PLAIN) + 2


def test_a_workbook_reads_as_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "ROWS_OF_A_SHEET", 10)
    # An escaped line end is one to Excel, though not to the library that reads it here.
    names = [*(name for name in PLAIN if name), *RISKY[:5], *RISKY[7:]]
    table = rows(names)

    file = written(ExcelSheet("participants", HEADINGS), table)

    assert file.name == "participants.xlsx"
    book = load_workbook(BytesIO(file.content))
    assert [sheet.max_row for sheet in book] == [10, len(table) - 9 + 1]
    cells: list[Any] = [row for sheet in book for row in sheet.iter_rows(min_row=2)]
    assert [[cell.value for cell in sheet[1]] for sheet in book] == [list(HEADINGS)] * 2
    assert [row[0].value for row in cells] == [*names, "nothing"]
    assert {row[0].data_type for row in cells} <= {"s", "inlineStr"}
    assert all(row[0].quotePrefix == (row[0].value[0] in STARTS) for row in cells)
    *full, empty = cells
    assert {(row[1].value, row[1].number_format) for row in full} == {(20.5, "0.00")}
    assert {row[2].value for row in full} == {AT.replace(tzinfo=None)}
    assert [cell.value for cell in empty] == ["nothing", None, None]


def test_a_currency_without_decimals_has_none_in_a_workbook() -> None:
    file = written(ExcelSheet("participants", ("Amount",), decimals=0), [(Decimal(20),)])

    sheet = load_workbook(BytesIO(file.content)).worksheets[0]
    assert (sheet["A2"].value, sheet["A2"].number_format) == (20, "0")
