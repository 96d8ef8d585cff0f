"""One open export of a feed is taken in, unless its form is not that of the feed: then nothing of it is recorded."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from worker.feeding.config import FeedConfig, Source
from worker.feeding.run import FeedFault, FeedRun, Interrupted
from worker.feeds import FileRefused, OpenExport
from worker.feeds.reasons import is_mended, without_reasons
from worker.importing import (
    ConsentNeeded,
    ImportListener,
    ImportOptions,
    ImportSummary,
    IntakeDefaults,
    TooManyAbsent,
    import_export,
)
from worker.importing.canary import CanaryState, canary_state, send_first
from worker.importing.columns import Columns, resolve_columns
from worker.importing.rows import read_rows
from worker.mapping import MappingRefused, map_export, read_mapping
from worker.outbox.intake.feed_files import Rejection

ALIKE, MANY = 3, 10
"""Rows, all bad, from which on the form has changed: all for the same reason, or for whatever reason."""

_FORMS_WITH_KEYS = frozenset({"json", "jsonl"})
"""Forms in which a row names its own columns, so that an absent one says nothing."""

_CANARY = "canary"
"""The key of a run's memory for the first rows that wait for their answer."""

_NAMED = 5
"""Headings that a finding names at most."""


def take_export(
    run: FeedRun, source: OpenExport, on_rejected: Callable[[Rejection], None] = lambda _: None
) -> ImportSummary:
    """Take in an export to its end, and add its counts to the run's.

    Raises `FeedFault` if its form has changed, `FileRefused` if it is refused by itself, and `Interrupted` between chunks.
    """
    config = run.config
    source = _map(config, without_reasons(source))
    columns = _resolve(config, source)
    _compare_headings(run, source, columns)
    if not is_mended(source):
        _refuse_bad_form(config, source, columns, run.defaults)
    listener = ImportListener(run.check, on_rejected, run.note_kinds)
    options = ImportOptions(full_export=config.full_export, agreed=run.claim.agreed, per_second=run.per_second)
    try:
        if config.canary:
            _wait_for_canary(run, source, listener, options)
        summary = import_export(
            run.db,
            source,
            kind=config.kind,
            feed=config.feed,
            defaults=run.defaults,
            listener=listener,
            options=options,
        )
    except (ConsentNeeded, TooManyAbsent) as question:
        raise _question(run, source.name, question) from None
    run.counts += summary.counts
    run.files += 1
    run.has_new = True
    _remember_headings(run, source, columns)
    return summary


def _question(run: FeedRun, name: str, question: ConsentNeeded | TooManyAbsent) -> FeedFault:
    """Ask a person: the feed stops, and who starts it agrees."""
    is_recorded = isinstance(question, TooManyAbsent)
    code = "too_many_absent" if is_recorded else "consent_needed"
    text = f"{name}: {question}. {'Its rows are recorded' if is_recorded else 'Nothing of it was recorded'}."
    text += f" If it is meant, it is taken in when the feed is started: vitec-sync feeds start {run.config.name}"
    return FeedFault(code, text, stops=True, keeps_export=True)


def _wait_for_canary(run: FeedRun, source: OpenExport, listener: ImportListener, options: ImportOptions) -> None:
    """Let the first new rows go alone. Raises `Interrupted` while they are not answered, and `FeedFault` if one has failed.

    First rows that wait are those of the feed, whatever else its source gives meanwhile.
    """
    content_hash, state = run.memory.observed.get(_CANARY), None
    if content_hash is not None:
        state = canary_state(run.db, run.config.feed, content_hash)
    if state is None:
        canary = send_first(
            run.db,
            source,
            kind=run.config.kind,
            feed=run.config.feed,
            defaults=run.defaults,
            listener=listener,
            options=options,
        )
        if canary is None:
            return
        content_hash, state = canary
    waits_for = content_hash if state is CanaryState.WAITING else None
    run.memory = replace(run.memory, observed={**run.memory.observed, _CANARY: waits_for})
    if state is CanaryState.FAILED:
        text = f"One of the first rows of {source.name}, which went alone, has ended without success."
        text += " Nothing more of it was recorded. Why: vitec-sync list --state failed."
        text += f" When it is mended, the next rows go first: vitec-sync feeds start {run.config.name}"
        raise FeedFault("canary_failed", text, stops=True)
    if state is CanaryState.WAITING:
        run.waits_for_canary = True
        raise Interrupted


def _map(config: FeedConfig, source: OpenExport) -> OpenExport:
    """Turn the export by the feed's mapping, if it has one. A mapping that is wrong leaves the export where it is."""
    if config.mapping is None:
        return source
    try:
        return map_export(read_mapping(config.mapping), source)
    except MappingRefused as refused:
        text = f"{refused} Nothing was recorded; it is taken in when the mapping is right."
        raise FeedFault("mapping_wrong", text, keeps_export=True) from None
    except FileRefused as refusal:
        if config.headings == "any":
            raise
        raise _changed(config, source.name, refusal.wrong) from None


def _resolve(config: FeedConfig, source: OpenExport) -> Columns:
    try:
        return resolve_columns(source, config.kind)
    except FileRefused as refusal:
        if config.headings == "any":
            raise
        raise _changed(config, source.name, refusal.wrong) from None


def _compare_headings(run: FeedRun, source: OpenExport, columns: Columns) -> None:
    """Raise `FeedFault` where the headings are others than those of the feed's last export of this kind."""
    earlier = run.memory.headings.get(_kind_key(columns))
    if earlier is None or not _holds_to_headings(run.config, source):
        return
    present = {_fold(heading): heading for heading in source.headings}
    missing = [heading for heading in earlier if _fold(heading) not in present]
    new = [heading for folded, heading in present.items() if folded not in set(map(_fold, earlier))]
    if missing or new:
        parts = [
            f"{_name(headings)} {word}" for word, headings in (("is missing", missing), ("is new", new)) if headings
        ]
        raise _changed(run.config, source.name, "; ".join(parts))


def _remember_headings(run: FeedRun, source: OpenExport, columns: Columns) -> None:
    if _holds_to_headings(run.config, source):
        headings = {**run.memory.headings, _kind_key(columns): list(source.headings)}
        run.memory = replace(run.memory, headings=headings)


def _holds_to_headings(config: FeedConfig, source: OpenExport) -> bool:
    return config.headings == "fixed" and source.form not in _FORMS_WITH_KEYS


def _refuse_bad_form(config: FeedConfig, source: OpenExport, columns: Columns, defaults: IntakeDefaults) -> None:
    """Raise where every row is bad. The first good row ends the look, so that a good export costs nothing."""
    reasons: Counter[tuple[str, str | None]] = Counter()
    for row in read_rows(source.rows(), columns, defaults):
        if not isinstance(row.result, Rejection):
            return
        reasons[row.result.code, row.result.column] += 1
    count = reasons.total()
    if count < ALIKE or (count < MANY and len(reasons) > 1):
        return
    code, column = reasons.most_common(1)[0][0]
    where = f" in column {column}" if column else ""
    wrong = f"every row is bad, {count} of them, most with {code}{where}"
    if config.headings == "any":
        raise FileRefused(source.name, wrong, "Correct the export, or give --kind or a mapping", "every_row_bad")
    raise _changed(config, source.name, wrong)


def _changed(config: FeedConfig, name: str, wrong: str) -> FeedFault:
    remedy = "correct the query" if config.source is Source.QUERY else "correct the export"
    remedy += ", or the mapping" if config.mapping else ""
    # Rows of a query have no heading line.
    wrong = wrong.removeprefix("line 0: ")
    text = f"The form of {name} is not that of the feed: {wrong}. Nothing of it was recorded."
    text += f" If it is meant, or when it is mended ({remedy}): vitec-sync feeds start {config.name}"
    return FeedFault("format_changed", text, stops=True)


def _kind_key(columns: Columns) -> str:
    return columns.kind.kind if columns.kind else ""


def _fold(heading: Any) -> str:
    return " ".join(str(heading).split()).casefold()


def _name(headings: Sequence[str]) -> str:
    named = ", ".join(f"the column {heading!r}" for heading in headings[:_NAMED])
    return named + (f" and {len(headings) - _NAMED} more" if len(headings) > _NAMED else "")
