"""The guards of rule 11: how many requests may be under way, and how many may start in a second."""

from tests.guards.guard import Guard

EXCHANGE = "worker/outbox/exchange/exchange.py"
CLAIMING = "worker/outbox/exchange/claim.py"
ENDING = "worker/delivery/ending.py"
LIMITS = "worker/delivery/start_limits.py"
_LOCKS_TEST = "tests/outbox/exchange/test_locks.py::"
_EXCHANGE_TEST = "tests/outbox/exchange/test_exchange.py::"
_RATE_TEST = "tests/outbox/exchange/test_rate_limit.py::"
_LOOK_UPS_TEST = "tests/outbox/exchange/test_look_up_capacity.py::"

GUARDS = (
    Guard(
        11,
        "the environment limits the rows in flight",
        CLAIMING,
        "min(policy.in_flight - row.in_flight, share -",
        "min(policy.in_flight, share -",
        f"{_EXCHANGE_TEST}test_the_in_flight_limit_holds_for_all_lanes_together",
    ),
    Guard(
        11,
        "living turns share that limit",
        CLAIMING,
        "share - row.own",
        "policy.in_flight",
        "tests/outbox/exchange/test_capacity.py::test_living_turns_share_the_environments_limit",
    ),
    Guard(
        11,
        "no more turns than shares",
        "worker/outbox/lanes/turns.py",
        ', _living_turns < bindparam("at_most", type_=Integer))',
        ")",
        "tests/outbox/exchange/test_capacity.py::test_no_more_turns_live_than_requests_are_allowed_at_once",
    ),
    Guard(
        11,
        "a turn without a share ends",
        ENDING,
        "result.share == 0 and not in_flight",
        "False",
        "tests/delivery/test_ending.py::test_a_turn_without_a_share_ends_at_once",
    ),
    Guard(
        11,
        "turns are counted under the environment's lock",
        EXCHANGE,
        "of=(Environment, Lane)",
        "of=Lane",
        f"{_LOCKS_TEST}test_two_exchanges_at_once_share_the_environments_limit",
    ),
    Guard(
        11,
        "after a hold a single probe goes first",
        CLAIMING,
        "    if row.any_hold and free > 0:\n",
        "    if False:\n",
        "tests/outbox/exchange/test_holds.py::test_after_a_hold_one_probe_is_sent_until_a_success",
    ),
    Guard(
        11,
        "a look-up under way takes capacity",
        CLAIMING,
        '(_sends + _look_ups).label("in_flight")',
        '_sends.label("in_flight")',
        f"{_LOOK_UPS_TEST}test_look_ups_of_all_lanes_keep_the_environments_limit",
    ),
    Guard(
        11,
        "a look-up may be the probe after a hold",
        "worker/outbox/predicates.py",
        "union_all(_operations.where(in_flight), _operations.where(look_up_running))",
        "_operations.where(in_flight)",
        f"{_LOOK_UPS_TEST}test_after_a_hold_sends_wait_for_the_probing_look_up",
    ),
    Guard(
        11,
        "no slot is given twice",
        "worker/outbox/exchange/rate_limit.py",
        "    .with_for_update(key_share=True)\n",
        "",
        f"{_RATE_TEST}test_two_workers_never_get_the_same_slot",
    ),
    Guard(
        11,
        "no slot is reserved long before its time",
        "worker/outbox/exchange/rate_limit.py",
        "count = min(wanted, 1 + floor((HORIZON - start) * rate + 1e-6))",
        "count = wanted",
        f"{_RATE_TEST}test_no_slot_is_reserved_long_before_its_time",
    ),
    Guard(
        11,
        "without a pace no slot is touched",
        LIMITS,
        "        if not self.rate:\n            return free\n",
        "",
        "tests/delivery/test_ending.py::test_without_a_pace_no_slot_is_touched",
    ),
    Guard(
        11,
        "a paced turn settles its results before it ends",
        LIMITS,
        "if slots is None and not hand.has_results:",
        "if slots is None:",
        "tests/delivery/test_start_limits.py::test_a_turn_settles_everything_before_it_reports_nothing_left",
    ),
    Guard(
        11,
        "no slot is asked for beyond the turn's share",
        LIMITS,
        "usable = min(free, max(1, self.share - len(hand.in_flight)))",
        "usable = free",
        "tests/delivery/test_start_limits.py::test_a_turn_reserves_no_more_slots_than_its_share",
    ),
    Guard(
        11,
        "no slot is reserved for a row that is not there",
        LIMITS,
        "useful = min(free, rate_limit.count_ready(self.db, self.turn, free, cursor))",
        "useful = free",
        "tests/delivery/test_start_limits.py::test_a_turn_reserves_as_many_slots_as_it_sends_requests",
    ),
)
