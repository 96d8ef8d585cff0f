"""A feed that would do what a person should agree to stops and asks; the person who starts it agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.feeding.stage import FOLDER_FEED
from tests.importing.exports import comeback, export
from worker.outbox.intake import feed_states

if TYPE_CHECKING:
    import pytest

    from tests.feeding.stage import Stage


def test_an_export_of_the_past_is_asked_about_and_waits(stage: Stage) -> None:
    export(stage.drop, [comeback(f"A-{number}", date="2020-12-10 09:00") for number in (1, 2)])
    stage.scan()
    assert stage.operations() == []
    assert stage.feed().finding_code == "consent_needed"
    assert stage.listing("failed") == []
    assert feed_states.start(stage.db, "calendar")
    stage.scan()
    assert stage.operations() == ["A-1", "A-2"]
    assert stage.listing("done") == ["export.csv"]
    assert not stage.feed().agreed


def test_an_absent_row_of_a_full_export_is_withdrawn(stage: Stage) -> None:
    stage.write_feeds(FOLDER_FEED + "full_export = true\n")
    stage.drop_file("A-1", "A-2")
    stage.scan()
    stage.drop_file("A-2", name="next.csv")
    stage.scan()
    assert stage.feed().withdrawn == 1


def test_an_export_that_lacks_nearly_all_is_asked_about(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.importing.full_export.FEW", 1)
    stage.write_feeds(FOLDER_FEED + "full_export = true\n")
    stage.drop_file(*(f"A-{number}" for number in range(6)))
    stage.scan()
    stage.drop_file("A-0", name="next.csv")
    stage.scan()
    assert stage.feed().finding_code == "too_many_absent"
    assert stage.feed().withdrawn == 0
    assert feed_states.start(stage.db, "calendar")
    stage.scan()
    assert stage.feed().withdrawn == 5
