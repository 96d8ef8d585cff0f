"""The limit of the process's memory, and the look whether it is near.

Where the last byte is gone Python can neither put a sentence together nor be sure to end at all; so the readers look now and then.
"""

import os
import resource
from pathlib import Path
from typing import Final

from worker.sheets.sheet import WorkbookFault

MEMORY: Final = 96 * 1024**2
"""Bytes that the process may take beyond those it has at its start."""

RESERVE: Final = 16 * 1024**2
"""Bytes before the limit at which a reader gives up: more than a piece of a file can take."""

_STATM: Final = Path("/proc/self/statm")
_end = [0]
"""The address space at which the limit is near; 0 while there is none."""


def limit_memory(memory: int = MEMORY) -> None:
    """Set the limit, where the system tells how much is in use."""
    if _STATM.exists():
        limit = _in_use() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        _end[0] = limit - RESERVE


def check_memory() -> None:
    """Raise WorkbookFault if the limit is near."""
    if _end[0] and _in_use() > _end[0]:
        wrong = "the workbook needs more memory than there is for it"
        raise WorkbookFault(wrong, "Export fewer rows, or CSV", "workbook_too_large")


def _in_use() -> int:
    return int(_STATM.read_bytes().split()[0]) * os.sysconf("SC_PAGESIZE")
