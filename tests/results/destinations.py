"""Destinations in a folder of the test, and what has come there."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from openpyxl import load_workbook
from sqlalchemy import select

from models import EVERY_FEED, ResultBatch, ResultSink
from worker.results.config import ResultsConfig
from worker.results.run import write_results
from worker.results.sinks import Destination

if TYPE_CHECKING:
    from pathlib import Path

    from worker.outbox import Database

HERE = "host:1"

IDS = ["A-1", "A-2", "A-3", "A-4", "A-5", "BAD"]
"""The ids of the fixture `news`, in the order in which they are written."""


def in_folder(folder: Path, **options: Any) -> Destination:
    """Make a destination of every feed: files in the folder."""
    return to(stem="results", folder=folder, **options)


def to(*, stem: str = "crm", names: Any = None, **options: Any) -> Destination:
    """Make a destination of every feed."""
    return Destination(EVERY_FEED, stem, ResultsConfig.model_validate(options), names=names)


def write(db: Database, *destinations: Destination, **options: Any) -> dict[str, int]:
    """Run the chore once."""
    return write_results(db, destinations, worker=HERE, **options)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read a file of results as the CRM would, by its form."""
    if path.suffix == ".xlsx":
        headings, *rows = load_workbook(path).active.iter_rows(values_only=True)  # type: ignore[union-attr]
        return [dict(zip(map(str, headings), row, strict=True)) for row in rows]
    text = path.read_bytes().decode("utf-8-sig")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    delimiter = ";" if text.partition("\r\n")[0].count(";") else ","
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


def read_all(folder: Path) -> list[str]:
    """Read the ids of the CRM in all files of the folder, in the order of the files' names."""
    return [str(row["source_id"]) for path in sorted(visible(folder)) for row in read_rows(path)]


def visible(folder: Path) -> list[Path]:
    """List the files that the CRM sees."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def drafts(folder: Path) -> list[str]:
    """List the drafts that are still there."""
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".part"))


def sink_row(db: Database) -> Any:
    """Read the only sink's row."""
    with db.read() as connection:
        return connection.execute(select(ResultSink.__table__)).one()


def batch_rows(db: Database) -> list[Any]:
    """Read all batches, oldest first."""
    with db.read() as connection:
        query = select(ResultBatch.__table__).order_by(ResultBatch.sink, ResultBatch.number)
        return list(connection.execute(query))


def change(db: Database, source_id: str, assignment: str) -> None:
    """Change columns of an operation."""
    with db.write() as connection:
        connection.exec_driver_sql(f"UPDATE operations SET {assignment} WHERE source_id = '{source_id}'")
