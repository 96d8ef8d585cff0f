"""Prints for all commands: calm tables on a terminal, plain lines in a pipe, JSON where it is asked for."""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from worker.explaining import wording
from worker.stockholm import STOCKHOLM

STYLES = {
    "pending": "",
    "retryable": "cyan",
    "in_flight": "blue",
    "in_doubt": "bold yellow",
    "succeeded": "green",
    "failed": "red",
    "cancelled": "dim",
    "expired": "magenta",
}
"""The look of each state. A colour never says anything that a word does not say as well."""

# Characters that a terminal obeys instead of showing: C0 but tab and line feed, DEL, C1, and changes of direction.
_CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class CannotBeDone(Exception):  # noqa: N818 (a fact)
    """A wish of the person that is not possible. The text is the line to show, with the remedy."""


def make_console(*, stderr: bool = False) -> Console:
    """Give the console of the terminal, or of the pipe in its place, in the width that the person sees."""
    return Console(stderr=stderr, highlight=False, soft_wrap=False)


def is_terminal() -> bool:
    """Check whether a person reads the output directly."""
    return sys.stdout.isatty()


def is_interactive() -> bool:
    """Check whether a person is there to answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def make_visible(value: object) -> str:
    """Make a text safe to show on a terminal: control characters become visible."""
    return _CONTROL_CHARACTERS.sub(lambda match: f"\\x{ord(match[0]):02x}", str(value))


def as_words(value: object) -> str:
    """Write one of our words (`in_flight`) as people say it; empty for None."""
    return "" if value is None else make_visible(value).replace("_", " ")


def style_state(value: str) -> Text:
    """Write a state's word in its look."""
    return Text(as_words(value), style=STYLES.get(value, ""))


def format_moment(
    value: datetime | None, *, at: datetime | None = None, seconds: bool = True, zone: bool = True
) -> str:
    """Write a moment as `wording.format_moment` does. Empty for None."""
    return "" if value is None else wording.format_moment(value, at, seconds=seconds, zone=zone)


def format_duration(duration: timedelta) -> str:
    """Write a length of time in its largest fitting unit: 40 s, 12 min, 5 h, 3 days."""
    seconds = max(0, round(duration.total_seconds()))
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def count_noun(number: int, singular: str, plural: str | None = None) -> str:
    """Write a number with its noun."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}".replace(",", "\N{NO-BREAK SPACE}")


def print_line(text: str = "", style: str = "") -> None:
    """Print one line of text, wrapped on a terminal only."""
    if is_terminal():
        make_console().print(Text(make_visible(text), style=style))
    else:
        sys.stdout.write(make_visible(text) + "\n")


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Iterable[int] = ()) -> None:
    """Print rows under headings. In a pipe: a line each, cells parted by tabs. `numbers`: columns set to the right."""
    if is_terminal():
        make_console().print(_draw_table(headings, rows, frozenset(numbers)))
        return
    _write_lines((headings, *rows))


def _write_lines(rows: Iterable[Sequence[object]]) -> None:
    for row in rows:
        cells = (make_visible(cell.plain if isinstance(cell, Text) else cell) for cell in row)
        sys.stdout.write("\t".join(re.sub(r"[\t\n]+", " ", cell) for cell in cells) + "\n")


def _draw_table(headings: Sequence[str], rows: Iterable[Sequence[object]], numbers: frozenset[int]) -> Table:
    drawn = Table(box=box.SIMPLE_HEAD, header_style="dim", padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for number, heading in enumerate(headings):
        drawn.add_column(heading, justify="right" if number in numbers else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(cell if isinstance(cell, Text) else Text(make_visible(cell)) for cell in row))
    return drawn


def print_pairs(rows: Iterable[tuple[str, object]]) -> None:
    """Print names with their values, one below the other; those without a value are left out. In a pipe: with a tab."""
    filled = [(name, value) for name, value in rows if value is not None and value != ""]
    if not is_terminal():
        _write_lines(filled)
        return
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in filled:
        shown: RenderableType = value if isinstance(value, Text) else Text(make_visible(value))
        grid.add_row(name, shown)
    make_console().print(grid)


def print_heading(text: str) -> None:
    """Print a heading with a line of air above it."""
    print_line()
    print_line(text, "bold")


def print_json(value: object) -> None:
    """Print data for a program, on standard output: times with Stockholm's offset, control characters escaped."""
    indent = 2 if is_terminal() else None
    text = json.dumps(value, default=_as_plain, ensure_ascii=False, indent=indent, allow_nan=False)
    sys.stdout.write(re.sub("[\x7f-\x9f]", lambda match: f"\\u{ord(match[0]):04x}", text) + "\n")


def as_plain_row(mapping: Mapping[Any, Any], *, without: Iterable[str] = ()) -> dict[str, Any]:
    """Make a dictionary of a database row, for `as_json`."""
    left_out = frozenset(without)
    return {str(key): value for key, value in mapping.items() if str(key) not in left_out}


def _as_plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(STOCKHOLM).isoformat(timespec="seconds")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(type(value).__name__)


def print_error(text: str) -> None:
    """Print one line about an error, on standard error."""
    sys.stderr.write(re.sub(r"\s*\n\s*", " ", make_visible(text)) + "\n")
