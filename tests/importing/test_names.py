"""Every documented name is taken for its field where it can mean no other, and else refused with the name to use."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import pytest

from tests.importing.test_columns import refused, resolve
from tests.kinds.documented import DOCUMENTED_NAMES
from worker.feeds import Row, open_feed
from worker.importing import columns as module
from worker.importing.columns import Columns
from worker.importing.rows import IntakeDefaults, ParsedRow, read_row
from worker.kind import BadCells, Kind
from worker.kind.cells import Cell, body_id
from worker.kinds import KIND_BY_NAME, Appointment, Comeback, ViewingRegistration
from worker.outbox.database.staging import NewOperation
from worker.outbox.intake.feed_files import Rejection

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NAMES = [
    (kind, field, name)
    for kind, fields in DOCUMENTED_NAMES.items()
    for field, names in fields.items()
    for name in names
]
MEETING = {"customer_id": "M30001", "subject": "S", "starts_at": "2026-12-01 10:00", "ends_at": "2026-12-01 11:00"}
CALL = {"customer_id": "M30001", "contact_id": "ADR1", "date": "2026-12-01 10:00"}


@pytest.mark.parametrize(("kind", "field", "name"), NAMES)
def test_a_documented_name_means_its_field(kind: str, field: str, name: str) -> None:
    assert Columns(("source_id", name), KIND_BY_NAME[kind], None).fields_by_kind[kind] == ("source_id", field)


def test_each_field_has_documented_names() -> None:
    for kind, names in DOCUMENTED_NAMES.items():
        assert KIND_BY_NAME[kind].model_fields.keys() <= names.keys()


@pytest.mark.parametrize("own", ["source_id", "sourceId"])
def test_an_id_beside_the_rows_own_is_vitecs(tmp_path: Path, own: str) -> None:
    columns = resolve(tmp_path, f"Id;{own};customer_id;subject;startsAt;endsAt")
    assert columns.kind is Appointment
    assert columns.fields_by_kind["appointment"][:2] == ("user_id", "source_id")
    assert columns.source_id_at == 1
    assert columns.heading_of(None, "source_id") == own


@pytest.mark.parametrize("kind", [None, "appointment"])
def test_an_id_alone_is_the_rows_own(tmp_path: Path, kind: str | None) -> None:
    text = refused(tmp_path, "Id;customer_id;subject;startsAt;endsAt", kind)
    assert "user_id; 'Id' is the row's own id, unless that stands in a column source_id" in text
    assert "user_id as userId (Id på användaren)" in text


def test_an_id_in_a_file_of_several_kinds_is_refused(tmp_path: Path) -> None:
    text = refused(tmp_path, "kind;id;source_id;customer_id;subject;startsAt;endsAt")
    assert "'id' and 'source_id' are the same column" in text
    assert "user_id is called userId (Id på användaren)" in text


def test_a_bare_name_belongs_to_each_rows_kind(tmp_path: Path) -> None:
    fields = resolve(tmp_path, "kind;source_id;customer_id;userId").fields_by_kind
    assert fields["appointment"][-1] == "user_id"
    assert fields["comeback"][-1] == "participant_user_id"
    assert fields["notification"][-1] == "userId"


def test_beside_its_full_name_it_is_another_kinds(tmp_path: Path) -> None:
    columns = resolve(tmp_path, "kind;source_id;customer_id;contact_id;date;user_id;participant_user_id")
    assert columns.fields_by_kind["comeback"][-2:] == ("user_id", "participant_user_id")
    cells = ["comeback", "C-1", *CALL.values(), "HAN1", ""]
    rejection = read(columns, cells).result
    assert isinstance(rejection, Rejection)
    assert rejection.code == "unknown_field"
    assert rejection.remedy.startswith("Write it into participant.userId")


@pytest.mark.parametrize("spelling", ["participant.userId", "Participant/UserId", "Deltagare", "user_id"])
def test_two_spellings_of_a_field_are_refused(tmp_path: Path, spelling: str) -> None:
    text = refused(tmp_path, f"source_id;customer_id;contact_id;date;userId;{spelling}", "comeback")
    assert f"'userId' and '{spelling}' are the same column" in text


def test_a_bare_name_of_two_fields_is_refused_with_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Handover(Kind):
        kind = "handover"
        path = "Handover/{customer_id}"
        author: Annotated[str | None, Cell(body_id, "author.userId", "Från")] = None
        heir: Annotated[str | None, Cell(body_id, "heir.userId")] = None

    monkeypatch.setattr(module, "KIND_BY_NAME", {"handover": Handover})
    text = refused(tmp_path, "source_id;customer_id;userId", "handover")
    assert "'userId' may mean author.userId (Från) or heir.userId. Give the column that name." in text


@pytest.mark.parametrize(
    ("heading", "suggestion"),
    [
        ("custmerId", "customerId"),
        ("Tid & datum för återkomsten", "Tid och datum för återkomsten"),
        ("participant-usrId", "participant.userId"),
    ],
)
def test_a_suggestion_is_spelt_as_in_the_documents(tmp_path: Path, heading: str, suggestion: str) -> None:
    assert f"{heading!r} (perhaps {suggestion!r}" in refused(tmp_path, f"source_id;{heading}", "comeback")


def read(columns: Columns, cells: Sequence[Any]) -> ParsedRow:
    return read_row(Row(2, list(cells)), columns, IntakeDefaults())


@pytest.mark.parametrize(
    "given",
    [
        {"participant": {"userId": "HAN1"}},
        {"Participant": {"UserId": "HAN1"}},
        {"Deltagare": {"user_id": "HAN1"}},
        {"Deltagare": "HAN1"},
        {"UserId": "HAN1"},
        {"participant": '{"userId": "HAN1"}'},
    ],
)
def test_a_row_of_json_may_nest_or_not(tmp_path: Path, given: dict[str, Any]) -> None:
    path = tmp_path / "export.jsonl"
    path.write_text(json.dumps({"sourceId": "C-1", **CALL, **given}), encoding="utf-8")
    with open_feed(path) as feed:
        columns = module.resolve_columns(feed, None)
        (row,) = feed.rows()
        result = read_row(row, columns, IntakeDefaults()).result
    assert columns.kind is Comeback
    assert isinstance(result, NewOperation)
    assert json.loads(result.payload)["participant_user_id"] == "HAN1"


def bad(kind: type[Kind], **cells: Any) -> tuple[str, str]:
    """Give the reason and the remedy of the one problem."""
    with pytest.raises(BadCells) as caught:
        kind.parse(cells)
    (problem,) = caught.value.problems
    return problem.reason, problem.remedy


def test_a_member_given_twice_names_both_places() -> None:
    reason, _ = bad(Comeback, **CALL, participant={"userId": "HAN1"}, participant_user_id="HAN2")
    assert reason == "participant.userId is given twice, in the object participant and in participant_user_id"


@pytest.mark.parametrize("cell", ["ja", '{"a"', "[" * 9, '{"a":' * 9999, '{"options": 1, "options": 2}'])
def test_an_object_without_members_names_theirs(cell: str) -> None:
    place = {"viewing_id": "VIS1", "time_slot_id": "TID1", "contact_id": "ADR1", "customer_id": "M30001"}
    _, remedy = bad(ViewingRegistration, **place, options=cell)
    assert remedy == "Use options.isDeadlineValidationEnabled, options.enableBookingLimitValidation."


def test_files_that_were_read_before_are_read_alike(tmp_path: Path) -> None:
    headings = "kind;Id;customer_id;user_id;participant_user_id;participant;Deltagargrupp;options"
    fields = resolve(tmp_path, headings).fields_by_kind
    assert fields["appointment"][1:4] == ("source_id", "customer_id", "user_id")
    assert fields["comeback"][3:] == (
        *("user_id", "participant_user_id", "participant", "participant_user_group_id"),
        "options",
    )
