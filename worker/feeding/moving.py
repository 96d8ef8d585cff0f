"""Files are moved so that none is ever replaced, and lie with a report beside them."""

import errno
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from worker.importing import ImportSummary
from worker.stockholm import STOCKHOLM

_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})
_MOST_NAMES = 10_000


class NameTaken(Exception):  # noqa: N818 (a fact)
    """A file of that name is there already."""


def move_file(source: Path, target: Path) -> None:
    """Move a file within its file system. Raises `NameTaken` rather than replace one, and OSError."""
    try:
        # A name more for the same file: it fails where the target is there, whatever other processes do meanwhile.
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise NameTaken from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _move_without_links(source, target)
    else:
        source.unlink()


def _move_without_links(source: Path, target: Path) -> None:
    """Move a file where the file system has no second names: an empty file of our own keeps the place."""
    try:
        target.touch(exist_ok=False)
    except FileExistsError:
        raise NameTaken from None
    try:
        source.replace(target)
    except OSError:
        with suppress(OSError):
            target.unlink()
        raise


def candidate_names(name: str, at: datetime) -> Iterator[str]:
    """Give names for a file in a folder of earlier ones: its own, then with the time, then numbered."""
    stem, dot, ending = name.partition(".") if not name.startswith(".") else (name, "", "")
    yield name
    stamped = f"{stem[:200]}-{at.astimezone(STOCKHOLM):%Y%m%d-%H%M%S}"
    yield f"{stamped}{dot}{ending}"
    for number in range(2, _MOST_NAMES):
        yield f"{stamped}-{number}{dot}{ending}"


@dataclass(frozen=True, slots=True)
class MovedFile:
    """The fate of one file, for the person who looks into the folder, and for the CRM. Nothing in it is personal."""

    feed: str
    file: str
    at: datetime
    summary: ImportSummary | None = None
    refused: str | None = None
    code: str | None = None
    rejected_file: str | None = None
    """The file beside it that holds the rejected rows."""

    def as_data(self) -> dict[str, Any]:
        """The report for a program."""
        at = self.at.astimezone(STOCKHOLM).isoformat(timespec="seconds")
        data: dict[str, Any] = {"file": self.file, "feed": self.feed, "at": at, "taken_in": self.summary is not None}
        if self.summary is None:
            return data | {"code": self.code, "refused": self.refused}
        summary = self.summary
        return data | {
            "kind": summary.kind,
            "rows": summary.total,
            **asdict(summary.counts),
            "notes": list(summary.notes),
            "rejected_file": self.rejected_file,
        }

    def as_text(self) -> str:
        """The report for a person."""
        data = self.as_data()
        if self.summary is None:
            return f"{self.file}\nNot taken in ({data['at']}): {self.refused}\n"
        counts = "".join(f"  {name}: {data[name]}\n" for name in ("rows", *asdict(self.summary.counts)))
        notes = "".join(f"  {note}\n" for note in self.summary.notes)
        text = f"{self.file}\nTaken in by the feed {self.feed} ({data['at']}).\n{counts}{notes}"
        if self.summary.counts.rejected:
            where = f"{self.rejected_file}, and: " if self.rejected_file else ""
            text += f"Rejected rows, each with its reason: {where}vitec-sync rejected\n"
        return text

    def write_beside(self, path: Path) -> None:
        """Write both forms beside the file, each whole or not at all."""
        write_atomically(path.with_name(f"{path.name}.report.json"), json.dumps(self.as_data(), indent=2) + "\n")
        write_atomically(path.with_name(f"{path.name}.report.txt"), self.as_text())


def write_atomically(path: Path, text: str) -> None:
    """Write a small file of text, which appears whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".report-")
    try:
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123 (a descriptor)
            file.write(text)
        Path(temporary).chmod(0o640)
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
