"""Properties of workbooks: a table means the same as xlsx and as CSV, and no bytes lead to anything but a clear refusal."""

import csv
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO, StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from tests.feeds.files import ReadExport, read, write
from worker.feeds import FileRefused, Row, open_feed
from worker.sheets.process import open_workbook, read_workbook
from worker.workbooks import write_workbook

FILES = Path(__file__).parent / "workbooks"
HEADINGS = ["Id", "Kund-id", "Anteckning", "Plats"]

_TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Cn"], include_characters="\n"), max_size=12)
_ODD = st.sampled_from(["000123", "=1+1", "#N/A", "_x0041_", "a\nb", "TRUE", "å", '"', ";", "1,5", "2026-12-02"])
_CELLS = st.one_of(_ODD, _TEXTS).map(lambda text: text if text.strip() else "")
_IDS = st.integers(1, 9_999).map("A-{}".format)
_TABLES = st.lists(st.tuples(_IDS, st.just("M30001"), _CELLS, _CELLS), max_size=8)
_SIGNATURES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0")

few = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
many = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


@few
@given(_TABLES)
def test_table_means_the_same_as_workbook_and_as_csv(table: list[tuple[str, ...]]) -> None:
    book, text = BytesIO(), StringIO()
    with write_workbook(book, HEADINGS) as put:
        for row in table:
            put(row)
    csv.writer(text, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows([HEADINGS, *table])
    with TemporaryDirectory() as folder:
        as_csv = read(write(Path(folder), text.getvalue()))
        as_workbook = read(write(Path(folder), book.getvalue(), "export.xlsx"))
    assert _outcomes(as_workbook) == _outcomes(as_csv)
    assert all(row.cells == list(table[row.line - 2]) for row in as_workbook.rows)


def _outcomes(export: ReadExport) -> list[Any]:
    """Return the cells of a good row, the code of a bad one."""
    return [list(row.cells) if isinstance(row, Row) else row.code for row in export.items]


_DAYS = st.dates().filter(lambda day: day.year > 1900)
_MOMENTS = st.datetimes().map(lambda moment: moment.replace(microsecond=0)).filter(lambda moment: moment.year > 1900)
_TIMES = st.times().map(lambda moment: moment.replace(microsecond=0))
_VALUES = st.one_of(st.integers(-(10**14), 10**14), st.booleans(), _DAYS, _MOMENTS, _TIMES)


@few
@given(st.lists(_VALUES, min_size=1, max_size=30))
def test_value_is_shown_as_it_was_written(values: list[Any]) -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    for value in values:
        sheet.append([value])
    file = BytesIO()
    book.save(file)
    (rows, _) = read_workbook(open_workbook(file, "xlsx"), "")
    assert [row.cells[0] for row in rows] == list(map(_shown, values))


def _shown(value: Any) -> str:
    text = str(value).upper() if isinstance(value, bool) else str(value)
    return text.removesuffix(":00") if text.count(":") == 2 else text


@few
@given(st.sampled_from(_SIGNATURES), st.binary())
def test_bytes_behind_a_signature_are_refused_in_a_line(signature: bytes, content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = write(Path(folder), signature + content, "export")
        with pytest.raises(FileRefused) as refused, open_feed(path):
            pass
    assert str(refused.value).count("\n") == 0


class Judge:
    """A process with the limits of the real one that reads one workbook after another."""

    _LOOP = """
import sys, traceback
from worker.sheets.process import limit_resources, open_workbook, read_workbook
from worker.sheets.sheet import WorkbookFault
limit_resources()
for line in sys.stdin:
    form, path = line.split()
    try:
        with open(path, "rb") as file:
            for batch in read_workbook(open_workbook(file, form), ""):
                pass
    except (MemoryError, RecursionError, WorkbookFault):
        pass
    except Exception:
        print(repr(traceback.format_exc()), flush=True)
        continue
    print("", flush=True)
"""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "workbook"
        self._process = subprocess.Popen(
            [sys.executable, "-c", self._LOOP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, content: bytes, form: str) -> str:
        """Return the traceback to which a workbook leads; empty if it is read, or a fault."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._path.write_bytes(content)
        print(form, self._path, file=self._process.stdin, flush=True)
        return self._process.stdout.readline().strip() or "" if self._process.poll() is None else "it has died"

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    judge = Judge(tmp_path_factory.mktemp("judge"))
    yield judge
    judge.close()


def _damage(content: bytes, data: st.DataObject) -> bytes:
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    return bytes(damaged)


@many
@given(st.data())
def test_damaged_xls_is_read_or_a_fault(judge: Judge, data: st.DataObject) -> None:
    assert judge(_damage((FILES / "office.xls").read_bytes(), data), "xls") == ""


@many
@given(st.sampled_from(["office.xlsx", "office.ods"]), st.data())
def test_damaged_part_is_read_or_a_fault(judge: Judge, name: str, data: st.DataObject) -> None:
    """Each part is damaged before it is packed: behind its checksum no damage would come."""
    file = BytesIO()
    with ZipFile(FILES / name) as usual, ZipFile(file, "w", ZIP_STORED) as archive:
        parts = [part for part in usual.namelist() if part.endswith((".xml", ".rels")) and usual.read(part)]
        damaged = data.draw(st.sampled_from(parts))
        for part in usual.namelist():
            content = usual.read(part)
            archive.writestr(part, _damage(content, data) if part == damaged else content)
    assert judge(file.getvalue(), name.rpartition(".")[2]) == ""
