"""An appointment: an entry in a user's calendar."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Final, Literal

from worker.kind import Answer, Kind, Listed, OnDoubt, PathId, Problem, answers
from worker.kind.cells import Cell, flag, listed, moment, number, one_of, path_id, text
from worker.outcome import Outcome

PATTERNS: Final = ("Daily", "Weekly", "Monthly", "Yearly")
DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_LENGTHS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DETAILS: Final = ("recurrence_pattern", "recurrence_day_of_weeks", "recurrence_month", "recurrence_day")
"""The fields of a recurring appointment only. The interval is not among them: a calendar writes 1 into every row."""


class Appointment(Kind):
    """Vitec cannot be asked whether an appointment is there, so one in doubt waits for a person."""

    kind = "appointment"
    path = "Appointment/{customer_id}/{user_id}"
    on_doubt = OnDoubt.HOLD
    function_group = "crm-contact"

    user_id: Annotated[PathId, Cell(path_id, "id", "Id på användaren")]
    subject: Annotated[str, Cell(text, "subject", "Ämne")]
    location: Annotated[str | None, Cell(text, "location", "Plats")] = None
    starts_at: Annotated[str, Cell(moment, "startsAt", "Startdatum och tid")]
    ends_at: Annotated[str, Cell(moment, "endsAt", "Slutdatum och tid")]
    all_day_event: Annotated[bool | None, Cell(flag, "allDayEvent", "Hela dagen")] = None
    note: Annotated[str | None, Cell(text, "note", "Anteckning")] = None
    recurrence: Annotated[bool | None, Cell(flag, "recurrence", "Återkommande")] = None
    recurrence_pattern: Annotated[
        Literal["Daily", "Weekly", "Monthly", "Yearly"] | None,
        Cell(one_of(*PATTERNS), "recurrencePattern", "Återkommande per år/månad/vecka/dag"),
    ] = None
    recurrence_day_of_weeks: Annotated[
        Listed | None, Cell(listed(one_of(*DAYS)), "recurrenceDayOfWeeks", "Dag/dagar i veckan")
    ] = None
    recurrence_interval: Annotated[int | None, Cell(number(1), "recurrenceInterval", "Interval", "Intervall")] = None
    recurrence_month: Annotated[int | None, Cell(number(1, 12), "recurrenceMonth", "Månaden")] = None
    recurrence_day: Annotated[int | None, Cell(number(1, 31), "recurrenceDay", "Dag i månaden")] = None

    def rules(self) -> Iterator[Problem]:
        """An end at the very start is meant: the vendor's own sample has one. One before it is not."""
        starts_at, ends_at = self.starts_at, self.ends_at
        if starts_at and ends_at and datetime.fromisoformat(ends_at) < datetime.fromisoformat(starts_at):
            yield Problem("ends_at", "ends_before_start", "the end lies before the start", "Correct one of the two.")
        if self.recurrence:
            yield from self._missing_details()
        for name in () if self.recurrence else _DETAILS:
            if getattr(self, name) is not None:
                remedy = "Say that the appointment recurs, or empty this cell."
                yield Problem(name, "not_recurring", "it is given, but the appointment does not recur", remedy)

    def _missing_details(self) -> Iterator[Problem]:
        pattern, month, day = self.recurrence_pattern, self.recurrence_month, self.recurrence_day
        if pattern is None:
            yield _needed("recurrence_pattern", "a recurring appointment needs its pattern")
        if pattern == "Weekly" and self.recurrence_day_of_weeks is None:
            yield _needed("recurrence_day_of_weeks", "a weekly appointment needs its days")
        if pattern in {"Monthly", "Yearly"} and day is None:
            yield _needed("recurrence_day", "a monthly or yearly appointment needs its day of the month")
        if pattern == "Yearly" and month is None:
            yield _needed("recurrence_month", "a yearly appointment needs its month")
        if pattern == "Yearly" and month and day and day > _LENGTHS[month - 1]:
            yield Problem(
                "recurrence_day", "out_of_range", "the month has no such day", "Correct the day or the month."
            )

    @classmethod
    def read(cls, answer: Answer) -> Outcome:
        """The answer is the event's id, as a JSON string."""
        return answers.read_id(answer)


def _needed(field: str, reason: str) -> Problem:
    return Problem(field, "missing", reason, "Fill it in.")
