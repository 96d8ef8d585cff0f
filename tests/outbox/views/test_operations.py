"""Operations are found, listed and shown, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, text

from models import Operation, Scope, State
from tests.factory import make_feed_file, make_hold, make_operation
from worker.outbox.views import operations as reading
from worker.outbox.views.operations import Filter, Reference

if TYPE_CHECKING:
    from worker.outbox import Outbox


def make(box: Outbox, *states: State, **overrides: Any) -> list[int]:
    """Make operations in these states."""
    with box.write() as connection:
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
def test_an_operation_is_named_by_its_number_or_by_the_crms_id(written: str, meant: Reference | None) -> None:
    assert reading.reference(written) == meant


def test_references_are_found_in_their_order_and_feed(box: Outbox) -> None:
    (first,) = make(box, State.PENDING, source_id="A")
    (other,) = make(box, State.PENDING, source_id="A", feed="other")
    asked = [Reference(kind="comeback", source_id="A"), Reference(id=other), Reference(id=999), Reference(id=first)]
    assert reading.find(box, asked) == [first, other, None, first]
    assert reading.find(box, asked[:1], feed="other") == [other]
    assert reading.find(box, [Reference(kind="appointment", source_id="A")]) == [None]


def test_the_newest_come_first_page_by_page(box: Outbox) -> None:
    made = make(box, *[State.PENDING] * 5)
    first = reading.listing(box, Filter(), limit=2)
    second = reading.listing(box, Filter(), limit=9, before=first[-1]["id"])
    assert [row["id"] for row in (*first, *second)] == made[::-1]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(), {"p", "r", "f", "d", "n", "s"}),
        (Filter(states=frozenset({State.PENDING})), {"p", "n"}),
        (Filter(states=frozenset({State.PENDING, State.RETRYABLE})), {"p", "r", "n"}),
        (Filter(states=frozenset({State.IN_DOUBT, State.FAILED})), {"d", "f"}),
        (Filter(states=frozenset({State.IN_DOUBT})), {"d"}),
        (Filter(kinds=frozenset({"notification"})), {"n"}),
        (Filter(customers=frozenset({"M30002"})), {"n"}),
        (Filter(codes=frozenset({"refused", "unanswered"})), {"f", "d"}),
        (Filter(needs_person=True), {"d"}),
        (Filter(feed="other"), {"s"}),
        (Filter(states=frozenset({State.FAILED}), codes=frozenset({"unanswered"})), set()),
    ],
)
def test_a_filter_lets_through_what_all_its_parts_allow(box: Outbox, wanted: Filter, found: set[str]) -> None:
    make(box, State.PENDING, source_id="p")
    make(box, State.RETRYABLE, source_id="r")
    make(box, State.FAILED, source_id="f")
    make(box, State.IN_DOUBT, source_id="d")
    make(box, State.PENDING, source_id="n", kind="notification", customer_id="M30002")
    make(box, State.SUCCEEDED, source_id="s", feed="other")
    assert {row["source_id"] for row in reading.listing(box, wanted, limit=50)} == found
    assert len(list(reading.ids(box, wanted))) == len(found)


def test_ids_come_oldest_first_over_many_pages(box: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PAGE", 2)
    made = make(box, *[State.FAILED] * 5)
    assert list(reading.ids(box, Filter(states=frozenset({State.FAILED})))) == made


def test_all_that_is_known_of_an_operation_is_shown(box: Outbox) -> None:
    with box.write() as connection:
        file_id = make_feed_file(connection, name="a.csv")
        parent = make_operation(connection, State.FAILED, source_id="P")
        after: dict[str, Any] = {"after_kind": "comeback", "after_source_id": "P"}
        child = make_operation(connection, State.RETRYABLE, source_id="C", feed_file_id=file_id, line=7, **after)
        make_operation(connection, source_id="G", after_kind="comeback", after_source_id="C")
        make_hold(connection)
        make_hold(connection, Scope.GROUP, customer_id="M30002")
    shown = reading.show(box, child)
    assert shown is not None
    assert (shown.row["id"], shown.row["line"], shown.file) == (child, 7, "a.csv")
    assert [entry["code"] for entry in shown.history] == ["unreachable"]
    assert [hold["customer_id"] for hold in shown.holds] == ["M30001"]
    assert shown.parent is not None
    assert (shown.parent["id"], shown.parent["state"]) == (parent, State.FAILED)
    assert shown.children == 1
    assert reading.show(box, 4711) is None


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Filter(states=frozenset({State.IN_DOUBT}), customers=frozenset({"M1"})), "ix_operations_in_doubt"),
        (Filter(needs_person=True), "ix_operations_needs_person"),
    ],
)
def test_what_is_few_is_found_by_its_partial_index(box: Outbox, wanted: Filter, index: str) -> None:
    query = reading._narrowed(select(Operation.id), wanted)
    written = str(query.compile(box.engine, compile_kwargs={"literal_binds": True}))
    with box.write() as connection:
        if box.engine.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        explain = "EXPLAIN" if box.engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        plan = connection.exec_driver_sql(f"{explain} {written}").all()
    assert index in str(plan)
