"""The problems of a cell or a row, in words that never repeat its content."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a row: `field` by our name, a code that stays, a reason and a remedy to read."""

    field: str
    code: str
    reason: str
    remedy: str


class BadCell(Exception):  # noqa: N818 (a fact about the CRM's row, not an error of the program)
    """One cell cannot be read. Its text holds no data, so it may be logged."""

    def __init__(self, code: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.remedy = remedy

    def at(self, field: str) -> Problem:
        """Say where it stands."""
        return Problem(field, self.code, self.reason, self.remedy)


class BadCells(Exception):  # noqa: N818 (as above)
    """A row cannot be recorded. `problems`, never empty, holds all that is wrong with it, in the order of the fields."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{problem.field}: {problem.reason}" for problem in self.problems))


@dataclass(frozen=True, slots=True)
class UnreadableCell:
    """Stands in a row for a cell that was refused before its field's reader saw it, as by a mapping."""

    code: str
    reason: str
    remedy: str
    raw: Any = field(default=None, repr=False)
    """The cell itself, of which a message may show the shape."""

    def at(self, field_name: str) -> Problem:
        """Say where it stands."""
        return Problem(field_name, self.code, self.reason, self.remedy)


def read_cell(read: Callable[[Any], Any], raw: Any) -> Any:
    """Read a cell, or raise BadCell for one that has been refused already."""
    if isinstance(raw, UnreadableCell):
        raise BadCell(raw.code, raw.reason, raw.remedy)
    return read(raw)
