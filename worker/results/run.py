"""The chore of writing results: each destination in its turn, batch after batch, until nothing is new."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy import Row

from worker import failpoints
from worker.backoff import Backoff
from worker.codes.language import Language
from worker.codes.registry import OPERATION_CODES, explain_code
from worker.kinds import KINDS
from worker.outbox import Database
from worker.outbox.upkeep import code_words, result_batches, sinks
from worker.outbox.upkeep.result_batches import Batch, Receipt, take_fingerprint
from worker.outbox.upkeep.sinks import SinkLost
from worker.outbox.views import unreported
from worker.results import files, posting, tables
from worker.results.sinks import LEASE, Destination, SinkFailed, Writer
from worker.results.writing import dump_json, operation_values, rejection_values

log = structlog.get_logger(__name__)

PATIENCE: Final = Backoff(first=60.0, cap=3600.0)
"""How long a sink rests after a failure."""

AT_WORK: Final = 60.0
"""Seconds after which a run begins no further batch: rings wait for the same processes."""

_BETWEEN: Final = 500
"""Bytes by which a row may be longer with the CRM's own names than with ours."""


def write_results(
    db: Database,
    destinations: Iterable[Destination],
    *,
    worker: str,
    stopping: Callable[[], bool] = lambda: False,
    lease: float = LEASE,
) -> dict[str, int]:
    """Send all that is new to each destination that is due; return how much of what. Failures are noted, not raised.

    Twice at once is harmless: a sink belongs to one writer at a time.
    """
    counts: Counter[str] = Counter()
    for destination in destinations:
        if stopping():
            break
        turn = sinks.take_sink(db, destination.sink, lease=lease, worker=worker)
        if turn is None:
            continue
        try:
            writer = Writer(db, turn, destination, lease)
            sent = _write_all(writer, stopping)
            sinks.end_sink(db, turn, seconds=destination.config.every if sent["batches"] else 0)
            counts += sent
        except SinkFailed as error:
            log.warning("results_failed", sink=destination.stem, fault=str(error))
            counts["destinations failed"] += 1
            sinks.fail_sink(db, turn, str(error), PATIENCE)
        except SinkLost:
            counts["destinations lost to another writer"] += 1
    return dict(counts)


def _write_all(writer: Writer, stopping: Callable[[], bool]) -> Counter[str]:
    """Finish the batch that an earlier turn has begun, then begin others until nothing is new."""
    counts: Counter[str] = Counter()
    ends = time.monotonic() + AT_WORK
    deliver = _choose_way(writer.destination)
    while not stopping() and time.monotonic() < ends:
        writer.keep()
        batch = result_batches.find_open_batch(writer.db, writer.turn) or _begin(writer)
        if batch is None:
            break
        _reach("result_batch_begun")
        batch = deliver(writer, batch)
        _reach("result_arrived")
        writer.keep()
        marked = result_batches.mark_told(writer.db, writer.turn, batch)
        _reach("result_told")
        counts += Counter({"batches": 1, "results": marked})
    return counts


def _choose_way(destination: Destination) -> Callable[[Writer, Batch], Batch]:
    config = destination.config
    match config.sink:
        case "table":
            return tables.deliver
        case "post":
            return posting.deliver
        case _:
            if config.folder is None:
                raise SinkFailed("Results have no folder: set RESULTS_DIR, or name a folder in feeds.toml.")
            return partial(files.deliver, folder=config.folder)


def _begin(writer: Writer) -> Batch | None:
    """Record a batch of what is new, as large as the destination takes; None if nothing is new."""
    destination = writer.destination
    room = _Room(destination)
    chosen: Mapping[str, Any] = {"feed": destination.feed, "without": destination.without}
    operations = room.fill(unreported.unreported_operations(writer.db, **chosen), operation_values, writer.keep)
    rejections = room.fill(unreported.unreported_rejections(writer.db, **chosen), rejection_values, writer.keep)
    if not operations and not rejections:
        return None
    return result_batches.begin_batch(writer.db, writer.turn, operations, rejections)


class _Room:
    """The room that is left in a batch, in rows and, for a POST, in bytes. The first row always fits."""

    def __init__(self, destination: Destination) -> None:
        config = destination.config
        self._rows = config.rows_at_most
        self._bytes = config.most_bytes if config.sink == "post" else None
        self._language = destination.language
        self._is_empty = True

    def fill(
        self,
        rows: Iterator[Row[Any]],
        as_values: Callable[[Row[Any], Language], dict[str, Any]],
        keep: Callable[[], None],
    ) -> list[Receipt]:
        """Take as many of the rows as fit."""
        receipts: list[Receipt] = []
        # Unread, the pages behind the last row are never asked for.
        for row in rows:
            if self._bytes is not None:
                self._bytes -= len(dump_json(as_values(row, self._language)).encode()) + _BETWEEN
            if self._rows == 0 or (self._bytes is not None and self._bytes < 0 and not self._is_empty):
                self._rows = 0
                break
            self._rows, self._is_empty = self._rows - 1, False
            receipts.append(Receipt(row.id, take_fingerprint(row)))
            keep()
        return receipts


def keep_code_words(db: Database, language: Language = Language.ENGLISH) -> bool:
    """Keep the words of the codes in the database as they are now; return whether they had changed."""
    words = {}
    for code in OPERATION_CODES:
        general = explain_code(code, None, language)
        words[code, ""] = (general.text, general.remedy)
        for kind in KINDS:
            special = explain_code(code, kind.kind, language)
            if special != general:
                words[code, kind.kind] = (special.text, special.remedy)
    return code_words.keep_words(db, words)


def _reach(point: str) -> None:
    if failpoints.hook:
        failpoints.hook(point)
