"""The page shows each part as it was run last, and writing one part leaves everything else as it stood."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.chaos.checker import Invariant, Violation
from tests.chaos.measured import BEGIN, END, insert_between_marks, write_page
from tests.chaos.parts import PlannedPart, Played
from tests.chaos.result import Result

if TYPE_CHECKING:
    from pathlib import Path

KILLED = Result("G2", "after body", 300, 150, column="killed")
STOPPED = Result("G2", "after body", 299, 149, problems=("not as it must be",), column="stopped")
FLUSHED = Result("G4", "FLUSHALL every 10 s", 2_000, 0, recovered=4.25, notes="7 times")


def played(part: str, *results: Result, database: str = "postgresql", extent: str = "long", seed: int = 1) -> Played:
    return Played(PlannedPart(part, database, extent, seed), results, 12.4)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    return page


def test_only_the_text_between_the_marks_is_replaced() -> None:
    assert (
        insert_between_marks(f"before\n{BEGIN}\nold\n{END}\nafter\n", "new") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    )


@pytest.mark.parametrize("page", ["none", f"only {BEGIN}", f"only {END}"])
def test_a_page_without_both_marks_is_left_alone(page: str) -> None:
    with pytest.raises(ValueError, match="has no place"):
        insert_between_marks(page, "new")


def test_a_part_not_run_keeps_its_figures_and_seed(page: Path) -> None:
    write_page(page, played("G2", KILLED, seed=7))
    write_page(page, played("G4", FLUSHED, extent="short", seed=8))
    text = page.read_text(encoding="utf-8")
    assert "--long --only G2 --database postgresql --seed 7" in text
    assert "--short --only G4 --database postgresql --seed 8" in text
    assert "| G4 PostgreSQL | FLUSHALL every 10 s | 2000 | 0 | 0 | 0 | 0 | 4.2 | 7 times |" in text


def test_a_new_run_of_a_part_replaces_its_last(page: Path) -> None:
    write_page(page, played("G4", FLUSHED, seed=7))
    write_page(page, played("G4", FLUSHED, seed=8))
    assert "--seed 7" not in page.read_text(encoding="utf-8")
    assert len(json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))) == 1


def test_each_database_has_its_own_columns(page: Path) -> None:
    write_page(page, played("G2", KILLED, STOPPED))
    write_page(page, played("G2", KILLED, database="sqlite"))
    text = page.read_text(encoding="utf-8")
    assert "| point of the turn | killed, PostgreSQL | stopped, PostgreSQL | killed, SQLite |" in text
    assert "| after body | 300 · 0 · 150 | 299 · 1 · 149 | 300 · 0 · 150 |" in text


def test_violations_are_counted_by_invariant() -> None:
    lost, ghost = (Violation(invariant, 1, "") for invariant in (Invariant.LOST, Invariant.GHOST))
    figures = Result("G1", "kills", 10, 0, (lost, ghost), ("too slow",)).figures
    assert figures.lost == 1
    assert figures.doubled == 0
    assert figures.other_violations == 2
    assert figures.broken == 3
