"""The kind of a file's rows: the words of a column say it, or the headings that fit one kind best."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from worker.drafting.matching import Assignment, assign
from worker.drafting.profiles import Profile
from worker.drafting.vocabulary import KIND_HEADINGS, KIND_WORDS, folded, squeeze
from worker.kinds import KIND_BY_NAME, KINDS

_MARGIN: Final = 0.97
"""A kind that fits nearly as well as the best one makes it a question."""


@dataclass(frozen=True, slots=True)
class KindGuess:
    """The kinds that rows may have, the best first. `column`: names the kind of each row, by `words`.

    `unknown`: how many other words stand in it, and the line of the first. `rivals`: kinds that fit as well as the only one.
    """

    assignments: tuple[Assignment, ...]
    column: Profile | None = None
    words: tuple[tuple[str, str], ...] = ()
    unknown: int = 0
    unknown_line: int = 0
    rivals: tuple[str, ...] = ()


def guess_kind(profiles: Sequence[Profile], hint: str = "") -> KindGuess:
    """Find the kind or kinds. `hint`: a text that may name it, such as the file's name."""
    for profile in profiles:
        words = _known_words(profile)
        names = dict.fromkeys(words.values())
        if len(names) > 1 and squeeze(profile.heading) in folded((*KIND_HEADINGS, "kind")):
            columns = [column for column in profiles if column is not profile]
            unknown = {word: line for word, line in (profile.words or {}).items() if word not in words}
            assignments = tuple(assign(KIND_BY_NAME[name], columns) for name in names)
            first_line = min(unknown.values(), default=0)
            return KindGuess(assignments, profile, tuple(words.items()), len(unknown), first_line)
    return _by_headings(profiles, hint)


def _known_words(profile: Profile) -> dict[str, str]:
    words = profile.words or {}
    return {word: KIND_WORDS.get(word, word) for word in words if word in KIND_WORDS or word in KIND_BY_NAME}


def _by_headings(profiles: Sequence[Profile], hint: str) -> KindGuess:
    hinted = {name for word, name in KIND_WORDS.items() if len(word) > 3 and squeeze(word) in squeeze(hint)}
    rated = []
    for place, kind in enumerate(KINDS):
        assignment = assign(kind, profiles)
        bonus = 0.5 if kind.kind in hinted else 0.0
        # Of two kinds with the same fields, the file's name may tell.
        rated.append((assignment.score + bonus, -place, assignment))
    rated.sort(key=lambda entry: entry[:2], reverse=True)
    best, second = rated[0], rated[1]
    is_close = second[0] > 0 and second[0] >= best[0] * _MARGIN
    rivals = tuple(entry[2].kind.kind for entry in rated[1:] if is_close and entry[0] >= best[0] * _MARGIN)
    return KindGuess((best[2],), rivals=rivals)
