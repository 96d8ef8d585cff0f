"""The guards of rule 11 for a login that is refused, and for the address to which a database belongs."""

from tests.guards.guard import Guard

PREDICATES = "worker/outbox/predicates.py"
EXCHANGE = "worker/outbox/exchange/exchange.py"
_LOGINS_TEST = "tests/outbox/exchange/test_refused_logins.py::"
_ADDRESS_TEST = "tests/outbox/lanes/test_environments.py::"

GUARDS = (
    Guard(
        11,
        "operations of a suspect login go singly",
        PREDICATES,
        "            and_(suspects(Hold, Lane), suspects(Hold, _probed_lane)),\n",
        "",
        f"{_LOGINS_TEST}test_a_suspect_login_sends_one_at_a_time",
    ),
    Guard(
        11,
        "a request from before a resume renews nothing",
        "worker/outbox/exchange/holds.py",
        "signal.began >= until",
        "True",
        f"{_LOGINS_TEST}test_a_request_from_before_a_resume_renews_nothing",
    ),
    Guard(
        11,
        "a refused login is one hold",
        "worker/outbox/exchange/refused_logins.py",
        "    connection.execute(delete(Hold).where(Hold.id.in_([hold.id for hold in suspicions])))\n",
        "",
        f"{_LOGINS_TEST}test_refusals_in_one_function_group_hold_the_login_there",
    ),
    Guard(
        11,
        "customers forbidden in a row are one hold",
        "worker/outbox/exchange/holds.py",
        "refused = wanted.reason in OF_LOGINS",
        "refused = wanted.reason is HoldReason.UNAUTHORIZED",
        f"{_LOGINS_TEST}test_five_customers_forbidden_in_a_row_hold_the_login",
    ),
    Guard(
        11,
        "one customer's refusals hold no login of others",
        "worker/outbox/exchange/refused_logins.py",
        "    if {hold.customer_id for hold in suspicions} != {turn.customer_id}:\n        return False\n",
        "    return False\n",
        f"{_LOGINS_TEST}test_one_customers_refusals_hold_no_login_of_others",
    ),
    Guard(
        11,
        "a turn of another address claims nothing",
        EXCHANGE,
        "wanted > 0 and not strange:",
        "wanted > 0:",
        f"{_ADDRESS_TEST}test_a_turn_of_another_address_claims_nothing",
    ),
    Guard(
        11,
        "a request that may have been written binds",
        "worker/outbox/lanes/environments.py",
        "row.bound_at is not None or row.may_have_sent:",
        "row.bound_at is not None:",
        f"{_ADDRESS_TEST}test_a_request_that_may_have_been_written_binds_too",
    ),
)
