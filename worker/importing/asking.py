"""The fields that a row asks its parent to fill (`handed_on`)."""

from typing import Any

from worker.kind import Kind
from worker.kind.damage import content_of


def read_names(raw: Any) -> tuple[str, ...] | None:
    """Read the names of fields in a cell, with `|` between them."""
    names = (name.strip() for name in str(content_of(raw) or "").split("|"))
    return tuple(name for name in names if name) or None


def asks_in_vain(kind: type[Kind], *columns: tuple[str, ...] | None) -> bool:
    """Whether a row asks for a field that no parent of a row of this kind fills."""
    return any(
        name not in kind.handed_on and name not in kind.handed_on_if_asked for names in columns for name in names or ()
    )
