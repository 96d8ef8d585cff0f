"""The tree keeps the rules of the house, and each rule finds what is planted against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from run import ROOT
from tests.house import __main__ as command
from tests.house.check import FOLDERS, PRODUCT, all_faults
from tests.house.source import Source, read_tree

if TYPE_CHECKING:
    from pathlib import Path

CLEAN = '"""Writes rows."""\n\n\ndef write(row: str) -> str:\n    return row\n'


def planted(text: str, path: str = "worker/planted.py") -> list[tuple[int, str]]:
    """The line and the rule of each fault of a file with this text."""
    return [(fault.line, fault.rule) for fault in all_faults([Source.parse(path, text)])]


def test_the_tree_is_in_order() -> None:
    faults = list(all_faults(read_tree(ROOT, FOLDERS)))
    assert not faults, "\n".join(map(str, faults))


def test_a_clean_file_has_no_fault() -> None:
    assert planted(CLEAN) == []


def test_a_fault_says_file_line_rule_and_remedy() -> None:
    (fault,) = all_faults([Source.parse("worker/planted.py", "told = 1\n")])
    assert str(fault).startswith("worker/planted.py:1: empty name: 'told' does not say what it holds; name the thing")


@pytest.mark.parametrize(
    "text",
    [
        "def send(found): ...",
        "def send(*, other=None): ...",
        "def send(*these, **those): ...",
        "send = lambda it: None",
        "for one in (): ...",
        "rows = [row for row, left in ()]",
        "with open('x') as _rest: ...",
        "class Answer:\n    said: str",
        "if (done := 1): ...",
        "class Row:\n    def __init__(self):\n        self.left = 1",
        "try: ...\nexcept OSError as said: ...",
        "import worker.rings as rest",
        "match row:\n    case [*rest]: ...",
        "match row:\n    case other: ...",
    ],
)
def test_an_empty_name_is_found_wherever_it_is_bound(text: str) -> None:
    assert "empty name" in {rule for _, rule in planted(text)}


@pytest.mark.parametrize(
    "text", ["row = other()", "__all__ = ['row']", "found_rows = 1", "row = self.left", "print(more=1)"]
)
def test_a_name_that_says_more_may_stand(text: str) -> None:
    assert planted(text) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('"""What is written."""', 1),
        ('"""Writes rows.\n\nWhoever reads them waits: who comes late sees none.\n"""', 3),
        ("row = 1\n# Whose row it is.", 2),
        ('class Row:\n    id: int\n    """What Vitec calls it."""', 3),
    ],
)
def test_a_relative_opener_is_found_on_its_line(text: str, line: int) -> None:
    assert (line, "relative opener") in planted(text)


@pytest.mark.parametrize(
    "text", ['"""What is due?"""', '"""Says what is due."""', "# Reads rows, which wait.", 'row = "What it says"']
)
def test_a_question_and_a_subordinate_clause_may_stand(text: str) -> None:
    assert planted(text) == []


@pytest.mark.parametrize("word", ["whoever", "nobody", "somebody", "anybody", "whose", "Nobody", "someone"])
def test_a_sentence_without_a_subject_is_found(word: str) -> None:
    assert planted(f'"""Writes rows.\n\nThe row is read by {word} later.\n"""') == [(3, "missing subject")]


def test_a_long_file_is_found_unless_it_is_a_revision() -> None:
    text = CLEAN + "\n" * 300
    assert planted(text) == [(301, "long file")]
    assert planted(text, "migrations/versions/0002_more.py") == []


def test_a_long_function_is_found_at_its_name() -> None:
    body = "    pass\n" * 40
    assert planted(f"@staticmethod\ndef write():\n{body}") == [(2, "long function")]
    assert planted(f"def write():\n{body[:-9]}") == []


def test_a_test_name_has_ten_words_at_most() -> None:
    words = "_".join(["word"] * 10)
    assert planted(f"def test_{words}(): ...") == []
    assert planted(f"def test_{words}_too(): ...") == [(1, "long test name")]


def test_an_assert_compares_two_values_at_most() -> None:
    assert planted("assert (row.state, row.code) == (1, 2)") == []
    assert planted("assert (row.state, row.code, row.kind) == (1, 2, 3)") == [(1, "tuple assert")]


def test_a_type_has_one_home_in_the_product() -> None:
    sources = [Source.parse(f"{folder}/row.py", "class Row: ...") for folder in ("worker", "models")]
    assert {fault.rule for fault in all_faults(sources)} == {"type with two homes"}
    assert [fault.path for fault in all_faults(sources)] == ["worker/row.py", "models/row.py"]
    private = [sources[0], Source.parse("worker/other.py", "class _Row: ...")]
    assert len(list(all_faults(private))) == 2
    assert list(all_faults([sources[0], Source.parse("tests/row.py", "class Row: ...")])) == []


def test_the_command_fails_on_a_planted_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "ROOT", tmp_path)
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "planted.py").write_text(CLEAN)
    assert command.main() == 0
    (tmp_path / "bench" / "planted.py").write_text(CLEAN + "\n" * 300)
    assert command.main() == 1
    assert "bench/planted.py:301: long file: " in capsys.readouterr().out


def test_every_file_of_the_product_is_read() -> None:
    paths = {source.path for source in read_tree(ROOT, PRODUCT)}
    assert {"worker/decide.py", "models/state.py", "migrations/versions/0001_the_first.py"} <= paths
