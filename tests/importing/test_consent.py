"""Imports that a person should agree to first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.importing.exports import HEADINGS, comeback, export, feed_files, import_export, operations
from worker.importing import ConsentNeeded, ImportOptions, consent

if TYPE_CHECKING:
    from pathlib import Path

    from worker.outbox import Database

UNAGREED = ImportOptions(agreed=False, per_second=0.5)
NOTIFICATION = ("source_id", "customer_id", "message", "recipients")


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consent, "MANY_PEOPLE", 6)


def notifications(count: int, prefix: str = "N") -> list[list[str]]:
    return [[f"{prefix}-{number}", "M30001", f"Bud {number}", "HAN1|HAN2"] for number in range(count)]


def concerns(db: Database, path: Path) -> tuple[str, ...]:
    with pytest.raises(ConsentNeeded) as needed:
        import_export(db, path, options=UNAGREED)
    return needed.value.concerns


def test_many_messages_of_a_first_import_are_counted(db: Database, tmp_path: Path) -> None:
    path = export(tmp_path, notifications(90), NOTIFICATION)
    (concern,) = concerns(db, path)
    assert "at least 180 messages" in concern
    assert "in 3 minutes or more" in concern
    assert operations(db) == []
    assert feed_files(db) == []


def test_a_few_messages_are_nothing_to_ask(db: Database, tmp_path: Path) -> None:
    assert import_export(db, export(tmp_path, notifications(2), NOTIFICATION), options=UNAGREED).counts.recorded == 2


def test_a_feed_that_has_sent_some_is_not_asked(db: Database, tmp_path: Path) -> None:
    import_export(db, export(tmp_path, notifications(1), NOTIFICATION))
    path = export(tmp_path, notifications(90, "M"), NOTIFICATION)
    assert import_export(db, path, options=UNAGREED).counts.recorded == 90


def test_with_consent_or_in_a_dry_run_nothing_is_asked(db: Database, tmp_path: Path) -> None:
    path = export(tmp_path, notifications(90), NOTIFICATION)
    assert import_export(db, path, options=UNAGREED, dry_run=True).counts.recorded == 90
    assert import_export(db, path).counts.recorded == 90


def test_dates_that_are_long_past_are_counted(db: Database, tmp_path: Path) -> None:
    path = export(tmp_path, [comeback("C-1", date="2026-01-07 09:00"), comeback("C-2", date="2099-01-07 09:00")])
    assert concerns(db, path) == ("1 comeback rows have dates more than 30 days back",)


def test_rows_under_new_ids_are_noticed(db: Database, tmp_path: Path) -> None:
    rows = [comeback(f"C-{number}", note=f"note {number}", date="2099-01-07 09:00") for number in range(10)]
    import_export(db, export(tmp_path, rows))
    path = export(tmp_path, [[f"NEW-{row[0]}", *row[1:]] for row in rows])
    (concern,) = concerns(db, path)
    assert concern.startswith("10 of 10 new comeback rows say just what rows with other ids said before")
    assert "note" not in concern


def test_new_rows_beside_known_ones_are_no_new_ids(db: Database, tmp_path: Path) -> None:
    rows = [comeback(f"C-{number}", note=f"note {number}", date="2099-01-07 09:00") for number in range(20)]
    import_export(db, export(tmp_path, rows[:10]))
    assert import_export(db, export(tmp_path, rows), options=UNAGREED).counts.recorded == 10


def test_an_import_that_has_begun_goes_on_unasked(db: Database, tmp_path: Path) -> None:
    path = export(tmp_path, notifications(90), NOTIFICATION)
    import_export(db, path)
    assert import_export(db, path, options=UNAGREED).counts.unchanged == 90


def test_rows_that_cannot_be_read_are_no_concern(db: Database, tmp_path: Path) -> None:
    path = export(tmp_path, [comeback("C-1", date="2026-02-30")], HEADINGS)
    assert import_export(db, path, options=UNAGREED).counts.rejected == 1
