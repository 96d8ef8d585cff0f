"""A dropped file is taken in once, when it is complete, and then lies in done/ or failed/ with a report."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.feeding.stage import FOLDER_FEED, Stage
from worker.feeding import folder, moving
from worker.outbox.intake import feed_states

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clock import FixedClock


def test_a_dropped_file_is_recorded_and_moved_with_a_report(stage: Stage) -> None:
    stage.drop_file("A-1", "A-2")
    counts = stage.scan()
    assert counts["recorded"] == 2
    assert stage.operations() == ["A-1", "A-2"]
    assert stage.listing() == []
    assert stage.listing("done") == ["export.csv"]
    assert stage.report()["recorded"] == 2
    assert stage.rung == ["comeback"]


def test_a_file_is_taken_in_when_it_is_at_rest(stage: Stage, clock: FixedClock) -> None:
    stage.write_feeds(FOLDER_FEED.replace("at_rest = 0", "at_rest = 10"))
    path = stage.drop_file("A-1")
    stage.scan()
    clock.advance(6)
    path.write_text(path.read_text("utf-8") + "A-2;M30001;ADR0001;2026-12-10 09:00;\n", encoding="utf-8")
    stage.scan()
    clock.advance(6)
    stage.scan()
    assert stage.operations() == []
    clock.advance(6)
    stage.scan()
    assert stage.operations() == ["A-1", "A-2"]


@pytest.mark.parametrize("name", ["a.csv.part", "a.tmp", "a.csv.filepart", "~$a.csv", ".a.csv", "A.CSV.PART"])
def test_a_temporary_name_is_left_alone(stage: Stage, name: str) -> None:
    stage.drop_file("A-1", name=name)
    stage.scan()
    assert stage.listing() == [name]


def test_only_files_of_the_pattern_are_taken(stage: Stage) -> None:
    stage.write_feeds(FOLDER_FEED + 'pattern = ["*.csv", "list-?.txt"]\n')
    for name in ("a.CSV", "list-1.txt", "list-10.txt"):
        stage.drop_file(f"A-{name}", name=name)
    stage.scan()
    assert stage.listing() == ["list-10.txt"]


def test_the_oldest_file_comes_first(stage: Stage) -> None:
    newer, older = stage.drop_file("A-2", name="a.csv"), stage.drop_file("A-1", name="b.csv")
    os.utime(newer, (2_000, 2_000))
    os.utime(older, (1_000, 1_000))
    stage.scan()
    assert stage.operations() == ["A-1", "A-2"]


def test_a_refused_file_fails_alone(stage: Stage) -> None:
    stage.drop_file(name="empty.csv").write_bytes(b"\n\n")
    stage.drop_file("A-1")
    stage.scan()
    assert stage.operations() == ["A-1"]
    assert stage.listing("failed") == ["empty.csv"]
    report = stage.report("empty.csv", "failed")
    assert "the file is empty" in report["refused"]
    assert stage.feed().stopped_at is None
    assert [row.code for row in stage.rejections()] == ["file_refused"]


def test_a_name_is_never_used_twice(stage: Stage) -> None:
    for number in range(4):
        stage.drop_file(f"A-{number}")
        stage.scan()
    assert len(stage.listing("done")) == 4
    assert len(list((stage.drop / "done").iterdir())) == 12


def test_a_crash_before_the_move_costs_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, clock: FixedClock
) -> None:
    class Killed(BaseException):
        """Stands for the end of the process."""

    def kill(*_: object) -> None:
        raise Killed

    stage.drop_file("A-1")
    with monkeypatch.context() as patch:
        patch.setattr(folder, "_move", kill)
        with pytest.raises(Killed):
            stage.scan()
    assert stage.operations() == ["A-1"]
    assert stage.scan()["feeds run"] == 0
    clock.advance(feed_states.LEASE + 1)
    stage.scan()
    assert stage.listing("done") == ["export.csv"]
    assert stage.report()["unchanged"] == 1
    assert stage.operations() == ["A-1"]


def test_a_new_file_of_the_name_waits_for_its_turn(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = folder._move

    def overtake(*arguments: object) -> None:
        stage.drop_file("A-2")
        moved(*arguments)  # type: ignore[arg-type]

    stage.drop_file("A-1")
    with monkeypatch.context() as patch:
        patch.setattr(folder, "_move", overtake)
        stage.scan()
    assert stage.listing() == ["export.csv"]
    stage.scan()
    assert stage.operations() == ["A-1", "A-2"]
    assert len(stage.listing("done")) == 2


def test_a_file_system_without_links_replaces_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    for number in range(2):
        stage.drop_file(f"A-{number}")
        stage.scan()
    assert len(stage.listing("done")) == 2
    with pytest.raises(moving.NameTaken):
        moving.move_file(stage.drop_file("A-3"), stage.drop / "done" / "export.csv")


def test_links_and_subfolders_are_named_and_left(stage: Stage) -> None:
    outside = stage.folder / "secret.csv"
    outside.write_text("x", encoding="utf-8")
    (stage.drop / "link.csv").symlink_to(outside)
    (stage.drop / "2026").mkdir()
    os.mkfifo(stage.drop / "pipe.csv")
    stage.drop_file("A-1")
    stage.scan()
    assert stage.operations() == ["A-1"]
    assert outside.exists()
    assert stage.feed().finding_code == "left_out"
    assert "the subfolder '2026'" in stage.feed().finding


def test_an_odd_name_goes_all_the_way(stage: Stage) -> None:
    odd = os.fsdecode(b"k\xe5l\nender.csv")
    stage.drop_file("A-1", name=odd)
    stage.scan()
    assert stage.operations() == ["A-1"]
    assert stage.listing("done") == [odd]
    assert stage.files()[0].name == "k\\xe5l\\x0aender.csv"


def test_a_folder_that_is_not_there_is_one_finding(stage: Stage) -> None:
    stage.drop.rmdir()
    stage.scan()
    feed = stage.feed()
    assert feed.finding_code == "folder_missing"
    assert "make it, or correct `folder`" in feed.finding
    stage.drop.mkdir()
    stage.drop_file("A-1")
    stage.scan()
    assert stage.feed().finding_code is None
    assert stage.operations() == ["A-1"]


@pytest.mark.parametrize(
    ("number", "code"), [(13, "folder_denied"), (28, "disk_full"), (30, "folder_denied"), (5, "folder_denied")]
)
def test_trouble_with_the_disk_is_one_finding(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    stage.drop_file("A-1")
    with monkeypatch.context() as patch:
        patch.setattr(folder, "move_file", fail)
        stage.scan()
    assert stage.feed().finding_code == code
    assert stage.operations() == []
    stage.scan()
    assert stage.operations() == ["A-1"]


def test_a_file_that_cannot_be_moved_is_not_read_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    stage.drop_file("A-1")
    with monkeypatch.context() as patch:
        patch.setattr(folder, "candidate_names", fail)
        stage.scan()
    assert stage.feed().finding_code == "disk_full"
    with monkeypatch.context() as patch:
        patch.setattr(folder, "open_feed", fail)
        stage.scan()
    assert stage.listing("done") == ["export.csv"]
    assert len(stage.files()) == 1


def test_a_full_disk_costs_only_the_report(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    stage.drop_file("A-1")
    with monkeypatch.context() as patch:
        patch.setattr("tempfile.mkstemp", fail)
        stage.scan()
    assert stage.listing("done") == ["export.csv"]
    assert stage.feed().finding_code == "disk_full"


def test_a_vanishing_file_disturbs_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def vanish(path: Path, *_: object) -> None:
        path.unlink()
        raise FileNotFoundError

    stage.drop_file("A-1", name="gone.csv")
    with monkeypatch.context() as patch:
        patch.setattr(folder, "move_file", vanish)
        stage.scan()
    stage.drop_file("A-2")
    stage.scan()
    assert stage.operations() == ["A-2"]


def test_a_stopping_worker_leaves_the_file_for_the_next(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.importing.file_import.BATCH", {"postgresql": 1, "sqlite": 1})
    stage.drop_file("A-1", "A-2", "A-3")
    runner = stage.runner()
    runner.register()
    claim = feed_states.claim_named(stage.db, "test", "calendar")
    assert claim is not None
    stage.stops = True
    (stage.drop / ".taking").mkdir()
    (stage.drop / "export.csv").rename(stage.drop / ".taking" / "export.csv")
    runner.run(next(iter(runner.register())), claim)
    assert stage.operations() == ["A-1"]
    stage.stops = False
    stage.scan()
    assert stage.operations() == ["A-1", "A-2", "A-3"]
    assert stage.report()["recorded"] == 3


def test_a_report_holds_no_word_of_a_cell(stage: Stage) -> None:
    stage.drop_file("A-1", note="hemlig text")
    stage.drop_file("A-2", note="hemlig text" * 1_000, name="long.csv")
    stage.scan()
    text = "".join(path.read_text("utf-8") for path in (stage.drop / "done").glob("*.report.*"))
    assert "hemlig" not in text
    assert "rejected: 1" in text


def test_a_move_replaces_nothing(stage: Stage) -> None:
    old, new = stage.drop_file("A-1", name="old.csv"), stage.drop_file("A-2", name="new.csv")
    before = old.read_bytes()
    with pytest.raises(moving.NameTaken):
        moving.move_file(new, old)
    assert old.read_bytes() == before
    assert new.exists()


def test_a_file_in_the_place_of_done_is_named(stage: Stage) -> None:
    (stage.drop / "done").write_text("x", encoding="utf-8")
    stage.scan()
    assert "a file bears the name done" in stage.feed().finding
