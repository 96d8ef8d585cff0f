"""Records chunks of rows, each in one transaction with the file's progress, so that a crash costs nothing."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sqlalchemy import Connection

from worker.importing.columns import Columns
from worker.importing.rows import IntakeDefaults, ParsedRow
from worker.importing.throughput import SeenKeys
from worker.importing.unnamed import MendedRows
from worker.importing.withdrawing import withdrawals_of
from worker.kinds import KIND_BY_NAME
from worker.outbox import Database
from worker.outbox.database.errors import retry_on_conflict
from worker.outbox.database.staging import NewOperation
from worker.outbox.intake import feed_files
from worker.outbox.intake.feed_files import FileCounts, OpenFile, Rejection
from worker.outbox.intake.record import KnownShare, open_lanes, record_rows
from worker.outbox.lanes import turns
from worker.outbox.lanes.turns import LaneKey
from worker.outbox.lanes.withdrawals import withdraw
from worker.outbox.revisions.judge import ALREADY_SENT, IntakeResult
from worker.outbox.revisions.withdrawn import (
    WITHDRAWN_TOO_LATE,
    RowKey,
    WithdrawalResult,
    WithdrawnRow,
    withdraw_rows,
)

ProgressCallback = Callable[[int, int], None]
"""Called after each chunk: rows done, rows in all."""


class ImportedElsewhere(Exception):  # noqa: N818 (a fact)
    """Another process imports the same file at this moment. The text is the line to show."""


def _ignore(*_: object) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class ImportListener:
    """Callbacks of an import; all three are called between transactions."""

    on_progress: ProgressCallback = _ignore
    on_rejected: Callable[[Rejection], None] = _ignore
    on_recorded: Callable[[Iterable[str]], None] = _ignore
    """Given the kinds that have something to do now, after each chunk: a good moment to ring."""


REFUSED_RESULTS = {
    IntakeResult.ALREADY_SENT: ("source_id", *ALREADY_SENT),
    IntakeResult.OTHER_CUSTOMER: (
        "customer_id",
        "other_customer",
        "its operation was recorded for another customer",
        "Cancel the one that is recorded, and export this one under a new id.",
    ),
}
"""The field, code, reason and remedy of a row that the outbox refuses."""

WAKING_RESULTS = frozenset({IntakeResult.RECORDED, IntakeResult.REVISED, IntakeResult.REQUEUED})


class Chunk(NamedTuple):
    """A chunk ready to be recorded: its operations, its rejected and withdrawn rows, and the lanes of the first."""

    operations: list[NewOperation]
    rejections: list[Rejection]
    withdrawn: list[WithdrawnRow]
    lanes: frozenset[LaneKey]

    @property
    def size(self) -> int:
        """The number of its rows."""
        return len(self.operations) + len(self.rejections) + len(self.withdrawn)


class ChunkResult(NamedTuple):
    """A recorded chunk: its counts, its rejected rows in the file's order, and the lanes that have something to do."""

    counts: FileCounts
    rejections: list[Rejection]
    lanes_to_wake: frozenset[LaneKey]
    known_share: KnownShare
    closed: int = 0


@dataclass(slots=True)
class FileImport:
    """The import of one file: `file` holds how far it has come."""

    db: Database
    feed: str
    columns: Columns
    defaults: IntakeDefaults
    seen_keys: SeenKeys
    dry_run: bool
    file: OpenFile
    known_share: KnownShare
    mended: MendedRows | None = None
    """Looks out for rows that were rejected without a name before; None: there are none of these."""
    closed: int = 0
    """Rejected rows that were rejected before, and seen to."""
    opened_lanes: set[LaneKey] = field(default_factory=set)
    names_all_rows: bool = True
    """Whether each row so far names its kind and id."""
    first_rows: dict[str, NewOperation] = field(default_factory=dict)
    """Of a dry run: the first row of each kind that would be sent."""

    def note_keys(self, rows: Sequence[ParsedRow]) -> Mapping[int, int]:
        """Note the rows' keys; returns line → first line for those that occurred before."""
        keys = [(row.key, row.line) for row in rows if row.key]
        self.names_all_rows &= len(keys) == len(rows)
        return self.seen_keys.add(keys)

    def separate_rejections(self, rows: Sequence[ParsedRow]) -> Chunk:
        """Separate rows to record from rows to reject: those that could not be read, and those that name a key again."""
        first_lines = self.note_keys(rows)
        chunk = Chunk([], [], [], frozenset())
        for row in rows:
            if isinstance(row.result, Rejection):
                chunk.rejections.append(row.result)
            elif row.line in first_lines:
                reason = f"the id stands in the file already, on line {first_lines[row.line]}"
                repeated = ("source_id", "repeated_source_id", reason, "Give every row an id of its own.")
                chunk.rejections.append(self._reject(row.result, *repeated))
            elif isinstance(row.result, WithdrawnRow):
                chunk.withdrawn.append(row.result)
            else:
                chunk.operations.append(row.result)
        return chunk._replace(lanes=frozenset([(row.customer_id, row.kind) for row in chunk.operations]))

    def record_chunk(self, chunk: Chunk, listener: ImportListener) -> None:
        """Record one chunk, wake its lanes, and call the listener."""
        rows_done = self.file.rows_done + chunk.size
        result = retry_on_conflict(
            lambda: self._try_chunk(chunk) if self.dry_run else self._commit_chunk(chunk, rows_done)
        )
        self.file = replace(self.file, rows_done=rows_done, counts=self.file.counts + result.counts)
        self.closed += result.closed
        # An export is old or new as a whole: as many as were known in one chunk will be in the next.
        self.known_share = result.known_share
        if not self.dry_run:
            turns.wake_lanes(self.db, result.lanes_to_wake)
            listener.on_recorded({kind for _, kind in result.lanes_to_wake})
        for rejection in result.rejections:
            listener.on_rejected(rejection)

    def _try_chunk(self, chunk: Chunk) -> ChunkResult:
        """Record a chunk, and undo it."""
        with self.db.write() as connection, connection.begin_nested() as trial:
            _open_lanes(connection, chunk.lanes)
            recorded = record_rows(connection, chunk.operations, feed=self.feed, known_share=self.known_share)
            withdrawals = withdraw_rows(connection, chunk.withdrawn, feed=self.feed, feed_file_id=None)
            trial.rollback()
        for row, result in zip(chunk.operations, recorded.results, strict=True):
            if result in WAKING_RESULTS:
                self.first_rows.setdefault(row.kind, row)
        return self._result_of(chunk, recorded.results, withdrawals)

    def _commit_chunk(self, chunk: Chunk, rows_done: int) -> ChunkResult:
        """Record the rows, the rejected ones, and how far the file has come, in one transaction."""
        if new_lanes := chunk.lanes - self.opened_lanes:
            # In a transaction of their own, so that no other writer waits for a chunk because of them.
            with self.db.write() as connection:
                _open_lanes(connection, new_lanes)
            self.opened_lanes |= new_lanes
        with self.db.write() as connection:
            if not feed_files.advance_file(connection, self.file, rows_done):
                raise ImportedElsewhere("another process is taking in this file. Let it finish, and import it again.")
            recorded = record_rows(
                connection,
                chunk.operations,
                feed=self.feed,
                feed_file_id=self.file.id,
                max_failures=self.defaults.max_failures,
                known_share=self.known_share,
            )
            if any(KIND_BY_NAME[kind].withdraws for _, kind in chunk.lanes):
                withdraw(connection, withdrawals_of(chunk.operations))
            withdrawals: Mapping[RowKey, WithdrawalResult] = {}
            if chunk.withdrawn:
                withdrawals = withdraw_rows(connection, chunk.withdrawn, feed=self.feed, feed_file_id=self.file.id)
            result = self._result_of(chunk, recorded.results, withdrawals)
            feed_files.add_counts(connection, self.file, result.counts)
            if result.rejections or self.file.after_rejections:
                taken_in = [*_keys_taken_in(chunk, recorded.results), *withdrawals]
                mended = self.mended.ids_at(_lines_recorded(chunk, recorded.results)) if self.mended else []
                closed = feed_files.record_rejections(connection, self.file, result.rejections, taken_in, mended)
                result = result._replace(closed=closed)
        return result

    def _result_of(
        self, chunk: Chunk, results: Sequence[IntakeResult], withdrawals: Mapping[RowKey, WithdrawalResult]
    ) -> ChunkResult:
        number, withdrawn = Counter(results), Counter(withdrawals.values())
        rejections = chunk.rejections
        if withdrawn[WithdrawalResult.TOO_LATE]:
            too_late = (
                row for row in chunk.withdrawn if withdrawals[row.kind, row.source_id] is WithdrawalResult.TOO_LATE
            )
            rejections = [*rejections, *(self._reject(row, "source_id", *WITHDRAWN_TOO_LATE) for row in too_late)]
        if number.keys() & REFUSED_RESULTS.keys():
            refused = [
                self._reject(row, *REFUSED_RESULTS[result])
                for row, result in zip(chunk.operations, results, strict=True)
                if result in REFUSED_RESULTS
            ]
            rejections = [*rejections, *refused]
        if rejections is not chunk.rejections:
            rejections = sorted(rejections, key=lambda rejection: rejection.line)
        counts = FileCounts(
            recorded=number[IntakeResult.RECORDED],
            revised=number[IntakeResult.REVISED] + number[IntakeResult.DEFERRED],
            requeued=number[IntakeResult.REQUEUED],
            unchanged=number[IntakeResult.UNCHANGED] + withdrawn[WithdrawalResult.NOTHING],
            rejected=len(rejections),
            withdrawn=withdrawn[WithdrawalResult.WITHDRAWN] + withdrawn[WithdrawalResult.DEFERRED],
        )
        # All lanes if any: to wake a lane that has nothing new is harmless, and to tell them apart costs more.
        lanes_to_wake = chunk.lanes if number.keys() & WAKING_RESULTS else frozenset[LaneKey]()
        if number[IntakeResult.UNCHANGED] > number[IntakeResult.RECORDED]:
            known_share = KnownShare.MOST
        else:
            known_share = KnownShare.SOME if number.keys() - {IntakeResult.RECORDED} else KnownShare.NONE
        return ChunkResult(counts, rejections, lanes_to_wake, known_share)

    def _reject(
        self, row: NewOperation | WithdrawnRow, field_name: str, code: str, reason: str, remedy: str
    ) -> Rejection:
        return Rejection(
            line=row.line or 0,
            column=self.columns.heading_of(None, field_name),
            code=code,
            reason=reason,
            remedy=remedy,
            kind=row.kind,
            customer_id=row.customer_id if isinstance(row, NewOperation) else None,
            source_id=row.source_id,
        )


def _keys_taken_in(chunk: Chunk, results: Sequence[IntakeResult]) -> Iterator[tuple[str, str]]:
    for row, result in zip(chunk.operations, results, strict=True):
        if result not in REFUSED_RESULTS:
            yield row.kind, row.source_id


def _lines_recorded(chunk: Chunk, results: Sequence[IntakeResult]) -> Iterator[int | None]:
    for row, result in zip(chunk.operations, results, strict=True):
        if result is IntakeResult.RECORDED:
            yield row.line


def _open_lanes(connection: Connection, lanes: Iterable[LaneKey]) -> None:
    open_lanes(connection, [(customer_id, kind, KIND_BY_NAME[kind].function_group) for customer_id, kind in lanes])
