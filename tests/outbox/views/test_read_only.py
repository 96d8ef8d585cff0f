"""No view writes: none opens a transaction that may, and none composes a statement that would."""

import ast
from pathlib import Path

import pytest

from run import ROOT

VIEWS = sorted((ROOT / "worker" / "outbox" / "views").glob("*.py"))
WRITING = {"insert", "update", "delete", "merge", "write", "with_for_update", "exec_driver_sql", "text"}


@pytest.mark.parametrize("path", VIEWS, ids=lambda path: path.name)
def test_a_view_never_writes(path: Path) -> None:
    tree = ast.walk(ast.parse(path.read_text("utf-8")))
    called = {ast.unparse(node.func).split(".")[-1] for node in tree if isinstance(node, ast.Call)}
    assert called & WRITING == set()
