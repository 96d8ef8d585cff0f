"""The guards of the table way in: each row is taken in once, in its order, and shows its operation in the end."""

from tests.guards.guard import Guard

_TABLE_TEST = "tests/importing/test_table.py::"
_SHOWN_TEST = "tests/results/test_table.py::"
_INTAKE = "worker/outbox/intake/crm_rows.py"
_WRITE_BACK = "worker/outbox/upkeep/write_back.py"

GUARDS = (
    Guard(
        32,
        "one process takes rows in at a time",
        _INTAKE,
        "    return bool(connection.scalar(select(func.pg_try_advisory_xact_lock(_INTAKE_LOCK))))",
        "    return True",
        f"{_TABLE_TEST}test_only_one_process_takes_rows_in_at_a_time",
    ),
    Guard(
        32,
        "a row that the CRM is changing is passed over",
        _INTAKE,
        "columns.with_for_update(skip_locked=True)",
        "columns",
        f"{_TABLE_TEST}test_a_row_that_the_crm_is_changing_is_passed_over",
    ),
    Guard(
        32,
        "a row that was taken in is new no more",
        _INTAKE,
        """        "taken_at": current_time,
""",
        "",
        f"{_TABLE_TEST}test_a_row_is_taken_in_once_and_wakes_its_lane",
    ),
    Guard(
        32,
        "the newest content of an id comes last",
        "worker/importing/table.py",
        " or key in keys",
        "",
        f"{_TABLE_TEST}test_the_newest_content_of_an_id_comes_last",
    ),
    Guard(
        33,
        "every update of an operation asks for its rows to be written",
        "models/operation.py",
        """onupdate=literal_column("CASE WHEN operations.rows_behind IS NOT NULL THEN true END", Boolean)""",
        "",
        f"{_SHOWN_TEST}test_each_verdict_is_written_back",
    ),
    Guard(
        33,
        "an operation stays behind while one of its rows is locked",
        _WRITE_BACK,
        "if numbers.get(id_, 0) <= 0}",
        "}",
        f"{_SHOWN_TEST}test_a_row_that_the_crm_has_locked_is_written_later",
    ),
    Guard(
        33,
        "content that another has replaced is not shown as sent",
        _WRITE_BACK,
        '    return row.content_hash in hashes or withdrawn_hash(row.content_hash or "") in hashes',
        "    return True",
        f"{_SHOWN_TEST}test_newer_content_supersedes_the_older_row",
    ),
)
