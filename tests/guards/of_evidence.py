"""The guards of rules 22, 23, 25 and 26: what is known of an attempt, and who is told."""

from tests.guards.guard import Guard

EVIDENCE = "worker/outbox/evidence.py"
SETTLING = "worker/outbox/settling.py"
_EVIDENCE_TEST = "tests/outbox/test_evidence.py::"
_NEWS_TEST = "tests/outbox/test_settling.py::test_every_new_verdict_is_news_for_the_crm"

GUARDS = (
    Guard(
        22,
        "the quiet time counts from the rescue",
        SETTLING,
        "doubt_since=case((target == State.IN_DOUBT.value, now)),",
        "doubt_since=case((target == State.IN_DOUBT.value, Operation.claimed_at)),",
        "tests/outbox/test_rescue.py::test_the_quiet_time_counts_from_the_rescue_which_is_after_the_lease",
    ),
    Guard(
        22,
        "or from the attempt's end, if that comes later",
        EVIDENCE,
        '{"doubt_since": now, ',
        "{",
        f"{_EVIDENCE_TEST}test_a_late_doubt_lets_the_quiet_time_begin_anew",
    ),
    Guard(
        23,
        "a late success proves the operation in every state",
        EVIDENCE,
        "    if argued is State.SUCCEEDED:\n",
        "    if argued is State.SUCCEEDED and row.state is State.IN_DOUBT:\n",
        f"{_EVIDENCE_TEST}test_a_late_success_proves_the_operation_wherever_it_stands",
    ),
    Guard(
        23,
        "a late certain no settles the doubt",
        EVIDENCE,
        "    if same_doubt and argued in (State.RETRYABLE, State.FAILED):\n        return _disprove(connection, now, one)\n",
        "",
        f"{_EVIDENCE_TEST}test_a_late_certain_no_settles_the_doubt_of_its_own_attempt",
    ),
    Guard(
        23,
        "but only of its own attempt",
        EVIDENCE,
        "row.state is State.IN_DOUBT and row.attempt == one.attempt",
        "row.state is State.IN_DOUBT",
        f"{_EVIDENCE_TEST}test_a_late_no_of_an_older_attempt_says_nothing_about_the_newer",
    ),
    Guard(
        23,
        "every late answer is on the history",
        EVIDENCE,
        "        record(connection, Event.LATE, now, [one])\n",
        "",
        f"{_EVIDENCE_TEST}test_a_late_success_proves_the_operation_wherever_it_stands",
    ),
    Guard(
        23,
        "an answer that was written is not late",
        EVIDENCE,
        "Attempt.event == Event.SENT, Attempt.code == WORKER_DIED)",
        "Attempt.event == Event.SENT)",
        f"{_EVIDENCE_TEST}test_an_answer_that_was_written_is_not_taken_for_a_late_one",
    ),
    Guard(
        23,
        "a late answer is taken in once",
        EVIDENCE,
        "select(died & ~known)",
        "select(died)",
        f"{_EVIDENCE_TEST}test_a_late_answer_is_taken_in_once_however_often_it_is_written",
    ),
    Guard(
        23,
        "evidence outweighs what the attempt in flight brings",
        SETTLING,
        "        (acted_before, State.SUCCEEDED.value),\n",
        "",
        f"{_EVIDENCE_TEST}test_with_a_later_attempt_in_flight_the_success_is_noted_and_outweighs_what_that_one_brings",
    ),
    Guard(
        23,
        "two that both acted are shown to a person",
        SETTLING,
        "needs_person=or_(acted_twice, and_(not_(succeeded), settled.needs_person)),",
        "needs_person=and_(not_(succeeded), settled.needs_person),",
        f"{_EVIDENCE_TEST}test_two_attempts_that_both_acted_are_shown_to_a_person_with_both_ids",
    ),
    Guard(
        23,
        "also when the later one was settled first",
        EVIDENCE,
        "target.values(needs_person=True, error_code=",
        "target.values(error_code=",
        f"{_EVIDENCE_TEST}test_a_late_success_after_the_success_of_another_attempt_is_shown_to_a_person",
    ),
    Guard(
        25,
        "a cancel is honoured when nothing was written",
        SETTLING,
        "        (and_(settled.state == State.RETRYABLE.value, Operation.cancel_asked), State.CANCELLED.value),\n",
        "",
        "tests/outbox/test_exchange.py::test_cancel_is_honoured_when_nothing_was_written",
    ),
    Guard(
        25,
        "and only then",
        SETTLING,
        "and_(settled.state == State.RETRYABLE.value, Operation.cancel_asked)",
        "Operation.cancel_asked",
        "tests/outbox/test_exchange.py::test_cancel_is_honoured_when_nothing_was_written",
    ),
    Guard(26, "a new verdict is news", SETTLING, "            reported_at=None,\n", "", _NEWS_TEST),
    Guard(
        26,
        "new evidence is news",
        EVIDENCE,
        "            cancel_asked=False,\n            reported_at=None,\n",
        "            cancel_asked=False,\n",
        f"{_EVIDENCE_TEST}test_a_late_success_proves_the_operation_wherever_it_stands",
    ),
    Guard(
        26,
        "an expiry is news",
        "worker/outbox/expiry.py",
        "                reported_at=None,\n",
        "",
        "tests/outbox/test_expiry.py::test_what_waits_past_its_time_expires_and_is_news",
    ),
)
