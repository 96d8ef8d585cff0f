"""The first new row of each kind goes alone, and the rest is recorded when it has been taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from models import Operation, State
from tests.feeding.stage import FOLDER_FEED
from worker.outbox.intake import feed_states

if TYPE_CHECKING:
    from tests.clock import FixedClock
    from tests.feeding.stage import Stage


@pytest.fixture(autouse=True)
def _canary(stage: Stage) -> None:
    stage.write_feeds(FOLDER_FEED + "canary = true\n")


def end(stage: Stage, source_id: str, state: State) -> None:
    """Let Vitec answer an operation."""
    with stage.db.write() as connection:
        connection.execute(
            update(Operation)
            .where(Operation.source_id == source_id)
            .values(state=state, finalized_at=Operation.created_at)
        )


def test_the_rest_waits_for_the_first_row(stage: Stage) -> None:
    stage.drop_file("A-1", "A-2", "A-3")
    stage.scan()
    stage.scan()
    assert stage.operations() == ["A-1"]
    assert stage.listing("done") == []
    assert stage.feed().finding_code is None
    end(stage, "A-1", State.SUCCEEDED)
    stage.scan()
    assert stage.operations() == ["A-1", "A-2", "A-3"]
    assert stage.listing("done") == ["export.csv"]


def test_a_failed_first_row_stops_the_feed(stage: Stage) -> None:
    stage.drop_file("A-1", "A-2", "A-3")
    stage.scan()
    end(stage, "A-1", State.FAILED)
    stage.scan()
    assert stage.operations() == ["A-1"]
    assert stage.feed().finding_code == "canary_failed"
    assert stage.listing("failed") == ["export.csv"]
    feed_states.start(stage.db, "calendar")
    (stage.drop / "failed" / "export.csv").rename(stage.drop / "export.csv")
    stage.scan()
    assert stage.operations() == ["A-1", "A-2"]


def test_a_crash_sends_no_second_canary(stage: Stage, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.drop_file("A-1", "A-2")
    with monkeypatch.context() as patch:
        patch.setattr("worker.outbox.intake.feed_states.end_run", lambda *_: False)
        stage.scan()
    clock.advance(feed_states.LEASE + 1)
    stage.scan()
    assert stage.operations() == ["A-1"]


def test_known_rows_are_no_canary(stage: Stage) -> None:
    stage.drop_file("A-1", "A-2")
    stage.scan()
    end(stage, "A-1", State.SUCCEEDED)
    stage.scan()
    stage.drop_file("A-1", "A-2", "A-3", "A-4", name="next.csv")
    stage.scan()
    assert stage.operations() == ["A-1", "A-2", "A-3"]


def test_an_export_with_nothing_new_needs_none(stage: Stage) -> None:
    stage.write_feeds()
    stage.drop_file("A-1")
    stage.scan()
    stage.write_feeds(FOLDER_FEED + "canary = true\n")
    stage.drop_file("A-1", name="again.csv")
    stage.scan()
    assert stage.listing("done") == ["again.csv", "export.csv"]


def test_each_kind_has_a_first_row(stage: Stage) -> None:
    stage.write_feeds(FOLDER_FEED.replace('kind = "comeback"\n', "canary = true\n"))
    (stage.drop / "mixed.csv").write_text(
        "kind;source_id;customer_id;contact_id;date;viewing_id\n"
        "comeback;A-1;M30001;ADR0001;2026-12-10 09:00;\n"
        "comeback;A-2;M30001;ADR0001;2026-12-10 10:00;\n"
        "notification;A-3;M30001;;;\n"
        "viewing_cancellation;A-4;M30001;ADR0001;;VIS0001\n",
        encoding="utf-8",
    )
    stage.scan()
    assert stage.operations()[0] == "A-1"
    assert "A-2" not in stage.operations()
