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
    """What was measured. `columns`: heading and format of each, as `format` has it; "" for words."""

    name: str
    """Of its files."""
    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Value]]
    note: str = ""
    """What a reader must know beside the figures, in Markdown."""


def text(table: Table, about: Mapping[str, Any]) -> str:
    """Markdown, which reads well as it stands."""
    heads = [heading for heading, _ in table.columns]
    marks = ["---" if how == "" else "--:" for _, how in table.columns]
    body = [[_shown(value, how) for value, (_, how) in zip(row, table.columns, strict=True)] for row in table.rows]
    lines = [f"| {' | '.join(cells)} |" for cells in (heads, marks, *body)]
    said = "; ".join(f"{name}: {value}" for name, value in about.items())
    return "\n".join([*lines, "", *([table.note, ""] if table.note else []), said, ""])


def _shown(value: Value, how: str) -> str:
    return "" if value is None else format(value, how)


def as_json(table: Table, about: Mapping[str, Any]) -> str:
    """The same figures for machines, unrounded."""
    heads = [heading for heading, _ in table.columns]
    rows = [dict(zip(heads, row, strict=True)) for row in table.rows]
    return json.dumps({"about": about, "rows": rows}, indent=1, ensure_ascii=False) + "\n"


def publish(table: Table, about: Mapping[str, Any], folder: Path) -> None:
    """Print it and put both forms into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{table.name}.md").write_text(text(table, about), encoding="utf-8")
    (folder / f"{table.name}.json").write_text(as_json(table, about), encoding="utf-8")
    print(text(table, about))


def circumstances(**more: Any) -> dict[str, Any]:
    """Where and when something was measured, and how it is measured again."""
    return {
        **more,
        "cores": os.cpu_count(),
        "Python": platform.python_version(),
        "load at the end": f"{os.getloadavg()[0]:.1f}",
        "measured": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "command": _command(sys.argv[1:]),
    }


def _command(arguments: Sequence[str]) -> str:
    """As it is given again, wherever the reports are to go then."""
    place = arguments.index("--out") if "--out" in arguments else len(arguments)
    return " ".join(["python3 run.py bench", *arguments[:place], *arguments[place + 2 :]])
