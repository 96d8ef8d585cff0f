"""The sense of a mapping: names that there are, values that can be read, and nothing said twice or left open."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from typing import Any, Final

from models import State
from worker.kind import BadCell, Kind, fold
from worker.kinds import KIND_BY_NAME
from worker.mapping.converting import fold_word
from worker.mapping.fields import all_fields, field_named, is_kind, kinds_of
from worker.mapping.model import RESULT_COLUMNS, TODO, ExportMapping, KindColumn
from worker.mapping.times import BadForm, read_form, read_zone

Complaint = tuple[tuple[object, ...], str, str]
"""The way to a value, its fault, and the remedy."""

RESULT_STATES: Final = (*map(str, State), "rejected")
RESULT_PARTS: Final = ("operation", "rejected")


def find_questions(value: Any, key: tuple[object, ...] = ()) -> Iterator[Complaint]:
    """Find the questions that `mapping suggest` has left open."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from find_questions(inner, (*key, name))
    elif isinstance(value, list):
        for inner in value:
            yield from find_questions(inner, key)
    elif isinstance(value, str) and value.lstrip().startswith(TODO):
        question = value.strip().removeprefix(TODO).lstrip(": ").rstrip(".")[:300]
        yield key, f"it is still to be decided{f' ({question})' if question else ''}", "Write the answer in its place"


def find_complaints(mapping: ExportMapping) -> Iterator[Complaint]:
    """Find everything in a mapping that makes no sense; open questions are passed over."""
    yield from _check_kinds(mapping)
    if kinds := kinds_of(mapping):
        yield from _check_targets(mapping, kinds)
        yield from _check_values(mapping, kinds)
        yield from _check_parents(mapping, kinds)
    yield from _check_headings(mapping)
    yield from _check_times(mapping)
    yield from _check_results(mapping)


def _is_open(text: object) -> bool:
    return isinstance(text, str) and text.lstrip().startswith(TODO)


def _suggest(name: str, vocabulary: Iterable[str]) -> str:
    words = list(vocabulary)
    near = get_close_matches(name, words, n=1, cutoff=0.6)
    meant = f"Perhaps {near[0]}; there are" if near else "Write one of"
    return f"{meant} {', '.join(words[:40])}{' …' if len(words) > 40 else ''}"


def _check_kinds(mapping: ExportMapping) -> Iterator[Complaint]:
    for key, name in _names_of_kinds(mapping):
        if not is_kind(name) and not _is_open(name):
            yield key, "there is no such kind", _suggest(name, KIND_BY_NAME)
    if isinstance(mapping.kind, KindColumn):
        if not mapping.kind.values:
            yield ("kind", "values"), "it gives no word for any kind", 'Write, for instance, "Möte" = "appointment"'
        yield from _find_twice(("kind",), [*mapping.kind.values, *mapping.kind.skip], "word")
    for heading, target in mapping.columns.items():
        if isinstance(target, dict) and mapping.kind is None:
            wrong = "it differs by kind, and the mapping names no kind"
            yield ("columns", heading), wrong, "Say under [kind] which column gives the kind of a row"


def _names_of_kinds(mapping: ExportMapping) -> Iterator[tuple[tuple[object, ...], str]]:
    if isinstance(mapping.kind, str):
        yield ("kind",), mapping.kind
    elif mapping.kind is not None:
        yield from ((("kind", "values", word), name) for word, name in mapping.kind.values.items())
    for heading, target in mapping.columns.items():
        if isinstance(target, dict):
            yield from ((("columns", heading, name), name) for name in target)
    if mapping.after:
        yield ("after", "kind"), mapping.after.kind
    yield from ((("handed_on", field), name) for field, name in mapping.handed_on.items())
    if mapping.results:
        yield from ((("results", "kinds", name), name) for name in mapping.results.kinds)


def _targets(mapping: ExportMapping) -> Iterator[tuple[tuple[object, ...], str, str | None]]:
    """Give every name of a field: where it stands, the name, and the kind that it is for, if for one only."""
    for heading, target in mapping.columns.items():
        if isinstance(target, str):
            yield ("columns", heading), target, None
        else:
            yield from ((("columns", heading, kind), name, kind) for kind, name in target.items())
    for section in ("constants", "joined", "words", "handed_on"):
        yield from (((section, name), name, None) for name in getattr(mapping, section))


def _check_targets(mapping: ExportMapping, kinds: tuple[type[Kind], ...]) -> Iterator[Complaint]:
    for key, name, kind_name in _targets(mapping):
        wanted = [kind for kind in kinds if kind_name in {None, kind.kind}]
        if _is_open(name) or not wanted or any(field_named(kind, name) for kind in wanted):
            continue
        names = ", ".join(kind.kind for kind in wanted) if len(wanted) < 4 else "any kind"
        vocabulary = list(dict.fromkeys(field for kind in wanted for field in all_fields(kind)))
        yield key, f"it names no field of {names}", _suggest(name, vocabulary)
    for kind in kinds:
        yield from _check_given_once(mapping, kind)


def _check_given_once(mapping: ExportMapping, kind: type[Kind]) -> Iterator[Complaint]:
    given: dict[str, str] = {"after": "[after]"} if mapping.after else {}
    for key, name, kind_name in _targets(mapping):
        field = (
            field_named(kind, name) if kind_name in {None, kind.kind} and key[0] not in {"words", "handed_on"} else None
        )
        if field is None:
            continue
        if field in given:
            yield key, f"{field} of {kind.kind} is given already, by {given[field]}", "Keep one of the two"
        given[field] = f"{key[1]!r}" if key[0] == "columns" else f"[{key[0]}]"


def _check_values(mapping: ExportMapping, kinds: tuple[type[Kind], ...]) -> Iterator[Complaint]:
    """Try the constants and the words that stand for others with the readers of their fields."""
    values: list[tuple[tuple[object, ...], str, Any]]
    values = [(("constants", name), name, value) for name, value in mapping.constants.items()]
    values += [
        (("words", name, word), name, value) for name, words in mapping.words.items() for word, value in words.items()
    ]
    for key, name, value in values:
        problem = None if _is_open(value) else _try_value(name, value, kinds)
        if problem:
            yield key, problem.reason, problem.remedy.rstrip(".")


def _try_value(name: str, value: Any, kinds: tuple[type[Kind], ...]) -> BadCell | None:
    for kind in kinds:
        field = field_named(kind, name)
        if field in kind.model_fields:
            try:
                kind.cell_of(str(field)).read(value)
            except BadCell as bad:
                return bad
    return None


def _check_parents(mapping: ExportMapping, kinds: tuple[type[Kind], ...]) -> Iterator[Complaint]:
    for name, parent in mapping.handed_on.items():
        fields = [(kind, field) for kind in kinds if (field := field_named(kind, name))]
        takers = [kind.kind for kind, field in fields if parent in kind.parents_for(field)]
        if fields and is_kind(parent) and not takers:
            possible = {parent: None for kind, field in fields for parent in kind.parents_for(field)}
            remedy = (
                f"Write {' or '.join(possible)}" if possible else "Take the line out: no parent's result is its value"
            )
            yield ("handed_on", name), f"no {parent} hands it on", remedy
    names_after = any(field_named(kinds[0], name) == "after" for _, name, _ in _targets(mapping))
    if mapping.handed_on and not mapping.after and not names_after:
        yield ("handed_on",), "nothing says which row another comes after", "Add [after] with column and kind"


def _check_headings(mapping: ExportMapping) -> Iterator[Complaint]:
    folded = {fold(heading): heading for heading in mapping.columns}
    for heading in mapping.leave_out:
        if fold(heading) in folded:
            yield ("leave_out",), f"{heading!r} stands under [columns], too", "Take it out of one of the two"
    yield from _find_twice(("leave_out",), mapping.leave_out, "heading", fold)
    yield from _find_twice(("columns",), list(mapping.columns), "heading", fold)
    if mapping.flags:
        yield from _find_twice(("flags",), [*mapping.flags.yes, *mapping.flags.no], "word")
    for name, words in mapping.words.items():
        yield from _find_twice(("words", name), list(words), "word")
    if mapping.withdrawn:
        yield from _find_twice(("withdrawn", "values"), mapping.withdrawn.values, "word")


def _find_twice(
    key: tuple[object, ...], names: list[str], noun: str, form: Callable[[str], str] = fold_word
) -> Iterator[Complaint]:
    for folded, number in Counter(map(form, names)).items():
        if number > 1:
            yield key, f"the {noun} {folded!r} stands in it {number} times", "Keep one of them"


def _check_times(mapping: ExportMapping) -> Iterator[Complaint]:
    times = mapping.times
    if times is None:
        return
    forms: list[tuple[tuple[object, ...], str]] = [(("times", "forms"), form) for form in times.forms]
    forms += [(("times", "columns", heading), form) for heading, texts in times.columns.items() for form in texts]
    for key, form in forms:
        try:
            if not _is_open(form):
                read_form(form)
        except BadForm as bad:
            yield key, f"the form {form!r} cannot be used: {bad}", 'Write it like "%d.%m.%Y kl. %H:%M"'
    try:
        if not _is_open(times.zone):
            read_zone(times.zone)
    except BadForm as bad:
        yield ("times", "zone"), str(bad), 'Write "Europe/Stockholm", "UTC", or an offset such as "+01:00"'
    named = {fold(heading) for heading in mapping.columns} | {fold(name) for name in mapping.joined}
    for heading in times.columns:
        if fold(heading) not in named:
            yield (
                ("times", "columns", heading),
                "neither [columns] nor [joined] has it",
                "Write the heading as it stands there",
            )


def _check_results(mapping: ExportMapping) -> Iterator[Complaint]:
    results = mapping.results
    if results is None:
        return
    for section, vocabulary in (("columns", RESULT_COLUMNS), ("states", RESULT_STATES), ("parts", RESULT_PARTS)):
        for name in getattr(results, section):
            if name not in vocabulary:
                yield ("results", section, name), "results have no such name", _suggest(name, vocabulary)
    own = [results.columns.get(name, name) for name in RESULT_COLUMNS if name in results.columns or not results.only]
    for name, number in Counter(own).items():
        if number > 1:
            yield ("results", "columns"), f"two columns would be called {name!r}", "Give each a name of its own"
