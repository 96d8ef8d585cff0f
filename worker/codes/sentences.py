"""Sentences about a rejected row: all that is wrong with it, the first fault first."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class FaultSentence(NamedTuple):
    """A fault of a row in words: the column in the file's own words, what is wrong, and what helps."""

    column: str | None
    text: str
    remedy: str


def fault_sentences(row: Mapping[str, Any]) -> list[FaultSentence]:
    """Say all faults of a rejected row. One that was recorded without a list of them has the fault of its columns."""
    faults: Sequence[Mapping[str, Any]] = row.get("faults") or (row,)
    return [FaultSentence(fault["column"], _say(fault), fault["remedy"]) for fault in faults]


def _say(fault: Mapping[str, Any]) -> str:
    shape = fault.get("shape")
    return f"{fault['reason']} ({shape})" if shape and shape != "empty" else str(fault["reason"])


def join_texts(sentences: Sequence[FaultSentence]) -> str:
    """Join what is wrong to one text, which names the columns of all but the first fault."""
    first, *further = sentences
    return "; also ".join((first.text, *(_named(fault.column, fault.text) for fault in further)))


def join_remedies(sentences: Sequence[FaultSentence]) -> str:
    """Join what helps to one text, likewise."""
    first, *further = sentences
    return " ".join((first.remedy, *(_named(fault.column, fault.remedy) for fault in further)))


def _named(column: str | None, text: str) -> str:
    return f"{column}: {text}" if column else text


def describe_rejection(row: Mapping[str, Any]) -> str:
    """Describe a rejected row in one line: where it stands, what is wrong, what helps; then its other faults."""
    source_id = f" {row['source_id']}" if row["source_id"] else ""
    faults = [_named(fault.column, f"{fault.text}. {fault.remedy}") for fault in fault_sentences(row)]
    column = ", " if row["column"] else ": "
    return f"line {row['line']}{source_id}{column}{' Also '.join(faults)}"
