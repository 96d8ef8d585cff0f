"""A table of a TOML file that knows its own place, so that complaints name file and key, and never a value."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self


class CredentialsError(Exception):
    """A login is missing or cannot be. The text names the place and the remedy, never the secret."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table. `place` is its file and heading, as a person would look for it."""

    path: Path
    place: str
    content: Mapping[str, Any] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The file's outermost table."""
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise CredentialsError(f"{path} cannot be read ({error.strerror}); see VITEC_CREDENTIALS_FILE") from None
        except UnicodeDecodeError:
            raise CredentialsError(f"{path} is not UTF-8") from None
        except tomllib.TOMLDecodeError as error:
            # The parser's text ends with where it is; what stands before that may quote the file.
            where = str(error).rpartition("(at ")[2].rstrip(")") or "an unknown place"
            raise CredentialsError(f"{path} is not valid TOML (at {where})") from None
        return cls(path, str(path), content)

    def only(self, *known: str) -> None:
        """Raise CredentialsError for a key that means nothing: a misspelt one would silently be left out."""
        for key in self.content:
            if key not in known:
                raise CredentialsError(f"{self.place}: `{key}` is not known here; known are {', '.join(known)}")

    def has_any(self, *keys: str) -> bool:
        """Whether one of them is given."""
        return any(key in self.content for key in keys)

    def table(self, key: str) -> "Table | None":
        """The table of that name, None if there is none."""
        value = self.content.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise CredentialsError(f"{self.place}: `{key}` must be a table")
        place = f"{self.place} [{key}]" if self.place == str(self.path) else f"{self.place[:-1]}.{key}]"
        return Table(self.path, place, value)

    def tables(self, key: str) -> "Iterator[tuple[str, Table]]":
        """The tables within the table of that name."""
        outer = self.table(key)
        for name in outer.content if outer else ():
            inner = outer.table(name) if outer else None
            if inner is not None:
                yield name, inner

    def text(self, key: str) -> str | None:
        """The text of that name, None if there is none."""
        value = self.content.get(key)
        if value is not None and not isinstance(value, str):
            raise CredentialsError(f"{self.place}: `{key}` must be text in quotation marks")
        return value

    def secret(self, key: str, environment: Mapping[str, str]) -> tuple[str, str]:
        """A secret, given as such, by the name of a variable (`…_env`) or of a file (`…_file`); and where it stood."""
        kinds = [name for name in (key, f"{key}_env", f"{key}_file") if name in self.content]
        if len(kinds) != 1:
            raise CredentialsError(f"{self.place}: give one of `{key}`, `{key}_env` and `{key}_file`")
        kind, value = kinds[0], self.text(kinds[0]) or ""
        where = f"{self.place}, `{kind}`"
        if kind == key:
            return value, where
        if kind == f"{key}_env":
            return environment.get(value, ""), f"{where}: the variable {value}"
        # Seen from the file that names it, as one would write it.
        path = self.path.parent / Path(value).expanduser()
        try:
            return path.read_text(encoding="utf-8").rstrip("\r\n"), f"{where}: {path}"
        except (OSError, UnicodeDecodeError) as error:
            raise CredentialsError(f"{where}: {path} cannot be read ({type(error).__name__})") from None
