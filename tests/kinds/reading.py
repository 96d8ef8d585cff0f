"""How the tests of the kinds read a row: a good one with some cells changed, or the problems of a bad one."""

from typing import Any, TypeVar

import pytest

from tests.golden_files import GOLDEN, cells_of
from worker.kind import BadCells, Kind
from worker.outcome import InDoubt, Outcome

K = TypeVar("K", bound=Kind)


def row(kind: type[K], **changed: Any) -> K:
    return kind.parse({**cells_of(kind, GOLDEN / kind.kind), **changed})


def problems(kind: type[Kind], **changed: Any) -> list[tuple[str, str]]:
    """Field and code of all that is wrong. No reason repeats the cell, and every one has a remedy."""
    with pytest.raises(BadCells) as caught:
        row(kind, **changed)
    for problem in caught.value.problems:
        cell = changed.get(problem.field)
        assert not (isinstance(cell, str) and len(cell) > 4 and cell in problem.reason)
        assert problem.remedy.endswith(".")
    return [(problem.field, problem.code) for problem in caught.value.problems]


def is_accepted_in_doubt(outcome: Outcome) -> bool:
    return isinstance(outcome, InDoubt) and outcome.accepted and outcome.code == "unreadable_answer"
