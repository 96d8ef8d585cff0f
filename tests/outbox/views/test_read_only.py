"""No view writes: none composes a statement that would, and on the database each of them only selects."""

import ast
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from models import Scope, State
from run import ROOT
from tests import factory
from tests.outbox.exported import row
from worker.outbox import Database
from worker.outbox.database.sql import current_time
from worker.outbox.views import (
    acquaintance,
    answers,
    endings,
    explain,
    feeds,
    first_rows,
    operations,
    overview,
    status,
    unfinished,
    unreported,
)
from worker.outbox.views.operations import OperationFilter, Reference

VIEWS = sorted((ROOT / "worker" / "outbox" / "views").glob("[!_]*.py"))
WRITING = {"insert", "update", "delete", "merge", "write", "with_for_update", "exec_driver_sql", "text"}
FILTER = OperationFilter(frozenset(State), frozenset({"comeback"}), feed="crm", needs_person=True, parent_missing=True)


def read_status(db: Database, id_: int) -> None:
    with db.read() as connection:
        assert status.read_status(connection, current_time, [id_])


def read_endings(db: Database, _id: int) -> None:
    with db.read() as connection:
        assert endings.count_untold(connection)
        endings.count_endings_of_a_day(connection)


def read_feeds(db: Database, _id: int) -> None:
    with db.read() as connection:
        feeds.read_feeds(connection)


CALLS: dict[Callable[..., Any], Callable[[Database, int], object]] = {
    acquaintance.read_acquaintance: lambda db, _id: acquaintance.read_acquaintance(
        db, feed="crm", kind="comeback", source_ids=["A"]
    ),
    acquaintance.read_moment: lambda db, _id: acquaintance.read_moment(db),
    acquaintance.count_known_content: lambda db, _id: acquaintance.count_known_content(
        db, feed="crm", kind="comeback", hashes={"x"}
    ),
    feeds.read_feeds: read_feeds,
    feeds.list_feeds: lambda db, _id: feeds.list_feeds(db),
    first_rows.find_new: lambda db, _id: first_rows.find_new(db, "crm", [row()]),
    first_rows.read_states: lambda db, _id: first_rows.read_states(db, "crm", "x"),
    unfinished.unfinished_operations: lambda db, _id: list(
        unfinished.unfinished_operations(db, feed="crm", kinds={"comeback"})
    ),
    answers.observe_answers: lambda db, _id: answers.observe_answers(db, 100, frozenset({"comeback"})),
    endings.count_untold: read_endings,
    endings.count_endings_of_a_day: read_endings,
    explain.read_facts: explain.read_facts,
    operations.parse_reference: lambda _db, id_: operations.parse_reference(str(id_)),
    operations.find_ids: lambda db, id_: operations.find_ids(db, [Reference(id_), Reference(None, "comeback", "A")]),
    operations.list_operations: lambda db, id_: operations.list_operations(db, FILTER, limit=5, before=id_),
    operations.find_with_evidence: lambda db, id_: operations.find_with_evidence(db, [id_]),
    operations.count_with_code: lambda db, id_: operations.count_with_code(db, [id_], "refused"),
    operations.count_by_cause: lambda db, _id: operations.count_by_cause(db, FILTER),
    operations.iterate_ids: lambda db, _id: list(operations.iterate_ids(db, FILTER)),
    operations.read_operation: operations.read_operation,
    overview.read_overview: lambda db, _id: (overview.read_overview(db), overview.read_overview(db, finals=False)),
    status.read_status: read_status,
    unreported.unreported_operations: lambda db, _id: list(unreported.unreported_operations(db, feed="crm")),
    unreported.rejections_of_file: lambda db, id_: list(unreported.rejections_of_file(db, id_)),
    unreported.unreported_rejections: lambda db, _id: list(unreported.unreported_rejections(db, file="a.csv")),
}
"""Each public function of the views, and a call of it about the operation with the id."""


@contextmanager
def recorded(db: Database) -> Iterator[list[str]]:
    """The statements that run on the database meanwhile."""
    statements: list[str] = []

    @event.listens_for(db.engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    yield statements
    event.remove(db.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("path", VIEWS, ids=lambda path: path.name)
def test_a_view_never_writes(path: Path) -> None:
    tree = ast.walk(ast.parse(path.read_text("utf-8")))
    called = {ast.unparse(node.func).split(".")[-1] for node in tree if isinstance(node, ast.Call)}
    assert called & WRITING == set()


def test_every_public_function_of_the_views_is_called_here() -> None:
    modules = [import_module(f"worker.outbox.views.{path.stem}") for path in VIEWS]
    assert set(CALLS) == {
        function
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }


@pytest.mark.parametrize("view", CALLS, ids=lambda view: view.__name__)
def test_a_view_only_selects_on_the_database(db: Database, view: Callable[..., Any]) -> None:
    with db.write() as connection:
        factory.make_hold(connection, Scope.LANE)
        factory.make_rejected_row(connection)
        for state in State:
            factory.make_operation(connection, state)
        child = factory.make_operation(connection, after_kind="comeback", after_source_id="A")
    with recorded(db) as statements:
        CALLS[view](db, child)
    assert {statement.split()[0] for statement in statements} <= {"BEGIN", "SELECT"}
    assert [statement for statement in statements if " FOR " in statement or "IMMEDIATE" in statement] == []
