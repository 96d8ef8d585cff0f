"""A mapping is tried on a file: everything that does not fit is told at once, and nothing is recorded."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches

from worker.feeds import FileRefused, OpenExport
from worker.importing.columns import resolve_columns
from worker.importing.rows import IntakeDefaults, read_rows
from worker.kind import fold
from worker.mapping import ExportMapping, MappingFault, map_export
from worker.mapping.faults import find_lines, line_of, write_key
from worker.mapping.fields import field_named, kinds_of
from worker.outbox.intake.feed_files import Rejection

MAX_FAULTS = 100
"""Different faults of rows that are told apart."""


@dataclass(slots=True)
class RowsFault:
    """A fault that rows have: the first of them, and how many."""

    rejection: Rejection
    rows: int = 1


@dataclass(slots=True)
class Trial:
    """The result of a try. `faults`: of the mapping with this file; `row_faults`: of its rows, the most frequent first."""

    faults: list[MappingFault] = field(default_factory=list)
    refused: str | None = None
    """Why the file as a whole could not be taken in, where no fault says it."""
    rows: int = 0
    good: int = 0
    row_faults: list[RowsFault] = field(default_factory=list)
    notes: tuple[str, ...] = ()


def try_mapping(mapping: ExportMapping, source: OpenExport, text: str) -> Trial:
    """Try a mapping on an export that is open. `text`: the mapping file's, for its lines."""
    trial = Trial(faults=[*_find_missing(mapping, source, text), *_find_unmentioned(mapping, source)])
    if trial.faults:
        return trial
    try:
        mapped = map_export(mapping, source)
        columns = resolve_columns(mapped, None)
    except FileRefused as refused:
        trial.refused = str(refused)
        return trial
    trial.notes = mapped.notes
    faults_by_key: dict[tuple[str | None, str], RowsFault] = {}
    for row in read_rows(mapped.rows(), columns, IntakeDefaults()):
        trial.rows += 1
        if isinstance(row.result, Rejection):
            _add_faults(faults_by_key, row.result)
        else:
            trial.good += 1
    trial.row_faults = sorted(faults_by_key.values(), key=lambda fault: (-fault.rows, fault.rejection.line))
    return trial


def _add_faults(faults_by_key: dict[tuple[str | None, str], RowsFault], rejection: Rejection) -> None:
    for row_fault in rejection.faults:
        key = (row_fault.column, row_fault.code)
        if key in faults_by_key:
            faults_by_key[key].rows += 1
        elif len(faults_by_key) < MAX_FAULTS:
            single = Rejection(rejection.line, row_fault.code, row_fault.reason, row_fault.remedy, row_fault.column)
            faults_by_key[key] = RowsFault(single)


def _find_missing(mapping: ExportMapping, source: OpenExport, text: str) -> Iterator[MappingFault]:
    """Find the headings of the mapping that the file lacks."""
    if source.form in {"json", "jsonl"}:
        return
    lines = find_lines(text)
    present = {fold(heading): heading for heading in source.headings}
    for heading in mapping.headings():
        if fold(heading) in present or heading in mapping.leave_out:
            continue
        key = _key_of(mapping, heading)
        near = get_close_matches(fold(heading), present, n=1, cutoff=0.7)
        remedy = (
            f"Perhaps it is called {present[near[0]]!r} now" if near else "Write its heading as it stands in the file"
        )
        yield MappingFault(line_of(lines, key), write_key(key), f"{source.name} has no heading {heading!r}", remedy)


def _key_of(mapping: ExportMapping, heading: str) -> tuple[str, ...]:
    if heading in mapping.columns:
        return ("columns", heading)
    sections = ("kind", "after", "withdrawn")
    named = (name for name in sections if getattr(getattr(mapping, name), "column", None) == heading)
    return (next(named, "joined"),)


def _find_unmentioned(mapping: ExportMapping, source: OpenExport) -> Iterator[MappingFault]:
    """Find the headings of the file that neither the mapping nor a document names."""
    named = {fold(heading) for heading in mapping.headings()}
    kinds = kinds_of(mapping)
    for heading in source.headings:
        is_named = fold(heading) in named or (fold(heading) in {"kind", "typ"} and mapping.kind is None)
        if not is_named and not any(field_named(kind, heading) for kind in kinds):
            wrong = f"line {source.heading_line} of {source.name} has a heading that the mapping does not name: {heading[:60]!r}"
            yield MappingFault(0, "", wrong, "Give it a field under [columns], or write it into leave_out")
