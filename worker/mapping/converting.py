"""The conversion of single cells: a CRM's words, times and lists become those that a kind's reader understands."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from worker.kind import Kind, UnreadableCell
from worker.mapping.fields import CellForm, form_of
from worker.mapping.model import ExportMapping
from worker.mapping.times import Converter, time_converter


def fold_word(word: str) -> str:
    """Give the form in which words of cells are compared: no case, no blanks around, single ones inside."""
    return " ".join(unicodedata.normalize("NFC", word).casefold().split())


def converter_of(mapping: ExportMapping, kind: type[Kind], field: str, origin: str) -> Converter | None:
    """Give the converter of a field's cells; None: they stay as they are. `origin`: the heading, or the joined field."""
    words = {fold_word(word): meant for word, meant in mapping.words.get(field, {}).items()}
    form = form_of(kind, field)
    if form is CellForm.LIST and (mapping.lists or words):
        return _list_converter(mapping.lists.separator if mapping.lists else "|", words)
    if form is CellForm.FLAG and mapping.flags:
        flags = {fold_word(word): True for word in mapping.flags.yes}
        return _word_converter({**flags, **{fold_word(word): False for word in mapping.flags.no}, **words})
    if form is CellForm.TIME and mapping.times:
        forms = mapping.times.columns.get(origin, mapping.times.forms)
        return time_converter(forms, mapping.times.zone)
    if form is CellForm.ID and words:
        return _id_converter(words)
    return _word_converter(words) if words else None


def _word_converter(words: Mapping[str, Any]) -> Converter:
    """Make the converter of words; any other word is left to the kind's own reader."""

    def convert(raw: Any) -> Any:
        return words.get(fold_word(raw), raw) if isinstance(raw, str) else raw

    return convert


def _id_converter(ids_by_word: Mapping[str, str]) -> Converter:
    """Make the converter of names that stand for ids: any other name could be taken for an id, so it is refused."""
    ids = frozenset(ids_by_word.values())

    def convert(raw: Any) -> Any:
        word = fold_word(raw) if isinstance(raw, str) else ""
        if not word or raw in ids:
            return raw
        remedy = "Correct the word, or give it an id in [words]."
        return ids_by_word.get(word) or UnreadableCell(
            "unknown_word", "the mapping gives no id for this word", remedy, raw
        )

    return convert


def _list_converter(separator: str, words: Mapping[str, str]) -> Converter:
    def convert(raw: Any) -> Any:
        if not isinstance(raw, str):
            return raw
        # Blanks around the sign, and the line ends of other systems, are form.
        parts = raw.replace("\r\n", "\n").replace("\r", "\n").split(separator) if raw.strip() else []
        return [words.get(fold_word(part), part.strip()) for part in parts]

    return convert


def joiner(places: Sequence[int], separator: str, convert: Converter | None) -> Converter:
    """Make the function that joins a row's cells into one; empty ones are passed over."""

    def join(cells: Sequence[Any]) -> Any:
        parts = [_as_text(cells[place]) for place in places]
        if None in parts:
            return UnreadableCell(
                "wrong_type", "one of the joined cells is not a text", "Give one value, as text.", list(cells)
            )
        joined = separator.join(part for part in parts if part)
        return convert(joined) if convert and joined else joined or None

    return join


def _as_text(raw: Any) -> str | None:
    """Give a cell as text, empty where it says nothing; None: it is a list or an object."""
    if raw is None:
        return ""
    return str(raw).strip() if isinstance(raw, str | int | float) else None
