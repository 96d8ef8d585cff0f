"""Rows on their way into the outbox, as a table that a statement can read: few in a parameter, many in a temporary one."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Boolean, Column, Connection, Float, FromClause, Integer, MetaData, String, Table, Text
from sqlalchemy.exc import DBAPIError

from models import UtcDateTime
from worker.outbox.database.sql import as_json_parameter, cached_statement, json_table

FEW = 100
"""As many rows go in a parameter. One row costs half a millisecond of the database's CPU so, in a table made for it 2 ms;
from 200 rows on the table is the cheaper."""


class NewOperation(NamedTuple):
    """One row of the CRM, read and checked. The fields are the columns of the staging table, in its order."""

    kind: str
    customer_id: str
    source_id: str
    payload: str
    """As JSON text: it is made once, for the hash and for the database."""
    payload_hash: str
    match_key: str | None = None
    sequence_key: str | None = None
    send_after: datetime | None = None
    expires_at: datetime | None = None
    expires_after: float | None = None
    """Seconds from enqueueing to expiry, where the row itself does not say."""
    after_kind: str | None = None
    after_source_id: str | None = None
    lacks_result: bool = False
    line: int | None = None

    def __repr__(self) -> str:
        """Name it without what it says of people."""
        return f"NewOperation({self.kind}, {self.customer_id}, {self.source_id})"


_staged = Table(
    "staged_operations",
    MetaData(),
    Column("number", Integer),
    Column("kind", String),
    Column("customer_id", String),
    Column("source_id", String),
    Column("payload", Text),
    Column("payload_hash", String),
    Column("match_key", String),
    Column("sequence_key", String),
    Column("send_after", UtcDateTime),
    Column("expires_at", UtcDateTime),
    Column("expires_after", Float),
    Column("after_kind", String),
    Column("after_source_id", String),
    Column("lacks_result", Boolean),
    Column("line", Integer),
    prefixes=["TEMPORARY"],
)


class StagedRows(NamedTuple):
    """Rows that statements read from `table`, when they are run with `values`; they are numbered from 0."""

    table: FromClause
    values: Mapping[str, Any]


@contextmanager
def staged_rows(
    connection: Connection, rows: Sequence[NewOperation], *, erasable: bool = False
) -> Iterator[StagedRows]:
    """Make the rows readable within this transaction. `erasable`: they can also be deleted from their table."""
    if len(rows) <= FEW and not erasable:
        names = _staged.columns.keys()
        numbered = _numbered(connection, rows)
        document = as_json_parameter(dict(zip(names, values, strict=True)) for values in numbered)
        yield StagedRows(_staged_as_json(connection.dialect.name), document)
        return
    _staged.create(connection)
    _fill(connection, rows)
    yield StagedRows(_staged, {})
    _staged.drop(connection)


@cached_statement
def _staged_as_json(dialect: str) -> FromClause:
    return json_table(dialect, _staged.name, {column.name: column.type for column in _staged.columns})


_COLUMNS = ", ".join(("number", *NewOperation._fields))
# No value is ever an empty text, so that is NULL.
_COPY = f"COPY staged_operations ({_COLUMNS}) FROM STDIN (NULL '')"
_INSERT = f"INSERT INTO staged_operations ({_COLUMNS}) VALUES ({', '.join('?' * len(_staged.columns))})"  # noqa: S608
_MOMENTS = tuple(1 + NewOperation._fields.index(name) for name in ("send_after", "expires_at"))


def _fill(connection: Connection, rows: Sequence[NewOperation]) -> None:
    """Fill the table by the drivers' own quickest way: COPY of one block, or plain tuples.

    Through expressions it takes four times as long, and a COPY that is given row by row twice as long.
    """
    if connection.dialect.name == "postgresql":
        lines = ["\t".join(["" if value is None else f"{value}" for value in row]) for row in rows]
        numbered_lines = [f"{number}\t{line}" for number, line in enumerate(lines)]
        run_copy(connection, _COPY, block_of(numbered_lines, len(_staged.columns)))
    else:
        connection.exec_driver_sql(_INSERT, list(_numbered(connection, rows)))


def _numbered(connection: Connection, rows: Sequence[NewOperation]) -> Iterator[tuple[Any, ...]]:
    """Give the rows with their numbers, and with moments as the database reads them."""
    bind: Any = _staged.c.send_after.type.bind_processor(connection.dialect)
    # A calendar's times come again and again.
    as_read = lru_cache(maxsize=1024)(lambda moment: str(bind(moment)))
    first, second = _MOMENTS
    for number, row in enumerate(rows):
        if row.send_after is None and row.expires_at is None:
            yield (number, *row)
        else:
            values = [number, *row]
            for at in (first, second):
                values[at] = None if values[at] is None else as_read(values[at])
            yield tuple(values)


def run_copy(connection: Connection, statement: str, block: str) -> None:
    """Run a COPY with all that it is to read. Raises what SQLAlchemy would, without the row that the database quotes."""
    driver: Any = connection.connection.driver_connection
    errors: Any = connection.dialect.loaded_dbapi
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(block)
    except errors.Error as error:
        without_row = type(error)(error.diag.message_primary or "COPY was cut off")
        raise DBAPIError.instance(
            statement, None, without_row, errors.Error, hide_parameters=True, dialect=connection.dialect
        ) from None


def block_of(lines: list[str], columns: int) -> str:
    """Lines of values with tabs between, as COPY reads them: no value may hold a tab or a line break, nor does any.

    Ids are plain, and JSON escapes both. The backslashes of all values are doubled in one go.
    """
    block = "\n".join(lines).replace("\\", "\\\\")
    if block.count("\t") != len(lines) * (columns - 1) or block.count("\n") != len(lines) - 1:
        raise ValueError("a value with a tab or a line break cannot be staged")
    return block + "\n"
