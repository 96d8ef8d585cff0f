"""A row of a file becomes a new operation, or a rejected row that says where and why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import islice, repeat
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from pydantic_core import to_json

from worker.cell_shapes import cell_shape
from worker.codes.language import Language
from worker.feeds import BadRow, Row
from worker.importing.asking import asks_in_vain, read_names
from worker.importing.columns import Columns
from worker.importing.unnamed import hash_content, unnamed_hashes
from worker.kind import BadCell, BadCells, Kind, Problem, UnreadableCell, find_asked, find_lacking, read_cell
from worker.kind.cells import Reader, flag, moment, path_id, read_column, source_id
from worker.kind.damage import content_of, says_nothing, word_of
from worker.kinds import KIND_BY_NAME
from worker.outbox.database.staging import NewOperation
from worker.outbox.intake.feed_files import Rejection, RowFault
from worker.outbox.revisions.withdrawn import WithdrawnRow
from worker.settings import Settings

ROWS_TOGETHER = 500
"""Rows that are read together: where something is wrong with one of them, each is read by itself."""

DEFAULT_FEED = "crm"
"""The feed's name is never the file's: a renamed re-export would send everything twice."""

_KIND_NAMES = ", ".join(KIND_BY_NAME)


@dataclass(frozen=True, slots=True)
class IntakeDefaults:
    """The settings that hold for every operation that is recorded."""

    max_failures: int = 12
    expires_after: Mapping[str, timedelta] = field(default_factory=lambda: MappingProxyType({}))
    """By kind, where it differs from the kind's own declaration."""
    at_own_dates: bool = False
    """Whether a row that does not say when it expires does so by its own date (`Kind.wanted_until`)."""
    language: Language = Language.ENGLISH
    """That of the sentences in a row of `crm_rows` that is rejected."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The defaults of an office."""
        expires_after = {"order_token": settings.order_token_expires, "notification": settings.notification_expires}
        return cls(settings.max_failures, expires_after, settings.expire_at_own_date, settings.language)

    def seconds_to_expiry(self, kind: type[Kind]) -> float | None:
        """Return how long an operation of this kind is wanted, counted from now, if its row does not say."""
        expires_after = self.expires_after.get(kind.kind, kind.expires_after)
        return None if expires_after is None else expires_after.total_seconds()


class ParsedRow(NamedTuple):
    """A row read. `key` (kind, source_id) is None where the row does not name both."""

    line: int
    key: tuple[str, str] | None
    result: NewOperation | Rejection | WithdrawnRow


class CommonCells(NamedTuple):
    """The values of every row beside its payload."""

    source_id: str
    send_after: datetime | None = None
    expires_at: datetime | None = None
    after: tuple[str, str] | None = None
    withdrawn: bool | None = None
    handed_on: tuple[str, ...] | None = None
    """Fields that a result of the parent fills, where the row leaves them empty."""


def read_rows(rows: Iterator[Row | BadRow], columns: Columns, defaults: IntakeDefaults) -> Iterator[ParsedRow]:
    """Read rows, a batch of them together, or each by `read_row` where anything is wrong with one of the batch."""
    while batch := list(islice(rows, ROWS_TOGETHER)):
        yield from _read_together(batch, columns, defaults) or [read_row(row, columns, defaults) for row in batch]


def _read_together(rows: Sequence[Row | BadRow], columns: Columns, defaults: IntakeDefaults) -> list[ParsedRow] | None:
    """Read rows of one kind column by column; None if anything is wrong with any."""
    good_rows = [row for row in rows if isinstance(row, Row)]
    kinds = {_kind_of(row, columns) for row in good_rows}
    if len(good_rows) < len(rows) or len(kinds) != 1:
        return None
    kind = kinds.pop()
    if isinstance(kind, Problem):
        return None
    cells_by_field = zip(
        columns.fields_by_kind[kind.kind], zip(*(row.cells for row in good_rows), strict=True), strict=True
    )
    # Some columns of a wide file are empty, and say nothing.
    filled = {name: cells for name, cells in cells_by_field if cells.count("") + cells.count(None) < len(cells)}
    try:
        common_columns = [
            read_column(read, filled[name]) if name in filled else repeat(None)
            for name, read in _COMMON_READERS.items()
        ]
    except BadCell:
        return None
    payloads = kind.parse_columns({name: cells for name, cells in filled.items() if name not in _NOT_PAYLOAD})
    source_ids = common_columns[0]
    if not payloads or None in source_ids or ("withdrawn" in filled and True in common_columns[4]):
        return None
    if "handed_on" in filled and asks_in_vain(kind, *common_columns[5]):
        return None
    return [
        ParsedRow(row.line, (kind.kind, common.source_id), new_operation(payload, common, defaults, row.line))
        for payload, common, row in zip(payloads, map(CommonCells, *common_columns), good_rows, strict=True)
    ]


def read_row(row: Row | BadRow, columns: Columns, defaults: IntakeDefaults) -> ParsedRow:
    """Read a row completely; a bad one is rejected for all that is wrong with it, by column."""
    if isinstance(row, BadRow):
        row_hash = None if row.cells is None else hash_content([row.code, list(row.cells)])
        rejection = Rejection(row.line, row.code, row.reason, row.remedy, row.column, row_hash=row_hash)
        return ParsedRow(row.line, None, rejection)
    kind = _kind_of(row, columns)
    if isinstance(kind, Problem):
        return _reject(row, columns, None, kind)
    # Most cells of a wide file are empty, and none of those says anything.
    named_cells = zip(columns.fields_by_kind[kind.kind], row.cells, strict=True)
    cells = {name: cell for name, cell in named_cells if cell is not None and cell != ""}
    if "withdrawn" in cells and (withdrawn := read_withdrawn(row.line, kind, cells)):
        return ParsedRow(row.line, (withdrawn.kind, withdrawn.source_id), withdrawn)
    try:
        common, payload = read_cells(kind, cells)
    except BadCells as bad:
        return _reject(row, columns, kind, *bad.problems)
    operation = new_operation(payload, common, defaults, row.line)
    return ParsedRow(row.line, (kind.kind, common.source_id), operation)


def read_withdrawn(line: int | None, kind: type[Kind], cells: Mapping[str, Any]) -> WithdrawnRow | None:
    """Read a row that the CRM takes back: nothing of it matters but its id. None: it is not taken back, or cannot be read."""
    id_ = _read_or_none(source_id, cells.get("source_id"))
    is_withdrawn = _read_or_none(flag, cells["withdrawn"])
    return WithdrawnRow(kind.kind, id_, line) if is_withdrawn and id_ else None


def _kind_of(row: Row, columns: Columns) -> type[Kind] | Problem:
    """Return the kind of a row, or the problem that it has none."""
    cell = row.cells[columns.kind_at] if columns.kind_at is not None else None
    name = cell.strip().casefold() if isinstance(cell, str) else ""
    if isinstance(cell, UnreadableCell):
        return cell.at("kind")
    if name and name not in KIND_BY_NAME:
        name = "" if says_nothing(cell) else (word_of(cell) or "").casefold()
    if columns.kind is None:
        return KIND_BY_NAME.get(name) or (_UNKNOWN_KIND if name else _NO_KIND)
    if not name or name == columns.kind.kind:
        return columns.kind
    return Problem("kind", "other_kind", f"the row is no {columns.kind.kind}", "Import it without --kind.")


_NO_KIND = Problem("kind", "missing", "the row does not say its kind", f"Write one of {_KIND_NAMES}.")
_UNKNOWN_KIND = Problem("kind", "unknown_kind", "there is no such kind", f"Write one of {_KIND_NAMES}.")


def read_cells(kind: type[Kind], cells: Mapping[str, Any]) -> tuple[CommonCells, Kind]:
    """Read the cells of a row by field. Raises BadCells with all that is wrong."""
    values: dict[str, Any] = {"source_id": None}
    problems: list[Problem] = []
    for name, read in _COMMON_READERS.items():
        if name in cells:
            try:
                values[name] = read_cell(read, cells[name])
            except BadCell as bad:
                problems.append(bad.at(name))
    if values["source_id"] is None and not any(problem.field == "source_id" for problem in problems):
        problems.append(Problem("source_id", "missing", "it is missing", "Give every row an id of its own."))
    if asks_in_vain(kind, values.get("handed_on")):
        remedy = f"Write {' or '.join(kind.handed_on_if_asked)}." if kind.handed_on_if_asked else "Leave it empty."
        problems.append(Problem("handed_on", "unknown_field", "no parent fills such a field of this kind", remedy))
    try:
        payload = kind.parse(cells)
    except BadCells as bad:
        raise BadCells((*problems, *bad.problems)) from None
    if problems:
        raise BadCells(problems)
    return CommonCells(**values), payload


def _read_moment(raw: Any) -> datetime | None:
    text = moment(raw)
    return None if text is None else datetime.fromisoformat(text)


def _read_after(raw: Any) -> tuple[str, str] | None:
    text = content_of(raw)
    if text is None:
        return None
    kind, _, id_ = text.partition(":")
    parent = (word_of(kind) or "").casefold(), source_id(id_)
    if parent[0] not in KIND_BY_NAME or parent[1] is None:
        raise BadCell("bad_after", "it does not name another row", "Write kind:source_id, as in appointment:A-17.")
    return parent[0], parent[1]


_COMMON_READERS: Mapping[str, Reader] = {
    "source_id": source_id,
    "send_after": _read_moment,
    "expires_at": _read_moment,
    "after": _read_after,
    "withdrawn": flag,
    "handed_on": read_names,
}
"""How the fields of `CommonCells` are read, in their order."""

_NOT_PAYLOAD = frozenset({"kind", *_COMMON_READERS})


def new_operation(
    payload: Kind, common: CommonCells, defaults: IntakeDefaults, line: int | None = None
) -> NewOperation:
    """Put together the operation to record. The hash covers all that the row says, and nothing that it does not."""
    text = payload.payload_json()
    digest = sha256(text)
    source_id, send_after, expires_at, after, _, handed_on = common
    if expires_at or after or send_after:
        digest.update(to_json([expires_at, after, send_after]))
    if expires_at is None and defaults.at_own_dates:
        expires_at = payload.wanted_until()
    after_kind, after_source_id = after or (None, None)
    asked_fields = find_asked(payload, handed_on, after_kind) if handed_on and after_kind else ()
    if asked_fields:
        digest.update(to_json(asked_fields))
    return NewOperation(
        payload.kind,
        payload.customer_id,
        source_id,
        text.decode(),
        digest.hexdigest(),
        payload.match_key(),
        payload.sequence_key(),
        send_after,
        expires_at,
        defaults.seconds_to_expiry(type(payload)),
        after_kind,
        after_source_id,
        bool(asked_fields or (payload.handed_on and find_lacking(payload))),
        line,
    )


def _reject(row: Row, columns: Columns, kind: type[Kind] | None, *problems: Problem) -> ParsedRow:
    """Name the row as far as it can be named, and all its problems in the order of the columns."""
    names = columns.fields_by_kind[kind.kind] if kind else ()
    place_of = {name: place for place, name in enumerate(names)}
    faults = tuple(
        RowFault(
            columns.heading_of(kind, problem.field),
            problem.code,
            problem.reason,
            problem.remedy,
            _shape_of(row.cells[place_of[problem.field]]) if problem.field in place_of else None,
        )
        for problem in sorted(problems, key=lambda problem: place_of.get(problem.field, -1))
    )
    first = faults[0]
    id_ = _read_or_none(source_id, row.cells[columns.source_id_at])
    customer_id = None
    if "customer_id" in place_of:
        customer_id = _read_or_none(path_id, row.cells[place_of["customer_id"]])
    rejection = Rejection(
        row.line,
        first.code,
        first.reason,
        first.remedy,
        first.column,
        kind.kind if kind else None,
        customer_id,
        id_,
        faults,
        *(
            (None, None)
            if kind and id_
            else unnamed_hashes(columns.own_headings or columns.headings, row.cells, faults)
        ),
    )
    return ParsedRow(row.line, (kind.kind, id_) if kind and id_ else None, rejection)


def _shape_of(cell: Any) -> str:
    return cell_shape(cell.raw if isinstance(cell, UnreadableCell) else cell)


def _read_or_none(read: Reader, raw: Any) -> Any:
    try:
        return read_cell(read, raw)
    except BadCell:
        return None
