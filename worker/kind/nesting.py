"""The cells of a row in their places: the members of nested objects beside the others, and what has no place refused."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from worker.kind.damage import says_nothing
from worker.kind.headings import ROW_FIELDS, Naming, fold
from worker.kind.problems import BadCell, Problem


def unfold_objects(naming: Naming, cells: Mapping[str, Any], problems: list[Problem]) -> Iterator[tuple[str, str, Any]]:
    """Yield field, place and value of each cell, with the members of nested objects in the place of their object."""
    for name, raw in cells.items():
        object_name = naming.objects.get(name, name) if isinstance(raw, Mapping) else name
        field_of = naming.members.get(object_name)
        if field_of is None:
            yield name, name, raw
        elif (members := read_object(raw)) is not None:
            for member, value in members.items():
                field = field_of.get(fold(str(member)))
                if field is not None:
                    yield field, f"the object {object_name}", value
                elif value is not None:
                    remedy = f"Known: {_join_names(naming, field_of.values())}."
                    problems.append(Problem(name, "unknown_field", "it holds an unknown name", remedy))
        elif not says_nothing(raw):
            remedy = f"Use {_join_names(naming, field_of.values())}."
            problems.append(Problem(name, "wrong_type", "it names an object, and is not one of JSON", remedy))


def refuse_foreign(naming: Naming, name: str, raw: Any) -> None:
    """Refuse a filled cell that the kind has no place for: it would be lost in silence. Row fields are read elsewhere."""
    if name not in ROW_FIELDS and not says_nothing(raw):
        remedy = "Leave it empty for rows of this kind."
        if meant := naming.bare.get(fold(name)):
            remedy = f"Write it into {_join_names(naming, meant)}, or leave it empty for rows of this kind."
        raise BadCell("unknown_field", "this kind has no such field", remedy)


def read_object(raw: Any) -> Mapping[Any, Any] | None:
    """Read an object of JSON, or the text of one in a cell; None: it is neither, or names a member twice."""
    if isinstance(raw, str) and raw.lstrip().startswith("{"):
        try:
            raw = json.loads(raw, object_pairs_hook=_members_of)
        except (ValueError, RecursionError):
            return None
    return raw if isinstance(raw, Mapping) else None


def _members_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member stands twice")
    return members


def _join_names(naming: Naming, fields: Iterable[str]) -> str:
    return ", ".join(naming.documented[field][0] for field in dict.fromkeys(fields))
