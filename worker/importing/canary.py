"""The canary: the first new row of each kind is recorded alone, and the others only when Vitec has taken it.

Nothing but these rows is recorded until then, so that a process that dies in between loses and sends nothing: the export
is read again, and the canary found by the export's hash.
"""

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum, auto
from hashlib import sha256
from itertools import count
from typing import NamedTuple

from models import FINAL, State
from worker.feeds import BadRow, OpenExport, Row
from worker.importing.chunks import ImportListener
from worker.importing.columns import resolve_columns
from worker.importing.consent import check_consent
from worker.importing.file_import import ImportOptions, import_export
from worker.importing.rows import DEFAULT_FEED, IntakeDefaults, read_rows
from worker.outbox import Database
from worker.outbox.database.staging import NewOperation
from worker.outbox.views.first_rows import find_new, read_states

LOOKED_AT_TOGETHER = 500
_NAME = " (first rows)"


class CanaryState(Enum):
    """The fate of the first rows."""

    WAITING = auto()
    """Vitec has not answered all of them."""
    PASSED = auto()
    FAILED = auto()
    """One of them has ended without success."""


class Canary(NamedTuple):
    """The first rows of an export, by the hash under which they were taken in."""

    content_hash: str
    state: CanaryState


def canary_state(db: Database, feed: str, content_hash: str) -> CanaryState | None:
    """Tell what became of first rows; None: none were taken in under this hash."""
    states = read_states(db, feed, content_hash)
    if states is None:
        return None
    if any(state in FINAL - {State.SUCCEEDED} for state in states):
        return CanaryState.FAILED
    return CanaryState.PASSED if all(state is State.SUCCEEDED for state in states) else CanaryState.WAITING


def send_first(
    db: Database,
    source: OpenExport,
    *,
    kind: str | None = None,
    feed: str = DEFAULT_FEED,
    defaults: IntakeDefaults | None = None,
    listener: ImportListener | None = None,
    options: ImportOptions | None = None,
) -> Canary | None:
    """Record the first new rows of an export, unless they are already; None: nothing in it is new.

    Raises `ConsentNeeded` before anything is recorded, as the import of all rows would. Where first rows have failed before, those after them are the first now.
    """
    defaults = defaults or IntakeDefaults()
    for number in count():
        content_hash = sha256(f"{source.sha256} first rows {number}".encode()).hexdigest()
        state = canary_state(db, feed, content_hash)
        if state is CanaryState.FAILED:
            continue
        if state is not None:
            return Canary(content_hash, state)
        if options and not options.agreed:
            rows = read_rows(source.rows(), resolve_columns(source, kind), defaults)
            check_consent(db, rows, feed=feed, per_second=options.per_second)
        lines = _find_first(db, source, kind, feed, defaults)
        if not lines:
            return None
        first_rows = replace(
            source,
            name=f"{source.name[: 255 - len(_NAME)]}{_NAME}",
            sha256=content_hash,
            total=len(lines),
            rows=lambda: _only(source, lines),  # noqa: B023 (it is used in this round alone)
        )
        import_export(db, first_rows, kind=kind, feed=feed, defaults=defaults, listener=listener)
        return Canary(content_hash, canary_state(db, feed, content_hash) or CanaryState.WAITING)
    raise AssertionError


def _only(source: OpenExport, lines: frozenset[int]) -> Iterator[Row | BadRow]:
    return (row for row in source.rows() if row.line in lines)


def _find_first(
    db: Database, source: OpenExport, kind: str | None, feed: str, defaults: IntakeDefaults
) -> frozenset[int]:
    """Find the line of the first row of each kind that is new, and can be sent at once: it waits for no row, and no time."""
    columns = resolve_columns(source, kind)
    lines: dict[str, int] = {}
    candidates: list[NewOperation] = []

    def choose() -> None:
        for row in find_new(db, feed, candidates):
            lines.setdefault(row.kind, row.line or 0)
        candidates.clear()

    for parsed in read_rows(source.rows(), columns, defaults):
        row = parsed.result
        if not isinstance(row, NewOperation) or row.kind in lines:
            continue
        if row.after_kind is None and row.send_after is None:
            candidates.append(row)
        if len(candidates) == LOOKED_AT_TOGETHER:
            choose()
        if columns.kind is not None and lines:
            break
    choose()
    return frozenset(lines.values())
