"""Secrets of destinations: read from their file or variable each time they are used, so that a change needs no restart."""

import os
from pathlib import Path

from worker.results.sinks import SinkFailed


def read_secret(file: Path | None, variable: str | None) -> str:
    """Read the secret. Raises SinkFailed with its place, never with its content."""
    if file is None:
        text = os.environ.get(variable or "", "").strip()
        if not text:
            raise SinkFailed(f"The variable {variable} is not set: give it to the worker.")
        return text
    try:
        text = file.read_text(encoding="utf-8-sig").strip()
    except OSError as error:
        raise SinkFailed(f"{file} cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise SinkFailed(f"{file} is not text in UTF-8.") from None
    if not text:
        raise SinkFailed(f"{file} is empty: write the secret into it.")
    return text
