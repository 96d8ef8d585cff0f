"""The fields that a mapping can name, and the form of their cells."""

from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from worker.kind import ROW_FIELDS, ROW_HEADINGS, BadCell, Kind, fold
from worker.kinds import KIND_BY_NAME, KINDS
from worker.mapping.model import ExportMapping, KindColumn

IN_EVERY_ROW: Final = tuple(name for name in ROW_FIELDS if name != "kind")
"""The fields of rows of every kind. The kind itself is no target: the mapping's key `kind` says it."""

_NOON = "2026-12-02 12:00"


class CellForm(StrEnum):
    """The form of a field's cells."""

    TEXT = "text"
    ID = "id"
    TIME = "time"
    FLAG = "yes or no"
    NUMBER = "whole number"
    WORD = "word"
    LIST = "list"
    TOKEN = "token"  # noqa: S105 (the form of a cell, and no secret)


_ROW_FORMS: Final = {
    "send_after": CellForm.TIME,
    "expires_at": CellForm.TIME,
    "withdrawn": CellForm.FLAG,
    "handed_on": CellForm.TEXT,
}


@cache
def form_of(kind: type[Kind], field: str) -> CellForm:
    """Say what a field of a kind, or of every row, holds."""
    if field not in kind.model_fields:
        return _ROW_FORMS.get(field, CellForm.ID)
    types = _types_of(kind.model_fields[field].annotation)
    for type_, form in ((bool, CellForm.FLAG), (int, CellForm.NUMBER), (tuple, CellForm.LIST)):
        if type_ in types:
            return form
    if words_of(kind, field):
        return CellForm.WORD
    if field.endswith("_id"):
        return CellForm.ID
    if str(_try_to_read(kind, field, _NOON)).startswith("2026-12-02T12:00"):
        return CellForm.TIME
    return CellForm.TOKEN if _try_to_read(kind, field, "a%2Fb") == "a/b" else CellForm.TEXT


@cache
def words_of(kind: type[Kind], field: str) -> tuple[str, ...]:
    """Give Vitec's words that a field is held to; none for most fields."""
    if field not in kind.model_fields:
        return ()
    return tuple(word for type_ in _types_of(kind.model_fields[field].annotation) for word in _literals_of(type_))


def _literals_of(type_: Any) -> tuple[str, ...]:
    return get_args(type_) if get_origin(type_) is Literal else ()


def _types_of(annotation: Any) -> list[Any]:
    if get_origin(annotation) in {Union, UnionType}:
        return [type_ for part in get_args(annotation) for type_ in _types_of(part)]
    if get_origin(annotation) is Annotated:
        return _types_of(get_args(annotation)[0])
    return [annotation if get_origin(annotation) in {None, Literal} else get_origin(annotation)]


def _try_to_read(kind: type[Kind], field: str, content: str) -> Any:
    try:
        return kind.cell_of(field).read(content)
    except BadCell:
        return None


def field_named(kind: type[Kind], name: str) -> str | None:
    """Find the field of a kind that a name means: its own name, one of Vitec's or a Swedish one. None: it has none."""
    folded = fold(name)
    field = {**kind.headings, **ROW_HEADINGS}.get(folded)
    if field is None:
        meant = kind.naming.bare.get(folded, ())
        field = meant[0] if len(meant) == 1 else None
    return field if field in kind.model_fields or field in IN_EVERY_ROW else None


def kinds_of(mapping: ExportMapping) -> tuple[type[Kind], ...]:
    """Give the kinds that rows can have; names that are no kind's are passed over."""
    if mapping.kind is None:
        return KINDS
    names = set(mapping.kind.values.values()) if isinstance(mapping.kind, KindColumn) else {mapping.kind}
    return tuple(kind for kind in KINDS if kind.kind in names)


def all_fields(kind: type[Kind]) -> tuple[str, ...]:
    """Give the fields of a kind's rows: the row's own first."""
    return tuple(dict.fromkeys((*IN_EVERY_ROW, *kind.model_fields)))


def is_kind(name: str) -> bool:
    """Whether there is such a kind."""
    return name in KIND_BY_NAME
