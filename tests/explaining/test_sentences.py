"""Each reason, note and deed is a sentence, in Stockholm's time, with the remedy that helps."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import pytest

from models import Reason as Because
from models import Scope, State
from tests.factory import MOMENT
from worker.explaining import reasons
from worker.explaining.next_step import Coming, Deed
from worker.explaining.sentences import clock, foretold, noted, said

SOON, TOMORROW = MOMENT + timedelta(minutes=5), MOMENT + timedelta(days=1)

CASES: list[tuple[reasons.Reason, str, str]] = [
    (reasons.NeverStarted(), "No worker has ever started", "celery -A worker worker"),
    (reasons.Silent(None), "No worker has ever called", "celery -A worker beat"),
    (reasons.Silent(MOMENT), "since 10:00:00", "celery -A worker worker"),
    (
        reasons.Held(Because.PAUSED, Scope.LANE, "M1", "", "comeback", MOMENT, None, "anna", "moving"),
        "M1, comeback, is paused since 10:00:00 by anna until somebody resumes it: moving.",
        "vitec-sync resume --customer M1 --kind comeback",
    ),
    (
        reasons.Held(Because.UNAUTHORIZED, Scope.GROUP, "M1", "viewing", "", MOMENT, TOMORROW, None, None),
        "M1, viewing, is held since 10:00:00 until 2026-12-02 10:00:00: Vitec refuses the login (401).",
        "Correct the login, then: vitec-sync resume --customer M1 --group viewing --reason unauthorized",
    ),
    (
        reasons.Held(Because.THROTTLED, Scope.ENVIRONMENT, "", "", "", MOMENT, SOON, None, None),
        "Everything is held since 10:00:00 until 10:05:00: Vitec asked to wait (429, 503).",
        "vitec-sync resume --all --reason throttled",
    ),
    (
        reasons.OutsideHours("notification", SOON),
        "outside the sending hours of notification, until 10:05:00",
        "SENDING_HOURS",
    ),
    (reasons.WaitsFor("appointment", "A", None, None), "appointment:A, which is not known yet", "Export"),
    (
        reasons.WaitsFor("appointment", "A", 7, State.IN_DOUBT),
        "(operation 7), which is in doubt",
        "vitec-sync explain 7",
    ),
    (reasons.Circle("comeback", "A"), "waits for this one in its turn", "cancel"),
    (reasons.ParentEnded("comeback", "A", 7, State.FAILED), "(operation 7), which is failed", "vitec-sync explain 7"),
    (reasons.TooLate(MOMENT), "too late since 10:00:00", "Export"),
    (reasons.NotBefore(SOON), "not sent before 10:05:00", ""),
    (
        reasons.AfterFailure(2, 12, "unreachable", SOON),
        "until 10:05:00 after failure 2 of 12: Vitec could not be reached; nothing was sent (unreachable).",
        "",
    ),
    (reasons.LeaveGrewOld(MOMENT, SOON), "could be sent again until 10:00:00", ""),
    (reasons.OneGoesFirst(7), "operation 7 goes first", ""),
    (reasons.LimitReached(5, 5), "5 requests in flight already, of 5 allowed", "VITEC_IN_FLIGHT"),
    (
        reasons.PaceUsedUp(10.0, SOON),
        "pace of 10 requests a second is used up until 10:05:00",
        "VITEC_REQUESTS_PER_SECOND",
    ),
    (reasons.NotWoken(), "housekeeping", ""),
    (reasons.LanesBefore(1), "1 lane of its kind waited longer", "workers"),
    (reasons.Behind(3), "behind about 3 operations", ""),
    (reasons.UnderWay(MOMENT, 2, "host:1", SOON), "since 10:00:00 by host:1 (attempt 2)", ""),
    (reasons.WorkerGone(MOMENT, 1), "its worker is gone", ""),
    (
        reasons.Doubt(MOMENT, "unanswered", False, 2, 1, "no comeback of that time", SOON),
        "Vitec was asked 2 times, 1 of 2 in a row found it absent (no comeback of that time); the next time at 10:05",
        "",
    ),
    (
        reasons.Doubt(MOMENT, "unreadable_answer", True, 0, 0, None, MOMENT),
        "never sent again. Vitec was not asked yet",
        "",
    ),
    (reasons.Alike((7, 8)), "(7, 8)", "vitec-sync explain 7"),
    (
        reasons.NeedsPerson(7, State.IN_DOUBT, MOMENT, "unanswered", "two that could be it"),
        "Only a person can tell whether Vitec acted",
        "vitec-sync resolve 7 --delivered | --send-again | --give-up",
    ),
    (
        reasons.NeedsPerson(7, State.SUCCEEDED, None, "acted_twice", None),
        "acted twice (acted_twice)",
        "vitec-sync show 7",
    ),
    (reasons.Ended(State.SUCCEEDED, MOMENT, None, "CAL1"), "delivered as CAL1: 10:00:00", ""),
    (reasons.Ended(State.FAILED, MOMENT, "refused", None), "at 10:00:00: Vitec refused it (refused).", "Mend the row"),
    (reasons.Ended(State.EXPIRED, MOMENT, None, None), "(expired)", "later time"),
]


@pytest.mark.parametrize(("reason", "text", "remedy"), CASES, ids=lambda value: getattr(type(value), "__name__", ""))
def test_a_reason_is_a_sentence_with_its_remedy(reason: reasons.Reason, text: str, remedy: str) -> None:
    told = said(reason, MOMENT)
    assert text in told.text
    assert told.text.endswith(".")
    assert remedy in told.remedy
    assert bool(remedy) is bool(told.remedy)


def test_no_reason_is_without_a_sentence() -> None:
    assert {type(reason) for reason, _, _ in CASES} == set(get_args(reasons.Reason))


NOTES: list[tuple[reasons.Note, str]] = [
    (reasons.TurnAtWork("host:1", SOON), "host:1 is at work on its lane; its lease runs until 10:05:00."),
    (reasons.Expires(TOMORROW), "It expires at 2026-12-02 10:00:00."),
    (reasons.NewContent(), "waits for the verdict"),
    (reasons.CancelAsked(), "Cancel is asked"),
    (reasons.Untold(), "vitec-sync results"),
]


@pytest.mark.parametrize(("note", "text"), NOTES)
def test_a_note_is_a_sentence(note: reasons.Note, text: str) -> None:
    assert text in noted(note, MOMENT)
    assert {type(one) for one, _ in NOTES} == set(get_args(reasons.Note))


@pytest.mark.parametrize(
    ("coming", "text"),
    [
        (Coming(Deed.SENT, MOMENT, now=True), "It is sent: now."),
        (Coming(Deed.SENT, SOON), "It is sent, not before 10:05:00."),
        (Coming(Deed.SENT), "It is sent: as soon as that is over."),
        (Coming(Deed.LOOKED_UP, SOON), "Vitec is asked whether it is there: 10:05:00."),
        (Coming(Deed.ANSWERED, SOON), "by 10:05:00"),
        (Coming(Deed.SETTLED, now=True), "in doubt"),
        (Coming(Deed.EXPIRED, now=True), "ends it as expired"),
        (Coming(Deed.EXPIRED, SOON), "It expires at 10:05:00, before it could be sent."),
        (Coming(Deed.FAILED, now=True), "parent_failed"),
        (Coming(Deed.DECIDED), "a person"),
        (Coming(Deed.NOTHING), "Nothing"),
    ],
)
def test_what_comes_is_a_sentence(coming: Coming, text: str) -> None:
    assert text in foretold(coming, MOMENT)


def test_times_are_stockholms_in_summer_too() -> None:
    assert clock(MOMENT.replace(month=7), MOMENT) == "2026-07-01 11:00:00"


def test_programs_know_reasons_by_names_that_stay() -> None:
    assert (
        reasons.in_words(reasons.Held(Because.PAUSED, Scope.LANE, "", "", "", MOMENT, None, None, None)),
        reasons.in_words(reasons.Behind(1)),
    ) == (
        "held",
        "behind",
    )
    assert reasons.in_words(reasons.WaitsFor("comeback", "A", None, None)) == "waits_for"
