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
        "        and_(earlier.state != State.PENDING, or_(earlier.id < Operation.id, Operation.state == State.PENDING)),\n",
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
        ", ~_has(_may_be_at_vitec))",
        ")",
        f"{_WITHDRAWING_TEST}test_a_registration_at_vitec_is_taken_back_there",
    ),
    Guard(
        12,
        "an operation that was overtaken waits for what has overtaken it",
        CONDITIONS,
        "or_(earlier.id < Operation.id, Operation.state == State.PENDING)",
        "earlier.id < Operation.id",
        f"{_SEQUENCES_TEST}test_one_overtaken_waits_for_the_end_of_what_overtook",
    ),
    Guard(
        12,
        "an operation that waits for a parent holds up no other",
        CONDITIONS,
        "    earlier.parent_done,\n",
        "",
        f"{_SEQUENCES_TEST}test_one_tried_that_now_waits_for_a_parent_is_overtaken",
    ),
    Guard(
        12,
        "an operation has its place before its time has come",
        "worker/outbox/lanes/handing_on.py",
        "and_(in_named_lane, lacks_result, sendable)",
        "and_(in_named_lane, lacks_result, sendable, Operation.next_attempt_at <= current_time)",
        "tests/outbox/lanes/test_handing_on.py::test_new_content_keeps_the_place_of_one_tried",
    ),
    Guard(
        12,
        "a registration that was made after a cancellation is taken back, too",
        WITHDRAWALS,
        "        _own.first_claimed_at > _taken.finalized_at,\n",
        "",
        f"{_WITHDRAWING_TEST}test_one_mended_after_a_cancellation_is_taken_back_again",
    ),
)
