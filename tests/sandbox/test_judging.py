"""What is refused, in which order, and in which words."""

import base64
import json
from typing import Any

import pytest

from tests.sandbox.client import BODIES, LOGIN, PATHS
from worker.sandbox import House, Kind
from worker.sandbox.answers import Answer
from worker.sandbox.judging import Deed, Reading, Request, Verdict, judge

HOUSE = House(closed=frozenset({"M39999"}), passwords={"M30002": "other", "M30003/order_token": "narrow"})


def verdict(kind: Kind, body: Any = None, *, path: str | None = None, **headers: str) -> Verdict:
    content = body if isinstance(body, bytes) else json.dumps(BODIES[kind] if body is None else body).encode()
    usual = {"Authorization": LOGIN, "Content-Type": "application/json"}
    given = usual | {name.replace("_", "-"): value for name, value in headers.items()}
    return judge(Request("POST", path or PATHS[kind], given, content), HOUSE)


def refusal(kind: Kind, body: Any = None, *, path: str | None = None, **headers: str) -> Answer:
    answer = verdict(kind, body, path=path, **headers)
    assert isinstance(answer, Answer)
    return answer


def complaint(kind: Kind, **changes: Any) -> str:
    answer = refusal(kind, BODIES[kind] | changes)
    assert answer.status == 400
    return answer.body.decode()


@pytest.mark.parametrize("kind", list(BODIES))
def test_a_valid_call_is_a_deed(kind: Kind) -> None:
    assert isinstance(verdict(kind), Deed)


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        (Kind.APPOINTMENT, {"subject": ""}, "Ämne måste anges"),
        (Kind.APPOINTMENT, {"startsAt": None}, "Startdatum måste anges"),
        (Kind.APPOINTMENT, {"endsAt": "2026-12-03T09:59:59+01:00"}, "är före startdatum"),
        (Kind.APPOINTMENT, {"startsAt": "2026-12-03"}, "inte giltigt för startsAt"),
        (Kind.APPOINTMENT, {"allDayEvent": "ja"}, "inte giltigt för allDayEvent"),
        (Kind.APPOINTMENT, {"note": 7}, "inte giltigt för note"),
        (Kind.APPOINTMENT, {"recurrence": True}, "kräver recurrencePattern"),
        (Kind.APPOINTMENT, {"recurrencePattern": "Quarterly"}, "inte giltigt för recurrencePattern"),
        (Kind.APPOINTMENT, {"recurrenceDayOfWeeks": ["Måndag"]}, "inte giltigt för recurrenceDayOfWeeks"),
        (Kind.APPOINTMENT, {"recurrenceDayOfWeeks": "Monday"}, "inte giltigt för recurrenceDayOfWeeks"),
        (Kind.APPOINTMENT, {"recurrence": True, "recurrencePattern": "Weekly"}, "minst en veckodag"),
        (Kind.APPOINTMENT, {"recurrence": True, "recurrencePattern": "Monthly"}, "Dag i månaden"),
        (Kind.APPOINTMENT, {"recurrence": True, "recurrencePattern": "Monthly", "recurrenceDay": 32}, "Dag i månaden"),
        (Kind.APPOINTMENT, {"recurrence": True, "recurrencePattern": "Yearly", "recurrenceDay": 1}, "Månaden måste"),
        (Kind.APPOINTMENT, {"recurrence": True, "recurrencePattern": "Daily", "recurrenceInterval": 0}, "Intervallet"),
        (Kind.APPOINTMENT, {"recurrenceInterval": 2**31}, "inte giltigt för recurrenceInterval"),
        (Kind.APPOINTMENT, {"recurrenceInterval": True}, "inte giltigt för recurrenceInterval"),
        (Kind.COMEBACK, {"date": None}, "Tid och datum för återkomsten måste anges"),
        (Kind.COMEBACK, {"participant": {"userId": "HAN1", "officeId": "M1"}}, "Endast en deltagare"),
        (Kind.COMEBACK, {"participant": "HAN1"}, "inte giltigt för participant"),
        (Kind.COMEBACK, {"participant": {"userId": 1}}, "inte giltigt för participant.userId"),
        (Kind.VIEWING_REGISTRATION, {"reminderTime": -1}, "får inte vara negativ"),
        (Kind.VIEWING_REGISTRATION, {"reminderTime": 1.5}, "inte giltigt för reminderTime"),
        (Kind.VIEWING_REGISTRATION, {"options": {"enableBookingLimitValidation": 1}}, "inte giltigt för options."),
        (Kind.NOTIFICATION, {"recipients": []}, "Minst en mottagare"),
        (Kind.NOTIFICATION, {"recipients": [1]}, "inte giltigt för recipients"),
        (Kind.NOTIFICATION, {"message": ""}, "Rubrik eller meddelande"),
        (Kind.ORDER_TOKEN, {"data": ""}, "Token data måste anges"),
        (Kind.ORDER_TOKEN, {"data": "B2aJ%3D%3D"}, "Token är inte giltigt"),
    ],
)
def test_each_broken_rule_is_refused_in_swedish(kind: Kind, changes: dict[str, Any], words: str) -> None:
    assert words in complaint(kind, **changes)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (Kind.APPOINTMENT, {"endsAt": "2026-12-03T10:00:00+01:00"}),
        (Kind.APPOINTMENT, {"recurrence": True, "recurrencePattern": "weekly", "recurrenceDayOfWeeks": ["Monday"]}),
        (
            Kind.APPOINTMENT,
            {"recurrence": True, "recurrencePattern": "Yearly", "recurrenceDay": 31, "recurrenceMonth": 12},
        ),
        (Kind.APPOINTMENT, {"note": None, "nobodyKnowsThis": [1]}),
        (Kind.COMEBACK, {"participant": {"officeId": "M30001"}}),
        (Kind.COMEBACK, {"participant": {"userId": "HAN1", "officeId": ""}}),
        (Kind.VIEWING_REGISTRATION, {"reminderTime": 0}),
        (Kind.NOTIFICATION, {"header": "Bud", "message": None, "sms": False, "express": False}),
    ],
)
def test_what_breaks_no_rule_is_a_deed(kind: Kind, changes: dict[str, Any]) -> None:
    assert isinstance(verdict(kind, BODIES[kind] | changes), Deed)


def test_keys_are_bound_without_regard_to_case() -> None:
    body = {name.upper(): value for name, value in BODIES[Kind.APPOINTMENT].items()}
    assert isinstance(verdict(Kind.APPOINTMENT, body), Deed)
    assert "före startdatum" in refusal(Kind.APPOINTMENT, body | {"ENDSAT": "2026-12-01T00:00:00"}).body.decode()


def test_all_complaints_are_told_at_once() -> None:
    told = complaint(Kind.APPOINTMENT, subject="", endsAt="2026-12-01T00:00:00")
    assert "Ämne" in told
    assert "före startdatum" in told


def test_refusals_come_in_all_known_shapes_and_the_same_request_always_in_the_same() -> None:
    requests = [BODIES[Kind.APPOINTMENT] | {"subject": "", "note": str(number)} for number in range(60)]
    answers = [json.loads(refusal(Kind.APPOINTMENT, body).body) for body in requests]
    assert {next(iter(answer)) for answer in answers} == {"validationErrors", "ValidationErrors", "message", "Message"}
    assert {name for answer in answers for name in answer} >= {"modelState", "messageDetail"}
    assert answers == [json.loads(refusal(Kind.APPOINTMENT, body).body) for body in requests]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"a": NaN}', b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    assert refusal(Kind.APPOINTMENT, body).status == 400


def test_a_lone_surrogate_can_be_refused_aloud() -> None:
    assert refusal(Kind.APPOINTMENT, b'{"startsAt": "\\ud800"}').status == 400


@pytest.mark.parametrize("given", ["", "text/plain", "application/xml", "application/x-www-form-urlencoded"])
def test_another_content_type_is_415(given: str) -> None:
    assert refusal(Kind.APPOINTMENT, Content_Type=given).status == 415


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    "given", ["", "Basic", "Basic ###", "Bearer x", basic("sandbox-user", "wrong"), basic("x", "y")]
)
def test_a_wrong_login_is_401_with_a_challenge(given: str) -> None:
    answer = refusal(Kind.APPOINTMENT, Authorization=given)
    assert answer.status == 401
    assert dict(answer.headers)["WWW-Authenticate"].startswith("Basic")


def test_a_401_is_html_for_some_and_empty_for_others() -> None:
    answers = [refusal(Kind.APPOINTMENT, path=f"/Appointment/M1/H{n}", Authorization="") for n in range(20)]
    assert {(answer.body[:9], answer.content_type) for answer in answers} == {
        (b"", ""),
        (b"<!DOCTYPE", "text/html; charset=utf-8"),
    }


def test_an_office_may_have_a_password_of_its_own() -> None:
    assert refusal(Kind.NOTIFICATION, path="/User/Notify/M30002").status == 401
    other = basic("sandbox-user", "other")
    assert isinstance(verdict(Kind.NOTIFICATION, path="/User/Notify/M30002", Authorization=other), Deed)
    assert refusal(Kind.NOTIFICATION, Authorization=other).status == 401


def test_a_kind_of_call_may_have_a_password_of_its_own() -> None:
    assert refusal(Kind.ORDER_TOKEN, path="/Service/Order/Token/M30003").status == 401
    assert isinstance(verdict(Kind.NOTIFICATION, path="/User/Notify/M30003"), Deed)


def test_a_closed_office_is_403_once_the_login_is_right() -> None:
    assert refusal(Kind.NOTIFICATION, path="/User/Notify/M39999").status == 403
    assert refusal(Kind.NOTIFICATION, path="/User/Notify/M39999", Authorization="").status == 401


@pytest.mark.parametrize(
    "path", ["/Appointment/M30001/UNKNOWN7", "/Appointment/UNKNOWN/HAN1", f"/Appointment/M1/{'H' * 41}"]
)
def test_an_unknown_id_is_404(path: str) -> None:
    assert refusal(Kind.APPOINTMENT, path=path).status == 404


def test_a_path_that_does_not_exist_is_404_without_a_login() -> None:
    assert refusal(Kind.APPOINTMENT, path="/Estate/M1/OBJ1", Authorization="").status == 404


def test_a_wrong_method_is_405_and_names_the_right_one() -> None:
    answer = judge(Request("PUT", PATHS[Kind.COMEBACK], {}, b""), HOUSE)
    assert isinstance(answer, Answer)
    assert (answer.status, answer.headers) == (405, (("Allow", "POST"),))


def test_a_look_up_needs_a_login_and_no_body() -> None:
    path = "/CRM/Contact/M1/ADR1/ComebackMeeting"
    assert isinstance(judge(Request("GET", path, {"Authorization": LOGIN}, b""), HOUSE), Reading)
    answer = judge(Request("GET", path, {}, b""), HOUSE)
    assert isinstance(answer, Answer)
    assert answer.status == 401


@pytest.mark.parametrize(
    ("slot", "option", "words"),
    [
        ("FULL1", "enableBookingLimitValidation", "fullbokat"),
        ("CLOSED1", "isDeadlineValidationEnabled", "Anmälningstiden"),
    ],
)
def test_a_slot_refuses_unless_its_check_is_switched_off(slot: str, option: str, words: str) -> None:
    path = f"/Viewing/M1/VIS1/{slot}/Participant/ADR1"
    assert words in refusal(Kind.VIEWING_REGISTRATION, {}, path=path).body.decode()
    assert words in refusal(Kind.VIEWING_REGISTRATION, {"options": {option: True}}, path=path).body.decode()
    assert isinstance(verdict(Kind.VIEWING_REGISTRATION, {"options": {option: False}}, path=path), Deed)
