"""A feed with a mapping takes in exports with headings of their own, and tells results in the CRM's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.feeding import FeedConfig, find_destinations

if TYPE_CHECKING:
    from pathlib import Path

    from tests.feeding.stage import Stage

FEED = '[feeds.calendar]\nfolder = "drop"\nmapping = "m.toml"\nat_rest = 0\n'
MAPPING = """
version = 1
kind = "comeback"
leave_out = ["Mobil"]
[columns]
"Nr" = "source_id"
"Kontor" = "customer_id"
"Kontakt" = "contact_id"
"Ring" = "date"
[times]
forms = ["%d.%m.%Y kl. %H:%M"]
[results.columns]
source_id = "Nr"
[results.states]
succeeded = "Skickad"
"""
HEADINGS = "Nr;Kontor;Kontakt;Ring;Mobil\n"
ROW = "U-1;M30001;ADR0001;10.12.2026 kl. 09:00;070-1234567\n"


def prepare(stage: Stage, mapping: str = MAPPING, content: str = HEADINGS + ROW) -> None:
    stage.write_feeds(FEED)
    (stage.folder / "m.toml").write_text(mapping, encoding="utf-8")
    (stage.drop / "ring.csv").write_text(content, encoding="utf-8")


def test_a_dropped_file_is_mapped(stage: Stage) -> None:
    prepare(stage)
    stage.scan()
    assert stage.operations() == ["U-1"]
    assert stage.listing("done") != []


def test_a_changed_heading_stops_the_feed(stage: Stage) -> None:
    prepare(stage, content=HEADINGS.replace("Ring", "Ring upp") + ROW)
    stage.scan()
    assert stage.operations() == []
    assert stage.feed().stopped_at is not None
    assert "lacks the heading 'Ring'" in stage.feed().finding


def test_a_wrong_mapping_leaves_the_file_for_the_right_one(stage: Stage) -> None:
    prepare(stage, mapping=MAPPING.replace("contact_id", "contct_id"))
    stage.scan()
    assert stage.operations() == []
    assert stage.feed().finding_code == "mapping_wrong"
    (stage.folder / "m.toml").write_text(MAPPING, encoding="utf-8")
    stage.scan()
    assert stage.operations() == ["U-1"]


def test_results_bear_the_names_of_the_mapping(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(MAPPING, encoding="utf-8")
    values = {"name": "crm", "folder": "in", "mapping": "m.toml", "results": {"folder": "ut"}}
    feed = FeedConfig.model_validate(values, context={"folder": tmp_path})
    (destination,) = find_destinations([feed], None)
    assert destination.names is not None
    assert destination.names.states == {"succeeded": "Skickad"}
    (tmp_path / "m.toml").write_text("version = 2", encoding="utf-8")
    assert find_destinations([feed], None) == []
