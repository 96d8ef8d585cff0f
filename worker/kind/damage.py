"""Traces of spreadsheets, databases and wrong encodings in a cell, told from content by their form alone.

Only cells that are not as they should be come here: the readers of `worker.kind.cells` try the usual form first.
"""

import re
import unicodedata
from typing import Any, Final

from worker.kind.problems import BadCell

LONGEST_TEXT: Final = 10_000

# Halves of surrogate pairs stand beside the control characters: JSON can bring them, and neither UTF-8 nor a database
# can take them.
CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
CONTROLS_OR_BREAKS: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

_UNSEEN_OFTEN: Final = (
    "\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
)
"""Characters that take no place: zero width, soft hyphen, byte order mark, the marks of writing from right to left."""

_UNSEEN: Final = f"{_UNSEEN_OFTEN}\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
"""With those beyond the first 65,536 characters: one of them in a set makes the search through it four times as slow."""

_ODD_BLANKS: Final = "\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""Blanks that are not the space bar's: no-break, thin, em."""

UNSEEN: Final = re.compile(f"[{_UNSEEN}]")
INVISIBLE: Final = re.compile(f"[{_UNSEEN}{_ODD_BLANKS}]")
_VISIBLE = re.compile(rf"[^\s{_UNSEEN}{_ODD_BLANKS}]")
_BLANK = re.compile(rf"[\s{_ODD_BLANKS}]+")
_HYPHEN = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
MARKS: Final = "\u0300-\u036f\u212b"
"""Accents that stand behind their letter, and the one letter that looks like another with its accent."""

_MARK = re.compile(f"[{MARKS}]")
_TEXT_FORMULA = re.compile(r'=(?:T\()?"((?:[^"]|"")*)"\)?')
"""A spreadsheet's formula for the text itself: `="000123"`, by which a leading zero is kept."""

_FORMS = ("null", "none", "nil", "nan", "nat", "na", "n/a", "n.a.", "undefined", "(null)", "<null>", "[null]", "(none)")
NOTHING: Final = frozenset(
    {form.swapcase() for form in _FORMS} | {*_FORMS, "Null", "None", "NaN", "NaT", "<NA>", "<na>", "<None>", "(Null)"}
    | {r"\N", r"\n", "-", "--", "---", "\u2013", "\u2014", "(tom)", "(tomt)", "(blank)", "(empty)"}
)  # fmt: skip
"""The words of databases, programs and people for nothing."""

_ERROR = re.compile(
    r"#[A-ZÅÄÖÆØÜ][A-ZÅÄÖÆØÜ0-9_/]*[!?]|#(?:N/A|SAKNAS|NV|I/T|GETTING_DATA|HÄMTAR_DATA)|#{2,}|(?:Err|Error|Fel|Fehler):\s?\d{3}",
)
"""An error of Excel, LibreOffice or Google Sheets in the place of a value, or a column that was too narrow for it."""

LONGEST_WORD: Final = 11
"""The length of the longest that stands in such a list: longer cells need not be looked for there."""

NO_TEXTS: Final = NOTHING | {f"{word}:{number}" for word in ("Err", "Fel") for number in range(500, 600)}
"""Words that are written as a text is, and are none: nothing, and the errors of LibreOffice that have no odd sign."""

_ENCODED_TWICE = re.compile(
    "Ã[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|Â[\xa0-\xbf]|â€|â‚¬|â„¢|ðŸ"  # UTF-8, read as Windows-1252
    "|√[•§∂ÖÑñ©®]|├[ÑñÂ╢àäû®⌐Ö]"  # as Mac Roman, and as a code page of DOS
)
"""Letters of UTF-8 that were read in another encoding and written in UTF-8 again: Ã¶ for ö."""

ODD_LETTERS: Final = "\ufffdÃÂâð√├"
"""The letters that such sequences begin with, and the sign for a letter that was lost."""

ODD_IN_TEXT: Final = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff{_UNSEEN_OFTEN}{MARKS}{ODD_LETTERS}=#]")
"""Signs by which a text may be other than it should be: nearly all hold none."""


def content_of(raw: Any) -> str | None:
    """Give the text that is meant, without outer blanks; None where there is none. A whole number of JSON counts as its digits.

    Raises BadCell for a value of another type, and for an error of a spreadsheet.
    """
    if raw is None:
        return None
    if not isinstance(raw, str):
        if isinstance(raw, int) and not isinstance(raw, bool) and abs(raw) <= 10**18:
            return str(raw)
        raise BadCell("wrong_type", "it is not a text", "Give one value, as text.")
    content = _unwrap(raw)
    if _MARK.search(content):
        content = unicodedata.normalize("NFC", content)
    if content in NOTHING or not _VISIBLE.search(content):
        return None
    if _ERROR.fullmatch(content):
        raise BadCell(
            "spreadsheet_error", "a spreadsheet's error stands in the place of the value", "Mend the cell's formula."
        )
    return content


def _unwrap(content: str) -> str:
    """Take away the byte order mark that files leave when they are joined, and the formula around a text."""
    while True:
        inner = content.strip().lstrip("\ufeff")
        if inner.startswith("=") and (formula := _TEXT_FORMULA.fullmatch(inner)):
            inner = formula[1].replace('""', '"')
        if inner == content:
            return content
        content = inner


def word_of(raw: Any) -> str | None:
    """Give the content of a cell for a word, a number or a time, without characters that take no place."""
    if isinstance(raw, str):
        if not raw.isascii():
            raw = _HYPHEN.sub("-", _BLANK.sub(" ", UNSEEN.sub("", raw)))
        raw = raw.strip().strip("'")
    return content_of(raw)


def says_nothing(raw: Any) -> bool:
    """Whether a cell says nothing, whatever is asked of it."""
    return not raw if isinstance(raw, list | dict) else isinstance(raw, str | None) and _or_itself(raw) is None


def _or_itself(raw: str | None) -> str | None:
    try:
        return content_of(raw)
    except BadCell:
        return raw


def mended_text(raw: Any) -> str | None:
    """Read free text that is not plain at first sight; its inner line breaks are kept, as LF, its letters composed."""
    content = content_of(raw)
    if content is None:
        return None
    content = content.replace("\r\n", "\n").replace("\r", "\n")
    if len(content) > LONGEST_TEXT:
        raise BadCell("too_long", f"it is longer than {LONGEST_TEXT} characters", "Shorten it.")
    if CONTROLS.search(content):
        raise BadCell("control_character", "it holds a control character", "Remove it; check the file's encoding.")
    refuse_lost_letters(content)
    return content


def refuse_lost_letters(content: str) -> None:
    """Refuse a text that went through a wrong encoding: its letters cannot be known."""
    if "\ufffd" in content:
        reason = "letters were lost: the sign for an unreadable one stands in their place"
        raise BadCell("lost_letters", reason, "Export it again, as UTF-8 from the beginning.")
    if _ENCODED_TWICE.search(content):
        reason = "letters were encoded twice: two odd signs stand for each å, ä, ö"
        raise BadCell("encoded_twice", reason, "Export it again, as UTF-8 and only once.")
