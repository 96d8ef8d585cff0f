"""How Python is set while a file is taken in: for many small objects, and for two threads that take turns."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

OBJECTS = 200_000
"""After so many new objects circles among them are sought: about three chunks."""

TURN = 0.001
"""Seconds after which a thread that computes lets another one go on."""


@contextmanager
def gc_tuning() -> Iterator[None]:
    """Set Python so, for the whole process, and set it back. Measured with 60,000 rows of a wide CSV.

    Two imports at a time in one process, which nobody makes, would leave it so.

    Rows hold no circles, and go as soon as they are recorded. To seek circles among them, and among all that was ever
    imported, took a third of an import's CPU: 41 µs a row, and 27 without.

    Whoever writes to the database waits for it a dozen times a chunk. By Python's own 5 ms it was so much later each time
    until the reading thread stood still, and the database did nothing meanwhile: 54 µs a row, and 44 with 1 ms.
    """
    thresholds, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(OBJECTS, 1_000, 1_000)
    sys.setswitchinterval(TURN)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        sys.setswitchinterval(interval)
