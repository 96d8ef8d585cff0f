"""How statements are composed: once and kept, picking rows that nobody has locked, inserting rows that are new.

Composed anew for each use, the statements of an exchange took half of all the CPU time of a turn: to compose one costs
several times what it costs to run it.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, ParamSpec, TypeVar, cast

from sqlalchemy import ColumnElement, Select, case, false, select, true
from sqlalchemy.dialects import postgresql, sqlite

from models import Operation

P = ParamSpec("P")
S = TypeVar("S")

_INSERT: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def cached_statement(compose: Callable[P, S]) -> Callable[P, S]:
    """Keep what `compose` makes for its arguments: the clock's expression, a dialect's name, never a value of a row.

    Values go in as bound parameters when the statement is run. A test's clock makes a new expression each time, so what
    is kept must be bounded.
    """
    return cast("Callable[P, S]", lru_cache(maxsize=64)(compose))


def pick_unlocked(ids: Select[Any]) -> Select[Any]:
    """Lock the operations whose ids the query gives, pass over those that another transaction has locked.

    The ids come from a materialized expression: as a subquery with a limit, another plan may run it once per row.
    """
    picked = (
        ids.with_for_update(key_share=True, skip_locked=True, of=Operation)
        .cte("picked")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    return select(picked.c.id)


def without_index(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """That it holds, for rows that have been picked: said so that no partial index can be chosen by it.

    Where nothing had been waiting when PostgreSQL last counted, it believes that the index of all that waits holds one
    row. It then read the whole of it for each claim, 20,000 rows for 25, to find those whose ids it had been given.
    """
    return case((condition, true()), else_=false())


def insert_if_new(dialect: str, table: Any, key: Sequence[str] | None = None) -> Any:
    """An INSERT that leaves out rows whose key (None: any unique key) is there already."""
    return _INSERT[dialect](table).on_conflict_do_nothing(index_elements=key)
