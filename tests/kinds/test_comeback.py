"""A comeback: its one participant, and how it is found again among a contact's comebacks."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.kinds.reading import problems, row
from worker.kind import Answer, OnDoubt, Presence
from worker.kinds import Comeback

CONTACT = "ADR0123456789ABCDEF0123456789ABCDEF"
SENT = datetime(2026, 12, 1, 8, 0, 0, tzinfo=UTC)  # 09:00 in Stockholm
NOBODY: dict[str, str] = {"participant_user_id": "", "participant_user_group_id": "", "participant_office_id": ""}


def comeback(date: str = "2026-12-09 14:00") -> Comeback:
    return row(Comeback, date=date)


def meeting(**changed: Any) -> dict[str, Any]:
    return {"id": "CAL1", "createdAt": "2026-12-01T09:00:01.497", "meetingDate": "2026-12-09T14:00:00", **changed}


def answer(*meetings: Any, contact: Any = CONTACT, status: int = 200) -> Answer:
    return Answer(status, json.dumps({"contactId": contact, "meetings": list(meetings)}).encode())


def judge(answer: Answer, *, known_ids: tuple[str, ...] = (), sent_at: datetime = SENT) -> tuple[Presence, str | None]:
    result = comeback().find(answer, sent_at=sent_at, known_ids=known_ids)
    assert "2026" not in result.why
    return result.presence, result.remote_id


ABSENT, UNCLEAR = (Presence.ABSENT, None), (Presence.UNCLEAR, None)


def test_two_participants_are_refused_at_the_second() -> None:
    assert problems(Comeback, participant_office_id="FIR30001") == [("participant_office_id", "second_participant")]
    assert [field for field, _ in problems(Comeback, participant_user_group_id="G", participant_office_id="F")] == [
        "participant_user_group_id",
        "participant_office_id",
    ]


@pytest.mark.parametrize(
    ("field", "key"), [("user_id", "userId"), ("user_group_id", "userGroupId"), ("office_id", "officeId")]
)
def test_the_one_participant_is_nested_under_its_own_name(field: str, key: str) -> None:
    assert row(Comeback, **{**NOBODY, f"participant_{field}": "X-1"}).body()["participant"] == {key: "X-1"}
    cells = {"participant_user_id": "", "participant": {key: "X-1", "foo": None}}
    assert row(Comeback, **cells).body()["participant"] == {key: "X-1"}


def test_a_body_without_participant_lacks_the_key() -> None:
    assert "participant" not in row(Comeback, **NOBODY).body()
    assert "participant" not in row(Comeback, **NOBODY, participant={"userId": None}).body()


@pytest.mark.parametrize(
    ("participant", "expected"),
    [
        ({"userId": "A", "officeId": "B"}, [("participant_office_id", "second_participant")]),
        ({"person": "A"}, [("participant", "unknown_field")]),
        ({"userId": {"id": "A"}}, [("participant_user_id", "wrong_type")]),
        ("HAN1", [("participant", "wrong_type")]),
        (["HAN1"], [("participant", "wrong_type")]),
    ],
)
def test_a_nested_participant_that_cannot_be_meant_is_refused(
    participant: Any, expected: list[tuple[str, str]]
) -> None:
    assert problems(Comeback, **NOBODY, participant=participant) == expected


def test_a_participant_given_flat_and_nested_is_given_twice() -> None:
    assert problems(Comeback, participant={"userId": "B"}) == [("participant_user_id", "given_twice")]


def test_a_path_for_an_id_is_refused() -> None:
    assert problems(Comeback, contact_id="../../User/Notify/M30001") == [("contact_id", "bad_id")]


def test_a_body_id_is_of_a_paths_characters() -> None:
    assert row(Comeback, estate_id="OBJ17002_1519668893").body()["estateId"] == "OBJ17002_1519668893"
    for wrong in ("OBJ/1 #å", "a" * 65, "a\nb", "Anna Svensson", "anna@kontor.example"):
        assert problems(Comeback, estate_id=wrong, meeting_id=wrong) == [
            ("meeting_id", "bad_id"),
            ("estate_id", "bad_id"),
        ]


def test_equal_clock_times_share_a_match_key() -> None:
    """Both readings of an hour that occurs twice read back alike, so they must share the key."""
    first, second = comeback("2027-10-31T02:30+02:00"), comeback("2027-10-31T02:30+01:00")
    assert first.body()["date"] != second.body()["date"]
    assert first.match_key() == second.match_key() == f"{CONTACT}/2027-10-31T02:30:00"
    assert comeback("2027-10-31T02:30:01+01:00").match_key() != second.match_key()


def test_a_comeback_is_looked_up_at_its_contact() -> None:
    call = comeback().look_up_call("5.2")
    assert Comeback.on_doubt is OnDoubt.LOOK_UP
    assert call is not None
    assert (call.method, call.path) == ("GET", f"CRM/Contact/M30001/{CONTACT}/ComebackMeeting")


def test_a_single_meeting_made_since_the_send_is_ours() -> None:
    assert judge(answer(meeting())) == (Presence.PRESENT, "CAL1")
    assert judge(answer(meeting(meetingDate="2026-12-09T14:00:00.0000000"))) == (Presence.PRESENT, "CAL1")


def test_no_meeting_is_absent() -> None:
    assert judge(answer()) == ABSENT


def test_meetings_at_other_times_are_absent() -> None:
    assert (
        judge(answer(meeting(meetingDate="2026-12-09T14:00:01"), meeting(meetingDate="2026-12-08T14:00:00"))) == ABSENT
    )


def test_a_meeting_made_earlier_is_ours_within_clock_skew() -> None:
    assert judge(answer(meeting(createdAt="2026-12-01T08:59:55"))) == (Presence.PRESENT, "CAL1")
    late = comeback().find(
        answer(meeting(createdAt="2026-12-01T08:59:00")), sent_at=SENT, known_ids=(), skew=timedelta(minutes=1)
    )
    assert late.presence is Presence.PRESENT


def test_an_older_meeting_is_not_told_from_a_newer() -> None:
    shown = answer(meeting(createdAt="2026-12-01T07:00:00"), meeting(id="CAL2"))
    assert judge(shown) == UNCLEAR


def test_a_meeting_of_another_operation_is_not_ours() -> None:
    assert judge(answer(meeting()), known_ids=("CAL1",)) == ABSENT
    assert judge(answer(meeting(), meeting(id="CAL2")), known_ids=("CAL1",)) == (Presence.PRESENT, "CAL2")


def test_two_candidates_are_unclear() -> None:
    assert judge(answer(meeting(), meeting(id="CAL2"))) == UNCLEAR


def test_an_ambiguous_creation_time_proves_what_both_readings_say() -> None:
    second_pass = datetime(2026, 10, 25, 1, 5, tzinfo=UTC)  # 02:05 winter time; 02:05 summer time was an hour before
    first_pass = second_pass - timedelta(hours=1)
    made = answer(meeting(createdAt="2026-10-25T02:06:00"))
    assert judge(made, sent_at=first_pass) == (Presence.PRESENT, "CAL1")
    assert judge(made, sent_at=second_pass) == UNCLEAR
    assert judge(answer(meeting(createdAt="2026-10-25T02:00:02")), sent_at=first_pass) == UNCLEAR
    assert judge(answer(meeting(createdAt="2026-10-25T03:00:00")), sent_at=second_pass) == (Presence.PRESENT, "CAL1")


@pytest.mark.parametrize(
    "answer",
    [
        answer(contact="ADR2"),
        answer(contact=None),
        answer(status=204),
        answer("CAL1"),
        answer(meeting(id=None)),
        answer(meeting(id="")),
        answer(meeting(id=7)),
        answer(meeting(createdAt=None)),
        answer(meeting(createdAt="i går")),
        answer(meeting(meetingDate=None)),
        answer(meeting(meetingDate="0001-01-01T00:00:00")),
        answer(meeting(meetingDate="2026-12-09")),
        answer(meeting(meetingDate="2026-13-09T14:00:00")),
        answer(meeting(), {}),
        Answer(200, b""),
        Answer(200, b"[]"),
        Answer(200, b"null"),
        Answer(200, b"<html>"),
        Answer(200, f'{{"contactId":"{CONTACT}"}}'.encode()),
        Answer(200, f'{{"contactId":"{CONTACT}","meetings":null}}'.encode()),
        Answer(200, f'{{"contactId":"{CONTACT}","meetings":[],"meetings":[]}}'.encode()),
        Answer(200, f'{{"contactId":"{CONTACT}","meetings":[],"Meetings":[]}}'.encode()),
        Answer(200, f'{{"contactId":"{CONTACT}","meetings":{{}}}}'.encode()),
        Answer(200, f'{{"contactId":"{CONTACT}","meetings":['.encode()),
    ],
)
def test_only_a_well_formed_list_of_the_contact_is_evidence(answer: Answer) -> None:
    assert judge(answer) == UNCLEAR
