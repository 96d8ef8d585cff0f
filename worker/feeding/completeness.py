"""A file is complete when its size and time have been at rest for long enough, as seen by several runs."""

import os
import stat
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from worker.feeding.config import FeedConfig

MOST_FILES = 2_000
"""Files that are looked at in one run; the others are looked at when these are moved."""

_TEMPORARY = (".part", ".partial", ".tmp", ".temp", ".filepart", ".crdownload", ".swp", ".lock", "~")


class Entry(NamedTuple):
    """A file of the folder. `signature` changes with its content: size, time and number of the file."""

    name: str
    signature: list[int]


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a folder that belong to the feed, the oldest first, and in words what is there beside them."""

    entries: Sequence[Entry]
    left_out: Sequence[str]


def show_name(name: str) -> str:
    """Give a name that any database and any page can hold: bytes that are no characters, and control characters, as codes."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text)


def is_temporary(name: str) -> bool:
    """Tell whether a program gives such a name to a file that it still writes, or to none of its user's."""
    return name.startswith((".", "~$")) or name.casefold().endswith(_TEMPORARY)


def signature_of(path: Path) -> list[int]:
    """Give size, time and number of a file. Raises OSError."""
    status = path.lstat()
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def list_folder(folder: Path, config: FeedConfig, own_folders: Collection[str]) -> Listing:
    """List the folder. Links are not followed: they may lead outside."""
    entries: list[Entry] = []
    left_out: list[str] = []
    with os.scandir(folder) as scan:
        for item in scan:
            if is_temporary(item.name) or item.name in own_folders:
                continue
            try:
                status = item.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(status.st_mode):
                left_out.append(f"the subfolder {show_name(item.name)!r}")
            elif not config.matches(show_name(item.name)):
                continue
            elif not stat.S_ISREG(status.st_mode):
                sort = "link" if stat.S_ISLNK(status.st_mode) else "special file"
                left_out.append(f"the {sort} {show_name(item.name)!r}")
            else:
                entries.append(Entry(item.name, [status.st_size, status.st_mtime_ns, status.st_ino]))
    entries.sort(key=lambda entry: (entry.signature[1], entry.name))
    return Listing(entries[:MOST_FILES], sorted(left_out))


def find_complete(
    entries: Sequence[Entry], seen_before: Mapping[str, Any], present: datetime, at_rest: float
) -> tuple[list[Entry], dict[str, Any]]:
    """Give the files that are complete, and what was seen of the others, for the next run.

    A file's own time may be set by its writer to anything, so the rest is measured from when it was first seen as it is.
    """
    if not at_rest:
        return list(entries), {}
    complete: list[Entry] = []
    still_seen: dict[str, Any] = {}
    for entry in entries:
        name = show_name(entry.name)
        signature, since = seen_before.get(name) or (None, None)
        if signature != entry.signature or since is None or since > present.timestamp():
            since = present.timestamp()
        if present.timestamp() - since >= at_rest:
            complete.append(entry)
        still_seen[name] = [entry.signature, since]
    return complete, still_seen
