"""`vitec-sync import`: take in exports."""

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Self

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from worker import bootstrap, logs
from worker.cli import terminal
from worker.cli.canary import CanaryHeld, wait_for_first_rows
from worker.cli.mapped import DryRunOption, MappingOption, print_request, read_mapping_option
from worker.cli.options import check_kinds, complete_kind
from worker.cli.rejected_to import RejectedTo, RejectedToOption, check_target
from worker.codes.language import Language
from worker.codes.sentences import describe_rejection, refusal_in
from worker.feeds import FileRefused, printable_name
from worker.importing import (
    DEFAULT_FEED,
    ConsentNeeded,
    ImportedElsewhere,
    ImportListener,
    ImportOptions,
    ImportSummary,
    IntakeDefaults,
    ProgressCallback,
    TooManyAbsent,
    import_file,
    preview_request,
)
from worker.mapping import ExportMapping
from worker.outbox.intake.feed_files import Rejection
from worker.outbox.intake.rejections import refuse_file

SHOWN = 20
"""Rejected rows printed for each file; `vitec-sync rejected` lists all."""

KEPT = 1_000
"""Rejected rows printed with --json; a file of nothing but bad rows must not fill the memory."""

RING_EVERY = 10.0
"""Seconds between rings while a long file is taken in: without a broker each costs up to two."""


def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Exports: CSV, JSON or workbooks; gz or zip.")],
    kind: Annotated[
        str | None,
        typer.Option(help="What all rows are, if no column says so.", show_default=False, autocompletion=complete_kind),
    ] = None,
    mapping: MappingOption = None,
    feed: Annotated[str, typer.Option(help="The source of the rows: an id is unique within its feed.")] = DEFAULT_FEED,
    dry_run: DryRunOption = False,
    full_export: Annotated[
        bool, typer.Option("--full-export", help="Withdraw what the export does not name any more.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before many people are notified.")] = False,
    canary: Annotated[
        bool,
        typer.Option(
            "--canary", help="Send the first new row of each kind alone; record the others when Vitec took it."
        ),
    ] = False,
    rejected_to: RejectedToOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Take in exports of the CRM. Good rows are recorded and sent; bad ones are rejected, with line and reason.

    The same file again records nothing. A row that has changed replaces what still waits, or mends what had failed.
    """
    check_kinds([kind] if kind else None)
    if not 1 <= len(feed) <= 64 or not feed.isprintable():
        raise typer.BadParameter("a feed's name has 1 to 64 printable characters", param_hint="--feed")
    check_target(rejected_to, files)
    logs.configure(logging.WARNING)
    language, is_canary = bootstrap.settings().language, canary and not dry_run
    request = _ImportRequest(
        kind, feed, dry_run, as_json, rejected_to, language, read_mapping_option(mapping), full_export, yes, is_canary
    )
    with _Ringer(is_silent=dry_run) as ringer:
        reports = [_import_file(path, request, ringer) for path in files]
    if as_json:
        terminal.print_json([report.as_data(request) for report in reports])
    raise typer.Exit(max((report.status for report in reports), key=(0, 3, 1).index))


@dataclass(frozen=True, slots=True)
class _ImportRequest:
    """The options of the command."""

    kind: str | None
    feed: str
    dry_run: bool
    as_json: bool
    rejected_to: Path | None
    language: Language
    mapping: ExportMapping | None
    full_export: bool = False
    yes: bool = False
    canary: bool = False

    @property
    def options(self) -> ImportOptions:
        """The wishes about each file."""
        per_second = bootstrap.settings().vitec_requests_per_second
        return ImportOptions(full_export=self.full_export, agreed=self.yes, per_second=per_second)


@dataclass(slots=True)
class _FileReport:
    """The result of one file: a summary, or why it was refused."""

    path: Path
    summary: ImportSummary | None = None
    refused: str | None = None
    code: str | None = None
    questions: tuple[str, ...] = ()
    """The concerns that a person should agree to first."""
    rejected: list[Rejection] = field(default_factory=list)
    rejected_file: Path | None = None

    def add(self, row: Rejection) -> None:
        """Keep a rejected row, up to `KEPT` of them."""
        if len(self.rejected) < KEPT:
            self.rejected.append(row)

    @property
    def status(self) -> int:
        """The file's part in the exit status."""
        if self.summary is None:
            return 1
        return 3 if self.summary.counts.rejected > self.summary.closed else 0

    def as_data(self, request: _ImportRequest) -> dict[str, Any]:
        """The report for a program."""
        data: dict[str, Any] = {"file": str(self.path), "feed": request.feed, "dry_run": request.dry_run}
        if self.summary is None:
            return data | {"refused": self.refused, "code": self.code}
        counts = asdict(self.summary.counts)
        rows = [asdict(row) for row in self.rejected]
        notes = list(self.summary.notes)
        return data | {
            "kind": self.summary.kind,
            "rows": self.summary.total,
            **counts,
            "rejected_rows": rows,
            "notes": notes,
            "rejected_file": self.rejected_file and str(self.rejected_file),
            "first_requests": [asdict(preview_request(row)) for row in self.summary.first_rows],
        }


def _import_file(path: Path, request: _ImportRequest, ringer: "_Ringer") -> _FileReport:
    report = _try_import(path, request, ringer)
    if report.questions and terminal.is_interactive():
        terminal.print_error(f"{path.name}: {'; '.join(report.questions)}.")
        if typer.confirm("Go on all the same?", err=True):
            report = _try_import(path, replace(request, yes=True), ringer)
    if not request.as_json:
        _print_report(report, request)
    return report


def _try_import(path: Path, request: _ImportRequest, ringer: "_Ringer") -> _FileReport:
    report = _FileReport(path)
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


def _describe_refusal(path: Path, error: FileRefused, request: _ImportRequest) -> str:
    if request.language is Language.ENGLISH:
        return str(error)
    sentence = refusal_in(error.wrong, error.remedy, error.code, request.language)
    return f"{path.name}: {sentence.text}. {sentence.remedy}"


def _record_refusal(path: Path, error: FileRefused, request: _ImportRequest) -> None:
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
def _progress_bar(path: Path, request: _ImportRequest) -> Iterator[ProgressCallback]:
    """Show a progress bar on a terminal; nothing in a pipe."""
    if request.as_json or not terminal.is_terminal():
        yield lambda completed, total: None  # noqa: ARG005 (there is no bar to move)
        return
    name = printable_name(path)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal.make_console(), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda completed, total: bar.update(task, completed=completed, total=total)


_COUNTED = ("recorded", "revised", "requeued", "unchanged", "withdrawn", "rejected")


def _print_report(report: _FileReport, request: _ImportRequest) -> None:
    if report.summary is None:
        terminal.print_error(report.refused or "")
        return
    summary = report.summary
    counts = asdict(summary.counts)
    counted = ", ".join(f"{counts[name]} {name}" for name in _COUNTED if counts[name] or name == "recorded")
    if summary.closed:
        counted += f" ({summary.closed} of these closed before)"
    kind = f" ({terminal.as_words(summary.kind)}, by its headings)" if summary.kind_was_inferred else ""
    resumed = f"; went on after row {summary.resumed_at}" if summary.resumed_at else ""
    trial = " Dry run: nothing was recorded." if request.dry_run else ""
    terminal.print_line(f"{summary.name}{kind}: {counted}{resumed}.{trial}")
    for note in summary.notes:
        terminal.print_line(f"  Note: {note}")
    for first_row in summary.first_rows:
        print_request(preview_request(first_row))
    for row in report.rejected[:SHOWN]:
        terminal.print_line(f"  {describe_rejection(asdict(row), request.language)}")
    if (hidden := summary.counts.rejected - SHOWN) > 0:
        where = "" if request.dry_run else ": `vitec-sync rejected` lists all"
        terminal.print_line(f"  … and {terminal.count_noun(hidden, 'rejected row')} more{where}.")
    if report.rejected_file:
        terminal.print_line(f"  They stand in {report.rejected_file}: mend them there, and import that file.")
