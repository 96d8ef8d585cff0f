"""Secrets of destinations: read from their file or variable each time they are used, so that a change needs no restart."""

from collections.abc import Callable
from pathlib import Path

from worker.results.sinks import SinkFailed


def read_secret(file: Path | None, name: str | None, variable: Callable[[str], str | None]) -> str:
    """Read the secret from its file, or from the variable of that name. Raises SinkFailed with its place, never its content."""
    if file is None:
        text = (variable(name or "") or "").strip()
        if not text:
            raise SinkFailed(f"The variable {name} is not set: give it to the worker.")
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
