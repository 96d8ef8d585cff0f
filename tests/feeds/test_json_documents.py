"""A JSON document gives the objects of its one list, each with its line; a fault is named."""

from __future__ import annotations

import json
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from tests.feeds.files import read, refusal, write
from worker.feeds import source

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": "}],"}]


@pytest.mark.parametrize("indent", [None, 0, 2])
@pytest.mark.parametrize("path", ["", "value", "data.items"])
def test_the_objects_of_the_one_list_are_rows(tmp_path: Path, path: str, indent: int | None) -> None:
    document: object = ROWS
    for key in reversed(path.split(".")) if path else ():
        document = {"count": 2, key: document, "next": None, "more": {"n": [1, 2]}}
    export = read(write(tmp_path, json.dumps(document, indent=indent)))
    assert export.feed.form == "json"
    assert [row.cells for row in export.rows] == [list(row.values()) for row in ROWS]
    assert export.feed.notes[:1] == ((f"The rows are those of the list '{path}'.",) if path else export.feed.notes[:1])
    assert ("Objects share a line, so rows are numbered by object." in export.feed.notes) == (indent is None)


def test_objects_that_share_a_line_are_numbered(tmp_path: Path) -> None:
    export = read(write(tmp_path, '\n\n[{"a": 1}, {"a": NaN}, {"a": 3}]'))
    assert [row.line for row in export.rows] == [1, 3]
    assert [row.line for row in export.bad] == [2]


def test_each_object_has_the_line_on_which_it_begins(tmp_path: Path) -> None:
    export = read(write(tmp_path, '\n[\n{"a": 1},\n\n{"a":\n2}\n,{"a": 3}]\n'))
    assert [row.line for row in export.rows] == [3, 5, 7]


def test_a_bad_object_is_rejected_and_the_others_taken(tmp_path: Path) -> None:
    export = read(write(tmp_path, '[{"a": 1},\n{"a": NaN},\n{"a": 1, "a": 2},\n7,\n{"a": "\\ud800"},\n{"a": 3}]'))
    assert [(row.line, row.code) for row in export.bad] == [
        (2, "not_json"),
        (3, "repeated_key"),
        (4, "not_json"),
        (5, "not_text"),
    ]
    assert [row.cells for row in export.rows] == [[1], [3]]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[{"a": 1},]', "line 1: not valid JSON: a comma stands before a closing bracket"),
        ('[{"a": 1},\n{"a": 2', "it ends in the middle"),
        ('[{"a": 1}\n{"a": 2}]', "line 2: not valid JSON: ',' is missing"),
        ('[{"a": 1}] x', "more stands behind the end"),
        ("[]", "no list of objects"),
        ('{\n"error": {"code": 5}}', "no list of objects"),
        ('{"x": [{"a": 1}],\n"y": [{"b": 1}]}', "more than one list of objects stands in the JSON: 'x', 'y'"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":\n' * 50_000, "nested too deeply"),
        ('[{"a": "' + "x" * 3 * source.MAX_ROW + '"}]', "an object is longer than"),
        ('// export\n{"a": 1}\n', "line 1 is a comment"),
    ],
)
def test_a_document_that_cannot_be_taken_is_refused(tmp_path: Path, text: str, why: str) -> None:
    assert why in refusal(write(tmp_path, text))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"a": 1},', "a comma stands after the object"),
        ('{"a": 1,}', "a comma stands before a closing bracket"),
        ('{"a": 1} {"a": 2}', "more stands in the line"),
        ('{"a": -Infinity}', "-Infinity, which JSON does not have"),
        ('{"a": None}', "None, which JSON does not have"),
        ("{'a': 1}", "single quotes"),
        ('{"a": "x', "it ends in the middle"),
        ('{"a": 1', "it ends in the middle"),
        ("// comment", "a comment"),
        ('{"a": "x\ty"}', "control character"),
        ('"{\\"a\\": 1}"', "encoded twice"),
    ],
)
def test_a_line_is_rejected_by_its_own_fault(tmp_path: Path, line: str, why: str) -> None:
    export = read(write(tmp_path, f'{{"a": 1}}\n{line}\n{{"a": 3}}\n'))
    assert [row.line for row in export.bad] == [2]
    assert why in export.bad[0].reason
    assert "not_json" in refusal_code(tmp_path, line)


def refusal_code(folder: Path, line: str) -> str:
    """Return the code of a file of nothing but such lines, or of its list."""
    from worker.feeds import FileRefused, open_feed

    with pytest.raises(FileRefused) as caught, open_feed(write(folder, f"{line}\n{line}\n", "x.jsonl")):
        pass
    return caught.value.code


def test_spellings_of_a_key_are_one_heading(tmp_path: Path) -> None:
    export = read(write(tmp_path, '{"sourceId": 1}\n{"source_id": 2}\n{"source_id": 3, "sourceId": 4}\n'))
    assert export.feed.headings == ("sourceId",)
    assert [row.cells for row in export.rows] == [[1], [2]]
    assert [row.code for row in export.bad] == ["repeated_key"]


@pytest.mark.parametrize("end", ["\r", "\n\x1a", "\x1a\n", "\r\n\ufeff\n"])
def test_json_lines_may_end_in_any_way(tmp_path: Path, end: str) -> None:
    export = read(write(tmp_path, end.join(['{"a": 1}', '{"a": 2}', ""])))
    assert [row.cells for row in export.rows] == [[1], [2]]
    assert export.bad == []


def test_a_long_list_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.json"
    row = json.dumps({"a": "x" * 1000})
    path.write_text("[" + ",".join([row] * 20_000) + "]", encoding="utf-8")
    tracemalloc.start()
    from worker.feeds import open_feed

    with open_feed(path) as feed:
        number = sum(1 for _ in feed.rows())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert number == 20_000
    assert peak < 24 * source.MAX_ROW
