"""Operations, read for people: found by reference, listed by filter, shown with all that is known of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, func, or_, select, tuple_

from models import FINAL, WAITING, Attempt, FeedFile, Hold, Lane, Operation, State
from worker.outbox.database.database import Database
from worker.outbox.lanes.missing_parents import waits_in_vain
from worker.outbox.predicates import (
    awaiting_parent,
    covers,
    in_doubt,
    in_flight,
    is_parent,
    needs_person,
    sendable,
    unsuccessful,
)

PAGE = 500
"""Ids read at a time when a decision is for many."""


@dataclass(frozen=True, slots=True)
class OperationFilter:
    """Narrows a list of operations. An empty part lets all through; several values of one part are alternatives."""

    states: frozenset[State] = frozenset()
    kinds: frozenset[str] = frozenset()
    customers: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    feed: str | None = None
    needs_person: bool = False
    parent_missing: bool = False

    @property
    def is_empty(self) -> bool:
        """Tell whether it lets everything through."""
        return self == OperationFilter()


@dataclass(frozen=True, slots=True)
class Reference:
    """How a person names an operation: by our number, or by the CRM's kind and id."""

    id: int | None = None
    kind: str = ""
    source_id: str = ""


def parse_reference(text: str) -> Reference | None:
    """Read `4711` or `comeback:CRM-17`; None: it is neither."""
    kind, colon, source_id = text.partition(":")
    if colon:
        return Reference(kind=kind, source_id=source_id) if kind and source_id else None
    # A number beyond the column's range cannot be compared with it.
    return Reference(id=int(text)) if text.isascii() and text.isdigit() and len(text) < 19 else None


def find_ids(db: Database, references: Sequence[Reference], feed: str = "crm") -> list[int | None]:
    """Give the operations' ids in the order of the references; None for one that names none."""
    numbers = {reference.id for reference in references if reference.id is not None}
    keys = {(reference.kind, reference.source_id) for reference in references if reference.id is None}
    by_number, by_key = Operation.id.in_(numbers), tuple_(Operation.kind, Operation.source_id).in_(keys)
    columns = select(Operation.id, Operation.kind, Operation.source_id)
    with db.read() as connection:
        valid_numbers = connection.scalars(select(Operation.id).where(by_number)).all() if numbers else []
        rows = connection.execute(columns.where(Operation.feed == feed, by_key)).all() if keys else []
    id_by_key = {(row.kind, row.source_id): row.id for row in rows}
    id_by_number = {number: number for number in valid_numbers}
    return [
        id_by_key.get((reference.kind, reference.source_id)) if reference.id is None else id_by_number.get(reference.id)
        for reference in references
    ]


_LISTED = (
    Operation.id,
    Operation.kind,
    Operation.customer_id,
    Operation.source_id,
    Operation.feed,
    Operation.state,
    Operation.attempt,
    Operation.error_code,
    Operation.error_detail,
    Operation.remote_id,
    Operation.needs_person,
    Operation.cancel_asked,
    Operation.created_at,
    Operation.next_attempt_at,
    Operation.finalized_at,
)


def list_operations(
    db: Database, wanted: OperationFilter, *, limit: int, before: int | None = None
) -> list[RowMapping]:
    """List operations, newest first. For the next page, `before` is the last id of this one."""
    query = _narrowed(select(*_LISTED), wanted).order_by(Operation.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Operation.id < before)
    with db.read() as connection:
        return list(connection.execute(query).mappings())


def iterate_ids(db: Database, wanted: OperationFilter) -> Iterator[int]:
    """Give the ids of all operations that the filter lets through, oldest first, a page per transaction."""
    after = 0
    while True:
        query = _narrowed(select(Operation.id), wanted).where(Operation.id > after).order_by(Operation.id).limit(PAGE)
        with db.read() as connection:
            page = connection.scalars(query).all()
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1]


def count_with_code(db: Database, ids: Sequence[int], code: str) -> int:
    """Count those of the operations that ended with this code."""
    count = 0
    with db.read() as connection:
        for start in range(0, len(ids), PAGE):
            of_page = (Operation.id.in_(ids[start : start + PAGE]), Operation.error_code == code)
            count += connection.scalar(select(func.count()).where(*of_page)) or 0
    return count


def find_with_evidence(db: Database, ids: Sequence[int]) -> list[int]:
    """Find those of the operations that Vitec has carried out, by its answer or by a person's word."""
    with_evidence: list[int] = []
    with db.read() as connection:
        for start in range(0, len(ids), PAGE):
            of_page = (Operation.id.in_(ids[start : start + PAGE]), Operation.acted_at.is_not(None))
            with_evidence += connection.scalars(select(Operation.id).where(*of_page).order_by(Operation.id))
    return with_evidence


def count_by_cause(db: Database, wanted: OperationFilter) -> list[RowMapping]:
    """Count the operations that the filter lets through by kind, state and code, the most frequent first."""
    groups = (Operation.kind, Operation.state, Operation.error_code)
    query = _narrowed(select(*groups, func.count().label("count")), wanted).group_by(*groups)
    with db.read() as connection:
        rows = connection.execute(query).mappings().all()
    return sorted(rows, key=lambda row: (-row["count"], row["kind"], row["state"]))


def _narrowed(query: Select[*tuple[Any, ...]], wanted: OperationFilter) -> Select[*tuple[Any, ...]]:
    parts: list[ColumnElement[bool]] = []
    if wanted.states:
        parts += [Operation.state.in_(sorted(wanted.states)), *_by_partial_index(wanted.states)]
    if wanted.kinds:
        parts.append(Operation.kind.in_(sorted(wanted.kinds)))
    if wanted.customers:
        parts.append(Operation.customer_id.in_(sorted(wanted.customers)))
    if wanted.codes:
        parts.append(Operation.error_code.in_(sorted(wanted.codes)))
    if wanted.feed is not None:
        parts.append(Operation.feed == wanted.feed)
    if wanted.needs_person:
        parts.append(needs_person)
    if wanted.parent_missing:
        parts.append(waits_in_vain)
    return query.where(*parts)


def _by_partial_index(states: frozenset[State]) -> Iterable[ColumnElement[bool]]:
    """Say the same in the words of a partial index, which a bound value would not be recognised by."""
    if states <= WAITING:
        yield or_(sendable, awaiting_parent)
    elif states == {State.IN_FLIGHT}:
        yield in_flight
    elif states == {State.IN_DOUBT}:
        yield in_doubt
    elif states <= FINAL - {State.SUCCEEDED}:
        yield unsuccessful


@dataclass(frozen=True, slots=True)
class OperationDetails:
    """All that is known of one operation: its row, history (oldest first), holds, file, and what it comes after."""

    row: RowMapping
    history: tuple[RowMapping, ...]
    holds: tuple[RowMapping, ...]
    file: str | None
    parent: RowMapping | None
    children: int
    """How many operations wait for this one."""


def read_operation(db: Database, operation_id: int) -> OperationDetails | None:
    """Read one operation with everything about it; None: there is no such operation."""
    with db.read() as connection:
        row = (
            connection.execute(select(Operation.__table__).where(Operation.id == operation_id)).mappings().one_or_none()
        )
        if row is None:
            return None
        entries = select(Attempt.__table__).where(Attempt.operation_id == operation_id).order_by(Attempt.id)
        return OperationDetails(
            row=row,
            history=tuple(connection.execute(entries).mappings()),
            holds=tuple(_holds_over(connection, row)),
            file=connection.scalar(select(FeedFile.name).where(FeedFile.id == row["feed_file_id"])),
            parent=_parent(connection, row),
            children=_children(connection, row),
        )


def _holds_over(connection: Connection, row: RowMapping) -> Sequence[RowMapping]:
    lane = and_(Lane.customer_id == row["customer_id"], Lane.kind == row["kind"])
    holds = select(Hold.__table__).join(Lane, and_(lane, covers(Hold, Lane))).order_by(Hold.since)
    return connection.execute(holds).mappings().all()


def _parent(connection: Connection, row: RowMapping) -> RowMapping | None:
    if row["after_source_id"] is None:
        return None
    named = is_parent(Operation, row["feed"], row["after_kind"], row["after_source_id"])
    return connection.execute(select(Operation.id, Operation.state).where(named)).mappings().one_or_none()


def _children(connection: Connection, row: RowMapping) -> int:
    named = and_(
        Operation.feed == row["feed"],
        Operation.after_kind == row["kind"],
        Operation.after_source_id == row["source_id"],
    )
    # Those that still wait for it; the index knows no others.
    return connection.scalar(select(func.count()).where(named, awaiting_parent)) or 0
