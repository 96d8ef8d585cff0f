"""`vitec-sync import` and `rejected`: exports are taken in, and what could not be is told."""

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Self

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from worker import bootstrap, logs
from worker.cli import terminal
from worker.cli.options import kind_names
from worker.feeds import FileRefused
from worker.importing import (
    DEFAULT_FEED,
    ImportedElsewhere,
    ImportListener,
    ImportSummary,
    IntakeDefaults,
    ProgressCallback,
    import_file,
)
from worker.outbox.intake.feed_files import Rejection
from worker.outbox.views import unreported

SHOWN = 20
"""Rejected rows printed for each file; `vitec-sync rejected` lists all."""

KEPT = 1_000
"""Rejected rows told with --json; a file of nothing but bad rows must not fill the memory."""

RING_EVERY = 10.0
"""Seconds between rings while a long file is taken in: without a broker each costs up to two."""


def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Exports: CSV or JSON lines.")],
    kind: Annotated[
        str | None, typer.Option(help="What all rows are, if no column says so.", show_default=False)
    ] = None,
    feed: Annotated[str, typer.Option(help="The source of the rows: an id is unique within its feed.")] = DEFAULT_FEED,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, record nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Take in exports of the CRM. Good rows are recorded and sent; bad ones are rejected, with line and reason.

    The same file again records nothing. A row that has changed replaces what still waits, or mends what had failed.
    """
    kind_names([kind] if kind else None)
    if not 1 <= len(feed) <= 64 or not feed.isprintable():
        raise typer.BadParameter("a feed's name has 1 to 64 printable characters", param_hint="--feed")
    logs.configure(logging.WARNING)
    asked = _Asked(kind, feed, dry_run, as_json)
    with _Bell(silent=dry_run) as bell:
        reports = [_taken_in(path, asked, bell) for path in files]
    if as_json:
        terminal.as_json([report.as_data(asked) for report in reports])
    raise typer.Exit(max((report.status for report in reports), key=(0, 3, 1).index))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the options said."""

    kind: str | None
    feed: str
    dry_run: bool
    as_json: bool


@dataclass(slots=True)
class _Report:
    """What became of one file."""

    path: Path
    summary: ImportSummary | None = None
    refused: str | None = None
    rejected: list[Rejection] = field(default_factory=list)

    def add(self, row: Rejection) -> None:
        """Keep the first rejected rows."""
        if len(self.rejected) < KEPT:
            self.rejected.append(row)

    @property
    def status(self) -> int:
        """What the file contributes to the exit status."""
        if self.summary is None:
            return 1
        return 3 if self.summary.counts.rejected else 0

    def as_data(self, asked: _Asked) -> dict[str, Any]:
        """The report for a program."""
        told: dict[str, Any] = {"file": str(self.path), "feed": asked.feed, "dry_run": asked.dry_run}
        if self.summary is None:
            return told | {"refused": self.refused}
        counts = asdict(self.summary.counts)
        rows = [asdict(row) for row in self.rejected]
        return told | {"kind": self.summary.kind, "rows": self.summary.total, **counts, "rejected_rows": rows}


def _taken_in(path: Path, asked: _Asked, bell: "_Bell") -> _Report:
    report = _Report(path)
    with _progress(path, asked) as step:
        listener = ImportListener(on_progress=step, on_rejected=report.add, on_recorded=bell)
        try:
            report.summary = import_file(
                bootstrap.database(),
                path,
                kind=asked.kind,
                feed=asked.feed,
                dry_run=asked.dry_run,
                defaults=_terms(),
                listener=listener,
            )
        except (FileRefused, ImportedElsewhere) as error:
            report.refused = str(error)
    if not asked.as_json:
        _show(report, asked)
    return report


def _terms() -> IntakeDefaults:
    settings = bootstrap.settings()
    own = {"order_token": settings.order_token_expires, "notification": settings.notification_expires}
    return IntakeDefaults(max_failures=settings.max_failures, expires_after=own)


class _Bell:
    """Rings while rows arrive, now and then, and once at the end, so that they are sent at once."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent
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
        if self._kinds and not self._silent:
            bootstrap.ring(self._kinds)
        self._kinds = set()
        self._next = time.monotonic() + RING_EVERY


@contextmanager
def _progress(path: Path, asked: _Asked) -> Iterator[ProgressCallback]:
    """A bar for whoever looks on; nothing in a pipe."""
    if asked.as_json or not terminal.on_terminal():
        yield lambda done, total: None  # noqa: ARG005 (nobody looks on)
        return
    name = terminal.clean(path.name)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal.console(), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


_COUNTED = ("recorded", "revised", "requeued", "unchanged", "rejected")


def _show(report: _Report, asked: _Asked) -> None:
    if report.summary is None:
        terminal.error(report.refused or "")
        return
    summary = report.summary
    counts = asdict(summary.counts)
    told = ", ".join(f"{counts[name]} {name}" for name in _COUNTED if counts[name] or name == "recorded")
    kind = f" ({terminal.words(summary.kind)}, by its headings)" if summary.kind_was_inferred else ""
    resumed = f"; went on after row {summary.resumed_at}" if summary.resumed_at else ""
    trial = " Dry run: nothing was recorded." if asked.dry_run else ""
    terminal.line(f"{summary.name}{kind}: {told}{resumed}.{trial}")
    for row in report.rejected[:SHOWN]:
        terminal.line(f"  {_sentence(asdict(row))}")
    if (more := summary.counts.rejected - SHOWN) > 0:
        where = "" if asked.dry_run else ": `vitec-sync rejected` lists all"
        terminal.line(f"  … and {terminal.count(more, 'rejected row')} more{where}.")


def _sentence(row: dict[str, Any]) -> str:
    """Where it stands, what is wrong, what helps."""
    named = f" {row['source_id']}" if row["source_id"] else ""
    column = f", {row['column']}" if row["column"] else ""
    return f"line {row['line']}{named}{column}: {row['reason']}. {row['remedy']}"


def rejected(
    file: Annotated[str | None, typer.Option(help="Only of files of this name.", show_default=False)] = None,
    feed: Annotated[str | None, typer.Option(help="Only this feed's.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 10_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List rows that could not be taken in: where each stands, what is wrong, and what helps. Exit status 0 or 3."""
    name = None if file is None else Path(file).name
    found = unreported.unreported_rejections(bootstrap.database(), feed=feed, file=name, everything=True)
    rows = [terminal.row(row._mapping, without=("id",)) for row in islice(found, limit)]  # noqa: SLF001 (public there)
    if as_json:
        terminal.as_json(rows)
    elif not rows:
        terminal.line("There are no rejected rows.")
    for row in () if as_json else rows:
        terminal.line(f"{row['file']}, {_sentence(row)}")
    if rows:
        raise typer.Exit(3)
