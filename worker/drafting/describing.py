"""The columns of a kind, for a person who writes or fills in an export: names, form and an example of each."""

from dataclasses import dataclass
from typing import Any, Final

from worker.feeds import FileRefused, OpenExport
from worker.importing.columns import resolve_columns
from worker.kind import ROW_HEADINGS_WRITTEN, Kind, fold
from worker.kind.headings import ROW_HEADINGS, camel
from worker.mapping.fields import CellForm, form_of, words_of

_USER: Final = "HAN0123456789ABCDEF0123456789ABCDEF"
_EXAMPLES: Final = {
    "source_id": "A-17",
    "customer_id": "M30001",
    "user_id": _USER,
    "participant_user_id": _USER,
    "contact_id": "ADR0123456789ABCDEF0123456789ABCDEF",
    "estate_id": "OBJ11385_1395932274",
    "viewing_id": "VIS0123456789ABCDEF0123456789ABCDEF",
    "time_slot_id": "TID0123456789ABCDEF0123456789ABCDEF",
    "meeting_id": "CAL0123456789ABCDEF0123456789ABCDEF",
    "recipients": f"{_USER}|HANFEDCBA9876543210FEDCBA9876543210",
    "recurrence_day_of_weeks": "Monday|Thursday",
    "recurrence_interval": "1",
    "recurrence_month": "12",
    "recurrence_day": "24",
    "reminder_time": "60",
    "subject": "Kundmöte",
    "location": "Storgatan 1",
    "note": "Ta med avtal",
    "header": "Nytt bud",
    "message": "Ett bud har kommit in",
    "contact_message": "Vill gärna se förrådet",
    "comment": "Klart på fredag",
    "data": "Ijr9udIiud4EOVLD%2FwFuvPlj3eA2Vtw%3D%3D",
    "after": "appointment:A-16",
    "handed_on": "meeting_id",
    "ends_at": "2026-12-02 10:15",
}
_BY_FORM: Final = {
    CellForm.TEXT: "En text",
    CellForm.ID: "ID0123",
    CellForm.TIME: "2026-12-02 09:15",
    CellForm.FLAG: "ja",
    CellForm.NUMBER: "1",
    CellForm.LIST: "ID0123|ID0124",
    CellForm.TOKEN: "abc%3D",
}
_FORMS: Final = {
    CellForm.TEXT: "text",
    CellForm.ID: "id: letters, digits, _ and -",
    CellForm.TIME: "time: 2026-12-02 09:15, by Stockholm's clock, or with an offset",
    CellForm.FLAG: "ja or nej (also yes, no, true, false, 1, 0, x)",
    CellForm.NUMBER: "whole number",
    CellForm.LIST: "several, with | between them",
    CellForm.TOKEN: "the token as it stands in the URL",
}
_ABOUT: Final = {
    "source_id": "the row's own id in your system: the same in each export, and given once only",
    "customer_id": "the office's id at Vitec",
    "expires_at": "time after which it is not sent any more",
    "after": "kind:id of the row that this one comes after",
    "send_after": "time before which it is not sent",
    "handed_on": "name of the field that is filled by the id of the row before",
    "withdrawn": "ja where your system has taken the row back",
}
_TEMPLATE_ROW_FIELDS: Final = ("source_id", "customer_id")
_ROW_FIELDS_LAST: Final = ("after", "send_after", "expires_at")


@dataclass(frozen=True, slots=True)
class FieldDescription:
    """A column that rows of a kind can have. `headings`: all that the documents write, Vitec's name first."""

    field: str
    vitec_name: str | None
    swedish: str | None
    headings: tuple[str, ...]
    is_required: bool
    form: str
    example: str


def describe_fields(kind: type[Kind]) -> list[FieldDescription]:
    """Describe the columns of a kind: the ids of the row first, and what is seldom used last."""
    payload = [name for name in kind.model_fields if name != "customer_id"]
    asks = ("handed_on",) if kind.handed_on_if_asked else ()
    names = (*_TEMPLATE_ROW_FIELDS, *payload, *_ROW_FIELDS_LAST, *asks, "withdrawn")
    return [_describe(kind, name) for name in names]


def _describe(kind: type[Kind], name: str) -> FieldDescription:
    headings = _headings_of(kind, name)
    cell = kind.cell_of(name) if name in kind.model_fields else None
    swedish = [
        heading
        for heading in headings
        if not heading.isascii() or " " in heading or "-" in heading or heading in _SWEDISH
    ]
    is_required = name in {"source_id", *kind.required}
    return FieldDescription(
        field=name,
        vitec_name=cell.name if cell else None,
        swedish=(cell.swedish[0] if cell and cell.swedish else None) or next(iter(swedish), None),
        headings=headings,
        is_required=is_required,
        form=_form_text(kind, name),
        example=example_of(kind, name),
    )


_SWEDISH: Final = frozenset({"Id", "Efter", "Tidigast", "Kundid", "Typ"})


def _headings_of(kind: type[Kind], name: str) -> tuple[str, ...]:
    if name in kind.naming.documented:
        return tuple(dict.fromkeys((*kind.naming.documented[name], camel(name), name)))
    of_rows = [text for folded, text in ROW_HEADINGS_WRITTEN.items() if ROW_HEADINGS.get(folded) == name]
    return tuple(dict.fromkeys((*of_rows, camel(name), name)))


def _form_text(kind: type[Kind], name: str) -> str:
    if name in _ABOUT:
        return _ABOUT[name]
    words = words_of(kind, name)
    if words:
        return f"one of {', '.join(words)}"
    return _FORMS[form_of(kind, name)]


def example_of(kind: type[Kind], name: str) -> str:
    """Give an example of a field's cell."""
    if name == "after":
        parents = [
            parent for field in (*kind.handed_on, *kind.handed_on_if_asked) for parent in kind.parents_for(field)
        ]
        return f"{parents[0]}:A-16" if parents else _EXAMPLES["after"]
    if name in _EXAMPLES:
        return _EXAMPLES[name]
    words = words_of(kind, name)
    return words[0] if words else _BY_FORM[form_of(kind, name)]


def template_headings(kind: type[Kind]) -> tuple[str, ...]:
    """Give the headings of an empty export: Swedish ones where there are, and a column for the kind if they do not tell it."""
    descriptions = [entry for entry in describe_fields(kind) if entry.field not in {"handed_on", "withdrawn"}]
    headings = tuple(entry.swedish or entry.headings[0] for entry in descriptions)
    return headings if _tells_kind(kind, headings) else ("Typ", *headings)


def _tells_kind(kind: type[Kind], headings: tuple[str, ...]) -> bool:
    empty: dict[str, Any] = {
        "encoding": "UTF-8",
        "delimiter": ";",
        "size": 0,
        "sha256": "",
        "heading_line": 1,
        "total": 0,
    }
    source = OpenExport(name="template", form="csv", headings=headings, rows=lambda: iter(()), **empty)
    try:
        return resolve_columns(source, None).kind is kind
    except FileRefused:
        return False


def names_kind(headings: tuple[str, ...]) -> bool:
    """Whether the headings have a column for the kind."""
    return ROW_HEADINGS.get(fold(headings[0])) == "kind"
