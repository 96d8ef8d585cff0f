"""The consequences of a kind's declaration, worked out once for each class: its headings, its body and its paths."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.kind.cells import Cell
from worker.kind.contract import METHODS
from worker.kind.headings import ROW_FIELDS, Naming, name_fields

if TYPE_CHECKING:
    from worker.kind.declaration import Kind


@dataclass(frozen=True, slots=True)
class Plan:
    """The consequences of a declaration, worked out once for each class."""

    cells: Mapping[str, Cell]
    required: tuple[str, ...]
    body: tuple[tuple[str, str | None, str], ...]
    """Field, the object it is nested in, Vitec's key."""
    paths: Mapping[str, tuple[tuple[str, bool], ...]]
    """Each path in its parts: a word of Vitec's as it stands, or the name of the field with an id."""


def plan_of(kind: "type[Kind]") -> Plan:
    """Work out the plan. Raises ValueError or TypeError where the declaration contradicts itself."""
    cells = {name: _cell_of(kind, name) for name in kind.model_fields}
    body: list[tuple[str, str | None, str]] = []
    for name, cell in cells.items():
        group, _, key = cell.name.rpartition(".")
        if f"{{{name}}}" not in kind.path:
            body.append((name, group or None, key))
    required = tuple(name for name, field in kind.model_fields.items() if field.is_required())
    paths = {path: _parts_of(path) for path in (kind.path, kind.read_back) if path is not None}
    _check_declaration(kind, [name for name, _, _ in body], cells)
    return Plan(cells, required, tuple(body), paths)


def _check_declaration(kind: "type[Kind]", in_body: Sequence[str], cells: Mapping[str, Cell]) -> None:
    """Refuse a class that could not be sent as it says: found at import, before anything is claimed."""
    if kind.method not in METHODS:
        raise ValueError(f"{kind.__name__}: its method {kind.method!r} is none of {', '.join(sorted(METHODS))}")
    if not kind.has_body and in_body:
        raise TypeError(f"{kind.__name__} has no body, and no place for {', '.join(in_body)}")
    if kind.handed_on and kind.handed_on_if_asked:
        raise TypeError(f"{kind.__name__} cannot tell results that it needs from those that a row asks for")
    if len(kind.handed_on_if_asked) > 1:
        raise TypeError(
            f"{kind.__name__}: of a row that asks it is not kept which fields it asks for, so one may be filled"
        )
    for name in (*kind.handed_on, *kind.handed_on_if_asked):
        if name not in cells or kind.model_fields[name].is_required():
            raise TypeError(f"{kind.__name__}.{name} is handed on by a parent, so it is a field that may be None")


def naming_of(kind: "type[Kind]", plan: Plan) -> Naming:
    """Work out the headings of the payload's fields. Raises ValueError where one means two fields."""
    names = {name: (cell.name, *cell.swedish) for name, cell in plan.cells.items() if name not in ROW_FIELDS}
    try:
        return name_fields(names, kind.nested)
    except ValueError as error:
        raise ValueError(f"{kind.__name__}: {error}") from None


def _parts_of(path: str) -> tuple[tuple[str, bool], ...]:
    return tuple((part.strip("{}"), part.startswith("{")) for part in path.split("/"))


def _cell_of(kind: "type[Kind]", name: str) -> Cell:
    for mark in kind.model_fields[name].metadata:
        if isinstance(mark, Cell):
            return mark
    raise TypeError(f"{kind.__name__}.{name} says no Cell")
