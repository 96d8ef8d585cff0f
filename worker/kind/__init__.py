"""What it means to be a kind: the declaration of one of Vitec's calls, as a validated, frozen payload."""

from worker.kind.contract import Answer, Call, LookUpResult, OnDoubt, Presence
from worker.kind.declaration import SKEW, Kind, Listed, PathId
from worker.kind.headings import ROW_FIELDS, fold, row_headings
from worker.kind.problems import BadCell, BadCells, Problem

__all__ = [
    "ROW_FIELDS",
    "SKEW",
    "Answer",
    "BadCell",
    "BadCells",
    "Call",
    "Kind",
    "Listed",
    "LookUpResult",
    "OnDoubt",
    "PathId",
    "Presence",
    "Problem",
    "fold",
    "row_headings",
]
