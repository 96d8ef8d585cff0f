"""Headings of a file, resolved: the kind of its rows, and the field of each column."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from worker.feeds import FileRefused, OpenExport
from worker.kind import ROW_HEADINGS, ROW_HEADINGS_WRITTEN, Kind, fold
from worker.kinds import KIND_BY_NAME, KINDS

_REQUIRED = ("source_id", "customer_id")
_SHOWN = 10
"""Unknown headings that are listed; of more, only their number is said."""


@dataclass(frozen=True)
class Columns:
    """The columns of one file. `kind` None: each row names its own, in the column at `kind_at`."""

    headings: tuple[str, ...]
    kind: type[Kind] | None
    kind_at: int | None
    own_headings: tuple[str, ...] = ()
    """The file's own words for them, where a mapping gave it these."""

    @cached_property
    def fields_by_kind(self) -> Mapping[str, tuple[str, ...]]:
        """For each kind that a row can have, the fields in the order of the columns.

        A column that the kind does not know keeps its own heading: the kind refuses a row that fills it.
        """
        kinds = (self.kind,) if self.kind else KINDS
        return {kind.kind: fields_of(self.headings, kind, alone=self.kind is not None) for kind in kinds}

    @cached_property
    def source_id_at(self) -> int:
        """The position of the row's own id."""
        return self._fields_with(None).index("source_id")

    def heading_of(self, kind: type[Kind] | None, field: str) -> str:
        """Return the column of a field in the file's own words; the field's own name if the file has no such column."""
        names = self._fields_with(kind)
        return (self.own_headings or self.headings)[names.index(field)] if field in names else field

    def _fields_with(self, kind: type[Kind] | None) -> tuple[str, ...]:
        """Return the field of each column in rows of a kind; None: in rows of which no more is known than the file says."""
        kind = kind or self.kind
        return self.fields_by_kind[kind.kind] if kind else fields_of(self.headings)


def resolve_columns(feed: OpenExport, kind_name: str | None) -> Columns:
    """Resolve the headings, or raise `FileRefused`. `kind_name`: the kind of all rows, if the caller names one."""
    if kind_name and feed.kind not in {None, kind_name}:
        raise FileRefused(feed.name, f"the mapping says that its rows are of the kind {feed.kind}", "Leave --kind out")
    kind_name = kind_name or feed.kind
    kind = _kind_by_name(feed, kind_name) if kind_name else None
    field_of = _known_headings(KINDS if kind is None else (kind,))
    unknown = [heading for heading in feed.headings if fold(heading) not in field_of]
    if unknown:
        raise _refusal_of_unknown(feed, kind, unknown, field_of)
    common = fields_of(feed.headings)
    kind_at = common.index("kind") if "kind" in common else None
    row_kind = _infer_kind(feed) if kind is None and kind_at is None else kind
    columns = Columns(feed.headings, row_kind, kind_at, feed.own_headings)
    if columns.kind:
        _refuse_ambiguous(feed, columns.kind)
    fields = {field for names in columns.fields_by_kind.values() for field in names}
    required = dict.fromkeys((*_REQUIRED, *(columns.kind.required if columns.kind else ())))
    missing = [field for field in required if field not in fields]
    if missing:
        raise _refusal_of_missing(feed, columns.kind, missing)
    for names in columns.fields_by_kind.values():
        if len(set(names)) < len(names):
            raise _refusal_of_same_column(feed, names)
    return columns


def is_heading(heading: str, kind_name: str | None) -> bool:
    """Tell whether a heading means a field, of the kind or of any."""
    kinds = (KIND_BY_NAME[kind_name],) if kind_name else KINDS
    return fold(heading) in _known_headings(kinds)


def fields_of(headings: Iterable[str], kind: type[Kind] | None = None, *, alone: bool = True) -> tuple[str, ...]:
    """Return the field of each heading in rows of a kind, or in rows of all; others stand for themselves.

    A bare name (`userId`) is the field that the kind has for it. Beside other kinds (not `alone`) it is not, where the field
    has a column of its own: such a column is another kind's. `id` is the row's own id, unless that has a column with
    another heading: then it is Vitec's `id`.
    """
    folded = [fold(heading) for heading in headings]
    field_of = dict(ROW_HEADINGS) if kind is None else {**kind.headings, **ROW_HEADINGS}
    certain = [field_of.get(heading) for heading in folded]
    fields = []
    for heading, name, field in zip(headings, folded, certain, strict=True):
        meant = _bare_field(kind, name) if kind and (field is None or certain.count(field) > 1) else None
        fields.append(meant if meant and (alone or meant not in certain) else field or heading)
    return tuple(fields)


def _bare_field(kind: type[Kind], name: str) -> str | None:
    """Return the one field of a kind that a folded bare name means."""
    meant = kind.naming.bare.get(name, ())
    return meant[0] if len(meant) == 1 else None


def _kind_by_name(feed: OpenExport, name: str) -> type[Kind]:
    kind = KIND_BY_NAME.get(name)
    if kind is None:
        remedy = f"The kinds are {', '.join(KIND_BY_NAME)}"
        raise FileRefused(feed.name, f"there is no kind {name!r}", remedy, "unknown_kind")
    return kind


def _known_headings(kinds: Iterable[type[Kind]]) -> dict[str, str]:
    """Return folded heading → field, for the headings of all the kinds; of a bare name the first field that it may mean."""
    field_of = dict(ROW_HEADINGS)
    for kind in kinds:
        bare = {name: fields[0] for name, fields in kind.naming.bare.items()}
        field_of = {**kind.headings, **bare} | field_of
    return dict(ROW_HEADINGS) | field_of


def _missing_fields(kind: type[Kind], headings: Iterable[str]) -> list[str]:
    fields = fields_of(headings, kind)
    return [field for field in dict.fromkeys((*_REQUIRED, *kind.required)) if field not in fields]


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
        raise _refusal_of_missing(feed, near[0], _missing_fields(near[0], feed.headings), f" for {near[0].kind}:")
    kind_names = ", ".join(kind.kind for kind in fitting or near or KINDS)
    remedy = f"Give --kind ({kind_names}), or add a column kind"
    raise FileRefused(feed.name, "it does not say which kind its rows are", remedy, "kind_not_said")


def _refusal_of_missing(
    feed: OpenExport, kind: type[Kind] | None, missing: list[str], purpose: str = ""
) -> FileRefused:
    plural = "s" if len(missing) > 1 else ""
    wrong = f"line {feed.heading_line}: missing heading{plural}{purpose} {', '.join(missing)}"
    remedy = f"Add the column{plural} to the export"
    if kind and (own_ids := [heading for heading in feed.headings if _bare_field(kind, fold(heading)) in missing]):
        heading, field = own_ids[0], _bare_field(kind, fold(own_ids[0])) or ""
        wrong += f"; {heading!r} is the row's own id, unless that stands in a column source_id"
        remedy += f", {field} as {_advise(kind, field)}"
    return FileRefused(feed.name, wrong, remedy, "missing_headings")


def _advise(kind: type[Kind], field: str) -> str:
    """Return the headings that mean a field for certain, as the documents write them."""
    name, *swedish = kind.naming.documented[field]
    return f"{name} ({swedish[0]})" if swedish else name


def _refusal_of_unknown(
    feed: OpenExport, kind: type[Kind] | None, unknown: list[str], field_of: Mapping[str, str]
) -> FileRefused:
    fitting = _fitting_kinds(feed.headings)
    if kind and fitting:
        wrong, remedy = f"these headings are no {kind.kind}'s", f"Use --kind {fitting[0].kind}"
        return FileRefused(feed.name, wrong, remedy, "other_kind")
    plural, pronoun = ("", "it") if len(unknown) == 1 else ("s", "them")
    suggestions = ", ".join(_suggest_heading(heading, field_of) for heading in unknown[:_SHOWN])
    if (hidden := len(unknown) - _SHOWN) > 0:
        suggestions += f", … and {hidden} more"
    names = ", ".join(dict.fromkeys(field_of.values())) if kind else "those of Vitec's help pages"
    wrong = f"line {feed.heading_line}: unknown heading{plural} {suggestions}"
    remedy = f"Rename {pronoun} in the export, or write a mapping (`vitec-sync mapping suggest` drafts one)"
    if feed.original is not None:
        remedy = f"Give {pronoun} a field in the mapping, or write {pronoun} into its leave_out"
    return FileRefused(feed.name, wrong, f"{remedy}; known headings are {names}", "unknown_headings")


def _suggest_heading(heading: str, field_of: Mapping[str, str]) -> str:
    near = get_close_matches(fold(heading), field_of, n=1, cutoff=0.75)
    if not near:
        return repr(printable_heading(heading))
    written = {**ROW_HEADINGS_WRITTEN, **{key: text for kind in KINDS for key, text in kind.naming.written.items()}}
    return f"{printable_heading(heading)!r} (perhaps {written.get(near[0], near[0])!r}?)"


def _refuse_ambiguous(feed: OpenExport, kind: type[Kind]) -> None:
    """Refuse a bare name that may mean several fields of the kind."""
    for heading in feed.headings:
        meant = kind.naming.bare.get(fold(heading), ())
        if len(meant) > 1 and fold(heading) not in ROW_HEADINGS:
            names = " or ".join(_advise(kind, field) for field in meant)
            wrong = f"line {feed.heading_line}: {printable_heading(heading)!r} may mean {names}"
            raise FileRefused(feed.name, wrong, "Give the column that name", "ambiguous_heading")


def _refusal_of_same_column(feed: OpenExport, names: tuple[str, ...]) -> FileRefused:
    second_at, field = next((at, field) for at, field in enumerate(names) if field in names[:at])
    own_headings = feed.own_headings or feed.headings
    headings = own_headings[names.index(field)], own_headings[second_at]
    first, second = map(printable_heading, headings)
    wrong = f"line {feed.heading_line}: {first!r} and {second!r} are the same column"
    remedy = "Keep one of the two"
    for kind in KINDS:
        meant = next(
            (of for heading in headings if (of := _bare_field(kind, fold(heading))) not in {None, field}), None
        )
        if meant:
            remedy += f"; of a row of kind {kind.kind}, {meant} is called {_advise(kind, meant)}"
    return FileRefused(feed.name, wrong, remedy, "same_column")


def printable_heading(heading: str) -> str:
    """Return a heading as it can stand in a line: without characters that cannot be printed, and cut where it is long."""
    return "".join(character for character in heading if character.isprintable())[:60]
