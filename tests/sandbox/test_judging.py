"""Refusals: their order, their statuses, and their Swedish words."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from tests.sandbox.client import BODIES, LOGIN, METHODS, PATHS
from worker.sandbox import USER, AccessRules, CallKind
from worker.sandbox.api.answers import HttpAnswer
from worker.sandbox.api.judging import Effect, Judgement, ReadBack, ReceivedRequest, judge

ACCESS = AccessRules(closed=frozenset({"M39999"}), passwords={"M30002": "other", "M30003/order_token": "narrow"})


def judgement(kind: CallKind, body: Any = None, *, path: str | None = None, **headers: str) -> Judgement:
    content = body if isinstance(body, bytes) else json.dumps(BODIES[kind] if body is None else body).encode()
    default_headers = {"Authorization": LOGIN, "Content-Type": "application/json"}
    given = default_headers | {name.replace("_", "-"): value for name, value in headers.items()}
    return judge(ReceivedRequest(METHODS.get(kind, "POST"), path or PATHS[kind], given, content), ACCESS)


def refusal(kind: CallKind, body: Any = None, *, path: str | None = None, **headers: str) -> HttpAnswer:
    answer = judgement(kind, body, path=path, **headers)
    assert isinstance(answer, HttpAnswer)
    return answer


def complaint(kind: CallKind, **changes: Any) -> str:
    answer = refusal(kind, BODIES[kind] | changes)
    assert answer.status == 400
    return answer.body.decode()


@pytest.mark.parametrize("kind", list(BODIES))
def test_a_valid_call_has_an_effect(kind: CallKind) -> None:
    assert isinstance(judgement(kind), Effect)


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        (CallKind.APPOINTMENT, {"subject": ""}, "Ämne måste anges"),
        (CallKind.APPOINTMENT, {"startsAt": None}, "Startdatum måste anges"),
        (CallKind.APPOINTMENT, {"endsAt": "2026-12-03T09:59:59+01:00"}, "är före startdatum"),
        (CallKind.APPOINTMENT, {"startsAt": "2026-12-03"}, "inte giltigt för startsAt"),
        (CallKind.APPOINTMENT, {"allDayEvent": "ja"}, "inte giltigt för allDayEvent"),
        (CallKind.APPOINTMENT, {"note": 7}, "inte giltigt för note"),
        (CallKind.APPOINTMENT, {"recurrence": True}, "kräver recurrencePattern"),
        (CallKind.APPOINTMENT, {"recurrencePattern": "Quarterly"}, "inte giltigt för recurrencePattern"),
        (CallKind.APPOINTMENT, {"recurrenceDayOfWeeks": ["Måndag"]}, "inte giltigt för recurrenceDayOfWeeks"),
        (CallKind.APPOINTMENT, {"recurrenceDayOfWeeks": "Monday"}, "inte giltigt för recurrenceDayOfWeeks"),
        (CallKind.APPOINTMENT, {"recurrence": True, "recurrencePattern": "Weekly"}, "minst en veckodag"),
        (CallKind.APPOINTMENT, {"recurrence": True, "recurrencePattern": "Monthly"}, "Dag i månaden"),
        (
            CallKind.APPOINTMENT,
            {"recurrence": True, "recurrencePattern": "Monthly", "recurrenceDay": 32},
            "Dag i månaden",
        ),
        (
            CallKind.APPOINTMENT,
            {"recurrence": True, "recurrencePattern": "Yearly", "recurrenceDay": 1},
            "Månaden måste",
        ),
        (
            CallKind.APPOINTMENT,
            {"recurrence": True, "recurrencePattern": "Daily", "recurrenceInterval": 0},
            "Intervallet",
        ),
        (CallKind.APPOINTMENT, {"recurrenceInterval": 2**31}, "inte giltigt för recurrenceInterval"),
        (CallKind.APPOINTMENT, {"recurrenceInterval": True}, "inte giltigt för recurrenceInterval"),
        (CallKind.COMEBACK, {"date": None}, "Tid och datum för återkomsten måste anges"),
        (CallKind.COMEBACK, {"participant": {"userId": "HAN1", "officeId": "M1"}}, "Endast en deltagare"),
        (CallKind.COMEBACK, {"participant": "HAN1"}, "inte giltigt för participant"),
        (CallKind.COMEBACK, {"participant": {"userId": 1}}, "inte giltigt för participant.userId"),
        (CallKind.VIEWING_REGISTRATION, {"reminderTime": -1}, "får inte vara negativ"),
        (CallKind.VIEWING_REGISTRATION, {"reminderTime": 1.5}, "inte giltigt för reminderTime"),
        (CallKind.VIEWING_REGISTRATION, {"options": {"enableBookingLimitValidation": 1}}, "inte giltigt för options."),
        (CallKind.NOTIFICATION, {"recipients": []}, "Minst en mottagare"),
        (CallKind.NOTIFICATION, {"recipients": [1]}, "inte giltigt för recipients"),
        (CallKind.NOTIFICATION, {"message": ""}, "Rubrik eller meddelande"),
        (CallKind.ORDER_TOKEN, {"data": ""}, "Token data måste anges"),
        (CallKind.ORDER_TOKEN, {"data": "B2aJ%3D%3D"}, "Token är inte giltigt"),
        (CallKind.ORDER_STATUS, {"id": None}, "Id på beställningen måste anges"),
        (CallKind.ORDER_STATUS, {"status": ""}, "Status måste anges"),
        (CallKind.ORDER_STATUS, {"status": "Levererad"}, "inte giltigt för status"),
        (CallKind.ORDER_STATUS, {"status": 3}, "inte giltigt för status"),
    ],
)
def test_each_broken_rule_is_refused_in_swedish(kind: CallKind, changes: dict[str, Any], words: str) -> None:
    assert words in complaint(kind, **changes)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (CallKind.APPOINTMENT, {"endsAt": "2026-12-03T10:00:00+01:00"}),
        (CallKind.APPOINTMENT, {"recurrence": True, "recurrencePattern": "weekly", "recurrenceDayOfWeeks": ["Monday"]}),
        (
            CallKind.APPOINTMENT,
            {"recurrence": True, "recurrencePattern": "Yearly", "recurrenceDay": 31, "recurrenceMonth": 12},
        ),
        (CallKind.APPOINTMENT, {"note": None, "nobodyKnowsThis": [1]}),
        (CallKind.COMEBACK, {"participant": {"officeId": "M30001"}}),
        (CallKind.COMEBACK, {"participant": {"userId": "HAN1", "officeId": ""}}),
        (CallKind.VIEWING_REGISTRATION, {"reminderTime": 0}),
        (CallKind.NOTIFICATION, {"header": "Bud", "message": None, "sms": False, "express": False}),
        (CallKind.ORDER_STATUS, {"status": "orderreceived", "comment": None}),
    ],
)
def test_a_call_that_breaks_no_rule_has_an_effect(kind: CallKind, changes: dict[str, Any]) -> None:
    assert isinstance(judgement(kind, BODIES[kind] | changes), Effect)


def test_keys_are_bound_without_regard_to_case() -> None:
    body = {name.upper(): value for name, value in BODIES[CallKind.APPOINTMENT].items()}
    assert isinstance(judgement(CallKind.APPOINTMENT, body), Effect)
    assert "före startdatum" in refusal(CallKind.APPOINTMENT, body | {"ENDSAT": "2026-12-01T00:00:00"}).body.decode()


def test_all_complaints_come_at_once() -> None:
    complaints = complaint(CallKind.APPOINTMENT, subject="", endsAt="2026-12-01T00:00:00")
    assert "Ämne" in complaints
    assert "före startdatum" in complaints


def test_refusals_take_every_shape_and_repeat_it() -> None:
    requests = [BODIES[CallKind.APPOINTMENT] | {"subject": "", "note": str(number)} for number in range(60)]
    answers = [json.loads(refusal(CallKind.APPOINTMENT, body).body) for body in requests]
    assert {next(iter(answer)) for answer in answers} == {"validationErrors", "ValidationErrors", "message", "Message"}
    assert {name for answer in answers for name in answer} >= {"modelState", "messageDetail"}
    assert answers == [json.loads(refusal(CallKind.APPOINTMENT, body).body) for body in requests]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"a": NaN}', b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    assert refusal(CallKind.APPOINTMENT, body).status == 400


def test_a_lone_surrogate_can_be_refused_aloud() -> None:
    assert refusal(CallKind.APPOINTMENT, b'{"startsAt": "\\ud800"}').status == 400


@pytest.mark.parametrize("given", ["", "text/plain", "application/xml", "application/x-www-form-urlencoded"])
def test_another_content_type_is_415(given: str) -> None:
    assert refusal(CallKind.APPOINTMENT, Content_Type=given).status == 415


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    "given", ["", "Basic", "Basic ###", "Bearer x", basic("sandbox-user", "wrong"), basic("x", "y")]
)
def test_a_wrong_login_is_401_with_a_challenge(given: str) -> None:
    answer = refusal(CallKind.APPOINTMENT, Authorization=given)
    assert answer.status == 401
    assert dict(answer.headers)["WWW-Authenticate"].startswith("Basic")


def test_a_401_is_either_html_or_empty() -> None:
    answers = [refusal(CallKind.APPOINTMENT, path=f"/Appointment/M1/H{n}", Authorization="") for n in range(20)]
    assert {(answer.body[:9], answer.content_type) for answer in answers} == {
        (b"", ""),
        (b"<!DOCTYPE", "text/html; charset=utf-8"),
    }


def test_an_office_may_have_a_password_of_its_own() -> None:
    assert refusal(CallKind.NOTIFICATION, path="/User/Notify/M30002").status == 401
    own_login = basic("sandbox-user", "other")
    assert isinstance(judgement(CallKind.NOTIFICATION, path="/User/Notify/M30002", Authorization=own_login), Effect)
    assert refusal(CallKind.NOTIFICATION, Authorization=own_login).status == 401


def test_a_kind_of_call_may_have_its_own_password() -> None:
    assert refusal(CallKind.ORDER_TOKEN, path="/Service/Order/Token/M30003").status == 401
    assert isinstance(judgement(CallKind.NOTIFICATION, path="/User/Notify/M30003"), Effect)


def test_each_method_of_a_path_may_have_a_password() -> None:
    access = AccessRules(passwords={"M30001/viewing_cancellation": "narrow"})
    delete = ReceivedRequest("DELETE", PATHS[CallKind.VIEWING_CANCELLATION], {"Authorization": LOGIN}, b"")
    answer = judge(delete, access)
    assert isinstance(answer, HttpAnswer)
    assert answer.status == 401
    assert isinstance(judge(replace(delete, headers={"Authorization": basic(USER, "narrow")}), access), Effect)


def test_a_closed_office_is_403_once_the_login_is_right() -> None:
    assert refusal(CallKind.NOTIFICATION, path="/User/Notify/M39999").status == 403
    assert refusal(CallKind.NOTIFICATION, path="/User/Notify/M39999", Authorization="").status == 401


@pytest.mark.parametrize(
    "path", ["/Appointment/M30001/UNKNOWN7", "/Appointment/UNKNOWN/HAN1", f"/Appointment/M1/{'H' * 41}"]
)
def test_an_unknown_id_is_404(path: str) -> None:
    assert refusal(CallKind.APPOINTMENT, path=path).status == 404


def test_an_unknown_order_is_404() -> None:
    assert refusal(CallKind.ORDER_STATUS, BODIES[CallKind.ORDER_STATUS] | {"id": "UNKNOWN7"}).status == 404


def test_an_unknown_path_is_404_without_a_login() -> None:
    assert refusal(CallKind.APPOINTMENT, path="/Estate/M1/OBJ1", Authorization="").status == 404


def test_a_wrong_method_is_405_and_names_the_right_one() -> None:
    answer = judge(ReceivedRequest("PUT", PATHS[CallKind.COMEBACK], {}, b""), ACCESS)
    assert isinstance(answer, HttpAnswer)
    assert (answer.status, answer.headers) == (405, (("Allow", "POST"),))


def test_a_removal_needs_no_body_and_no_content_type() -> None:
    path = PATHS[CallKind.VIEWING_CANCELLATION]
    assert isinstance(judge(ReceivedRequest("DELETE", path, {"Authorization": LOGIN}, b""), ACCESS), Effect)
    answer = judge(ReceivedRequest("DELETE", path.replace("ADR1", "UNKNOWN1"), {"Authorization": LOGIN}, b""), ACCESS)
    assert isinstance(answer, HttpAnswer)
    assert answer.status == 404


def test_a_look_up_needs_a_login_and_no_body() -> None:
    path = "/CRM/Contact/M1/ADR1/ComebackMeeting"
    assert isinstance(judge(ReceivedRequest("GET", path, {"Authorization": LOGIN}, b""), ACCESS), ReadBack)
    answer = judge(ReceivedRequest("GET", path, {}, b""), ACCESS)
    assert isinstance(answer, HttpAnswer)
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
    assert words in refusal(CallKind.VIEWING_REGISTRATION, {}, path=path).body.decode()
    assert words in refusal(CallKind.VIEWING_REGISTRATION, {"options": {option: True}}, path=path).body.decode()
    assert isinstance(judgement(CallKind.VIEWING_REGISTRATION, {"options": {option: False}}, path=path), Effect)
