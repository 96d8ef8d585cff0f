"""The guards of rule 29: an answer counts for what its page says; of any other the text is kept, hidden and blanked."""

from tests.guards.guard import Guard

_TICKET = "worker/kinds/order_token.py"
_TICKET_TEST = "tests/kinds/test_order_token.py::"
_KEPT_TEST = "tests/delivery/test_kept_answers.py::"

GUARDS = (
    Guard(
        29,
        "an answer in another shape is kept",
        "worker/delivery/sending.py",
        "NOTHING_KEPT if as_documented else trace_of(answer)",
        "NOTHING_KEPT",
        f"{_KEPT_TEST}test_an_id_in_another_shape_can_be_read",
    ),
    Guard(
        29,
        "the text of an unclear look-up is kept",
        "worker/delivery/sending.py",
        "answer_text=trace.text if result.presence is Presence.UNCLEAR else None,",
        "answer_text=None,",
        f"{_KEPT_TEST}test_the_answer_to_a_look_up_has_its_shape",
    ),
    Guard(
        29,
        "the watchdog ends a read, so that what came is kept",
        "worker/vitec/client.py",
        "read=remaining + READ_LONGER",
        "read=remaining - 0.1",
        f"{_KEPT_TEST}test_an_answer_that_is_cut_off_is_kept_so_far",
    ),
    Guard(
        29,
        "a kept text is blanked",
        "worker/outbox/upkeep/prune.py",
        "detail=None, answer_text=None, answer=null()",
        "detail=None, answer=null()",
        "tests/outbox/upkeep/test_prune.py::test_kept_answers_are_blanked_and_their_shapes_stay",
    ),
    Guard(
        29,
        "a kept text is hidden from programs",
        "worker/cli/show.py",
        'entry["answer_text"] if reveal or entry["answer_text"] is None else HIDDEN',
        'entry["answer_text"]',
        "tests/cli/test_show.py::test_kept_answers_are_shown_only_with_reveal",
    ),
    Guard(
        29,
        "a ticket has expired under either name",
        _TICKET,
        "any(ends)",
        "ends[0]",
        f"{_TICKET_TEST}test_either_name_of_the_end_ends_it",
    ),
    Guard(
        29,
        "a ticket without an end is none",
        _TICKET,
        "if not ends or not all(",
        "if not all(",
        f"{_TICKET_TEST}test_an_answer_without_a_ticket_is_accepted_in_doubt",
    ),
    Guard(
        29,
        "a name that comes twice counts for nothing",
        "worker/kind/answers.py",
        "    if len(members_by_name) < len(pairs):\n",
        "    if not members_by_name and pairs:\n",
        "tests/kinds/test_viewing_registration.py::test_any_other_answer_proves_nothing",
    ),
)
