"""The place where the results of a feed go: `[feeds.NAME.results]` of feeds.toml, checked before anything is written."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from worker.address import LOOPBACK
from worker.results.writing import COLUMNS

Form = Literal["csv", "csv-excel", "jsonl", "xlsx"]

KEY: Final = ("feed", "kind", "source_id")
"""The columns by which a row of the CRM's table is recognised."""

FOLDER = "folder"
"""The key of the validation's context: the folder from which relative paths are seen, that of feeds.toml."""


def _make_absolute(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get(FOLDER) or Path()
    return (Path(folder) / path.expanduser()).absolute()


_File = Annotated[Path, AfterValidator(_make_absolute)]
_OF = {
    "files": ("folder", "form", "name"),
    "table": ("table", "database_url_file", "database_url_env", "create", "columns"),
    "post": ("post", "secret_file", "secret_env", "ca_bundle", "most_bytes"),
}


class ResultsConfig(BaseModel):
    """One of: files in a folder, a table of the CRM's own database, an address of the CRM that takes a POST.

    Validate it with `context={"folder": …}`, the folder of feeds.toml. A secret stands in a file or in a variable of the
    environment, never here.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    folder: _File | None = None
    """Where files are written. None, where neither table nor address is named: RESULTS_DIR."""
    form: Form = "csv"
    """csv-excel: semicolons and a byte order mark, as a Swedish Excel opens it in columns."""
    name: str | None = Field(None, pattern=r"^[\w-][\w.-]{0,63}$")
    """The beginning of the files' names; None: the feed's name."""

    table: str | None = Field(None, pattern=r"^\w+(\.\w+)?$")
    database_url_file: _File | None = None
    """A file with the SQLAlchemy URL of the CRM's database."""
    database_url_env: str | None = None
    create: bool = False
    """Make the table if it is not there."""
    columns: dict[str, str] = Field(default_factory=dict)
    """The columns of the CRM's table by ours; with any given, only these are written."""

    post: str | None = None
    secret_file: _File | None = None
    """A file with the secret by which each batch is signed."""
    secret_env: str | None = None
    ca_bundle: _File | None = None
    """Certificates to trust beside the usual ones."""
    most_bytes: int = Field(1_000_000, ge=10_000, le=50_000_000)
    """As large a body as the address takes."""

    most_rows: int | None = Field(None, ge=1, le=100_000)
    """As many rows as one file, transaction or POST has; None: 50,000, 5,000 or 500."""
    every: float = Field(60.0, ge=1, le=7 * 86_400)
    """Seconds at least between two batches, so that results that trickle in come together."""

    @property
    def sink(self) -> Literal["files", "table", "post"]:
        """Name the way on which the results leave."""
        return "table" if self.table else "post" if self.post else "files"

    @field_validator("post")
    @classmethod
    def _check_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            url = urlsplit(value)
            has_host = bool(url.hostname) and url.port != 0
        except ValueError:
            raise ValueError("this is no address: the port is none, or a bracket is missing") from None
        if not (url.scheme == "https" or (url.scheme == "http" and url.hostname in LOOPBACK)):
            raise ValueError("it must be https://… (http is for loopback only)")
        if not (has_host and value.isascii() and value.isprintable() and " " not in value):
            raise ValueError("it must have a host: https://HOST/PATH")
        if url.username or url.password or url.fragment:
            raise ValueError("it must have no login and no fragment: a batch is signed by the secret")
        return value

    @field_validator("columns")
    @classmethod
    def _check_columns(cls, columns: dict[str, str]) -> dict[str, str]:
        unknown = [name for name in columns if name not in COLUMNS]
        if unknown:
            raise ValueError(f"{unknown[0]} is no column of the results; there are {', '.join(COLUMNS)}")
        if columns and "source_id" not in columns:
            raise ValueError("source_id must be among the columns: by it the CRM's row is found")
        if len({name.casefold() for name in columns.values()}) < len(columns) or "" in columns.values():
            raise ValueError("each column of the table must have a name, and only once")
        return columns

    @model_validator(mode="before")
    @classmethod
    def _check_options(cls, values: Any) -> Any:
        """Refuse an option of another way than the one that is chosen: it would silently do nothing."""
        if not isinstance(values, dict):
            return values
        ways = [way for way, key in (("table", "table"), ("post", "post"), ("files", "folder")) if values.get(key)]
        if len(ways) > 1:
            raise ValueError("give one of folder, table and post: results are told once")
        way = ways[0] if ways else "files"
        for sink, options in _OF.items():
            foreign = next((option for option in options if sink != way and option in values), None)
            if foreign is not None:
                raise ValueError(f"{foreign} is an option of {sink}, and these results go {_WAYS[way]}")
        return values

    @model_validator(mode="after")
    def _check_secret(self) -> Self:
        for key, sink in (("database_url", "table"), ("secret", "post")):
            given = [name for name in (f"{key}_file", f"{key}_env") if getattr(self, name)]
            if self.sink == sink and len(given) != 1:
                raise ValueError(f"{sink} needs one of {key}_file and {key}_env")
        return self

    @property
    def rows_at_most(self) -> int:
        """Give the number of rows of one batch."""
        return self.most_rows or {"files": 50_000, "table": 5_000, "post": 500}[self.sink]


_WAYS = {"files": "to files", "table": "into a table", "post": "to an address"}
