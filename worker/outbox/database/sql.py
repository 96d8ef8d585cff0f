"""SQL that means the same on PostgreSQL and SQLite: the present moment, rows as one JSON parameter, new rows only.

Composed anew for each use, the statements of an exchange took half of all the CPU time of a turn: to compose one costs
several times what it costs to run it. So a statement is a constant of its module, or kept by `cached_statement`.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, ParamSpec, TypeVar, cast

from pydantic_core import to_json
from sqlalchemy import (
    ARRAY,
    JSON,
    ClauseElement,
    ColumnElement,
    Connection,
    Float,
    FromClause,
    Select,
    SQLColumnExpression,
    Text,
    any_,
    bindparam,
    case,
    column,
    false,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql import visitors
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import TypeEngine

from models import Operation, UtcDateTime
from models.base import Json, RowId

P = ParamSpec("P")
S = TypeVar("S")
E = TypeVar("E", bound=ClauseElement)

# SQLite keeps moments as text; three digits are what its own clock gives, and six sort with what Python wrote.
_SQLITE_FORMAT = "'%Y-%m-%d %H:%M:%f000'"


class CurrentTime(FunctionElement[datetime]):
    """The moment at which the statement looks, not the start of its transaction."""

    type = UtcDateTime()
    inherit_cache = True
    name = "current_time"


@compiles(CurrentTime, "postgresql")
def _current_time_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    del element, compiler, kw
    return "clock_timestamp()"


@compiles(CurrentTime, "sqlite")
def _current_time_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    del element, compiler, kw
    return f"strftime({_SQLITE_FORMAT}, 'now')"


current_time: ColumnElement[datetime] = CurrentTime()
"""The present moment by the database's clock, the only one that decides what is due, held, leased or allowed."""

current_time_once: ColumnElement[datetime] = select(current_time).scalar_subquery()
"""The present moment as one value. By a function that changes as it is asked no index can be cut short."""


def read_current_time(connection: Connection) -> datetime:
    """Read the present moment by the database's clock, for values that are reckoned in Python."""
    return connection.execute(select(current_time)).scalar_one()


def as_of(condition: E, moment: ColumnElement[datetime]) -> E:
    """Give the condition as it reads at `moment` instead of the present one."""

    def replaced(element: Any, **_: Any) -> Any:
        return moment if isinstance(element, CurrentTime) else None

    return cast("E", visitors.replacement_traverse(condition, {}, replaced))


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


DOCUMENT, IDS = "document", "ids"

# Kept: `json.dumps` makes one for each answer. And Python's own: it writes whatever nesting it could read.
_ENCODER = json.JSONEncoder(ensure_ascii=False)


def as_json_parameter(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Put the rows into the parameter that `json_table` reads."""
    return {DOCUMENT: to_json(list(rows)).decode()}


def as_ids_parameter(ids: Iterable[int]) -> dict[str, str]:
    """Put the ids into the parameter that `with_ids` reads."""
    return {IDS: to_json(list(ids)).decode()}


def json_table(dialect: str, name: str, columns: Mapping[str, TypeEngine[Any]]) -> FromClause:
    """Read the document as a table with the given columns; a key that a row lacks is NULL."""
    if dialect == "postgresql":
        # As JSONB it is made into a document of another form first: 22 settlements take half as long again.
        document = func.json_to_recordset(bindparam(DOCUMENT, type_=Text).cast(JSON))
        typed = [column(key, kind) for key, kind in columns.items()]
        return document.table_valued(*typed, name=name).render_derived(name=name, with_types=True)
    row = func.json_each(bindparam(DOCUMENT, type_=Text)).table_valued("value", name="each_row")
    values = [func.json_extract(row.c.value, f"$.{key}", type_=kind).label(key) for key, kind in columns.items()]
    return select(*values).select_from(row).subquery(name)


def with_ids(dialect: str, id_: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """The row's id is among the ids of the parameter; a condition beside a join with the document by that id.

    As an array, for PostgreSQL: it then can do nothing but find the rows by their ids, in their order. Joined with the
    document only, it reads a table that it takes for small from end to end, and goes on doing so for as long as it keeps
    that plan. SQLite goes through the document anyway; told so, it would look through all of it for each of its rows.
    """
    if dialect != "postgresql":
        return true()
    return id_ == any_(func.translate(bindparam(IDS, type_=Text), "[]", "{}").cast(ARRAY(RowId)))


class as_json(FunctionElement[Any]):  # noqa: N801 (reads as the SQL function it is)
    """`as_json(text)`: JSON text, as a value for a JSON column."""

    type = Json
    inherit_cache = True
    name = "as_json"


@compiles(as_json, "postgresql")
def _as_json_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **kw)} AS JSONB)"


@compiles(as_json, "sqlite")
def _as_json_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return str(compiler.process(element.clauses, **kw))


def to_json_text(value: Any | None) -> str | None:
    """A value as JSON text for `as_json`; None stays NULL."""
    return None if value is None else _ENCODER.encode(value)


_INSERT: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def cached_statement(compose: Callable[P, S]) -> Callable[P, S]:
    """Keep what `compose` makes for its few possible arguments: a dialect's name, a word, a flag, never a value of a row.

    Values go in as bound parameters when the statement is run.
    """
    return cast("Callable[P, S]", lru_cache(maxsize=64)(compose))


def pick_unlocked(ids: Select[Any]) -> Select[Any]:
    """Lock the operations with the ids that the query gives; pass over those that another transaction has locked.

    The ids come from a materialized expression: as a subquery with a limit, another plan may run it once per row.
    """
    picked = (
        ids.with_for_update(key_share=True, skip_locked=True, of=Operation)
        .cte("picked")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    return select(picked.c.id)


def without_index(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition itself, for rows that have been picked: worded so that no partial index can be chosen by it.

    Where nothing had been waiting when PostgreSQL last counted, it believes that the index of all that waits holds one
    row. It then read the whole of it for each claim, 20,000 rows for 25, to find those with the ids that it had been given.
    """
    return case((condition, true()), else_=false())


def insert_if_new(dialect: str, table: Any, key: Sequence[str] | None = None) -> Any:
    """Compose an INSERT that leaves out a row if its key (None: any unique key) is there already."""
    return _INSERT[dialect](table).on_conflict_do_nothing(index_elements=key)
