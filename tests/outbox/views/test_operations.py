"""Operations are found, listed and shown, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, text

from models import Operation, Scope, State
from tests.factory import make_feed_file, make_hold, make_operation
from worker.outbox.views import operations
from worker.outbox.views.operations import OperationFilter, Reference

if TYPE_CHECKING:
    from worker.outbox import Database


def make(db: Database, *states: State, **overrides: Any) -> list[int]:
    """Make operations in these states."""
    with db.write() as connection:
        return [make_operation(connection, state, **overrides) for state in states]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("17", Reference(id=17)),
        ("comeback:CRM-1", Reference(kind="comeback", source_id="CRM-1")),
        ("comeback:a:b", Reference(kind="comeback", source_id="a:b")),
        ("comeback:", None),
        (":CRM-1", None),
        ("CRM-1", None),
        ("-1", None),
        ("", None),
        ("٣", None),
        ("9" * 19, None),
    ],
)
def test_an_operation_is_found_by_number_or_crms_id(written: str, meant: Reference | None) -> None:
    assert operations.parse_reference(written) == meant


def test_references_are_found_in_their_order_and_feed(db: Database) -> None:
    (first,) = make(db, State.PENDING, source_id="A")
    (in_other_feed,) = make(db, State.PENDING, source_id="A", feed="other")
    references = [
        Reference(kind="comeback", source_id="A"),
        Reference(id=in_other_feed),
        Reference(id=999),
        Reference(id=first),
    ]
    assert operations.find_ids(db, references) == [first, in_other_feed, None, first]
    assert operations.find_ids(db, references[:1], feed="other") == [in_other_feed]
    assert operations.find_ids(db, [Reference(kind="appointment", source_id="A")]) == [None]


def test_the_newest_come_first_page_by_page(db: Database) -> None:
    made = make(db, *[State.PENDING] * 5)
    first = operations.list_operations(db, OperationFilter(), limit=2)
    second = operations.list_operations(db, OperationFilter(), limit=9, before=first[-1]["id"])
    assert [row["id"] for row in (*first, *second)] == made[::-1]


@pytest.mark.parametrize(
    ("wanted", "passing"),
    [
        (OperationFilter(), {"p", "r", "f", "d", "n", "s"}),
        (OperationFilter(states=frozenset({State.PENDING})), {"p", "n"}),
        (OperationFilter(states=frozenset({State.PENDING, State.RETRYABLE})), {"p", "r", "n"}),
        (OperationFilter(states=frozenset({State.IN_DOUBT, State.FAILED})), {"d", "f"}),
        (OperationFilter(states=frozenset({State.IN_DOUBT})), {"d"}),
        (OperationFilter(kinds=frozenset({"notification"})), {"n"}),
        (OperationFilter(customers=frozenset({"M30002"})), {"n"}),
        (OperationFilter(codes=frozenset({"refused", "unanswered"})), {"f", "d"}),
        (OperationFilter(needs_person=True), {"d"}),
        (OperationFilter(feed="other"), {"s"}),
        (OperationFilter(states=frozenset({State.FAILED}), codes=frozenset({"unanswered"})), set()),
    ],
)
def test_a_row_passes_a_filter_by_all_its_parts(db: Database, wanted: OperationFilter, passing: set[str]) -> None:
    make(db, State.PENDING, source_id="p")
    make(db, State.RETRYABLE, source_id="r")
    make(db, State.FAILED, source_id="f")
    make(db, State.IN_DOUBT, source_id="d")
    make(db, State.PENDING, source_id="n", kind="notification", customer_id="M30002")
    make(db, State.SUCCEEDED, source_id="s", feed="other")
    assert {row["source_id"] for row in operations.list_operations(db, wanted, limit=50)} == passing
    assert len(list(operations.iterate_ids(db, wanted))) == len(passing)


def test_ids_come_oldest_first_over_many_pages(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "PAGE", 2)
    made = make(db, *[State.FAILED] * 5)
    assert list(operations.iterate_ids(db, OperationFilter(states=frozenset({State.FAILED})))) == made


def test_an_operation_is_shown_with_its_surroundings(db: Database) -> None:
    with db.write() as connection:
        file_id = make_feed_file(connection, name="a.csv")
        parent = make_operation(connection, State.FAILED, source_id="P")
        after: dict[str, Any] = {"after_kind": "comeback", "after_source_id": "P"}
        child = make_operation(connection, State.RETRYABLE, source_id="C", feed_file_id=file_id, line=7, **after)
        make_operation(connection, source_id="G", after_kind="comeback", after_source_id="C")
        make_hold(connection)
        make_hold(connection, Scope.GROUP, customer_id="M30002")
    shown = operations.read_operation(db, child)
    assert shown is not None
    assert shown.row["id"] == child
    assert shown.row["line"] == 7
    assert shown.file == "a.csv"
    assert [entry["code"] for entry in shown.history] == ["unreachable"]
    assert [hold["customer_id"] for hold in shown.holds] == ["M30001"]
    assert shown.parent is not None
    assert (shown.parent["id"], shown.parent["state"]) == (parent, State.FAILED)
    assert shown.children == 1
    assert operations.read_operation(db, 4711) is None


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (OperationFilter(states=frozenset({State.IN_DOUBT}), customers=frozenset({"M1"})), "ix_operations_in_doubt"),
        (OperationFilter(needs_person=True), "ix_operations_needs_person"),
    ],
)
def test_rare_states_are_found_by_partial_indexes(db: Database, wanted: OperationFilter, index: str) -> None:
    query = operations._narrowed(select(Operation.id), wanted)
    written = str(query.compile(db.engine, compile_kwargs={"literal_binds": True}))
    with db.write() as connection:
        if db.engine.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        explain = "EXPLAIN" if db.engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        plan = connection.exec_driver_sql(f"{explain} {written}").all()
    assert index in str(plan)
