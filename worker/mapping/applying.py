"""Applies a mapping to an open export: its rows are turned one by one, while they are read."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from itertools import chain
from typing import Any, NamedTuple

from worker.feeds import BadRow, FileRefused, OpenExport, Row
from worker.kind import Kind, UnreadableCell, fold
from worker.kinds import KIND_BY_NAME
from worker.mapping.converting import converter_of, fold_word, joiner
from worker.mapping.fields import all_fields, field_named, kinds_of
from worker.mapping.model import ExportMapping, KindColumn, joined_columns

FORMS_WITH_KEYS = ("json", "jsonl")
"""Forms in which a row may leave a name out: a column that no row has is then no fault, unless it is needed."""

_NO_WORD = UnreadableCell(
    "unknown_kind",
    "the mapping gives no kind for the word that stands there",
    "Correct the word, or add it to values or skip in [kind].",
)


def map_export(mapping: ExportMapping, source: OpenExport) -> OpenExport:
    """Give the export under documented headings. Raises `FileRefused` where the file is not the one that the mapping is for.

    Its hash covers the file's and the mapping's: when either changes, the file is a new one.
    """
    outline = _Outline(mapping, source, _find_places(source))
    outline.refuse_missing()
    produced = {kind.kind: outline.produce(kind) for kind in kinds_of(mapping)}
    if mapping.kind is None:
        produced = {"": _merge(produced.values())}
    headings: dict[str, str] = {}
    for column in chain.from_iterable(produced.values()):
        headings.setdefault(column.heading, column.words)
    if isinstance(mapping.kind, KindColumn):
        headings["kind"] = mapping.kind.column
    _refuse_unmapped_needs(mapping, source, produced)
    names = tuple(headings)
    plans = {name: _plan_of(columns, names) for name, columns in produced.items()}
    return replace(
        source,
        sha256=sha256(f"{source.sha256} {mapping.digest}".encode()).hexdigest(),
        headings=names,
        own_headings=tuple(headings.values()),
        kind=mapping.kind if isinstance(mapping.kind, str) else None,
        original=source,
        rows=partial(_map_rows, source, _chooser(mapping, outline.places, plans, names)),
        notes=(*source.notes, *outline.notes()),
    )


def _merge(of_kinds: Iterable[Sequence["Produced"]]) -> list["Produced"]:
    """Give one set of columns where the mapping names no kind: of each the first that has a field in any kind."""
    merged: dict[str, Produced] = {}
    for column in chain.from_iterable(of_kinds):
        if column.words not in merged or (merged[column.words].field is None and column.field):
            merged[column.words] = column
    return list(merged.values())


class Produced(NamedTuple):
    """One column of the mapped export for rows of one kind. `source`: where its cell stands, what makes it, or a constant."""

    heading: str
    words: str
    field: str | None
    source: Any


class _RowPlan(NamedTuple):
    """How a row of one kind is put together."""

    template: list[Any]
    copied: tuple[tuple[int, int], ...]
    made: tuple[tuple[int, Callable[[Sequence[Any]], Any]], ...]

    def apply(self, cells: Sequence[Any]) -> list[Any]:
        mapped = self.template.copy()
        for target, place in self.copied:
            mapped[target] = cells[place]
        for target, make in self.made:
            mapped[target] = make(cells)
        return mapped


class _Constant(NamedTuple):
    """A value that does not depend on the row."""

    value: Any


def _plan_of(columns: Sequence[Produced], names: Sequence[str]) -> _RowPlan:
    template: list[Any] = [None] * len(names)
    copied, made = [], []
    for column in columns:
        target = names.index(column.heading)
        match column.source:
            case int(place):
                copied.append((target, place))
            case _Constant(value):
                template[target] = value
            case make:
                made.append((target, make))
    return _RowPlan(template, tuple(copied), tuple(made))


@dataclass(frozen=True, slots=True)
class _Outline:
    """A mapping laid over the headings of a file."""

    mapping: ExportMapping
    source: OpenExport
    places: Mapping[str, int]

    def refuse_missing(self) -> None:
        """Refuse a file that lacks a heading of the mapping; one that is left out may be missing."""
        unwanted = set(self.mapping.leave_out)
        missing = [name for name in self.mapping.headings() if name not in unwanted and fold(name) not in self.places]
        if self.source.form in FORMS_WITH_KEYS:
            missing = []
        if missing:
            plural = "s" if len(missing) > 1 else ""
            names = ", ".join(map(repr, missing[:10])) + (f" … and {len(missing) - 10} more" if missing[10:] else "")
            wrong = f"line {self.source.heading_line}: it lacks the heading{plural} {names} of the mapping"
            remedy = (
                "Export it as before, or correct the mapping: `vitec-sync mapping check` shows what else has changed"
            )
            raise FileRefused(self.source.name, wrong, remedy, code="missing_headings")

    def produce(self, kind: type[Kind]) -> list[Produced]:
        """Give the columns of rows of a kind."""
        return [*self._of_columns(kind), *self._of_joined(kind), *self._of_constants(kind), *self._of_rows(kind)]

    def _of_columns(self, kind: type[Kind]) -> Iterator[Produced]:
        targets = {fold(heading): target for heading, target in self.mapping.columns.items()}
        passed_over = {fold(heading) for heading in self.mapping.headings()} - targets.keys()
        for place, heading in enumerate(self.source.headings):
            target = targets.get(fold(heading), heading)
            if fold(heading) in passed_over or (isinstance(target, dict) and kind.kind not in target):
                continue
            name = target[kind.kind] if isinstance(target, dict) else target
            field = field_named(kind, name)
            documented = (field or _name_elsewhere(self.mapping, name)) if fold(heading) in targets else heading
            yield self._make(kind, documented, heading, field, place)

    def _make(self, kind: type[Kind], documented: str, heading: str, field: str | None, place: int) -> Produced:
        convert = field and converter_of(self.mapping, kind, field, self._as_mapped(heading))
        if not convert:
            return Produced(documented, heading, field, place)
        return Produced(documented, heading, field, lambda cells: convert(cells[place]))

    def _as_mapped(self, heading: str) -> str:
        """Give the heading as the mapping's [times] writes it."""
        columns = self.mapping.times.columns if self.mapping.times else {}
        return next((name for name in columns if fold(name) == fold(heading)), heading)

    def _of_joined(self, kind: type[Kind]) -> Iterator[Produced]:
        for name, part in self.mapping.joined.items():
            field = field_named(kind, name)
            places = [self.places[fold(heading)] for heading in joined_columns(part) if fold(heading) in self.places]
            if field and places:
                convert = converter_of(self.mapping, kind, field, name)
                separator = " " if isinstance(part, list) else part.separator
                words = " + ".join(self.source.headings[place] for place in places)
                yield Produced(field, words, field, joiner(places, separator, convert))

    def _of_constants(self, kind: type[Kind]) -> Iterator[Produced]:
        for name, value in self.mapping.constants.items():
            if field := field_named(kind, name):
                yield Produced(field, f"{name} (of the mapping)", field, _Constant(value))

    def _of_rows(self, kind: type[Kind]) -> Iterator[Produced]:
        after, withdrawn = self.mapping.after, self.mapping.withdrawn
        if after and (place := self.places.get(fold(after.column))) is not None:
            words = self.source.headings[place]
            yield Produced("after", words, "after", partial(_name_parent, place=place, kind=after.kind))
        if withdrawn and (place := self.places.get(fold(withdrawn.column))) is not None:
            marks = frozenset(map(fold_word, withdrawn.values))
            words = self.source.headings[place]
            yield Produced("withdrawn", words, "withdrawn", partial(_find_mark, place=place, marks=marks))
        if fields := [field for name in self.mapping.handed_on if (field := field_named(kind, name))]:
            yield Produced("handed_on", "handed_on (of the mapping)", "handed_on", _Constant("|".join(fields)))

    def notes(self) -> Iterator[str]:
        """Say what is left out."""
        unwanted = [name for name in self.mapping.leave_out if fold(name) in self.places]
        if unwanted:
            plural = "s were" if len(unwanted) > 1 else " was"
            yield f"{len(unwanted)} column{plural} left out, as the mapping says."
        if isinstance(self.mapping.kind, KindColumn) and self.mapping.kind.skip:
            yield "Rows of the kinds that the mapping skips were left out."


def _find_places(source: OpenExport) -> Mapping[str, int]:
    places: dict[str, int] = {}
    for place, heading in enumerate(source.headings):
        if places.setdefault(fold(heading), place) != place:
            wrong = (
                f"line {source.heading_line}: columns {places[fold(heading)] + 1} and {place + 1} have the same heading"
            )
            raise FileRefused(source.name, wrong, "Give each column a heading of its own", code="repeated_heading")
    return places


def _name_elsewhere(mapping: ExportMapping, name: str) -> str:
    """Give the field that another kind has by this name: a row that fills it will be refused."""
    return next((field for kind in kinds_of(mapping) if (field := field_named(kind, name))), name)


def _refuse_unmapped_needs(
    mapping: ExportMapping, source: OpenExport, produced: Mapping[str, Sequence[Produced]]
) -> None:
    """Refuse a mapping by which no row of a kind could be complete, instead of each row."""
    if mapping.kind is None:
        return
    lacking = {name: missing_fields(KIND_BY_NAME[name], columns) for name, columns in produced.items()}
    if any(lacking.values()):
        needs = "; ".join(f"{', '.join(fields)} for {name}" for name, fields in lacking.items() if fields)
        remedy = "Name their columns in [columns], or their values in [constants]"
        raise FileRefused(source.name, f"the mapping has no column for {needs}", remedy, code="missing_headings")


def missing_fields(kind: type[Kind], columns: Sequence[Produced]) -> list[str]:
    """Find the fields that a kind needs and no column gives."""
    given = {column.field for column in columns}
    needed = ("source_id", *kind.required)
    return [field for field in all_fields(kind) if field in needed and field not in given]


Chooser = Callable[[Sequence[Any]], list[Any] | None]
"""Turns the cells of a row into those of the mapped export; None: the row is left out."""


def _chooser(
    mapping: ExportMapping, places: Mapping[str, int], plans: Mapping[str, _RowPlan], names: Sequence[str]
) -> Chooser:
    if not isinstance(mapping.kind, KindColumn):
        return next(iter(plans.values())).apply
    kind_by_word = {fold_word(name): name for name in plans}
    kind_by_word |= {fold_word(word): name for word, name in mapping.kind.values.items()}
    skipped = frozenset(map(fold_word, mapping.kind.skip))
    place, kind_at = places.get(fold(mapping.kind.column)), names.index("kind")

    def choose(cells: Sequence[Any]) -> list[Any] | None:
        word = cells[place] if place is not None else None
        folded = fold_word(word) if isinstance(word, str) else ""
        if folded in skipped:
            return None
        name = kind_by_word.get(folded)
        mapped = plans[name or next(iter(plans))].apply(cells)
        mapped[kind_at] = name or (replace(_NO_WORD, raw=word) if folded else None)
        return mapped

    return choose


def _map_rows(source: OpenExport, choose: Chooser) -> Iterator[Row | BadRow]:
    for row in source.rows():
        if isinstance(row, BadRow):
            yield row
        elif (cells := choose(row.cells)) is not None:
            yield Row(row.line, cells)


def _name_parent(cells: Sequence[Any], *, place: int, kind: str) -> Any:
    raw = cells[place]
    text = str(raw).strip() if isinstance(raw, str | int) else ""
    return f"{kind}:{text}" if text else None if raw is None or isinstance(raw, str) else raw


def _find_mark(cells: Sequence[Any], *, place: int, marks: frozenset[str]) -> str | None:
    raw = cells[place]
    return "ja" if isinstance(raw, str) and fold_word(raw) in marks else None
