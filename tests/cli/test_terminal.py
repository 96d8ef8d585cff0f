"""The output of commands: safe on a terminal, plain in a pipe, exact as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from models import State
from worker.cli import terminal

SUMMER = datetime(2026, 7, 1, 22, 30, 15, tzinfo=UTC)


def test_a_moment_is_printed_in_stockholm_time() -> None:
    assert terminal.format_moment(SUMMER) == "2026-07-02 00:30:15 CEST"
    assert terminal.format_moment(SUMMER, seconds=False) == "2026-07-02 00:30 CEST"
    assert terminal.format_moment(SUMMER, at=SUMMER + timedelta(hours=1)) == "00:30:15 CEST"
    assert terminal.format_moment(SUMMER, at=SUMMER - timedelta(hours=1)) == "2026-07-02 00:30:15 CEST"
    assert terminal.format_moment(SUMMER, zone=False) == "2026-07-02 00:30:15"
    assert terminal.format_moment(None) == ""


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172_800, "2 days"), (-5, "0 s")],
)
def test_a_duration_is_written_in_its_largest_fitting_unit(seconds: int, expected: str) -> None:
    assert terminal.format_duration(timedelta(seconds=seconds)) == expected


def test_a_number_comes_with_its_noun() -> None:
    assert terminal.count_noun(1, "row") == "1 row"
    assert terminal.count_noun(12_000, "row") == "12\N{NO-BREAK SPACE}000 rows"
    assert terminal.count_noun(2, "operation needs", "operations need") == "2 operations need"


def test_control_characters_are_shown_as_escapes() -> None:
    assert terminal.make_visible("\x1b[2Ja\x9b1m\x7f\r\u202eb") == "\\x1b[2Ja\\x9b1m\\x7f\\x0d\\x202eb"
    assert terminal.make_visible("å\tä\nö") == "å\tä\nö"


def test_a_table_in_a_pipe_is_lines_with_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_table(("a", "b"), [("1\t2\n3", terminal.style_state("in_doubt")), ("x", None)])
    assert capsys.readouterr().out == "a\tb\n1 2 3\tin doubt\nx\tNone\n"


def test_pairs_in_a_pipe_have_no_heading(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_pairs([("State", terminal.style_state("in_doubt")), ("Code", None), ("Words", "two\nlines")])
    assert capsys.readouterr().out == "State\tin doubt\nWords\ttwo lines\n"


def test_markup_in_data_is_only_text(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "is_terminal", lambda: True)
    terminal.print_table(("a",), [("[red]x[/red]",)])
    terminal.print_line("[bold]y")
    assert "[red]x[/red]" in (shown := capsys.readouterr().out)
    assert "[bold]y" in shown


def test_json_keeps_moments_words_and_letters(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_json({"at": SUMMER, "state": State.IN_DOUBT, "name": "Å\x9b\x1b", "kinds": frozenset({"a"})})
    out = capsys.readouterr().out
    assert "\x9b" not in out
    assert json.loads(out) == {
        "at": "2026-07-02T00:30:15+02:00",
        "state": "in_doubt",
        "name": "Å\x9b\x1b",
        "kinds": ["a"],
    }


def test_an_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_error("first\n  second\x1b[0m")
    assert capsys.readouterr().err == "first second\\x1b[0m\n"
