"""Reads a secret from its file. The callers say where it is named, and what should stand there."""

from pathlib import Path


class SecretUnreadable(Exception):  # noqa: N818 (a fact)
    """There is no secret in the file. The text goes on after the file's name, and holds nothing of its content."""


class SecretMissing(SecretUnreadable):
    """The file is empty."""


def read_secret_file(path: Path) -> str:
    """Read the secret, without the blanks around it. Raises SecretUnreadable, and SecretMissing for an empty file."""
    try:
        text = path.read_text(encoding="utf-8-sig").strip()
    except OSError as error:
        raise SecretUnreadable(f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SecretUnreadable("is not text in UTF-8") from None
    if not text:
        raise SecretMissing("is empty")
    return text
