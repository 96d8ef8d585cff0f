"""What a run found out: figures and violations, as lines to read and as the table of the documentation."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.chaos.checker import Invariant, Violation, check
from tests.chaos.evidence import ever_in_doubt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.chaos.checker import Evidence

HEADINGS = ("", "fault", "operations", "lost", "doubled", "other violations", "in doubt", "seconds to recover", "notes")

BEGIN, END = "<!-- measured -->", "<!-- end of measured -->"


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

    @property
    def holds(self) -> bool:
        return not self.violations and not self.problems

    def row(self) -> tuple[str, ...]:
        """The cells of the table."""
        counts = Counter(violation.invariant for violation in self.violations)
        others = sum(counts.values()) - counts[Invariant.LOST] - counts[Invariant.DOUBLED] + len(self.problems)
        seconds = "–" if self.recovered is None else f"{self.recovered:.1f}"
        figures = (self.operations, counts[Invariant.LOST], counts[Invariant.DOUBLED], others, self.in_doubt)
        return (self.name, self.fault, *map(str, figures), seconds, self.notes)


def judged(
    name: str,
    fault: str,
    evidence: Evidence,
    *,
    problems: Iterable[str] = (),
    recovered: float | None = None,
    notes: str = "",
) -> Result:
    """The result of a run of which this is the evidence."""
    found = tuple(check(evidence))
    return Result(name, fault, len(evidence.rows), ever_in_doubt(evidence), found, tuple(problems), recovered, notes)


def markdown(results: Sequence[Result]) -> str:
    """The table, as the documentation shows it."""
    lines = [HEADINGS, tuple("---" for _ in HEADINGS), *(result.row() for result in results)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def trouble(result: Result, most: int = 10) -> list[str]:
    """What was broken, in words; of many the first ones."""
    lines = [*map(str, result.violations), *result.problems]
    rest = [f"… and {len(lines) - most} more"] if len(lines) > most else []
    return lines[:most] + rest


def inserted(page: str, table: str, said: str) -> str:
    """The page with the table, and what is said of it, between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{said}\n\n{table}\n{END}{after}"
