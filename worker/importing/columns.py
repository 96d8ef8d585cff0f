"""What the headings of a file mean: which kind its rows are, and which field each column is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from worker.feeds import Feed, FileRefused
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
    def fields(self) -> Mapping[str, tuple[str, ...]]:
        """For each kind that a row can have, the fields in the order of the columns.

        A column that the kind does not know keeps its own heading: the kind refuses a row that fills it.
        """
        return {kind.kind: _fields(kind, self.headings) for kind in ((self.kind,) if self.kind else KINDS)}

    @cached_property
    def source_id_at(self) -> int:
        """Where the row's own id stands."""
        return _position(self.headings, "source_id") or 0

    def heading_of(self, kind: type[Kind] | None, field: str) -> str:
        """The column of a field in the file's own words; the field's own name if the file has no such column."""
        names = self.fields[kind.kind] if kind else tuple(ROW_HEADINGS.get(fold(one), one) for one in self.headings)
        return self.headings[names.index(field)] if field in names else field


def resolve_columns(feed: Feed, kind: str | None) -> Columns:
    """Find out what the headings mean, or raise `FileRefused`. `kind`: what the caller says that all rows are."""
    given = _named(feed, kind) if kind else None
    kind_at = _position(feed.headings, "kind")
    _refuse_unknown(feed, KINDS if given is None else (given,), given)
    if given is None and kind_at is None:
        given = _inferred(feed)
    columns = Columns(feed.headings, given, kind_at)
    _refuse_missing(feed, columns)
    _refuse_doubled(feed, columns)
    return columns


def _fields(kind: type[Kind], headings: Iterable[str]) -> tuple[str, ...]:
    common, own = ROW_HEADINGS, kind.headings
    return tuple(common.get(folded) or own.get(folded) or heading for heading in headings for folded in [fold(heading)])


def _position(headings: Iterable[str], field: str) -> int | None:
    return next((at for at, heading in enumerate(headings) if ROW_HEADINGS.get(fold(heading)) == field), None)


def _named(feed: Feed, name: str) -> type[Kind]:
    found = KIND_BY_NAME.get(name)
    if found is None:
        raise FileRefused(feed.name, f"there is no kind {name!r}", f"The kinds are {_listed(k.kind for k in KINDS)}")
    return found


def _known(kinds: Iterable[type[Kind]]) -> dict[str, str]:
    return dict(ROW_HEADINGS) | {heading: field for kind in kinds for heading, field in kind.headings.items()}


def _covers(kind: type[Kind], headings: Iterable[str]) -> bool:
    """Whether a file of this kind could have these headings: it knows them all, and lacks none that it needs."""
    fields = _fields(kind, headings)
    return not _strangers(kind, headings) and {*_REQUIRED, *_required(kind)} <= {*fields}


def _strangers(kind: type[Kind], headings: Iterable[str]) -> list[str]:
    known = _known([kind])
    return [heading for heading in headings if fold(heading) not in known]


def _required(kind: type[Kind]) -> list[str]:
    return [name for name, field in kind.model_fields.items() if field.is_required()]


def _fitting(headings: Iterable[str]) -> list[type[Kind]]:
    headings = tuple(headings)
    return [kind for kind in KINDS if _covers(kind, headings)]


def _refuse_unknown(feed: Feed, kinds: Iterable[type[Kind]], given: type[Kind] | None) -> None:
    known = _known(kinds)
    unknown = [heading for heading in feed.headings if fold(heading) not in known]
    if not unknown:
        return
    fitting = _fitting(feed.headings)
    if given and fitting:
        raise FileRefused(feed.name, f"these headings are no {given.kind}'s", f"Use --kind {fitting[0].kind}")
    one = len(unknown) == 1
    heard = _listed(_with_suggestion(heading, known) for heading in unknown)
    wrong = f"line {feed.heading_line}: unknown heading{'' if one else 's'} {heard}"
    names = _listed(dict.fromkeys(known.values())) if given else "those of Vitec's help pages"
    raise FileRefused(feed.name, wrong, f"Rename {'it' if one else 'them'} in the export; known headings are {names}")


def _with_suggestion(heading: str, known: Mapping[str, str]) -> str:
    near = get_close_matches(fold(heading), known, n=1, cutoff=0.75)
    shown = printable(heading)
    return f"{shown!r} (perhaps {near[0]!r}?)" if near else repr(shown)


def printable(heading: str) -> str:
    """A heading as it can stand in a line: what cannot be printed is left out, and a long one is cut."""
    return "".join(character for character in heading if character.isprintable())[:60]


def _inferred(feed: Feed) -> type[Kind]:
    fitting = _fitting(feed.headings)
    if len(fitting) == 1:
        return fitting[0]
    near = [kind for kind in KINDS if not _strangers(kind, feed.headings)]
    remedy = f"Give --kind ({_listed(kind.kind for kind in fitting or near or KINDS)}), or add a column kind"
    if len(near) == 1 and not fitting:
        missing = _listed(
            name for name in (*_REQUIRED, *_required(near[0])) if name not in _fields(near[0], feed.headings)
        )
        raise FileRefused(feed.name, f"missing heading for {near[0].kind}: {missing}", "Add it to the export")
    raise FileRefused(feed.name, "it does not say which kind its rows are", remedy)


def _refuse_missing(feed: Feed, columns: Columns) -> None:
    needed = [*_REQUIRED, *(_required(columns.kind) if columns.kind else ())]
    fields = {field for names in columns.fields.values() for field in names}
    missing = [name for name in dict.fromkeys(needed) if name not in fields]
    if missing:
        many = "s" if len(missing) > 1 else ""
        wrong = f"line {feed.heading_line}: missing heading{many} {_listed(missing)}"
        raise FileRefused(feed.name, wrong, f"Add the column{many} to the export")


def _refuse_doubled(feed: Feed, columns: Columns) -> None:
    for names in columns.fields.values():
        for at, field in enumerate(names):
            if field in names[:at]:
                first, second = feed.headings[names.index(field)], feed.headings[at]
                wrong = f"line {feed.heading_line}: {printable(first)!r} and {printable(second)!r} are the same column"
                raise FileRefused(feed.name, wrong, "Keep one of the two")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
