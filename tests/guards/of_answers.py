"""The guards of rule 28: an id may name several things, and an answer may be another request's."""

from tests.guards.guard import Guard

_SURPLUS_TEST = "tests/vitec/test_surplus.py::"
_QUESTIONED_TEST = "tests/outbox/exchange/test_questioned.py::"
_KEPT = "worker/vitec/kept_connections.py"
_REPEATED_TEST = "tests/outbox/exchange/test_repeated_ids.py::"

GUARDS = (
    Guard(
        28,
        "an id that came before is flagged",
        "worker/outbox/exchange/settle.py",
        "or_(_repeats, is_owned(_remote_id))",
        "or_(_repeats, _repeats)",
        f"{_REPEATED_TEST}test_an_id_that_came_before_is_flagged",
    ),
    Guard(
        28,
        "an id that comes twice in one exchange is flagged",
        "worker/outbox/exchange/settle.py",
        '            row["repeats"] = remote_id in ids_before\n',
        '            row["repeats"] = False\n',
        f"{_REPEATED_TEST}test_ids_that_come_together_are_flagged_but_the_first",
    ),
    Guard(
        28,
        "a rival with a repeated id has none of its own",
        "worker/outbox/predicates.py",
        "or_(rival.remote_id.is_(None), is_owned(rival.remote_id, rival))",
        "rival.remote_id.is_(None)",
        f"{_REPEATED_TEST}test_a_rival_with_a_repeated_id_counts_as_nameless",
    ),
    Guard(
        28,
        "a surplus in the buffer is seen before it is dropped",
        "worker/vitec/response.py",
        "self._attempt.surplus = bool(self._lines.file.peek(1))",
        "self._attempt.surplus = bool(self._lines.file.peek(1)) and False",
        f"{_SURPLUS_TEST}test_a_surplus_that_came_with_an_answer_closes_the_connection[None]",
    ),
    Guard(
        28,
        "nothing is written to a connection that spoke",
        "worker/vitec/connection.py",
        "            if heard is None:\n                return\n            if heard:",
        "            return\n            if heard:",
        f"{_SURPLUS_TEST}test_nothing_is_written_to_a_connection_that_spoke[None]",
    ),
    Guard(
        28,
        "a greeting is no answer",
        "worker/vitec/connection.py",
        "        if heard is not None:\n            self.close()\n            attempt",
        "        if False:\n            self.close()\n            attempt",
        f"{_SURPLUS_TEST}test_a_greeting_is_no_answer",
    ),
    Guard(
        28,
        "a surplus puts the answers before it in question",
        _KEPT,
        "            self._in_question += _unproven(connection)\n",
        "",
        f"{_SURPLUS_TEST}test_a_shifted_answer_puts_its_connections_answers_in_question[None]",
    ),
    Guard(
        28,
        "after a surplus connections are used once",
        _KEPT,
        "if used_up or time.monotonic() < self._single_until:",
        "if used_up:",
        f"{_SURPLUS_TEST}test_after_a_surplus_connections_are_used_once_for_a_while",
    ),
    Guard(
        28,
        "a look-up has a connection of its own",
        "worker/vitec/connection.py",
        "None if current_attempt().method == LOOK_UP_METHOD else self.kept.take()",
        "self.kept.take()",
        "tests/vitec/test_reuse.py::test_a_look_up_has_a_connection_of_its_own",
    ),
    Guard(
        28,
        "an answer in question sends nothing again",
        "worker/outbox/exchange/questioned.py",
        "    if state is State.RETRYABLE:\n",
        "    if False:\n",
        f"{_QUESTIONED_TEST}test_one_that_was_to_be_sent_again_is_not",
    ),
    Guard(
        28,
        "an answer in question accepts nothing",
        "worker/outbox/exchange/questioned.py",
        '{**flag, "accepted": False, "acted_at": null()}',
        "flag",
        f"{_QUESTIONED_TEST}test_an_acceptance_in_question_is_none",
    ),
)
