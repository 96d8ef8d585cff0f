"""`vitec-sync columns`: the columns that a kind takes, and an empty export to fill in."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from worker.cli import terminal
from worker.cli.options import check_kinds, complete_kind
from worker.drafting.describing import describe_fields, names_kind, template_headings
from worker.kinds import KIND_BY_NAME
from worker.workbooks import draft_workbook


def columns(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="The kind of row.", autocompletion=complete_kind)],
    template: Annotated[
        Path | None,
        typer.Option(
            "--template", help="Write an empty export with these headings: .csv or .xlsx.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the columns that rows of a kind take: field, Vitec's name, Swedish heading, form and an example.

    Any of the names can be a heading, in any order; a column that is not required may be missing.
    """
    check_kinds([kind])
    descriptions = describe_fields(KIND_BY_NAME[kind])
    if template is not None:
        headings = template_headings(KIND_BY_NAME[kind])
        _write_template(template, headings, kind)
        hint = f" Write {kind} into the column {headings[0]} of each row." if names_kind(headings) else ""
        if not as_json:
            terminal.print_line(f"{template}: {terminal.count_noun(len(headings), 'column')}, no row yet.{hint}")
            return
    if as_json:
        terminal.print_json([asdict(description) for description in descriptions])
        return
    rows = [
        (
            entry.field,
            entry.vitec_name or "",
            entry.swedish or "",
            "yes" if entry.is_required else "",
            entry.form,
            entry.example,
        )
        for entry in descriptions
    ]
    terminal.print_table(("field", "Vitec's name", "Swedish", "required", "form", "example"), rows)


def _write_template(path: Path, headings: Sequence[str], kind: str) -> None:
    """Write a file that Excel opens in columns; one that is there is never replaced."""
    if path.suffix.casefold() not in {".csv", ".xlsx"}:
        raise typer.BadParameter("name a file that ends in .csv or .xlsx", param_hint="--template")
    if path.exists():
        raise terminal.CannotBeDone(f"{path} is there already: name another file with --template.")
    try:
        if path.suffix.casefold() == ".xlsx":
            with draft_workbook(path, headings, title=kind):
                pass
        else:
            with path.open("x", encoding="utf-8-sig", newline="") as stream:
                stream.write(";".join(headings) + "\r\n")
    except OSError as error:
        raise terminal.CannotBeDone(f"{path} cannot be written ({error.strerror}): name another file.") from None
