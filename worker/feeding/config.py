"""The model of one table of `feeds.toml`: a source, a schedule, and the form of its rows."""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from worker.address import LOOPBACK
from worker.importing import DEFAULT_FEED
from worker.kinds import KIND_BY_NAME
from worker.results.config import ResultsConfig

NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,38}[a-z0-9])?")
"""The name of a feed: it stands in commands, in file names and in log lines."""

DROP = "drop"
"""The feed of FEED_DIR, where no feeds.toml says more."""


class Source(StrEnum):
    """Where the rows of a feed come from."""

    FOLDER = "folder"
    QUERY = "query"
    URL = "url"


_DEFAULT_EVERY = {Source.FOLDER: 5.0, Source.QUERY: 60.0, Source.URL: 300.0}

_KEYS_OF: dict[Source, frozenset[str]] = {
    Source.FOLDER: frozenset({"folder", "pattern", "at_rest"}),
    Source.QUERY: frozenset({
        "query", "query_file", "database_url_file", "database_url_env", "cursor", "cursor_start", "overlap", "timeout",
    }),
    Source.URL: frozenset({
        "url", "username", "password_file", "password_env", "token_file", "token_env", "token_header", "ca_bundle",
        "max_megabytes", "timeout",
    }),
}  # fmt: skip


def _as_path(value: Any, info: ValidationInfo) -> Any:
    """Read a path as seen from the folder of the file that names it."""
    if not isinstance(value, str):
        raise ValueError("give a path in quotation marks")  # noqa: TRY004 (pydantic makes a fault of it)
    if not value.strip() or "\0" in value:
        raise ValueError("give a path: it is empty")
    folder = info.context["folder"] if info.context else Path()
    try:
        return (folder / Path(value).expanduser()).absolute()
    except RuntimeError:
        raise ValueError("there is no such user's home folder: write the path in full") from None


def _as_texts(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _as_times(value: Any) -> Any:
    moments = []
    for text in value if isinstance(value, list) else [value]:
        if isinstance(text, time):
            moments.append(text)
        elif isinstance(text, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
            moments.append(time.fromisoformat(text))
        else:
            raise ValueError('give a time of day in Stockholm, as in "06:30", or a list of them')
    if not moments:
        raise ValueError('give a time of day in Stockholm, as in "06:30"')
    return sorted(moments)


_Path = Annotated[Path, BeforeValidator(_as_path)]
_Seconds = Annotated[float, Field(gt=0, le=366 * 86_400)]


class FeedConfig(BaseModel):
    """One feed. Exactly one of `folder`, `query` (or `query_file`) and `url` names its source."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)

    name: str
    feed: str = Field(DEFAULT_FEED, min_length=1, max_length=64)
    """The source of the rows: an id is unique within it. Feeds of one CRM share it, as typed imports do."""

    folder: _Path | None = None
    pattern: Annotated[list[str], BeforeValidator(_as_texts)] = ["*"]
    at_rest: float = Field(10.0, ge=0, le=86_400)
    """Seconds for which a file's size and time stay as they are before it counts as complete; 0: it is renamed into place."""

    query: str | None = None
    query_file: _Path | None = None
    database_url_file: _Path | None = None
    database_url_env: str | None = None
    cursor: str | None = None
    """The column that only grows; None: each run reads all rows."""
    cursor_start: str | int | float | datetime | None = None
    overlap: float = Field(300.0, ge=0)
    """By how much each run reads back behind the cursor (seconds, or numbers), for rows that were committed late."""

    url: str | None = None
    username: str | None = None
    password_file: _Path | None = None
    password_env: str | None = None
    token_file: _Path | None = None
    token_env: str | None = None
    token_header: str | None = Field(None, pattern=r"^[A-Za-z0-9-]{1,64}$")
    """The header that holds the token alone, as X-Api-Key; None: `Authorization: Bearer …`."""
    ca_bundle: _Path | None = None
    max_megabytes: int = Field(1024, ge=1, le=4096)

    timeout: float = Field(60.0, gt=0, le=3600)
    """Seconds for a statement of the query, or for the whole answer of the address."""

    kind: str | None = None
    mapping: _Path | None = None
    full_export: bool = False
    """Whether each run gives all rows there are, so that an absent one is withdrawn."""
    every: _Seconds | None = None
    at: Annotated[list[time], BeforeValidator(_as_times)] | None = None
    silent_after: _Seconds | None = None
    headings: Literal["fixed", "any"] = "fixed"
    """`fixed`: an export with other headings than the last one stops the feed."""
    canary: bool = False
    results: ResultsConfig | None = None

    @property
    def source(self) -> Source:
        """Where its rows come from."""
        if self.folder is not None:
            return Source.FOLDER
        return Source.URL if self.url is not None else Source.QUERY

    @property
    def interval(self) -> timedelta | None:
        """How long after a run the next one begins; None: at times of the day."""
        return None if self.at else timedelta(seconds=self.every or _DEFAULT_EVERY[self.source])

    def read_query(self) -> str:
        """Give the query, from its file if it stands in one. Raises OSError and UnicodeDecodeError."""
        text = self.query_file.read_text(encoding="utf-8-sig") if self.query_file else self.query or ""
        return text.strip().rstrip(";").strip()

    def matches(self, file_name: str) -> bool:
        """Tell whether a file of that name belongs to the feed, in whatever case its letters are."""
        return any(fnmatchcase(file_name.casefold(), pattern.casefold()) for pattern in self.pattern)

    def source_hash(self) -> str:
        """Hash what says which rows are read: when it changes, cursor and ETag mean nothing any more."""
        keys = ("feed", "folder", "url", "cursor", "cursor_start", "kind", "mapping", "database_url_env")
        parts = [repr(getattr(self, key)) for key in (*keys, "database_url_file", "query", "pattern", "headings")]
        parts += [_hash_file(path) if path else "" for path in (self.mapping, self.query_file)]
        return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()

    @field_validator("kind")
    @classmethod
    def _check_kind(cls, kind: str | None) -> str | None:
        if kind is not None and kind not in KIND_BY_NAME:
            raise ValueError(f"there is no such kind; the kinds are {', '.join(KIND_BY_NAME)}")
        return kind

    @field_validator("feed")
    @classmethod
    def _check_feed(cls, feed: str) -> str:
        if not feed.isprintable():
            raise ValueError("give 1 to 64 printable characters")
        return feed

    @field_validator("pattern")
    @classmethod
    def _check_pattern(cls, patterns: list[str]) -> list[str]:
        if not patterns or any(not pattern.strip() or "/" in pattern for pattern in patterns):
            raise ValueError('give the names of files, as in "*.csv", without a folder')
        return patterns

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        return url and check_url(url)

    @field_validator("cursor", "database_url_env", "password_env", "token_env", "username")
    @classmethod
    def _check_text(cls, text: str | None) -> str | None:
        if text is not None and (not text.strip() or not text.isprintable()):
            raise ValueError("it is empty, or holds a control character")
        return text

    @field_validator("cursor")
    @classmethod
    def _check_cursor(cls, cursor: str | None) -> str | None:
        if cursor is not None and not re.fullmatch(r"[^\W\d][\w$#]{0,127}", cursor):
            raise ValueError("give the name of a column that the query gives, without quotes or a table's name")
        return cursor

    @field_validator("query")
    @classmethod
    def _check_query(cls, query: str | None) -> str | None:
        return query and check_query(query)

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        given = [key for key in ("folder", "query", "query_file", "url") if getattr(self, key) is not None]
        if len(given) != 1:
            number = f"{_list(given)} are" if given else "none is"
            raise ValueError(f"give exactly one of `folder`, `query` (or `query_file`) and `url`; {number} given")
        of_all = frozenset().union(*_KEYS_OF.values())
        if foreign := sorted(self.model_fields_set & (of_all - _KEYS_OF[self.source])):
            raise ValueError(f"{_list(foreign)} does not go with `{given[0]}`: leave it out")
        if self.source is Source.QUERY:
            self._check_database()
        if self.source is Source.URL:
            self._check_login()
        return self

    @model_validator(mode="after")
    def _check_rows(self) -> Self:
        if self.kind and self.mapping:
            raise ValueError("give `kind` or `mapping`, not both: a mapping says the kind of each row")
        if self.every and self.at:
            raise ValueError("give `every` or `at`, not both")
        if self.full_export and self.cursor:
            raise ValueError("`full_export` goes without `cursor`: a query from a cursor on gives only what is new")
        return self

    def _check_database(self) -> None:
        if (self.database_url_file is None) == (self.database_url_env is None):
            raise ValueError(
                "give `database_url_file`, a file with the address of the CRM's database (postgresql://…, sqlite:///…),"
                " or `database_url_env`, the variable that holds it"
            )
        by_parameter = self.query is not None and uses_cursor(self.query)
        if by_parameter and self.cursor is None:
            raise ValueError("the query asks for `:cursor`: name the column that only grows in `cursor`")
        if by_parameter and self.cursor_start is None:
            raise ValueError("the query asks for `:cursor`: give the value of the first run in `cursor_start`")

    def _check_login(self) -> None:
        passwords = [key for key in ("password_file", "password_env") if getattr(self, key) is not None]
        tokens = [key for key in ("token_file", "token_env") if getattr(self, key) is not None]
        if len(passwords) + len(tokens) > 1:
            raise ValueError(f"give one of {_list([*passwords, *tokens])}: each is a login by itself")
        if bool(passwords) != (self.username is not None):
            raise ValueError("give `username` together with `password_file` or `password_env`")
        if self.token_header and not tokens:
            raise ValueError("`token_header` needs `token_file` or `token_env`")


def uses_cursor(query: str) -> bool:
    """Tell whether the query has the parameter `:cursor`."""
    return re.search(r"(?<![:\w\\]):cursor\b", query) is not None


def check_query(query: str) -> str:
    """Give the query back; raise ValueError where it is not one statement that reads."""
    if not re.match(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:SELECT|WITH|VALUES|TABLE)\b", query, re.IGNORECASE | re.DOTALL):
        raise ValueError("it must be one SELECT (or WITH … SELECT): a feed only reads")
    return query


def check_url(url: str) -> str:
    """Give the address back; raise ValueError where it cannot be fetched, or would give a secret away."""
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError("this is no address: the port is none, or a bracket is missing") from None
    if not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)):
        raise ValueError("it must be https://… (http is for loopback only)")
    if not has_host or not url.isprintable() or " " in url:
        raise ValueError("it must be a whole address, without spaces: https://HOST/PATH")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it must hold no login: give `username` and `password_file`, or `token_file`")
    return url


def _list(keys: Sequence[str]) -> str:
    return " and ".join(f"`{key}`" for key in keys)


def _hash_file(path: Path) -> str:
    """Hash a small file; one that cannot be read is told of when it is used."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "unreadable"
