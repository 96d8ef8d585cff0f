"""The secrets of a feed, from a file or a variable: read when they are used, and never shown."""

from pathlib import Path

from worker.feeding.run import FeedFault, FeedRun


def read_secret(run: FeedRun, file: Path | None, variable: str | None, meaning: str) -> str:
    """Read a secret. Raises `FeedFault` with the file or the variable, and what should stand there."""
    if file is not None:
        try:
            secret = file.read_text(encoding="utf-8-sig").strip()
        except OSError as error:
            raise FeedFault(
                "secret_missing", f"{file} cannot be read ({error.strerror}): write {meaning} there."
            ) from None
        except UnicodeDecodeError:
            raise FeedFault("secret_missing", f"{file} is not text in UTF-8: write {meaning} there.") from None
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
