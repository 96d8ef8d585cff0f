"""Faults that are well-formed answers: the client gets the wrong status, header or body; the call may be carried out."""

import gzip
import json
import zlib
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest

from tests.sandbox.client import MEETINGS, PATHS, call, get
from worker.sandbox import CallKind, Fault, FaultStage, Sandbox
from worker.sandbox.faults.wire import WIRE_FAULTS
from worker.sandbox.faults.wrong_answers import BOMB, HUGE

STATUSES = {
    Fault.BAD_REQUEST: (400, False),
    Fault.UNAUTHORIZED: (401, False),
    Fault.FORBIDDEN: (403, False),
    Fault.NOT_FOUND: (404, False),
    Fault.NOT_FOUND_HTML: (404, False),
    Fault.PROXY_LOGIN: (407, False),
    Fault.MAINTENANCE_PAGE: (200, False),
    Fault.CONFLICT: (409, False),
    Fault.THROTTLED: (429, False),
    Fault.THROTTLED_SECONDS: (429, False),
    Fault.THROTTLED_DATE: (429, False),
    Fault.THROTTLED_GARBAGE: (429, False),
    Fault.THROTTLED_HUGE: (429, False),
    Fault.SERVER_ERROR: (500, False),
    Fault.SERVER_ERROR_AFTER_PROCESSING: (500, True),
    Fault.BAD_GATEWAY_HTML: (502, False),
    Fault.UNAVAILABLE: (503, False),
    Fault.UNAVAILABLE_RETRY_AFTER: (503, False),
    Fault.GATEWAY_TIMEOUT: (504, False),
    Fault.REDIRECT_301: (301, False),
    Fault.REDIRECT_302: (302, False),
    Fault.REDIRECT_303: (303, False),
    Fault.REDIRECT_307: (307, False),
    Fault.REDIRECT_308: (308, False),
    Fault.ACT_LATE: (200, True),
    Fault.WRONG_JSON_TYPE: (200, True),
    Fault.MISSING_ID: (200, True),
    Fault.BROKEN_JSON: (200, True),
    Fault.EMPTY_BODY: (200, True),
    Fault.HUGE_BODY: (200, True),
    Fault.GZIP_BOMB: (200, True),
    Fault.BROKEN_GZIP: (200, True),
    Fault.SAME_ID: (200, True),
    Fault.SECOND_ANSWER: (200, True),
}


def test_every_answering_fault_is_tested_here() -> None:
    answering = {fault for fault in Fault if fault.stage is FaultStage.AFTER_READING} - WIRE_FAULTS
    assert set(STATUSES) == answering


@pytest.mark.parametrize("fault", list(STATUSES))
def test_the_status_is_the_faults_and_the_ledger_agrees(sandbox: Sandbox, fault: Fault) -> None:
    status, applied = STATUSES[fault]
    sandbox.play([{"fault": fault, "seconds": 0.01} if fault is Fault.ACT_LATE else {"fault": fault}])
    assert call(sandbox, CallKind.APPOINTMENT).status == status
    (entry,) = sandbox.ledger.requests()
    assert (entry.fault, entry.status) == (fault, status)
    assert entry.applied is applied
    assert len(sandbox.ledger.created()) == applied
    assert (entry.remote_id is not None) is applied


@pytest.mark.parametrize(
    "fault", [Fault.SERVER_ERROR, Fault.CONFLICT, Fault.UNAVAILABLE_RETRY_AFTER, Fault.REDIRECT_307]
)
def test_a_rule_may_have_the_call_carried_out(sandbox: Sandbox, fault: Fault) -> None:
    sandbox.play([{"fault": fault, "applied": True}])
    assert call(sandbox, CallKind.APPOINTMENT).status == STATUSES[fault][0]
    assert sandbox.ledger.count(applied=True) == 1


def test_a_rule_may_keep_a_call_from_being_carried_out(sandbox: Sandbox) -> None:
    sandbox.play([{"fault": "broken_json", "applied": False}])
    assert call(sandbox, CallKind.APPOINTMENT).status == 200
    assert sandbox.ledger.count(applied=True) == 0


@pytest.mark.parametrize(
    ("fault", "value"),
    [
        (Fault.THROTTLED_SECONDS, "7"),
        (Fault.UNAVAILABLE_RETRY_AFTER, "7"),
        (Fault.THROTTLED_GARBAGE, "snart"),
        (Fault.THROTTLED_HUGE, "99999999999999999999"),
        (Fault.THROTTLED, None),
        (Fault.UNAVAILABLE, None),
    ],
)
def test_retry_after_has_the_value_in_the_faults_name(sandbox: Sandbox, fault: Fault, value: str | None) -> None:
    sandbox.play([{"fault": fault, "seconds": 7}])
    assert call(sandbox, CallKind.COMEBACK).headers["Retry-After"] == value


def test_a_retry_after_date_lies_ahead_of_the_answers_own(sandbox: Sandbox) -> None:
    sandbox.play([{"fault": "throttled_date", "seconds": 120}])
    headers = call(sandbox, CallKind.COMEBACK).headers
    wait = parsedate_to_datetime(headers["Retry-After"]) - parsedate_to_datetime(headers["Date"])
    assert 119 <= wait.total_seconds() <= 121
    assert abs((parsedate_to_datetime(headers["Date"]) - datetime.now(UTC)).total_seconds()) < 60


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_following_a_redirect_shows_in_the_ledger(sandbox: Sandbox, status: int) -> None:
    sandbox.play([{"fault": f"redirect_{status}", "times": 1}])
    location = call(sandbox, CallKind.APPOINTMENT).headers["Location"]
    assert location == f"/Elsewhere{PATHS[CallKind.APPOINTMENT]}"
    assert call(sandbox, CallKind.APPOINTMENT, path=location).status == 404
    assert [entry.path for entry in sandbox.ledger.requests()] == [PATHS[CallKind.APPOINTMENT], location]


@pytest.mark.parametrize(
    "fault",
    [Fault.BAD_GATEWAY_HTML, Fault.UNAVAILABLE, Fault.GATEWAY_TIMEOUT, Fault.NOT_FOUND_HTML, Fault.MAINTENANCE_PAGE],
)
def test_a_proxys_answer_is_html(sandbox: Sandbox, fault: Fault) -> None:
    sandbox.play([{"fault": fault}])
    reply = call(sandbox, CallKind.APPOINTMENT)
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert reply.body.startswith(b"<!DOCTYPE html>")


@pytest.mark.parametrize("kind", list(PATHS))
def test_the_wrong_type_is_no_kinds_type(sandbox: Sandbox, kind: CallKind) -> None:
    if kind is CallKind.VIEWING_CANCELLATION:
        call(sandbox, CallKind.VIEWING_REGISTRATION)
    sandbox.play([{"fault": "wrong_json_type"}])
    reply = call(sandbox, kind)
    assert (reply.status, reply.json) == (200, [42])


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (CallKind.APPOINTMENT, ""),
        (CallKind.COMEBACK, ""),
        (CallKind.ORDER_TOKEN, {"hasExpired": False}),
        (CallKind.NOTIFICATION, None),
        (CallKind.VIEWING_REGISTRATION, None),
    ],
)
def test_a_missing_id_is_missing(sandbox: Sandbox, kind: CallKind, answer: object) -> None:
    sandbox.play([{"fault": "missing_id"}])
    assert call(sandbox, kind).json == answer


@pytest.mark.parametrize("kind", [CallKind.APPOINTMENT, CallKind.COMEBACK])
def test_the_same_id_is_given_to_all_and_recorded(sandbox: Sandbox, kind: CallKind) -> None:
    sandbox.play([{"fault": Fault.SAME_ID}])
    assert [call(sandbox, kind).json for _ in range(2)] == ["CALSAME", "CALSAME"]
    assert [entry.remote_id for entry in sandbox.ledger.applied()] == ["CALSAME", "CALSAME"]


def test_broken_json_is_broken(sandbox: Sandbox) -> None:
    sandbox.play([{"fault": "broken_json"}])
    with pytest.raises(json.JSONDecodeError):
        _ = call(sandbox, CallKind.APPOINTMENT).json


def test_an_empty_body_is_empty_and_says_so(sandbox: Sandbox) -> None:
    sandbox.play([{"fault": "empty_body"}])
    reply = call(sandbox, CallKind.APPOINTMENT)
    assert (reply.body, reply.headers["Content-Length"]) == (b"", "0")


def test_a_huge_body_is_over_a_mebibyte_of_json(sandbox: Sandbox) -> None:
    sandbox.play([{"fault": "huge_body"}])
    reply = call(sandbox, CallKind.APPOINTMENT)
    assert len(reply.body) == HUGE + 2 > 1024 * 1024
    assert set(reply.json) == {"A"}


def test_a_gzip_bomb_is_small_until_it_is_unpacked(sandbox: Sandbox) -> None:
    sandbox.play([{"fault": "gzip_bomb"}])
    reply = call(sandbox, CallKind.APPOINTMENT)
    assert reply.headers["Content-Encoding"] == "gzip"
    assert len(reply.body) < 64 * 1024
    assert len(gzip.decompress(reply.body)) == BOMB + 2


def test_a_broken_gzip_cannot_be_unpacked(sandbox: Sandbox) -> None:
    sandbox.play([{"fault": "broken_gzip"}])
    reply = call(sandbox, CallKind.APPOINTMENT)
    assert reply.headers["Content-Encoding"] == "gzip"
    with pytest.raises((gzip.BadGzipFile, zlib.error, EOFError)):
        gzip.decompress(reply.body)


def test_a_look_up_can_meet_a_fault_of_its_own(sandbox: Sandbox) -> None:
    sandbox.play([{"match": {"kind": "comeback_look_up"}, "fault": "bad_gateway_html"}])
    assert call(sandbox, CallKind.COMEBACK).status == 200
    assert get(sandbox, MEETINGS).status == 502
