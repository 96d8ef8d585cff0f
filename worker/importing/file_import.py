"""Imports a file, or any export that is open, to its end."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from worker.feeds import OpenExport, open_feed
from worker.feeds.reasons import is_mended, without_reasons
from worker.importing.chunks import FileImport, ImportListener
from worker.importing.columns import resolve_columns
from worker.importing.consent import check_consent
from worker.importing.full_export import withdraw_absent
from worker.importing.rows import DEFAULT_FEED, IntakeDefaults, ParsedRow, read_rows
from worker.importing.throughput import SeenKeys, gc_tuning, prefetch
from worker.importing.unnamed import MendedRows
from worker.mapping import ExportMapping, map_export
from worker.outbox import Database
from worker.outbox.database.staging import NewOperation
from worker.outbox.intake import feed_files
from worker.outbox.intake.feed_files import FileCounts, OpenFile
from worker.outbox.intake.record import BATCH, KnownShare

MAX_LENGTH = 4_000_000
"""Characters of content in one chunk, about: most exports have a tenth of it in as many rows as a chunk may have."""

_NOT_ENTERED = OpenFile(id=0)
"""The file of a dry run."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Wishes about one import, beside its kind and feed."""

    full_export: bool = False
    """The export names all rows that are wanted: others are withdrawn."""
    agreed: bool = True
    """A person has agreed, whatever the import would do; else it raises `ConsentNeeded` or `TooManyAbsent`."""
    per_second: float | None = None
    """The rate limit, for the time that a question names."""


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """The result of an import. `resumed_at` > 0: an earlier try had come so far, and its counts are included."""

    name: str
    kind: str | None
    kind_was_inferred: bool
    total: int
    counts: FileCounts
    resumed_at: int = 0
    notes: tuple[str, ...] = ()
    """Those of the reader (`OpenExport.notes`)."""
    file_id: int = 0
    """The feed file's; 0: of a dry run."""
    closed: int = 0
    """Rejected rows among the counts that were rejected before, and are closed: seen to, or mended since."""
    first_rows: tuple[NewOperation, ...] = ()
    """Of a dry run: the first row of each kind that would be sent."""


def import_file(
    db: Database,
    path: Path,
    *,
    kind: str | None = None,
    mapping: ExportMapping | None = None,
    feed: str = DEFAULT_FEED,
    dry_run: bool = False,
    defaults: IntakeDefaults | None = None,
    listener: ImportListener | None = None,
    options: ImportOptions | None = None,
    on_end: Callable[[OpenExport, ImportSummary], object] | None = None,
) -> ImportSummary:
    """Import a file to its end, from its beginning or from where an earlier try has stopped.

    Raises `FileRefused` and `ConsentNeeded` before anything is recorded; `ImportedElsewhere`, and `TooManyAbsent` when all
    rows are recorded. `dry_run`: everything is done, and undone; nothing is withdrawn for being absent.
    `on_end` is called at its end, while the file is still open.
    """
    with open_feed(path) as file:
        source = map_export(mapping, without_reasons(file)) if mapping else file
        summary = import_export(
            db,
            source,
            kind=kind,
            feed=feed,
            dry_run=dry_run,
            defaults=defaults,
            listener=listener,
            options=options,
        )
        if on_end:
            on_end(file, summary)
    return summary


def import_export(
    db: Database,
    source: OpenExport,
    *,
    kind: str | None = None,
    feed: str = DEFAULT_FEED,
    dry_run: bool = False,
    defaults: IntakeDefaults | None = None,
    listener: ImportListener | None = None,
    options: ImportOptions | None = None,
) -> ImportSummary:
    """Import an export that is open: a file's, or rows that came in another way, mapped if need be. All else as `import_file`."""
    defaults, listener, options = defaults or IntakeDefaults(), listener or ImportListener(), options or ImportOptions()
    source = without_reasons(source)
    with gc_tuning(), closing(SeenKeys()) as seen_keys:
        columns = resolve_columns(source, kind)
        if not (dry_run or options.agreed or feed_files.has_begun(db, feed, source.sha256)):
            check_consent(db, read_rows(source.rows(), columns, defaults), feed=feed, per_second=options.per_second)
        content: dict[str, Any] = {"name": source.name, "content_hash": source.sha256, "size": source.size}
        file = _NOT_ENTERED if dry_run else feed_files.begin_file(db, feed=feed, kind=kind, **content)
        known_share = KnownShare.MOST if file.seen_before else KnownShare.NONE
        run = FileImport(db, feed, columns, defaults, seen_keys, dry_run, file, known_share)
        run.mended = MendedRows(db, source, feed) if file.after_rejections and not file.seen_before else None
        raw_rows = run.mended.rows() if run.mended else source.rows()
        rows, max_rows = read_rows(raw_rows, columns, defaults), BATCH[db.engine.dialect.name]
        for rows_done in _split_into_chunks(islice(rows, file.rows_done), max_rows):
            run.note_keys(rows_done)
        # While the database works on one chunk, the next one is read.
        with closing(prefetch(map(run.separate_rejections, _split_into_chunks(rows, max_rows)))) as chunks:
            for chunk in chunks:
                run.record_chunk(chunk, listener)
                listener.on_progress(run.file.rows_done, source.total)
        if options.full_export and run.names_all_rows and not (dry_run or source.hidden_rows or is_mended(source)):
            withdraw_absent(run, anyhow=options.agreed)
    if not dry_run:
        feed_files.finish_file(db, run.file)
    name = columns.kind.kind if columns.kind else None
    is_inferred = name is not None and kind is None and source.kind is None
    progress = (run.file.counts, file.rows_done, source.notes, file.id, run.closed, tuple(run.first_rows.values()))
    return ImportSummary(source.name, name, is_inferred, source.total, *progress)


def _split_into_chunks(rows: Iterable[ParsedRow], max_rows: int) -> Iterator[list[ParsedRow]]:
    """Yield `max_rows` at a time, and fewer where they are long: memory must not grow with the length of their cells."""
    chunk, length = list[ParsedRow](), 0
    for row in rows:
        chunk.append(row)
        length += len(row.result.payload) if isinstance(row.result, NewOperation) else 0
        if len(chunk) == max_rows or length > MAX_LENGTH:
            yield chunk
            chunk, length = [], 0
    if chunk:
        yield chunk
