"""Rows of cells that are no rows of a table: totals, counts, and values where headings should stand."""

import re
from collections.abc import Sequence
from enum import Enum, auto
from typing import Final

_TOTALS: Final = re.compile(
    r"(?:totalt?|grand total|sub-?total|delsumma|summa|sum|antal|count)(?:\s*[:=]?\s*[\d\s.,]*|\s*\d[\d\s.,]*\w+|\b[^:;]*:[\d\s.,]*)",
    re.IGNORECASE,
)
_ROWS_COUNTED: Final = re.compile(r"\(?\d+\s+(?:rows?|rader?|row\(s\)|poster)\b.*", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[-+\d\s.,:%]*")


class TotalSort(Enum):
    """How a row looks that may hold a total."""

    NONE = auto()
    CERTAIN = auto()
    """Nothing but a total or a count: it is left out."""
    WITH_TEXTS = auto()
    """It begins like a total, and has other texts: it is rejected."""


def judge_total(cells: Sequence[str]) -> TotalSort:
    """Tell whether a row holds a total or a count."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    if len(filled) == 1 and _ROWS_COUNTED.fullmatch(filled[0]):
        return TotalSort.CERTAIN
    if not filled or not _TOTALS.fullmatch(filled[0]):
        return TotalSort.NONE
    return TotalSort.CERTAIN if all(map(_NUMBER.fullmatch, filled[1:])) else TotalSort.WITH_TEXTS


_VALUE: Final = re.compile(
    r"[-+(]?[\d\s.,()/-]*\d|\d{4}-\d\d-\d\d.*|\d\d?[./]\d\d?[./]\d{2,4}.*|[A-ZÅÄÖ]{0,5}[-_]?\d+|[A-Z]{3,4}[0-9A-F]{16,}|\S+@\S+\.\w+"
)


def is_value(cell: str) -> bool:
    """Tell whether a cell has the form of a value and no heading: a number, a date, an id, an address."""
    return _VALUE.fullmatch(cell) is not None
