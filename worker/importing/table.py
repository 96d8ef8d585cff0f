"""Takes in what a CRM has written into `crm_rows`: each row once, in its order, and a bad one holds up no other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog
from sqlalchemy import Connection

from models import State
from worker.importing.chunks import REFUSED_RESULTS
from worker.importing.rows import IntakeDefaults
from worker.importing.table_rows import ReadTableRow, RejectedTableRow, read_table_row, reject
from worker.importing.withdrawing import withdrawals_of
from worker.kind import Problem
from worker.kinds import KIND_BY_NAME
from worker.outbox import Database
from worker.outbox.database.errors import is_database_unavailable, retry_on_conflict
from worker.outbox.database.staging import NewOperation
from worker.outbox.intake import crm_rows
from worker.outbox.intake.crm_rows import NewRow, OperationKey, TakenRow
from worker.outbox.intake.record import open_lanes, record_rows
from worker.outbox.intake.rejections import close_taken_in
from worker.outbox.lanes import turns
from worker.outbox.lanes.turns import LaneKey
from worker.outbox.lanes.withdrawals import withdraw
from worker.outbox.revisions.judge import IntakeResult
from worker.outbox.revisions.withdrawn import WITHDRAWN_TOO_LATE, WithdrawalResult, WithdrawnRow, withdraw_rows

log = structlog.get_logger(__name__)

_UNFORESEEN = RejectedTableRow(
    "unforeseen", "The worker failed at this row in a way that nobody foresaw. Report it with the row's id."
)


@dataclass(slots=True)
class TakenIn:
    """The rows that were taken in, or rejected, and what they set in motion."""

    rows: int = 0
    rejected: int = 0
    lanes: set[LaneKey] = field(default_factory=set)
    may_be_more: bool = False
    """Whether others may wait."""


class _Parsed(NamedTuple):
    row: NewRow
    read: ReadTableRow


def take_in_rows(db: Database, defaults: IntakeDefaults | None = None) -> TakenIn:
    """Take in new rows of the table, as many as go into one transaction, and wake their lanes.

    Each row is marked in the transaction that records its operation, so that it is taken in once whatever dies. Nothing is
    done if another process is taking rows in. Raises the database's errors.
    """
    defaults = defaults or IntakeDefaults()
    if not crm_rows.any_new(db):
        return TakenIn()
    try:
        taken_in = retry_on_conflict(lambda: _take_batch(db, defaults, crm_rows.BATCH))
    except Exception as error:
        if is_database_unavailable(error):
            raise
        log.exception("rows of the table could not be taken in together")
        taken_in = _take_singly(db, defaults)
    turns.wake_lanes(db, taken_in.lanes)
    return taken_in


def _take_batch(db: Database, defaults: IntakeDefaults, limit: int) -> TakenIn:
    with db.write() as connection:
        if not crm_rows.begin_intake(connection):
            return TakenIn()
        rows = crm_rows.read_new_rows(connection, limit)
        return _take_rows(connection, rows, defaults) if rows else TakenIn()


def _take_singly(db: Database, defaults: IntakeDefaults) -> TakenIn:
    """Take in rows one by one, and reject the one that fails."""
    together = TakenIn(may_be_more=True)
    for _ in range(crm_rows.BATCH):
        try:
            taken_in = retry_on_conflict(lambda: _take_batch(db, defaults, 1))
        except Exception as error:
            if is_database_unavailable(error):
                raise
            taken_in = _reject_next(db)
        if not taken_in.rows:
            break
        together.rows += taken_in.rows
        together.rejected += taken_in.rejected
        together.lanes |= taken_in.lanes
    return together


def _reject_next(db: Database) -> TakenIn:
    """Reject the next row, whatever stands in it."""
    with db.write() as connection:
        ids = crm_rows.lock_new_rows(connection, 1) if crm_rows.begin_intake(connection) else []
        crm_rows.mark_taken(connection, [_rejected(id_, _UNFORESEEN) for id_ in ids])
    return TakenIn(rows=len(ids), rejected=len(ids))


def _take_rows(connection: Connection, rows: Sequence[NewRow], defaults: IntakeDefaults) -> TakenIn:
    marks: list[TakenRow] = []
    parsed: list[_Parsed] = []
    announced: list[NewRow] = []
    for row in rows:
        if _is_announced(row):
            announced.append(row)
            continue
        read = read_table_row(row, defaults)
        if isinstance(read, RejectedTableRow):
            marks.append(_rejected(row.id, read))
        else:
            parsed.append(_Parsed(row, read))
    keys = [*map(_key_of, parsed), *map(_announced_key, announced)]
    intake = _Intake(connection, defaults, crm_rows.lock_operations(connection, keys))
    # Rows of an operation that is there already may show from now on what they did not.
    known_ids = {id_ for id_, _ in intake.operations_by_key.values()}
    for run in _split_into_runs(parsed):
        marks += intake.record_run(run)
    marks += (_taken_before(row, intake.operations_by_key) for row in announced)
    crm_rows.mark_taken(connection, marks)
    crm_rows.show_in_rows(connection, known_ids | intake.changed)
    lanes = intake.lanes | {(row.customer_id or "", row.kind or "") for row in announced}
    return TakenIn(len(rows), sum(mark.error_code is not None for mark in marks), lanes, may_be_more=True)


def _rejected(id_: int, rejection: RejectedTableRow) -> TakenRow:
    return TakenRow(id_, error_code=rejection.code, error_text=rejection.text)


def _is_announced(row: NewRow) -> bool:
    """Whether a program has recorded the row's operation already."""
    return row.operation_id is not None and row.state == "new" and row.data is None


def _announced_key(row: NewRow) -> OperationKey:
    return row.feed or "", row.kind or "", row.source_id or ""


def _taken_before(row: NewRow, operations_by_key: dict[OperationKey, tuple[int, State]]) -> TakenRow:
    _, state = operations_by_key.get(_announced_key(row), (0, State.PENDING))
    return TakenRow(row.id, state.value, row.operation_id, row.content_hash)


def _key_of(parsed: _Parsed) -> OperationKey:
    content = parsed.read.content
    return parsed.read.feed, content.kind, content.source_id


def _split_into_runs(parsed: Sequence[_Parsed]) -> Iterator[list[_Parsed]]:
    """Split rows where the feed changes, a key comes again or a row is taken back: the last word on an id comes last."""
    run: list[_Parsed] = []
    keys: set[OperationKey] = set()
    for row in parsed:
        key, alone = _key_of(row), isinstance(row.read.content, WithdrawnRow)
        if run and (alone or row.read.feed != run[0].read.feed or key in keys):
            yield run
            run, keys = [], set()
        run.append(row)
        keys.add(key)
        if alone:
            yield run
            run, keys = [], set()
    if run:
        yield run


@dataclass(slots=True)
class _Intake:
    """The recording of a batch. `operations_by_key`: id and state of those that are recorded."""

    connection: Connection
    defaults: IntakeDefaults
    operations_by_key: dict[OperationKey, tuple[int, State]]
    changed: set[int] = field(default_factory=set)
    """Operations that were there already, and of which a row has changed the content, or said it again."""
    lanes: set[LaneKey] = field(default_factory=set)
    """Lanes that may have something to do."""

    def record_run(self, run: Sequence[_Parsed]) -> list[TakenRow]:
        """Record the operations of rows of one feed, no key of which occurs twice; say what became of each row."""
        operations = [row.read.content for row in run if isinstance(row.read.content, NewOperation)]
        if not operations:
            return [self._withdraw(row) for row in run]
        lanes = {(row.customer_id, row.kind) for row in operations}
        self.lanes |= lanes
        open_lanes(
            self.connection, [(customer_id, kind, KIND_BY_NAME[kind].function_group) for customer_id, kind in lanes]
        )
        feed, max_failures = run[0].read.feed, self.defaults.max_failures
        recorded = record_rows(self.connection, operations, feed=feed, max_failures=max_failures, shown_in_rows=True)
        withdraw(self.connection, withdrawals_of(operations))
        taken_in = [
            row for row, result in zip(operations, recorded.results, strict=True) if result not in REFUSED_RESULTS
        ]
        close_taken_in(self.connection, feed, [(row.kind, row.source_id) for row in taken_in])
        new_ids = iter(recorded.ids)
        marks = []
        for parsed, operation, result in zip(run, operations, recorded.results, strict=True):
            key = _key_of(parsed)
            if result is IntakeResult.RECORDED:
                self.operations_by_key[key] = next(new_ids), State.PENDING
            else:
                self.changed.add(self._operation_of(key)[0])
            marks.append(self._mark_of(parsed.row, operation, result, self.operations_by_key[key]))
        return marks

    def _operation_of(self, key: OperationKey) -> tuple[int, State]:
        if key not in self.operations_by_key:
            # Another program has recorded it in between.
            self.operations_by_key |= crm_rows.lock_operations(self.connection, [key])
        return self.operations_by_key[key]

    def _withdraw(self, parsed: _Parsed) -> TakenRow:
        """Take back the operation of the row; where there is none, there is nothing to take back."""
        feed, kind, source_id = key = _key_of(parsed)
        results = withdraw_rows(self.connection, [WithdrawnRow(kind, source_id)], feed=feed, feed_file_id=None)
        if results[kind, source_id] is not WithdrawalResult.TOO_LATE:
            close_taken_in(self.connection, feed, [(kind, source_id)])
        if key not in self.operations_by_key:
            return TakenRow(parsed.row.id, State.CANCELLED.value)
        id_, state = self.operations_by_key[key]
        self.changed.add(id_)
        if results[kind, source_id] is WithdrawalResult.TOO_LATE:
            code, reason, remedy = WITHDRAWN_TOO_LATE
            problem = Problem("withdrawn", code, reason, remedy)
            return _rejected(parsed.row.id, reject([problem], self.defaults.language))
        return TakenRow(parsed.row.id, state.value, id_, crm_rows.read_withdrawn_hash(self.connection, id_))

    def _mark_of(
        self, row: NewRow, content: NewOperation, result: IntakeResult, operation: tuple[int, State]
    ) -> TakenRow:
        if result in REFUSED_RESULTS:
            return _rejected(row.id, reject([Problem(*REFUSED_RESULTS[result])], self.defaults.language))
        id_, state = operation
        return TakenRow(row.id, state.value, id_, content.payload_hash)
