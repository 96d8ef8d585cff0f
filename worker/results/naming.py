"""The CRM's own names in its results: of columns, and its words for states, parts and kinds."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol


class CrmNames(Protocol):
    """The names that a mapping gives: each table leads from our word to the CRM's, and may lack some."""

    @property
    def columns(self) -> Mapping[str, str]: ...
    @property
    def states(self) -> Mapping[str, str]: ...
    @property
    def parts(self) -> Mapping[str, str]: ...
    @property
    def kinds(self) -> Mapping[str, str]: ...
    @property
    def only(self) -> bool:
        """Whether the columns that are named come alone, in their order."""


def choose_columns(names: CrmNames, columns: Sequence[str]) -> dict[str, str]:
    """Give the columns of the results in their order, each with the name that it bears for the CRM."""
    if names.only:
        return {column: names.columns[column] for column in names.columns if column in columns}
    return {column: names.columns.get(column, column) for column in columns}


def make_picker(names: CrmNames, columns: Iterable[str]) -> Callable[[Mapping[str, Any]], list[Any]]:
    """Make a function that picks the values of these columns from a row of results, in the CRM's words."""
    words = {"state": names.states, "part": names.parts, "kind": names.kinds}
    tables = [(column, words.get(column, {})) for column in columns]
    return lambda row: [table.get(row[column], row[column]) if table else row[column] for column, table in tables]


def make_translator(names: CrmNames | None) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """Make a function that puts the CRM's words for states, parts and kinds in the place of ours, under our columns."""
    if names is None:
        return lambda row: row
    words = {"state": names.states, "part": names.parts, "kind": names.kinds}
    return lambda row: {**row, **{column: table.get(row[column], row[column]) for column, table in words.items()}}
