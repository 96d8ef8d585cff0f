"""Many rows in one parameter: a JSON document that the database reads as a table, the same on both databases.

One statement then settles a whole exchange, and its text stays the same for one row or for fifty.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import to_json
from sqlalchemy import (
    ARRAY,
    JSON,
    ColumnElement,
    FromClause,
    Text,
    any_,
    bindparam,
    column,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import TypeEngine

from models.base import Json, RowId

DOCUMENT, IDS = "document", "ids"

# Kept: `json.dumps` makes one for each answer. And Python's own: it writes whatever nesting it could read.
_ENCODER = json.JSONEncoder(ensure_ascii=False)


def as_json_parameter(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The parameter that carries the rows."""
    return {DOCUMENT: to_json(list(rows)).decode()}


def as_ids_parameter(ids: Iterable[int]) -> dict[str, str]:
    """The parameter that names rows, for `also_among`."""
    return {IDS: to_json(list(ids)).decode()}


def json_table(dialect: str, name: str, columns: Mapping[str, TypeEngine[Any]]) -> FromClause:
    """The document as a table with the given columns; a key that a row lacks is NULL."""
    if dialect == "postgresql":
        # As JSONB it is made into a document of another form first: 22 settlements take half as long again.
        document = func.json_to_recordset(bindparam(DOCUMENT, type_=Text).cast(JSON))
        typed = [column(key, kind) for key, kind in columns.items()]
        return document.table_valued(*typed, name=name).render_derived(name=name, with_types=True)
    each = func.json_each(bindparam(DOCUMENT, type_=Text)).table_valued("value", name="each_row")
    picked = [func.json_extract(each.c.value, f"$.{key}", type_=kind).label(key) for key, kind in columns.items()]
    return select(*picked).select_from(each).subquery(name)


def with_ids(dialect: str, id_: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """That the row's id is one of those that are named, beside a join with the document by that id.

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


NOTHING = literal(None)
