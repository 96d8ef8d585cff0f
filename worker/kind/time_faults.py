"""The reasons why a cell is no time, each with the form to write."""

import re
from datetime import datetime, timedelta
from typing import Final

from worker.kind.problems import BadCell

YEARS: Final = range(2002, 2100)
"""Outside lie the times that programs write where they have none (1 January of 1, 1753, 1900, 1904, 1970, 2000 and 2001; 9999), and slips."""

_WRITE: Final = "Write it as 2026-12-02 09:15 or 2026-12-02T09:15:30+01:00."
_FAULTS: Final = tuple(
    (re.compile(pattern, re.ASCII | re.IGNORECASE), reason, remedy)
    for pattern, reason, remedy in (
        (r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}T?", "it is a date without a time of day", _WRITE),
        (
            r"\d{1,2}[-/. ]\d{1,2}[-/. ]\d{2,4}\b.*",
            "the day or the month may stand first in such a date",
            f"{_WRITE} The year comes first, or a mapping says how dates are written.",
        ),
        (r"\d{8}(?:[T ]?\d{4,6}.*)?", "it is a date without the signs between its parts", _WRITE),
        (r"\d{1,2}[:.]\d\d(?:[:.]\d\d)?", "it is a time of day without a date", _WRITE),
        (
            r"\d{1,6}(?:[.,]\d*)?",
            "it is the number that a spreadsheet keeps for a date, or no date",
            f"Format the column as a date with its time. {_WRITE}",
        ),
        (r"\d{9,}(?:[.,]\d*)?", "it is a number of seconds, or no date", _WRITE),
        (r"\d{4}\D.*\d\s*[ap]\.?m\.?", "it has a clock of twelve hours", "Write the hours from 0 to 23."),
        (
            r"\d{4}\D.*:\d\d.*[a-z]{2}.*",
            "its time zone stands in letters",
            "Write the offset, as in 2026-12-02T09:15+01:00, or leave the zone out: without one it is Stockholm's time.",
        ),
    )
)


def why_no_time(content: str) -> BadCell:
    """Say what form a cell has, and which one to write."""
    for pattern, reason, remedy in _FAULTS:
        if pattern.fullmatch(content):
            return BadCell("not_a_time", reason, remedy)
    return BadCell("not_a_time", "it is not a date with a time of day", _WRITE)


def no_such_time() -> BadCell:
    """Say that no calendar or clock shows this."""
    return BadCell("not_a_time", "there is no such date or time of day", _WRITE)


def implausible_year() -> BadCell:
    """Say that the year cannot be meant."""
    reason = f"the year does not lie between {YEARS.start} and {YEARS.stop - 1}"
    return BadCell("out_of_range", reason, "Correct the year, or leave the cell empty where no time is meant.")


def skipped_or_repeated(time: datetime) -> BadCell:
    """Say which of the two: in an hour that the clocks skip or repeat, a time without an offset has two readings."""
    before, after = (time.replace(fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    # Where clocks are put forward the earlier reading has the smaller offset, where they are put back the larger one.
    if before < after:
        reason = "Stockholm's clocks skip this time when summer time begins"
        return BadCell(
            "no_such_time", reason, "Choose another time, or write the offset, as in 2027-03-28T02:30+01:00."
        )
    reason = "this time occurs twice in Stockholm when summer time ends"
    return BadCell("ambiguous_time", reason, "Write the offset, as in 2027-10-31T02:30+01:00.")
