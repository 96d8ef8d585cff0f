"""An export of another form stops its feed with one finding, and nothing of it is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.feeding.stage import FOLDER_FEED, Stage
from tests.importing.exports import HEADINGS, comeback
from worker.concerns import find_concerns
from worker.outbox.intake import feed_states
from worker.outbox.views.overview import read_overview

if TYPE_CHECKING:
    from worker.concerns import Concern


def concerns(stage: Stage) -> list[Concern]:
    return [concern for concern in find_concerns(read_overview(stage.db)) if concern.code.startswith("feed")]


def renamed(old: str, new: str) -> list[str]:
    return [new if heading == old else heading for heading in HEADINGS]


def test_an_unknown_heading_stops_the_feed(stage: Stage) -> None:
    stage.drop_file("A-1", headings=renamed("note", "Anteckning till mäklaren"))
    stage.drop_file("A-2", name="later.csv")
    stage.scan()
    assert stage.operations() == []
    assert stage.feed().stopped_at is not None
    assert stage.listing("failed") == ["export.csv"]
    assert stage.listing() == ["later.csv"]
    (concern,) = concerns(stage)
    assert concern.code == "feed_stopped"
    assert concern.command == "vitec-sync feeds start calendar"
    assert stage.rejections() == []


def test_a_missing_heading_stops_the_feed(stage: Stage) -> None:
    stage.drop_file("A-1")
    stage.scan()
    (stage.drop / "next.csv").write_text(
        "source_id;customer_id;contact_id;date\nA-2;M30001;ADR0001;2026-12-10 09:00\n", encoding="utf-8"
    )
    stage.scan()
    assert stage.operations() == ["A-1"]
    assert "the column 'note' is missing" in stage.feed().finding


def test_a_new_heading_stops_the_feed(stage: Stage) -> None:
    stage.drop_file("A-1")
    stage.scan()
    stage.drop_file("A-2", headings=renamed("note", "text"))
    stage.scan()
    assert stage.operations() == ["A-1"]


def test_a_started_feed_takes_the_new_form(stage: Stage) -> None:
    stage.drop_file("A-1")
    stage.scan()
    text = "source_id;customer_id;contact_id;date\nA-2;M30001;ADR0001;2026-12-10 09:00\n"
    (stage.drop / "next.csv").write_text(text, encoding="utf-8")
    stage.scan()
    assert feed_states.start(stage.db, "calendar")
    (stage.drop / "failed" / "next.csv").rename(stage.drop / "next.csv")
    stage.scan()
    assert stage.operations() == ["A-1", "A-2"]
    assert concerns(stage) == []


def test_columns_in_another_order_are_the_same_form(stage: Stage) -> None:
    stage.drop_file("A-1")
    stage.scan()
    text = "note;date;contact_id;customer_id;source_id\n;2026-12-10 09:00;ADR0001;M30001;A-2\n"
    (stage.drop / "next.csv").write_text(text, encoding="utf-8")
    stage.scan()
    assert stage.operations() == ["A-1", "A-2"]


def test_only_bad_rows_stop_the_feed(stage: Stage) -> None:
    rows = [comeback(f"A-{number}", date="10/12/26 kl 9") for number in range(5)]
    (stage.drop / "bad.csv").write_text("\n".join(map(";".join, (HEADINGS, *rows))) + "\n", encoding="utf-8")
    stage.scan()
    assert "every row is bad, 5 of them" in stage.feed().finding
    assert stage.rejections() == []
    assert stage.files() == []


def test_a_good_row_among_bad_ones_lets_the_feed_run(stage: Stage) -> None:
    rows = [comeback(f"A-{number}", date="10/12/26 kl 9") for number in range(5)]
    rows.append(comeback("A-9"))
    (stage.drop / "bad.csv").write_text("\n".join(map(";".join, (HEADINGS, *rows))) + "\n", encoding="utf-8")
    stage.scan()
    assert stage.feed().stopped_at is None
    assert len(stage.rejections()) == 5


@pytest.mark.parametrize("text", ["a;b\n1;2\n", "source_id;customer_id;contact_id;date\n" + "A;M30001;ADR0001;x\n" * 3])
def test_a_drop_folder_of_all_sorts_refuses_the_file_alone(stage: Stage, text: str) -> None:
    stage.write_feeds(FOLDER_FEED + 'headings = "any"\n')
    (stage.drop / "odd.csv").write_text(text, encoding="utf-8")
    stage.drop_file("A-1")
    stage.scan()
    assert stage.operations() == ["A-1"]
    assert stage.listing("failed") == ["odd.csv"]
    assert stage.feed().stopped_at is None


def test_a_mended_table_starts_a_feed_that_stopped_itself(stage: Stage) -> None:
    stage.drop_file("A-1", headings=renamed("note", "Anteckning till oss"))
    stage.scan()
    stage.write_feeds(FOLDER_FEED.replace('kind = "comeback"\n', ""))
    stage.drop_file("A-2")
    stage.scan()
    assert stage.operations() == ["A-2"]
    assert concerns(stage) == []


def test_a_stop_by_a_person_outlasts_a_mended_table(stage: Stage) -> None:
    stage.scan()
    assert feed_states.stop(stage.db, "calendar", by="anna", reason="moving house")
    stage.write_feeds(FOLDER_FEED.replace('kind = "comeback"\n', ""))
    stage.drop_file("A-2")
    stage.scan()
    assert stage.operations() == []
    (concern,) = concerns(stage)
    assert "stopped by anna (moving house)" in concern.text
