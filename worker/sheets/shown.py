"""The values of a workbook's cells as texts that a person would read off it, by the number format of the cell."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

BUILT_IN: Final = {
    1: "0",
    **dict.fromkeys((2, 4, 39, 40, 43, 44), "0.00"),
    9: "0%",
    10: "0.00%",
    **dict.fromkeys((14, 15, 16, 17), "yyyy-mm-dd"),
    **dict.fromkeys((18, 19, 20, 21), "hh:mm:ss"),
    22: "yyyy-mm-dd hh:mm",
    **dict.fromkeys((45, 47), "mm:ss"),
    46: "[h]:mm:ss",
    **dict.fromkeys((*range(27, 32), 36, *range(50, 59)), "yyyy-mm-dd"),
    **dict.fromkeys((32, 33, 34, 35), "hh:mm:ss"),
}
"""The formats that a file names by number only: as far as they change what a value is. Those of other languages are dates, too."""

LOST_DIGITS: Final = 10**15
"""From here on a spreadsheet keeps the first fifteen digits of a whole number and makes the others 0."""

NOT_A_DATE: Final = "########"
"""Shown by spreadsheets where a number is outside their calendar."""

Shown = Callable[[float], str]

_IN_QUOTES: Final = re.compile(r'"([^"]*)"|\\(.)|\[\$([^\]-]*)(?:-[^\]]*)?\]|\[([^\]]*)\]|[_*](.)', re.DOTALL)
_ELAPSED: Final = re.compile(r"(h+|m+|s+)", re.IGNORECASE)
_PARTS: Final = re.compile(r"AM/PM|A/P|General|Standard|[yY]+|[mM]+|[dD]+|[hH]+|[sS]+", re.IGNORECASE)
_SECONDS_A_DAY: Final = 86_400
_LAST_DAY: Final = 2_958_466


@dataclass(frozen=True, slots=True)
class _Format:
    """The first section of a number format, read: plain placeholders, texts between them, and the sort of value it makes."""

    plain: str
    """The section without texts; each of those is a character of the private use area, `texts` in their order."""
    texts: tuple[str, ...]
    has_date: bool
    has_time: bool
    is_elapsed: bool


@lru_cache(maxsize=4096)
def make_shown(number_format: str, *, epoch_1904: bool) -> Shown:
    """Return the function from a number to the text that this format makes of it."""
    section = _read_section(number_format)
    if section.is_elapsed:
        return show_elapsed
    if section.has_date or section.has_time:
        has_date, is_day = section.has_date, section.has_date and not section.has_time
        return lambda number: show_moment(number, epoch_1904=epoch_1904, has_date=has_date, is_day=is_day)
    if section.plain == "0%" or re.fullmatch(r"0\.0+%", section.plain):
        return lambda number: f"{show_number(number * 100)}%"
    places = re.sub("[^0#?]", "", section.plain)
    if section.plain and (places == "" or "." in section.plain or re.search("[%/E]", section.plain)):
        return show_number
    if section.texts or places.count("0") > 1 or re.search("[-()]", section.plain):
        return lambda number: _fill(section, number)
    return show_number


def show_number(number: float) -> str:
    """Show a number without a format of its own: whole ones by their digits, as long as a spreadsheet has kept all of them."""
    if number == number // 1 and abs(number) < LOST_DIGITS:
        return str(int(number))
    return f"{number:.14E}" if abs(number) >= LOST_DIGITS else f"{number:.15g}"


def show_moment(number: float, *, epoch_1904: bool, has_date: bool, is_day: bool) -> str:
    """Show a day with its time, to the second: `2026-12-02 09:15`; alone a time without a day.

    A day without a time stands alone if the format shows none (`is_day`). A time that only the format hides is shown.
    A spreadsheet's times are fractions of days, so that 09:15 may stand as 09:14:59.9999.
    """
    if not 0 <= number <= _LAST_DAY:
        return NOT_A_DATE
    if number < 1 and not (epoch_1904 and has_date):
        return show_time_of_day(number)
    seconds = round(number * _SECONDS_A_DAY)
    days, in_day = divmod(seconds, _SECONDS_A_DAY)
    if days >= _LAST_DAY - (1462 if epoch_1904 else 0):
        return NOT_A_DATE
    time = "" if is_day and not in_day else _show_time(in_day)
    if not epoch_1904 and days == 60:
        # The day that the calendar of spreadsheets has too many.
        return f"1900-02-29 {time}".rstrip()
    first_day = date(1904, 1, 1) if epoch_1904 else date(1899, 12, 30 if days > 60 else 31)
    return f"{first_day + timedelta(days=days)} {time}".rstrip()


def show_time_of_day(number: float) -> str:
    """Show a part of a day. The last half second is not the next day's."""
    return _show_time(min(round(number * _SECONDS_A_DAY), _SECONDS_A_DAY - 1))


def show_iso_moment(text: str) -> str:
    """Show a moment that a file holds as ISO 8601, in the same way; a text that is none stays as it is."""
    try:
        moment = datetime.fromisoformat(text.strip())
        rounded = moment.replace(microsecond=0) + timedelta(seconds=moment.microsecond >= 500_000)
    except (OverflowError, ValueError):
        return text
    if "T" not in text and ":" not in text:
        return str(rounded.date())
    time = _show_time(rounded.hour * 3600 + rounded.minute * 60 + rounded.second)
    zone = rounded.isoformat()[19:]
    return f"{rounded.date()} {time}{zone}"


def _show_time(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")


def show_elapsed(number: float) -> str:
    sign = "-" if number < 0 else ""
    return sign + _show_time(round(abs(number) * _SECONDS_A_DAY))


def _read_section(number_format: str) -> _Format:
    """Read the first section. A format with conditions ([>100]) is one without a format: a number is shown by its digits."""
    texts: list[str] = []
    is_elapsed = is_conditional = False

    def take_out(part: re.Match[str]) -> str:
        nonlocal is_elapsed, is_conditional
        quoted, escaped, currency, bracket, filler = part.groups()
        if filler is not None:
            return ""
        if bracket is not None:
            is_elapsed |= _ELAPSED.fullmatch(bracket) is not None
            is_conditional |= bracket[:1] in {"<", ">", "="}
            return ""
        texts.append(quoted or escaped or currency or "")
        return chr(0xE000 + len(texts) - 1) if texts[-1] and len(texts) < 1000 else ""

    plain = _IN_QUOTES.sub(take_out, number_format).split(";")[0]
    if is_conditional and not is_elapsed:
        return _Format("", (), has_date=False, has_time=False, is_elapsed=False)
    parts = [part.casefold()[0] for part in _PARTS.findall(plain) if part.casefold() not in {"general", "standard"}]
    has_time = "h" in parts or "s" in parts or "a" in parts
    has_date = "y" in parts or "d" in parts or ("m" in parts and not has_time)
    plain = re.sub("general|standard|@|(?<=[0#?])[ \xa0,]+(?=[0#?])", "", plain, flags=re.IGNORECASE)
    return _Format(plain, tuple(texts), has_date, has_time, is_elapsed)


def _fill(section: _Format, number: float) -> str:
    """Put the digits of a whole number into the placeholders, from the right; texts stay where they stand."""
    if number != number // 1 or abs(number) >= LOST_DIGITS:
        return show_number(number)
    digits = list(str(abs(int(number))))
    shown: list[str] = []
    places = [at for at, sign in enumerate(section.plain) if sign in "0#?"]
    if not places:
        return show_number(number)
    for at in range(len(section.plain) - 1, -1, -1):
        sign = section.plain[at]
        if sign in "0#?":
            shown.append(digits.pop() if digits else "0" * (sign == "0"))
            if at == places[0]:
                shown.extend(reversed(digits))
        elif "\ue000" <= sign <= "\ue3e7":
            shown.append(section.texts[ord(sign) - 0xE000])
        else:
            shown.append(sign)
    return ("-" if number < 0 else "") + "".join(reversed(shown)).strip()
