"""A file is taken in: chunk by chunk, each with the mark of how far it came, so that a crash costs nothing."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from worker.feeds import Feed, open_feed
from worker.importing.columns import Columns, resolve_columns
from worker.importing.gc_tuning import gc_tuning
from worker.importing.prefetch import prefetch
from worker.importing.rows import IntakeDefaults, ParsedRow, read_rows
from worker.importing.seen_keys import SeenKeys
from worker.kinds import KIND_BY_NAME
from worker.outbox import Database
from worker.outbox.database.errors import retry_on_conflict
from worker.outbox.database.staging import NewOperation
from worker.outbox.intake import feed_files
from worker.outbox.intake.feed_files import FileCounts, OpenFile, Rejection
from worker.outbox.intake.record import BATCH, KnownShare, open_lanes, record_rows
from worker.outbox.lanes import turns
from worker.outbox.lanes.turns import LaneKey
from worker.outbox.revisions.judge import ALREADY_SENT, IntakeResult

Progress = Callable[[int, int], None]
"""Told after each chunk: rows done, rows in all."""

MAX_LENGTH = 4_000_000
"""Characters of content in one chunk, about: most exports have a tenth of it in as many rows as a chunk may have."""

TOGETHER = 500
"""Rows that are read together: where something is wrong with one of them, each is read by itself."""

DEFAULT_FEED = "crm"
"""The feed's name is never the file's: a renamed re-export would send everything twice."""

_NOT_RECORDED = {
    IntakeResult.ALREADY_SENT: ("source_id", *ALREADY_SENT),
    IntakeResult.OTHER_CUSTOMER: (
        "customer_id",
        "other_customer",
        "its operation was recorded for another customer",
        "Cancel the one that is recorded, and export this one under a new id.",
    ),
}
_AWAKENING = frozenset({IntakeResult.RECORDED, IntakeResult.REVISED, IntakeResult.REQUEUED})


class ImportedElsewhere(Exception):  # noqa: N818 (a fact)
    """Another process takes the same file in at this moment. The text is the line to show."""


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What became of a file. `resumed_at` > 0: an earlier try had come so far, and its counts are included."""

    name: str
    kind: str | None
    kind_was_inferred: bool
    total: int
    counts: FileCounts
    resumed_at: int = 0


def _nobody(*_: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class ImportListener:
    """Who is told while a file is taken in; all three are called between transactions."""

    progress: Progress = _nobody
    rejected: Callable[[Rejection], None] = _nobody
    recorded: Callable[[Iterable[str]], None] = _nobody
    """Kinds that have something to do now, after each chunk: a good moment to ring."""


def import_file(
    db: Database,
    path: Path,
    *,
    kind: str | None = None,
    feed: str = DEFAULT_FEED,
    dry_run: bool = False,
    terms: IntakeDefaults | None = None,
    listener: ImportListener | None = None,
) -> ImportSummary:
    """Take a file in, to its end or from where an earlier try has stopped.

    Raises `FileRefused` before anything is recorded, and `TakenElsewhere`. `dry_run`: everything is done, and undone.
    """
    terms, listener = terms or IntakeDefaults(), listener or ImportListener()
    with gc_tuning(), open_feed(path) as source, SeenKeys() as seen:
        columns = resolve_columns(source, kind)
        file = None if dry_run else _begin(db, source, feed, kind)
        run = _Import(db, feed, seen, columns, file=file, terms=terms)
        resumed_at = run.done
        readings, most = _readings(source, columns, terms), BATCH[db.engine.dialect.name]
        for chunk in _chunks(islice(readings, resumed_at), most):
            run.pass_over(chunk)
        # While the database works on one chunk, the next one is read.
        with closing(prefetch(map(run.sorted, _chunks(readings, most)))) as chunks:
            for ready in chunks:
                run.take(ready, listener)
                listener.progress(run.done, source.total)
    if file is not None:
        feed_files.finish_file(db, file)
    taken = columns.kind.kind if columns.kind else None
    return ImportSummary(source.name, taken, taken is not None and kind is None, source.total, run.counts, resumed_at)


def _begin(db: Database, source: Feed, feed: str, kind: str | None) -> OpenFile:
    return feed_files.begin_file(
        db, feed=feed, name=source.name, kind=kind, content_hash=source.sha256, size=source.size
    )


def _readings(source: Feed, columns: Columns, terms: IntakeDefaults) -> Iterator[ParsedRow]:
    rows = source.rows()
    while some := list(islice(rows, TOGETHER)):
        yield from read_rows(some, columns, terms)


def _chunks(readings: Iterable[ParsedRow], most: int) -> Iterator[list[ParsedRow]]:
    """At most so many rows at a time, and fewer where they are long: memory must not grow with what stands in them."""
    chunk, length = list[ParsedRow](), 0
    for one in readings:
        chunk.append(one)
        length += len(one.found.payload) if isinstance(one.found, NewOperation) else 0
        if len(chunk) == most or length > MAX_LENGTH:
            yield chunk
            chunk, length = [], 0
    if chunk:
        yield chunk


class _Chunk(NamedTuple):
    """A chunk as it can be recorded: rows to record, rows to reject, the lanes of the former."""

    new: list[NewOperation]
    bad: list[Rejection]
    turns: frozenset[LaneKey]


class _Import:
    """One file on its way in: how far it has come."""

    def __init__(
        self, db: Database, feed: str, seen: SeenKeys, columns: Columns, *, file: OpenFile | None, terms: IntakeDefaults
    ) -> None:
        self.db, self.feed, self.file, self.terms = db, feed, file, terms
        self.counts = file.counts if file else FileCounts()
        self.done = file.rows_done if file else 0
        self._seen = seen
        self._headings = {field: columns.heading_of(None, field) for field in ("source_id", "customer_id")}
        self._lanes: set[LaneKey] = set()
        self._known = KnownShare.MOST if file is not None and file.seen_before else KnownShare.NONE

    def pass_over(self, chunk: Sequence[ParsedRow]) -> None:
        """Remember the keys of rows that an earlier try has done."""
        self._seen.repeated([(one.key, one.line) for one in chunk if one.key])

    def take(self, ready: _Chunk, listener: ImportListener) -> None:
        """Record one chunk, wake its lanes, and tell whoever listens."""
        done = self.done + len(ready.new) + len(ready.bad)
        took = retry_on_conflict(lambda: self._tried(ready) if self.file is None else self._recorded(ready, done))
        self.counts, self.done = self.counts + took.counts, done
        # An export is old or new as a whole: what was known in one chunk will be in the next.
        self._known = took.known
        if self.file is not None:
            self.file = replace(self.file, rows_done=done)
            turns.wake_lanes(self.db, took.awake)
            listener.recorded({kind for _, kind in took.awake})
        for row in took.rejected:
            listener.rejected(row)

    def sorted(self, chunk: Sequence[ParsedRow]) -> _Chunk:
        """Tell rows to record from rows to reject: those that could not be read, and those that name a key again."""
        again = self._seen.repeated([(one.key, one.line) for one in chunk if one.key])
        new: list[NewOperation] = []
        bad: list[Rejection] = []
        for one in chunk:
            if isinstance(one.found, Rejection):
                bad.append(one.found)
            elif one.line in again:
                first = again[one.line]
                why = f"the id stands in the file already, on line {first}"
                remedy = "Give every row an id of its own."
                bad.append(_refused(one.found, self._headings, "source_id", "repeated_source_id", why, remedy))
            else:
                new.append(one.found)
        return _Chunk(new, bad, frozenset([(row.customer_id, row.kind) for row in new]))

    def _tried(self, ready: _Chunk) -> "_ChunkResult":
        """Do it all, and undo it."""
        with self.db.write() as connection, connection.begin_nested() as trial:
            open_lanes(connection, _with_groups(ready.turns))
            recorded = record_rows(connection, self.db, ready.new, feed=self.feed, known=self._known)
            trial.rollback()
        return _ChunkResult.of(ready, recorded.verdicts, self._headings)

    def _recorded(self, ready: _Chunk, done: int) -> "_ChunkResult":
        """Record the rows, the rejected ones, and how far the file has come, in one transaction."""
        file = self.file
        assert file is not None  # noqa: S101 (a dry run takes the other path)
        self._open_lanes(ready.turns)
        with self.db.write() as connection:
            if not feed_files.advance_file(connection, file, done):
                raise ImportedElsewhere("another process is taking in this file. Let it finish, and import it again.")
            recorded = record_rows(
                connection,
                self.db,
                ready.new,
                feed=self.feed,
                feed_file_id=file.id,
                max_failures=self.terms.max_failures,
                known=self._known,
            )
            took = _ChunkResult.of(ready, recorded.verdicts, self._headings)
            feed_files.add_counts(connection, file, took.counts)
            feed_files.record_rejections(connection, self.db, file, took.rejected)
        return took

    def _open_lanes(self, keys: frozenset[LaneKey]) -> None:
        """Make new lanes in a transaction of their own, so that nobody waits for a chunk because of them."""
        fresh = keys - self._lanes
        if fresh:
            with self.db.write() as connection:
                open_lanes(connection, _with_groups(fresh))
            self._lanes |= fresh


def _with_groups(keys: Iterable[LaneKey]) -> list[tuple[str, str, str]]:
    return [(customer_id, kind, KIND_BY_NAME[kind].function_group) for customer_id, kind in keys]


def _refused(
    row: NewOperation, headings: Mapping[str, str], field: str, code: str, reason: str, remedy: str
) -> Rejection:
    return Rejection(
        line=row.line or 0,
        column=headings[field],
        code=code,
        reason=reason,
        remedy=remedy,
        kind=row.kind,
        customer_id=row.customer_id,
        source_id=row.source_id,
    )


@dataclass(frozen=True, slots=True)
class _ChunkResult:
    """What became of one chunk: its counts, the rejected rows in the file's order, lanes that have something to do."""

    known: KnownShare
    counts: FileCounts
    rejected: list[Rejection]
    awake: frozenset[LaneKey]

    @classmethod
    def of(cls, ready: _Chunk, verdicts: Sequence[IntakeResult], headings: Mapping[str, str]) -> "_ChunkResult":
        number = Counter(verdicts)
        refused = [
            _refused(row, headings, *_NOT_RECORDED[verdict])
            for row, verdict in zip(ready.new if number.keys() & _NOT_RECORDED.keys() else (), verdicts, strict=False)
            if verdict in _NOT_RECORDED
        ]
        rejected = sorted([*ready.bad, *refused], key=lambda row: row.line)
        counts = FileCounts(
            recorded=number[IntakeResult.RECORDED],
            revised=number[IntakeResult.REVISED] + number[IntakeResult.DEFERRED],
            requeued=number[IntakeResult.REQUEUED],
            unchanged=number[IntakeResult.UNCHANGED],
            rejected=len(rejected),
        )
        # All of them if any: to wake a lane that has nothing new is harmless, and to tell them apart costs more.
        awake = ready.turns if number.keys() & _AWAKENING else frozenset[LaneKey]()
        return cls(_known(number), counts, rejected, awake)


def _known(number: Mapping[IntakeResult, int]) -> KnownShare:
    """How many rows of a chunk with so many verdicts were known."""
    if number.get(IntakeResult.UNCHANGED, 0) > number.get(IntakeResult.RECORDED, 0):
        return KnownShare.MOST
    return KnownShare.SOME if number.keys() - {IntakeResult.RECORDED} else KnownShare.NONE
