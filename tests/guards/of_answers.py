"""The guards of rule 28: an id is a text of Vitec's, which names one thing only where nothing says otherwise."""

from tests.guards.guard import Guard

_REPEATED_TEST = "tests/outbox/exchange/test_repeated_ids.py::"

GUARDS = (
    Guard(
        28,
        "an id that came before is flagged",
        "worker/outbox/exchange/settle.py",
        "or_(_repeats, is_owned(_remote_id))",
        "or_(_repeats, _repeats)",
        f"{_REPEATED_TEST}test_an_id_that_came_before_is_flagged",
    ),
    Guard(
        28,
        "an id that comes twice in one exchange is flagged",
        "worker/outbox/exchange/settle.py",
        '            row["repeats"] = remote_id in ids_before\n',
        '            row["repeats"] = False\n',
        f"{_REPEATED_TEST}test_ids_that_come_together_are_flagged_but_the_first",
    ),
    Guard(
        28,
        "a rival with a repeated id has none of its own",
        "worker/outbox/predicates.py",
        "or_(rival.remote_id.is_(None), is_owned(rival.remote_id, rival))",
        "rival.remote_id.is_(None)",
        f"{_REPEATED_TEST}test_a_rival_with_a_repeated_id_counts_as_nameless",
    ),
)
