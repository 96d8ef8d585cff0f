"""The option `--rejected-to` of an import: the rejected rows as a file of their own, to be mended and imported."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Self

import typer

from worker.codes.language import Language
from worker.feeds import OpenExport
from worker.importing import ImportSummary
from worker.importing.rejected_file import FORMS, RejectedLines, free_rejected_path, write_rejected
from worker.outbox import Database
from worker.outbox.intake.feed_files import Rejection
from worker.outbox.views.unreported import rejections_of_file

RejectedToOption = Annotated[
    Path | None,
    typer.Option(
        help="Write the rejected rows with their reasons, to be mended and imported: a folder (NAME.rejected.csv),"
        " or a file (.csv, .xlsx).",
        show_default=False,
    ),
]


def check_target(target: Path | None, files: Sequence[Path]) -> None:
    """Refuse a target that cannot be one (exit status 2), before anything is imported."""
    if target is None or target.is_dir():
        return
    if target.suffix.casefold() not in FORMS:
        raise typer.BadParameter(
            f"{target} is neither a folder that is there, nor a file with the ending {' or '.join(FORMS)}",
            param_hint="--rejected-to",
        )
    if len(files) > 1:
        raise typer.BadParameter("of several files each needs its own: name a folder", param_hint="--rejected-to")
    if target.exists():
        raise typer.BadParameter(
            f"{target} is there already, and may be the one that a person is mending: name another",
            param_hint="--rejected-to",
        )


@dataclass(slots=True)
class RejectedTo:
    """Collects the rejected rows of one file, and writes them where the option says."""

    db: Database
    target: Path | None
    language: Language
    on_rejected: Callable[[Rejection], object]
    written: Path | None = None
    fault: str | None = None
    """Why they could not be written."""
    _lines: RejectedLines | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        if self.target is not None:
            self._lines = self._stack.enter_context(RejectedLines(self.language))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, rejection: Rejection) -> None:
        """Add a rejected row, and pass it on."""
        self.on_rejected(rejection)
        if self._lines is not None:
            self._lines.add(rejection)

    def write(self, source: OpenExport, summary: ImportSummary) -> None:
        """Write the file, if there is a rejected row; of an import that went on, also the rows from before."""
        if self.target is None or self._lines is None:
            return
        if summary.resumed_at:
            self._lines = self._stack.enter_context(RejectedLines(self.language))
            for row in rejections_of_file(self.db, summary.file_id):
                self._lines.add_row(row._asdict())
        if not self._lines.number:
            return
        path = free_rejected_path(self.target, source.name) if self.target.is_dir() else self.target
        try:
            write_rejected(source, self._lines, path, self.language)
            self.written = path
        except OSError as error:
            self.fault = f"{path} cannot be written ({error.strerror or type(error).__name__}): `vitec-sync rejected`"
