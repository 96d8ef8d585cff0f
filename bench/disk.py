"""Measures the disk: its free space, and the time it takes to make a commit safe."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from statistics import median


def require_space(amount: int) -> None:
    """End with one line unless so many bytes are free where the servers keep their data."""
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if free < amount:
        sys.exit(f"This needs {amount / 1e9:.0f} GB in {folder}; {free / 1e9:.0f} GB are free.")


def measure_flush(times: int = 100) -> float:
    """Measure the milliseconds (median) until 8 kB are on the disk, as PostgreSQL waits for them at a commit."""
    with tempfile.NamedTemporaryFile() as file:
        taken = []
        for _ in range(times):
            began = time.perf_counter()
            os.pwrite(file.fileno(), bytes(8192), 0)
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    return median(taken) * 1000
