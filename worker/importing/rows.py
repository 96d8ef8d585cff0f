"""A row of a file becomes a new operation, or a rejected row that says where and why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import repeat
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic_core import to_json

from worker.feeds import BadRow, Row
from worker.importing.columns import Columns
from worker.kind import BadCell, BadCells, Kind, Problem
from worker.kind.cells import body_id, moment, path_id, read_column
from worker.kinds import KIND_BY_NAME
from worker.outbox.database.staging import NewOperation
from worker.outbox.intake.feed_files import Rejection


@dataclass(frozen=True, slots=True)
class IntakeDefaults:
    """What the settings say about every operation that is recorded."""

    max_failures: int = 12
    expires_after: Mapping[str, timedelta] = field(default_factory=lambda: MappingProxyType({}))
    """By kind, where it differs from what the kind declares."""

    def seconds_to_expiry(self, kind: type[Kind]) -> float | None:
        """How long an operation of this kind is wanted, counted from now, if its row does not say."""
        found = self.expires_after.get(kind.kind, kind.expires_after)
        return None if found is None else found.total_seconds()


class ParsedRow(NamedTuple):
    """One row, read. `key` is None where the row does not say which it is."""

    line: int
    key: tuple[str, str] | None
    found: NewOperation | Rejection


class CommonCells(NamedTuple):
    """What every row says beside its payload."""

    source_id: str
    send_after: datetime | None = None
    expires_at: datetime | None = None
    after: tuple[str, str] | None = None


def read_rows(rows: Sequence[Row | BadRow], columns: Columns, terms: IntakeDefaults) -> list[ParsedRow]:
    """Read rows that follow each other, as `read_row` does each; column by column where nothing is wrong with any."""
    return _read_together(rows, columns, terms) or [read_row(row, columns, terms) for row in rows]


def _read_together(rows: Sequence[Row | BadRow], columns: Columns, terms: IntakeDefaults) -> list[ParsedRow] | None:
    good = [row for row in rows if isinstance(row, Row)]
    kinds = {kind_of(row, columns)[0] for row in good}
    kind = kinds.pop() if len(good) == len(rows) else None
    if kind is None or kinds:
        return None
    found = zip(columns.fields[kind.kind], zip(*(row.cells for row in good), strict=True), strict=True)
    # Some columns of a wide file are empty, and say nothing.
    filled = {name: cells for name, cells in found if cells.count("") + cells.count(None) < len(cells)}
    try:
        said = [read_column(read, filled[name]) if name in filled else repeat(None) for name, read in _COMMON]
    except BadCell:
        return None
    payloads = kind.parse_columns({name: cells for name, cells in filled.items() if name not in _BESIDE})
    if not payloads or None in said[0]:
        return None
    expires_after = terms.seconds_to_expiry(kind)
    return [
        ParsedRow(row.line, (kind.kind, common.source_id), new_operation(payload, common, expires_after, row.line))
        for payload, common, row in zip(payloads, map(CommonCells, *said), good, strict=True)
    ]


def read_row(row: Row | BadRow, columns: Columns, terms: IntakeDefaults) -> ParsedRow:
    """Read a row completely; a bad one is rejected for the first thing that is wrong with it, by column."""
    if isinstance(row, BadRow):
        return ParsedRow(row.line, None, Rejection(row.line, row.code, row.reason, row.remedy, row.column))
    kind, problem = kind_of(row, columns)
    if kind is None:
        return _rejected(row, columns, None, problem)
    # Most cells of a wide file are empty, and none of those says anything.
    named = zip(columns.fields[kind.kind], row.cells, strict=True)
    cells = {name: cell for name, cell in named if cell is not None and cell != ""}
    try:
        common, payload = read_cells(kind, cells)
    except BadCells as bad:
        return _rejected(row, columns, kind, *bad.problems)
    new = new_operation(payload, common, terms.seconds_to_expiry(kind), row.line)
    return ParsedRow(row.line, (kind.kind, common.source_id), new)


def kind_of(row: Row, columns: Columns) -> tuple[type[Kind] | None, Problem]:
    """The kind of a row, or the problem that there is none."""
    said = row.cells[columns.kind_at] if columns.kind_at is not None else None
    name = said.strip().casefold() if isinstance(said, str) else ""
    if columns.kind is not None and (not name or name == columns.kind.kind):
        return columns.kind, _NO_PROBLEM
    names = ", ".join(KIND_BY_NAME)
    if columns.kind is not None:
        return None, Problem("kind", "other_kind", f"the row is no {columns.kind.kind}", "Import it without --kind.")
    if not name:
        return None, Problem("kind", "missing", "the row does not say its kind", f"Write one of {names}.")
    return KIND_BY_NAME.get(name), Problem("kind", "unknown_kind", "there is no such kind", f"Write one of {names}.")


_NO_PROBLEM = Problem("", "", "", "")


def read_cells(kind: type[Kind], cells: Mapping[str, Any]) -> tuple[CommonCells, Kind]:
    """Read the cells of a row by field. Raises BadCells with all that is wrong."""
    problems: list[Problem] = []
    common = _read_common(cells, problems)
    try:
        payload = kind.parse(cells)
    except BadCells as bad:
        raise BadCells((*problems, *bad.problems)) from None
    if problems:
        raise BadCells(problems)
    return common, payload


def _read_common(cells: Mapping[str, Any], problems: list[Problem]) -> CommonCells:
    said: dict[str, Any] = {}
    for name, read in _COMMON:
        if name in cells:
            try:
                said[name] = read(cells[name])
            except BadCell as bad:
                problems.append(bad.at(name))
    source_id = said.get("source_id")
    if source_id is None and not any(problem.field == "source_id" for problem in problems):
        problems.append(Problem("source_id", "missing", "it is missing", "Give every row an id of its own."))
    return CommonCells(source_id or "", said.get("send_after"), said.get("expires_at"), said.get("after"))


def _moment(raw: Any) -> datetime | None:
    if isinstance(raw, datetime):
        raw = raw.isoformat()
    said = moment(raw)
    return None if said is None else datetime.fromisoformat(said)


def _after(raw: Any) -> tuple[str, str] | None:
    said = body_id(raw)
    if said is None:
        return None
    kind, _, source_id = said.partition(":")
    kind, source_id = kind.strip().casefold(), source_id.strip()
    if kind not in KIND_BY_NAME or not source_id:
        raise BadCell("bad_after", "it does not name another row", "Write kind:source_id, as in appointment:A-17.")
    return kind, source_id


_COMMON = (("source_id", body_id), ("send_after", _moment), ("expires_at", _moment), ("after", _after))
_BESIDE = frozenset({"kind", *(name for name, _ in _COMMON)})
"""What the payload does not need."""


def new_operation(
    payload: Kind, common: CommonCells, expires_after: float | None, line: int | None = None
) -> NewOperation:
    """Put together what is recorded. The hash covers all that the row says, and nothing that it does not."""
    text = payload.payload_json()
    digest = sha256(text)
    source_id, send_after, expires_at, after = common
    if expires_at or after or send_after:
        digest.update(to_json([expires_at, after, send_after]))
    after_kind, after_source_id = after or (None, None)
    return NewOperation(
        payload.kind,
        payload.customer_id,
        source_id,
        text.decode(),
        digest.hexdigest(),
        payload.match_key(),
        send_after,
        expires_at,
        expires_after,
        after_kind,
        after_source_id,
        line,
    )


def _rejected(row: Row, columns: Columns, kind: type[Kind] | None, *problems: Problem) -> ParsedRow:
    """Name the row as far as it can be named, and its first problem in the order of the columns."""
    names = columns.fields[kind.kind] if kind else ()
    first = min(problems, key=lambda problem: names.index(problem.field) if problem.field in names else -1)
    source_id = _safe(body_id, row.cells[columns.source_id_at])
    customer_id = next((_safe(path_id, row.cells[at]) for at in _places(names, "customer_id")), None)
    rejected = Rejection(
        line=row.line,
        code=first.code,
        reason=first.reason,
        remedy=first.remedy,
        column=columns.heading_of(kind, first.field),
        kind=kind.kind if kind else None,
        customer_id=customer_id,
        source_id=source_id,
    )
    return ParsedRow(row.line, (kind.kind, source_id) if kind and source_id else None, rejected)


def _places(names: tuple[str, ...], field: str) -> Iterator[int]:
    return (at for at, name in enumerate(names) if name == field)


def _safe(read: Any, raw: Any) -> str | None:
    try:
        found: str | None = read(raw)
    except BadCell:
        return None
    return found
