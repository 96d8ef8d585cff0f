"""`vitec-sync codes`: the meaning of each code, and what helps."""

from typing import Annotated, Any

import typer

from worker import bootstrap
from worker.cli import terminal
from worker.cli.options import check_words
from worker.codes.language import Language
from worker.codes.registry import CODES, Code, explain_code


def codes(
    code: Annotated[list[str] | None, typer.Argument(metavar="CODE", help="Only these codes.")] = None,
    language: Annotated[
        Language | None, typer.Option(help="en or sv; as LANGUAGE says if left out.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what a code means and what helps: of operations, holds, rejected rows and refused files.

    The codes stand in the column error_code of results, and in the --json of list, show, rejected and import. They stay
    the same; the sentences beside them may be said better one day.
    """
    wanted = check_words(code, CODES, "code", "CODE")
    chosen = language or bootstrap.settings().language
    rows = [_as_data(entry, chosen) for name, entry in CODES.items() if not wanted or name in wanted]
    if as_json:
        terminal.print_json(rows)
        return
    for row in rows:
        kinds = f" ({', '.join(row['kinds'])})" if row["kinds"] else ""
        terminal.print_line(f"{row['code']}: {', '.join(row['uses'])}{kinds}", "bold")
        terminal.print_line(f"  {row['text']} {row['remedy']}")


def _as_data(entry: Code, language: Language) -> dict[str, Any]:
    meaning = explain_code(entry.code, None, language)
    return {
        "code": entry.code,
        "uses": [use.value for use in entry.uses],
        "kinds": list(entry.kinds),
        "text": meaning.text,
        "remedy": meaning.remedy,
    }
