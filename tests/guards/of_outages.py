"""The guards of rules 11, 13, 23 and 24 that stand between an outage and the rows that it keeps."""

from tests.guards.guard import Guard

OUTCOMES = "worker/error_outcomes.py"
DECIDE = "worker/decide.py"
DOUBT = "worker/doubt.py"
HOLDS = "worker/outbox/exchange/holds.py"
CLASSIFY = "worker/vitec/classify.py"
_BREAKER_TEST = "tests/outbox/exchange/test_breaker.py::"
_PATIENCE_TEST = "tests/outbox/exchange/test_patience.py::"
_OUTCOMES_TEST = "tests/test_outcomes.py::"
_OUTAGES_TEST = "tests/test_outages.py::"
_PAGES_TEST = "tests/vitec/test_pages.py::"

GUARDS = (
    Guard(
        11,
        "a hold is renewed by a bad answer only",
        HOLDS,
        "    if ill and in_row.environment:\n        in_row = _open_breaker(connection, turn, ill[-1],",
        "    if in_row.environment:\n        in_row = _open_breaker(connection, turn, (ill or signals)[-1],",
        f"{_BREAKER_TEST}test_no_hold_is_renewed_by_what_never_reached_vitec",
    ),
    Guard(
        11,
        "answers to one lane alone hold that lane",
        HOLDS,
        "    if foreign and standing is None and in_row.foreign >= policy.breaker_failures:\n",
        "    if False:\n",
        f"{_BREAKER_TEST}test_pages_to_one_lane_hold_that_lane",
    ),
    Guard(
        13,
        "what never reached Vitec uses up nothing",
        OUTCOMES,
        "return Retryable(error.code, error.why, counts=False, health=Health.ILL, cause=error.why)",
        "return Retryable(error.code, error.why, health=Health.ILL, cause=error.why)",
        f"{_OUTCOMES_TEST}test_every_error_is_judged_by_whether_vitec_may_have_acted",
    ),
    Guard(
        13,
        "what uses up nothing waits longer each time",
        DECIDE,
        "facts.backoff.seconds(max(1, facts.attempt))",
        "facts.backoff.seconds(1)",
        f"{_OUTAGES_TEST}test_what_an_outage_keeps_waits_longer_and_never_fails",
    ),
    Guard(
        13,
        "a page refuses nothing",
        CLASSIFY,
        "if (error is Refused or status == 403) and (is_page(answer) or _says_html(answer)):",
        "if status == 403 and (is_page(answer) or _says_html(answer)):",
        f"{_PAGES_TEST}test_a_refusal_as_a_page_is_not_the_apis",
    ),
    Guard(
        13,
        "a row alone with its page uses up its budget",
        DECIDE,
        "counts = counts or (facts.singled_out and outcome.health is Health.FOREIGN)",
        "counts = bool(counts)",
        f"{_OUTAGES_TEST}test_a_page_counts_only_where_others_are_answered_well",
    ),
    Guard(
        23,
        "a page in place of an answer accepts nothing",
        CLASSIFY,
        "        if is_page(answer):\n            return ForeignPage",
        "        if False:\n            return ForeignPage",
        f"{_PAGES_TEST}test_a_page_that_is_cut_off_accepts_nothing",
    ),
    Guard(
        23,
        "only a 204 registers",
        "worker/kinds/viewing_registration.py",
        "if answer.status == 204 and not answer.body:",
        "if not answer.body:",
        "tests/kinds/test_viewing_registration.py::test_another_2xx_that_says_nothing_is_looked_up_first",
    ),
    Guard(
        24,
        "a doubt uses up one of the budget",
        DECIDE,
        "        accepted=outcome.accepted,\n        failures=1,\n",
        "        accepted=outcome.accepted,\n",
        "tests/test_decide.py::test_a_doubt_stays_one_however_often_it_was_tried",
    ),
    Guard(
        24,
        "with its tries used up an absent one is a person's",
        DOUBT,
        "case Presence.ABSENT if doubt.absent_before and doubt.used_up:",
        "case Presence.ABSENT if doubt.absent_before and doubt.used_up and False:",
        f"{_PATIENCE_TEST}test_resent_again_and_again_it_ends_with_a_person",
    ),
    Guard(
        24,
        "a permission that ended before it began is none",
        DOUBT,
        "case Presence.ABSENT if doubt.absent_before and doubt.too_slow:",
        "case Presence.ABSENT if doubt.absent_before and doubt.too_slow and False:",
        f"{_PATIENCE_TEST}test_look_ups_slower_than_their_permission_end_with_a_person",
    ),
    Guard(
        24,
        "a look-up that never reached Vitec uses up no patience",
        "worker/outbox/predicates.py",
        "        Attempt.written.is_not(false()),\n",
        "",
        f"{_PATIENCE_TEST}test_a_look_up_that_never_reached_vitec_costs_no_patience",
    ),
)
