"""Headings of a file, resolved: the kind of its rows, and the field of each column."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from worker.feeds import FileRefused, OpenExport
from worker.kind import ROW_HEADINGS, Kind, fold
from worker.kinds import KIND_BY_NAME, KINDS

_REQUIRED = ("source_id", "customer_id")


@dataclass(frozen=True)
class Columns:
    """The columns of one file. `kind` None: each row names its own, in the column at `kind_at`."""

    headings: tuple[str, ...]
    kind: type[Kind] | None
    kind_at: int | None

    @cached_property
    def fields_by_kind(self) -> Mapping[str, tuple[str, ...]]:
        """For each kind that a row can have, the fields in the order of the columns.

        A column that the kind does not know keeps its own heading: the kind refuses a row that fills it.
        """
        return {kind.kind: _fields_of(self.headings, kind.headings) for kind in ((self.kind,) if self.kind else KINDS)}

    @cached_property
    def source_id_at(self) -> int:
        """The position of the row's own id."""
        return _fields_of(self.headings).index("source_id")

    def heading_of(self, kind: type[Kind] | None, field: str) -> str:
        """Return the column of a field in the file's own words; the field's own name if the file has no such column."""
        names = self.fields_by_kind[kind.kind] if kind else _fields_of(self.headings)
        return self.headings[names.index(field)] if field in names else field


def resolve_columns(feed: OpenExport, kind_name: str | None) -> Columns:
    """Resolve the headings, or raise `FileRefused`. `kind_name`: the kind of all rows, if the caller names one."""
    kind = _kind_by_name(feed, kind_name) if kind_name else None
    field_of = _known_headings(KINDS if kind is None else (kind,))
    unknown = [heading for heading in feed.headings if fold(heading) not in field_of]
    if unknown:
        raise _refusal_of_unknown(feed, kind, unknown, field_of)
    common = _fields_of(feed.headings)
    kind_at = common.index("kind") if "kind" in common else None
    columns = Columns(feed.headings, _infer_kind(feed) if kind is None and kind_at is None else kind, kind_at)
    fields = {field for names in columns.fields_by_kind.values() for field in names}
    missing = [field for field in _required_fields(columns.kind) if field not in fields]
    if missing:
        plural = "s" if len(missing) > 1 else ""
        wrong = f"line {feed.heading_line}: missing heading{plural} {', '.join(missing)}"
        raise FileRefused(feed.name, wrong, f"Add the column{plural} to the export")
    for names in columns.fields_by_kind.values():
        if len(set(names)) < len(names):
            raise _refusal_of_same_column(feed, names)
    return columns


def _fields_of(headings: Iterable[str], kind_headings: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the field of each heading: of every row, and of a kind if its headings are given. Others stand for themselves."""
    field_of = ROW_HEADINGS if kind_headings is None else {**kind_headings, **ROW_HEADINGS}
    return tuple(field_of.get(fold(heading), heading) for heading in headings)


def _kind_by_name(feed: OpenExport, name: str) -> type[Kind]:
    kind = KIND_BY_NAME.get(name)
    if kind is None:
        raise FileRefused(feed.name, f"there is no kind {name!r}", f"The kinds are {', '.join(KIND_BY_NAME)}")
    return kind


def _known_headings(kinds: Iterable[type[Kind]]) -> dict[str, str]:
    """Return folded heading → field, for the headings of all the kinds."""
    return dict(ROW_HEADINGS) | {heading: field for kind in kinds for heading, field in kind.headings.items()}


def _required_fields(kind: type[Kind] | None) -> list[str]:
    fields = {} if kind is None else kind.model_fields
    return list(dict.fromkeys([*_REQUIRED, *(name for name, field in fields.items() if field.is_required())]))


def _missing_fields(kind: type[Kind], headings: Iterable[str]) -> list[str]:
    fields = _fields_of(headings, kind.headings)
    return [field for field in _required_fields(kind) if field not in fields]


def _kinds_that_know(headings: Iterable[str]) -> list[type[Kind]]:
    """Return the kinds that know all the headings, of those that a file need not name."""
    folded = {fold(heading) for heading in headings}
    return [kind for kind in KINDS if kind.inferred and folded <= _known_headings([kind]).keys()]


def _fitting_kinds(headings: Iterable[str]) -> list[type[Kind]]:
    """Return the kinds that know all the headings, and lack none that they need."""
    return [kind for kind in _kinds_that_know(headings) if not _missing_fields(kind, headings)]


def _infer_kind(feed: OpenExport) -> type[Kind]:
    fitting, near = _fitting_kinds(feed.headings), _kinds_that_know(feed.headings)
    if len(fitting) == 1:
        return fitting[0]
    if len(near) == 1 and not fitting:
        missing = ", ".join(_missing_fields(near[0], feed.headings))
        raise FileRefused(feed.name, f"missing heading for {near[0].kind}: {missing}", "Add it to the export")
    kind_names = ", ".join(kind.kind for kind in fitting or near or KINDS)
    remedy = f"Give --kind ({kind_names}), or add a column kind"
    raise FileRefused(feed.name, "it does not say which kind its rows are", remedy)


def _refusal_of_unknown(
    feed: OpenExport, kind: type[Kind] | None, unknown: list[str], field_of: Mapping[str, str]
) -> FileRefused:
    fitting = _fitting_kinds(feed.headings)
    if kind and fitting:
        return FileRefused(feed.name, f"these headings are no {kind.kind}'s", f"Use --kind {fitting[0].kind}")
    plural, pronoun = ("", "it") if len(unknown) == 1 else ("s", "them")
    suggestions = ", ".join(_suggest_heading(heading, field_of) for heading in unknown)
    names = ", ".join(dict.fromkeys(field_of.values())) if kind else "those of Vitec's help pages"
    wrong = f"line {feed.heading_line}: unknown heading{plural} {suggestions}"
    return FileRefused(feed.name, wrong, f"Rename {pronoun} in the export; known headings are {names}")


def _suggest_heading(heading: str, field_of: Mapping[str, str]) -> str:
    near = get_close_matches(fold(heading), field_of, n=1, cutoff=0.75)
    return f"{_printable_heading(heading)!r} (perhaps {near[0]!r}?)" if near else repr(_printable_heading(heading))


def _refusal_of_same_column(feed: OpenExport, names: tuple[str, ...]) -> FileRefused:
    second_at, field = next((at, field) for at, field in enumerate(names) if field in names[:at])
    first, second = _printable_heading(feed.headings[names.index(field)]), _printable_heading(feed.headings[second_at])
    wrong = f"line {feed.heading_line}: {first!r} and {second!r} are the same column"
    return FileRefused(feed.name, wrong, "Keep one of the two")


def _printable_heading(heading: str) -> str:
    """Return a heading as it can stand in a line: without characters that cannot be printed, and cut where it is long."""
    return "".join(character for character in heading if character.isprintable())[:60]
