"""A file is one unit: imported once, to its end, whatever happens on the way."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from models import FeedFile, Lane, Operation, State
from tests.importing.exports import (
    HEADINGS,
    RecordingListener,
    comeback,
    export,
    feed_files,
    import_export,
    in_chunks_of,
    operations,
    rejected_rows,
    rejections_of,
)
from worker.feeds import FileRefused
from worker.importing import ImportedElsewhere, ImportListener, IntakeDefaults, file_import, import_file
from worker.outbox.intake import feed_files as feed_files_of_outbox
from worker.outbox.intake.feed_files import FileCounts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clock import FixedClock
    from worker.outbox import Database

BAD = comeback("BAD", date="2026-02-30 09:00")


def test_rows_are_recorded_in_the_order_of_the_file(db: Database, tmp_path: Path, clock: FixedClock) -> None:
    path = export(tmp_path, [comeback(f"C-{number}") for number in range(25)])
    assert import_export(db, path).counts == FileCounts(recorded=25)
    rows = operations(db)
    assert [row.source_id for row in rows] == [f"C-{number}" for number in range(25)]
    assert {row.state for row in rows} == {State.PENDING}
    assert {row.attempt for row in rows} == {0}
    assert {row.feed for row in rows} == {"crm"}
    assert {row.next_attempt_at for row in rows} == {clock.moment}
    assert [row.line for row in rows] == list(range(2, 27))
    assert rows[0].payload["contact_id"] == "ADR0001"


def test_the_lanes_are_woken(db: Database, tmp_path: Path, clock: FixedClock) -> None:
    import_export(db, export(tmp_path, [comeback("C-1"), comeback("C-2", customer_id="M30002")]))
    with db.read() as connection:
        lanes = connection.execute(select(Lane.customer_id, Lane.due_at, Lane.function_group)).all()
    assert sorted(lanes) == [("M30001", clock.moment, "crm-contact"), ("M30002", clock.moment, "crm-contact")]


def test_the_listener_is_called_with_progress_and_kinds(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_import, "BATCH", in_chunks_of(2))
    listener = RecordingListener()
    import_export(db, export(tmp_path, [comeback(f"C-{number}") for number in range(5)]), listener)
    assert listener.steps == [(2, 5), (4, 5), (5, 5)]
    assert listener.kinds == [{"comeback"}] * 3


def test_the_same_file_again_records_nothing(db: Database, tmp_path: Path) -> None:
    path = export(tmp_path, [comeback("C-1"), BAD, comeback("C-2")])
    assert import_export(db, path).counts == FileCounts(recorded=2, rejected=1)
    before = {"operations": operations(db), "rejected": rejected_rows(db)}
    again = path.rename(tmp_path / "renamed.csv")
    assert import_export(db, again).counts == FileCounts(unchanged=2, rejected=1)
    assert {"operations": operations(db), "rejected": rejected_rows(db)} == before


def test_another_feed_has_ids_of_its_own(db: Database, tmp_path: Path) -> None:
    path = export(tmp_path, [comeback("C-1")])
    assert import_export(db, path).counts.recorded == 1
    assert import_export(db, path, feed="other").counts.recorded == 1


def test_bad_rows_are_rejected_and_the_good_ones_recorded(db: Database, tmp_path: Path) -> None:
    path = export(tmp_path, [comeback("C-1"), BAD, [*comeback("C-2"), "too many"], comeback("C-3", "\x07")])
    assert rejections_of(db, path) == [
        (3, "date", "not_a_time"),
        (4, None, "too_many_cells"),
        (5, "note", "control_character"),
    ]
    assert [row.source_id for row in operations(db)] == ["C-1"]
    assert [(row.line, row.column, row.code, row.source_id) for row in rejected_rows(db)] == [
        (3, "date", "not_a_time", "BAD"),
        (4, None, "too_many_cells", None),
        (5, "note", "control_character", "C-3"),
    ]


def test_a_repeated_id_is_rejected_and_the_first_one_wins(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_import, "BATCH", in_chunks_of(2))
    rows = [comeback("C-1", "first"), comeback("C-1", "second"), comeback("C-2"), BAD, comeback("C-1", "third"), BAD]
    path = export(tmp_path, rows)
    assert rejections_of(db, path) == [
        (3, "source_id", "repeated_source_id"),
        (5, "date", "not_a_time"),
        (6, "source_id", "repeated_source_id"),
        (7, "date", "not_a_time"),
    ]
    assert operations(db)[0].payload["note"] == "first"
    assert "on line 2" in rejected_rows(db)[0].reason


def test_a_repeated_id_is_rejected_also_if_recorded_before(db: Database, tmp_path: Path) -> None:
    import_export(db, export(tmp_path, [comeback("C-1", "old")]))
    path = export(tmp_path, [comeback("C-1", "first"), comeback("C-1", "old")], name="next.csv")
    assert rejections_of(db, path) == [(3, "source_id", "repeated_source_id")]
    assert operations(db)[0].payload["note"] == "first"


def test_a_file_that_is_refused_leaves_nothing(db: Database, tmp_path: Path) -> None:
    path = export(tmp_path, [comeback("C-1")], [*HEADINGS[:-1], "Anmärkning"])
    with pytest.raises(FileRefused, match="unknown heading 'Anmärkning'"):
        import_export(db, path)
    assert operations(db) == []
    assert rejected_rows(db) == []
    assert feed_files(db) == []


def test_a_dry_run_tells_all_the_same_and_records_nothing(db: Database, tmp_path: Path) -> None:
    import_export(db, export(tmp_path, [comeback("C-1", "old")]))
    before = {"operations": operations(db), "rejected": rejected_rows(db), "files": feed_files(db)}
    path = export(tmp_path, [comeback("C-1", "new"), BAD, comeback("N-1", customer_id="M39999")], name="next.csv")
    listener = RecordingListener()
    assert import_export(db, path, listener, dry_run=True).counts == FileCounts(recorded=1, revised=1, rejected=1)
    assert [row.line for row in listener.rejected] == [3]
    assert {"operations": operations(db), "rejected": rejected_rows(db), "files": feed_files(db)} == before
    with db.read() as connection:
        assert connection.scalars(select(Lane.customer_id)).all() == ["M30001"]


def test_the_intake_defaults_are_applied(db: Database, tmp_path: Path) -> None:
    import_export(db, export(tmp_path, [comeback("C-1")]), defaults=IntakeDefaults(max_failures=3))
    assert operations(db)[0].max_failures == 3


class Crash(Exception):  # noqa: N818 (what happens)
    """The process dies here."""


def crash_after(chunks: int, db: Database, path: Path) -> None:
    """Import the file and die between two chunks."""
    recorded_chunks = 0

    def crash(*_: int) -> None:
        nonlocal recorded_chunks
        recorded_chunks += 1
        if recorded_chunks == chunks:
            raise Crash

    with pytest.raises(Crash):
        import_file(db, path, listener=ImportListener(on_progress=crash))


def test_after_a_crash_the_same_file_goes_on(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_import, "BATCH", in_chunks_of(3))
    rows = [comeback(f"C-{number}") for number in range(10)]
    path = export(tmp_path, [*rows[:4], BAD, *rows[4:], rows[0]])
    crash_after(2, db, path)
    (file,) = feed_files(db)
    assert file.rows_done == 6
    assert file.recorded == 5
    assert file.rejected == 1
    assert file.finished_at is None
    with db.write() as connection:
        # Were the first rows recorded again, this one would be revised.
        connection.execute(update(Operation).where(Operation.source_id == "C-1").values(payload_hash="changed"))
    listener = RecordingListener()
    summary = import_export(db, path, listener)
    assert (summary.resumed_at, summary.counts) == (6, FileCounts(recorded=10, rejected=2))
    assert [(row.line, row.code) for row in listener.rejected] == [(13, "repeated_source_id")]
    (file,) = feed_files(db)
    assert file.rows_done == 12
    assert file.recorded == 10
    assert file.rejected == 2
    assert file.finished_at is not None
    assert len(operations(db)) == 10
    assert len(rejected_rows(db)) == 2


def test_a_chunk_and_its_progress_are_recorded_together(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = export(tmp_path, [comeback("C-1"), BAD])

    def broken(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(feed_files_of_outbox, "record_rejections", broken)
        with pytest.raises(Crash):
            import_export(db, path)
    assert operations(db) == []
    assert feed_files(db)[0].rows_done == 0
    assert import_export(db, path).counts.recorded == 1


def test_two_imports_of_a_file_do_no_row_twice(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_import, "BATCH", in_chunks_of(5))
    path = export(tmp_path, [*(comeback(f"C-{number}") for number in range(50)), BAD])
    ends: list[object] = []
    together = threading.Barrier(2)

    def run() -> None:
        together.wait(10)
        try:
            ends.append(import_export(db, path).counts)
        except ImportedElsewhere as error:
            ends.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(ends) == 2
    assert len(operations(db)) == 50
    assert len(rejected_rows(db)) == 1
    assert any(isinstance(end, FileCounts) for end in ends)


def test_the_progress_of_another_process_ends_an_import(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_import, "BATCH", in_chunks_of(2))
    path = export(tmp_path, [comeback(f"C-{number}") for number in range(6)])

    def overtaken(*_: int) -> None:
        with db.write() as connection:
            connection.execute(update(FeedFile).values(rows_done=4))

    with pytest.raises(ImportedElsewhere, match="another process"):
        import_file(db, path, listener=ImportListener(on_progress=overtaken))
    assert len(operations(db)) == 2


def test_an_id_again_on_the_same_line_is_rejected(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    cells = {"customer_id": "M30001", "contact_id": "ADR1", "date": "2026-12-10 09:00"}
    path.write_text(json.dumps([{"source_id": source_id, **cells} for source_id in ("C-1", "C-2", "C-1")]))
    assert rejections_of(db, path) == [(3, "source_id", "repeated_source_id")]
    assert [row.source_id for row in operations(db)] == ["C-1", "C-2"]
