"""A batch becomes a numbered file that appears whole, once, and never in the place of another one.

The file is complete and safe on the disk under a hidden name, and the batch says so, before it gets its own name; then the
hidden name goes, and the rows are marked. So a later turn can tell what a dead one has left: a hidden file means that it
has not appeared; without it, in the same folder, it has, and the CRM may have taken it away. A folder is known by a mark
that it bears, since one that was made anew, or is not mounted, looks like one that was emptied.
"""

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

from worker import failpoints
from worker.durable import sync_folder
from worker.outbox.upkeep import result_batches
from worker.outbox.upkeep.result_batches import Batch, Draft
from worker.results.sinks import SinkFailed, Writer
from worker.results.writing import open_writer

MARK: Final = ".vitec-sync"
"""The file with the folder's mark. It stays there."""

_ENDINGS: Final = {"csv": "csv", "csv-excel": "csv", "jsonl": "jsonl", "xlsx": "xlsx"}
_PIECE: Final = 1 << 20
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_CURES: Final = {
    errno.ENOENT: "it is not there: make it, or correct the folder",
    errno.ENOTDIR: "it is no folder: correct it",
    errno.EACCES: "this user may not write there: give it the right",
    errno.EPERM: "this user may not write there: give it the right",
    errno.EROFS: "it is read-only: make it writable",
    errno.ENOSPC: "the disk is full: make room",
    errno.EDQUOT: "the quota is used up: make room",
    errno.ESTALE: "its share was taken away: mount it again",
    errno.EIO: "the disk fails: look at it",
}


def deliver(writer: Writer, batch: Batch, folder: Path) -> Batch:
    """Let the batch appear as a file in the folder; return it with the number it has now. Raises SinkFailed, and SinkLost."""
    with _telling_faults(folder):
        mark = _read_mark(folder) or _make_mark(folder)
        if batch.drafted is not None:
            abandoned = Path(batch.drafted.folder, batch.drafted.draft)
            if _has_appeared(batch.drafted, folder, mark):
                _remove(abandoned)
                return batch
            # First the record, then the file: without its draft it would count as having appeared.
            batch = result_batches.note_draft(writer.db, writer.turn, batch, None)
            with suppress(OSError):
                _remove(abandoned)
        _remove_strays(folder, writer.destination.stem)
        while not _appear(writer, batch, folder, mark):
            batch = result_batches.renumber_batch(writer.db, writer.turn, batch)
        return batch


def _appear(writer: Writer, batch: Batch, folder: Path, mark: str) -> bool:
    """Write the file and give it its name; False if another file has that name. Without any row there is no file."""
    form = writer.destination.config.form
    path = folder / f"{writer.destination.name_batch(batch.number)}.{_ENDINGS[form]}"
    if os.path.lexists(path):
        return False
    draft = folder / f".{path.name}.{writer.turn.token}.part"
    is_noted = False
    try:
        content_hash = _write_draft(writer, batch, draft)
        if content_hash is None:
            _remove(draft)
            return True
        _reach("result_draft_synced")
        drafted = Draft(str(folder), mark, path.name, draft.name, content_hash)
        writer.keep()
        batch, is_noted = result_batches.note_draft(writer.db, writer.turn, batch, drafted), True
        _reach("result_draft_noted")
        writer.check()
        _link(draft, path)
    except FileExistsError:
        _give_up(writer, batch, draft)
        return False
    except OSError:
        if is_noted:
            _give_up(writer, batch, draft)
        _remove(draft)
        raise
    _reach("result_linked")
    sync_folder(folder)
    _reach("result_folder_synced")
    _remove(draft)
    _reach("result_draft_removed")
    return True


def _give_up(writer: Writer, batch: Batch, draft: Path) -> None:
    """Take back that the draft is complete, then remove it: the file has not appeared."""
    result_batches.note_draft(writer.db, writer.turn, batch, None)
    _remove(draft)


def _write_draft(writer: Writer, batch: Batch, draft: Path) -> str | None:
    """Write the whole file under its hidden name, safe on the disk; return its hash, or None if there is no row any more."""
    form, is_empty = writer.destination.config.form, True
    is_binary = form == "xlsx"
    with draft.open("wb") if is_binary else draft.open("w", encoding="utf-8", newline="") as stream:
        with open_writer(stream, form, writer.destination.names) as put:
            for values in writer.read(batch):
                put(values)
                is_empty = False
        stream.flush()
        _reach("result_draft_written")
        os.fsync(stream.fileno())
    return None if is_empty else _hash(draft)


def _has_appeared(drafted: Draft, folder: Path, mark: str) -> bool:
    """Whether the file of a batch, of which a dead writer had noted the draft, has got its name."""
    if Path(drafted.folder) == folder:
        return _is_evident(drafted, mark)
    try:
        return _is_evident(drafted, _read_mark(Path(drafted.folder)))
    except OSError:
        # A person has named another folder since, and this one is out of reach.
        return False


def _is_evident(drafted: Draft, mark: str | None) -> bool:
    path, draft = Path(drafted.folder, drafted.file), Path(drafted.folder, drafted.draft)
    if path.is_file() and _hash(path) == drafted.content_hash:
        return True
    if draft.exists():
        # Of two names one is the draft's: the CRM has renamed the file already.
        return draft.stat().st_nlink > 1
    return mark == drafted.folder_mark


def _link(draft: Path, path: Path) -> None:
    """Give the file its name beside the hidden one. Raises FileExistsError where another file has it."""
    try:
        os.link(draft, path)
    except OSError as error:
        if error.errno not in _NO_LINKS or not draft.exists():
            raise
        # A share without hard links. The lease keeps other writers of ours out; a foreign program would have to make the
        # same name within this moment.
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, "it is there") from None
        draft.rename(path)


def _read_mark(folder: Path) -> str | None:
    try:
        return (folder / MARK).read_text(encoding="ascii").strip()[:64] or None
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        return None


def _make_mark(folder: Path) -> str:
    """Mark the folder, for good. Of two writers one wins for both."""
    draft = folder / f"{MARK}.{os.getpid()}.part"
    try:
        with draft.open("w", encoding="ascii") as stream:
            stream.write(f"{token_hex(16)}\n")
            stream.flush()
            os.fsync(stream.fileno())
        if (folder / MARK).is_file() and (folder / MARK).stat().st_size == 0:
            (folder / MARK).unlink()
        with suppress(FileExistsError):
            _link(draft, folder / MARK)
    finally:
        _remove(draft)
    sync_folder(folder)
    mark = _read_mark(folder)
    if mark is None:
        raise SinkFailed(f"{folder / MARK} is not what this worker wrote there: remove it.")
    return mark


def _remove_strays(folder: Path, stem: str) -> None:
    """Remove drafts of dead writers that no batch knows."""
    stray = re.compile(rf"\.{re.escape(stem)}-\d{{6,}}\.(?:csv|jsonl|xlsx)\.\d+\.part")
    for path in folder.iterdir():
        if stray.fullmatch(path.name):
            _remove(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _reach(point: str) -> None:
    if failpoints.hook:
        failpoints.hook(point)


@contextmanager
def _telling_faults(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        cure = _CURES.get(error.errno or 0, f"{error.strerror or type(error).__name__}")
        raise SinkFailed(f"Results cannot be written to {folder}: {cure}.") from None
