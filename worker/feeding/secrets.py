"""The secrets of a feed, from a file or a variable: read when they are used, and never shown."""

from pathlib import Path

from worker.feeding.run import FeedFault, FeedRun
from worker.secret_files import SecretUnreadable, read_secret_file


def read_secret(run: FeedRun, file: Path | None, variable: str | None, meaning: str) -> str:
    """Read a secret. Raises `FeedFault` with the file or the variable, and what should stand there."""
    if file is not None:
        try:
            secret = read_secret_file(file)
        except SecretUnreadable as fault:
            raise FeedFault("secret_missing", f"{file} {fault}: write {meaning} there.") from None
        place = str(file)
    else:
        secret, place = (run.variable(variable or "") or "").strip(), f"The variable {variable}"
    if not secret:
        raise FeedFault("secret_missing", f"{place} is empty: write {meaning} there.")
    if not secret.isprintable():
        raise FeedFault(
            "secret_missing", f"{place} holds a control character or a line break: write {meaning} alone there."
        )
    return secret
