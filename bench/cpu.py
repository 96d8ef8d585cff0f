"""CPU time of whole process trees, from Linux's /proc: the figure that a busy machine disturbs least."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TICK = 1.0 / os.sysconf("SC_CLK_TCK")


def cpu_seconds(*roots: int) -> float:
    """Sum the user and system time in seconds of processes, their living descendants, and those these have reaped."""
    processes = _read_processes()
    return sum(processes[pid][1] for pid in (*roots, *_find_descendants(processes, roots)) if pid in processes) * _TICK


def list_descendants(root: int) -> list[int]:
    """List the living processes that descend from this one."""
    return _find_descendants(_read_processes(), [root])


def _read_processes() -> dict[int, tuple[int, int]]:
    """Read all processes: by process id the parent's id, and the time in ticks."""
    processes = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # The name of a program may hold spaces and brackets; the fields after the last bracket are fixed.
                fields = (entry / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            processes[int(entry.name)] = int(fields[1]), sum(map(int, fields[11:15]))
    return processes


def _find_descendants(processes: Mapping[int, tuple[int, int]], roots: Iterable[int]) -> list[int]:
    children = defaultdict(list)
    for pid, (parent, _) in processes.items():
        children[parent].append(pid)
    below, todo = [], [*roots]
    while todo:
        todo += (born := children[todo.pop()])
        below += born
    return below
