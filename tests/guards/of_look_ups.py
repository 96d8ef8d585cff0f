"""The guards of rule 24: the checks of a look-up before a conclusion is drawn from it."""

from tests.guards.guard import Guard

LOOKING_UP = "worker/outbox/exchange/look_ups.py"
DOUBT = "worker/doubt.py"
COMEBACK = "worker/kinds/comeback.py"
_LOOKING_TEST = "tests/outbox/exchange/test_look_ups.py::"
_REPEATED_TEST = "tests/outbox/exchange/test_repeated_look_ups.py::"
_CLOCKS_TEST = "tests/kinds/test_comeback_clocks.py::"
_DOUBT_TEST = "tests/test_doubt.py::"

GUARDS = (
    Guard(
        24,
        "a look-up counts only for the attempt it began with",
        LOOKING_UP,
        "        Operation.attempt == look_up.attempt,\n        Operation.look_ups == look_up.look_ups,\n",
        "        Operation.look_ups == look_up.look_ups,\n",
        "tests/outbox/exchange/test_patience.py::test_an_earlier_attempts_look_up_ends_no_later_one",
    ),
    Guard(
        24,
        "a look-up counts only if no later one has begun",
        LOOKING_UP,
        "        Operation.attempt == look_up.attempt,\n        Operation.look_ups == look_up.look_ups,\n",
        "        Operation.attempt == look_up.attempt,\n",
        f"{_LOOKING_TEST}test_an_earlier_look_ups_answer_does_not_settle_the_later",
    ),
    Guard(
        24,
        "a look-up counts once",
        LOOKING_UP,
        "        Operation.look_up_until.is_not(None),\n",
        "",
        f"{_REPEATED_TEST}test_a_look_up_taken_in_twice_counts_once",
    ),
    Guard(
        24,
        "two look-ups are at least the gap apart",
        LOOKING_UP,
        '"next_attempt_at": later(current_time, policy.gap),',
        '"next_attempt_at": current_time,',
        f"{_LOOKING_TEST}test_a_dead_workers_look_up_is_repeated_after_the_gap",
    ),
    Guard(
        24,
        "one absence is not enough",
        DOUBT,
        "case Presence.ABSENT if doubt.absent_before:",
        "case Presence.ABSENT if doubt.look_ups:",
        f"{_DOUBT_TEST}test_once_absent_is_not_enough",
    ),
    Guard(
        24,
        "no conclusion while a row like it is under way",
        "worker/outbox/predicates.py",
        "rival.state.in_([State.IN_FLIGHT, State.IN_DOUBT])",
        "rival.state.in_([State.IN_FLIGHT])",
        f"{_LOOKING_TEST}test_nothing_is_concluded_while_another_like_it_is_under_way",
    ),
    Guard(
        24,
        "a resend permission expires",
        "worker/outbox/predicates.py",
        "or_(Operation.send_again_until.is_(None), Operation.send_again_until > current_time)",
        "or_(Operation.send_again_until.is_(None), Operation.send_again_until <= current_time, Operation.send_again_until > current_time)",
        f"{_LOOKING_TEST}test_a_claim_by_itself_heeds_old_leave",
    ),
    Guard(
        24,
        "a resend permission counts from the look-up's begin",
        LOOKING_UP,
        "moves.resend_permitted(later(Operation.looked_up_at, gap)",
        "moves.resend_permitted(later(current_time, gap)",
        f"{_REPEATED_TEST}test_a_resend_permission_counts_from_the_look_ups_begin",
    ),
    Guard(
        24,
        "no absence is proven by Vitec's clock",
        COMEBACK,
        "not meeting.was_made_before(sent_at - _EARLIER_MEETING)",
        "not meeting.was_made_before(sent_at - skew)",
        f"{_CLOCKS_TEST}test_a_meeting_that_may_be_older_is_unclear",
    ),
    Guard(
        24,
        "a time that means none is no early one",
        COMEBACK,
        "not self.created.is_placeholder and ",
        "",
        f"{_CLOCKS_TEST}test_a_meeting_at_our_time_is_never_absent",
    ),
    Guard(
        24,
        "a meeting at a time that may have been made of ours proves no absence",
        COMEBACK,
        '    if candidates:\n        return answers.unclear("a comeback is at that time as it would',
        '    if False:\n        return answers.unclear("a comeback is at that time as it would',
        f"{_CLOCKS_TEST}test_a_time_that_may_stem_from_ours_is_unclear",
    ),
    Guard(
        24,
        "only a meeting that is surely younger is ours",
        COMEBACK,
        "    if meeting.created.earliest < since:\n",
        "    if False:\n",
        "tests/kinds/test_comeback.py::test_an_ambiguous_creation_time_proves_what_both_readings_say",
    ),
    Guard(
        24,
        "a meeting that was made in the future is not ours",
        COMEBACK,
        "    if until is not None and meeting.created.earliest > until:\n",
        "    if False:\n",
        f"{_CLOCKS_TEST}test_a_meeting_made_in_the_future_proves_nothing",
    ),
    Guard(
        24,
        "a rival's id leaves out an entry only where both are the only ones",
        COMEBACK,
        "if times == listed[id_] == 1}",
        "}",
        f"{_CLOCKS_TEST}test_an_id_that_tells_no_rival_apart_is_unclear",
    ),
    Guard(
        24,
        "what may be another's while its id is not listed is not ours",
        COMEBACK,
        "        if owned != rivals.keys():\n",
        "        if False:\n",
        f"{_CLOCKS_TEST}test_an_id_that_tells_no_rival_apart_is_unclear",
    ),
    Guard(
        24,
        "an id that a rival has got since the look-up began is not ours",
        "worker/outbox/predicates.py",
        "or_(nameless, is_owned(literal(remote_id, String)))",
        "or_(nameless, nameless)",
        "tests/outbox/exchange/test_rivals.py::test_an_id_that_a_rival_has_got_is_not_ours",
    ),
    Guard(
        24,
        "after a step of the clock a doubt waits anew",
        "worker/clock_watch.py",
        "            clock.begin_doubts_anew(db, waits.quiet)\n",
        "",
        "tests/outbox/upkeep/test_clock.py::test_a_doubt_waits_anew_after_a_step",
    ),
    Guard(
        24,
        "a clock that was set forward ends nothing",
        "worker/clock_watch.py",
        "        return compared and reading.unconfirmed <= 0\n",
        "        return compared\n",
        "tests/outbox/upkeep/test_clock.py::test_a_step_forward_is_not_trusted_until_confirmed",
    ),
)
