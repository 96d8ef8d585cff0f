"""The guards of rules 1 to 7: rings, lanes and rescues."""

from tests.guards.guard import Guard

LANES = "worker/outbox/lanes/turns.py"
RESCUE = "worker/outbox/exchange/rescue.py"
TURN = "worker/delivery/turn.py"
ENDING = "worker/delivery/ending.py"
_LANES_TEST = "tests/outbox/lanes/test_turns.py::"
_RINGS_TEST = "tests/outbox/lanes/test_rings.py::"
_RESCUE_TEST = "tests/outbox/exchange/test_rescue.py::"
_ENDING_TEST = "tests/delivery/test_ending.py::"

GUARDS = (
    Guard(
        1,
        "the lane that has waited longest comes first",
        LANES,
        ".order_by(Lane.due_at, Lane.customer_id)",
        ".order_by(Lane.customer_id)",
        f"{_LANES_TEST}test_the_lane_that_has_waited_longest_is_taken",
    ),
    Guard(
        1,
        "two workers never wait for each other's lane",
        LANES,
        ".with_for_update(key_share=True, skip_locked=True, of=Lane)",
        ".with_for_update(key_share=True, of=Lane)",
        f"{_LANES_TEST}test_two_workers_at_once_get_two_lanes_and_neither_waits",
    ),
    Guard(
        2,
        "a lane with more to do goes to the back",
        LANES,
        "(_next_of_named_lane < current_time, current_time)",
        "(_next_of_named_lane < current_time, _next_of_named_lane)",
        f"{_LANES_TEST}test_a_lane_with_more_to_do_goes_to_the_back",
    ),
    Guard(
        2,
        "no lane jumps the queue by an old backlog",
        LANES,
        "or_(Lane.due_at.is_(None), and_(Lane.due_at > current_time, Lane.due_at > _next_of_each_lane))",
        "or_(Lane.due_at.is_(None), Lane.due_at > _next_of_each_lane)",
        f"{_LANES_TEST}test_a_lane_at_the_back_stays_there_whatever_is_enqueued",
    ),
    Guard(
        2,
        "housekeeping finds lanes that were not woken",
        LANES,
        "    wake_lanes(db, keys)\n",
        "",
        f"{_LANES_TEST}test_a_lane_that_was_never_woken_is_found",
    ),
    Guard(
        3,
        "due rows are claimable rows",
        "worker/outbox/predicates.py",
        "lane_is_due = and_(Lane.due_at <= current_time, lane_is_free, claimable)",
        "lane_is_due = and_(Lane.due_at <= current_time, lane_is_free)",
        f"{_LANES_TEST}test_dispatch_turn_claim_and_last_look_agree",
    ),
    Guard(
        3,
        "a turn that moved nothing does not ring",
        TURN,
        "next_kind if moved else None",
        "next_kind",
        f"{_ENDING_TEST}test_a_turn_that_moved_nothing_does_not_ring",
    ),
    Guard(
        4,
        "waking waits for a turn that is being given back",
        LANES,
        "            connection.execute(_LOCK_IN_ORDER, values)\n",
        "",
        f"{_RINGS_TEST}test_no_order_of_enqueuing_and_releasing_loses_a_ring",
    ),
    Guard(
        4,
        "a turn looks once more after it has been given back",
        LANES,
        "connection.scalar(_longest_due(connection.dialect.name), open_kinds)",
        "None",
        f"{_RINGS_TEST}test_no_order_of_enqueuing_and_releasing_loses_a_ring",
    ),
    Guard(
        4,
        "a lane is given back early only where nothing is left",
        "worker/outbox/exchange/exchange.py",
        "if give_back_if_idle and result.is_idle:",
        "if give_back_if_idle:",
        "tests/outbox/exchange/test_exchange.py::test_a_lane_with_work_to_come_is_kept",
    ),
    Guard(
        5,
        "a dispatch rings the kinds in turn",
        "worker/housekeeping.py",
        "[kind for n in range(MOST_RINGS) for kind, count in rings.items() if n < count]",
        "[kind for kind, count in rings.items() for n in range(count)]",
        "tests/test_housekeeping.py::test_dispatch_rings_the_kinds_in_turn_the_longest_due_first",
    ),
    Guard(
        5,
        "a dispatch rings at most eight times",
        "worker/housekeeping.py",
        "min(count, MOST_RINGS)",
        "count",
        "tests/test_housekeeping.py::test_dispatch_rings_once_per_due_lane_up_to_eight",
    ),
    Guard(
        5,
        "the main process dispatches when no beat has",
        "worker/processes/main_process.py",
        "if dispatches_come and current_time - ",
        "if current_time - ",
        "tests/test_housekeeping.py::test_the_watch_dispatches_only_after_a_silence",
    ),
    Guard(
        6,
        "a turn gives way while another lane waits",
        ENDING,
        "if seconds >= self.shared and turns.any_lane_is_due(self.db):",
        "if seconds < 0:",
        "tests/delivery/test_turn.py::test_a_turn_gives_way_when_another_lane_waits",
    ),
    Guard(
        6,
        "a turn alone ends too",
        ENDING,
        "elif current_time - self.began >= self.alone:",
        "elif current_time < self.began:",
        f"{_ENDING_TEST}test_a_turn_alone_ends_when_its_time_is_up",
    ),
    Guard(
        7,
        "a rescue looks again under its lock",
        RESCUE,
        "where(*own, lane_is_free).with_for_update(key_share=True)",
        "where(*own).with_for_update(key_share=True)",
        f"{_RESCUE_TEST}test_a_rescue_that_comes_second_leaves_the_new_turn_alone",
    ),
    Guard(
        7,
        "a lane that cannot be rescued does not stop the others' rescue",
        RESCUE,
        "            refused = refused or error\n",
        "            raise\n",
        f"{_RESCUE_TEST}test_a_failed_rescue_does_not_stop_the_others",
    ),
    Guard(
        7,
        "a rescue raises the token",
        RESCUE,
        "kind, raised=1)",
        "kind)",
        f"{_RESCUE_TEST}test_rescue_puts_rows_in_doubt_and_raises_the_token",
    ),
    Guard(
        7,
        "held and paused lanes are rescued too",
        "worker/outbox/predicates.py",
        "abandoned = and_(lane_is_free, _lane_has(in_flight))",
        "abandoned = and_(lane_is_free, _lane_has(in_flight), ~lane_is_held)",
        f"{_RESCUE_TEST}test_held_and_paused_lanes_are_rescued_too",
    ),
    Guard(
        7,
        "at the start every row in flight is a leftover",
        RESCUE,
        "in_named_lane, in_flight)\n    .order_by(Operation.id)",
        "in_named_lane, in_flight, Operation.claimed_by == 1)\n    .order_by(Operation.id)",
        f"{_RESCUE_TEST}test_a_new_turn_rescues_every_row_in_flight",
    ),
    Guard(
        7,
        "a new turn looks for leftovers",
        LANES,
        "leftovers = bool(connection.scalar(_HAS_LEFTOVERS, lane))",
        "leftovers = False",
        f"{_LANES_TEST}test_a_new_turn_knows_whether_rows_are_in_flight",
    ),
)
