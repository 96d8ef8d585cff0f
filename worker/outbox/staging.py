"""Rows on their way into the outbox: a temporary table that is filled at once and lives as long as its transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Float, Integer, MetaData, String, Table, Text

from models import UtcDateTime


@dataclass(frozen=True, slots=True)
class NewOperation:
    """One row of the CRM, read and checked. The fields are the columns of the staging table, in its order."""

    kind: str
    customer_id: str
    source_id: str
    payload: str = field(repr=False)
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


_NAMES = tuple(one.name for one in fields(NewOperation))
staged = Table(
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


def stage(connection: Connection, rows: Sequence[NewOperation]) -> None:
    """Fill the staging table of this transaction with `rows`, numbered from 0."""
    staged.create(connection)
    if connection.dialect.name == "postgresql":
        # COPY takes four times as many rows a second as the quickest INSERT of values.
        columns = ", ".join(("number", *_NAMES))
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(f"COPY staged_operations ({columns}) FROM STDIN") as copy:
            for number, row in enumerate(rows):
                copy.write_row((number, *_values(row)))
    else:
        keys = ("number", *_NAMES)
        values = [dict(zip(keys, (number, *_values(row)), strict=True)) for number, row in enumerate(rows)]
        connection.execute(staged.insert(), values)


def _values(row: NewOperation) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in _NAMES)
