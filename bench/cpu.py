"""CPU time of whole process trees, from Linux's /proc: the figure that a busy machine disturbs least."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TICK = 1.0 / os.sysconf("SC_CLK_TCK")


def seconds_of(*roots: int) -> float:
    """User and system time in seconds of these processes, all that descend from them, and those these have reaped."""
    found = _processes()
    return sum(found[pid][1] for pid in (*roots, *_below(found, roots)) if pid in found) * _TICK


def descendants(root: int) -> list[int]:
    """The processes that descend from this one and are alive."""
    return _below(_processes(), [root])


def _processes() -> dict[int, tuple[int, int]]:
    """By process id: the parent's, and the time in ticks."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # The name of a program may hold spaces and brackets; what follows the last one is fixed.
                fields = (entry / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            found[int(entry.name)] = int(fields[1]), sum(map(int, fields[11:15]))
    return found


def _below(found: Mapping[int, tuple[int, int]], roots: Iterable[int]) -> list[int]:
    children = defaultdict(list)
    for pid, (parent, _) in found.items():
        children[parent].append(pid)
    below, todo = [], [*roots]
    while todo:
        todo += (born := children[todo.pop()])
        below += born
    return below
