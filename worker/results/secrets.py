"""Secrets of destinations: read from their file or variable each time they are used, so that a change needs no restart."""

from collections.abc import Callable
from pathlib import Path

from worker.results.sinks import SinkFailed
from worker.secret_files import SecretMissing, SecretUnreadable, read_secret_file


def read_secret(file: Path | None, name: str | None, variable: Callable[[str], str | None]) -> str:
    """Read the secret from its file, or from the variable of that name. Raises SinkFailed with its place, never its content."""
    if file is None:
        text = (variable(name or "") or "").strip()
        if not text:
            raise SinkFailed(f"The variable {name} is not set: give it to the worker.")
        return text
    try:
        return read_secret_file(file)
    except SecretUnreadable as fault:
        remedy = ": write the secret into it" if isinstance(fault, SecretMissing) else ""
        raise SinkFailed(f"{file} {fault}{remedy}.") from None
