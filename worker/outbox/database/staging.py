"""Rows on their way into the outbox, as a table that a statement can read: few in a parameter, many in a temporary one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, Float, FromClause, Integer, MetaData, String, Table, Text
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
    send_after: datetime | None = None
    expires_at: datetime | None = None
    expires_after: float | None = None
    """Seconds from enqueueing to expiry, where the row itself does not say."""
    after_kind: str | None = None
    after_source_id: str | None = None
    line: int | None = None

    def __repr__(self) -> str:
        """Name it without what it says of people."""
        return f"NewOperation({self.kind}, {self.customer_id}, {self.source_id})"


_NAMES = NewOperation._fields
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
    Column("send_after", UtcDateTime),
    Column("expires_at", UtcDateTime),
    Column("expires_after", Float),
    Column("after_kind", String),
    Column("after_source_id", String),
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
        yield StagedRows(_carried(connection.dialect.name), _document(connection, rows))
        return
    _staged.create(connection)
    _fill(connection, rows)
    yield StagedRows(_staged, {})
    _staged.drop(connection)


@cached_statement
def _carried(dialect: str) -> FromClause:
    return json_table(dialect, _staged.name, {column.name: column.type for column in _staged.columns})


def _document(connection: Connection, rows: Sequence[NewOperation]) -> Mapping[str, Any]:
    bind = _moment_binder(connection)
    numbered = (_with_moments((number, *row), bind) for number, row in enumerate(rows))
    return as_json_parameter(dict(zip(_staged.columns.keys(), values, strict=True)) for values in numbered)


_COLUMNS = ", ".join(("number", *_NAMES))
# No value is ever an empty text, so that is NULL.
_COPY = f"COPY staged_operations ({_COLUMNS}) FROM STDIN (NULL '')"
_INSERT = f"INSERT INTO staged_operations ({_COLUMNS}) VALUES ({', '.join('?' * (1 + len(_NAMES)))})"  # noqa: S608
_MOMENTS = tuple(1 + _NAMES.index(name) for name in ("send_after", "expires_at"))


def _fill(connection: Connection, rows: Sequence[NewOperation]) -> None:
    """Fill the table by the drivers' own quickest way: COPY of one block, or plain tuples.

    Through expressions it takes four times as long, and a COPY that is given row by row twice as long.
    """
    if connection.dialect.name == "postgresql":
        lines = ["\t".join(["" if value is None else f"{value}" for value in row]) for row in rows]
        numbered_lines = [f"{number}\t{line}" for number, line in enumerate(lines)]
        run_copy(connection, _COPY, block_of(numbered_lines, len(_staged.columns)))
    else:
        bind = _moment_binder(connection)
        numbered = ((number, *row) for number, row in enumerate(rows))
        connection.exec_driver_sql(_INSERT, [_with_moments(values, bind) for values in numbered])


def _moment_binder(connection: Connection) -> Callable[[datetime], str]:
    bind: Any = _staged.c.send_after.type.bind_processor(connection.dialect)
    return lambda moment: str(bind(moment))


def _with_moments(values: tuple[Any, ...], bind: Callable[[datetime], str]) -> tuple[Any, ...]:
    """Moments as the database reads them. Hardly a row has one."""
    if all(values[at] is None for at in _MOMENTS):
        return values
    return tuple(bind(value) if at in _MOMENTS and value is not None else value for at, value in enumerate(values))


def run_copy(connection: Connection, statement: str, block: str) -> None:
    """Run a COPY with all that it is to read. Raises what SQLAlchemy would, without the row that the database quotes."""
    driver: Any = connection.connection.driver_connection
    errors: Any = connection.dialect.loaded_dbapi
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(block)
    except errors.Error as error:
        told = type(error)(error.diag.message_primary or "COPY was cut off")
        raise DBAPIError.instance(
            statement, None, told, errors.Error, hide_parameters=True, dialect=connection.dialect
        ) from None


def block_of(lines: list[str], columns: int) -> str:
    """Lines of values with tabs between, as COPY reads them: no value may hold a tab or a line break, nor does any.

    Ids are plain, and JSON escapes both. The backslashes of all values are doubled in one go.
    """
    block = "\n".join(lines).replace("\\", "\\\\")
    if block.count("\t") != len(lines) * (columns - 1) or block.count("\n") != len(lines) - 1:
        raise ValueError("a value with a tab or a line break cannot be staged")
    return block + "\n"
