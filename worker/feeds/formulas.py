"""Cells that a spreadsheet would run as a formula: escaped on the way out, and as they were on the way in."""

import re

# Leading apostrophes belong to the pattern, so that escaping and unescaping are exact opposites.
_FORMULA = re.compile(r"'*\s*[=+\-@\t\r]")


def escape_formula(cell: str) -> str:
    """Put an apostrophe before a cell that a spreadsheet would run: its first character, also after spaces, is = + - @, a tab or a CR."""
    return "'" + cell if _FORMULA.match(cell) else cell


def unescape_formula(cell: str) -> str:
    """Take away the apostrophe that `escape_formula`, or a spreadsheet, put before a formula."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
