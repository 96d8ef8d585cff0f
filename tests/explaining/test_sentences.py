"""Each reason, note and next step is a sentence, in Stockholm's time, with the remedy that helps."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import pytest

from models import HoldReason, Scope, State
from tests.explaining.facts import SOON, TOMORROW, make_child, make_environment, make_facts, make_hold
from tests.factory import MOMENT
from worker.explaining import Limits, reasons
from worker.explaining.chain import find_notes, find_reasons
from worker.explaining.next_step import NextAction, find_next_step
from worker.explaining.wording import format_moment
from worker.outbox.database.sending_hours import SendingHours
from worker.outbox.exchange.rate_limit import HORIZON
from worker.outbox.views.explain import EnvironmentFacts, OperationFacts

LANE = {"free": False, "due_at": MOMENT, "worker": "host:1", "lease_until": SOON}

CASES: list[tuple[str, OperationFacts, str, str]] = [
    (
        "never_started",
        make_facts(environment=EnvironmentFacts(MOMENT, None, 0)),
        "No worker has ever started",
        "celery -A worker worker",
    ),
    (
        "silent",
        make_facts(environment=make_environment(dispatched_at=None)),
        "No worker has ever called",
        "celery -A worker beat",
    ),
    (
        "silent",
        make_facts(environment=make_environment(dispatched_at=MOMENT - timedelta(hours=1))),
        "since 09:00:00 CET",
        "celery -A worker worker",
    ),
    (
        "held",
        make_facts(
            holds=(
                make_hold(
                    reason=HoldReason.PAUSED,
                    scope=Scope.LANE,
                    customer_id="M1",
                    kind="comeback",
                    by="anna",
                    note="moving",
                ),
            )
        ),
        "M1, comeback, is paused since 10:00:00 CET by anna until somebody resumes it: moving.",
        "vitec-sync resume --customer M1 --kind comeback",
    ),
    (
        "held",
        make_facts(
            holds=(
                make_hold(
                    reason=HoldReason.UNAUTHORIZED,
                    scope=Scope.GROUP,
                    customer_id="M1",
                    function_group="viewing",
                    until=TOMORROW,
                ),
            )
        ),
        "M1, viewing, is held since 10:00:00 CET until 2026-12-02 10:00:00 CET, when one goes first: Vitec refuses the login (401).",
        "Correct the login, then: vitec-sync resume --customer M1 --group viewing --reason unauthorized",
    ),
    (
        "held",
        make_facts(holds=(make_hold(reason=HoldReason.THROTTLED, scope=Scope.ENVIRONMENT, until=SOON),)),
        "Everything is held since 10:00:00 CET until 10:05:00 CET, when one goes first: Vitec asked to wait (429, 503).",
        "vitec-sync resume --all --reason throttled",
    ),
    (
        "held",
        make_facts(
            holds=(
                make_hold(
                    reason=HoldReason.UNAVAILABLE,
                    scope=Scope.ENVIRONMENT,
                    until=SOON,
                    cause="Vitec's certificate is not accepted: self-signed certificate",
                ),
            )
        ),
        "(Vitec's certificate is not accepted: self-signed certificate).",
        "Set VITEC_CA_BUNDLE",
    ),
    (
        "outside_hours",
        make_facts(kind="order_token", opens_at=SOON),
        "outside the sending hours of order token, until 10:05:00 CET",
        "SENDING_HOURS",
    ),
    ("waits_for", make_child(), "appointment:A, which is not known yet", "Export"),
    (
        "waits_for",
        make_child(State.IN_DOUBT, parent_id=8),
        "(operation 8), which is in doubt",
        "vitec-sync explain 8",
    ),
    ("waits_for", make_child(State.SUCCEEDED, parent_id=8), "of whose success it is about to be told", ""),
    (
        "waits_for",
        make_child(State.PENDING, parent_id=8, parent=make_facts(next_attempt_at=SOON)),
        "(operation 8), which is pending.",
        "",
    ),
    ("circle", make_child(State.PENDING, parent_id=7, in_circle=True), "waits for this one in its turn", "cancel"),
    ("parent_ended", make_child(State.FAILED, parent_id=8), "(operation 8), which is failed", "vitec-sync explain 8"),
    ("too_late", make_facts(expires_at=MOMENT), "too late since 10:00:00 CET", "Export"),
    ("not_before", make_facts(next_attempt_at=SOON), "not sent before 10:05:00 CET", ""),
    (
        "after_failure",
        make_facts(State.RETRYABLE, failures=2, error_code="unreachable", next_attempt_at=SOON),
        "until 10:05:00 CET after failure 2 of 12: Vitec could not be reached; nothing was sent (unreachable).",
        "",
    ),
    (
        "after_failure",
        make_facts(
            State.RETRYABLE,
            failures=1,
            error_code="unreachable",
            error_detail="the connection was refused",
            next_attempt_at=SOON,
        ),
        "nothing was sent (unreachable): the connection was refused.",
        "",
    ),
    (
        "leave_grew_old",
        make_facts(State.RETRYABLE, send_again_until=MOMENT, next_attempt_at=SOON),
        "could be sent again until 10:00:00 CET. That is long ago: Vitec is asked once more, from 10:05:00 CET on.",
        "",
    ),
    ("one_goes_first", make_facts(probe_id=8), "operation 8 goes first", ""),
    (
        "limit_reached",
        make_facts(environment=make_environment(in_flight=5)),
        "5 requests in flight already, of 5 allowed",
        "VITEC_IN_FLIGHT",
    ),
    (
        "pace_used_up",
        make_facts(environment=make_environment(next_slot_at=SOON + timedelta(seconds=HORIZON))),
        "pace of 10 requests a second is used up until 10:05:00 CET",
        "VITEC_REQUESTS_PER_SECOND",
    ),
    ("not_woken", make_facts(lane={"free": True, "due_at": None}), "housekeeping", ""),
    ("lanes_before", make_facts(lanes_ahead=1), "1 lane of its kind waited longer", "workers"),
    ("behind", make_facts(operations_ahead=3), "behind about 3 operations", ""),
    (
        "under_way",
        make_facts(State.IN_FLIGHT, claimed_at=MOMENT, attempt=2, lane=LANE),
        "since 10:00:00 CET by host:1 (attempt 2)",
        "",
    ),
    ("worker_gone", make_facts(State.IN_FLIGHT, claimed_at=MOMENT), "its worker is gone", ""),
    (
        "doubt",
        make_facts(
            State.IN_DOUBT,
            doubt_since=MOMENT,
            error_code="unanswered",
            look_ups=2,
            absent_since=MOMENT,
            look_up_detail="no comeback of that time",
            next_attempt_at=SOON,
        ),
        "Vitec was asked 2 times, 1 of 2 in a row found it absent (no comeback of that time); the next time at 10:05:00 CET",
        "",
    ),
    (
        "doubt",
        make_facts(State.IN_DOUBT, doubt_since=MOMENT, error_code="unreadable_answer", accepted=True),
        "not sent again by itself. Vitec was not asked yet; that is due now.",
        "",
    ),
    ("alike", make_facts(State.IN_DOUBT, similar_ids=(7, 8)), "(7, 8)", "vitec-sync explain 7"),
    (
        "needs_person",
        make_facts(State.IN_DOUBT, needs_person=True, error_code="unanswered", look_up_detail="two that could be it"),
        "A look-up found: two that could be it.",
        "vitec-sync show 7",
    ),
    (
        "needs_person",
        make_facts(State.IN_DOUBT, needs_person=True, error_code="unanswered"),
        "Only a person can tell whether Vitec acted",
        "Look for it at Vitec (call log, calendar), then decide.",
    ),
    (
        "needs_person",
        make_facts(State.SUCCEEDED, finalized_at=MOMENT, needs_person=True, error_code="acted_twice"),
        "acted twice (acted_twice)",
        "vitec-sync show 7",
    ),
    (
        "ended",
        make_facts(State.SUCCEEDED, finalized_at=MOMENT, remote_id="CAL1"),
        "delivered as CAL1: 10:00:00 CET",
        "",
    ),
    (
        "ended",
        make_facts(State.FAILED, finalized_at=MOMENT, error_code="refused"),
        "at 10:00:00 CET: Vitec refused it (refused).",
        "Mend the row",
    ),
    ("ended", make_facts(State.EXPIRED, finalized_at=MOMENT), "(expired)", "later time"),
]


@pytest.mark.parametrize(("code", "facts", "text", "remedy"), CASES, ids=[code for code, *_ in CASES])
def test_a_reason_is_a_sentence_with_its_remedy(code: str, facts: OperationFacts, text: str, remedy: str) -> None:
    (reason,) = (reason for reason in find_reasons(facts, Limits()) if reason.code == code)
    assert text in reason.text
    assert reason.text.endswith(".")
    assert remedy in reason.remedy
    assert bool(remedy) is bool(reason.remedy)


def test_no_reason_is_without_a_sentence() -> None:
    groups = (reasons.LaneCode, reasons.ParentCode, reasons.TimeCode, reasons.QueueCode, reasons.StateCode)
    assert {code for code, *_ in CASES} == {code for group in groups for code in get_args(group)}


NOTES: list[tuple[str, OperationFacts, str]] = [
    ("turn_at_work", make_facts(lane=LANE), "host:1 is at work on its lane; its lease runs until 10:05:00 CET."),
    ("expires", make_facts(expires_at=TOMORROW), "It expires at 2026-12-02 10:00:00 CET."),
    ("new_content", make_facts(State.IN_FLIGHT, revision={"payload": {}}), "waits for the verdict"),
    ("cancel_asked", make_facts(State.IN_FLIGHT, cancel_asked=True), "Cancel is asked"),
    ("untold", make_facts(State.FAILED), "vitec-sync results"),
]


@pytest.mark.parametrize(("code", "facts", "text"), NOTES, ids=[code for code, *_ in NOTES])
def test_a_note_is_a_sentence(code: str, facts: OperationFacts, text: str) -> None:
    (note,) = find_notes(facts)
    assert note.code == code
    assert text in note.text


def test_no_note_is_without_a_sentence() -> None:
    assert {code for code, *_ in NOTES} == set(get_args(reasons.NoteCode))


STEPS: list[tuple[str, OperationFacts, str]] = [
    ("sent", make_facts(), "It is sent: now."),
    ("sent", make_facts(next_attempt_at=SOON), "It is sent, not before 10:05:00 CET."),
    ("sent", make_child(), "It is sent: as soon as that is over."),
    (
        "looked_up",
        make_facts(State.IN_DOUBT, next_attempt_at=SOON),
        "Vitec is asked whether it is there: 10:05:00 CET.",
    ),
    ("looked_up", make_facts(State.IN_DOUBT), "Vitec is asked whether it is there: now."),
    ("answered", make_facts(State.IN_FLIGHT, claimed_at=MOMENT, lane=LANE), "by 10:05:00 CET"),
    (
        "answered",
        make_facts(State.IN_FLIGHT, claimed_at=MOMENT, lane={**LANE, "lease_until": None}),
        "Its answer comes.",
    ),
    ("settled", make_facts(State.IN_FLIGHT, claimed_at=MOMENT), "in doubt"),
    ("expired", make_facts(expires_at=MOMENT), "ends it as expired"),
    (
        "expired",
        make_facts(next_attempt_at=TOMORROW, expires_at=SOON),
        "It expires at 10:05:00 CET, before it could be sent.",
    ),
    ("failed", make_child(State.FAILED, parent_id=8), "parent_failed"),
    ("decided", make_facts(State.IN_DOUBT, needs_person=True), "a person"),
    ("nothing", make_facts(State.FAILED, finalized_at=MOMENT), "Nothing"),
]


@pytest.mark.parametrize(("action", "facts", "text"), STEPS)
def test_the_next_step_is_a_sentence(action: str, facts: OperationFacts, text: str) -> None:
    step = find_next_step(facts, find_reasons(facts, Limits()), SendingHours())
    assert step.action == action
    assert text in step.text


def test_no_next_step_is_without_a_sentence() -> None:
    assert {action for action, *_ in STEPS} == set(get_args(NextAction))


def test_times_are_stockholms_in_summer_too() -> None:
    assert format_moment(MOMENT.replace(month=7), MOMENT) == "2026-07-01 11:00:00 CEST"
