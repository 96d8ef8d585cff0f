"""`vitec-sync mapping`: draft a mapping for an export with its own headings, and check one."""

from pathlib import Path
from typing import Annotated, Any

import typer

from worker.cli import terminal
from worker.cli.help_page import PlainCommand, PlainGroup
from worker.drafting import Trial, draft_mapping, try_mapping
from worker.feeds import FileRefused, open_feed
from worker.mapping import MappingFault, MappingRefused, parse_mapping
from worker.mapping.loading import read_text

mapping = typer.Typer(
    name="mapping",
    cls=PlainGroup,
    help="Draft a mapping for an export with headings of its own, and check one. A mapping is a file that you keep: it says"
    " which column is which field, how times are written, and what is left out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@mapping.command("suggest", cls=PlainCommand)
def suggest(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An export, in any form that can be taken in.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the draft here; else it is printed.", show_default=False),
    ] = None,
) -> None:
    """Draft a mapping for an export that was never seen before. Read it, answer each TODO, and check it.

    Nothing is recorded. No word of a cell is written into the draft but such as Möte, Avbokad or Ja.
    Exit status: 0 complete, 3 questions are left, 1 the file cannot be read.
    """
    try:
        with open_feed(file) as source:
            draft = draft_mapping(source, output.name if output else "M.toml")
    except FileRefused as refused:
        raise terminal.CannotBeDone(str(refused)) from None
    if output is None:
        typer.echo(draft.text, nl=False)
    else:
        _write(output, draft.text)
        terminal.print_line(
            f"{output}: {_count_questions(draft.questions)} Next: vitec-sync mapping check {output} {file}"
        )
    if draft.questions:
        if output is None:
            terminal.print_error(_count_questions(draft.questions))
        raise typer.Exit(3)


def _count_questions(number: int) -> str:
    if not number:
        return "Nothing is left open: read it, and accept it."
    return f"{terminal.count_noun(number, 'question')} left open: look for TODO."


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except FileExistsError:
        raise terminal.CannotBeDone(f"{path} is there already: name another file with --output.") from None
    except OSError as error:
        raise terminal.CannotBeDone(f"{path} cannot be written ({error.strerror}): name another file.") from None


@mapping.command("check", cls=PlainCommand)
def check(
    path: Annotated[Path, typer.Argument(metavar="MAPPING", help="The mapping.")],
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="Exports to try it on.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say everything that is wrong with a mapping, by itself and with exports: line, key and remedy. Records nothing.

    Exit status: 0 all is well, 3 some rows do not fit, 1 the mapping does not.
    """
    try:
        text = read_text(path)
        checked = parse_mapping(text, path.name)
    except MappingRefused as refused:
        _report(path, refused.faults, {}, as_json=as_json)
        raise typer.Exit(1) from None
    trials: dict[Path, Trial] = {}
    for file in files or ():
        try:
            with open_feed(file) as source:
                trials[file] = try_mapping(checked, source, text)
        except FileRefused as refused_file:
            trials[file] = Trial(refused=str(refused_file))
    _report(path, (), trials, as_json=as_json)
    if any(trial.faults or trial.refused for trial in trials.values()):
        raise typer.Exit(1)
    if any(trial.row_faults for trial in trials.values()):
        raise typer.Exit(3)


def _report(path: Path, faults: tuple[MappingFault, ...], trials: dict[Path, Trial], *, as_json: bool) -> None:
    if as_json:
        terminal.print_json({"mapping": str(path), "faults": _as_data(faults), "files": _trials_as_data(trials)})
        return
    for fault in faults:
        terminal.print_line(f"{path.name}, {fault}")
    if not faults and not trials:
        terminal.print_line(f"{path.name} is right as it stands. To try it: vitec-sync mapping check {path} FILE")
    for file, trial in trials.items():
        _print_trial(path, file, trial)


def _print_trial(path: Path, file: Path, trial: Trial) -> None:
    for fault in trial.faults:
        terminal.print_line(f"{path.name}, {fault}" if fault.line else str(fault))
    if trial.refused:
        terminal.print_line(trial.refused)
    if trial.faults or trial.refused:
        return
    terminal.print_line(f"{file.name}: {trial.good} of {terminal.count_noun(trial.rows, 'row')} can be taken in.")
    for note in trial.notes:
        terminal.print_line(f"  Note: {note}")
    for fault_of_rows in trial.row_faults:
        first = fault_of_rows.rejection
        column = f"{first.column}: " if first.column else ""
        place = (
            f"line {first.line}" if fault_of_rows.rows == 1 else f"{fault_of_rows.rows} rows, first line {first.line}"
        )
        terminal.print_line(f"  {place}, {column}{first.reason}. {first.remedy}")


def _as_data(faults: tuple[MappingFault, ...] | list[MappingFault]) -> list[dict[str, Any]]:
    return [{"line": fault.line, "key": fault.key, "wrong": fault.wrong, "remedy": fault.remedy} for fault in faults]


def _trials_as_data(trials: dict[Path, Trial]) -> list[dict[str, Any]]:
    return [
        {
            "file": str(file),
            "refused": trial.refused,
            "faults": _as_data(trial.faults),
            "rows": trial.rows,
            "good": trial.good,
            "notes": list(trial.notes),
            "row_faults": [
                {
                    "line": entry.rejection.line,
                    "rows": entry.rows,
                    "column": entry.rejection.column,
                    "code": entry.rejection.code,
                    "reason": entry.rejection.reason,
                    "remedy": entry.rejection.remedy,
                }
                for entry in trial.row_faults
            ],
        }
        for file, trial in trials.items()
    ]
