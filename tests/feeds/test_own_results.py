"""Results that come back as an export are read as they were written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.feeds.opening import open_feed
from worker.feeds.source import Row
from worker.results.writing import COLUMNS, open_writer

if TYPE_CHECKING:
    from pathlib import Path

# A reader takes a blank row for none, and a NUL or a lone carriage return for damage; results hold neither.
_CELLS = st.text(st.sampled_from("aåÖ '=+-@|;,\t\"\n0"), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all examples."""
    return tmp_path_factory.mktemp("own")


@pytest.mark.parametrize("form", ["csv", "csv-excel"])
@given(cells=st.lists(_CELLS, min_size=1, max_size=len(COLUMNS) - 3))
def test_csv_of_ours_comes_back_as_it_was(folder: Path, form: str, cells: list[str]) -> None:
    path = folder / f"{form}.csv"
    texts = [column for column in COLUMNS if column not in {"created_at", "finalized_at", "part"}]
    values = dict.fromkeys(COLUMNS) | {"part": "operation"} | dict(zip(texts, cells, strict=False))
    with path.open("w", encoding="utf-8", newline="") as stream, open_writer(stream, form) as put:
        put(values)
    with open_feed(path) as export:
        (row,) = list(export.rows())
    assert isinstance(row, Row)
    assert dict(zip(export.headings, row.cells, strict=True)) == {name: value or "" for name, value in values.items()}
