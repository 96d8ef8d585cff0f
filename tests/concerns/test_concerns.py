"""Each concern has a code, its cause, and a cure that helps; and where nothing is wrong there is none."""

from __future__ import annotations

import shlex
from datetime import timedelta
from typing import TYPE_CHECKING, Any, get_args

import pytest

from models import HoldReason, Scope, State
from tests.concerns.overviews import SOON, make_due, make_ending, make_hold, make_overview, only_concern
from tests.factory import MOMENT
from worker.cli import LAZY_COMMANDS, load
from worker.concerns import Severity, find_concerns
from worker.concerns.concern import EndingCode, WorkCode
from worker.concerns.of_work import NOT_TAKEN, SILENT, SLOW
from worker.outbox.views.endings import NEWEST

if TYPE_CHECKING:
    from worker.outbox.views.overview import Overview

CERTIFICATE = "Vitec's certificate is not accepted: self-signed certificate"
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
AT_WORK = [{"kind": "comeback"}]


def held(reason: HoldReason, scope: Scope = Scope.ENVIRONMENT, count: int = 7, **columns: Any) -> Overview:
    """Make an overview with one hold, which keeps so many operations."""
    return make_overview(holds=[make_hold(reason, scope, **columns)], hold_counts={1: count})


CASES: list[tuple[str, Overview, str, str]] = [
    (
        "rows_not_taken_in",
        make_overview(new_rows=3, new_rows_since=MOMENT - timedelta(minutes=2)),
        "3 rows of crm_rows not taken in, the first written at 09:58 CET",
        "Is a worker running?",
    ),
    (
        "repeated_id",
        make_overview(latest=[make_ending(7, State.SUCCEEDED, "repeated_id", kind="appointment")]),
        "7 appointments of the last 24 hours have an id of Vitec's that came before for another one",
        "vitec-sync list --state succeeded --code repeated_id --kind appointment",
    ),
    ("needs_person", make_overview(need_person=1), "1 operation needs a person.", "list --needs-person"),
    (
        "needs_person",
        make_overview(need_person=3, need_person_since=MOMENT - timedelta(hours=1)),
        "3 operations need a person. The oldest is in doubt since 09:00 CET.",
        "vitec-sync list --needs-person",
    ),
    (
        "unauthorized",
        held(HoldReason.UNAUTHORIZED, Scope.GROUP, cause="401: wrong login, or the function group is missing"),
        (
            "Vitec refuses the login (401: wrong login, or the function group is missing): M1, viewing, since 10:00 CET."
            " 7 operations wait; one is tried at 10:05 CET."
        ),
        "Correct the login, then: vitec-sync resume --customer M1 --group viewing --reason unauthorized",
    ),
    ("forbidden", held(HoldReason.FORBIDDEN, Scope.GROUP, count=1), "1 operation waits;", "Ask Vitec for the right"),
    (
        "unavailable",
        held(HoldReason.UNAVAILABLE, cause=CERTIFICATE),
        f"Vitec is unavailable ({CERTIFICATE}): everything, since 10:00 CET.",
        "VITEC_CA_BUNDLE",
    ),
    (
        "unavailable",
        held(HoldReason.UNAVAILABLE, cause="the connection was refused", holds=False, until=MOMENT),
        "(the connection was refused): everything, since 10:00 CET. 7 operations wait; one goes first now.",
        "See that Vitec can be reached at VITEC_BASE_URL",
    ),
    ("throttled", held(HoldReason.THROTTLED), "Vitec asked to wait", "VITEC_REQUESTS_PER_SECOND"),
    ("redirected", held(HoldReason.REDIRECTED), "answers with a redirect: everything", "Correct VITEC_BASE_URL"),
    ("foreign_answer", held(HoldReason.FOREIGN_ANSWER), "What answers is not Vitec's API", "VITEC_BASE_URL"),
    (
        "paused",
        held(HoldReason.PAUSED, until=None, by="anna", note="moving house"),
        "Paused by anna (moving house): everything, since 10:00 CET. 7 operations wait until somebody resumes it.",
        "To go on: vitec-sync resume --all",
    ),
    (
        "never_started",
        make_due(2, base_url=None, dispatched_at=None),
        "Work is due, and no worker calls for it. None has ever started on this database.",
        "celery -A worker worker",
    ),
    (
        "never_started",
        make_overview(counts={("comeback", State.PENDING): 1}, base_url=None, dispatched_at=None),
        "Work waits, and no worker calls for it.",
        "celery -A worker beat",
    ),
    ("silent", make_due(2, dispatched_at=None), "Work is due, and no worker calls for it.", "celery -A worker worker"),
    (
        "silent",
        make_due(2, dispatched_at=MOMENT - timedelta(hours=1)),
        "Work is due, and no worker calls for it. The last call was at 09:00 CET.",
        "celery -A worker worker",
    ),
    (
        "silent",
        make_overview(look_ups=1, dispatched_at=MOMENT - timedelta(hours=1)),
        "Work waits, and no worker calls for it.",
        "celery -A worker worker",
    ),
    (
        "not_taken",
        make_due(3, "viewing_registration"),
        "No worker takes what is due: viewing registration, 2 lanes due, the first since 09:57 CET.",
        "-Q",
    ),
    (
        "slow",
        make_due(16, turns=AT_WORK),
        "Work waits long for its turn: 2 lanes due, the first since 09:44 CET.",
        "VITEC_REQUESTS_PER_SECOND",
    ),
    ("failing", make_overview(failures_in_row=2), "The last 2 requests to Vitec failed", "--state retryable"),
    (
        "failing_kind",
        make_overview(latest=[make_ending(200, code="not_found"), make_ending(9, kind="order_token", code=None)][:1]),
        "All of the last 200 comeback have failed: 200 not found.",
        "vitec-sync list --state failed --kind comeback",
    ),
    (
        "failing_kind",
        make_overview(
            latest=[make_ending(4, code="not_found"), make_ending(1), make_ending(5, State.SUCCEEDED, code=None)]
        ),
        "5 of the last 10 comeback have failed: 4 not found, 1 refused.",
        "vitec-sync requeue",
    ),
    (
        "failed",
        make_overview(untold=[make_ending(3, code="not_found"), make_ending(2, kind="order_token")]),
        (
            "5 operations (comeback, order token) failed since 10:00 CET, and the CRM has not been told:"
            " 3 not found, 2 refused."
        ),
        "vitec-sync results --output results.csv",
    ),
    (
        "expired",
        make_overview(untold=[make_ending(1, State.EXPIRED, code=None, kind="order_token")]),
        "1 operation (order token) ran out of time before",
        "vitec-sync list --state expired",
    ),
    ("refused_files", make_overview(refused_files=1), "1 file was refused as a whole", "vitec-sync rejected"),
    ("rejected_rows", make_overview(unreported_rejected=16), "16 rows could not be taken in", "vitec-sync rejected"),
    (
        "parent_missing",
        make_overview(lost=2, lost_since=MOMENT - DAY - SECOND),
        "2 operations wait for a row that has not been exported",
        "vitec-sync list --parent-missing",
    ),
]


@pytest.mark.parametrize(("code", "overview", "text", "remedy"), CASES, ids=[code for code, *_ in CASES])
def test_a_concern_says_its_cause_and_its_cure(code: str, overview: Overview, text: str, remedy: str) -> None:
    concern = only_concern(overview)
    assert concern.code == code
    assert text in concern.text
    assert remedy in concern.remedy
    assert concern.text.endswith(".")


@pytest.mark.parametrize("overview", [overview for _, overview, _, _ in CASES])
def test_the_command_of_a_concern_is_accepted_by_the_parser(overview: Overview) -> None:
    command = only_concern(overview).command
    if command:
        program, name, *options = shlex.split(command)
        assert program == "vitec-sync"
        assert load(name).make_context(name, options)
        assert name in LAZY_COMMANDS


def test_no_concern_is_without_a_case() -> None:
    # The broker's has a test of its own.
    codes = {*HoldReason, *get_args(WorkCode), *get_args(EndingCode)}
    assert {code for code, *_ in CASES} == codes


@pytest.mark.parametrize(
    "overview",
    [
        make_overview(),
        make_overview(counts={("comeback", State.PENDING): 9, ("comeback", State.SUCCEEDED): 9}, look_ups=3),
        make_overview(holds=[make_hold(HoldReason.THROTTLED, until=MOMENT + timedelta(seconds=60))]),
        # It ran out while nothing was left to be sent: no answer will ever end it.
        make_overview(holds=[make_hold(HoldReason.UNAUTHORIZED, holds=False, until=MOMENT)]),
        make_due(0.9, dispatched_at=None),
        make_due(2),
        make_due(15, turns=AT_WORK),
        # The lanes could not be served before the hold of everything was over.
        make_due(60, holds=[make_hold(HoldReason.THROTTLED, Scope.ENVIRONMENT, holds=False, until=MOMENT)]),
        make_overview(failures_in_row=1),
        make_overview(latest=[make_ending(4)]),
        make_overview(latest=[make_ending(5), make_ending(6, State.SUCCEEDED, code=None)]),
        make_overview(latest=[make_ending(99, code="parent_failed")]),
        make_overview(latest=[make_ending(99, State.CANCELLED)]),
        make_overview(lost=1, lost_since=MOMENT - DAY + SECOND),
    ],
)
def test_all_is_well_where_nothing_lasts(overview: Overview) -> None:
    assert [concern.code for concern in find_concerns(overview)] == []


def test_a_broker_that_takes_no_rings_is_a_concern() -> None:
    (concern,) = find_concerns(make_overview(), broker_fault="nothing listens at its address")
    assert concern.code == "broker"
    assert concern.text == "The broker at BROKER_URL takes no rings: nothing listens at its address."


def test_a_count_that_is_cut_off_says_so() -> None:
    concern = only_concern(make_overview(untold=[make_ending(NEWEST)]))
    assert concern.text.startswith("At least 10\N{NO-BREAK SPACE}000 operations (comeback) failed")


def test_a_throttling_that_comes_back_is_a_concern() -> None:
    brief = make_hold(HoldReason.THROTTLED, strikes=2, until=MOMENT + SECOND)
    assert only_concern(make_overview(holds=[brief])).code == HoldReason.THROTTLED


def test_no_missing_parent_is_told_where_it_is_turned_off() -> None:
    overview = make_overview(lost=1, lost_since=MOMENT - timedelta(days=9))
    assert list(find_concerns(overview, parent_missing_after=timedelta(0))) == []


def test_holds_of_everything_and_of_most_come_first() -> None:
    holds = [
        make_hold(HoldReason.UNAUTHORIZED, id=1),
        make_hold(HoldReason.FORBIDDEN, id=2),
        make_hold(HoldReason.UNAVAILABLE, Scope.ENVIRONMENT, id=3),
    ]
    concerns = list(find_concerns(make_overview(holds=holds, hold_counts={1: 1, 2: 9, 3: 0})))
    assert [concern.code for concern in concerns] == ["unavailable", "forbidden", "unauthorized"]
    assert [concern.severity for concern in concerns] == [Severity.CRITICAL, Severity.ERROR, Severity.ERROR]


def test_a_program_gets_the_facts_of_a_hold() -> None:
    concern = only_concern(held(HoldReason.UNAUTHORIZED, Scope.GROUP))
    assert concern.since == MOMENT
    assert concern.count == 7
    assert concern.data["until"] == SOON
    assert concern.data["customer_id"] == "M1"


def test_limits_are_ordered_so_that_each_can_be_told() -> None:
    assert SILENT < NOT_TAKEN < SLOW


def test_another_address_than_the_databases_is_a_concern() -> None:
    (concern,) = find_concerns(make_overview(base_url="https://a.example"), configured="https://b.example")
    assert concern.code == "other_address"
    assert "https://a.example" in concern.text
    assert not list(find_concerns(make_overview(base_url="http://localhost:9"), configured="http://127.0.0.1:9/"))
