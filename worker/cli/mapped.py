"""The parts of `vitec-sync import` that have to do with mappings, and with requests that are only shown."""

import json
from pathlib import Path
from typing import Annotated

import typer

from worker.cli import terminal
from worker.importing import RequestPreview
from worker.mapping import ExportMapping, MappingRefused, read_mapping

MappingOption = Annotated[
    Path | None,
    typer.Option(help="The mapping of a file with its own headings (see: mapping suggest).", show_default=False),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Check everything, show the first requests, record nothing.")
]


def read_mapping_option(path: Path | None) -> ExportMapping | None:
    """Read the mapping that a person names. Raises `CannotBeDone`."""
    try:
        return read_mapping(path) if path else None
    except MappingRefused as refused:
        raise terminal.CannotBeDone(f"{refused} Nothing was done.") from None


def print_request(request: RequestPreview) -> None:
    """Print a request as it would be sent, with its body on lines of its own."""
    terminal.print_line(
        f"  The first {terminal.as_words(request.kind)}, line {request.line} ({request.source_id}), would be sent as"
    )
    terminal.print_line(f"    {request.method} {request.path}")
    body = [] if request.body is None else json.dumps(request.body, ensure_ascii=False, indent=2).splitlines()
    for line in body:
        terminal.print_line(f"    {line}")
