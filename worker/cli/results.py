"""`vitec-sync results`: write the results that are new for the CRM."""

import io
import sys
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from worker import bootstrap
from worker.cli import terminal
from worker.results import Written, write_file, write_stream


class FileFormat(StrEnum):
    """The format in which results are written."""

    CSV = "csv"
    CSV_EXCEL = "csv-excel"
    JSONL = "jsonl"
    XLSX = "xlsx"


_FORMAT_HELP = (
    "csv, csv-excel (semicolons, as a Swedish Excel opens it), jsonl or xlsx; by the file's ending if left out."
)
_BY_ENDING = {".jsonl": FileFormat.JSONL, ".ndjson": FileFormat.JSONL, ".xlsx": FileFormat.XLSX}
_ENDINGS = frozenset({".csv", ".txt", "", *_BY_ENDING})


def results(
    form: Annotated[
        FileFormat | None,
        typer.Option("--format", help=_FORMAT_HELP, show_default=False),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Everything, whatever was told before; marks nothing as told.")
    ] = False,
    feed: Annotated[str | None, typer.Option(help="Only this feed's.", show_default=False)] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write this file, whole or not at all.", show_default=False)
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format jsonl.")] = False,
) -> None:
    """Write what the CRM has not been told yet, and mark it as told.

    Operations that have ended or are in doubt, each under the CRM's own source_id; then the rows that could not be
    taken in. The column `part` tells the two apart. An operation comes again when its verdict changes.
    """
    file_format = _choose_format(form, output, as_json=as_json)
    if output is not None and output.is_file() and not overwrite:
        raise terminal.CannotBeDone(
            f"{output} is there already, and may hold results that the CRM has not taken over: nothing was written, and"
            " nothing marked as told. Name another file, or say --overwrite."
        )
    db, language = bootstrap.database(), bootstrap.settings().language
    try:
        if output is None:
            write_stream(
                db, _open_stdout(file_format), form=file_format, feed=feed, everything=everything, language=language
            )
        else:
            written = write_file(db, output, form=file_format, feed=feed, everything=everything, language=language)
            terminal.print_line(_describe_results(output, written, overwrite=overwrite))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise terminal.CannotBeDone(_describe_failure(output, error)) from None


def _describe_failure(output: Path | None, error: OSError) -> str:
    why = error.strerror or type(error).__name__
    if output is not None:
        return f"{output} cannot be written ({why}): nothing was marked as told. Name another file with --output."
    # The rest of the stream would fail once more when the process ends.
    sys.stdout = io.StringIO()
    return f"Standard output cannot be written ({why}): nothing was marked as told. Try again."


def _choose_format(form: FileFormat | None, output: Path | None, *, as_json: bool) -> str:
    if as_json and form not in {None, FileFormat.JSONL}:
        raise typer.BadParameter(f"--json and --format {form} contradict one another", param_hint="--json")
    if output is not None and output.suffix.casefold() not in _ENDINGS:
        raise typer.BadParameter(
            f"no {output.suffix} file can be written: name one that ends in .csv, .jsonl or .xlsx",
            param_hint="--output",
        )
    by_ending = _BY_ENDING.get(output.suffix.casefold(), FileFormat.CSV) if output else FileFormat.CSV
    chosen = form or (FileFormat.JSONL if as_json else by_ending)
    if output is not None and (chosen is FileFormat.XLSX) != (output.suffix.casefold() == ".xlsx"):
        raise typer.BadParameter("a workbook ends in .xlsx, and nothing else does", param_hint="--output")
    if output is None and chosen is FileFormat.XLSX and terminal.is_terminal():
        raise typer.BadParameter("a workbook cannot be shown: name a file", param_hint="--output")
    return chosen.value


def _open_stdout(form: str) -> IO[Any]:
    """Open standard output so that line breaks stay as written, and no character is lost to a narrow encoding."""
    if form == FileFormat.XLSX:
        return sys.stdout.buffer
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="strict", newline="")
    return sys.stdout


def _describe_results(output: Path, written: Written, *, overwrite: bool) -> str:
    if overwrite and not (written.operations or written.rejected):
        return f"There is nothing new. What {output} held before, it still holds."
    operations = terminal.count_noun(written.operations, "operation")
    rejected = terminal.count_noun(written.rejected, "rejected row")
    return f"{output}: {operations}, {rejected}."
