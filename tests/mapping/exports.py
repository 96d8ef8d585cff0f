"""Exports and mappings for the tests: as small as can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from worker.feeds import open_feed
from worker.importing.columns import resolve_columns
from worker.importing.rows import IntakeDefaults, read_rows
from worker.mapping import ExportMapping, map_export, parse_mapping
from worker.outbox.database.staging import NewOperation
from worker.outbox.intake.feed_files import Rejection

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


USER = "HAN0123456789ABCDEF0123456789ABCDEF"
HEADINGS = ("Bokning", "Kontor", "Mäklare", "Rubrik", "Från", "Till")
GOOD = ("B-1", "M30001", USER, "Kundmöte", "02.12.2026 kl. 09:15", "02.12.2026 kl. 10:15")
TOML = """
version = 1
kind = "appointment"
[columns]
"Bokning" = "source_id"
"Kontor" = "customer_id"
"Mäklare" = "user_id"
"Rubrik" = "subject"
"Från" = "starts_at"
"Till" = "ends_at"
[times]
forms = ["%d.%m.%Y kl. %H:%M"]
"""


def mapping(text: str = TOML) -> ExportMapping:
    """Read a mapping that is right."""
    return parse_mapping(text, "m.toml")


def write(folder: Path, rows: Iterable[Sequence[str]], headings: Sequence[str] = HEADINGS) -> Path:
    """Write a CSV file with semicolons."""
    path = folder / "export.csv"
    path.write_text("".join(";".join(row) + "\n" for row in (headings, *rows)), encoding="utf-8")
    return path


def read(path: Path, toml: str = TOML) -> list[Any]:
    """Map a file and read its rows."""
    with open_feed(path) as file:
        source = map_export(mapping(toml), file)
        return [row.result for row in read_rows(source.rows(), resolve_columns(source, None), IntakeDefaults())]


def payload(path: Path, toml: str = TOML) -> dict[str, Any]:
    """Map a file of one good row, and give its payload."""
    (operation,) = read(path, toml)
    assert isinstance(operation, NewOperation), operation
    return kind_payload(operation)


def kind_payload(operation: NewOperation) -> dict[str, Any]:
    """Give the payload of an operation."""
    import json

    content: dict[str, Any] = json.loads(operation.payload)
    return content


def rejections(path: Path, toml: str = TOML) -> list[Rejection]:
    """Map a file, and give its rejected rows."""
    return [row for row in read(path, toml) if isinstance(row, Rejection)]
