"""The golden files of a kind: a row of a CRM, the vendor's own sample of the request, and answers with their outcome.

The request is its line (`POST Appointment/…`, without the address) and its JSON, which is left out where a call has none.
"""

import csv
import json
import re
from pathlib import Path
from typing import Any

from worker.kind import ROW_HEADINGS, Kind, fold

GOLDEN = Path(__file__).parent / "golden"


def cells_of(kind: type[Kind], folder: Path) -> dict[str, str]:
    """The row by our field names, found through its headings as an import finds them."""
    content = (folder / "row.csv").read_text(encoding="utf-8")
    headings, row = csv.reader(content.splitlines(), delimiter=";" if ";" in content else ",")
    field_of = {**kind.headings, **ROW_HEADINGS}
    return {field_of[fold(heading)]: cell for heading, cell in zip(headings, row, strict=True)}


def line_of(folder: Path) -> tuple[str, str]:
    """The method and the path of the request."""
    method, _, path = (folder / "request_line.txt").read_text(encoding="utf-8").strip().partition(" ")
    return method, path


def request_of(folder: Path) -> dict[str, Any] | None:
    """The vendor's sample with the listed differences: whole seconds, one participant, no blanks in ids. None: no body."""
    if not (folder / "request.json").exists():
        return None
    sample = (folder / "request.json").read_text(encoding="utf-8")
    body: dict[str, Any] = json.loads(re.sub(r"(T\d\d:\d\d:\d\d)\.\d+", r"\1", sample))
    if "participant" in body:
        body["participant"] = dict(list(body["participant"].items())[:1])
    return _without_blanks_in_ids(body)


def _without_blanks_in_ids(body: dict[str, Any]) -> dict[str, Any]:
    """An id or token of the sample reads `sample string 1`, and Vitec's own hold no blanks."""
    for key, value in body.items():
        if isinstance(value, dict):
            _without_blanks_in_ids(value)
        elif re.search(r"^id$|Id$|^recipients$|^data$", key):
            body[key] = json.loads(re.sub(r"sample string (?=\d)", "sample_string_", json.dumps(value)))
    return body


def answers_of(folder: Path) -> list[dict[str, Any]]:
    """Answers, each with the outcome that it must have."""
    answers: list[dict[str, Any]] = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
    return answers
