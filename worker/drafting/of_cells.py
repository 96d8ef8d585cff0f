"""The tables of a draft that follow from cells: times, flags, words, lists, rows before and rows taken back."""

from collections.abc import Iterable, Iterator

from worker.drafting.findings import Findings
from worker.drafting.guessing_times import FormGroups, example_of, settle_groups
from worker.drafting.vocabulary import (
    AFTER_HEADINGS,
    FIELD_WORDS,
    FLAGS_OF_READERS,
    MARK_HEADINGS,
    MARK_WORDS,
    NO_WORDS,
    YES_WORDS,
    folded,
    squeeze,
)
from worker.drafting.writing import DraftLine, DraftTable
from worker.mapping.fields import CellForm, words_of


def _time_groups(findings: Findings) -> list[FormGroups]:
    """Give the forms of all columns of times, those of joined ones put together."""
    groups = [profile.dates for _, profile in findings.fields_of_form(CellForm.TIME) if profile.is_time]
    for assignment in findings.assignments:
        for joined in assignment.joined.values():
            together = FormGroups()
            together.groups = [
                frozenset(f"{'%Y-%m-%d' if date == 'iso' else date} {clock}" for date in dates for clock in clocks)
                for dates in joined.date.dates.groups
                for clocks in joined.clock.clocks.groups
            ]
            groups.append(together)
    return groups


def time_table(findings: Findings) -> DraftTable:
    proven, open_groups = settle_groups(_time_groups(findings))
    if not open_groups and set(proven) <= {"iso"}:
        zone = _zone_of(findings)
        return DraftTable("times", [DraftLine("zone", zone, "as a heading says")] if zone != "Europe/Stockholm" else [])
    questions = [f"TODO: {_ask(group)}" for group in open_groups]
    examples = ", ".join(example_of(form) for form in proven)
    lines = [
        DraftLine("forms", [*proven, *questions], f"as in {examples}" if examples else ""),
        DraftLine("zone", _zone_of(findings), "the clock that times without an offset are read by"),
    ]
    return DraftTable("times", lines)


def _ask(group: Iterable[str]) -> str:
    forms = sorted(group)
    # Times of day with and without seconds never fit the same cell; the forms differ by the order of day and month.
    return "no value proves which it is; write " + " or ".join(f"{form} (as in {example_of(form)})" for form in forms)


def _zone_of(findings: Findings) -> str:
    headings = [profile.heading for _, profile in findings.fields_of_form(CellForm.TIME)]
    is_utc = any("utc" in squeeze(heading) or "gmt" in squeeze(heading) for heading in headings)
    return "UTC" if is_utc else "Europe/Stockholm"


def flag_table(findings: Findings) -> DraftTable:
    words: dict[str, int] = {}
    for _, profile in findings.fields_of_form(CellForm.FLAG):
        words |= profile.words or {}
    own = words.keys() - FLAGS_OF_READERS
    lines = []
    for name, vocabulary in (("yes", YES_WORDS), ("no", NO_WORDS)):
        if used := [word for word in vocabulary if word in own]:
            lines.append(DraftLine(name, used, ""))
    unknown = [line for word, line in words.items() if word in own and word not in {*YES_WORDS, *NO_WORDS}]
    if unknown:
        question = f"{len(unknown)} other words stand in columns of yes or no, first on line {min(unknown)}: write each here or under no"
        lines = [line for line in lines if line.key != "yes"]
        yes_words = [word for word in YES_WORDS if word in own]
        lines.insert(0, DraftLine("yes", [*yes_words, f"TODO: {question}"], ""))
    return DraftTable("flags", lines)


def word_tables(findings: Findings) -> Iterator[DraftTable]:
    for assignment in findings.assignments:
        for name, match in assignment.matches.items():
            meanings = FIELD_WORDS.get(name)
            if meanings is None:
                continue
            documented = {word.casefold() for word in words_of(assignment.kind, name)}
            words = [word for word in match.profile.words or {} if word not in documented]
            lines = [
                DraftLine(word, meanings[word], "")
                for word in words
                if word in meanings and meanings[word].casefold() != word
            ]
            if lines:
                yield DraftTable(f"words.{name}", lines)
    for name, profile in findings.named.items():
        question = f"write a line such as this for each word of the column '{profile.heading}': its word = Vitec's id"
        yield DraftTable(f"words.{name}", [DraftLine("a word", f"TODO: {question}", "")])


def list_table(findings: Findings) -> DraftTable:
    signs = [
        profile.signs.most_common(1)[0][0] for _, profile in findings.fields_of_form(CellForm.LIST) if profile.signs
    ]
    separators = [sign for sign in dict.fromkeys(signs) if sign != "|"]
    return DraftTable(
        "lists", [DraftLine("separator", separators[0], "stands between ids in a cell")] if separators else []
    )


def parent_tables(findings: Findings) -> Iterator[DraftTable]:
    """Draft the row that another comes after, by a column that says so."""
    kinds = [assignment.kind for assignment in findings.assignments]
    takers = [kind for kind in kinds if kind.handed_on or kind.handed_on_if_asked]
    column = next((p for p in findings.unused() if squeeze(p.heading) in folded(AFTER_HEADINGS)), None)
    if not takers or column is None:
        return
    findings.used.add(column.place)
    name = next(iter((*takers[0].handed_on, *takers[0].handed_on_if_asked)))
    parent = takers[0].parents_for(name)[0]
    yield DraftTable(
        "after",
        [
            DraftLine("column", column.heading, "the id of the row that a row comes after"),
            DraftLine("kind", parent, ""),
        ],
    )
    if name in takers[0].handed_on_if_asked:
        yield DraftTable(
            "handed_on", [DraftLine(name, parent, f"its id at Vitec becomes the {takers[0].kind}'s {name}")]
        )


def mark_table(findings: Findings) -> DraftTable:
    for profile in findings.unused():
        marks = [word for word in profile.words or {} if word in MARK_WORDS]
        if marks and squeeze(profile.heading) in folded(MARK_HEADINGS):
            findings.used.add(profile.place)
            lines = [
                DraftLine("column", profile.heading, "says that a row is withdrawn"),
                DraftLine("values", marks, ""),
            ]
            return DraftTable("withdrawn", lines)
    return DraftTable("withdrawn", [])
