"""A file is taken in: chunk by chunk, each with the mark of how far it came, so that a crash costs nothing."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

from worker.feeds import Feed, open_feed
from worker.importing.columns import Columns, understand
from worker.importing.rows import Reading, Terms, read_row
from worker.importing.seen import Seen
from worker.kinds import by_name
from worker.outbox import Outbox, feed_files, intake, lanes
from worker.outbox.feed_files import Counts, Opened, Rejected
from worker.outbox.intake import BATCH, NewOperation, Verdict
from worker.outbox.repeating import repeated
from worker.outbox.revising import ALREADY_SENT

Progress = Callable[[int, int], None]
"""Told after each chunk: rows done, rows in all."""

T = TypeVar("T")
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
    with open_feed(path) as source, Seen() as seen:
        columns = understand(source, kind)
        file = None if dry_run else _begin(box, source, feed, kind)
        run = _Run(box, feed, seen, columns, file=file, terms=terms)
        resumed_at = run.done
        readings = (read_row(row, columns, terms) for row in source.rows())
        for chunk in _chunks(islice(readings, resumed_at)):
            run.pass_over(chunk)
        for chunk in _chunks(readings):
            run.take(chunk, listener)
            listener.progress(run.done, source.total)
    if file is not None:
        feed_files.finish(box, file)
    taken = columns.kind.kind if columns.kind else None
    return Summary(source.name, taken, taken is not None and kind is None, source.total, run.counts, resumed_at)


def _begin(box: Outbox, source: Feed, feed: str, kind: str | None) -> Opened:
    return feed_files.begin(box, feed=feed, name=source.name, kind=kind, content_hash=source.sha256, size=source.size)


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while chunk := list(islice(rest, BATCH)):
        yield chunk


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
        self._lanes: set[tuple[str, str]] = set()

    def pass_over(self, chunk: Sequence[Reading]) -> None:
        """Remember the keys of rows that an earlier try has done."""
        self._seen.repeated([(one.key, one.line) for one in chunk if one.key])

    def take(self, chunk: Sequence[Reading], listener: Listener) -> None:
        """Record one chunk, wake its lanes, and tell whoever listens."""
        new, bad = self._sorted(chunk)
        done = self.done + len(chunk)
        took = repeated(lambda: self._tried(new, bad) if self.file is None else self._recorded(new, bad, done))
        self.counts, self.done = self.counts + took.counts, done
        if self.file is not None:
            self.file = replace(self.file, rows_done=done)
            lanes.wake(self.box, took.awake)
            listener.recorded({kind for _, kind in took.awake})
        for row in took.rejected:
            listener.rejected(row)

    def _sorted(self, chunk: Sequence[Reading]) -> tuple[list[NewOperation], list[Rejected]]:
        """Rows to record, and rows to reject: those that could not be read, and those that name a key again."""
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
        return new, bad

    def _tried(self, new: Sequence[NewOperation], bad: Sequence[Rejected]) -> "_Took":
        """Do it all, and undo it."""
        with self.box.write() as connection, connection.begin_nested() as trial:
            intake.open_lanes(connection, _lanes_of(new))
            verdicts = intake.record(connection, self.box, new, feed=self.feed)
            trial.rollback()
        return _Took.of(new, bad, verdicts, self._headings)

    def _recorded(self, new: Sequence[NewOperation], bad: Sequence[Rejected], done: int) -> "_Took":
        """Record the rows, the rejected ones, and how far the file has come, in one transaction."""
        file = self.file
        assert file is not None  # noqa: S101 (a dry run takes the other path)
        self._open_lanes(new)
        with self.box.write() as connection:
            if not feed_files.advance(connection, file, done):
                raise TakenElsewhere("another process is taking in this file. Let it finish, and import it again.")
            verdicts = intake.record(
                connection,
                self.box,
                new,
                feed=self.feed,
                feed_file_id=file.id,
                max_failures=self.terms.max_failures,
            )
            took = _Took.of(new, bad, verdicts, self._headings)
            feed_files.count(connection, file, took.counts)
            feed_files.reject(connection, self.box, file, took.rejected)
        return took

    def _open_lanes(self, new: Sequence[NewOperation]) -> None:
        """Make new lanes in a transaction of their own, so that nobody waits for a chunk because of them."""
        fresh = [lane for lane in _lanes_of(new) if lane[:2] not in self._lanes]
        if fresh:
            with self.box.write() as connection:
                intake.open_lanes(connection, fresh)
            self._lanes |= {lane[:2] for lane in fresh}


def _lanes_of(new: Iterable[NewOperation]) -> list[tuple[str, str, str]]:
    keys = {(row.customer_id, row.kind) for row in new}
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

    counts: Counts
    rejected: list[Rejected]
    awake: set[tuple[str, str]]

    @classmethod
    def of(
        cls,
        new: Sequence[NewOperation],
        bad: Sequence[Rejected],
        verdicts: Sequence[Verdict],
        headings: Mapping[str, str],
    ) -> "_Took":
        refused = [
            _refused(row, headings, *_NOT_RECORDED[verdict])
            for row, verdict in zip(new, verdicts, strict=True)
            if verdict in _NOT_RECORDED
        ]
        rejected = sorted([*bad, *refused], key=lambda row: row.line)
        number = Counter(verdicts)
        counts = Counts(
            recorded=number[Verdict.RECORDED],
            revised=number[Verdict.REVISED] + number[Verdict.DEFERRED],
            requeued=number[Verdict.REQUEUED],
            unchanged=number[Verdict.UNCHANGED],
            rejected=len(rejected),
        )
        awake = {
            (row.customer_id, row.kind) for row, verdict in zip(new, verdicts, strict=True) if verdict in _AWAKENING
        }
        return cls(counts, rejected, awake)
