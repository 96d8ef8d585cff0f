"""The process that reads workbooks: one line at the end says how it went, and its memory has a limit."""

import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.sheets.xml_files import ods_file, xlsx_file
from worker.sheets import process
from worker.sheets.memory import MEMORY


def read(path: Path, form: str = "xlsx", sheet: str = "") -> list[Any]:
    with path.open("rb") as file:
        command = [sys.executable, "-m", "worker.sheets.process", form, sheet]
        finished = subprocess.run(command, stdin=file, capture_output=True, check=True)
    assert finished.stderr == b""
    return [json.loads(line) for line in finished.stdout.splitlines()]


def save(folder: Path, content: BytesIO) -> Path:
    path = folder / "file"
    path.write_bytes(content.getvalue())
    return path


ROWS = "<row><c><v>1</v></c></row><row r='9'><c><v>2</v></c></row>"


def xlsx(rows: str, **parts: str) -> BytesIO:
    return xlsx_file(f"<worksheet><sheetData>{rows}</sheetData></worksheet>", **parts)


def test_rows_come_first_and_the_summary_last(tmp_path: Path) -> None:
    rows, last = read(save(tmp_path, xlsx(ROWS)))
    assert rows == [[1, False, ["1"]], [9, False, ["2"]]]
    assert last["summary"] == {
        "sheet": "Ark",
        "hidden_sheets": [],
        "other_sheets": [],
        "merged": [],
        "hidden_columns": [],
    }


def table(name: str, value: int) -> str:
    cell = f"<table:table-cell office:value-type='float' office:value='{value}'/>"
    return f"<table:table table:name='{name}'><table:table-row>{cell}</table:table-row></table:table>"


def test_several_visible_sheets_are_choices(tmp_path: Path) -> None:
    path = save(tmp_path, ods_file(table("A", 1) + "<table:table table:name='Tom'/>" + table("B", 2)))
    assert read(path, "ods") == [{"choices": [["A", [["1"]]], ["B", [["2"]]]]}]


def test_sheet_may_be_named(tmp_path: Path) -> None:
    rows, last = read(save(tmp_path, ods_file(table("A", 1) + table("B", 2))), "ods", "B")
    assert rows == [[1, False, ["2"]]]
    assert last["summary"]["other_sheets"] == ["A"]


def test_only_sheet_with_content_is_meant(tmp_path: Path) -> None:
    rows, _ = read(save(tmp_path, ods_file("<table:table table:name='Tom'/>" + table("B", 2))), "ods")
    assert rows == [[1, False, ["2"]]]


@pytest.mark.parametrize("form", ["xlsx", "ods", "xls"])
def test_file_that_is_no_workbook_is_a_fault(tmp_path: Path, form: str) -> None:
    (last,) = read(save(tmp_path, BytesIO(b"PK\x03\x04 and no more")), form)
    assert last["fault"][2] == "damaged_workbook"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems limit no memory")
@pytest.mark.parametrize("strings", ["<sst>" + "<si><t/></si>" * 12_000_000 + "</sst>"])
def test_workbook_that_needs_too_much_memory_is_a_fault(tmp_path: Path, strings: str) -> None:
    """Eight bytes for each text."""
    path = save(tmp_path, xlsx("<row><c t='s'><v>1</v></c></row>", strings=strings))
    (last,) = read(path)
    assert last["fault"][2] == "workbook_too_large"


def test_rows_beyond_the_limit_are_a_fault(tmp_path: Path) -> None:
    path = save(tmp_path, xlsx(ROWS * 1_000))
    command = (
        "import sys; from worker.sheets import process; process.MAX_OUTPUT = 1_000;"
        " sys.argv[1:] = ['xlsx', '']; process.main()"
    )
    with path.open("rb") as file:
        finished = subprocess.run([sys.executable, "-c", command], stdin=file, capture_output=True, check=False)
    assert finished.returncode == process.TOO_LARGE


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems limit no memory")
def test_elements_without_end_are_too_much(tmp_path: Path) -> None:
    """A zip of ten kilobytes, and nearly all memory gone when it is noticed."""
    (last,) = read(save(tmp_path, xlsx_file("<worksheet><sheetData>" + "<a>" * 3_000_000)))
    assert last["fault"][2] == "workbook_too_large"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems limit no memory")
def test_names_without_end_are_too_much(tmp_path: Path) -> None:
    names = "".join(f"<x{number}/>" for number in range(1_500_000))
    (last,) = read(save(tmp_path, xlsx_file(f"<worksheet><sheetData>{names}")))
    assert last["fault"][2] == "workbook_too_large"


def test_endless_tag_is_damage(tmp_path: Path) -> None:
    (last,) = read(save(tmp_path, xlsx_file(f"<worksheet><sheetData><row r='{'1' * 3_000_000}'/>")))
    assert last["fault"][2] == "damaged_workbook"


def test_process_imports_little() -> None:
    """Each megabyte that it has at its start is one less for the workbook."""
    command = "import sys, worker.sheets.process; print(*sys.modules)"
    finished = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True, text=True)
    assert not {"pydantic", "sqlalchemy", "openpyxl", "worker.feeds"} & set(finished.stdout.split())
    assert MEMORY < 200 * 1024**2
