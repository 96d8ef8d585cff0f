"""The measurements that the page shows: each part on each database from the run that played it last.

The figures stand beside the page, in a JSON file, from which its tables are drawn anew: so one part can be run today and
another one tomorrow, and each keeps its own day, extent and seed.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from run import ROOT
from tests.chaos.result import Figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tests.chaos.parts import PlannedPart, Played
    from tests.chaos.result import Result

BEGIN, END = "<!-- measured -->", "<!-- end of measured -->"

HEADINGS = ("", "fault", "operations", "lost", "doubled", "other violations", "in doubt", "seconds to recover", "notes")
DETAILED = {"G2": "point of the turn", "G3": "fault"}
NAMES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}


@dataclass(frozen=True, slots=True)
class Measured:
    """One part on one database: when and by which command it was run, and its figures."""

    part: str
    database: str
    command: str
    day: str
    commit: str
    machine: str
    seconds: int
    rows: tuple[Figures, ...]


def measure(played: Played) -> Measured:
    """Make the record of a part that has just been run."""
    planned = played.planned
    rows = tuple(result.figures for result in played.results)
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    where = (day, _commit(), _machine())
    return Measured(planned.part, planned.database, _command(planned), *where, round(played.seconds), rows)


def _command(planned: PlannedPart) -> str:
    return f"--{planned.extent} --only {planned.part} --database {planned.database} --seed {planned.seed}"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    try:
        described = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return described.stdout.strip() or "unknown"


def _machine() -> str:
    """Describe the machine and its load, which is the last minute's and includes the run's own."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}"


def write_page(page: Path, played: Played) -> None:
    """Replace a part's figures on the page; every other part stays."""
    record = page.with_suffix(".json")
    kept = {(entry.part, entry.database): entry for entry in _read_record(record)}
    newest = measure(played)
    kept[newest.part, newest.database] = newest
    ordered = [kept[key] for key in sorted(kept)]
    record.write_text(json.dumps([asdict(entry) for entry in ordered], indent=1, ensure_ascii=False) + "\n", "utf-8")
    page.write_text(insert_between_marks(page.read_text(encoding="utf-8"), draw_tables(ordered)), encoding="utf-8")


def _read_record(record: Path) -> list[Measured]:
    if not record.exists():
        return []
    entries = json.loads(record.read_text(encoding="utf-8"))
    return [Measured(**{**entry, "rows": tuple(Figures(**row) for row in entry["rows"])}) for entry in entries]


def insert_between_marks(page: str, text: str) -> str:
    """Replace the page's text between its two marks, and nothing else."""
    before, begin, after_begin = page.partition(BEGIN)
    _, end, after = after_begin.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no place for it: {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def draw_tables(entries: Sequence[Measured]) -> str:
    """Draw all tables of the page: the sums, the points and the faults, and the runs they are from."""
    sums = [
        _line(f"{entry.part} {NAMES[entry.database]}", row) for entry in entries for row in entry.rows if not row.column
    ]
    parts = ["", draw_table([HEADINGS, *sums])]
    for part, heading in DETAILED.items():
        if entries_of_part := [entry for entry in entries if entry.part == part]:
            parts += [
                "",
                f"{part} in detail: operations · violations · in doubt.",
                "",
                _draw_detail(heading, entries_of_part),
            ]
    runs = [("run", "`python3 run.py chaos` …", "day", "commit", "seconds", "machine")]
    for entry in entries:
        name = f"{entry.part} {NAMES[entry.database]}"
        runs.append((name, f"`{entry.command}`", entry.day, entry.commit, str(entry.seconds), entry.machine))
    return "\n".join([*parts, "", draw_table(runs), ""])


def _draw_detail(heading: str, entries: Sequence[Measured]) -> str:
    """Draw a line for each point or fault, a column for each way in which it was met."""
    cells: dict[str, dict[str, str]] = {}
    for entry in entries:
        for row in entry.rows:
            if row.column:
                line = cells.setdefault(row.fault, {})
                cell = f"{row.operations} · {row.broken} · {row.in_doubt}"
                line[f"{row.column}, {NAMES[entry.database]}"] = cell
                if row.notes:
                    line["then"] = row.notes
    columns = list(dict.fromkeys(column for line in cells.values() for column in line))
    lines = [(fault, *(line.get(column, "") for column in columns)) for fault, line in cells.items()]
    return draw_table([(heading, *columns), *lines])


def draw_results(results: Iterable[Result]) -> str:
    """Draw all results line by line, for the terminal."""
    lines = []
    for result in results:
        figures = result.figures
        lines.append(_line(" ".join(filter(None, (result.name, figures.column))), figures))
    return draw_table([HEADINGS, *lines])


def _line(name: str, row: Figures) -> tuple[str, ...]:
    seconds = "–" if row.recovered is None else f"{row.recovered:.1f}"
    counts = (row.operations, row.lost, row.doubled, row.other_violations, row.in_doubt)
    return (name, row.fault, *map(str, counts), seconds, row.notes)


def draw_table(lines: Sequence[Sequence[str]]) -> str:
    """Draw lines as a table in Markdown; the first holds its headings."""
    head, *body = lines
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *body))
