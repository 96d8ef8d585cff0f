"""How PostgreSQL would do what the outbox asks of it, where it is free to choose."""

from typing import Any

from sqlalchemy import Engine, event


def explained(engine: Engine, *beginnings: str, freely: bool = True) -> list[str]:
    """The plans of all statements with such a beginning about operations, from now on, in the order they are run.

    `freely`: as where the planner may read the whole table, which the outbox's own connections forbid it.
    """
    plans: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def explain(connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if "operations" in statement and statement.startswith(beginnings):
            asked = connection.connection.cursor()
            asked.execute(f"SET LOCAL enable_seqscan = {'on' if freely else 'off'}")
            asked.execute(f"EXPLAIN {statement}", values)
            plans.append("\n".join(line for (line,) in asked.fetchall()))
            asked.execute("SET LOCAL enable_seqscan = off")

    return plans
