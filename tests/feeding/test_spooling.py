"""A driver's values become cells, and rows that cannot be cells are bad rows of their own."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from worker.feeding.cursors import CursorUnfit, newer_of, read_cursor, step_back, write_cursor
from worker.feeding.spooling import Spool, as_cell
from worker.feeds import BadRow, Row

MOMENT = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, None),
        (True, True),
        (4711, 4711),
        ("Åsa", "Åsa"),
        (Decimal("4711.00"), 4711),
        (Decimal("1.50"), "1.50"),
        (Decimal("NaN"), "NaN"),
        (float("inf"), "inf"),
        (datetime(2026, 12, 2, 9, 15), "2026-12-02T09:15:00"),  # noqa: DTZ001 (a CRM's own)
        (MOMENT, "2026-12-01T09:00:00+00:00"),
        (date(2026, 12, 2), "2026-12-02"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"text", "text"),
        (["a", Decimal(1)], ["a", 1]),
        ({"a": MOMENT}, {"a": "2026-12-01T09:00:00+00:00"}),
    ],
)
def test_a_value_becomes_a_cell(value: Any, cell: Any) -> None:
    assert as_cell(value) == cell
    assert type(as_cell(value)) is type(cell)


@pytest.mark.parametrize("value", [b"\xff\xfe", "a\0b", "\ud800", "x" * 70_000])
def test_an_unfit_value_makes_a_bad_row(value: Any) -> None:
    with Spool("q", ["id", "note"]) as spool:
        spool.add(["1", value])
        spool.add(["2", "good"])
        bad, good = spool.open_export().rows()
    assert isinstance(bad, BadRow)
    assert bad.column == "note"
    assert good == Row(2, ["2", "good"])


def test_the_same_rows_have_the_same_hash() -> None:
    hashes = set()
    for note in ("a", "a", "b"):
        with Spool("q", ["note"]) as spool:
            spool.add([note])
            hashes.add(spool.open_export().sha256)
    assert len(hashes) == 2


@pytest.mark.parametrize("value", [7, 1.5, "b", Decimal("7.5"), MOMENT, date(2026, 12, 1), b"\x01\x02"])
def test_a_cursor_is_kept_as_it_is(value: Any) -> None:
    assert read_cursor(write_cursor(value)) == value


def test_a_cursor_steps_back_in_its_own_form() -> None:
    assert step_back("2026-12-01 00:01:00.123", 120) == "2026-11-30 23:59:00.123"
    assert step_back("2026-12-01T00:01:00Z", 120) == "2026-11-30T23:59:00Z"
    assert step_back(1000, 300) == 700
    assert step_back("abc", 300) == "abc"


def test_values_of_several_types_are_no_cursor() -> None:
    with pytest.raises(CursorUnfit):
        newer_of(7, "seven", MOMENT)
    with pytest.raises(CursorUnfit):
        write_cursor(True)
