"""The folder of a feed: a file that is complete is put aside, taken in, and moved to done/ or failed/ with a report.

It is put aside by a rename, so that of two workers one gets it, and a new file of its name disturbs nothing. A process that
dies leaves it there, and the next run begins with it: its rows are known by then, and it is moved.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from worker.feeding.completeness import Entry, Listing, find_complete, list_folder, show_name, signature_of
from worker.feeding.moving import MovedFile, NameTaken, candidate_names, move_file
from worker.feeding.rejecting import all_rejected, write_rejected_beside
from worker.feeding.run import FeedFault, FeedRun
from worker.feeding.taking import take_export
from worker.feeds import FileRefused, open_feed
from worker.importing import ImportedElsewhere, ImportSummary
from worker.importing.rejected_file import RejectedLines
from worker.outbox.database.sql import read_current_time
from worker.outbox.intake.feed_files import FileCounts
from worker.outbox.intake.rejections import refuse_file

DONE, FAILED, TAKING = "done", "failed", ".taking"

_REMEDIES = {
    errno.EACCES: "give this user the right to read, write and search it",
    errno.EPERM: "give this user the right to read, write and search it",
    errno.EROFS: "make it writable",
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.ENOENT: "make it, or correct `folder`",
    errno.ENOTDIR: "make it a folder, or correct `folder`",
}
_CODES = {errno.ENOENT: "folder_missing", errno.ENOSPC: "disk_full", errno.EDQUOT: "disk_full"}


def run_folder(run: FeedRun) -> None:
    """Take in all files that are complete, the oldest first. Raises `FeedFault` where the run cannot go on."""
    folder = run.config.folder or Path()
    try:
        _make_folders(folder)
        for path in sorted((folder / TAKING).iterdir()):
            _take_file(run, path)
        _take_complete(run, folder)
    except OSError as error:
        raise fault_of(error, folder) from None


def _make_folders(folder: Path) -> None:
    if not folder.is_dir():
        code = errno.ENOTDIR if folder.exists() else errno.ENOENT
        raise OSError(code, os.strerror(code))
    for name in (DONE, FAILED, TAKING):
        try:
            (folder / name).mkdir(mode=0o750, exist_ok=True)
        except FileExistsError:
            text = f"In {show_name(str(folder))} a file bears the name {name}, and a folder is needed: move it away."
            raise FeedFault("folder_denied", text) from None


def _take_complete(run: FeedRun, folder: Path) -> None:
    own_folders = {DONE, FAILED, TAKING}
    if run.config.results and run.config.results.folder and run.config.results.folder.parent == folder:
        own_folders.add(run.config.results.folder.name)
    listing = list_folder(folder, run.config, own_folders)
    with run.db.read() as connection:
        present = read_current_time(connection)
    seen_before = run.memory.observed.get("seen", {})
    complete, seen_now = find_complete(listing.entries, seen_before, present, run.config.at_rest)
    run.memory = replace(run.memory, observed={**run.memory.observed, "seen": seen_now})
    _remark_left_out(run, listing, folder)
    for entry in complete:
        run.check()
        aside = _put_aside(folder, entry)
        if aside is not None:
            _take_file(run, aside)


def _put_aside(folder: Path, entry: Entry) -> Path | None:
    """Rename a file out of the reach of its writer; None: it has vanished, has changed, or its name is in use there."""
    path, aside = folder / entry.name, folder / TAKING / entry.name
    try:
        if signature_of(path) != entry.signature:
            return None
        move_file(path, aside)
    except (FileNotFoundError, NameTaken):
        return None
    return aside


def _take_file(run: FeedRun, path: Path) -> None:
    """Take in a file that was put aside, and move it. One that cannot be taken in yet stays for the next run."""
    with RejectedLines(run.language) as rejected:
        _take_in(run, path, rejected)


def _take_in(run: FeedRun, path: Path, rejected: RejectedLines) -> None:
    folder, before = path.parent.parent, _signature_or_none(path)
    name = show_name(path.name)
    if before is None:
        return
    try:
        # Or else it was taken in, and could not be moved then.
        summary = _recall_taken(run, name, before) or _import(run, path, name, rejected)
    except FileRefused as refusal:
        if _signature_or_none(path) != before:
            # It is still being written: it is complete when it is at rest again.
            with suppress(NameTaken, FileNotFoundError):
                move_file(path, folder / path.name)
            return
        _note_refusal(run, name, refusal)
        refused = f"{refusal.wrong}. {refusal.remedy}."
        _move(run, path, FAILED, MovedFile(run.config.name, name, _now(run), refused=refused, code=refusal.code))
    except FeedFault as fault:
        if fault.stops and not fault.keeps_export:
            report = MovedFile(run.config.name, name, _now(run), refused=fault.text, code=fault.code)
            _move(run, path, FAILED, report)
            fault.text += f" The file lies in {FAILED}/: move it back into the folder then."
        raise
    except ImportedElsewhere:
        return
    else:
        _note_taken(run, name, before, summary)
        _move(run, path, DONE, MovedFile(run.config.name, name, _now(run), summary), rejected)


def _import(run: FeedRun, path: Path, name: str, rejected: RejectedLines) -> ImportSummary:
    with open_feed(path) as source:
        return take_export(run, replace(source, name=name), rejected.add)


def _note_refusal(run: FeedRun, name: str, refusal: FileRefused) -> None:
    run.files += 1
    refuse_file(
        run.db,
        feed=run.config.feed,
        name=name[:255],
        kind=run.config.kind,
        reason=refusal.wrong,
        remedy=f"{refusal.remedy}.",
        code=refusal.code,
    )


def _recall_taken(run: FeedRun, name: str, signature: Any) -> ImportSummary | None:
    taken = run.memory.observed.get("taken", {}).get(name)
    if not taken or taken[0] != signature:
        return None
    values = taken[1]
    return ImportSummary(
        **{**values, "counts": FileCounts(**values["counts"]), "notes": tuple(values["notes"]), "first_rows": ()}
    )


def _note_taken(run: FeedRun, name: str, signature: Any, summary: ImportSummary) -> None:
    # No content: the memory is not blanked.
    values = asdict(replace(summary, first_rows=()))
    taken = {**run.memory.observed.get("taken", {}), name: [signature, values]}
    run.memory = replace(run.memory, observed={**run.memory.observed, "taken": taken})


def _forget_taken(run: FeedRun, name: str) -> None:
    taken = {key: value for key, value in run.memory.observed.get("taken", {}).items() if key != name}
    run.memory = replace(run.memory, observed={**run.memory.observed, "taken": taken})


def _move(run: FeedRun, path: Path, place: str, report: MovedFile, rejected: RejectedLines | None = None) -> None:
    """Move a file to where it belongs, its report first: where the file lies, the report does."""
    target_folder = path.parent.parent / place
    for name in candidate_names(path.name, report.at):
        target = target_folder / name
        if target.exists() or target.is_symlink():
            continue
        if rejected is not None and report.summary and report.summary.counts.rejected:
            with all_rejected(run, rejected, report.summary) as lines:
                report = replace(report, rejected_file=_write_rejected(run, lines, path, target))
        _write_report(run, report, target)
        try:
            move_file(path, target)
        except NameTaken:
            continue
        except FileNotFoundError:
            # Another run, which had the feed meanwhile, has moved it.
            return
        _forget_taken(run, report.file)
        return


def _write_rejected(run: FeedRun, lines: RejectedLines, path: Path, target: Path) -> str | None:
    try:
        return write_rejected_beside(run, path, target, lines)
    except OSError as error:
        fault = fault_of(error, target.parent)
        run.remarks.append(FeedFault(fault.code, f"The rejected rows could not be written: {fault.text}"))
        return None


def _write_report(run: FeedRun, report: MovedFile, target: Path) -> None:
    try:
        report.write_beside(target)
    except OSError as error:
        fault = fault_of(error, target.parent)
        run.remarks.append(FeedFault(fault.code, f"A report could not be written: {fault.text}"))


def fault_of(error: OSError, folder: Path) -> FeedFault:
    """Say what is wrong with a folder, and what helps."""
    number = error.errno or 0
    why = os.strerror(number) if number else "it cannot be used"
    remedy = _REMEDIES.get(number, "look at the disk, or correct `folder`")
    text = f"The folder {show_name(str(folder))} cannot be used ({why}): {remedy}."
    return FeedFault(_CODES.get(number, "folder_denied"), text)


def _remark_left_out(run: FeedRun, listing: Listing, folder: Path) -> None:
    if listing.left_out:
        named = ", ".join(listing.left_out[:3]) + (" and others" if len(listing.left_out) > 3 else "")
        text = f"In {show_name(str(folder))} these are not read, and stay: {named}."
        text += " A feed reads the files of its own folder: move them there, or away."
        run.remarks.append(FeedFault("left_out", text))


def _signature_or_none(path: Path) -> Any:
    try:
        return signature_of(path)
    except FileNotFoundError:
        return None


def _now(run: FeedRun) -> datetime:
    with run.db.read() as connection:
        return read_current_time(connection)


def waiting_files(folder: Path) -> Iterator[Path]:
    """Give the files that were put aside and are not moved yet."""
    with suppress(OSError):
        yield from (folder / TAKING).iterdir()
