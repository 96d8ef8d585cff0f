"""The guards of rule 30: feeds."""

from tests.guards.guard import Guard

_STATES = "worker/outbox/intake/feed_states.py"
_STATES_TEST = "tests/outbox/intake/test_feed_states.py::"

GUARDS = (
    Guard(
        30,
        "one run at a time has a feed",
        _STATES,
        "if row.is_due and not row.has_run and",
        "if row.is_due and",
        f"{_STATES_TEST}test_a_feed_is_claimed_by_one_run",
    ),
    Guard(
        30,
        "a run that lost its feed writes no end",
        _STATES,
        "update(Feed).where(_is_of(claim)).values(**values)",
        "update(Feed).where(Feed.name == claim.name).values(**values)",
        f"{_STATES_TEST}test_a_run_that_lost_its_feed_moves_no_cursor",
    ),
    Guard(
        30,
        "rows at the cursor come again",
        "worker/feeding/query.py",
        "WHERE {column} >= :cursor",
        "WHERE {column} > :cursor",
        "tests/feeding/test_query.py::test_rows_are_read_from_the_cursor_on",
    ),
    Guard(
        30,
        "no file is replaced by a move",
        "worker/feeding/moving.py",
        "os.link(source, target, follow_symlinks=False)",
        "source.rename(target)\n        return",
        "tests/feeding/test_folder.py::test_a_move_replaces_nothing",
    ),
    Guard(
        30,
        "the others wait for the first rows",
        "worker/feeding/taking.py",
        "        run.waits_for_canary = True\n        raise Interrupted",
        "        run.waits_for_canary = False",
        "tests/feeding/test_canary.py::test_the_rest_waits_for_the_first_row",
    ),
)
