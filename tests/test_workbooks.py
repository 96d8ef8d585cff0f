"""The writer of workbooks: texts stay texts, moments are real dates, and a file appears whole or not at all."""

from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from worker import workbooks
from worker.workbooks import draft_workbook, write_workbook


def written(*rows: list[Any], headings: tuple[str, ...] = ("Id", "Text")) -> Any:
    """Write rows, and open the workbook as openpyxl does."""
    stream = BytesIO()
    with write_workbook(stream, headings, title="Ärenden") as put:
        for row in rows:
            put(row)
    return load_workbook(stream)


def values(sheet: Any) -> list[tuple[Any, ...]]:
    return list(sheet.iter_rows(values_only=True))


@pytest.mark.parametrize("text", ["=1+1", "#N/A", "000123", "1,5", "2026-12-02", "+46", "@x", " å\n|", "TRUE", "'1"])
def test_text_stays_the_text_it_is(text: str) -> None:
    cell = written([text]).active["A2"]
    assert cell.value == text
    assert cell.data_type == "s"
    assert cell.number_format == "@"


def test_character_without_place_in_xml_is_escaped() -> None:
    row = values(written(["a\x07b", "_x0007_"]).active)[1]
    assert row == ("a_x0007_b", "_x005F_x0007_")


def test_too_long_text_is_cut_and_says_so() -> None:
    (text, _) = values(written(["x" * 40_000, None]).active)[1]
    assert len(text) == workbooks.MAX_TEXT
    assert text.endswith("x…")


def test_moments_are_real_dates_in_stockholms_time() -> None:
    sheet = written([datetime(2026, 12, 2, 8, 15, tzinfo=UTC), date(2026, 12, 3)]).active
    assert sheet["A2"].value == datetime(2026, 12, 2, 9, 15)  # noqa: DTZ001 (a workbook knows no zone)
    assert sheet["A2"].number_format == "yyyy-mm-dd hh:mm"
    assert sheet["B2"].number_format == "yyyy-mm-dd"


def test_moment_before_the_calendar_of_spreadsheets_is_text() -> None:
    assert values(written([date(1850, 1, 1), datetime(9999, 12, 31, 23, tzinfo=UTC)]).active)[1] == (
        "1850-01-01",
        "9999-12-31 23:00:00+00:00",
    )


def test_numbers_and_flags_are_their_own_kind() -> None:
    assert values(written([17, True], [10**15, 0.5]).active)[1:] == [(17, True), ("1000000000000000", "0.5")]


def test_empty_text_is_an_empty_cell() -> None:
    assert values(written(["", "x"]).active)[1] == (None, "x")


def test_headings_are_bold_and_stay_in_sight() -> None:
    sheet = written().active
    assert sheet["A1"].font.bold
    assert sheet.freeze_panes == "A2"
    assert sheet.title == "Ärenden"


def test_empty_cells_below_take_what_is_typed_as_text() -> None:
    assert written().active.column_dimensions["B"].number_format == "@"


def test_columns_are_as_wide_as_the_first_rows() -> None:
    dimensions = written(["x" * 20, "y" * 500]).active.column_dimensions
    assert dimensions["A"].width == 22
    assert dimensions["B"].width == 60


def test_rows_beyond_a_full_sheet_go_on_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MAX_SHEET_ROWS", 151)
    book = written(*([number, "x"] for number in range(301)))
    assert [sheet.max_row for sheet in book.worksheets] == [151, 151, 2]
    assert values(book.worksheets[2]) == [("Id", "Text"), (300, "x")]


def test_file_appears_whole_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "svar.xlsx"
    with draft_workbook(path, ["Id"]) as put:
        put(["1"])
        assert not path.exists()
    assert values(load_workbook(path).active) == [("Id",), ("1",)]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("rows", [0, 3, workbooks.SAMPLE + 5])
def test_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Not even a sheet's temporary file."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))

    def fail() -> None:
        with draft_workbook(tmp_path / "svar.xlsx", ["Id"]) as put:
            for number in range(rows):
                put([str(number)])
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert list(tmp_path.rglob("*")) == [tmp_path / "temporary"]
