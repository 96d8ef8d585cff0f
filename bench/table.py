"""A table of figures: printed as Markdown, kept as Markdown and JSON."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Value = str | int | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """The figures of a measurement. `columns`: heading and format of each, as `format` has it; "" for words."""

    name: str
    """The name of its files."""
    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Value]]
    note: str = ""
    """A note for the reader of the figures, in Markdown."""


def quantile(values: Sequence[float], share: float) -> float:
    """Find the value that this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def as_markdown(table: Table, about: Mapping[str, Any]) -> str:
    """Write the table in Markdown, which reads well as it stands."""
    heads = [heading for heading, _ in table.columns]
    marks = ["---" if how == "" else "--:" for _, how in table.columns]
    body = [
        [_format_value(value, how) for value, (_, how) in zip(row, table.columns, strict=True)] for row in table.rows
    ]
    lines = [f"| {' | '.join(cells)} |" for cells in (heads, marks, *body)]
    line = "; ".join(f"{name}: {value}" for name, value in about.items())
    return "\n".join([*lines, "", *([table.note, ""] if table.note else []), line, ""])


def _format_value(value: Value, how: str) -> str:
    return "" if value is None else format(value, how)


def as_json(table: Table, about: Mapping[str, Any]) -> str:
    """Write the same figures for programs, unrounded."""
    heads = [heading for heading, _ in table.columns]
    rows = [dict(zip(heads, row, strict=True)) for row in table.rows]
    return json.dumps({"about": about, "rows": rows}, indent=1, ensure_ascii=False) + "\n"


def publish(table: Table, about: Mapping[str, Any], folder: Path) -> None:
    """Print a table and put both forms into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{table.name}.md").write_text(as_markdown(table, about), encoding="utf-8")
    (folder / f"{table.name}.json").write_text(as_json(table, about), encoding="utf-8")
    print(as_markdown(table, about))


def describe_circumstances(**details: Any) -> dict[str, Any]:
    """Describe where and when something was measured, and the command that measures it again."""
    return {
        **details,
        "cores": os.cpu_count(),
        "Python": platform.python_version(),
        "load at the end": f"{os.getloadavg()[0]:.1f}",
        "measured": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "command": _repeatable_command(sys.argv[1:]),
    }


def _repeatable_command(arguments: Sequence[str]) -> str:
    """Write the command without the folder of its reports."""
    place = arguments.index("--out") if "--out" in arguments else len(arguments)
    return " ".join(["python3 run.py bench", *arguments[:place], *arguments[place + 2 :]])
