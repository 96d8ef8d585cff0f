"""The guards of rules 8 to 17, but for 11: the exchange and the database under it."""

from tests.guards.guard import Guard

EXCHANGE = "worker/outbox/exchange/exchange.py"
LANES = "worker/outbox/lanes/turns.py"
TURN = "worker/delivery/turn.py"
LIMITS = "worker/delivery/start_limits.py"
IN_HAND = "worker/delivery/in_hand.py"
ERRORS = "worker/outbox/database/errors.py"
DATABASE = "worker/outbox/database/database.py"
_LOCKS_TEST = "tests/outbox/exchange/test_locks.py::"
_EXCHANGE_TEST = "tests/outbox/exchange/test_exchange.py::"
_DATABASE_TEST = "tests/outbox/database/test_database.py::"
_SETTLING_TEST = "tests/outbox/exchange/test_settle.py::"

GUARDS = (
    Guard(
        8,
        "an exchange locks its lane",
        EXCHANGE,
        "of=(Environment, Lane)",
        "of=Environment",
        "tests/outbox/exchange/test_rescue.py::test_an_exchange_that_waits_for_a_rescue_claims_nothing",
    ),
    Guard(
        8,
        "an exchange does not wait for open imports",
        EXCHANGE,
        "key_share=True, of=(Environment, Lane)",
        "of=(Environment, Lane)",
        f"{_EXCHANGE_TEST}test_an_open_import_does_not_hold_up_the_exchange",
    ),
    Guard(
        8,
        "a turn's end does not wait for open imports",
        LANES,
        "_LOCK = select(Lane.token).where(is_own_lane).with_for_update(key_share=True)",
        "_LOCK = select(Lane.token).where(is_own_lane).with_for_update()",
        f"{_EXCHANGE_TEST}test_an_open_import_does_not_hold_up_the_exchange",
    ),
    Guard(
        8,
        "the lease is compared with the clock at the moment of the look",
        "worker/outbox/database/sql.py",
        'return "clock_timestamp()"',
        'return "now()"',
        f"{_LOCKS_TEST}test_a_lease_that_ended_while_the_exchange_waited_claims_nothing",
    ),
    Guard(
        8,
        "an ended lease claims nothing",
        EXCHANGE,
        "    if not capacity.lease_stands:\n        return ExchangeResult(owns_lane=False, moved=moved)\n",
        "",
        f"{_EXCHANGE_TEST}test_an_ended_lease_claims_nothing",
    ),
    Guard(
        8,
        "the environment is locked before the lane",
        EXCHANGE,
        "of=(Environment, Lane)",
        "of=(Lane, Environment)",
        f"{_LOCKS_TEST}test_an_exchange_waiting_for_the_environment_holds_no_lane",
    ),
    Guard(
        8,
        "finished attempts are settled even if the lane is lost",
        EXCHANGE,
        "if finished or looked_up else {}",
        "if owns_lane and (finished or looked_up) else {}",
        f"{_EXCHANGE_TEST}test_a_lost_lane_is_settled_but_not_claimed_from",
    ),
    Guard(
        9,
        "the clock is the database's",
        "worker/outbox/database/sql.py",
        "current_time: ColumnElement[datetime] = CurrentTime()",
        "current_time: ColumnElement[datetime] = literal(datetime(2026, 12, 1), UtcDateTime())",
        "tests/outbox/database/test_sql.py::test_the_production_clock_binds_nothing",
    ),
    Guard(
        10,
        "a lease too short for the request is renewed first",
        EXCHANGE,
        "    if not capacity.lease_suffices:\n",
        "    if not capacity.lease_stands:\n",
        f"{_EXCHANGE_TEST}test_a_short_lease_is_renewed_before_the_claim",
    ),
    Guard(
        10,
        "settings that break the lease are refused",
        "worker/settings.py",
        "if self.claim_margin >= self.lease_margin:",
        "if self.claim_margin >= self.lease_margin + 1000:",
        "tests/test_settings.py::test_settings_that_would_break_a_promise_are_refused",
    ),
    Guard(
        12,
        "SQLite takes the writer's lock first",
        DATABASE,
        '"sqlite_begin", "IMMEDIATE"',
        '"sqlite_begin", "DEFERRED"',
        f"{_DATABASE_TEST}test_two_processes_lose_no_update_on_sqlite",
    ),
    Guard(
        12,
        "a locked SQLite is a database away",
        ERRORS,
        "isinstance(error, OperationalError | InterfaceError | PoolTimeout)",
        "isinstance(error, InterfaceError | PoolTimeout)",
        f"{_DATABASE_TEST}test_a_locked_sqlite_counts_as_away",
    ),
    Guard(
        12,
        "a settlement finds its rows by their ids",
        "worker/outbox/exchange/settle.py",
        "        with_ids(dialect, Operation.id),\n",
        "",
        f"{_SETTLING_TEST}test_a_settlement_finds_rows_by_id_despite_stale_statistics",
    ),
    Guard(
        13,
        "a settlement names its attempt",
        "worker/outbox/exchange/settle.py",
        "        Operation.attempt == settled.attempt,\n",
        "",
        f"{_SETTLING_TEST}test_only_the_named_attempt_is_settled",
    ),
    Guard(
        13,
        "the budget is counted in failures",
        "worker/decide.py",
        "if counts and failures >= facts.max_failures:",
        "if failures >= facts.max_failures:",
        "tests/test_decide.py::test_uncounted_failures_never_exhaust_the_budget",
    ),
    Guard(
        14,
        "a doubtful claim is read back",
        TURN,
        "                    hand.read_back(self.db, self.turn, self.worker_id)\n",
        "                    pass\n",
        "tests/delivery/test_commits.py::test_a_claim_whose_commit_is_cut_sends_only_its_own",
    ),
    Guard(
        14,
        "settlements are repeated until they are written",
        ERRORS,
        "retry=retry_if_exception(is_database_unavailable),",
        "retry=retry_if_exception(lambda error: False),",
        "tests/delivery/test_turn.py::test_answers_are_kept_until_the_database_is_back",
    ),
    Guard(
        15,
        "an unwritable sent request is not taken for unsent",
        IN_HAND,
        "                self.unwritable.add(finished.id)\n",
        "",
        "tests/delivery/test_unwritable.py::test_an_unwritable_sent_request_is_not_taken_for_unsent",
    ),
    Guard(
        15,
        "one poisoned answer does not block the lane",
        IN_HAND,
        "if not settle(finished) and not settle(as_unwritable(finished)):",
        "if not settle(finished):",
        "tests/delivery/test_unwritable.py::test_an_unwritable_answer_does_not_block_the_lane",
    ),
    Guard(
        16,
        "waiting for a lock ends",
        DATABASE,
        '        "lock_timeout": "2s",\n',
        "",
        f"{_DATABASE_TEST}test_every_connection_bounds_its_waits_and_its_plans",
    ),
    Guard(
        16,
        "an idle transaction is ended",
        DATABASE,
        '        "idle_in_transaction_session_timeout": "5s",\n',
        "",
        f"{_DATABASE_TEST}test_a_worker_stopped_in_mid_transaction_blocks_no_other",
    ),
    Guard(
        16,
        "the link notices a dead peer",
        DATABASE,
        '    "tcp_user_timeout": 20_000,\n',
        "",
        f"{_DATABASE_TEST}test_the_link_to_the_database_notices_a_dead_peer",
    ),
    Guard(
        17,
        "claiming goes on while requests are in flight",
        LIMITS,
        "free = self.threads - len(hand.in_flight)",
        "free = 0 if hand.in_flight else self.threads",
        "tests/delivery/test_turn.py::test_claiming_goes_on_while_a_request_is_in_flight",
    ),
)
