"""The checker finds each planted violation, names it rightly, and finds none in a run in which all is well."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models import State
from tests.chaos.checker import Evidence, Invariant, Request, Row, Tried, check, count_repeated
from tests.chaos.meaning import AMBIGUOUS, MEANINGS
from tests.chaos.others_ids import OF_IDS
from worker.sandbox import Fault

ROW = Row(7, "comeback", State.SUCCEEDED, remote_id="CAL7")
TRIED = Tried(7, 1)
DONE = Request("7.1", applied=True, remote_id="CAL7")
LOOK_UP = Request("7.1.1", applied=False)
DOUBT = Tried(7, 1, outcome="in_doubt")
UNDONE = Request("7.1", applied=False, complete=False)


def evidence(
    row: Row = ROW, tried: tuple[Tried, ...] = (TRIED,), requests: tuple[Request, ...] = (DONE,), reasons: int = 0
) -> Evidence:
    return Evidence({row.id: row}, tried, requests, reasons)


def broken(judged: Evidence) -> set[Invariant]:
    return {violation.invariant for violation in check(judged)}


@pytest.mark.parametrize(
    "well",
    [
        evidence(),
        evidence(requests=(DONE, LOOK_UP)),
        evidence(replace(ROW, state=State.IN_DOUBT, remote_id=None), (DOUBT,), reasons=1),
        evidence(replace(ROW, state=State.IN_DOUBT, remote_id=None), (DOUBT,), (UNDONE,), reasons=1),
        evidence(replace(ROW, state=State.RETRYABLE, remote_id=None, later=True), (TRIED,), (UNDONE,)),
        evidence(replace(ROW, state=State.PENDING, attempt=0, remote_id=None, later=True), (), ()),
        evidence(replace(ROW, state=State.FAILED, remote_id=None), requests=(UNDONE,)),
        evidence(replace(ROW, state=State.EXPIRED, attempt=0, remote_id=None), (), ()),
        evidence(replace(ROW, kind="viewing_registration", remote_id=None)),
        evidence(
            replace(ROW, kind="order_token", attempt=2),
            (TRIED, Tried(7, 2)),
            (DONE, replace(DONE, request_id="7.2")),
        ),
        evidence(
            replace(ROW, kind="order_token", attempt=2, state=State.FAILED, remote_id=None),
            (TRIED, Tried(7, 2)),
            (replace(DONE, complete=False), Request("7.2", applied=False)),
        ),
        evidence(
            replace(ROW, attempt=2, by_person=True), (TRIED, Tried(7, 2)), (DONE, replace(DONE, request_id="7.2"))
        ),
    ],
)
def test_a_run_in_which_all_is_well_breaks_nothing(well: Evidence) -> None:
    assert check(well) == []


@pytest.mark.parametrize(
    ("planted", "invariant"),
    [
        (evidence(replace(ROW, state=State.PENDING, attempt=0, remote_id=None), (), ()), Invariant.LOST),
        (evidence(replace(ROW, state=State.RETRYABLE, remote_id=None), requests=(UNDONE,)), Invariant.LOST),
        (evidence(replace(ROW, attempt=2), (TRIED, Tried(7, 2)), (DONE, replace(DONE, request_id="7.2"))),
         Invariant.DOUBLED),
        (evidence(replace(ROW, state=State.RETRYABLE, remote_id=None, later=True)), Invariant.DOUBLED),
        (evidence(requests=()), Invariant.FALSE_SUCCESS),
        (evidence(requests=(UNDONE,)), Invariant.FALSE_SUCCESS),
        (evidence(replace(ROW, remote_id="CAL8")), Invariant.FALSE_SUCCESS),
        (evidence(replace(ROW, remote_id=None)), Invariant.FALSE_SUCCESS),
        (evidence(replace(ROW, state=State.FAILED, remote_id=None)), Invariant.FALSE_FAILURE),
        (evidence(replace(ROW, state=State.CANCELLED, remote_id=None)), Invariant.FALSE_FAILURE),
        (evidence(replace(ROW, state=State.EXPIRED, remote_id=None)), Invariant.FALSE_FAILURE),
        (evidence(replace(ROW, state=State.FAILED, kind="order_token", remote_id=None)), Invariant.FALSE_FAILURE),
        (evidence(requests=(DONE, Request("8.1", applied=False))), Invariant.GHOST),
        (evidence(requests=(DONE, Request(None, applied=False))), Invariant.GHOST),
        (evidence(requests=(DONE, Request("7.2.1", applied=False))), Invariant.GHOST),
        (evidence(requests=(DONE, Request("seven", applied=False))), Invariant.GHOST),
        (evidence(replace(ROW, state=State.IN_DOUBT, remote_id=None), (DOUBT,)), Invariant.OVER_DOUBT),
        (evidence(tried=(DOUBT,)), Invariant.OVER_DOUBT),
        (evidence(requests=(DONE, UNDONE)), Invariant.TRAIL),
        (evidence(tried=()), Invariant.TRAIL),
        (evidence(tried=(TRIED, TRIED)), Invariant.TRAIL),
        (evidence(tried=(replace(TRIED, written=False),)), Invariant.TRAIL),
    ],
)  # fmt: skip
def test_a_planted_violation_is_the_only_one_found(planted: Evidence, invariant: Invariant) -> None:
    assert broken(planted) == {invariant}


CANCELLATION = Row(1, "viewing_cancellation", State.SUCCEEDED, attempt=2, key="M1/place")
REGISTRATION = Row(2, "viewing_registration", State.SUCCEEDED, key="M1/place")
SENT = (Tried(1, 1, outcome="in_doubt"), Tried(1, 2), Tried(2, 1))
CANCELLED, AGAIN, REGISTERED = (Request(request_id, applied=True) for request_id in ("1.1", "1.2", "2.1"))


@pytest.mark.parametrize(
    ("requests", "is_undone"),
    [
        ((CANCELLED, AGAIN, REGISTERED), False),
        ((CANCELLED, REGISTERED, AGAIN), True),
        ((CANCELLED, REGISTERED, replace(AGAIN, applied=False)), False),
    ],
)
def test_a_repetition_after_something_later_is_seen(requests: tuple[Request, ...], is_undone: bool) -> None:
    judged = Evidence({1: CANCELLATION, 2: REGISTRATION}, SENT, requests, 1)
    assert broken(judged) == ({Invariant.UNDONE} if is_undone else set())
    assert count_repeated(judged) == int(all(request.applied for request in requests))


def test_the_last_success_on_a_thing_must_stand() -> None:
    rows = {1: replace(CANCELLATION, attempt=1), 2: REGISTRATION}
    judged = Evidence(rows, SENT[1:2] + SENT[2:], (REGISTERED, CANCELLED), None)
    assert Invariant.UNDONE in broken(judged)


def test_anothers_id_in_question_is_no_false_success() -> None:
    anothers = replace(ROW, remote_id="CAL-OTHER")
    assert broken(evidence(anothers)) == {Invariant.FALSE_SUCCESS}
    assert broken(evidence(replace(anothers, in_question=True))) == set()


def test_a_row_in_flight_without_a_worker_is_lost() -> None:
    in_flight = evidence(replace(ROW, state=State.IN_FLIGHT, remote_id=None), (), ())
    assert broken(in_flight) == {Invariant.LOST}


def test_every_fault_of_the_stand_in_has_a_meaning() -> None:
    assert set(MEANINGS) | OF_IDS == set(Fault)
    assert {Fault.RESET_AFTER_PROCESSING, Fault.GATEWAY_TIMEOUT, Fault.BROKEN_JSON} <= AMBIGUOUS
    assert not {Fault.BAD_REQUEST, Fault.THROTTLED, Fault.REFUSE_CONNECTIONS} & AMBIGUOUS
