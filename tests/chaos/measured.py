"""What the page shows as last measured: each part on each database from the run that played it last.

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

    from tests.chaos.parts import Errand, Played
    from tests.chaos.result import Result

BEGIN, END = "<!-- measured -->", "<!-- end of measured -->"

HEADINGS = ("", "fault", "operations", "lost", "doubled", "other violations", "in doubt", "seconds to recover", "notes")
DETAILED = {"G2": "point of the turn", "G3": "fault"}
NAMES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}


@dataclass(frozen=True, slots=True)
class Measured:
    """One part on one database: when and by which command it was run, and what came of it."""

    part: str
    database: str
    command: str
    day: str
    commit: str
    machine: str
    seconds: int
    rows: tuple[Figures, ...]


def measured(played: Played) -> Measured:
    """Of a part that has just been run."""
    errand = played.errand
    rows = tuple(result.figures for result in played.results)
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    where = (day, _commit(), _machine())
    return Measured(errand.part, errand.database, _command(errand), *where, round(played.seconds), rows)


def _command(errand: Errand) -> str:
    return f"--{errand.extent} --only {errand.part} --database {errand.database} --seed {errand.seed}"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    try:
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return told.stdout.strip() or "unknown"


def _machine() -> str:
    """What it ran on, and how much else there was to do: the load is the last minute's, the run's own share in it."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}"


def written(page: Path, played: Played) -> None:
    """Put a part in the place of what the page showed of it; every other part stays."""
    record = page.with_suffix(".json")
    kept = {(one.part, one.database): one for one in _read(record)}
    one = measured(played)
    kept[one.part, one.database] = one
    ordered = [kept[key] for key in sorted(kept)]
    record.write_text(json.dumps([asdict(one) for one in ordered], indent=1, ensure_ascii=False) + "\n", "utf-8")
    page.write_text(inserted(page.read_text(encoding="utf-8"), tables(ordered)), encoding="utf-8")


def _read(record: Path) -> list[Measured]:
    if not record.exists():
        return []
    found = json.loads(record.read_text(encoding="utf-8"))
    return [Measured(**{**one, "rows": tuple(Figures(**row) for row in one["rows"])}) for one in found]


def inserted(page: str, text: str) -> str:
    """The page with this text between its two marks, and nothing else changed."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no place for it: {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def tables(found: Sequence[Measured]) -> str:
    """All tables of the page: the sums, the points and the faults, and which runs they are from."""
    sums = [_line(f"{one.part} {NAMES[one.database]}", row) for one in found for row in one.rows if not row.column]
    parts = ["", table([HEADINGS, *sums])]
    for part, what in DETAILED.items():
        if some := [one for one in found if one.part == part]:
            parts += ["", f"{part} in detail: operations · violations · in doubt.", "", _detail(what, some)]
    runs = [("run", "`python3 run.py chaos` …", "day", "commit", "seconds", "machine")]
    for one in found:
        name = f"{one.part} {NAMES[one.database]}"
        runs.append((name, f"`{one.command}`", one.day, one.commit, str(one.seconds), one.machine))
    return "\n".join([*parts, "", table(runs), ""])


def _detail(what: str, some: Sequence[Measured]) -> str:
    """A line for each point or fault, a column for each way in which it was met."""
    cells: dict[str, dict[str, str]] = {}
    for one in some:
        for row in one.rows:
            if row.column:
                line = cells.setdefault(row.fault, {})
                cell = f"{row.operations} · {row.broken} · {row.in_doubt}"
                line[f"{row.column}, {NAMES[one.database]}"] = cell
                if row.notes:
                    line["then"] = row.notes
    columns = list(dict.fromkeys(column for line in cells.values() for column in line))
    lines = [(fault, *(line.get(column, "") for column in columns)) for fault, line in cells.items()]
    return table([(what, *columns), *lines])


def markdown(results: Iterable[Result]) -> str:
    """All results line by line, for whoever ran them."""
    lines = []
    for result in results:
        figures = result.figures
        lines.append(_line(" ".join(filter(None, (result.name, figures.column))), figures))
    return table([HEADINGS, *lines])


def _line(name: str, row: Figures) -> tuple[str, ...]:
    seconds = "–" if row.recovered is None else f"{row.recovered:.1f}"
    counts = (row.operations, row.lost, row.doubled, row.others, row.in_doubt)
    return (name, row.fault, *map(str, counts), seconds, row.notes)


def table(lines: Sequence[Sequence[str]]) -> str:
    """Lines as a table in Markdown, the first of them its headings."""
    head, *rest = lines
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rest))
