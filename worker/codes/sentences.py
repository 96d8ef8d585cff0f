"""Sentences about a rejected row: all that is wrong with it, the first fault first."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from models import FILE_REFUSED
from worker.cell_shapes import swedish_shape
from worker.codes.language import Language
from worker.codes.registry import CODES, CodeUse, Meaning, fill


class FaultSentence(NamedTuple):
    """A fault of a row in words: the column in the file's own words, what is wrong, and what helps."""

    column: str | None
    text: str
    remedy: str


def fault_sentences(row: Mapping[str, Any], language: Language = Language.ENGLISH) -> list[FaultSentence]:
    """Say all faults of a rejected row. One that was recorded without a list of them has the fault of its columns."""
    faults: Sequence[Mapping[str, Any]] = row.get("faults") or (row,)
    return [_say(fault, language) for fault in faults]


def _say(fault: Mapping[str, Any], language: Language) -> FaultSentence:
    text, remedy, shape = str(fault["reason"]), str(fault["remedy"]), fault.get("shape")
    code = CODES.get(fault["code"])
    if language is Language.SWEDISH and code is not None:
        details = _find_details(f"{text}. {remedy}")
        text, remedy = fill(code.texts.swedish, details).removesuffix("."), fill(code.texts.swedish_remedy, details)
        if CodeUse.FILE in code.uses and (place := _LINE.search(str(fault["reason"]))):
            text = f"{text} (rad {place[1]})"
        shape = shape and swedish_shape(shape)
    shown = f"{text} ({shape})" if shape and fault.get("shape") != "empty" else text
    return FaultSentence(fault["column"], shown, remedy)


_LINE: Final = re.compile(r"\bline (\d+)")
_DETAILS: Final = {
    "words": re.compile(r"(?:Write|Use) one of ([^.]+)\."),
    "choice": re.compile(r"Write one of ([^.]+)\."),
    "limit": re.compile(r"(?:longer|lists more) than ([\d,]+(?: characters)?)"),
    "range": re.compile(r"Write (\d+(?: to \d+)?)(?: or more)?\."),
    "line": re.compile(r"on line (\d+)"),
    "instead": re.compile(r"Write it into ([^.]+), or leave it empty"),
    "encoding": re.compile(
        r"(?:be|is|encoding:) "
        r"(Mac Roman|a DOS code page \(850 or 437\)|UTF-(?:16|32)(?: without its byte order mark)?|two encodings in one file)"
    ),
    "names": re.compile(r"heading(?:s)?(?: for \w+:)? (.+?)\. "),
}
"""Where an English sentence names a detail that the Swedish one takes over: words to choose from, numbers, headings."""


def _find_details(english: str) -> dict[str, str]:
    found_by_name = {name: pattern.search(english) for name, pattern in _DETAILS.items()}
    return {name: _in_swedish(match[1]) for name, match in found_by_name.items() if match}


_SWEDISH_WORDS: Final = (
    ("characters", "tecken"),
    (" to ", " till "),
    (" or ", " eller "),
    ("perhaps", "kanske"),
    ("a DOS code page", "en teckentabell från DOS"),
    ("without its byte order mark", "utan byte order mark"),
    ("two encodings in one file", "två teckenkodningar i samma fil"),
)


def _in_swedish(detail: str) -> str:
    for english, swedish in _SWEDISH_WORDS:
        detail = detail.replace(english, swedish)
    return detail


def refusal_in(wrong: str, remedy: str, code: str, language: Language = Language.ENGLISH) -> Meaning:
    """Say why a file was refused (without its name) and what helps."""
    sentence = _say({"column": None, "code": code, "reason": wrong, "remedy": f"{remedy}."}, language)
    return Meaning(sentence.text, sentence.remedy)


def join_texts(sentences: Sequence[FaultSentence], language: Language = Language.ENGLISH) -> str:
    """Join what is wrong to one text, which names the columns of all but the first fault."""
    first, *further = sentences
    also = _WORDS[language].also
    return f"; {also.lower()} ".join((first.text, *(_named(fault.column, fault.text) for fault in further)))


def join_remedies(sentences: Sequence[FaultSentence]) -> str:
    """Join what helps to one text, likewise."""
    first, *further = sentences
    return " ".join((first.remedy, *(_named(fault.column, fault.remedy) for fault in further)))


def _named(column: str | None, text: str) -> str:
    return f"{column}: {text}" if column else text


class _Words(NamedTuple):
    """The words between the parts of a description."""

    line: str
    also: str
    refused: str


_WORDS: Final = {
    Language.ENGLISH: _Words("line", "Also", "refused as a whole"),
    Language.SWEDISH: _Words("rad", "Även", "filen lästes inte in"),
}


def describe_rejection(row: Mapping[str, Any], language: Language = Language.ENGLISH) -> str:
    """Describe a rejected row in one line: where it stands, what is wrong, what helps; then its other faults.

    Of a file that was refused: why, and what helps.
    """
    words = _WORDS[language]
    faults = [_named(fault.column, f"{fault.text}. {fault.remedy}") for fault in fault_sentences(row, language)]
    description = f" {words.also} ".join(faults)
    if row["code"] == FILE_REFUSED:
        return f"{words.refused}: {description}"
    source_id = f" {row['source_id']}" if row["source_id"] else ""
    return f"{words.line} {row['line']}{source_id}{', ' if row['column'] else ': '}{description}"
