"""The query of a feed: its rows are read in batches, kept in a private file, and taken in as an export.

The cursor moves when all is recorded. A run that ends before that reads the same rows again, which are known by then.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import CursorResult, TextClause, text
from sqlalchemy.exc import SQLAlchemyError

from worker.feeding.config import FeedConfig, uses_cursor
from worker.feeding.crm_database import Deadline, open_crm
from worker.feeding.cursors import CursorUnfit, newer_of, read_cursor, step_back, write_cursor
from worker.feeding.run import FeedFault, FeedRun
from worker.feeding.secrets import read_secret
from worker.feeding.spooling import Spool, TooLarge
from worker.feeding.taking import take_export
from worker.feeds import FileRefused
from worker.importing import ImportedElsewhere
from worker.importing.columns import is_heading
from worker.outbox.database.sql import read_current_time

BATCH = 1_000
"""Rows that are asked for at a time."""


def run_query(run: FeedRun) -> None:
    """Read what is new, and take it in. Raises `FeedFault`."""
    config = run.config
    url = read_secret(run, config.database_url_file, config.database_url_env, "the address of the CRM's database")
    query = _read_query(config)
    deadline = Deadline(config.timeout)
    with run.db.read() as own_connection:
        present = read_current_time(own_connection)
    folder = config.database_url_file.parent if config.database_url_file else Path()
    try:
        with open_crm(url, folder, deadline) as connection:
            statement, values = compose(config, query, read_cursor(run.memory.cursor))
            result = connection.execution_options(stream_results=True, yield_per=BATCH).execute(statement, values)
            try:
                spool, cursor = _spool_rows(run, result, deadline, present)
            finally:
                # A server that has gone away closes no cursor, and the first error is the one to tell.
                with suppress(SQLAlchemyError):
                    result.close()
    except OSError as error:
        text_ = (
            f"The rows cannot be kept on this machine ({error.strerror}): make room in the folder for temporary files."
        )
        raise FeedFault("disk_full", text_) from None
    except TooLarge:
        raise FeedFault("too_large", "The query gives more than 4 GiB: narrow it, or name a `cursor`.") from None
    with spool:
        is_recorded = _take_rows(run, spool)
    if is_recorded:
        run.memory = replace(run.memory, cursor=cursor)


def _read_query(config: FeedConfig) -> str:
    try:
        return config.read_query()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise FeedFault("query_file", f"{config.query_file} cannot be read ({why}): correct `query_file`.") from None


def compose(config: FeedConfig, query: str, cursor: Any) -> tuple[TextClause, dict[str, Any]]:
    """Give the statement to execute, with its values: from the cursor on, or from the start where there is none.

    A query that does not ask for `:cursor` is put into one that narrows it. Rows at the cursor itself come again: others
    may have the same value, and those that are recorded are known.
    """
    # Nothing but `:cursor` is a parameter: other colons are the query's own.
    own_colons = re.sub(r"(?<![:\w\\]):(?!cursor\b)(?=\w)", r"\\:", query)
    start = config.cursor_start if cursor is None else step_back(cursor, config.overlap)
    if uses_cursor(query):
        return text(own_colons), {"cursor": start}
    if config.cursor is None or start is None:
        return text(own_colons), {}
    column = f'"{config.cursor}"' if f'"{config.cursor}"' in query else config.cursor
    narrowed = f"SELECT * FROM (\n{own_colons}\n) feed_rows WHERE {column} >= :cursor ORDER BY {column}"  # noqa: S608 (the query is the office's own)
    return text(narrowed), {"cursor": start}


def _spool_rows(
    run: FeedRun, result: CursorResult[Any], deadline: Deadline, present: datetime
) -> tuple[Spool, str | None]:
    """Keep all rows, and find the cursor after them."""
    config, columns = run.config, list(result.keys())
    _refuse_repeated(columns)
    cursor_at = _find_cursor(config, columns)
    kept = [place for place, name in enumerate(columns) if place != cursor_at or _is_wanted(config, name)]
    cursor = read_cursor(run.memory.cursor)
    spool = Spool(f"{config.name} (query)", [columns[place] for place in kept])
    try:
        for batch in result.partitions(BATCH):
            run.check()
            for row in batch:
                spool.add([row[place] for place in kept])
                if cursor_at is not None:
                    cursor = newer_of(cursor, row[cursor_at], present)
            deadline.restart()
        return spool, write_cursor(cursor)
    except CursorUnfit as unfit:
        spool.__exit__()
        raise FeedFault("cursor_unfit", f"The column {config.cursor} is no cursor: {unfit}.") from None
    except BaseException:
        spool.__exit__()
        raise


def _refuse_repeated(columns: Sequence[str]) -> None:
    folded = [column.casefold() for column in columns]
    for column in columns:
        if folded.count(column.casefold()) > 1:
            text_ = f"The query gives the column {column} twice: give one of the two another name (AS)."
            raise FeedFault("query_wrong", text_)


def _find_cursor(config: FeedConfig, columns: Sequence[str]) -> int | None:
    if config.cursor is None:
        return None
    for place, column in enumerate(columns):
        if column.casefold() == config.cursor.casefold():
            return place
    text_ = f"The query does not give the column {config.cursor}, which `cursor` names: add it to its SELECT."
    raise FeedFault("cursor_missing", text_)


def _is_wanted(config: FeedConfig, name: str) -> bool:
    """Tell whether the cursor's column is a field, too: `id` mostly is, and `changed_at` is not."""
    if config.mapping is None:
        return is_heading(name, config.kind)
    # A mapping names the headings that it knows; one that cannot be read is told of when it is used.
    with suppress(OSError, UnicodeDecodeError):
        return name in config.mapping.read_text(encoding="utf-8-sig")
    return False


def _take_rows(run: FeedRun, spool: Spool) -> bool:
    """Take the rows in, unless the last run gave the same. False: another run is at them, and this cursor stays."""
    source = spool.open_export()
    if not spool.total or source.sha256 == run.memory.content_hash:
        return True
    try:
        take_export(run, source)
    except FileRefused as refusal:
        raise FeedFault("refused", f"The query's rows were refused: {refusal.wrong}. {refusal.remedy}.") from None
    except ImportedElsewhere:
        return False
    run.memory = replace(run.memory, content_hash=source.sha256)
    return True
