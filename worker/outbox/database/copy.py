"""COPY: PostgreSQL's quickest way in, with the errors of any other statement."""

from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


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
