"""The guards of rule 31: each result is told once, and a batch is recorded before it leaves."""

from tests.guards.guard import Guard

BATCHES = "worker/outbox/upkeep/result_batches.py"
SINKS = "worker/outbox/upkeep/sinks.py"
FILES = "worker/results/files.py"
POSTING = "worker/results/posting.py"
_FILES_TEST = "tests/results/test_files.py::"
_KILLED_TEST = "tests/results/test_killed.py::"
_POSTING_TEST = "tests/results/test_posting.py::"
_TABLES_TEST = "tests/results/test_tables.py::"

GUARDS = (
    Guard(
        31,
        "one writer at a time has a sink",
        SINKS,
        ".where(ResultSink.name == name, is_free, is_due)",
        ".where(ResultSink.name == name, is_due)",
        f"{_FILES_TEST}test_a_living_writer_keeps_its_sink",
    ),
    Guard(
        31,
        "a writer that has lost its sink changes nothing",
        SINKS,
        ".where(ResultSink.name == turn.sink, ResultSink.token == turn.token)",
        ".where(ResultSink.name == turn.sink)",
        f"{_FILES_TEST}test_a_writer_that_stood_still_gives_its_file_no_name",
    ),
    Guard(
        31,
        "a row that tells something else by now is not of the batch",
        BATCHES,
        "if take_fingerprint(row) == prints[row.id])",
        "if prints[row.id])",
        f"{_KILLED_TEST}test_a_row_that_moved_on_after_its_file_comes_again",
    ),
    Guard(
        31,
        "a file replaces none",
        FILES,
        "        os.link(draft, path)\n",
        "        draft.rename(path)\n",
        f"{_FILES_TEST}test_a_file_that_comes_between_is_not_replaced",
    ),
    Guard(
        31,
        "a draft that is gone in its folder has appeared",
        FILES,
        "    return mark == drafted.folder_mark\n",
        "    return False\n",
        f"{_KILLED_TEST}test_a_file_taken_away_does_not_come_again",
    ),
    Guard(
        31,
        "a folder made anew is another one",
        FILES,
        "    return mark == drafted.folder_mark\n",
        "    return True\n",
        f"{_KILLED_TEST}test_a_folder_made_anew_gets_the_batch_again",
    ),
    Guard(
        31,
        "a batch is recorded complete before its file has a name",
        FILES,
        "        batch, is_noted = result_batches.note_draft(writer.db, writer.turn, batch, drafted), True\n",
        "",
        f"{_KILLED_TEST}test_a_file_taken_away_does_not_come_again",
    ),
    Guard(
        31,
        "a page is no yes",
        POSTING,
        'return "a page of HTML came where a plain yes was due" if is_page else None',
        "return None",
        f"{_POSTING_TEST}test_a_no_brings_the_same_batch_again",
    ),
    Guard(
        31,
        "an answer is read to its end",
        POSTING,
        "        if lines.is_cut:\n",
        "        if False:\n",
        f"{_POSTING_TEST}test_a_no_brings_the_same_batch_again",
    ),
    Guard(
        31,
        "a rejected row leaves an earlier remote id",
        "worker/results/tables.py",
        "if name in key or (is_rejected and row[name] is None and name not in _WORDS)",
        "if name in key",
        f"{_TABLES_TEST}test_a_rejected_row_leaves_an_earlier_remote_id",
    ),
)
