"""Results in numbered files: each appears whole, once, and never in the place of another file."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from models import State
from tests import factory
from tests.results.destinations import (
    IDS,
    batch_rows,
    change,
    drafts,
    in_folder,
    read_all,
    read_rows,
    sink_row,
    to,
    visible,
    write,
)
from worker import failpoints
from worker.results import files

if TYPE_CHECKING:
    from tests.clock import FixedClock
    from worker.outbox import Database


def test_each_result_comes_once_in_numbered_files(news: Database, folder: Path) -> None:
    assert write(news, in_folder(folder, most_rows=4)) == {"batches": 2, "results": 6}
    assert [path.name for path in visible(folder)] == ["results-000001.csv", "results-000002.csv"]
    assert read_all(folder) == IDS
    assert drafts(folder) == []


def test_nothing_is_written_when_nothing_is_new(news: Database, folder: Path, clock: FixedClock) -> None:
    write(news, in_folder(folder))
    clock.advance(3600)
    assert write(news, in_folder(folder)) == {}
    assert len(visible(folder)) == 1


def test_the_number_goes_on_where_it_was(news: Database, folder: Path, clock: FixedClock) -> None:
    write(news, in_folder(folder))
    for path in visible(folder):
        path.unlink()
    clock.advance(3600)
    change(news, "A-2", "reported_at = NULL")
    write(news, in_folder(folder))
    assert [path.name for path in visible(folder)] == ["results-000002.csv"]


def test_results_that_trickle_in_come_together(news: Database, folder: Path, clock: FixedClock) -> None:
    write(news, in_folder(folder, every=300))
    change(news, "A-2", "reported_at = NULL")
    clock.advance(299)
    assert write(news, in_folder(folder, every=300)) == {}
    clock.advance(1)
    assert write(news, in_folder(folder, every=300)) == {"batches": 1, "results": 1}


def test_a_result_that_changes_again_comes_again(news: Database, folder: Path, clock: FixedClock) -> None:
    write(news, in_folder(folder))
    change(news, "A-3", "remote_id = 'OTHER', reported_at = NULL")
    clock.advance(60)
    write(news, in_folder(folder))
    assert read_all(folder) == [*IDS, "A-3"]


@pytest.mark.parametrize("form", ["csv", "csv-excel", "jsonl", "xlsx"])
def test_every_form_holds_the_same_rows(news: Database, folder: Path, form: str) -> None:
    write(news, in_folder(folder, form=form))
    (path,) = visible(folder)
    assert [row["source_id"] for row in read_rows(path)] == IDS
    assert read_rows(path)[5]["error_text"] == "The time does not exist."


def test_an_existing_file_is_never_replaced(news: Database, folder: Path) -> None:
    foreign = folder / "results-000001.csv"
    foreign.write_text("of another program", encoding="utf-8")
    write(news, in_folder(folder))
    assert foreign.read_text(encoding="utf-8") == "of another program"
    assert [path.name for path in visible(folder)] == ["results-000001.csv", "results-000002.csv"]
    assert batch_rows(news)[0].number == 2


def test_a_file_that_comes_between_is_not_replaced(
    news: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = folder / "results-000001.csv"

    def come(point: str) -> None:
        if point == "result_draft_noted" and not foreign.exists():
            foreign.write_text("of another program", encoding="utf-8")

    monkeypatch.setattr(failpoints, "hook", come)
    write(news, in_folder(folder))
    assert foreign.read_text(encoding="utf-8") == "of another program"
    assert [row["source_id"] for row in read_rows(folder / "results-000002.csv")] == IDS
    assert drafts(folder) == []


def test_a_living_writer_keeps_its_sink(news: Database, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[Any] = []

    def intrude(point: str) -> None:
        if point == "result_draft_noted":
            counts.append(write(news, in_folder(folder)))

    monkeypatch.setattr(failpoints, "hook", intrude)
    write(news, in_folder(folder))
    assert counts == [{}]
    assert read_all(folder) == IDS


def test_a_writer_that_stood_still_gives_its_file_no_name(
    news: Database, folder: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writer has finished the batch in the meantime."""
    finished: list[bool] = []

    def stand_still(point: str) -> None:
        if point == "result_draft_noted" and not finished:
            finished.append(True)
            clock.advance(1000)
            write(news, in_folder(folder))

    monkeypatch.setattr(failpoints, "hook", stand_still)
    assert write(news, in_folder(folder)) == {"destinations lost to another writer": 1}
    assert read_all(folder) == IDS
    assert drafts(folder) == []


@pytest.mark.parametrize(
    ("number", "cure"),
    [(errno.ENOSPC, "make room"), (errno.EACCES, "give it the right"), (errno.EROFS, "writable"), (errno.EIO, "fails")],
)
@pytest.mark.parametrize("call", ["fsync", "link"])
def test_a_fault_of_the_folder_is_told_with_its_cure(
    news: Database, folder: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch, number: int, cure: str, call: str
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    write(news, in_folder(folder, most_rows=1), stopping=lambda: len(visible(folder)) == 1)
    clock.advance(60)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        assert write(news, in_folder(folder))["destinations failed"] == 1
    assert cure in sink_row(news).fault
    assert str(folder) in sink_row(news).fault
    assert drafts(folder) == []
    clock.advance(60)
    write(news, in_folder(folder))
    assert read_all(folder) == IDS


def test_a_folder_that_is_not_there_waits_longer_each_time(news: Database, folder: Path, clock: FixedClock) -> None:
    folder.rmdir()
    for seconds in (60, 120, 240):
        assert write(news, in_folder(folder))["destinations failed"] == 1
        assert (sink_row(news).next_at - clock.moment).total_seconds() == seconds
        clock.advance(seconds)
    assert "it is not there: make it" in sink_row(news).fault
    folder.mkdir()
    write(news, in_folder(folder))
    assert read_all(folder) == IDS
    assert (sink_row(news).fault, sink_row(news).failing_since) == (None, None)


def test_a_share_without_hard_links_does_as_well(news: Database, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    (folder / "results-000001.csv").touch()
    write(news, in_folder(folder))
    assert read_all(folder) == IDS
    assert drafts(folder) == []


def test_a_broken_destination_keeps_no_other_from_its_results(news: Database, folder: Path, tmp_path: Path) -> None:
    with news.write() as connection:
        factory.make_operation(connection, State.FAILED, source_id="OTHER", feed="second")
    broken = to(stem="crm", folder=tmp_path / "nowhere")
    well = to(stem="second", folder=folder)
    well_alone = type(well)("second", "second", well.config, feed="second")
    counts = write(news, broken, well_alone)
    assert counts == {"destinations failed": 1, "batches": 1, "results": 1}
    assert read_all(folder) == ["OTHER"]


def test_every_feed_is_every_feed_without_its_own(news: Database, folder: Path) -> None:
    with news.write() as connection:
        factory.make_operation(connection, State.FAILED, source_id="OTHER", feed="second")
    destination = in_folder(folder)
    write(news, type(destination)("*", "results", destination.config, without=frozenset({"crm"})))
    assert read_all(folder) == ["OTHER"]


def test_a_mark_that_was_cut_off_is_made_anew(news: Database, folder: Path) -> None:
    (folder / files.MARK).touch()
    write(news, in_folder(folder))
    assert len((folder / files.MARK).read_text(encoding="ascii").strip()) == 32


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_full_disk_fails_the_sink_and_loses_nothing(
    news: Database, folder: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    real = Path.open

    def open_full(path: Path, mode: str = "r", **options: Any) -> Any:
        is_draft = path.name.startswith(".results") and "w" in mode
        return real(Path("/dev/full") if is_draft else path, mode, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", open_full)
        assert write(news, in_folder(folder, form=form))["destinations failed"] == 1
    assert "the disk is full: make room" in sink_row(news).fault
    assert visible(folder) == []
    assert drafts(folder) == []
    clock.advance(60)
    write(news, in_folder(folder, form=form))
    assert read_all(folder) == IDS
