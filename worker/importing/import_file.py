"""A file is taken in: chunk by chunk, each with the mark of how far it came, so that a crash costs nothing."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from worker.feeds import Feed, open_feed
from worker.importing.columns import Columns, understand
from worker.importing.gc_tuning import unhindered
from worker.importing.prefetch import ahead
from worker.importing.rows import Reading, Terms, read_rows
from worker.importing.seen_keys import Seen
from worker.kinds import by_name
from worker.outbox import Outbox
from worker.outbox.database.conflicts import repeated
from worker.outbox.intake import feed_files
from worker.outbox.intake import record as intake
from worker.outbox.intake.feed_files import Counts, Opened, Rejected
from worker.outbox.intake.record import BATCH, Known, NewOperation, Verdict
from worker.outbox.lanes import turns as lanes
from worker.outbox.lanes.turns import LaneKey
from worker.outbox.revisions.judge import ALREADY_SENT

Progress = Callable[[int, int], None]
"""Told after each chunk: rows done, rows in all."""

MAX_LENGTH = 4_000_000
"""Characters of content in one chunk, about: most exports have a tenth of it in as many rows as a chunk may have."""

TOGETHER = 500
"""Rows that are read together: where something is wrong with one of them, each is read by itself."""

DEFAULT_FEED = "crm"
"""The feed's name is never the file's: a renamed re-export would send everything twice."""

_NOT_RECORDED = {
    Verdict.ALREADY_SENT: ("source_id", *ALREADY_SENT),
    Verdict.OTHER_CUSTOMER: (
        "customer_id",
        "other_customer",
        "its operation was recorded for another customer",
        "Cancel the one that is recorded, and export this one under a new id.",
    ),
}
_AWAKENING = frozenset({Verdict.RECORDED, Verdict.REVISED, Verdict.REQUEUED})


class TakenElsewhere(Exception):  # noqa: N818 (a fact)
    """Another process takes the same file in at this moment. The text is the line to show."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of a file. `resumed_at` > 0: an earlier try had come so far, and its counts are included."""

    name: str
    kind: str | None
    kind_was_inferred: bool
    total: int
    counts: Counts
    resumed_at: int = 0


def _nobody(*_: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told while a file is taken in; all three are called between transactions."""

    progress: Progress = _nobody
    rejected: Callable[[Rejected], None] = _nobody
    recorded: Callable[[Iterable[str]], None] = _nobody
    """Kinds that have something to do now, after each chunk: a good moment to ring."""


def take_in(
    box: Outbox,
    path: Path,
    *,
    kind: str | None = None,
    feed: str = DEFAULT_FEED,
    dry_run: bool = False,
    terms: Terms | None = None,
    listener: Listener | None = None,
) -> Summary:
    """Take a file in, to its end or from where an earlier try has stopped.

    Raises `FileRefused` before anything is recorded, and `TakenElsewhere`. `dry_run`: everything is done, and undone.
    """
    terms, listener = terms or Terms(), listener or Listener()
    with unhindered(), open_feed(path) as source, Seen() as seen:
        columns = understand(source, kind)
        file = None if dry_run else _begin(box, source, feed, kind)
        run = _Run(box, feed, seen, columns, file=file, terms=terms)
        resumed_at = run.done
        readings, most = _readings(source, columns, terms), BATCH[box.engine.dialect.name]
        for chunk in _chunks(islice(readings, resumed_at), most):
            run.pass_over(chunk)
        # While the database works on one chunk, the next one is read.
        with closing(ahead(map(run.sorted, _chunks(readings, most)))) as chunks:
            for ready in chunks:
                run.take(ready, listener)
                listener.progress(run.done, source.total)
    if file is not None:
        feed_files.finish(box, file)
    taken = columns.kind.kind if columns.kind else None
    return Summary(source.name, taken, taken is not None and kind is None, source.total, run.counts, resumed_at)


def _begin(box: Outbox, source: Feed, feed: str, kind: str | None) -> Opened:
    return feed_files.begin(box, feed=feed, name=source.name, kind=kind, content_hash=source.sha256, size=source.size)


def _readings(source: Feed, columns: Columns, terms: Terms) -> Iterator[Reading]:
    rows = source.rows()
    while some := list(islice(rows, TOGETHER)):
        yield from read_rows(some, columns, terms)


def _chunks(readings: Iterable[Reading], most: int) -> Iterator[list[Reading]]:
    """At most so many rows at a time, and fewer where they are long: memory must not grow with what stands in them."""
    chunk, length = list[Reading](), 0
    for one in readings:
        chunk.append(one)
        length += len(one.found.payload) if isinstance(one.found, NewOperation) else 0
        if len(chunk) == most or length > MAX_LENGTH:
            yield chunk
            chunk, length = [], 0
    if chunk:
        yield chunk


class _Ready(NamedTuple):
    """A chunk as it can be recorded: rows to record, rows to reject, the lanes of the former."""

    new: list[NewOperation]
    bad: list[Rejected]
    lanes: frozenset[LaneKey]


class _Run:
    """One file on its way in: how far it has come."""

    def __init__(
        self, box: Outbox, feed: str, seen: Seen, columns: Columns, *, file: Opened | None, terms: Terms
    ) -> None:
        self.box, self.feed, self.file, self.terms = box, feed, file, terms
        self.counts = file.counts if file else Counts()
        self.done = file.rows_done if file else 0
        self._seen = seen
        self._headings = {field: columns.heading_of(None, field) for field in ("source_id", "customer_id")}
        self._lanes: set[LaneKey] = set()
        self._known = Known.MOST if file is not None and file.seen_before else Known.NONE

    def pass_over(self, chunk: Sequence[Reading]) -> None:
        """Remember the keys of rows that an earlier try has done."""
        self._seen.repeated([(one.key, one.line) for one in chunk if one.key])

    def take(self, ready: _Ready, listener: Listener) -> None:
        """Record one chunk, wake its lanes, and tell whoever listens."""
        done = self.done + len(ready.new) + len(ready.bad)
        took = repeated(lambda: self._tried(ready) if self.file is None else self._recorded(ready, done))
        self.counts, self.done = self.counts + took.counts, done
        # An export is old or new as a whole: what was known in one chunk will be in the next.
        self._known = took.known
        if self.file is not None:
            self.file = replace(self.file, rows_done=done)
            lanes.wake(self.box, took.awake)
            listener.recorded({kind for _, kind in took.awake})
        for row in took.rejected:
            listener.rejected(row)

    def sorted(self, chunk: Sequence[Reading]) -> _Ready:
        """Tell rows to record from rows to reject: those that could not be read, and those that name a key again."""
        again = self._seen.repeated([(one.key, one.line) for one in chunk if one.key])
        new: list[NewOperation] = []
        bad: list[Rejected] = []
        for one in chunk:
            if isinstance(one.found, Rejected):
                bad.append(one.found)
            elif one.line in again:
                first = again[one.line]
                why = f"the id stands in the file already, on line {first}"
                remedy = "Give every row an id of its own."
                bad.append(_refused(one.found, self._headings, "source_id", "repeated_source_id", why, remedy))
            else:
                new.append(one.found)
        return _Ready(new, bad, frozenset([(row.customer_id, row.kind) for row in new]))

    def _tried(self, ready: _Ready) -> "_Took":
        """Do it all, and undo it."""
        with self.box.write() as connection, connection.begin_nested() as trial:
            intake.open_lanes(connection, _with_groups(ready.lanes))
            recorded = intake.record(connection, self.box, ready.new, feed=self.feed, known=self._known)
            trial.rollback()
        return _Took.of(ready, recorded.verdicts, self._headings)

    def _recorded(self, ready: _Ready, done: int) -> "_Took":
        """Record the rows, the rejected ones, and how far the file has come, in one transaction."""
        file = self.file
        assert file is not None  # noqa: S101 (a dry run takes the other path)
        self._open_lanes(ready.lanes)
        with self.box.write() as connection:
            if not feed_files.advance(connection, file, done):
                raise TakenElsewhere("another process is taking in this file. Let it finish, and import it again.")
            recorded = intake.record(
                connection,
                self.box,
                ready.new,
                feed=self.feed,
                feed_file_id=file.id,
                max_failures=self.terms.max_failures,
                known=self._known,
            )
            took = _Took.of(ready, recorded.verdicts, self._headings)
            feed_files.count(connection, file, took.counts)
            feed_files.reject(connection, self.box, file, took.rejected)
        return took

    def _open_lanes(self, keys: frozenset[LaneKey]) -> None:
        """Make new lanes in a transaction of their own, so that nobody waits for a chunk because of them."""
        fresh = keys - self._lanes
        if fresh:
            with self.box.write() as connection:
                intake.open_lanes(connection, _with_groups(fresh))
            self._lanes |= fresh


def _with_groups(keys: Iterable[LaneKey]) -> list[tuple[str, str, str]]:
    return [(customer_id, kind, by_name(kind).function_group) for customer_id, kind in keys]


def _refused(
    row: NewOperation, headings: Mapping[str, str], field: str, code: str, reason: str, remedy: str
) -> Rejected:
    return Rejected(
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
class _Took:
    """What became of one chunk: its counts, the rejected rows in the file's order, lanes that have something to do."""

    known: Known
    counts: Counts
    rejected: list[Rejected]
    awake: frozenset[LaneKey]

    @classmethod
    def of(cls, ready: _Ready, verdicts: Sequence[Verdict], headings: Mapping[str, str]) -> "_Took":
        number = Counter(verdicts)
        refused = [
            _refused(row, headings, *_NOT_RECORDED[verdict])
            for row, verdict in zip(ready.new if number.keys() & _NOT_RECORDED.keys() else (), verdicts, strict=False)
            if verdict in _NOT_RECORDED
        ]
        rejected = sorted([*ready.bad, *refused], key=lambda row: row.line)
        counts = Counts(
            recorded=number[Verdict.RECORDED],
            revised=number[Verdict.REVISED] + number[Verdict.DEFERRED],
            requeued=number[Verdict.REQUEUED],
            unchanged=number[Verdict.UNCHANGED],
            rejected=len(rejected),
        )
        # All of them if any: to wake a lane that has nothing new is harmless, and to tell them apart costs more.
        awake = ready.lanes if number.keys() & _AWAKENING else frozenset[LaneKey]()
        return cls(_known(number), counts, rejected, awake)


def _known(number: Mapping[Verdict, int]) -> Known:
    """How many rows of a chunk with so many verdicts were known."""
    if number.get(Verdict.UNCHANGED, 0) > number.get(Verdict.RECORDED, 0):
        return Known.MOST
    return Known.SOME if number.keys() - {Verdict.RECORDED} else Known.NONE
