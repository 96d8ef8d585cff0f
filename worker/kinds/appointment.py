"""An appointment: an entry in a user's calendar."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from worker.kind import Answer, Kind, Listed, OnDoubt, PathId, Problem, answers
from worker.kind.cells import DAY_LENGTH, Cell, day_begins, flag, listed, moment_or_day, number, one_of, path_id, text
from worker.kind.own_dates import end_of_use
from worker.outcome import Outcome

PATTERNS: Final = ("Daily", "Weekly", "Monthly", "Yearly")
DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_PATTERNS_IN_SWEDISH: Final = {
    "Daily": ("dagligen", "varje dag", "dag", "per dag"),
    "Weekly": ("veckovis", "varje vecka", "vecka", "per vecka"),
    "Monthly": ("månadsvis", "månatligen", "varje månad", "månad", "per månad"),
    "Yearly": ("årligen", "årsvis", "varje år", "år", "per år"),
}
_DAYS_IN_SWEDISH: Final = {
    "Sunday": ("söndag", "söndagar", "sön", "sö", "Sun"),
    "Monday": ("måndag", "måndagar", "mån", "må", "Mon"),
    "Tuesday": ("tisdag", "tisdagar", "tis", "ti", "Tue", "Tues"),
    "Wednesday": ("onsdag", "onsdagar", "ons", "on", "Wed"),
    "Thursday": ("torsdag", "torsdagar", "tors", "tor", "to", "Thu", "Thur", "Thurs"),
    "Friday": ("fredag", "fredagar", "fre", "fr", "Fri"),
    "Saturday": ("lördag", "lördagar", "lör", "lö", "Sat"),
}
_LONGEST: Final = timedelta(days=364)
"""An entry that lasts longer has most probably a slip in one of its years: no shorter one can have."""

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
    starts_at: Annotated[str, Cell(moment_or_day, "startsAt", "Startdatum och tid")]
    ends_at: Annotated[str, Cell(moment_or_day, "endsAt", "Slutdatum och tid")]
    all_day_event: Annotated[bool | None, Cell(flag, "allDayEvent", "Hela dagen")] = None
    note: Annotated[str | None, Cell(text, "note", "Anteckning")] = None
    recurrence: Annotated[bool | None, Cell(flag, "recurrence", "Återkommande")] = None
    recurrence_pattern: Annotated[
        Literal["Daily", "Weekly", "Monthly", "Yearly"] | None,
        Cell(one_of(*PATTERNS, also=_PATTERNS_IN_SWEDISH), "recurrencePattern", "Återkommande per år/månad/vecka/dag"),
    ] = None
    recurrence_day_of_weeks: Annotated[
        Listed | None, Cell(listed(one_of(*DAYS, also=_DAYS_IN_SWEDISH)), "recurrenceDayOfWeeks", "Dag/dagar i veckan")
    ] = None
    recurrence_interval: Annotated[int | None, Cell(number(1), "recurrenceInterval", "Interval", "Intervall")] = None
    recurrence_month: Annotated[int | None, Cell(number(1, 12), "recurrenceMonth", "Månaden")] = None
    recurrence_day: Annotated[int | None, Cell(number(1, 31), "recurrenceDay", "Dag i månaden")] = None

    def rules(self) -> Iterator[Problem]:
        """An end at the very start is meant: the vendor's own sample has one. One before it is not."""
        days = [name for name in ("starts_at", "ends_at") if len(getattr(self, name) or "") == DAY_LENGTH]
        for name in () if self.all_day_event else days:
            remedy = "Write a time of day too, or say that it lasts the whole day (allDayEvent)."
            yield Problem(name, "not_a_time", "it is a date without a time of day", remedy)
        times = [
            datetime.fromisoformat(day_begins(text) if len(text) == DAY_LENGTH else text)
            for text in (self.starts_at, self.ends_at)
            if text
        ]
        if times[1:] < times[:-1]:
            yield Problem("ends_at", "ends_before_start", "the end lies before the start", "Correct one of the two.")
        # Nearly all begin and end in the same month.
        elif times[1:] and self.starts_at[:7] != self.ends_at[:7] and times[1] - times[0] > _LONGEST:
            reason = f"the end lies more than {_LONGEST.days} days after the start"
            yield Problem("ends_at", "lasts_too_long", reason, "Correct the year of one of the two.")
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

    def body(self) -> dict[str, Any]:
        """Give the JSON body. A date of a whole day is sent as that day's first moment, the last day's too: no day is added.

        Vitec's own sample of a whole day begins and ends at the same moment.
        """
        body = super().body()
        for key in ("startsAt", "endsAt"):
            if len(body[key]) == DAY_LENGTH:
                body[key] = day_begins(body[key])
        return body

    def wanted_until(self) -> datetime | None:
        """An appointment is of no use once it has begun; one of whole days, once they are over. A series goes on."""
        if self.recurrence:
            return None
        return end_of_use(self.ends_at, is_day=True) if self.all_day_event else end_of_use(self.starts_at)

    @classmethod
    def read(cls, answer: Answer) -> Outcome:
        """The answer is the event's id, as a JSON string."""
        return answers.read_id(answer)


def _needed(field: str, reason: str) -> Problem:
    return Problem(field, "missing", reason, "Fill it in.")
