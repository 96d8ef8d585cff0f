"""A viewing registration: its reminder and options, its empty answer, and how it is found again."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.kinds.reading import is_accepted_in_doubt, problems, row
from worker.kind import Answer, Kind, OnDoubt, Presence, fold
from worker.kinds import ViewingRegistration
from worker.outcome import Succeeded

CONTACT, VIEWING, SLOT = (f"{prefix}0123456789ABCDEF0123456789ABCDEF" for prefix in ("ADR", "VIS", "TID"))


def test_minutes_are_not_negative() -> None:
    assert problems(ViewingRegistration, reminder_time="-30") == [("reminder_time", "out_of_range")]
    assert row(ViewingRegistration, reminder_time="0").body()["reminderTime"] == 0


def test_a_perhaps_is_no_answer() -> None:
    assert problems(ViewingRegistration, sms_reminder="kanske") == [("sms_reminder", "not_a_flag")]


def test_a_missing_time_slot_is_reported() -> None:
    assert problems(ViewingRegistration, time_slot_id=" ") == [("time_slot_id", "missing")]


YES: list[Any] = ["Ja", "SANT", "yes", "true", "1", "X", 1, True]
NO: list[Any] = ["nej", "Falskt", "no", "FALSE", "0", 0, False]
UNSAID: list[Any] = ["", "  ", None]


@pytest.mark.parametrize(
    ("cell", "meant"),
    [*((cell, True) for cell in YES), *((cell, False) for cell in NO), *((cell, None) for cell in UNSAID)],
)
def test_yes_and_no_are_known_in_every_spelling(cell: Any, meant: bool | None) -> None:
    assert row(ViewingRegistration, participated=cell).participated is meant


OPTIONS = ("options_is_deadline_validation_enabled", "options_enable_booking_limit_validation")


def test_options_are_sent_only_if_one_is_given() -> None:
    assert "options" not in row(ViewingRegistration, **dict.fromkeys(OPTIONS, "")).body()
    assert row(ViewingRegistration, **{OPTIONS[0]: ""}).body()["options"] == {"enableBookingLimitValidation": True}
    nested = row(ViewingRegistration, **dict.fromkeys(OPTIONS, ""), options={"isDeadlineValidationEnabled": False})
    assert nested.body()["options"] == {"isDeadlineValidationEnabled": False}


LEAD_SOURCE = (
    "Leadskälla - Det lead som skapas i samband med anmälan till visning kommer att kopplas till aktuell leadskälla. "
    "Leadskällan får inte ha något definierat arbetsflöde, dvs det skall bara innehålla information. "
    "Om fältet inte anges, kommer leadet att kopplas till en förvald leadskälla."
)
MESSAGE = (
    "Meddelande från kontaktpersonen. Meddelandet kommer att sparas på det lead som skapas i samband med att "
    "visningsdeltagaren läggs till."
)


@pytest.mark.parametrize(
    ("heading", "field"),
    [
        ("SMS PÅMINNELSE:", "sms_reminder"),
        ("Id på  kontakten.", "contact_id"),
        ("Leadskälla", "lead_source_id"),
        (LEAD_SOURCE, "lead_source_id"),
        ("Meddelande från kontaktpersonen", "contact_message"),
        (MESSAGE, "contact_message"),
    ],
)
def test_the_pages_own_words_are_known_whole_and_shortened(heading: str, field: str) -> None:
    assert ViewingRegistration.headings[fold(heading)] == field


def test_a_204_is_success() -> None:
    assert ViewingRegistration.read(Answer(204, b"")) == Succeeded()


@pytest.mark.parametrize(
    ("status", "body"), [(200, b""), (200, b" \r\n"), (201, b"null"), (200, b'""'), (202, b""), (205, b""), (206, b"")]
)
def test_another_2xx_that_says_nothing_is_looked_up_first(status: int, body: bytes) -> None:
    assert is_accepted_in_doubt(ViewingRegistration.read(Answer(status, body)))


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b"false", b"0", b'"VID1"', b"\xff\xfe"])
def test_a_2xx_that_says_something_is_accepted_in_doubt(body: bytes) -> None:
    assert is_accepted_in_doubt(ViewingRegistration.read(Answer(200, body)))


def entry(**changed: Any) -> dict[str, Any]:
    ids = {"timeSlotId": SLOT, "contactId": CONTACT, "viewingId": VIEWING}
    return {**ids, "participated": False, "contacted": False, **changed}


def presence_in(answer: Answer) -> Presence:
    registration: Kind = row(ViewingRegistration)
    return registration.find(answer, sent_at=datetime(2026, 12, 1, tzinfo=UTC), known_ids=frozenset()).presence


def listing(*entries: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(list(entries)).encode())


def test_an_entry_at_the_time_slot_is_a_registration() -> None:
    assert presence_in(listing(entry())) is Presence.PRESENT
    assert presence_in(listing(entry(timeSlotId="TID2"), entry())) is Presence.PRESENT


def test_a_well_formed_list_without_the_time_slot_is_absent() -> None:
    assert presence_in(listing()) is Presence.ABSENT
    assert presence_in(listing(entry(timeSlotId="TID2"))) is Presence.ABSENT


@pytest.mark.parametrize(
    "answer",
    [
        listing(status=204),
        listing(entry(), status=206),
        listing(entry(contactId="ADR2")),
        listing(entry(ContactId=CONTACT)),
        Answer(200, f'[{{"contactId":"{CONTACT}","viewingId":"X","viewingId":"{VIEWING}","timeSlotId":"S"}}]'.encode()),
        listing(entry(viewingId="VIS2")),
        listing(entry(timeSlotId=None)),
        listing(entry(timeSlotId="TID2"), {}),
        listing("TID1"),
        Answer(200, b""),
        Answer(200, b"null"),
        Answer(200, b"{}"),
        Answer(200, b"[{"),
    ],
)
def test_any_other_answer_proves_nothing(answer: Answer) -> None:
    assert presence_in(answer) is Presence.UNCLEAR


def test_a_registration_is_looked_up_by_contact_and_viewing() -> None:
    registration = row(ViewingRegistration)
    call = registration.look_up_call("1.1")
    assert ViewingRegistration.on_doubt is OnDoubt.LOOK_UP
    assert call is not None
    assert call.path == f"ViewingParticipant/M30001/{CONTACT}/{VIEWING}"
    assert registration.match_key() == f"{CONTACT}/{VIEWING}"
    assert ViewingRegistration.function_group == "viewing"
