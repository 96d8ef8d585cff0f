"""What a run found out: figures and violations, as cells of a table and as lines to read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.chaos.checker import Invariant, Violation, check
from tests.chaos.evidence import ever_in_doubt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.chaos.checker import Evidence


@dataclass(frozen=True, slots=True)
class Figures:
    """What a table shows of a result."""

    fault: str
    column: str
    """Where many faults are met in the same few ways: which of these ways. Empty: a line of its own."""
    operations: int
    lost: int
    doubled: int
    others: int
    in_doubt: int
    recovered: float | None
    notes: str

    @property
    def broken(self) -> int:
        return self.lost + self.doubled + self.others


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
        others = len(self.violations) - lost - doubled + len(self.problems)
        recovered = None if self.recovered is None else round(self.recovered, 1)
        counted = (self.operations, lost, doubled, others, self.in_doubt)
        return Figures(self.fault, self.column, *counted, recovered, self.notes)


def judged(
    name: str,
    fault: str,
    evidence: Evidence,
    *,
    problems: Iterable[str] = (),
    recovered: float | None = None,
    notes: str = "",
    column: str = "",
) -> Result:
    """The result of a run of which this is the evidence."""
    found = tuple(check(evidence))
    doubted = ever_in_doubt(evidence)
    return Result(name, fault, len(evidence.rows), doubted, found, tuple(problems), recovered, notes, column)


def trouble(result: Result, most: int = 10) -> list[str]:
    """What was broken, in words; of many the first ones."""
    lines = [*map(str, result.violations), *result.problems]
    rest = [f"… and {len(lines) - most} more"] if len(lines) > most else []
    return lines[:most] + rest
