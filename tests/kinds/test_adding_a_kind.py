"""The page that tells how to add a kind is true: its example is loaded, and read, sent and answered as it says."""

import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.golden_files import answers_of, cells_of, request_of
from worker import kinds
from worker.kind import Answer, BadCells, Kind

PAGE = (Path(__file__).parents[2] / "docs" / "adding_a_kind.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^`([\w/.]+)`[^\n]*\n\n```\w+\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))


@pytest.fixture
def example(tmp_path: Path) -> Iterator[type[Kind]]:
    for path, content in BLOCKS.items():
        (tmp_path / Path(path).name).write_text(content, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("estate_note_of_the_page", tmp_path / "estate_note.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    kind: type[Kind] = module.EstateNote
    yield kind
    del sys.modules[spec.name]


def test_the_example_sends_the_sample_request(example: type[Kind], tmp_path: Path) -> None:
    call = example.parse(cells_of(example, tmp_path)).call("1.1")
    assert json.loads(call.body or b"") == request_of(tmp_path)
    assert call.path == "Estate/M30001/OBJ11385_1395932274/Note"


def test_the_examples_answers_become_the_documented_outcomes(example: type[Kind], tmp_path: Path) -> None:
    for expected in answers_of(tmp_path):
        assert type(example.read(Answer(expected["status"], expected["body"].encode()))).__name__ == expected["outcome"]


def test_the_examples_rule_holds(example: type[Kind], tmp_path: Path) -> None:
    with pytest.raises(BadCells) as caught:
        example.parse({**cells_of(example, tmp_path), "author_user_id": ""})
    assert [problem.field for problem in caught.value.problems] == ["author_user_id"]


def test_the_page_names_the_kinds_that_there_are() -> None:
    listed = re.search(r"= \(([\w, ]+)\)", BLOCKS["worker/kinds/__init__.py"])
    assert listed is not None
    assert listed[1].split(", ") == [*(kind.__name__ for kind in kinds.KINDS), "EstateNote"]


def test_every_file_that_the_page_asks_for_stands_on_it() -> None:
    golden = {f"tests/golden/estate_note/{name}" for name in ("row.csv", "request.json", "answer.json")}
    assert golden | {"worker/kinds/estate_note.py", "worker/kinds/__init__.py"} == BLOCKS.keys()
