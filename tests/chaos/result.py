"""Results of a run: figures and violations, as cells of a table and as lines to read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.chaos.checker import Invariant, Violation, check
from tests.chaos.evidence import count_ever_in_doubt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.chaos.checker import Evidence


@dataclass(frozen=True, slots=True)
class Figures:
    """The cells that a table shows of a result."""

    fault: str
    column: str
    """The way in which a fault was met, where many faults are met in the same few ways. Empty: a line of its own."""
    operations: int
    lost: int
    doubled: int
    other_violations: int
    in_doubt: int
    recovered: float | None
    notes: str

    @property
    def broken(self) -> int:
        return self.lost + self.doubled + self.other_violations


@dataclass(frozen=True, slots=True)
class Result:
    """One fault, or one kind of it. `problems`: broken promises that are no invariant, in words."""

    name: str
    fault: str
    operations: int
    in_doubt: int
    violations: tuple[Violation, ...] = ()
    problems: tuple[str, ...] = ()
    recovered: float | None = None
    notes: str = ""
    column: str = ""

    @property
    def holds(self) -> bool:
        return not self.violations and not self.problems

    @property
    def figures(self) -> Figures:
        counts = Counter(violation.invariant for violation in self.violations)
        lost, doubled = counts[Invariant.LOST], counts[Invariant.DOUBLED]
        other_violations = len(self.violations) - lost - doubled + len(self.problems)
        recovered = None if self.recovered is None else round(self.recovered, 1)
        counted = (self.operations, lost, doubled, other_violations, self.in_doubt)
        return Figures(self.fault, self.column, *counted, recovered, self.notes)


def judge(
    name: str,
    fault: str,
    evidence: Evidence,
    *,
    problems: Iterable[str] = (),
    recovered: float | None = None,
    notes: str = "",
    column: str = "",
) -> Result:
    """Judge a run by its evidence."""
    violations = tuple(check(evidence))
    doubted = count_ever_in_doubt(evidence)
    return Result(name, fault, len(evidence.rows), doubted, violations, tuple(problems), recovered, notes, column)


def list_problems(result: Result, limit: int = 10) -> list[str]:
    """List broken promises in words; of many the first ones."""
    lines = [*map(str, result.violations), *result.problems]
    omission = [f"… and {len(lines) - limit} more"] if len(lines) > limit else []
    return lines[:limit] + omission
