"""Fills in millions of rows without their indexes, which PostgreSQL then makes again as they were."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

# A unique constraint keeps its index: it is filled in its own order, which is quick.
_INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = ANY(%s::regclass[]) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
ORDER BY 1
"""


@contextmanager
def without_indexes(connection: psycopg.Connection, *tables: str, many: bool = True) -> Iterator[None]:
    """Drop the tables' indexes and foreign key checks for the block; does nothing unless there are `many` rows."""
    if not many:
        yield
        return
    indexes = connection.execute(_INDEXES, (list(tables),)).fetchall()
    for name, _ in indexes:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
    connection.execute("SET session_replication_role = replica")
    yield
    connection.execute("RESET session_replication_role")
    connection.execute("SET maintenance_work_mem = '512MB'")
    for _, definition in indexes:
        connection.execute(sql.SQL(definition))
