"""`vitec-sync results`: what is new for the CRM."""

import io
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO

import typer

from worker import bootstrap
from worker.cli import terminal
from worker.results import Written, write_file, write_stream


class Form(StrEnum):
    """How results are written."""

    CSV = "csv"
    JSONL = "jsonl"


def results(
    form: Annotated[
        Form | None,
        typer.Option("--format", help="csv or jsonl; by the file's ending if left out.", show_default=False),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Everything, whatever was told before; marks nothing as told.")
    ] = False,
    feed: Annotated[str | None, typer.Option(help="Only this feed's.", show_default=False)] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write this file, whole or not at all.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format jsonl.")] = False,
) -> None:
    """Write what the CRM has not been told yet, and mark it as told.

    Operations that have ended or are in doubt, each under the CRM's own source_id; then the rows that could not be
    taken in. The column `part` tells the two apart. An operation comes again when its verdict changes.
    """
    chosen = _form(form, output, as_json=as_json)
    db = bootstrap.database()
    try:
        if output is None:
            write_stream(db, _stream(), form=chosen, feed=feed, everything=everything)
        else:
            terminal.line(_summary(output, write_file(db, output, form=chosen, feed=feed, everything=everything)))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise terminal.CannotBeDone(_not_written(output, error)) from None


def _not_written(output: Path | None, error: OSError) -> str:
    why = error.strerror or type(error).__name__
    if output is not None:
        return f"{output} cannot be written ({why}): nothing was marked as told. Name another file with --output."
    # What is left in the stream would fail once more when the process ends.
    sys.stdout = io.StringIO()
    return f"Standard output cannot be written ({why}): nothing was marked as told. Try again."


def _form(form: Form | None, output: Path | None, *, as_json: bool) -> str:
    if as_json and form is Form.CSV:
        raise typer.BadParameter("--json and --format csv contradict one another", param_hint="--json")
    by_ending = output is not None and output.suffix in {".jsonl", ".ndjson"}
    return (form or (Form.JSONL if as_json or by_ending else Form.CSV)).value


def _stream() -> TextIO:
    """Standard output, with line breaks as they are written and nothing lost to a narrow encoding."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="strict", newline="")
    return sys.stdout


def _summary(output: Path, written: Written) -> str:
    operations = terminal.count(written.operations, "operation")
    rejected = terminal.count(written.rejected, "rejected row")
    return f"{output}: {operations}, {rejected}."
