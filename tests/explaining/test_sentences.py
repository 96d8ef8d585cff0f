"""Each reason, note and deed is a sentence, in Stockholm's time, with the remedy that helps."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import pytest

from models import Reason as Because
from models import Scope, State
from tests.factory import MOMENT
from worker.explaining import reasons as why
from worker.explaining.next_step import Coming, Deed
from worker.explaining.sentences import clock, foretold, noted, said

SOON, TOMORROW = MOMENT + timedelta(minutes=5), MOMENT + timedelta(days=1)

CASES: list[tuple[why.Reason, str, str]] = [
    (why.NeverStarted(), "No worker has ever started", "celery -A worker worker"),
    (why.Silent(None), "No worker has ever called", "celery -A worker beat"),
    (why.Silent(MOMENT), "since 10:00:00", "celery -A worker worker"),
    (
        why.Held(Because.PAUSED, Scope.LANE, "M1", "", "comeback", MOMENT, None, "anna", "moving"),
        "M1, comeback, is paused since 10:00:00 by anna until somebody resumes it: moving.",
        "vitec-sync resume --customer M1 --kind comeback",
    ),
    (
        why.Held(Because.UNAUTHORIZED, Scope.GROUP, "M1", "viewing", "", MOMENT, TOMORROW, None, None),
        "M1, viewing, is held since 10:00:00 until 2026-12-02 10:00:00: Vitec refuses the login (401).",
        "Correct the login, then: vitec-sync resume --customer M1 --group viewing --reason unauthorized",
    ),
    (
        why.Held(Because.THROTTLED, Scope.ENVIRONMENT, "", "", "", MOMENT, SOON, None, None),
        "Everything is held since 10:00:00 until 10:05:00: Vitec asked to wait (429, 503).",
        "vitec-sync resume --all --reason throttled",
    ),
    (
        why.OutsideHours("notification", SOON),
        "outside the sending hours of notification, until 10:05:00",
        "SENDING_HOURS",
    ),
    (why.WaitsFor("appointment", "A", None, None), "appointment:A, which is not known yet", "Export"),
    (why.WaitsFor("appointment", "A", 7, State.IN_DOUBT), "(operation 7), which is in doubt", "vitec-sync explain 7"),
    (why.Circle("comeback", "A"), "waits for this one in its turn", "cancel"),
    (why.ParentEnded("comeback", "A", 7, State.FAILED), "(operation 7), which is failed", "vitec-sync explain 7"),
    (why.TooLate(MOMENT), "too late since 10:00:00", "Export"),
    (why.NotBefore(SOON), "not sent before 10:05:00", ""),
    (
        why.AfterFailure(2, 12, "unreachable", SOON),
        "until 10:05:00 after failure 2 of 12: Vitec could not be reached; nothing was sent (unreachable).",
        "",
    ),
    (why.LeaveGrewOld(MOMENT, SOON), "could be sent again until 10:00:00", ""),
    (why.OneGoesFirst(7), "operation 7 goes first", ""),
    (why.LimitReached(5, 5), "5 requests in flight already, of 5 allowed", "VITEC_IN_FLIGHT"),
    (why.PaceUsedUp(10.0, SOON), "pace of 10 requests a second is used up until 10:05:00", "VITEC_REQUESTS_PER_SECOND"),
    (why.NotWoken(), "housekeeping", ""),
    (why.LanesBefore(1), "1 lane of its kind waited longer", "workers"),
    (why.Behind(3), "behind about 3 operations", ""),
    (why.UnderWay(MOMENT, 2, "host:1", SOON), "since 10:00:00 by host:1 (attempt 2)", ""),
    (why.WorkerGone(MOMENT, 1), "its worker is gone", ""),
    (
        why.Doubt(MOMENT, "unanswered", False, 2, 1, "no comeback of that time", SOON),
        "Vitec was asked 2 times, 1 of 2 in a row found it absent (no comeback of that time); the next time at 10:05",
        "",
    ),
    (why.Doubt(MOMENT, "unreadable_answer", True, 0, 0, None, MOMENT), "never sent again. Vitec was not asked yet", ""),
    (why.Alike((7, 8)), "(7, 8)", "vitec-sync explain 7"),
    (
        why.NeedsPerson(7, State.IN_DOUBT, MOMENT, "unanswered", "two that could be it"),
        "Only a person can tell whether Vitec acted",
        "vitec-sync resolve 7 --delivered | --send-again | --give-up",
    ),
    (why.NeedsPerson(7, State.SUCCEEDED, None, "acted_twice", None), "acted twice (acted_twice)", "vitec-sync show 7"),
    (why.Ended(State.SUCCEEDED, MOMENT, None, "CAL1"), "delivered as CAL1: 10:00:00", ""),
    (why.Ended(State.FAILED, MOMENT, "refused", None), "at 10:00:00: Vitec refused it (refused).", "Mend the row"),
    (why.Ended(State.EXPIRED, MOMENT, None, None), "(expired)", "later time"),
]


@pytest.mark.parametrize(("reason", "text", "remedy"), CASES, ids=lambda value: getattr(type(value), "__name__", ""))
def test_a_reason_is_a_sentence_with_its_remedy(reason: why.Reason, text: str, remedy: str) -> None:
    told = said(reason, MOMENT)
    assert text in told.text
    assert told.text.endswith(".")
    assert remedy in told.remedy
    assert bool(remedy) is bool(told.remedy)


def test_no_reason_is_without_a_sentence() -> None:
    assert {type(reason) for reason, _, _ in CASES} == set(get_args(why.Reason))


NOTES: list[tuple[why.Note, str]] = [
    (why.TurnAtWork("host:1", SOON), "host:1 is at work on its lane; its lease runs until 10:05:00."),
    (why.Expires(TOMORROW), "It expires at 2026-12-02 10:00:00."),
    (why.NewContent(), "waits for the verdict"),
    (why.CancelAsked(), "Cancel is asked"),
    (why.Untold(), "vitec-sync results"),
]


@pytest.mark.parametrize(("note", "text"), NOTES)
def test_a_note_is_a_sentence(note: why.Note, text: str) -> None:
    assert text in noted(note, MOMENT)
    assert {type(one) for one, _ in NOTES} == set(get_args(why.Note))


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
        why.in_words(why.Held(Because.PAUSED, Scope.LANE, "", "", "", MOMENT, None, None, None)),
        why.in_words(why.Behind(1)),
    ) == (
        "held",
        "behind",
    )
    assert why.in_words(why.WaitsFor("comeback", "A", None, None)) == "waits_for"
