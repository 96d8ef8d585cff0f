"""A rejected row is described in one line, with all its faults."""

from __future__ import annotations

from typing import Any

import pytest

from worker.codes.language import Language
from worker.codes.sentences import describe_rejection, fault_sentences, join_remedies, join_texts, refusal_in


def fault(column: str | None, reason: str, shape: str | None = None) -> dict[str, Any]:
    return {"column": column, "code": "x", "reason": reason, "remedy": f"Mend {reason}.", "shape": shape}


def row(*faults: dict[str, Any]) -> dict[str, Any]:
    return {"line": 3, "source_id": "A-1", **faults[0], "faults": list(faults)}


def test_a_fault_is_said_with_the_shape_of_its_cell() -> None:
    line = describe_rejection(row(fault("Datum", "no date", "a date with dots")))
    assert line == "line 3 A-1, Datum: no date (a date with dots). Mend no date."


def test_a_cell_that_is_empty_is_not_said_to_be() -> None:
    assert "empty" not in describe_rejection(row(fault("Datum", "it is missing", "empty")))


def test_further_faults_follow_with_their_columns() -> None:
    line = describe_rejection(row(fault("Datum", "no date"), fault("Kund", "no id", "2 digits")))
    assert line == "line 3 A-1, Datum: no date. Mend no date. Also Kund: no id (2 digits). Mend no id."


def test_a_fault_of_no_column_is_of_the_row() -> None:
    assert describe_rejection({**row(fault(None, "too long")), "source_id": None}) == "line 3: too long. Mend too long."


def test_a_row_recorded_without_a_list_has_one_fault() -> None:
    sentences = fault_sentences({**row(fault("Datum", "no date")), "faults": None})
    assert [sentence.column for sentence in sentences] == ["Datum"]


def test_results_say_the_first_fault_and_then_the_others() -> None:
    sentences = fault_sentences(row(fault("Datum", "no date"), fault("Kund", "no id")))
    assert join_texts(sentences) == "no date; also Kund: no id"
    assert join_remedies(sentences) == "Mend no date. Kund: Mend no id."


@pytest.mark.parametrize(
    ("wrong", "swedish"),
    [
        (
            "this seems to be a DOS code page (850 or 437) (first at byte 9, line 2)",
            ": en teckentabell från DOS (850 eller 437) (rad 2)",
        ),
        ("this is UTF-32", ": UTF-32"),
        ("not UTF-16 at byte 9, line 2", " (rad 2)"),
        ("two encodings in one file, UTF-8 at byte 1, line 2", ": två teckenkodningar i samma fil (rad 2)"),
    ],
)
def test_a_wrong_encoding_is_named_in_swedish(wrong: str, swedish: str) -> None:
    meaning = refusal_in(f"wrong encoding: {wrong}", "Export it", "wrong_encoding", Language.SWEDISH)
    assert meaning.text == f"Filen har fel teckenkodning{swedish}"
