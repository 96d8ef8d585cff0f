"""How PostgreSQL would do what the outbox asks of it, where it is free to choose."""

import re
from typing import Any

from psycopg import sql
from sqlalchemy import Engine, event


def explained(engine: Engine, *beginnings: str, freely: bool = True) -> list[str]:
    """The plans of all statements with such a beginning about operations, from now on, in the order they are run.

    They are the plans that are kept, made without a look at the values. `freely`: as where the planner may read the whole table, which the outbox's own connections forbid it.
    """
    plans: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def explain(connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if "operations" in statement and statement.startswith(beginnings):
            cursor = connection.connection.cursor()
            cursor.execute(f"SET LOCAL enable_seqscan = {'on' if freely else 'off'}")
            text, names = _numbered(statement)
            cursor.execute(f"PREPARE explained AS {text}")
            literals = sql.SQL(", ").join([sql.Literal(values[name]) for name in names])
            cursor.execute(sql.SQL("EXPLAIN EXECUTE explained ({})").format(literals))
            plans.append("\n".join(line for (line,) in cursor.fetchall()))
            cursor.execute("DEALLOCATE explained")
            cursor.execute("SET LOCAL enable_seqscan = off")

    return plans


def _numbered(statement: str) -> tuple[str, list[str]]:
    """The statement with PostgreSQL's own parameters, and which names they have here."""
    names: dict[str, int] = {}
    text = re.sub(r"%\((\w+)\)s", lambda match: f"${names.setdefault(match[1], len(names) + 1)}", statement)
    return text.replace("%%", "%"), list(names)
