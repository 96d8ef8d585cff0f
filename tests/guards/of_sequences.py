"""The guards of rule 12 that keep operations on one thing at Vitec in their order."""

from tests.guards.guard import Guard

CONDITIONS = "worker/outbox/predicates.py"
WITHDRAWALS = "worker/outbox/lanes/withdrawals.py"
_SEQUENCES_TEST = "tests/outbox/lanes/test_sequences.py::"
_WITHDRAWING_TEST = "tests/importing/test_withdrawing.py::"

GUARDS = (
    Guard(
        12,
        "an operation waits for its predecessors",
        CONDITIONS,
        "    comes_first,\n",
        "",
        f"{_SEQUENCES_TEST}test_it_waits_for_an_unfinished_predecessor",
    ),
    Guard(
        12,
        "an operation that was tried keeps its place",
        CONDITIONS,
        "        earlier.state != State.PENDING,\n",
        "",
        f"{_SEQUENCES_TEST}test_one_that_was_tried_keeps_its_place",
    ),
    Guard(
        12,
        "a cancellation withdraws no later registration",
        WITHDRAWALS,
        "    _later.id > Operation.id,\n",
        "",
        f"{_WITHDRAWING_TEST}test_a_later_registration_stays_though_the_cancellation_comes_again",
    ),
    Guard(
        12,
        "a cancellation is sent where something may be at Vitec",
        WITHDRAWALS,
        "    ~exists().where(_may_be_at_vitec),\n",
        "",
        f"{_WITHDRAWING_TEST}test_a_registration_at_vitec_is_taken_back_there",
    ),
)
