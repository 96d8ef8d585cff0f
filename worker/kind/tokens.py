"""Tokens of Vitec's, as they stand in the address of an order."""

import re
from typing import Any, Final
from urllib.parse import unquote

from worker.kind.damage import CONTROLS, LONGEST_TEXT, content_of
from worker.kind.problems import BadCell

_TOKEN = re.compile("[!#-&(-+./0-9:=?@A-Z\\[\\]_a-z~-]+")
"""No quotes, nor the signs that stand between several values or around one."""

_BROKEN_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_QUOTED_PRINTABLE = re.compile(r"=(?:3D|2B|2F|20|25|0D|0A|09)|=\s")
_PART_OF_ADDRESS = re.compile(r"://|&(?:\w+=|amp;)|^[?&]|^(?:token|data|customerid)=|^(?:token )?data$", re.IGNORECASE)
_CHANGED_NUMBER = re.compile(r"\d+[.,]\d+E[+-]?\d+|\d+E\+\d+", re.ASCII)
_COPY: Final = "Copy the token from the URL as it stands."


def token(raw: Any) -> str | None:
    """Read a token as it stands in a URL, percent-decoded exactly once. Plus signs belong to base64 and stay."""
    content = content_of(raw)
    if content is None:
        return None
    if len(content) > LONGEST_TEXT:
        raise BadCell("too_long", f"it is longer than {LONGEST_TEXT} characters", _COPY)
    if _PART_OF_ADDRESS.search(content):
        raise BadCell("bad_token", "it is no token, but a heading or more of the URL", "Copy the token alone.")
    if _BROKEN_PERCENT.search(content):
        raise _bad("its percent-encoding is broken")
    try:
        decoded = content_of(unquote(content, errors="strict"))
    except UnicodeDecodeError:
        raise _bad("its percent-encoding is broken") from None
    if decoded is not None:
        _check(decoded)
    return decoded


def _check(decoded: str) -> None:
    if CONTROLS.search(decoded):
        raise BadCell("control_character", "it holds a control character", _COPY)
    if "%" in decoded:
        raise _bad("it is still percent-encoded after it was decoded once")
    if _QUOTED_PRINTABLE.search(decoded):
        raise _bad("it stands in the form of an e-mail (=3D)")
    if re.search(r"\s", decoded):
        raise _bad("a token has no blanks: a plus sign was lost, or more than a token stands in the cell")
    if _CHANGED_NUMBER.fullmatch(decoded):
        raise BadCell("changed_by_spreadsheet", "it has become a number in a spreadsheet", _COPY)
    if not _TOKEN.fullmatch(decoded):
        raise _bad("it holds characters that no token has")


def _bad(reason: str) -> BadCell:
    return BadCell("bad_token", reason, _COPY)
