"""A kind is the declaration of one of Vitec's calls, as a validated, frozen payload."""

from worker.kind.contract import (
    Answer,
    Call,
    CodeText,
    DatedAnswer,
    LookUpResult,
    Method,
    OnDoubt,
    ParentResult,
    Presence,
)
from worker.kind.declaration import SKEW, Kind, Listed, PathId
from worker.kind.headings import ROW_FIELDS, ROW_HEADINGS, ROW_HEADINGS_WRITTEN, fold
from worker.kind.parent_results import complete, find_asked, find_lacking
from worker.kind.problems import BadCell, BadCells, Problem, UnreadableCell, read_cell

__all__ = [
    "ROW_FIELDS",
    "ROW_HEADINGS",
    "ROW_HEADINGS_WRITTEN",
    "SKEW",
    "Answer",
    "BadCell",
    "BadCells",
    "Call",
    "CodeText",
    "DatedAnswer",
    "Kind",
    "Listed",
    "LookUpResult",
    "Method",
    "OnDoubt",
    "ParentResult",
    "PathId",
    "Presence",
    "Problem",
    "UnreadableCell",
    "complete",
    "find_asked",
    "find_lacking",
    "fold",
    "read_cell",
]
