"""Ids that are not plain at first sight: signs that a spreadsheet has put around them go, and ids that it has changed are refused."""

import re
from typing import Any, Final

from worker.kind.damage import (
    CONTROLS_OR_BREAKS,
    INVISIBLE,
    NOTHING,
    content_of,
    refuse_lost_letters,
)
from worker.kind.problems import BadCell

LONGEST_ID: Final = 200
PATH_ID: Final = r"^[A-Za-z0-9_-]{1,64}$"

_PATH_ID = re.compile(PATH_ID)

_CHANGED_NUMBER = re.compile(
    r"[+-]?\d+(?:[.,]\d+)?[eE]\+\d+|[+-]?\d+[.,]\d+[eE]-?\d+"  # 1,23457E+11
    r"|[+-]?\d+[.,]0+"  # 4711.0
    "|[+-]?\\d{1,3}(?:[ .,'’\u00a0\u2007-\u200a\u202f]\\d{3})+(?:[.,]\\d*)?",  # 4 711
    re.ASCII,
)
"""An id of digits as spreadsheets and programs change it: neither the lost digits nor the id without the signs can be known."""

_CHANGED_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]00:00(?::00(?:\.0+)?)?", re.ASCII)
"""An id like 2026-12 that a spreadsheet took for a date, as programs write the date."""

_LOOK_ALIKES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff01-\uff5e]|\\A[=\u2018\u2019\u201b`\u00b4]")
"""Signs that take the place of a plain hyphen, letter or digit, and a formula or an apostrophe of print before an id."""

_MONTHS: Final = ("jan", "feb", "mar", "apr", "maj", "may", "jun", "jul", "aug", "sep", "okt", "oct", "nov", "dec")
_CHANGED_DATES: Final = frozenset(
    date
    for month in (form for name in _MONTHS for form in (name, name.capitalize()))
    for number in range(100)
    for date in (f"{number}-{month}", f"{number:02}-{month}", f"{month}-{number:02}")
)
"""Ids like 1-2 as a spreadsheet changes them."""

_HEADINGS: Final = frozenset({"id"}) | frozenset(
    f"{owner}{sign}id" for owner in ("source", "customer", "kund") for sign in ("", "_", "-", " ")
)
_SUMS = re.compile(
    r"(?:grand |del|sub-?|slut|total)?(?:total(?:t|er|en)?|summa|summan|summering|sum|antal|medelvärde|genomsnitt|average)"
    r"(?:\W*\d*\W*(?:st|rader|poster|rows)?|[ :=].*)"
)
_YES_OR_NO: Final = frozenset(("true", "false", "sant", "falskt"))

_SEVERAL = re.compile(r"[\n,;|]")


def _forms(words: frozenset[str]) -> frozenset[str]:
    camel = (re.sub(r"[_-](\w)", lambda part: part[1].upper(), word) for word in words)
    endings = {f"{word[:-2]}{id_}" for word in words if word.endswith("id") for id_ in ("Id", "ID")}
    forms = {*words, *camel, *endings}
    return frozenset(form for word in forms for form in (word, word.upper(), word[:1].upper() + word[1:]))


NO_IDS: Final = frozenset(
    {*NOTHING, *_forms(_HEADINGS), *_forms(_YES_OR_NO), *_CHANGED_DATES}
    | _forms(
        frozenset(
            (
                *("total", "totalt", "totaler", "summa", "sum", "subtotal", "delsumma", "totalsumma", "antal"),
                *("summan", "summering", "slutsumma", "genomsnitt", "average"),
            )
        )
    )
)
"""Words that are written as an id is, and are none: they are looked at by `id_of`."""


def vitec_id(raw: Any) -> str | None:
    """Read one of Vitec's ids. In a path other characters could change which call is made; in a body there are none either."""
    content = id_of(raw)
    if content is None or _PATH_ID.fullmatch(content):
        return content
    reason = "the id holds more than letters a to z, digits, _ and -, or is longer than 64 characters"
    raise BadCell("bad_id", reason, "Write one id." if _SEVERAL.search(content) else "Check the id.")


def free_id(raw: Any) -> str | None:
    """Read an id of the CRM's own, of any visible characters and single spaces."""
    content = id_of(raw)
    if content is None:
        return None
    if len(content) > LONGEST_ID:
        raise BadCell("too_long", f"the id is longer than {LONGEST_ID} characters", "Check the id.")
    if CONTROLS_OR_BREAKS.search(content):
        raise BadCell("control_character", "the id holds a line break or a control character", "Check the id.")
    if '"' in content:
        raise BadCell("bad_id", "the id holds a quote", "Take the quotes out of the cell, or double them.")
    return content


def id_of(raw: Any) -> str | None:
    """Give the id that a cell holds; BadCell where it is another id than the CRM's, or none.

    A byte order mark, ="..." and apostrophes around it are no part of it. All else that cannot be seen is refused, never
    taken away: so no two spellings of an id become two operations.
    """
    content = content_of(raw)
    while content is not None and content.startswith("'"):
        content = content_of(content.strip("'"))
    if content is None:
        return None
    _refuse_words(content)
    if _CHANGED_NUMBER.fullmatch(content) or content in _CHANGED_DATES or _CHANGED_TIME.fullmatch(content):
        remedy = "Format the column as text in the spreadsheet, fill the ids in again, and export it."
        raise BadCell("changed_by_spreadsheet", "the id has become a number or a date in a spreadsheet", remedy)
    if unseen := INVISIBLE.search(content):
        place = f"U+{ord(unseen[0]):04X}, character {unseen.start() + 1} of {len(content)}"
        raise BadCell("invisible_character", f"the id holds an invisible character ({place})", "Take it out of the id.")
    refuse_lost_letters(content)
    if _LOOK_ALIKES.search(content):
        reason = (
            "the id holds a sign that takes the place of a plain hyphen, letter, digit or apostrophe, or is a formula"
        )
        raise BadCell("bad_id", reason, "Write it as the CRM does.")
    if not any(map(str.isalnum, content)):
        raise BadCell("bad_id", "the id holds neither a letter nor a digit", "Check the id.")
    return content


def _refuse_words(content: str) -> None:
    word = " ".join(content.casefold().split())
    if word in _HEADINGS:
        reason = "it is a column's heading, not an id"
        raise BadCell("heading_again", reason, "Leave the headings out, where they stand among the rows again.")
    if _SUMS.fullmatch(word):
        raise BadCell("totals_row", "it is the word for a sum, not an id", "Leave the line with the sums out.")
    if word in _YES_OR_NO:
        raise BadCell("bad_id", "it is a yes or no, not an id", "Check that the columns stand in their order.")
