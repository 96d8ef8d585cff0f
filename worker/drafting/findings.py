"""All that was found out about a file, while a draft is made of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from worker.drafting.kinds_of_rows import KindGuess
from worker.drafting.matching import Assignment, ColumnMatch
from worker.drafting.profiles import Profile
from worker.mapping.fields import CellForm, form_of


@dataclass(slots=True)
class Findings:
    """All that was found out about a file."""

    profiles: Sequence[Profile]
    guess: KindGuess
    used: set[int] = field(default_factory=set)
    named: dict[str, Profile] = field(default_factory=dict)
    """Needed id → the column that holds names in its place."""

    @property
    def assignments(self) -> Sequence[Assignment]:
        """The columns as the fields of each kind."""
        return self.guess.assignments

    @property
    def is_kind_likely(self) -> bool:
        """Whether the headings speak for the kind at all."""
        return self.guess.column is not None or self.assignments[0].score > 0

    def matches_at(self, place: int) -> Iterator[tuple[str, ColumnMatch]]:
        """Give the kinds with the fields that a column is."""
        for assignment in self.assignments:
            for match in assignment.matches.values():
                if match.profile.place == place:
                    yield assignment.kind.kind, match

    def fields_of_form(self, form: CellForm) -> Iterator[tuple[str, Profile]]:
        """Give the fields that hold a form, with their columns."""
        for assignment in self.assignments:
            for match in assignment.matches.values():
                if form_of(assignment.kind, match.field) is form:
                    yield match.field, match.profile

    def unused(self) -> Iterator[Profile]:
        """Give the columns that have no part in the draft yet."""
        yield from (profile for profile in self.profiles if profile.place not in self.used)
