"""The forms of a column's times, by its values: all that fit every cell, so that a doubt stays one."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from worker.mapping.times import TimeForm, read_form

_DATES: Final = (
    ("%Y-%m-%d", r"\d{4}-\d{1,2}-\d{1,2}"),
    ("%Y/%m/%d", r"\d{4}/\d{1,2}/\d{1,2}"),
    ("%Y.%m.%d", r"\d{4}\.\d{1,2}\.\d{1,2}"),
    ("%Y%m%d", r"(?:19|20)\d{6}"),
    ("%d.%m.%Y", r"\d{1,2}\.\d{1,2}\.\d{4}"),
    ("%d/%m/%Y", r"\d{1,2}/\d{1,2}/\d{4}"),
    ("%m/%d/%Y", r"\d{1,2}/\d{1,2}/\d{4}"),
    ("%d-%m-%Y", r"\d{1,2}-\d{1,2}-\d{4}"),
    ("%m-%d-%Y", r"\d{1,2}-\d{1,2}-\d{4}"),
    ("%d/%m-%Y", r"\d{1,2}/\d{1,2}-\d{4}"),
    ("%d/%m -%y", r"\d{1,2}/\d{1,2} -\d\d"),
    ("%d/%m-%y", r"\d{1,2}/\d{1,2}-\d\d"),
    ("%d.%m.%y", r"\d{1,2}\.\d{1,2}\.\d\d"),
    ("%d/%m/%y", r"\d{1,2}/\d{1,2}/\d\d"),
    ("%m/%d/%y", r"\d{1,2}/\d{1,2}/\d\d"),
    ("%y-%m-%d", r"\d\d-\d{1,2}-\d{1,2}"),
    ("%d-%m-%y", r"\d{1,2}-\d{1,2}-\d\d"),
    ("%m-%d-%y", r"\d{1,2}-\d{1,2}-\d\d"),
    ("%y%m%d", r"\d{6}"),
    ("%d%m%y", r"\d{6}"),
    ("%d %B %Y", r"\d{1,2} [^\W\d_]{3,9}\.? \d{4}"),
    ("%d %B %y", r"\d{1,2} [^\W\d_]{3,9}\.? \d\d"),
    ("%d-%B-%Y", r"\d{1,2}-[^\W\d_]{3,9}\.?-\d{4}"),
    ("den %d %B %Y", r"den \d{1,2} [^\W\d_]{3,9}\.? \d{4}"),
    ("%B %d, %Y", r"[^\W\d_]{3,9}\.? \d{1,2}, \d{4}"),
    ("%B %d %Y", r"[^\W\d_]{3,9}\.? \d{1,2} \d{4}"),
)
_CLOCKS: Final = (
    ("%H:%M:%S.%f", r"\d{1,2}:\d\d:\d\d\.\d{1,9}"),
    ("%H:%M:%S", r"\d{1,2}:\d\d:\d\d"),
    ("%H:%M", r"\d{1,2}:\d\d"),
    ("%H.%M.%S", r"\d{1,2}\.\d\d\.\d\d"),
    ("%H.%M", r"\d{1,2}\.\d\d"),
    ("%H%M", r"\d{4}"),
    ("%I:%M %p", r"\d{1,2}:\d\d [AaPp]\.?[Mm]\.?"),
    ("%I:%M:%S %p", r"\d{1,2}:\d\d:\d\d [AaPp]\.?[Mm]\.?"),
)
_BETWEEN: Final = (" kl. ", " kl ", " klockan ", ", kl. ", ", kl ", ", ", " at ", " - ", "T", " ")
_CLOCK_BEGINS: Final = ("kl. ", "kl ", "")
_OFFSET: Final = re.compile(r"( ?)(?:[Zz]|[+-]\d\d:?\d\d)")
_WEEKDAY: Final = re.compile(r"([^\W\d_]{2,9}\.?)(,? )(?=\d|den )")

MAX_GROUPS: Final = 4
"""A column in which times are written in more ways than this is no column of times."""


@lru_cache(maxsize=4096)
def form_of_text(text: str) -> TimeForm:
    """Compile a form of ours."""
    return read_form(text)


def dated_forms(text: str) -> frozenset[str]:
    """Give every form that reads a text as a date, with or without a time of day."""
    if form_of_text("iso").read(text) is not None:
        return frozenset(["iso"])
    forms = set(_numbers(text))
    if weekday := _WEEKDAY.match(text):
        forms |= {f"%A{weekday[2]}{form}" for form in _without_weekday(text[weekday.end() :])}
    forms |= set(_without_weekday(text))
    return frozenset(form for form in forms if form_of_text(form).read(text) is not None)


def _numbers(text: str) -> Iterator[str]:
    if text.isascii() and text.isdigit() and text[0] == "1" and len(text) in {10, 13}:
        yield "unix" if len(text) == 10 else "unix_ms"


def _without_weekday(text: str) -> Iterator[str]:
    for date_form, pattern in _DATES:
        if match := re.match(pattern, text):
            end = text[match.end() :]
            if not end:
                yield date_form
            for between in _BETWEEN:
                if end[: len(between)].casefold() == between.casefold():
                    yield from (f"{date_form}{between}{clock}" for clock in clock_forms(end[len(between) :]))


def clock_forms(text: str) -> Iterator[str]:
    """Give every form that reads a text as a time of day, with its offset if it has one."""
    for clock_form, pattern in _CLOCKS:
        if match := re.match(pattern, text):
            end = text[match.end() :]
            if not end:
                yield clock_form
            elif offset := _OFFSET.fullmatch(end):
                yield f"{clock_form}{offset[1]}%z"


def clocks_of(text: str) -> frozenset[str]:
    """Give every form that reads a whole cell as a time of day alone."""
    for begin in _CLOCK_BEGINS:
        if text.casefold().startswith(begin):
            forms = {f"{begin}{form}" for form in clock_forms(text[len(begin) :])}
            # Four digits are a year, a number or anything else.
            return frozenset(form for form in forms if form != "%H%M" and _is_clock(form, text))
    return frozenset()


def _is_clock(form: str, text: str) -> bool:
    return form_of_text(f"%Y-%m-%d {form}").read(f"2026-12-02 {text}") is not None


class FormGroups:
    """The forms of a column: groups of alternatives, of which each cell fits one group."""

    def __init__(self) -> None:
        self.groups: list[frozenset[str]] = []
        self.fits = True

    def add(self, forms: frozenset[str]) -> None:
        """Take a further cell with all its forms into account."""
        if not forms:
            self.fits = False
        for place, group in enumerate(self.groups):
            if common := group & forms:
                self.groups[place] = common
                return
        self.groups.append(forms)
        self.fits = self.fits and len(self.groups) <= MAX_GROUPS

    @property
    def are_dates_only(self) -> bool:
        """Whether no cell has a time of day."""
        return all(form == "iso" or not has_clock(form) for form in self.flat())

    def flat(self) -> list[str]:
        """Give all forms."""
        return [form for group in self.groups for form in sorted(group)]


def has_clock(form: str) -> bool:
    """Whether a form has a time of day."""
    return "%H" in form or "%I" in form or form in {"unix", "unix_ms"}


def settle_groups(columns: Iterable[FormGroups]) -> tuple[list[str], list[frozenset[str]]]:
    """Give the forms that the values of all columns prove, and the groups in which several are still possible.

    One export writes all its times alike: a form that one column has proven decides the other columns' doubts.
    """
    groups = list(dict.fromkeys(group for column in columns for group in column.groups))
    proven = {form for group in groups if len(group) == 1 for form in group}
    orders = {_order_of(form) for form in proven}
    open_groups: list[frozenset[str]] = []
    for group in groups:
        if not group & proven:
            alike = frozenset(form for form in group if _order_of(form) in orders)
            if len(alike) == 1:
                proven |= alike
            else:
                open_groups.append(group)
    return sorted(proven), list(dict.fromkeys(open_groups))


def _order_of(form: str) -> str:
    """Give the order of day, month and year in a form, with the signs between them."""
    return "".join(re.findall(r"%[dmyYB]|[./-]", re.split("%[HI]", form)[0]))


def example_of(form: str) -> str:
    """Write a fixed moment in a form: New Year's Eve, since 31 is no month."""
    if form in {"unix", "unix_ms"}:
        return {"unix": "1798708500", "unix_ms": "1798708500000"}[form]
    if form == "iso":
        return "2026-12-31 09:15"
    parts = {"Y": "2026", "y": "26", "m": "12", "B": "december", "b": "dec", "d": "31", "H": "09", "I": "09", "p": "AM"}
    parts |= {"M": "15", "S": "00", "f": "0", "z": "+01:00", "A": "torsdag", "a": "tor", "%": "%"}
    return re.sub(r"%(.)", lambda match: parts.get(match[1], ""), form)
