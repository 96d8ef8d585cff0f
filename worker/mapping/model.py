"""The keys of a mapping file: a TOML document that a person reads, accepts and keeps beside the feed."""

from hashlib import sha256
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

RESULT_COLUMNS: Final = (
    "part",
    "source_id",
    "feed",
    "kind",
    "customer_id",
    "state",
    "remote_id",
    "ticket",
    "error_code",
    "error_text",
    "remedy",
    "error_detail",
    "attempts",
    "created_at",
    "finalized_at",
    "file",
    "line",
    "column",
)
"""The columns of results, all of which a mapping can name in the CRM's own words."""

TODO: Final = "TODO"
"""A text that begins so is a question that `mapping suggest` could not answer."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""A field, a word or a form."""

Heading = str
"""A heading as it stands in the file. A key of JSON may even be empty."""

Constant = str | int | bool | list[str]


class _Section(BaseModel):
    """A part of the file. A key that does not belong there is refused; errors never repeat what stands in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class KindColumn(_Section):
    """The kind of each row by the words of a column. Rows with one of the words `skip` are no rows for Vitec, and left out."""

    column: Heading
    values: dict[str, Name]
    skip: list[str] = Field(default_factory=list)


class JoinedColumns(_Section):
    """Several columns for one field, such as a date and a time of day."""

    columns: list[Heading] = Field(min_length=1)
    separator: str = " "


class Times(_Section):
    """How times are written: the forms, each tried in its turn, and the zone of a time that has no offset of its own."""

    forms: list[Name] = Field(default_factory=list)
    zone: Name = "Europe/Stockholm"
    columns: dict[str, list[Name]] = Field(default_factory=dict)
    """Heading, or field that is joined of several → its own forms, instead of the others."""


class Flags(_Section):
    """The CRM's words for yes and no, beside those that are always understood."""

    yes: list[str] = Field(default_factory=list)
    no: list[str] = Field(default_factory=list)


class Lists(_Section):
    """The sign between the parts of a cell that holds several."""

    separator: Annotated[str, StringConstraints(min_length=1, max_length=5)]


class AfterColumn(_Section):
    """The column with the id of the row that this one comes after, and that row's kind."""

    column: Heading
    kind: Name


class MarkedRows(_Section):
    """The words of a column by which the CRM says that a row is withdrawn."""

    column: Heading
    values: list[str] = Field(min_length=1)


class ResultsNames(_Section):
    """The CRM's own names in its results: of columns (our name → theirs), and words for states, parts and kinds.

    `only`: the columns that are named, in their order, and no others.
    """

    columns: dict[str, Name] = Field(default_factory=dict)
    states: dict[str, Name] = Field(default_factory=dict)
    parts: dict[str, Name] = Field(default_factory=dict)
    kinds: dict[str, Name] = Field(default_factory=dict)
    only: bool = False


class ExportMapping(_Section):
    """A mapping file, of the right form. `parse_mapping` says whether it also makes sense."""

    version: Literal[1]
    kind: Name | KindColumn | None = None
    """The kind of all rows, or the column that names it; None: the headings or the caller say it."""
    columns: dict[Heading, Name | dict[str, Name]] = Field(default_factory=dict)
    """Heading → field; or heading → kind → field, where rows of several kinds differ."""
    leave_out: list[Heading] = Field(default_factory=list)
    """Headings of columns that are not wanted."""
    constants: dict[str, Constant] = Field(default_factory=dict)
    """Field → its value in every row of a kind that has it."""
    joined: dict[str, Annotated[list[Heading], Field(min_length=1)] | JoinedColumns] = Field(default_factory=dict)
    """Field → the columns that it is joined of."""
    words: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Field → the CRM's word → Vitec's."""
    times: Times | None = None
    flags: Flags | None = None
    lists: Lists | None = None
    after: AfterColumn | None = None
    handed_on: dict[str, Name] = Field(default_factory=dict)
    """Field → the kind of the parent that gives its id for it, where the row comes after one and leaves the field empty."""
    withdrawn: MarkedRows | None = None
    results: ResultsNames | None = None

    @property
    def digest(self) -> str:
        """The hash of all that it says about rows: a comment changes nothing, nor do the names of results."""
        return sha256(self.model_dump_json(exclude={"results"}).encode()).hexdigest()

    def headings(self) -> tuple[str, ...]:
        """Every heading that it names, each once, in the order of the file."""
        joined = (name for part in self.joined.values() for name in joined_columns(part))
        marks = (self.kind, self.after, self.withdrawn)
        marked = (mark.column for mark in marks if isinstance(mark, KindColumn | AfterColumn | MarkedRows))
        return tuple(dict.fromkeys((*self.columns, *joined, *marked, *self.leave_out)))


def joined_columns(part: list[str] | JoinedColumns) -> list[str]:
    """Give the headings that one field is joined of."""
    return part if isinstance(part, list) else part.columns
