"""`feeds` shows, checks, runs, stops and starts feeds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.importing.exports import comeback, export

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell

TABLE = '[feeds.calendar]\nfolder = "drop"\nkind = "comeback"\nat_rest = 0\n'


@pytest.fixture
def drop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of a feed."""
    folder = tmp_path / "drop"
    folder.mkdir()
    (tmp_path / "feeds.toml").write_text(TABLE, encoding="utf-8")
    monkeypatch.setenv("FEEDS_FILE", str(tmp_path / "feeds.toml"))
    return folder


def test_a_feed_is_shown_before_it_has_run(shell: Shell, drop: Path) -> None:
    ran = shell.run("feeds")
    assert ran.status == 0
    assert "calendar\tfolder\twaiting\tevery 5 s" in ran.out


def test_run_takes_in_at_once(shell: Shell, drop: Path) -> None:
    export(drop, [comeback("A-1"), comeback("A-2", date="never")])
    ran = shell.run("feeds", "run", "calendar")
    assert ran.out == "calendar: 1 files, 1 recorded, 1 rejected.\n"
    assert shell.rung == ["comeback"]
    data = json.loads(shell.run("feeds", "--json").out)
    assert data["feeds"][0]["recorded"] == 1


def test_a_run_that_waits_for_its_first_row_says_so(shell: Shell, drop: Path) -> None:
    feeds = drop.parent / "feeds.toml"
    feeds.write_text(feeds.read_text("utf-8") + "canary = true\n", encoding="utf-8")
    export(drop, [comeback("A-1"), comeback("A-2")])
    ran = shell.run("feeds", "run", "calendar")
    assert ran.out == "calendar: the first rows went alone; the others wait for their answer.\n"


def test_a_finding_is_told_with_status_3(shell: Shell, drop: Path) -> None:
    drop.rmdir()
    ran = shell.run("feeds", "run", "calendar")
    assert ran.status == 3
    assert "make it, or correct `folder`" in ran.out
    assert shell.run("feeds").status == 3
    assert "folder missing" in shell.run("feeds").out
    assert "vitec-sync feeds run calendar" in shell.run("status").out


def test_stop_and_start(shell: Shell, drop: Path) -> None:
    assert shell.run("feeds", "stop", "calendar", "--reason", "moving", "--by", "anna").status == 0
    ran = shell.run("feeds")
    assert ran.status == 3
    assert "stopped by anna: moving" in ran.out
    assert "is stopped: `vitec-sync feeds start calendar`" in shell.run("feeds", "run", "calendar").err
    assert shell.run("feeds", "start", "calendar").out == "The feed calendar is started.\n"
    assert shell.run("feeds").status == 0


def test_an_unknown_feed_is_told_with_the_known_ones(shell: Shell, drop: Path) -> None:
    for action in ("run", "stop", "start"):
        ran = shell.run("feeds", action, "viewings")
        assert ran.status == 1
        assert "There is no feed viewings. The feeds are calendar." in ran.err


def test_check_names_the_faults(shell: Shell, drop: Path) -> None:
    assert "calendar (folder)" in shell.run("feeds", "check").out
    (drop.parent / "feeds.toml").write_text(TABLE + "evry = 5\n", encoding="utf-8")
    ran = shell.run("feeds", "check")
    assert ran.status == 1
    assert "[feeds.calendar]: `evry` is not known here; did you mean `every`?" in ran.err
    ran = shell.run("status")
    assert ran.status == 3
    assert "Until it is mended no feed runs" in ran.out


def test_without_feeds_the_command_says_how_to_begin(shell: Shell) -> None:
    assert "write feeds.toml" in shell.run("feeds").out


def test_the_help_teaches(shell: Shell) -> None:
    text = shell.run("feeds", "--help").out
    for word in ("check", "run", "stop", "start", "FEEDS_FILE"):
        assert word in text
