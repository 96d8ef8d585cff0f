"""A clock that a test sets and moves: statements find its moment where they ask the database for the present one."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, event

from worker.outbox.database.sql import current_time

MOMENT = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
"""The moment at which a fixed clock starts."""


@dataclass(slots=True, eq=False)
class FixedClock:
    """The clock of the engines that were given to `rule`."""

    moment: datetime = MOMENT

    def advance(self, seconds: float) -> None:
        """Move forward."""
        self.moment += timedelta(seconds=seconds)

    def rule(self, engine: Engine) -> Engine:
        """Let every statement on the engine see this clock's moment, in place of another clock's if there was one."""
        if engine not in _clocks:
            event.listen(engine, "before_cursor_execute", _replace_current_time, retval=True)
        _clocks[engine] = self
        return engine


_clocks: WeakKeyDictionary[Engine, FixedClock] = WeakKeyDictionary()


def _replace_current_time(connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
    expression = str(current_time.compile(dialect=connection.dialect))
    moment = f"'{_clocks[connection.engine].moment:%Y-%m-%d %H:%M:%S.%f}"
    fixed = f"{moment}+00'::timestamptz" if connection.dialect.name == "postgresql" else f"{moment}'"
    return statement.replace(expression, fixed), parameters
