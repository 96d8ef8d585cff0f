"""Which column is which field: by the likeness of its heading, and by what its cells could be."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cache
from typing import Final, NamedTuple

from worker.drafting.profiles import Profile
from worker.drafting.vocabulary import FIELD_WORDS, HEADINGS, folded, squeeze
from worker.kind import Kind, fold
from worker.mapping.fields import CellForm, field_named, form_of, words_of

SURE: Final = 0.75
"""From this score on a column is a field; below, the draft says that it is a guess."""
POSSIBLE: Final = 0.55

_PREFIX_OF: Final = {
    "customer_id": "M",
    "user_id": "HAN",
    "participant_user_id": "HAN",
    "recipients": "HAN",
    "contact_id": "ADR",
    "estate_id": "OBJ",
    "viewing_id": "VIS",
    "time_slot_id": "TID",
    "meeting_id": "CAL",
}
_CAMEL: Final = re.compile(r"(?<=[a-zåäö])(?=[A-ZÅÄÖ])|[^\w]+|_+")
_OWN_ID_ENDS: Final = ("nr", "id", "nummer", "number", "ref", "key", "nyckel", "kod")
_NEVER_DRAFTED: Final = frozenset({"kind", "after", "handed_on", "withdrawn"})


class ColumnMatch(NamedTuple):
    """A column that may be a field."""

    score: float
    field: str
    profile: Profile


class JoinedTime(NamedTuple):
    """A column of dates and one of times of day that make one field."""

    date: Profile
    clock: Profile


@dataclass(slots=True)
class Assignment:
    """The columns of a file as the fields of one kind."""

    kind: type[Kind]
    matches: dict[str, ColumnMatch] = field(default_factory=dict)
    """Field → its column."""
    joined: dict[str, JoinedTime] = field(default_factory=dict)

    @property
    def missing(self) -> list[str]:
        """The needed fields that no column is."""
        needed = ("source_id", *self.kind.required)
        return [name for name in needed if name not in self.matches and name not in self.joined]

    @property
    def score(self) -> float:
        """How well the file fits the kind; an office's id and a row's own id are missing in files of every kind."""
        own = {name: match for name, match in self.matches.items() if name not in {"source_id", "customer_id"}}
        weights = sum(match.score * (2 if name in self.kind.required else 1) for name, match in own.items())
        missing = sum(1 for name in self.missing if name not in {"source_id", "customer_id"})
        return weights + 2 * len(self.joined) - 2.5 * missing


def assign(kind: type[Kind], profiles: Sequence[Profile]) -> Assignment:
    """Give each column the field that it fits best, the best fitting pair first."""
    assignment = Assignment(kind)
    used: set[int] = set()
    _join_times(assignment, profiles, used)
    for match in sorted(_all_matches(kind, profiles), key=lambda match: (-match.score, match.profile.place)):
        if match.profile.place not in used and match.field not in {*assignment.matches, *assignment.joined}:
            assignment.matches[match.field] = match
            used.add(match.profile.place)
    if "source_id" not in assignment.matches and (column := _guess_own_id(profiles, used)):
        assignment.matches["source_id"] = ColumnMatch(POSSIBLE, "source_id", column)
    return assignment


def _guess_own_id(profiles: Sequence[Profile], used: Collection[int]) -> Profile | None:
    """Find the first column left over that could be the row's own id: filled in every row, no value twice, named a number or id."""
    full = max((profile.filled for profile in profiles), default=0)
    for profile in profiles:
        is_free = profile.place not in used and not (profile.prefix or profile.looks_personal or profile.is_time)
        is_unique = profile.filled == full > 0 and not profile.repeats and profile.share("path_id") > 0.9
        if is_free and is_unique and squeeze(profile.heading).endswith(_OWN_ID_ENDS):
            return profile
    return None


def _all_matches(kind: type[Kind], profiles: Iterable[Profile]) -> Iterator[ColumnMatch]:
    names = dict.fromkeys(("source_id", *kind.model_fields, "expires_at", "send_after"))
    for profile in profiles:
        for name in names:
            if name not in _NEVER_DRAFTED and (score := rate(kind, name, profile)) >= POSSIBLE:
                yield ColumnMatch(score, name, profile)


def rate(kind: type[Kind], name: str, profile: Profile) -> float:
    """Rate how well a column is a field, from 0 to 1.5."""
    likeness = likeness_of(kind, name, profile.heading)
    wanted = _PREFIX_OF.get(name)
    if wanted and profile.prefix:
        return max(likeness, 0.4) + 0.4 if profile.prefix == wanted else 0.0
    if profile.share("number") == 1 and likeness < 0.85 and form_of(kind, name) is CellForm.TIME:
        # Digits alone may be anything.
        return 0.0
    if likeness < POSSIBLE or not profile.filled:
        return likeness * 0.85
    return likeness * _fit_cells(kind, name, profile)


def _fit_cells(kind: type[Kind], name: str, profile: Profile) -> float:
    """Say how well cells fit a field: 1 where they do, 0 where they cannot."""
    form = form_of(kind, name)
    if profile.counts["object"]:
        return 0.0
    if name == "source_id":
        return 0.5 if profile.repeats or profile.is_time or profile.share("sentence") > 0.2 else 1.1
    match form:
        case CellForm.TIME:
            return 1.0 if profile.is_time else 0.0
        case CellForm.FLAG:
            return 1.1 if profile.share("flag") == 1 else 0.3
        case CellForm.NUMBER:
            return 1.0 if profile.share("number") == 1 else 0.3
        case CellForm.LIST | CellForm.WORD:
            return _fit_words(kind, name, profile)
        case CellForm.ID:
            # The name of an office or a person is a word of letters; an id of Vitec's has digits.
            is_id = profile.share("path_id") > 0.9 and profile.share("letters") < 0.5 and not profile.is_time
            return 1.0 if is_id else 0.4
        case CellForm.TOKEN:
            return 1.0 if profile.share("sentence") == 0 else 0.4
        case _:
            return 0.2 if profile.is_time or profile.is_clock or profile.prefix or profile.looks_personal else 1.0


def _fit_words(kind: type[Kind], name: str, profile: Profile) -> float:
    if name == "recipients":
        lists = profile.share("list") + profile.share("path_id") + sum(profile.signs.values()) / max(profile.filled, 1)
        return 1.0 if lists > 0.9 else 0.3
    vocabulary = {word.casefold() for word in words_of(kind, name)} | FIELD_WORDS.get(name, {}).keys()
    words = profile.words or {}
    return 1.0 if words and sum(word in vocabulary for word in words) * 2 >= len(words) else 0.2


@cache
def likeness_of(kind: type[Kind], name: str, heading: str) -> float:
    """Rate the likeness of a heading to a field, from 0 to 1."""
    certain = {**kind.headings}.get(fold(heading))
    if certain == name or (name not in kind.model_fields and field_named(kind, heading) == name):
        return 1.0
    if certain is None and field_named(kind, heading) == name:
        return 0.95
    documented = kind.naming.documented.get(name, ())
    synonyms = folded((name, *documented, *HEADINGS.get(name, ())))
    squeezed = squeeze(heading)
    if squeezed in synonyms:
        return 0.93 - min(synonyms[squeezed], 40) * 0.003
    if _contains(heading, (*documented, *HEADINGS.get(name, ()))):
        return 0.7
    near = max(
        (SequenceMatcher(None, squeezed, synonym).ratio() for synonym in synonyms if len(synonym) > 4), default=0
    )
    return 0.65 if near > 0.86 and len(squeezed) > 4 else 0.0


def _contains(heading: str, synonyms: Iterable[str]) -> bool:
    """Whether a heading has all words of a synonym, among others: `Startdatum (lokal tid)`, `Mötets rubrik`."""
    words = {squeeze(word) for word in _CAMEL.split(heading) if word}
    for synonym in synonyms:
        wanted = {squeeze(word) for word in synonym.split()}
        if len(squeeze(synonym)) > 3 and wanted < words:
            return True
    return False


def _join_times(assignment: Assignment, profiles: Sequence[Profile], used: set[int]) -> None:
    """Join dates and times of day that stand in columns of their own."""
    clocks = [profile for profile in profiles if profile.is_clock]
    dates = [profile for profile in profiles if profile.is_time and profile.dates.are_dates_only]
    if not clocks or not dates:
        return
    kind = assignment.kind
    for name in kind.model_fields:
        if form_of(kind, name) is not CellForm.TIME:
            continue
        clock = _likeliest(kind, name, [profile for profile in clocks if profile.place not in used])
        if clock is None:
            continue
        date = _likeliest(kind, name, dates) or (dates[0] if len({profile.place for profile in dates}) == 1 else None)
        if name == "ends_at" and "starts_at" in assignment.joined and (date is None or date.place in used):
            date = assignment.joined["starts_at"].date
        if date is not None:
            assignment.joined[name] = JoinedTime(date, clock)
            used |= {date.place, clock.place}


def _likeliest(kind: type[Kind], name: str, profiles: Sequence[Profile]) -> Profile | None:
    rated = [(likeness_of(kind, name, profile.heading), -profile.place, profile) for profile in profiles]
    best = max(rated, key=lambda entry: entry[:2], default=None)
    return best[2] if best and best[0] >= POSSIBLE else None
