"""The report of `vitec-sync import` on each file: counts, notes, rejected rows, and the next steps, in the person's language."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from worker import bootstrap
from worker.cli import terminal
from worker.cli.mapped import print_request
from worker.codes.language import Language
from worker.codes.sentences import describe_rejection
from worker.importing import ImportOptions, ImportSummary, preview_request
from worker.mapping import ExportMapping
from worker.outbox.intake.feed_files import Rejection

SHOWN = 20
"""Rejected rows printed for each file; `vitec-sync rejected` lists all."""

KEPT = 1_000
"""Rejected rows printed with --json; a file of nothing but bad rows must not fill the memory."""


@dataclass(frozen=True, slots=True)
class ImportRequest:
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
class FileReport:
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

    def as_data(self, request: ImportRequest) -> dict[str, Any]:
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


class _ReportWords(NamedTuple):
    """The words of a report. Counts are named by their column: one, and several."""

    counts: Mapping[str, tuple[str, str]]
    closed: str
    by_headings: str
    resumed: str
    trial: str
    note: str
    hidden: str
    listed: str
    rejected_file: str
    mend: str
    withdrawn: str
    sent: str


def _same(*words: str) -> Mapping[str, tuple[str, str]]:
    return {word: (word, word) for word in words}


_WORDS: Final[Mapping[Language, _ReportWords]] = {
    Language.ENGLISH: _ReportWords(
        counts=_same("recorded", "revised", "requeued", "unchanged", "withdrawn", "rejected"),
        closed=" ({} of these closed before)",
        by_headings=", by its headings",
        resumed="; went on after row {}",
        trial=" Dry run: nothing was recorded.",
        note="Note",
        hidden="… and {} more{}.",
        listed=": `vitec-sync rejected` lists all",
        rejected_file="They stand in {}: mend them there, and import that file.",
        mend="Next: mend the rejected rows in the CRM and export them again; `vitec-sync rejected` lists what is open.",
        withdrawn="Operations of withdrawn rows that had been sent already stay at Vitec; they are listed as rejected.",
        sent="Next: a running worker sends what was recorded; `vitec-sync status` shows how far it is.",
    ),
    Language.SWEDISH: _ReportWords(
        counts={
            "recorded": ("ny", "nya"),
            "revised": ("ändrad", "ändrade"),
            "requeued": ("skickas på nytt", "skickas på nytt"),
            "unchanged": ("oförändrad", "oförändrade"),
            "withdrawn": ("återtagen", "återtagna"),
            "rejected": ("avvisad", "avvisade"),
        },
        closed=" ({} av dem avslutade sedan tidigare)",
        by_headings=", enligt rubrikerna",
        resumed="; fortsatte efter rad {}",
        trial=" Provkörning: inget har sparats.",
        note="Obs",
        hidden="… och {} till{}.",
        listed=": `vitec-sync rejected` visar alla",
        rejected_file="De finns i {}: rätta dem där och läs in den filen.",
        mend="Nästa steg: rätta de avvisade raderna i CRM-systemet och exportera dem igen; `vitec-sync rejected` visar vilka.",
        withdrawn="Återtagna rader som redan har skickats finns kvar i Vitec; de listas som avvisade.",
        sent="Nästa steg: en igångsatt worker skickar det som är nytt; `vitec-sync status` visar hur långt den har kommit.",
    ),
}


def print_report(report: FileReport, request: ImportRequest) -> None:
    """Print what became of a file."""
    if report.summary is None:
        terminal.print_error(report.refused or "")
        return
    summary, words = report.summary, _WORDS[request.language]
    counts = asdict(summary.counts)
    counted = ", ".join(
        f"{counts[name]} {forms[counts[name] != 1]}"
        for name, forms in words.counts.items()
        if counts[name] or name == "recorded"
    )
    closed = words.closed.format(summary.closed) if summary.closed else ""
    kind = f" ({terminal.as_words(summary.kind)}{words.by_headings})" if summary.kind_was_inferred else ""
    resumed = words.resumed.format(summary.resumed_at) if summary.resumed_at else ""
    trial = words.trial if request.dry_run else ""
    terminal.print_line(f"{summary.name}{kind}: {counted}{closed}{resumed}.{trial}")
    for note in summary.notes:
        terminal.print_line(f"  {words.note}: {note}")
    for first_row in summary.first_rows:
        print_request(preview_request(first_row))
    for row in report.rejected[:SHOWN]:
        terminal.print_line(f"  {describe_rejection(asdict(row), request.language)}")
    _print_hidden(report, summary, request, words)


def _print_hidden(report: FileReport, summary: ImportSummary, request: ImportRequest, words: _ReportWords) -> None:
    """Say how many rejected rows are not shown, and in which file they all stand."""
    if (hidden := summary.counts.rejected - SHOWN) > 0:
        count = terminal.count_noun(hidden, "rejected row") if request.language is Language.ENGLISH else str(hidden)
        terminal.print_line(f"  {words.hidden.format(count, '' if request.dry_run else words.listed)}")
    if report.rejected_file:
        terminal.print_line(f"  {words.rejected_file.format(report.rejected_file)}")


def print_next_steps(reports: Sequence[FileReport], request: ImportRequest) -> None:
    """Say to a person what to do next, once for all files. A dry run has no next step."""
    summaries = [report.summary for report in reports if report.summary]
    words = _WORDS[request.language]
    if request.dry_run:
        return
    if any(summary.counts.rejected > summary.closed for summary in summaries):
        terminal.print_line(words.mend)
    if any(row.code == "withdrawn_too_late" for report in reports for row in report.rejected):
        terminal.print_line(words.withdrawn)
    if any(summary.counts.recorded + summary.counts.revised + summary.counts.requeued for summary in summaries):
        terminal.print_line(words.sent)
