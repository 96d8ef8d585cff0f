"""A draft of a mapping for an export: everything that can be seen in it, and a question where something cannot."""

from collections.abc import Iterator
from dataclasses import dataclass

from worker.drafting import of_cells, writing
from worker.drafting.findings import Findings
from worker.drafting.kinds_of_rows import guess_kind
from worker.drafting.matching import POSSIBLE, SURE, ColumnMatch, likeness_of
from worker.drafting.profiles import SAMPLE, Profile, profile_columns
from worker.drafting.vocabulary import (
    PERSONAL_HEADINGS,
    folded,
    squeeze,
)
from worker.drafting.writing import DraftLine, DraftTable
from worker.feeds import FileRefused, OpenExport
from worker.kind import Kind
from worker.kinds import KIND_BY_NAME
from worker.mapping.fields import CellForm, form_of


@dataclass(frozen=True, slots=True)
class MappingDraft:
    """The text of a draft, and how many questions stand in it."""

    text: str
    questions: int


def draft_mapping(source: OpenExport, mapping_name: str = "M.toml", sample: int = SAMPLE) -> MappingDraft:
    """MappingDraft a mapping for an export that is open. Raises `FileRefused` where its first line holds no headings.

    `mapping_name`: the file's that it is to be kept in.
    No word of a cell is written into it, but those that every CRM uses: Möte, Avbokad, Ja.
    """
    profiles = profile_columns(source, sample)
    _refuse_headless(source)
    findings = Findings(profiles, guess_kind(profiles, source.name))
    tables = [
        _kind_table(findings),
        _column_table(findings),
        _joined_table(findings),
        _constant_table(findings),
        of_cells.time_table(findings),
        of_cells.flag_table(findings),
        *of_cells.word_tables(findings),
        of_cells.list_table(findings),
        *of_cells.parent_tables(findings),
        of_cells.mark_table(findings),
    ]
    unwanted = _leave_out(findings)
    lines = writing.write((mapping_name, source.name), unwanted, [table for table in tables if table.lines])
    text = "\n".join(lines) + "\n"
    return MappingDraft(text, sum(1 for line in lines if '"TODO' in line))


def _refuse_headless(source: OpenExport) -> None:
    """Refuse a file in which data stand in the place of headings: a draft would hold them."""
    heads = [Profile("", place) for place in range(len(source.headings))]
    for head, heading in zip(heads, source.headings, strict=True):
        head.add(source.heading_line, heading)
    is_data = [head.prefix or head.is_time or head.is_clock or head.looks_personal for head in heads]
    if any(is_data):
        where = f"line {source.heading_line}, column {next(place for place, yes in enumerate(is_data) if yes) + 1}"
        wrong = f"{where}: a value stands there and no heading"
        raise FileRefused(source.name, wrong, "Export it with a line of headings", code="no_headings")


def _kind_table(findings: Findings) -> DraftTable:
    guess = findings.guess
    name = guess.assignments[0].kind.kind
    if guess.column is None:
        if guess.rivals or not findings.is_kind_likely:
            likely = (name, *guess.rivals) if findings.is_kind_likely else KIND_BY_NAME
            return DraftTable("", [DraftLine("kind", f"TODO: the kind of all rows, {' or '.join(likely)}", "")])
        return DraftTable("", [DraftLine("kind", name, "by its headings")])
    findings.used.add(guess.column.place)
    lines = [
        DraftLine("column", guess.column.heading, "names the kind of each row"),
        DraftLine("values", dict(guess.words), "compared without regard to case"),
    ]
    if guess.unknown:
        plural = "s stand" if guess.unknown > 1 else " stands"
        question = f"{guess.unknown} other word{plural} in the column, first on line {guess.unknown_line}: write each here or above"
        lines.append(DraftLine("skip", [f"TODO: {question}"], "rows with these words are left out"))
    return DraftTable("kind", lines)


def _column_table(findings: Findings) -> DraftTable:
    lines = []
    for profile in findings.profiles:
        matches = list(findings.matches_at(profile.place))
        if not matches:
            continue
        findings.used.add(profile.place)
        names = {kind: match.field for kind, match in matches}
        score = min(match.score for _, match in matches)
        is_alike = len(set(names.values())) == 1 and len(names) == len(findings.assignments)
        target: str | dict[str, str] = next(iter(names.values())) if is_alike else names
        lines.append(DraftLine(profile.heading, target, _describe(findings, profile, matches[0][1], score)))
    return DraftTable("columns", [*lines, *_named_lines(findings)])


def _named_lines(findings: Findings) -> Iterator[DraftLine]:
    """MappingDraft the columns that have the heading of a needed id, and hold names instead: their words are asked for."""
    if not findings.is_kind_likely:
        return
    missing: dict[str, list[type[Kind]]] = {}
    for assignment in findings.assignments:
        for name in assignment.missing:
            missing.setdefault(name, []).append(assignment.kind)
    for name, kinds in missing.items():
        profile = next((profile for profile in findings.unused() if _may_name(kinds[0], name, profile)), None)
        if profile is not None:
            findings.used.add(profile.place)
            findings.named[name] = profile
            target = name if len(kinds) == len(findings.assignments) else {kind.kind: name for kind in kinds}
            yield DraftLine(profile.heading, target, f"holds no ids of Vitec's: see [words.{name}]")


def _may_name(kind: type[Kind], name: str, profile: Profile) -> bool:
    is_id = name != "source_id" and form_of(kind, name) is CellForm.ID
    return is_id and profile.filled > 0 and not profile.is_time and likeness_of(kind, name, profile.heading) >= POSSIBLE


def _describe(findings: Findings, profile: Profile, match: ColumnMatch, score: float) -> str:
    """Say why a column is taken for a field."""
    if match.field == "source_id":
        unique = "each value occurs once" if not profile.repeats and profile.filled else "CAUTION: values occur twice"
        return f"{'GUESSED: ' if score < SURE else ''}the row's own id in the CRM: {unique}"
    if match.field == "customer_id" and profile.prefix:
        return "the office's id at Vitec"
    kind = findings.assignments[0].kind
    vitec_name = kind.cell_of(match.field).name if match.field in kind.model_fields else ""
    by_prefix = f"ids that begin with {profile.prefix}" if profile.prefix else ""
    guessed = "GUESSED by the likeness of the heading: look at it" if score < SURE else ""
    empty = "" if profile.filled else "no row fills it"
    return "; ".join(part for part in (guessed, by_prefix, empty, vitec_name and f"Vitec's {vitec_name}") if part)


def _joined_table(findings: Findings) -> DraftTable:
    lines: dict[str, DraftLine] = {}
    for assignment in findings.assignments:
        for name, joined in assignment.joined.items():
            findings.used |= {joined.date.place, joined.clock.place}
            headings = [joined.date.heading, joined.clock.heading]
            lines.setdefault(name, DraftLine(name, headings, "a date and a time of day"))
    return DraftTable("joined", list(lines.values()))


def _constant_table(findings: Findings) -> DraftTable:
    missing: dict[str, list[str]] = {}
    for assignment in findings.assignments:
        wanted = assignment.missing if findings.is_kind_likely else ("source_id", "customer_id")
        for name in (name for name in wanted if name not in findings.named):
            missing.setdefault(name, []).append(assignment.kind.kind)
    lines = []
    for name, kinds in missing.items():
        question = _QUESTIONS.get(name, _NO_COLUMN)
        lines.append(DraftLine(name, f"TODO: {question}", f"needed for {', '.join(kinds)}"))
    return DraftTable("constants", lines)


_NO_COLUMN = "no column was found for it; name one under [columns], or write a value that holds for all rows"
_QUESTIONS = {
    "customer_id": "the office's id at Vitec, such as M30001, if all rows are one office's; else name its column under [columns]",
    "source_id": "every row needs an id of its own that stays: name its column under [columns], and take this line out",
}


def _leave_out(findings: Findings) -> list[tuple[str, str]]:
    """Give the headings that are not wanted, each with the reason."""
    personal = folded(PERSONAL_HEADINGS)
    reasons = []
    for profile in findings.unused():
        reason = "no field fits"
        if profile.looks_personal:
            reason = f"probably personal: {profile.looks_personal}"
        elif squeeze(profile.heading) in personal or any(squeeze(word) in personal for word in profile.heading.split()):
            reason = "probably personal, by its heading"
        elif not profile.filled:
            reason = "no row fills it"
        reasons.append((profile.heading, reason))
    return reasons
