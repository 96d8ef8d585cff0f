"""The page that tells how to add a kind is true: its examples pass the tests of every kind, and go out as they say."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from run import ROOT
from tests.golden_files import answers_of, cells_of, line_of, request_of
from tests.vitec.conftest import network, send_call
from tests.vitec.server import http
from worker.kind import BadCells, Kind, complete
from worker.kinds import KINDS
from worker.outcome import Failed, Succeeded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.vitec.conftest import Network

__all__ = ["network"]

PAGE = (ROOT / "docs" / "adding_a_kind.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^`((?:worker|tests)/[\w/.]+)`[^\n]*\n\n```\w+\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
NAMES = ("estate_note", "estate_note_pin", "estate_note_unpin")
NEEDED = ("worker", "models", "migrations", "tests", "bench", "docs", "examples", "deploy")

every_example = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, to which everything has been done that the page says."""
    folder = tmp_path / "project"
    for name in NEEDED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    write_blocks(folder)
    imports, members = BLOCKS["worker/kinds/__init__.py"].split("\n\n")
    replace(folder / "worker/kinds/__init__.py", "\nKINDS: Final", f"{imports}\n\nKINDS: Final")
    replace(folder / "worker/kinds/__init__.py", ",\n)\n\n\nclass", f",\n{members})\n\n\nclass")
    words = ", ".join(f"`{name}`" for name in NAMES)
    replace(folder / "docs/glossary.md", "| kind | The sort of thing: ", f"| kind | The sort of thing: {words}, ")
    replace(folder / "docs/glossary.md", "passwords opens: ", "passwords opens: `estate`, ")
    return folder


def write_blocks(folder: Path) -> None:
    for path, content in BLOCKS.items():
        if path != "worker/kinds/__init__.py":
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content, encoding="utf-8")


def replace(path: Path, old: str, new: str) -> None:
    content = path.read_text(encoding="utf-8")
    assert content.count(old) == 1
    path.write_text(content.replace(old, new), encoding="utf-8")


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_the_examples_need_nothing_beside_the_page(project: Path) -> None:
    files = [f"worker/kinds/{name}.py" for name in NAMES]
    # Those of the other kinds are run anyway.
    left_out = " and ".join(f"not {kind.kind}" for kind in KINDS)
    pytest_itself = (
        "pytest",
        "-p",
        "no:cacheprovider",
        "-k",
        left_out,
        "tests/test_every_kind.py",
        "tests/test_documents.py",
    )
    for command in (("ruff", "check", *files), ("ruff", "format", "--check", *files), pytest_itself):
        completed = subprocess.run(
            [sys.executable, "-m", *command], cwd=project, capture_output=True, text=True, timeout=250, check=False
        )
        assert completed.returncode == 0, completed.stdout + completed.stderr


@pytest.fixture
def examples(tmp_path: Path) -> Iterator[dict[str, type[Kind]]]:
    """The classes of the page, and its golden files in `tmp_path`."""
    write_blocks(tmp_path)
    classes = {}
    for name in NAMES:
        spec = importlib.util.spec_from_file_location(f"{name}_of_the_page", tmp_path / f"worker/kinds/{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        classes[name] = getattr(module, name.title().replace("_", ""))
    yield classes
    for name in NAMES:
        del sys.modules[f"{name}_of_the_page"]


@every_example
def test_the_request_on_the_wire_is_the_golden_one(
    examples: dict[str, type[Kind]], network: Network, tmp_path: Path, name: str
) -> None:
    kind, folder = examples[name], tmp_path / "tests/golden" / name
    server = network.answering(http("204 No Content", b""))
    send_call(network.client(server), kind.parse(cells_of(kind, folder)).call("1.1"))
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    method, path = line_of(folder)
    assert head.startswith(f"{method} /api/{path} HTTP/1.1\r\n".encode())
    assert (json.loads(body) if body else None) == request_of(folder)
    assert (b"\r\ncontent-type:" in head.lower()) is kind.has_body


@every_example
def test_each_answer_on_the_wire_has_its_outcome(
    examples: dict[str, type[Kind]], network: Network, tmp_path: Path, name: str
) -> None:
    kind, folder = examples[name], tmp_path / "tests/golden" / name
    call = kind.parse(cells_of(kind, folder)).call("1.1")
    for expected in answers_of(folder):
        words = {200: "200 OK", 204: "204 No Content"}[expected["status"]]
        outcome = kind.read(network.outcome(http(words, expected["body"].encode()), call))
        assert type(outcome).__name__ == expected["outcome"]
        assert not isinstance(outcome, Succeeded) or outcome.remote_id == expected["remote_id"]
        assert not isinstance(outcome, Failed) or outcome.code in kind.codes


def test_the_examples_rule_holds(examples: dict[str, type[Kind]], tmp_path: Path) -> None:
    kind = examples["estate_note"]
    with pytest.raises(BadCells) as caught:
        kind.parse({**cells_of(kind, tmp_path / "tests/golden/estate_note"), "author_user_id": ""})
    assert [problem.field for problem in caught.value.problems] == ["author_user_id"]


def test_the_parent_hands_its_note_on(examples: dict[str, type[Kind]]) -> None:
    kind = examples["estate_note_pin"]
    payload = kind.parse({"customer_id": "M30001", "after": "estate_note:NOTE-1"}).payload()
    row = complete(kind, payload, "estate_note", "NOTE7", None)
    assert row is not None
    assert row.body() == {"id": "NOTE7"}
    assert complete(kind, payload, "appointment", "NOTE7", None) is None


def test_a_pin_and_its_removal_are_kept_in_order(examples: dict[str, type[Kind]]) -> None:
    row = {"customer_id": "M30001", "note_id": "NOTE7"}
    pin, unpin = (examples[name].parse(row).sequence_key() for name in NAMES[1:])
    assert pin == unpin is not None
    assert examples["estate_note_unpin"].withdraws == "estate_note_pin"


def test_what_was_taken_off_before_may_be_missing(examples: dict[str, type[Kind]]) -> None:
    kind = examples["estate_note_unpin"]
    assert isinstance(kind.read_refusal(404, sent_before=True), Succeeded)
    assert kind.read_refusal(404, sent_before=False) is None


def test_every_file_that_the_page_asks_for_stands_on_it() -> None:
    files = {f"tests/golden/{name}/{file}" for name in NAMES for file in ("row.csv", "request_line.txt", "answer.json")}
    files |= {f"tests/golden/{name}/request.json" for name in NAMES[:2]}
    assert files | {f"worker/kinds/{name}.py" for name in ("__init__", *NAMES)} == BLOCKS.keys()
