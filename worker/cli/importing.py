"""`vitec-sync import`: take in exports."""

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Self

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from worker import bootstrap, logs
from worker.cli import terminal
from worker.cli.canary import CanaryHeld, wait_for_first_rows
from worker.cli.import_report import FileReport, ImportRequest, print_next_steps, print_report
from worker.cli.mapped import DryRunOption, MappingOption, read_mapping_option
from worker.cli.options import check_kinds, complete_kind
from worker.cli.rejected_to import RejectedTo, RejectedToOption, check_target
from worker.codes.language import Language
from worker.codes.sentences import refusal_in
from worker.feeds import FileRefused, printable_name
from worker.importing import (
    DEFAULT_FEED,
    ConsentNeeded,
    ImportedElsewhere,
    ImportListener,
    IntakeDefaults,
    ProgressCallback,
    TooManyAbsent,
    import_file,
)
from worker.outbox.intake.rejections import refuse_file

RING_EVERY = 10.0
"""Seconds between rings while a long file is taken in: without a broker each costs up to two."""


_FullExport = Annotated[bool, typer.Option("--full-export", help="Withdraw what the export does not name any more.")]
_Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before many people are notified.")]
_Canary = Annotated[
    bool,
    typer.Option("--canary", help="Send the first new row of each kind alone; record the others when Vitec took it."),
]


def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Exports: CSV, JSON or workbooks; gz or zip.")],
    kind: Annotated[
        str | None,
        typer.Option(help="What all rows are, if no column says so.", show_default=False, autocompletion=complete_kind),
    ] = None,
    mapping: MappingOption = None,
    feed: Annotated[str, typer.Option(help="The source of the rows: an id is unique within its feed.")] = DEFAULT_FEED,
    dry_run: DryRunOption = False,
    full_export: _FullExport = False,
    yes: _Yes = False,
    canary: _Canary = False,
    rejected_to: RejectedToOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Take in exports of the CRM. Good rows are recorded and sent; bad ones are rejected, with line and reason.

    The same file again records nothing. A row that has changed replaces what still waits, or mends what had failed.
    Begin with --dry-run: it checks everything, and shows the first request of each kind. `vitec-sync columns KIND` lists
    what a kind takes; headings of your own need a mapping (`vitec-sync mapping suggest`).
    Exit status: 0 all recorded, 3 some rows rejected, 1 a file was refused and nothing of it recorded.
    """
    check_kinds([kind] if kind else None)
    if not 1 <= len(feed) <= 64 or not feed.isprintable():
        raise typer.BadParameter("a feed's name has 1 to 64 printable characters", param_hint="--feed")
    check_target(rejected_to, files)
    logs.configure(logging.WARNING)
    language, is_canary = bootstrap.settings().language, canary and not dry_run
    request = ImportRequest(
        kind, feed, dry_run, as_json, rejected_to, language, read_mapping_option(mapping), full_export, yes, is_canary
    )
    with _Ringer(is_silent=dry_run) as ringer:
        reports = [_import_file(path, request, ringer) for path in files]
    if as_json:
        terminal.print_json([report.as_data(request) for report in reports])
    elif terminal.is_terminal():
        print_next_steps(reports, request)
    raise typer.Exit(max((report.status for report in reports), key=(0, 3, 1).index))


def _import_file(path: Path, request: ImportRequest, ringer: "_Ringer") -> FileReport:
    report = _try_import(path, request, ringer)
    if report.questions and terminal.is_interactive():
        terminal.print_error(f"{path.name}: {'; '.join(report.questions)}.")
        if typer.confirm("Go on all the same?", err=True):
            report = _try_import(path, replace(request, yes=True), ringer)
    if not request.as_json:
        print_report(report, request)
    return report


def _try_import(path: Path, request: ImportRequest, ringer: "_Ringer") -> FileReport:
    report = FileReport(path)
    db = bootstrap.database()
    rejected_to = RejectedTo(db, request.rejected_to, request.language, report.add)
    with _progress_bar(path, request) as step, rejected_to:
        listener = ImportListener(on_progress=step, on_rejected=rejected_to.add, on_recorded=ringer)
        try:
            if request.canary:
                first = ImportListener(on_recorded=bootstrap.ring)
                defaults = IntakeDefaults.of(bootstrap.settings())
                wait_for_first_rows(path, request.kind, request.mapping, request.feed, defaults, first, request.options)
            report.summary = import_file(
                db,
                path,
                kind=request.kind,
                mapping=request.mapping,
                feed=request.feed,
                dry_run=request.dry_run,
                defaults=IntakeDefaults.of(bootstrap.settings()),
                listener=listener,
                options=request.options,
                on_end=rejected_to.write,
            )
        except FileRefused as error:
            report.refused, report.code = _describe_refusal(path, error, request), error.code
            _record_refusal(path, error, request)
        except (ImportedElsewhere, CanaryHeld) as error:
            report.refused = str(error)
        except ConsentNeeded as error:
            report.refused = f"{path.name}: {error}. Nothing was recorded. If that is meant, import it with --yes."
            report.code, report.questions = "consent_needed", error.concerns
        except TooManyAbsent as error:
            report.refused = f"{path.name}: {error}. Its rows are recorded. If that is meant, import it with --yes."
            report.code, report.questions = "too_many_absent", (str(error),)
    report.rejected_file = rejected_to.written
    if rejected_to.fault:
        terminal.print_error(rejected_to.fault)
    return report


def _describe_refusal(path: Path, error: FileRefused, request: ImportRequest) -> str:
    if request.language is Language.ENGLISH:
        return str(error)
    sentence = refusal_in(error.wrong, error.remedy, error.code, request.language)
    return f"{path.name}: {sentence.text}. {sentence.remedy}"


def _record_refusal(path: Path, error: FileRefused, request: ImportRequest) -> None:
    """Keep on record that a file of the CRM was refused, until one of its name is taken in. A slip of the keys is none."""
    if path.is_file() and not request.dry_run:
        refuse_file(
            bootstrap.database(),
            feed=request.feed,
            name=printable_name(path)[:255],
            kind=request.kind,
            reason=error.wrong,
            remedy=f"{error.remedy}.",
            code=error.code,
        )


class _Ringer:
    """Rings while rows arrive, now and then, and once at the end, so that they are sent at once."""

    def __init__(self, *, is_silent: bool) -> None:
        self._is_silent = is_silent
        self._kinds: set[str] = set()
        self._next = time.monotonic() + RING_EVERY

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ring()

    def __call__(self, kinds: Iterable[str]) -> None:
        self._kinds |= set(kinds)
        if time.monotonic() >= self._next:
            self._ring()

    def _ring(self) -> None:
        if self._kinds and not self._is_silent:
            bootstrap.ring(self._kinds)
        self._kinds = set()
        self._next = time.monotonic() + RING_EVERY


@contextmanager
def _progress_bar(path: Path, request: ImportRequest) -> Iterator[ProgressCallback]:
    """Show a progress bar on a terminal; nothing in a pipe."""
    if request.as_json or not terminal.is_terminal():
        yield lambda completed, total: None  # noqa: ARG005 (there is no bar to move)
        return
    name = printable_name(path)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal.make_console(), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda completed, total: bar.update(task, completed=completed, total=total)
