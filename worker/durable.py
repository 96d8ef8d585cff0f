"""Makes changes of a folder durable: a new name must be on the disk as surely as the content under it."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Wait until the names in the folder are on the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
