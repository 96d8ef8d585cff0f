"""The guards of rules 12 and 13 that stand in the claim."""

from tests.guards.guard import Guard

CLAIMING = "worker/outbox/exchange/claim.py"
STATEMENTS = "worker/outbox/database/sql.py"
_EXCHANGE_TEST = "tests/outbox/exchange/test_exchange.py::"
_LOCKS_TEST = "tests/outbox/exchange/test_locks.py::"
_SETTLING_TEST = "tests/outbox/exchange/test_settle.py::"

GUARDS = (
    Guard(
        12,
        "a claim picks its rows once",
        STATEMENTS,
        '        .prefix_with("MATERIALIZED", dialect="postgresql")\n',
        "",
        f"{_LOCKS_TEST}test_a_claim_picks_its_rows_once_before_changing_them",
    ),
    Guard(
        12,
        "locked rows are passed over",
        STATEMENTS,
        ".with_for_update(key_share=True, skip_locked=True, of=Operation)",
        ".with_for_update(key_share=True, of=Operation)",
        f"{_LOCKS_TEST}test_a_claim_skips_rows_locked_by_another_transaction",
    ),
    Guard(
        12,
        "picked rows are found by their ids",
        STATEMENTS,
        "return case((condition, true()), else_=false())",
        "return condition",
        "tests/outbox/exchange/test_claim.py::test_a_claim_reads_picked_rows_by_id_despite_stale_statistics",
    ),
    Guard(
        12,
        "the claim itself demands that it is in time",
        CLAIMING,
        "without_index(and_(sendable, not_expired))",
        "without_index(sendable)",
        f"{_LOCKS_TEST}test_a_claim_picks_its_rows_once_before_changing_them",
    ),
    Guard(
        13,
        "attempts only rise",
        "worker/outbox/moves.py",
        '"attempt": Operation.attempt + 1,',
        '"attempt": Operation.failures + 1,',
        f"{_SETTLING_TEST}test_attempts_grow_even_after_free_failures",
    ),
)
