"""The caretaker: a process that ends and removes what a demo leaves, even one that was killed with `kill -9`.

It is run as a file, by Python's standard library alone, so that it is there before the demo has started anything. On its
standard input the demo writes lines: `started GROUP` and `ended GROUP` for each process group, `keep` if the folder is to
stay. The input ends when the demo does, in whatever way.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_TRIES = 50
_PAUSE = 0.1


def read_notes(lines: Iterable[str]) -> tuple[set[int], bool]:
    """Read the demo's notes to their end: the process groups that still run, and whether the folder is to stay."""
    groups: set[int] = set()
    is_kept = False
    for line in lines:
        word, _, number = line.strip().partition(" ")
        if word == "started":
            groups.add(int(number))
        elif word == "ended":
            groups.discard(int(number))
        elif word == "keep":
            is_kept = True
    return groups, is_kept


def clean_up(groups: Iterable[int], folder: Path | None) -> None:
    """Kill the process groups and remove the folder, which a dying process may still write to for a moment."""
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    for _ in range(_TRIES):
        if folder is None or not folder.exists():
            return
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(_PAUSE if folder.exists() else 0)


if __name__ == "__main__":
    for stopping in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(stopping, signal.SIG_IGN)
    running_groups, folder_is_kept = read_notes(sys.stdin)
    clean_up(running_groups, None if folder_is_kept else Path(sys.argv[1]))
