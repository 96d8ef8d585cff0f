"""A row of the table that a CRM fills becomes a new operation, or a rejection that names all its faults. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from worker.codes.language import Language
from worker.codes.sentences import fault_sentences
from worker.feeds import BadRow
from worker.feeds.jsonlines import parse_object
from worker.feeds.source import MAX_COLUMNS
from worker.importing.columns import fields_of, printable_heading
from worker.importing.rows import DEFAULT_FEED, IntakeDefaults, new_operation, read_cells, read_withdrawn
from worker.kind import ROW_HEADINGS, BadCells, Kind, Problem, fold
from worker.kinds import KIND_BY_NAME
from worker.outbox.database.staging import NewOperation
from worker.outbox.intake.crm_rows import LONGEST_DATA, NewRow
from worker.outbox.revisions.withdrawn import WithdrawnRow

LONGEST_FEED: Final = 64
MOST_FAULTS: Final = 20
"""Faults that are told of one row."""

_UNTOLD: Final = {Language.ENGLISH: "And {} more.", Language.SWEDISH: "Och {} till."}

_COLUMNS: Final = ("kind", "source_id", "customer_id", "after", "send_after", "expires_at")
"""The columns that name fields of every row."""

_NOTHING: Final = (None, "")

_KIND_NAMES = ", ".join(KIND_BY_NAME)


@dataclass(frozen=True, slots=True)
class RejectedTableRow:
    """A row that cannot be taken in: the code of its first fault, and all of them as text for people."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class ReadTableRow:
    """A row that can be taken in: an operation to record, or one to take back."""

    feed: str
    content: NewOperation | WithdrawnRow


def read_table_row(row: NewRow, defaults: IntakeDefaults) -> ReadTableRow | RejectedTableRow:
    """Read a row as one of a file is read, by the same rules and codes. `data` may name its fields in any documented way."""
    members = _read_data(row)
    if isinstance(members, Problem):
        return reject([members], defaults.language)
    given = [(name, value) for name in _COLUMNS if (value := getattr(row, name)) is not None]
    cells = [*given, *members.items()]
    kind = _find_kind(cells)
    if isinstance(kind, Problem):
        return reject([kind], defaults.language)
    feed = (row.feed or "").strip() or DEFAULT_FEED
    headings: dict[str, str] = {}
    values, problems = resolve_cells(kind, cells, headings)
    if len(feed) > LONGEST_FEED or not feed.isprintable():
        reason = f"it is no name of at most {LONGEST_FEED} characters"
        problems.append(Problem("feed", "too_long", reason, "Shorten it."))
    if not problems and (withdrawn := values.get("withdrawn") and read_withdrawn(None, kind, values)):
        return ReadTableRow(feed, withdrawn)
    try:
        common, payload = read_cells(kind, values)
    except BadCells as bad:
        return reject([*problems, *bad.problems], defaults.language, headings)
    if problems:
        return reject(problems, defaults.language, headings)
    return ReadTableRow(feed, new_operation(payload, common, defaults))


def _read_data(row: NewRow) -> Mapping[str, Any] | Problem:
    """Read the object of JSON in `data`; none means no field."""
    if row.length > LONGEST_DATA:
        return Problem("data", "row_too_long", f"it is longer than {LONGEST_DATA:,} bytes", "Shorten its values.")
    if row.data is None:
        return {}
    members = parse_object(row.id, row.data)
    if isinstance(members, BadRow):
        reason = members.reason.replace("the line", "it")
        return Problem("data", members.code, reason, "Write one object of JSON, in UTF-8, with each name once.")
    if len(members) > MAX_COLUMNS:
        return Problem(
            "data", "too_many_fields", f"it has more than {MAX_COLUMNS} fields", "Leave out what is no field."
        )
    return members


def _find_kind(cells: Iterable[tuple[str, Any]]) -> type[Kind] | Problem:
    names = {
        value.strip().casefold() if isinstance(value, str) else ""
        for heading, value in cells
        if ROW_HEADINGS.get(fold(heading)) == "kind"
    } - {""}
    if not names:
        return Problem("kind", "missing", "the row does not say its kind", f"Write one of {_KIND_NAMES}.")
    if len(names) > 1:
        return Problem("kind", "given_twice", "two different kinds are given", "Give one.")
    return KIND_BY_NAME.get(names.pop()) or Problem(
        "kind", "unknown_kind", "there is no such kind", f"Write one of {_KIND_NAMES}."
    )


def resolve_cells(
    kind: type[Kind], cells: Sequence[tuple[str, Any]], headings: dict[str, str]
) -> tuple[dict[str, Any], list[Problem]]:
    """Resolve names as the documents have them: field → value, and what is given twice and not the same.

    `headings` gets the name that stands for each field.
    """
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for (heading, value), field in zip(cells, fields_of([name for name, _ in cells], kind), strict=True):
        if values.get(field) in _NOTHING:
            values[field], headings[field] = value, heading
        elif value not in _NOTHING and field != "kind" and str(values[field]).strip() != str(value).strip():
            names = f"{printable_heading(headings[field])} and {printable_heading(heading)}"
            problems.append(Problem(field, "given_twice", f"it is given twice, in {names}", "Give it once."))
    return values, problems


def reject(
    problems: Sequence[Problem], language: Language, headings: Mapping[str, str] | None = None
) -> RejectedTableRow:
    """Put all faults into one text, each with the name that the row has for its field, and its remedy."""
    faults = [
        {
            "column": printable_heading((headings or {}).get(problem.field, problem.field)),
            "code": problem.code,
            "reason": problem.reason,
            "remedy": problem.remedy,
        }
        for problem in problems[:MOST_FAULTS]
    ]
    sentences = fault_sentences({"faults": faults}, language)
    lines = [f"{sentence.column}: {sentence.text}. {sentence.remedy}" for sentence in sentences]
    if untold := len(problems) - len(lines):
        lines.append(_UNTOLD[language].format(untold))
    return RejectedTableRow(problems[0].code, "\n".join(lines))
