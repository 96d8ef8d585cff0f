"""Cells that a spreadsheet would run as a formula: disarmed on the way out, restored on the way in."""

import re

# Leading apostrophes belong to the pattern so that disarming and restoring are exact opposites of one another.
_FORMULA = re.compile(r"'*\s*[=+\-@\t\r]")


def escape_formula(cell: str) -> str:
    """Put an apostrophe before a cell that starts, also after spaces, with = + - @, a tab or a carriage return."""
    return "'" + cell if _FORMULA.match(cell) else cell


def unescape_formula(cell: str) -> str:
    """Take away the apostrophe that `disarm`, or a spreadsheet, put before a formula."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
