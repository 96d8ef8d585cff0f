"""The guards of rules 22, 23, 25 and 26: the evidence about an attempt, and the report of it."""

from tests.guards.guard import Guard

EVIDENCE = "worker/outbox/exchange/late_answers.py"
SETTLING = "worker/outbox/exchange/settle.py"
MOVES = "worker/outbox/moves.py"
_END = '        "finalized_at": current_time,\n        **_NEWS,\n'
_UNTOLD_END = '        "finalized_at": current_time,\n'
_EVIDENCE_TEST = "tests/outbox/exchange/test_late_answers.py::"
_NEWS_TEST = "tests/outbox/exchange/test_settle.py::test_every_new_verdict_is_news_for_the_crm"

GUARDS = (
    Guard(
        22,
        "the quiet time counts from the rescue",
        MOVES,
        '"doubt_since": current_time,\n        "absent',
        '"doubt_since": Operation.claimed_at,\n        "absent',
        "tests/outbox/exchange/test_rescue.py::test_the_quiet_time_counts_from_the_rescue",
    ),
    Guard(
        22,
        "the quiet time counts from a later end of the attempt",
        EVIDENCE,
        '{"doubt_since": current_time, ',
        "{",
        f"{_EVIDENCE_TEST}test_a_late_doubt_restarts_the_quiet_time",
    ),
    Guard(
        23,
        "a late success proves the operation in every state",
        EVIDENCE,
        "    if argued is State.SUCCEEDED or (",
        "    if (argued is State.SUCCEEDED and in_doubt) or (",
        f"{_EVIDENCE_TEST}test_a_late_success_proves_the_operation_wherever_it_stands",
    ),
    Guard(
        23,
        "a late refusal settles the doubt",
        EVIDENCE,
        "        return _mark_without_effect(connection, late, cancel=row.cancel_asked)\n",
        "        return None\n",
        f"{_EVIDENCE_TEST}test_a_late_refusal_settles_its_own_attempts_doubt",
    ),
    Guard(
        23,
        "a late refusal settles only its own attempt's doubt",
        EVIDENCE,
        "same_doubt = in_doubt and row.attempt == late.attempt",
        "same_doubt = in_doubt",
        f"{_EVIDENCE_TEST}test_an_older_attempts_late_refusal_leaves_the_newer_alone",
    ),
    Guard(
        23,
        "a late refusal settles no accepted operation",
        EVIDENCE,
        "same_doubt and not row.accepted and argued",
        "same_doubt and argued",
        f"{_EVIDENCE_TEST}test_a_late_refusal_never_resends_an_accepted_row",
    ),
    Guard(
        23,
        "every late answer is on the history",
        EVIDENCE,
        "        record_attempts(connection, Event.LATE, [late])\n",
        "",
        f"{_EVIDENCE_TEST}test_a_late_success_proves_the_operation_wherever_it_stands",
    ),
    Guard(
        23,
        "a settled answer is not late",
        EVIDENCE,
        "Attempt.event == Event.SENT, Attempt.written.is_(None))",
        "Attempt.event == Event.SENT)",
        f"{_EVIDENCE_TEST}test_a_settled_answer_is_not_late",
    ),
    Guard(
        23,
        "a late answer is taken in once",
        EVIDENCE,
        "select(rescued & ~recorded)",
        "select(rescued)",
        f"{_EVIDENCE_TEST}test_a_late_answer_counts_once",
    ),
    Guard(
        23,
        "evidence outweighs the attempt in flight",
        SETTLING,
        "    (_acted_before, _word(State.SUCCEEDED)),\n",
        "",
        f"{_EVIDENCE_TEST}test_a_late_success_outweighs_the_attempt_in_flight",
    ),
    Guard(
        23,
        "two acting attempts are shown to a person",
        SETTLING,
        "needs_person=and_(_acted_before, or_(_acted_twice, _superseded))",
        "needs_person=and_(_acted_before, _superseded)",
        f"{_EVIDENCE_TEST}test_two_acting_attempts_are_shown_with_both_ids",
    ),
    Guard(
        23,
        "also if the later attempt was settled first",
        EVIDENCE,
        'columns |= {"needs_person": True, "error_code"',
        'columns |= {"error_code"',
        f"{_EVIDENCE_TEST}test_a_second_late_success_is_shown_to_a_person",
    ),
    Guard(
        23,
        "a success of superseded content is shown to a person",
        "worker/outbox/revisions/superseded.py",
        "return None if replaced is None or ",
        "return None if replaced is None or replaced or ",
        "tests/outbox/revisions/test_superseded.py::test_late_success_of_older_content_needs_a_person",
    ),
    Guard(
        25,
        "a cancel is honoured when nothing was written",
        SETTLING,
        "    (and_(_state == _word(State.RETRYABLE), Operation.cancel_asked), _word(State.CANCELLED)),\n",
        "",
        "tests/outbox/exchange/test_settle.py::test_cancel_is_honoured_when_nothing_was_written",
    ),
    Guard(
        25,
        "a cancel is not honoured otherwise",
        SETTLING,
        "and_(_state == _word(State.RETRYABLE), Operation.cancel_asked)",
        "Operation.cancel_asked",
        "tests/outbox/exchange/test_settle.py::test_cancel_is_honoured_when_nothing_was_written",
    ),
    Guard(
        23,
        "a late acceptance is not sent again",
        EVIDENCE,
        " or (settlement.accepted and not in_doubt):",
        ":",
        f"{_EVIDENCE_TEST}test_a_late_acceptance_succeeds_without_its_id",
    ),
    Guard(
        25,
        "a wish to cancel outlives a doubt",
        MOVES,
        '"doubt_since": current_time,\n        "absent',
        '"doubt_since": current_time,\n        "cancel_asked": _NO,\n        "absent',
        "tests/outbox/exchange/test_rescue.py::test_a_wish_to_cancel_outlives_the_doubt",
    ),
    Guard(26, "a new verdict is unreported", MOVES, '{"reported_at": _NULL}', "{}", _NEWS_TEST),
    Guard(
        26,
        "new evidence is unreported",
        MOVES,
        _END,
        _UNTOLD_END,
        f"{_EVIDENCE_TEST}test_a_late_success_proves_the_operation_wherever_it_stands",
    ),
    Guard(
        26,
        "an expiry is unreported",
        MOVES,
        _END,
        _UNTOLD_END,
        "tests/outbox/upkeep/test_expiry.py::test_an_overdue_row_expires_and_is_reported_again",
    ),
)
