"""A draft says everything that can be seen in a file, asks for the rest, and holds no word of a cell that may be personal."""

from __future__ import annotations

import tomllib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.drafting import draft_mapping, try_mapping
from worker.feeds import FileRefused, OpenExport, Row
from worker.kinds import KINDS
from worker.mapping import MappingRefused, parse_mapping

if TYPE_CHECKING:
    from collections.abc import Sequence

USER, OTHER = "HAN0123456789ABCDEF0123456789ABCDEF", "HANFEDCBA9876543210FEDCBA9876543210"
CONTACT = "ADR0123456789ABCDEF0123456789ABCDEF"


def export(headings: Sequence[str], *rows: Sequence[Any], name: str = "export.csv") -> OpenExport:
    """Make an open export of some rows."""
    return OpenExport(
        name=name,
        form="csv",
        encoding="UTF-8",
        delimiter=";",
        size=1,
        sha256="a",
        headings=tuple(headings),
        heading_line=1,
        total=len(rows),
        rows=lambda: iter([Row(line, list(cells)) for line, cells in enumerate(rows, 2)]),
    )


def draft(headings: str, *rows: str, name: str = "export.csv") -> dict[str, Any]:
    """Draft a mapping for lines with semicolons, and read it as TOML."""
    source = export(headings.split(";"), *(row.split(";") for row in rows), name=name)
    return tomllib.loads(draft_mapping(source).text)


def taken(headings: str, *rows: str) -> tuple[int, int]:
    """Draft a mapping, try it on the same lines: how many rows there are, and how many it takes."""
    source = export(headings.split(";"), *(row.split(";") for row in rows))
    text = draft_mapping(source).text
    trial = try_mapping(parse_mapping(text, "m.toml"), source, text)
    assert not trial.faults, trial
    return trial.rows, trial.good


CALENDAR = "Bokningsnr;Byrå;Handläggare;Rubrik på mötet;Plats;Börjar;Slutar;Kommentar;Mobil"
MEETING = f"B1;M30001;{USER};Kundmöte;Kontoret;13.12.2026 kl. 09:15;13.12.2026 kl. 10:15;Ring före;070-123 45 67"


def test_a_calendar_with_own_headings_needs_no_answer() -> None:
    assert taken(CALENDAR, MEETING) == (1, 1)
    drafted = draft(CALENDAR, MEETING)
    assert drafted["kind"] == "appointment"
    assert drafted["columns"] == {
        "Bokningsnr": "source_id",
        "Byrå": "customer_id",
        "Handläggare": "user_id",
        "Rubrik på mötet": "subject",
        "Plats": "location",
        "Börjar": "starts_at",
        "Slutar": "ends_at",
        "Kommentar": "note",
    }
    assert drafted["leave_out"] == ["Mobil"]
    assert drafted["times"] == {"forms": ["%d.%m.%Y kl. %H:%M"], "zone": "Europe/Stockholm"}


def test_no_word_of_a_cell_is_in_the_draft() -> None:
    row = f"B1;M30001;{USER};Astrid Hemlig;Hemgatan 7;13.12.2026 kl. 09:15;13.12.2026 kl. 10:15;Astrid;070-123 45 67"
    text = draft_mapping(export(CALENDAR.split(";"), row.split(";"))).text
    for word in ("Astrid", "Hemlig", "Hemgatan", "070", USER, "M30001", "13.12"):
        assert word not in text


@pytest.mark.parametrize(
    ("kind", "headings", "row"),
    [
        (
            "comeback",
            "Uppföljnings-id;Kontor;Kontakt;Objekt;Återkom;Handläggare;Anteckning",
            f"U1;M30001;{CONTACT};OBJ1_1395;2 dec 2026 kl. 09:15;{USER};Ring",
        ),
        (
            "viewing_registration",
            "Anmälningsnr;Kontor;Visning;Tillfälle;Spekulant;Kom;SMS-påminnelse",
            f"1;M30001;VIS00012;TID00012;{CONTACT};J;på",
        ),
        ("notification", "Nr;Kontor;Rubrik;Text;Mottagare;Bråttom", f"1;M30001;Hej;En text;{USER},{OTHER};J"),
        ("order_token", "Nr;Kontor;Orderbiljett", "1;M30001;abcd%3D"),
        ("order_status", "Radnr;Kund;Ordernr;Orderstatus;Kommentar", "1;M30001;ORD1;Levererad;Klart"),
        (
            "appointment",
            "Event ID;Branch;Assigned To;Title;Where;Start;End",
            f"1;M30001;{USER};Meeting;Office;2026-12-02T09:15:00Z;2026-12-02T10:15:00Z",
        ),
    ],
)
def test_each_kind_is_known_by_its_headings(kind: str, headings: str, row: str) -> None:
    assert draft(headings, row)["kind"] == kind
    assert taken(headings, row) == (1, 1)


def test_the_order_of_day_and_month_is_asked_for() -> None:
    headings = "Nr;Kontor;Mäklare;Rubrik;Start;Slut"
    row = f"1;M30001;{USER};Möte;02/03/2026 09:15;02/03/2026 10:15"
    (question,) = draft(headings, row)["times"]["forms"]
    assert question.startswith("TODO: no value proves which it is")
    proof = f"2;M30001;{USER};Möte;13/03/2026 09:15;13/03/2026 10:15"
    assert draft(headings, row, proof)["times"]["forms"] == ["%d/%m/%Y %H:%M"]
    proof = f"2;M30001;{USER};Möte;03/13/2026 09:15;03/13/2026 10:15"
    assert draft(headings, row, proof)["times"]["forms"] == ["%m/%d/%Y %H:%M"]


def test_one_column_decides_the_doubt_of_another() -> None:
    headings = "Nr;Kontor;Mäklare;Rubrik;Start;Slut"
    row = f"1;M30001;{USER};Möte;12/03/2026 09:15;13/03/2026 10:15"
    assert draft(headings, row)["times"]["forms"] == ["%d/%m/%Y %H:%M"]


def test_a_date_and_a_time_of_day_are_joined() -> None:
    headings = "Nr;Kontor;Mäklare;Ämne;Startdatum;Starttid;Slutdatum;Sluttid;Heldagshändelse"
    row = f"1;M30001;{USER};Möte;2026-12-02;09:15:00;2026-12-02;10:15:00;Falskt"
    assert draft(headings, row)["joined"] == {
        "starts_at": ["Startdatum", "Starttid"],
        "ends_at": ["Slutdatum", "Sluttid"],
    }
    assert taken(headings, row) == (1, 1)


def test_one_date_serves_two_times_of_day() -> None:
    headings = "Boknr;Kontor;Mäklare;Ärende;Datum;Från;Till"
    row = f"1;M30001;{USER};Ett möte;13.12.2026;09.15;10.15"
    assert draft(headings, row)["joined"] == {"starts_at": ["Datum", "Från"], "ends_at": ["Datum", "Till"]}
    assert taken(headings, row) == (1, 1)


MIXED = "Löpnr;Typ;Kontor;Vem;Rubrik;Datum;Slut;Hör till;Status"
ROWS = (
    f"1;Möte;M30001;{USER};Intag;13.12.2026 09:15;13.12.2026 10:15;;Bokad",
    f"2;Återkomst;M30001;{CONTACT};;14.12.2026 09:15;;1;Avbokad",
)


def test_a_column_tells_the_kind_of_each_row() -> None:
    drafted = draft(MIXED, *ROWS)
    assert drafted["kind"] == {"column": "Typ", "values": {"möte": "appointment", "återkomst": "comeback"}}
    assert drafted["columns"]["Vem"] == {"appointment": "user_id", "comeback": "contact_id"}
    assert drafted["columns"]["Datum"] == {"appointment": "starts_at", "comeback": "date"}
    assert drafted["after"] == {"column": "Hör till", "kind": "appointment"}
    assert drafted["handed_on"] == {"meeting_id": "appointment"}
    assert drafted["withdrawn"] == {"column": "Status", "values": ["avbokad"]}


def test_another_word_for_a_kind_is_asked_for() -> None:
    drafted = draft(MIXED, *ROWS, "3;Astrids semester;;;;;;;")
    (question,) = drafted["kind"]["skip"]
    assert "first on line 4" in question
    assert "Astrid" not in question


def test_names_in_the_place_of_ids_are_asked_for() -> None:
    drafted = draft(
        "Nr;Kontor;Mäklare;Rubrik;Start;Slut", "1;Centrum;Astrid Hemlig;Möte;2026-12-02 09:15;2026-12-02 10:15"
    )
    assert drafted["columns"]["Mäklare"] == "user_id"
    assert drafted["words"]["user_id"]["a word"].startswith("TODO")
    assert drafted["words"].keys() == {"customer_id", "user_id"}


def test_an_export_of_one_office_gets_a_constant() -> None:
    drafted = draft("Nr;Mäklare;Rubrik;Start;Slut", f"1;{USER};Möte;2026-12-02 09:15;2026-12-02 10:15")
    assert drafted["constants"]["customer_id"].startswith("TODO: the office's id at Vitec")


def test_an_id_that_repeats_is_no_id_of_the_row() -> None:
    row = f"{USER};Möte;2026-12-02 09:15;2026-12-02 10:15"
    drafted = draft("Nr;Kontor;Mäklare;Rubrik;Start;Slut", f"1;M30001;{row}", f"1;M30001;{row}")
    assert "Nr" not in drafted["columns"]
    assert drafted["constants"]["source_id"].startswith("TODO")


def test_a_heading_may_name_the_zone() -> None:
    row = f"1;M30001;{USER};Möte;2026-12-02 09:15;2026-12-02 10:15"
    assert draft("id;office;agent;title;starts_utc;ends_utc", row)["times"]["zone"] == "UTC"


def test_a_file_that_resembles_nothing_asks_for_its_kind() -> None:
    assert draft("färg;storlek", "blå;L")["kind"].startswith("TODO")


def test_a_file_without_headings_is_refused_without_its_words() -> None:
    with pytest.raises(FileRefused) as refused:
        draft_mapping(export([f"Astrid;{USER}", USER], ["Astrid", USER]))
    assert refused.value.code == "no_headings"
    assert "Astrid" not in str(refused.value)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_documented_headings_stay_themselves(kind: Any) -> None:
    names = [name for name in ("source_id", *kind.model_fields) if name != "options"]
    drafted = tomllib.loads(draft_mapping(export(names)).text)
    assert {heading: target for heading, target in drafted["columns"].items() if heading != target} == {}


WORDS = st.sampled_from(
    [
        *(
            "Börjar",
            "Slut",
            "Typ",
            "Status",
            "Mäklare",
            "Kontor",
            "Nr",
            "Telefon",
            "Ämne",
            "Datum",
            "Starttid",
            "Kontakt",
        ),
        *(
            "Möte",
            "Återkomst",
            "Avbokad",
            "ja",
            "x",
            "02/03/2026",
            "09:15",
            "2026-12-02 09:15",
            USER,
            CONTACT,
            "M30001",
        ),
        *(
            "1",
            "1796199300",
            "46358",
            "a|b",
            "a,b",
            '"',
            "\\",
            "\x7f",
            "TODO: x",
            "",
            " ",
            "a\nb",
            "'",
            "[x]",
            "#",
            "=",
        ),
    ]
)
TEXTS = st.one_of(WORDS, st.text(max_size=12))
CELLS = st.one_of(
    TEXTS, st.none(), st.integers(), st.floats(), st.booleans(), st.lists(TEXTS, max_size=2), st.just({"a": 1})
)


@st.composite
def tables(draw: st.DrawFn) -> OpenExport:
    """Make any table: headings and cells that resemble those of real files, or nothing at all."""
    headings = draw(st.lists(TEXTS, min_size=1, max_size=8))
    rows = draw(st.lists(st.lists(CELLS, min_size=len(headings), max_size=len(headings)), max_size=6))
    return export(headings, *rows, name=draw(TEXTS))


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(tables())
def test_any_table_gets_a_draft_that_is_right_or_asks(source: OpenExport) -> None:
    with suppress(FileRefused):
        text = draft_mapping(source).text
        tomllib.loads(text)
        try:
            mapping = parse_mapping(text, "m.toml")
        except MappingRefused as refused:
            further = [fault for fault in refused.faults if "still to be decided" not in fault.wrong]
            assert _are_of_the_headings(further), further
        else:
            try_mapping(mapping, source, text)


def _are_of_the_headings(faults: Sequence[Any]) -> bool:
    """Whether the faults are those of a file with the same heading twice, which no import takes."""
    return all("stands" in fault.wrong or "given already" in fault.wrong for fault in faults)
