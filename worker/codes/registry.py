"""The registry of all codes: the meaning of each and its remedy, in English and Swedish, and where it occurs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from models import HoldReason
from worker.codes.language import Language
from worker.codes.of_files import FILE_TEXTS
from worker.codes.of_history import HISTORY_TEXTS, HOLD_TEXTS
from worker.codes.of_lines import LINE_TEXTS
from worker.codes.of_operations import CONTACT_NOT_FOUND, OPERATION_TEXTS
from worker.codes.of_rows import ROW_TEXTS
from worker.kind import CodeText
from worker.kinds import KINDS


class CodeUse(StrEnum):
    """The things that have a code."""

    OPERATION = "operation"
    HISTORY = "history"
    """An entry of an operation's history."""
    HOLD = "hold"
    ROW = "rejected row"
    FILE = "refused file"


class Meaning(NamedTuple):
    """A code's meaning and remedy, in one language."""

    text: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Code:
    """One code: its uses, the kinds that alone give it (none: all), and its sentences."""

    code: str
    uses: tuple[CodeUse, ...]
    texts: CodeText
    kinds: tuple[str, ...] = ()


OPERATION_CODES: Final[Mapping[str, CodeText]] = {
    **OPERATION_TEXTS,
    **{code: text for kind in KINDS for code, text in kind.codes.items()},
}
"""The codes that an operation can have: those of every kind, and those that only one kind's `read` gives."""

_USED_IN_HISTORY: Final = frozenset({*OPERATION_CODES, "already_sent", "withdrawn_too_late"})
_SEVERAL: Final = {
    "unknown_kind": (CodeUse.ROW, CodeUse.FILE),
    "whole_line_quoted": (CodeUse.ROW, CodeUse.FILE),
}


def _make_codes() -> Iterator[Code]:
    holds = {reason.value for reason in HoldReason}
    of_kinds = {code: kind.kind for kind in KINDS for code in kind.codes}
    for code, texts in OPERATION_CODES.items():
        uses = (CodeUse.OPERATION, CodeUse.HISTORY, *([CodeUse.HOLD] if code in holds else []))
        yield Code(code, uses, texts, (of_kinds[code],) if code in of_kinds else ())
    for use, of_use in ((CodeUse.HISTORY, HISTORY_TEXTS), (CodeUse.HOLD, HOLD_TEXTS), (CodeUse.FILE, FILE_TEXTS)):
        yield from (Code(code, (use,), texts) for code, texts in of_use.items())
    for code, texts in {**ROW_TEXTS, **LINE_TEXTS}.items():
        in_history = (CodeUse.ROW, CodeUse.HISTORY) if code in _USED_IN_HISTORY else (CodeUse.ROW,)
        yield Code(code, _SEVERAL.get(code, in_history), texts)


CODES: Final[Mapping[str, Code]] = {code.code: code for code in _make_codes()}
"""All codes there are."""

_OF_CONTACTS: Final = frozenset(kind.kind for kind in KINDS if "contact_id" in kind.model_fields)
_UNKNOWN: Final = CodeText(
    "It ended with the code {}.", "See `vitec-sync show`.", "Det slutade med koden {}.", "Se `vitec-sync show`."
)


@lru_cache(maxsize=1024)
def explain_code(code: str | None, kind: str | None = None, language: Language = Language.ENGLISH) -> Meaning:
    """Give the meaning and the remedy of a code, for that kind; of an unknown one its name. Two empty texts for None."""
    if code is None:
        return Meaning("", "")
    if code == "not_found" and kind in _OF_CONTACTS:
        return meaning_in(CONTACT_NOT_FOUND, language)
    if code in CODES:
        return meaning_in(CODES[code].texts, language)
    text, remedy = meaning_in(_UNKNOWN, language)
    return Meaning(text.format(code), remedy)


def meaning_in(texts: CodeText, language: Language) -> Meaning:
    """Choose the sentences of a language; English ones where there are none, and without what a row must give."""
    if language is Language.SWEDISH and texts.swedish:
        return Meaning(fill(texts.swedish, {}), fill(texts.swedish_remedy, {}))
    return Meaning(texts.text, texts.remedy)


def fill(template: str, details: Mapping[str, str]) -> str:
    """Fill details of a row into a sentence: `[: {words}]` stands only where its detail is given."""
    parts = []
    for part in template.replace("]", "[").split("["):
        name = part.partition("{")[2].partition("}")[0]
        if not name:
            parts.append(part)
        elif name in details:
            parts.append(part.replace(f"{{{name}}}", details[name]))
    return "".join(parts)
