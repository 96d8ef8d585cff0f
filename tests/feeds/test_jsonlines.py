"""JSON lines are rows under the keys that occur in them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.feeds.files import read, refusal, write
from worker.feeds import source

if TYPE_CHECKING:
    from pathlib import Path


def test_keys_are_headings_in_the_order_they_first_occur(tmp_path: Path) -> None:
    export = read(write(tmp_path, '{"b": 1, "a": "x"}\n\n{"c": [true], "b": null}\n'))
    assert export.feed.form == "jsonl"
    assert export.feed.headings == ("b", "a", "c")
    assert [(row.line, row.cells) for row in export.rows] == [(1, [1, "x", None]), (3, [None, None, [True]])]


def test_jsonlines_are_known_by_content_not_by_name(tmp_path: Path) -> None:
    assert read(write(tmp_path, '\ufeff\n {"a": 1}', "export.csv")).rows[0].cells == [1]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('{"a": ', "not_json"),
        ('["a"]', "not_json"),
        ("17", "not_json"),
        ('{"a": NaN}', "not_json"),
        ('{"a": ' + "9" * 5000 + "}", "not_json"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "not_json"),
        ('{"a": 1, "a": 2}', "repeated_key"),
        ('{"a": {"b": 1, "b": 2}}', "repeated_key"),
        ('{"a": "\\ud800"}', "not_text"),
        (json.dumps({"a": "x" * (source.MAX_CELL + 1)}), "cell_too_long"),
        (json.dumps({"a": "x" * (source.MAX_ROW + 1)}), "row_too_long"),
    ],
)
def test_a_bad_line_is_one_bad_row(tmp_path: Path, line: str, code: str) -> None:
    export = read(write(tmp_path, f'{{"a": 1}}\n{line}\n{{"a": 3}}\n'))
    assert [(row.line, row.code) for row in export.bad] == [(2, code)]
    assert [(row.line, row.cells) for row in export.rows] == [(1, [1]), (3, [3])]


def test_a_file_without_a_single_object_is_refused(tmp_path: Path) -> None:
    assert "no line of it is a JSON object" in refusal(write(tmp_path, "{not json\n", "x.jsonl"))


def test_too_many_different_keys_are_refused(tmp_path: Path) -> None:
    text = "".join(json.dumps({f"k{number}": 1}) + "\n" for number in range(201))
    assert "line 201: more than 200 different keys" in refusal(write(tmp_path, text))


def test_a_file_without_objects_advises_about_its_first_line(tmp_path: Path) -> None:
    assert refusal(write(tmp_path, '{"a": 1, "a": 2}\n')).endswith("Keep one of the two.")
    assert refusal(write(tmp_path, '"{\\"a\\": 1}"\n')).endswith("Export the objects themselves.")
