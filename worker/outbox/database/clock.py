"""The clock of everything that is due, held, leased or paced: the database's own, or a bound value in tests."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Float, SQLColumnExpression, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.sql.functions import GenericFunction

from models import UtcDateTime

# SQLite keeps moments as text; three digits are what its own clock gives, and six sort with what Python wrote.
_SQLITE_FORMAT = "'%Y-%m-%d %H:%M:%f000'"


class _Now(GenericFunction[datetime]):
    """The moment at which the statement looks, not the start of its transaction."""

    type = UtcDateTime()
    inherit_cache = True
    name = "vitec_now"


@compiles(_Now, "postgresql")
def _now_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    del element, compiler, kw
    return "clock_timestamp()"


@compiles(_Now, "sqlite")
def _now_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    del element, compiler, kw
    return f"strftime({_SQLITE_FORMAT}, 'now')"


_NOW = _Now()


class later(FunctionElement[datetime]):  # noqa: N801 (reads as the SQL function it is)
    """`later(moment, seconds)`: a moment so many seconds (may be a column, fractions allowed) after another."""

    type = UtcDateTime()
    inherit_cache = True
    name = "later"

    def __init__(self, moment: SQLColumnExpression[Any], seconds: SQLColumnExpression[Any] | float) -> None:
        by = literal(float(seconds), Float) if isinstance(seconds, int | float) else seconds
        super().__init__(moment, by)


@compiles(later, "postgresql")
def _later_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    moment, seconds = element.clauses
    return f"({compiler.process(moment, **kw)} + make_interval(secs => {compiler.process(seconds, **kw)}))"


@compiles(later, "sqlite")
def _later_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    moment, seconds = element.clauses
    by = compiler.process(seconds, **kw)
    return f"strftime({_SQLITE_FORMAT}, {compiler.process(moment, **kw)}, printf('%+.6f seconds', {by}))"


class Clock(Protocol):
    """Gives the present moment as an SQL expression."""

    def now(self) -> ColumnElement[datetime]:
        """The present moment."""
        ...


@dataclass(frozen=True, slots=True)
class SqlClock:
    """The database's clock: the only one that decides in production."""

    def now(self) -> ColumnElement[datetime]:
        """The moment at which the statement looks. Always the same expression, so that statements can be kept."""
        return _NOW


@dataclass(slots=True)
class FixedClock:
    """A clock that a test sets and moves."""

    moment: datetime = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)

    def now(self) -> ColumnElement[datetime]:
        """The moment that was set."""
        return literal(self.moment, UtcDateTime())

    def advance(self, seconds: float) -> None:
        """Move forward."""
        self.moment += timedelta(seconds=seconds)
