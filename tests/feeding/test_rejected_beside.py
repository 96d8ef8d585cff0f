"""The rejected rows of a dropped file lie beside it as a file to be mended, which may be dropped like any other."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from models import Feed
from tests.feeding.stage import FOLDER_FEED, Stage
from tests.importing.exports import comeback, export
from worker.feeding import folder
from worker.feeding.moving import move_file

if TYPE_CHECKING:
    from pathlib import Path

BESIDE = "export.rejected.csv"


def drop_with_bad(stage: Stage, note: str = "", name: str = "export.csv") -> Path:
    """Drop a good row and a bad one."""
    return export(stage.drop, [comeback("A-1"), comeback("A-2", note, date="i morgon")], name=name)


def mend(stage: Stage) -> None:
    """Mend the rows in done/, and drop them."""
    text = (stage.drop / "done" / BESIDE).read_text("utf-8-sig")
    (stage.drop / BESIDE).write_text(text.replace("i morgon", "2026-12-11 09:00"), encoding="utf-8")


def test_rejected_rows_lie_beside_the_moved_file(stage: Stage) -> None:
    drop_with_bad(stage)
    stage.scan()
    heading, row = (stage.drop / "done" / BESIDE).read_text("utf-8-sig").splitlines()
    assert heading.endswith(";Reason for rejection")
    assert row.startswith("A-2;M30001;ADR0001;i morgon;;date: it is not a date")
    assert stage.report()["rejected_file"] == BESIDE


def test_a_file_without_rejected_rows_lies_alone(stage: Stage) -> None:
    stage.drop_file("A-1")
    stage.scan()
    assert stage.listing("done") == ["export.csv"]
    assert stage.report()["rejected_file"] is None


def test_reasons_are_in_the_language_that_is_set(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "sv")
    drop_with_bad(stage)
    stage.scan()
    text = (stage.drop / "done" / BESIDE).read_text("utf-8-sig")
    assert "Orsak till avvisning" in text
    assert "it is not" not in text


def test_mended_rows_may_be_dropped_into_the_folder(stage: Stage) -> None:
    drop_with_bad(stage)
    stage.scan()
    mend(stage)
    stage.scan()
    assert stage.feed().stopped_at is None
    assert stage.operations() == ["A-1", "A-2"]
    assert [row.closed_by for row in stage.rejections()] == ["crm"]


def test_mended_rows_withdraw_none_of_a_full_export(stage: Stage) -> None:
    stage.write_feeds(FOLDER_FEED + "full_export = true\n")
    drop_with_bad(stage)
    stage.scan()
    mend(stage)
    counts = stage.scan()
    assert stage.operations() == ["A-1", "A-2"]
    assert counts["withdrawn"] == 0


def test_no_file_of_rejected_rows_is_replaced(stage: Stage) -> None:
    drop_with_bad(stage)
    stage.scan()
    earlier = (stage.drop / "done" / BESIDE).read_bytes()
    drop_with_bad(stage, "another note")
    stage.scan()
    assert (stage.drop / "done" / BESIDE).read_bytes() == earlier
    assert len([name for name in stage.listing("done") if "rejected" in name]) == 2


@pytest.mark.parametrize("dies", [True, False])
def test_a_move_that_fails_leaves_one_file_and_full_counts(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, dies: bool
) -> None:
    failures: list[Path] = []

    def fail_once(source: Path, target: Path) -> Any:
        if target.parent.name == "done" and not failures:
            failures.append(target)
            raise KeyboardInterrupt if dies else OSError(errno.EACCES, "no")
        return move_file(source, target)

    monkeypatch.setattr(folder, "move_file", fail_once)
    drop_with_bad(stage)
    if dies:
        with pytest.raises(KeyboardInterrupt):
            stage.scan()
        with stage.db.write() as connection:
            connection.execute(update(Feed).values(lease_until=None))
    else:
        stage.scan()
    stage.scan()
    assert stage.listing("done") == ["export.csv", BESIDE]
    assert stage.report()["rejected_file"] == BESIDE
    assert stage.report()["rows"] == 2


def test_rejected_rows_that_cannot_be_written_are_a_finding(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(folder, "write_rejected_beside", fail)
    drop_with_bad(stage)
    stage.scan()
    assert stage.listing("done") == ["export.csv"]
    assert "rejected rows could not be written" in stage.feed().finding


def test_a_refusal_keeps_its_own_code(stage: Stage) -> None:
    stage.drop_file(name="empty.csv").write_bytes(b"\n\n")
    stage.scan()
    (row,) = stage.rejections()
    assert row.faults[0]["code"] == stage.report("empty.csv", "failed")["code"]


def test_rows_that_are_still_bad_stop_no_feed(stage: Stage) -> None:
    rows = [comeback("A-1"), *(comeback(f"B-{number}", date="i morgon") for number in range(4))]
    export(stage.drop, rows)
    stage.scan()
    (stage.drop / BESIDE).write_bytes((stage.drop / "done" / BESIDE).read_bytes())
    stage.scan()
    assert stage.feed().stopped_at is None
    assert stage.listing("failed") == []


def test_a_finding_about_the_form_says_where_the_file_lies(stage: Stage) -> None:
    export(stage.drop, [comeback(f"B-{number}", date="i morgon") for number in range(4)])
    stage.scan()
    assert "lies in failed/" in stage.feed().finding
