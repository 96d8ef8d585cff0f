"""Writes the tables of docs/fidelity.md from the declarations: `python -m tests.kinds.fidelity` brings the page up to date."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from run import ROOT
from worker.kind import cells
from worker.kind.cells import LARGEST_NUMBER, LONGEST_LIST, LONGEST_TEXT
from worker.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.kind import Kind

PAGE = ROOT / "docs" / "fidelity.md"
BLOCK = re.compile(r"(?<=<!-- the kinds -->\n).*(?=<!-- end of the kinds -->)", re.DOTALL)

PLAIN = {
    cells.text: f"text, at most {LONGEST_TEXT:,} characters",
    cells.token: f"token, percent-decoded once, at most {LONGEST_TEXT:,} characters",
    cells.body_id: "id of letters, digits, _ and -, at most 64",
    cells.path_id: "id of letters, digits, _ and -, at most 64",
    cells.moment: "time",
    cells.moment_or_day: "time, or a date if it lasts the whole day",
    cells.flag: "yes or no",
}


def limit_of(read: Callable[[Any], Any]) -> str:
    """Say what a reader takes."""
    if read in PLAIN:
        return PLAIN[read]
    given = inspect.getclosurevars(read).nonlocals
    match read.__qualname__.partition(".")[0]:
        case "number":
            high = "" if given["high"] == LARGEST_NUMBER else f" to {given['high']}"
            return f"whole number, {given['low']}{high or ' or more'}"
        case "one_of":
            swedish = ", or Swedish for one" if len(given["word_by_form"]) > len(given["words"]) else ""
            return f"one of {', '.join(given['words'])}{swedish}"
        case "listed":
            return f"list of at most {LONGEST_LIST:,}, each {limit_of(given['read_one'])}"
        case "once_each":
            return f"{limit_of(given['read_list'])}, none twice"
    raise LookupError(f"no words for the reader {read.__qualname__}")


def table_of(kind: type[Kind]) -> str:
    """Give the table of one kind."""
    lines = [
        f"### {kind.kind}: {kind.method} {kind.path}",
        "",
        "| field | headings of the documents | must be filled | what is taken |",
        "| --- | --- | --- | --- |",
    ]
    for name, field in kind.model_fields.items():
        (cell,) = (mark for mark in field.metadata if isinstance(mark, cells.Cell))
        headings = ", ".join(kind.naming.documented.get(name, (cell.name, "Kund-id", "Kundid")))
        must = "yes" if name in kind.required else ""
        lines.append(f"| {name} | {headings} | {must} | {limit_of(cell.read)} |")
    return "\n".join(lines)


def tables() -> str:
    """Give the tables of all kinds."""
    return "\n" + "\n\n".join(map(table_of, KINDS)) + "\n\n"


if __name__ == "__main__":
    PAGE.write_text(BLOCK.sub(lambda _: tables(), PAGE.read_text("utf-8")), encoding="utf-8")
