"""The rejected rows of a file that was taken in, as a file of their own beside it: NAME.rejected.csv, to be mended."""

import filecmp
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from worker.feeding.moving import NameTaken, move_file
from worker.feeding.run import FeedRun
from worker.feeds import FileRefused, open_feed
from worker.importing import ImportSummary
from worker.importing.rejected_file import RejectedLines, rejected_paths, write_rejected
from worker.outbox.views.unreported import rejections_of_file


def write_rejected_beside(run: FeedRun, path: Path, target: Path, lines: RejectedLines) -> str | None:
    """Write these rows of the file at `path`, which goes to `target`; return the name, or None if there are none.

    No file that is there is replaced. The one that a run wrote which then died is taken for its own. Raises OSError.
    """
    draft = target.with_name(f".{run.config.name}.rejected.csv")
    try:
        with suppress(FileRefused), open_feed(path) as source:
            number = write_rejected(source, lines, draft, run.language)
            draft.chmod(0o640)
            return _name_draft(draft, target) if number else None
    finally:
        draft.unlink(missing_ok=True)
    return None


@contextmanager
def all_rejected(run: FeedRun, lines: RejectedLines, summary: ImportSummary) -> Iterator[RejectedLines]:
    """Give the rejected rows of an import: those that were collected, or all that are recorded where an earlier run had begun."""
    if lines.number >= summary.counts.rejected:
        yield lines
        return
    with RejectedLines(run.language) as recorded:
        for row in rejections_of_file(run.db, summary.file_id):
            recorded.add_row(row._asdict())
        yield recorded


def _name_draft(draft: Path, target: Path) -> str | None:
    for path in rejected_paths(target.parent, target.name):
        with suppress(NameTaken):
            move_file(draft, path)
            return path.name
        if path.is_file() and filecmp.cmp(draft, path, shallow=False):
            return path.name
    return None
