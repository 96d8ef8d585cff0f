"""A row is read by the rules of its kind, and rejected for all that is wrong with it, by its columns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.golden_files import GOLDEN, cells_of
from worker.feeds import BadRow, Row
from worker.importing.columns import Columns
from worker.importing.rows import IntakeDefaults, ParsedRow, read_row, read_rows
from worker.kinds import KINDS, Comeback, Notification, OrderToken
from worker.outbox.database.staging import NewOperation
from worker.outbox.intake.feed_files import Rejection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.kind import Kind

GOOD = {"Id": "A-1", "Kund-id": "M30001", "Id på kontakt": "ADR1", "Tid och datum för återkomsten": "2026-12-10 09:00"}
MIXED = {"Typ": "comeback", **GOOD, "data": ""}


def read(cells: Mapping[str, Any], kind: Any = Comeback, defaults: IntakeDefaults | None = None) -> ParsedRow:
    headings = tuple(cells)
    columns = Columns(headings, kind, headings.index("Typ") if "Typ" in headings else None)
    return read_row(Row(7, list(cells.values())), columns, defaults or IntakeDefaults())


def new(cells: Mapping[str, Any], kind: Any = Comeback, defaults: IntakeDefaults | None = None) -> NewOperation:
    result = read(cells, kind, defaults).result
    assert isinstance(result, NewOperation), result
    return result


def rejected(cells: Mapping[str, Any], kind: Any = Comeback) -> Rejection:
    result = read(cells, kind).result
    assert isinstance(result, Rejection)
    return result


_VALUES = [
    "",
    " ",
    None,
    "x",
    "ja",
    "1",
    1,
    True,
    1.0,
    False,
    "2026-12-10 09:00",
    "comeback:A-0",
    "a|b",
    "\x01",
    "Daily",
]


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_rows_are_read_together_as_each_by_itself(kind: type[Kind], data: st.DataObject) -> None:
    cells = cells_of(kind, GOLDEN / kind.kind)
    columns = Columns((*cells, "after", "expires_at"), kind, None)
    changes = st.dictionaries(st.sampled_from(columns.headings), st.sampled_from(_VALUES), max_size=2)
    rows = [
        Row(line, list({**cells, "after": "", "expires_at": None, **changed}.values()))
        for line, changed in enumerate(data.draw(st.lists(changes, min_size=1, max_size=6)), 2)
    ]
    assert list(read_rows(iter(rows), columns, IntakeDefaults())) == [
        read_row(row, columns, IntakeDefaults()) for row in rows
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_with_which_nothing_is_wrong_are_read_by_column(kind: type[Kind], monkeypatch: pytest.MonkeyPatch) -> None:
    cells = cells_of(kind, GOLDEN / kind.kind)
    monkeypatch.delattr("worker.importing.rows.read_row")
    for at, columns in ((None, Columns(tuple(cells), kind, None)), (0, Columns(("kind", *cells), None, 0))):
        values = list(cells.values()) if at is None else [kind.kind, *cells.values()]
        parsed = list(read_rows((Row(line, values) for line in (2, 3)), columns, IntakeDefaults()))
        assert [(row.line, row.key) for row in parsed] == [(line, (kind.kind, cells["source_id"])) for line in (2, 3)]


def test_a_good_row_becomes_an_operation() -> None:
    operation = new({**GOOD, "Anteckning": "Ring före"})
    assert operation.kind == "comeback"
    assert operation.customer_id == "M30001"
    assert operation.source_id == "A-1"
    assert operation.line == 7
    assert operation.payload == (
        '{"customer_id":"M30001","contact_id":"ADR1","date":"2026-12-10T09:00:00+01:00","note":"Ring före"}'
    )
    assert operation.match_key == "ADR1/2026-12-10T09:00:00"


def test_the_hash_covers_all_that_the_row_says() -> None:
    plain = new(GOOD).payload_hash
    assert new({**GOOD, "Anteckning": "", "Efter": None}).payload_hash == plain
    assert new({**GOOD, "Id": "A-2"}).payload_hash == plain
    hashes = {
        new({**GOOD, heading: value}).payload_hash
        for heading, value in {
            "Anteckning": "x",
            "Efter": "comeback:A-0",
            "Tidigast": "2026-12-01 08:00",
            "Giltig till": "2026-12-01 08:00",
            "Kund-id": "M30002",
        }.items()
    }
    assert len(hashes | {plain}) == 6


def test_times_of_the_row_are_read_as_stockholm_s() -> None:
    operation = new(
        {**GOOD, "Tidigast": "2026-12-01 08:00", "Giltig till": "2026-12-02T08:00:00Z", "Efter": " Comeback:A-0 "}
    )
    assert operation.send_after == datetime(2026, 12, 1, 7, tzinfo=UTC)
    assert operation.expires_at == datetime(2026, 12, 2, 8, tzinfo=UTC)
    assert (operation.after_kind, operation.after_source_id) == ("comeback", "A-0")


def test_settings_override_the_kind_s_time_to_expiry() -> None:
    token = {"source_id": "T", "customer_id": "M1", "data": "x"}
    assert new(GOOD).expires_after is None
    assert new(token, OrderToken).expires_after == 3600
    short = IntakeDefaults(expires_after={"order_token": timedelta(minutes=5)})
    assert new(token, OrderToken, short).expires_after == 300


@pytest.mark.parametrize(
    ("heading", "value", "code"),
    [
        ("Id", "", "missing"),
        ("Id", "x" * 201, "too_long"),
        ("Id", "a\x07b", "control_character"),
        ("Kund-id", "../M1", "bad_id"),
        ("Tid och datum för återkomsten", "2027-03-28 02:30", "no_such_time"),
        ("Efter", "A-0", "bad_after"),
        ("Efter", "valuation:A-0", "bad_after"),
        ("Tidigast", "snart", "not_a_time"),
        ("Giltig till", "2026-12-01", "not_a_time"),
    ],
)
def test_a_bad_cell_is_named_by_the_file_s_heading(heading: str, value: str, code: str) -> None:
    rejection = rejected({**GOOD, "Efter": "", "Tidigast": "", "Giltig till": "", heading: value})
    assert rejection.line == 7
    assert rejection.column == heading
    assert rejection.code == code
    assert rejection.reason
    assert rejection.remedy
    if value:
        assert value not in f"{rejection.reason}{rejection.remedy}"


def test_a_rejected_row_is_named_as_far_as_possible() -> None:
    rejection = rejected({**GOOD, "Tid och datum för återkomsten": "x"})
    assert rejection.kind == "comeback"
    assert rejection.customer_id == "M30001"
    assert rejection.source_id == "A-1"
    nameless = rejected({**GOOD, "Kund-id": "x/y", "Id": "\x00"})
    assert nameless.customer_id is None
    assert nameless.source_id is None


def test_the_first_bad_column_is_reported() -> None:
    assert rejected({"Giltig till": "x", **GOOD, "Kund-id": "."}).column == "Giltig till"


def test_a_bad_row_still_counts_as_having_named_its_id() -> None:
    assert read({**GOOD, "Kund-id": "."}).key == ("comeback", "A-1")


@pytest.mark.parametrize(
    ("kind", "cell", "code"),
    [(None, "", "missing"), (None, "valuation", "unknown_kind"), (Notification, "comeback", "other_kind")],
)
def test_a_row_of_no_kind_or_of_another_is_rejected(kind: Any, cell: str, code: str) -> None:
    rejection = rejected({**MIXED, "Typ": cell}, kind)
    assert rejection.column == "Typ"
    assert rejection.code == code
    assert rejection.source_id == "A-1"


def test_columns_of_other_kinds_must_be_empty() -> None:
    assert new({**MIXED, "Typ": " Comeback "}, None).kind == "comeback"
    assert rejected({**MIXED, "data": "x"}, None).column == "data"


def test_all_faults_of_a_row_are_told_at_once() -> None:
    rejection = rejected({**GOOD, "Kund-id": "M 1, 2", "data": "x", "Tid och datum för återkomsten": "2.12.2026"})
    assert [(fault.column, fault.code) for fault in rejection.faults] == [
        ("Kund-id", "bad_id"),
        ("Tid och datum för återkomsten", "not_a_time"),
        ("data", "unknown_field"),
    ]
    assert rejection.faults[0].shape == "6 characters, a comma, a space"
    assert rejection.faults[1].shape == "a date with dots"
    assert rejection.code == "bad_id"


def test_a_fault_of_a_missing_column_has_no_shape() -> None:
    cells = {name: cell for name, cell in GOOD.items() if name != "Id på kontakt"}
    (fault,) = rejected(cells).faults
    assert fault.code == "missing"
    assert fault.shape is None


@pytest.mark.parametrize("nothing", ["NULL", "-", r"\N", "nan", "\u200b"])
def test_words_for_nothing_say_nothing_in_any_column(nothing: str) -> None:
    words = dict.fromkeys(("Efter", "Tidigast", "Giltig till", "Anteckning", "Deltagare"), nothing)
    assert new({**MIXED, "Typ": "comeback", **words, "data": nothing}, None).payload_hash == new(GOOD).payload_hash
    assert new({**GOOD, "Typ": nothing}).kind == "comeback"
    assert rejected({**MIXED, "Typ": nothing}, None).code == "missing"
    assert rejected({**GOOD, "Id": nothing}).code == rejected({**GOOD, "Kund-id": nothing}).code == "missing"


def test_a_parent_is_named_as_its_own_row_names_itself() -> None:
    assert new({**GOOD, "Efter": "come\u200bback:'0017"}).after_source_id == "0017"
    assert rejected({**GOOD, "Efter": "comeback:17\u200b"}).code == "invisible_character"
    assert rejected({**GOOD, "Efter": "comeback:1,5E+11"}).code == "changed_by_spreadsheet"


def test_spellings_of_an_id_are_one_or_rejected() -> None:
    spellings = ("0017", '="0017"', "'0017", "\ufeff0017", " 0017\u00a0")
    assert {new({**GOOD, "Id": spelling}).source_id for spelling in spellings} == {"0017"}
    for wrong in ("17.0", "0017\u200b", "1,7E+3", "1 700", "#SAKNAS!"):
        assert read({**GOOD, "Id": wrong}).key is None


@pytest.mark.parametrize("cells", [("Totalt", "1", "1"), ("source_id", "customer_id", "data"), ("Summa:", "M1", "2")])
def test_a_sum_or_a_heading_is_no_row(cells: tuple[str, str, str]) -> None:
    assert (
        rejected(dict(zip(("source_id", "customer_id", "data"), cells, strict=True)), OrderToken).column == "source_id"
    )


def test_a_row_bad_for_the_reader_is_rejected_likewise() -> None:
    columns = Columns(tuple(GOOD), Comeback, None)
    parsed = read_row(BadRow(9, "too_many_cells", "why", "what helps"), columns, IntakeDefaults())
    assert parsed == ParsedRow(9, None, Rejection(9, "too_many_cells", "why", "what helps"))


def test_values_of_json_are_read_as_they_are() -> None:
    cells = {"sourceId": 17, "customerId": "M1", "header": "x", "sms": False, "recipients": ["HAN1"]}
    operation = new(cells, Notification)
    assert operation.source_id == "17"
    assert '"sms":false' in operation.payload


def test_a_row_expires_by_its_own_date_if_wanted() -> None:
    cells = {"source_id": "C-1", "customer_id": "M30001", "contact_id": "ADR1", "date": "2026-12-10 09:00"}
    by_date = IntakeDefaults(at_own_dates=True)
    assert new(cells).expires_at is None
    assert new(cells, defaults=by_date).expires_at == datetime.fromisoformat("2026-12-10T09:00:00+01:00")
    dated = {**cells, "expires_at": "2026-12-24 12:00"}
    assert new(dated, defaults=by_date).expires_at == datetime.fromisoformat("2026-12-24T12:00:00+01:00")


def test_an_own_date_leaves_the_hash_as_it_was() -> None:
    cells = {"source_id": "C-1", "customer_id": "M30001", "contact_id": "ADR1", "date": "2026-12-10 09:00"}
    assert new(cells).payload_hash == new(cells, defaults=IntakeDefaults(at_own_dates=True)).payload_hash
