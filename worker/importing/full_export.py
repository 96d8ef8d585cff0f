"""Withdraws the operations that a full export does not name any more."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from worker.importing.chunks import FileImport
from worker.importing.throughput import SeenKeys
from worker.outbox import Database
from worker.outbox.database.errors import retry_on_conflict
from worker.outbox.intake.feed_files import FileCounts, Rejection, add_counts, record_rejections
from worker.outbox.revisions.withdrawn import (
    BATCH,
    WITHDRAWN_TOO_LATE,
    WithdrawalResult,
    WithdrawnRow,
    withdraw_rows,
)
from worker.outbox.views.unfinished import unfinished_operations

FEW = 20
"""So many may be absent whatever their share: an office has quiet days."""

MOST = 0.5
"""The share of the operations that may be absent: an export that lacks more of them is rather cut off, or filtered."""


class TooManyAbsent(Exception):  # noqa: N818 (a fact)
    """A full export lacks so many rows that it is hardly full. The text is the line to show; nothing was withdrawn."""


@dataclass(frozen=True, slots=True)
class Absence:
    """The numbers of operations of the export's kinds that could still be withdrawn, and of those that it lacks."""

    unfinished: int
    absent: int

    @property
    def is_plausible(self) -> bool:
        """Whether an office may have taken back so many since its last export."""
        return self.absent <= FEW or self.absent <= self.unfinished * MOST


def measure_absence(db: Database, feed: str, seen_keys: SeenKeys) -> Absence:
    """Count, and change nothing."""
    unfinished = absent = 0
    for page in unfinished_operations(db, feed=feed, kinds=seen_keys.kinds()):
        unfinished += len(page)
        absent += sum(not seen_keys.holds((row.kind, row.source_id)) for row in page)
    return Absence(unfinished, absent)


def withdraw_absent(run: FileImport, *, anyhow: bool = False) -> None:
    """Withdraw what the full export lacks, of the kinds that occur in it, and count that for the file.

    Raises TooManyAbsent, unless it is to be done `anyhow`. Rows that were rejected are there. Repeated, it does nothing.
    """
    absence = measure_absence(run.db, run.feed, run.seen_keys)
    if not (anyhow or absence.is_plausible):
        raise TooManyAbsent(
            f"the export lacks {absence.absent} of the {absence.unfinished} operations that are not done: it is hardly"
            " full, so none was withdrawn"
        )
    for rows in _absent_rows(run.db, run.feed, run.seen_keys):
        counts = retry_on_conflict(lambda rows=rows: _withdraw(run, rows))  # type: ignore[misc]
        run.file = replace(run.file, counts=run.file.counts + counts)


def _absent_rows(db: Database, feed: str, seen_keys: SeenKeys) -> Iterator[list[WithdrawnRow]]:
    rows: list[WithdrawnRow] = []
    for page in unfinished_operations(db, feed=feed, kinds=seen_keys.kinds()):
        rows += [
            WithdrawnRow(row.kind, row.source_id) for row in page if not seen_keys.holds((row.kind, row.source_id))
        ]
        if len(rows) >= BATCH:
            yield rows
            rows = []
    if rows:
        yield rows


def _withdraw(run: FileImport, rows: list[WithdrawnRow]) -> FileCounts:
    """Withdraw some rows, and record those that were sent already as rejected, with line 0: they stand in no line."""
    code, reason, remedy = WITHDRAWN_TOO_LATE
    with run.db.write() as connection:
        results = withdraw_rows(connection, rows, feed=run.feed, feed_file_id=run.file.id)
        too_late = [
            Rejection(line=0, code=code, reason=reason, remedy=remedy, kind=kind, source_id=source_id)
            for (kind, source_id), result in results.items()
            if result is WithdrawalResult.TOO_LATE
        ]
        number = Counter(results.values())
        withdrawn = number[WithdrawalResult.WITHDRAWN] + number[WithdrawalResult.DEFERRED]
        counts = FileCounts(rejected=len(too_late), withdrawn=withdrawn)
        record_rejections(connection, run.file, too_late)
        add_counts(connection, run.file, counts)
    return counts
