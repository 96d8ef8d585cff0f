"""Any mapping on any table gives rows or reasons, and never a bug; a sound one gives the rows that are meant."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.drafting.describing import example_of
from worker.feeds import FileRefused, OpenExport, Row
from worker.importing.columns import resolve_columns
from worker.importing.rows import IntakeDefaults, read_rows
from worker.kinds import KIND_BY_NAME
from worker.mapping import MappingRefused, map_export, parse_mapping
from worker.outbox.database.staging import NewOperation
from worker.outbox.intake.feed_files import Rejection

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADINGS = ("Nr", "Kontor", "Vem", "Börjar", "Slutar", "Typ", "Plats", "Dag", "Kl")
FIELDS = (
    *(
        "source_id",
        "customer_id",
        "user_id",
        "contact_id",
        "starts_at",
        "ends_at",
        "date",
        "subject",
        "note",
        "location",
    ),
    *(
        "all_day_event",
        "recipients",
        "header",
        "sms",
        "status",
        "order_id",
        "meeting_id",
        "send_after",
        "after",
        "participant.userId",
    ),
)
KINDS = st.sampled_from([*KIND_BY_NAME, "nonsense"])
ROWS = st.sampled_from(HEADINGS)
NAMES = st.sampled_from(FIELDS)
CELLS = st.one_of(
    st.sampled_from(
        ["1", "M30001", "HAN1", "ADR1", "2026-12-02 09:15", "02.12.2026", "09:15", "ja", "möte", "a,b", "NULL", "", "|"]
    ),
    st.text(max_size=8),
    st.none(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.booleans(),
    st.lists(st.text(max_size=3), max_size=2),
    st.just({"userId": "HAN1"}),
)
PARTS = {
    "kind": st.one_of(
        KINDS,
        st.fixed_dictionaries({"column": ROWS, "values": st.dictionaries(st.sampled_from(["möte", "1", "ja"]), KINDS)}),
    ),
    "columns": st.dictionaries(ROWS, st.one_of(NAMES, st.dictionaries(KINDS, NAMES, max_size=2)), max_size=9),
    "leave_out": st.lists(ROWS, max_size=3, unique=True),
    "constants": st.dictionaries(NAMES, st.sampled_from(["M30001", "ja", "2026-12-02", "x"]), max_size=3),
    "joined": st.dictionaries(NAMES, st.lists(ROWS, min_size=1, max_size=3), max_size=2),
    "words": st.dictionaries(
        NAMES, st.dictionaries(st.sampled_from(["ja", "1", "möte"]), st.sampled_from(["M1", "ja"])), max_size=2
    ),
    "times": st.fixed_dictionaries(
        {
            "forms": st.lists(st.sampled_from(["iso", "%d.%m.%Y", "%Y-%m-%d %H:%M", "unix", "excel"]), max_size=3),
            "zone": st.sampled_from(["Europe/Stockholm", "UTC", "America/New_York"]),
        }
    ),
    "flags": st.fixed_dictionaries({"yes": st.just(["möte"]), "no": st.just(["1"])}),
    "lists": st.fixed_dictionaries({"separator": st.sampled_from([",", "|", "1"])}),
    "after": st.fixed_dictionaries({"column": ROWS, "kind": KINDS}),
    "handed_on": st.dictionaries(NAMES, KINDS, max_size=1),
    "withdrawn": st.fixed_dictionaries({"column": ROWS, "values": st.just(["ja"])}),
}


def as_toml(value: Any) -> str:
    """Write a value as TOML."""
    match value:
        case dict():
            return "{" + ", ".join(f"{as_toml(name)} = {as_toml(inner)}" for name, inner in value.items()) + "}"
        case list():
            return f"[{', '.join(map(as_toml, value))}]"
        case _:
            return f"'{value}'"


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, list[list[Any]]]:
    """Make the text of a mapping that is right, and rows of cells."""
    chosen = draw(st.lists(st.sampled_from(list(PARTS)), unique=True, max_size=8))
    parts = {name: draw(PARTS[name]) for name in {"kind", "columns", *chosen}}
    rows = draw(st.lists(st.lists(CELLS, min_size=len(HEADINGS), max_size=len(HEADINGS)), max_size=4))
    return "\n".join(["version = 1", *(f"{name} = {as_toml(value)}" for name, value in parts.items())]), rows


def export(rows: Sequence[Sequence[Any]], headings: Sequence[str] = HEADINGS) -> OpenExport:
    """Make an export that is open."""
    cells = [Row(line, list(row)) for line, row in enumerate(rows, 2)]
    described: dict[str, Any] = {"encoding": "UTF-8", "delimiter": None, "size": 1, "sha256": "a", "heading_line": 1}
    return OpenExport(
        name="a", form="jsonl", headings=tuple(headings), total=len(rows), rows=lambda: iter(cells), **described
    )


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(cases())
def test_any_row_becomes_an_operation_or_a_reason(case: tuple[str, list[list[Any]]]) -> None:
    text, rows = case
    with suppress(MappingRefused, FileRefused):
        mapped = map_export(parse_mapping(text, "m.toml"), export(rows))
        for row in read_rows(mapped.rows(), resolve_columns(mapped, None), IntakeDefaults()):
            assert not isinstance(row.result, Rejection) or row.result.reason


@dataclass(frozen=True)
class SoundCase:
    """A mapping that makes sense, its table, and the same row under the documented headings."""

    toml: str
    headings: list[str]
    cells: list[str]
    documented: dict[str, str]
    kind: str


@st.composite
def sound_cases(draw: st.DrawFn) -> SoundCase:
    """Give every field that a kind needs from a column, a constant or two joined columns; others are left out."""
    kind = draw(st.sampled_from(list(KIND_BY_NAME.values())))
    extra = {"header"} & kind.model_fields.keys()
    fields = draw(st.permutations(sorted({"source_id", *kind.required, *kind.handed_on, *extra})))
    documented = {field: example_of(kind, field) for field in fields}
    columns, constants, joined, cells = dict[str, str](), dict[str, str](), dict[str, list[str]](), dict[str, str]()
    for number, (field, cell) in enumerate(documented.items()):
        heading = f"{draw(st.text('abcåäö .-', max_size=6))}{number}ö"
        ways = ["column"] + ["constant"] * (field != "source_id") + ["joined"] * (cell.count(" ") == 1)
        match draw(st.sampled_from(ways)):
            case "constant":
                constants[field] = cell
            case "joined":
                joined[field] = [f"{heading} dag", f"{heading} kl"]
                cells |= dict(zip(joined[field], cell.split(" "), strict=True))
            case _:
                columns[heading] = field
                cells[heading] = cell
    leave_out = [f"Övrigt {number}" for number in range(draw(st.integers(0, 2)))]
    cells |= {heading: draw(st.text(max_size=5)) for heading in leave_out}
    headings = draw(st.permutations(list(cells)))
    sections = {"columns": columns, "constants": constants, "joined": joined}
    parts = {"kind": kind.kind, "leave_out": leave_out, **{name: part for name, part in sections.items() if part}}
    toml = "\n".join(["version = 1", *(f"{name} = {as_toml(part)}" for name, part in parts.items())])
    return SoundCase(toml, headings, [cells[heading] for heading in headings], documented, kind.kind)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(sound_cases())
def test_a_sound_mapping_gives_the_documented_row(case: SoundCase) -> None:
    mapped = map_export(parse_mapping(case.toml, "m.toml"), export([case.cells], case.headings))
    plain = export([list(case.documented.values())], list(case.documented))
    (row,) = read_rows(mapped.rows(), resolve_columns(mapped, None), IntakeDefaults())
    (expected,) = read_rows(plain.rows(), resolve_columns(plain, case.kind), IntakeDefaults())
    assert isinstance(expected.result, NewOperation), expected.result
    assert row.result == expected.result
