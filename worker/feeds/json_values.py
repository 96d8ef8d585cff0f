"""JSON values, decoded strictly: text becomes the value it holds, or the reason why it holds none."""

import json
import re
from typing import Any, Final, NoReturn

from worker.feeds.letters import describe_damage
from worker.feeds.source import MAX_CELL, BadRow

CUT_OFF = "it ends in the middle: it may be cut off"
_COMMENT = "a comment, which JSON does not have"
ONE_OBJECT = "Write one JSON object a line"
_CORRECT = "Correct it in the CRM, or export it again in UTF-8."
_WORDS = re.compile(r"-?(?:NaN|Infinity|None|True|False|undefined|nan|inf)\b")


class RepeatedKey(Exception):  # noqa: N818 (a fact)
    """A key stands twice in an object."""


class NoJsonNumber(ValueError):  # noqa: N818 (a fact)
    """A word such as NaN stands where JSON has a number."""


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise RepeatedKey
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise NoJsonNumber(name)


DECODER: Final = json.JSONDecoder(object_pairs_hook=_refuse_repeated_keys, parse_constant=_refuse_constant)
LENIENT_DECODER: Final = json.JSONDecoder()
"""Accepts what `DECODER` objects to in a value that is JSON otherwise."""


def check_text(line: int, value: dict[str, Any], text: str, *, may_be_damaged: bool) -> BadRow | None:
    """Reject an object with a text that no database could keep, with a damaged letter, or that is too long."""
    if "\\u" in text or may_be_damaged:
        # A half of a surrogate pair is legal in JSON's escapes, and no character.
        plain = json.dumps(value, ensure_ascii=False)
        try:
            plain.encode()
        except UnicodeEncodeError:
            return BadRow(line, "not_text", "a value holds half a character (a lone surrogate)", "Export it as UTF-8.")
        if damage := describe_damage(plain):
            column = next(
                (key for key, cell in value.items() if describe_damage(json.dumps(cell, ensure_ascii=False))), None
            )
            return BadRow(line, damage[0], damage[1], _CORRECT, column)
    for key, cell in value.items():
        # Lists and objects are bounded by the line, and judged by the kind.
        if isinstance(cell, str) and len(cell) > MAX_CELL:
            reason = f"the value is longer than {MAX_CELL:,} characters"
            return BadRow(line, "cell_too_long", reason, f"Shorten it to {MAX_CELL:,} characters.", key)
    return None


def decode_line(line: int, text: str) -> dict[str, Any] | BadRow:
    """Decode a line that should hold one object."""
    try:
        value = DECODER.decode(text)
    except (ValueError, RecursionError, RepeatedKey) as error:
        return bad_row_of(line, text.strip(), error)
    if isinstance(value, dict):
        return value
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        remedy = "Export the objects themselves."
        return BadRow(line, "not_json", "the line is a text that holds JSON: it was encoded twice", remedy)
    return BadRow(line, "not_json", "the line is JSON, but not an object", f"{ONE_OBJECT}.")


def bad_row_of(line: int, text: str, error: Exception) -> BadRow:
    """Reject a line, or an object, and name what is wrong with it."""
    if isinstance(error, RepeatedKey):
        return BadRow(line, "repeated_key", "a key stands twice in the object", "Keep one of the two.")
    if isinstance(error, RecursionError):
        return BadRow(line, "not_json", "the object is nested too deeply", f"{ONE_OBJECT}.")
    return BadRow(line, "not_json", f"not valid JSON: {_explain(text, error)}", f"{ONE_OBJECT}.")


def _explain(text: str, error: Exception) -> str:
    """Say what is wrong with a text that is no JSON, without a word of it."""
    if isinstance(error, NoJsonNumber):
        return f"{error}, which JSON does not have, stands for a number"
    if text.startswith(("//", "/*", "#")):
        return _COMMENT
    if not isinstance(error, json.JSONDecodeError):
        return "a number has too many digits"
    rest_of_text, before = text[error.pos :], text[: error.pos].rstrip()
    if error.msg == "Extra data":
        only_comma = rest_of_text.rstrip() == ","
        return "a comma stands after the object" if only_comma else "more stands in the line behind the object"
    if not rest_of_text or (error.msg.startswith("Unterminated string") and not text.endswith("}")):
        return CUT_OFF
    if rest_of_text[0] in "}]" and before.endswith(","):
        return "a comma stands before a closing bracket"
    return _explain_sign(rest_of_text, error)


def _explain_sign(rest_of_text: str, error: json.JSONDecodeError) -> str:
    """Name the sign at which JSON ends."""
    if rest_of_text[0] == "'":
        return "single quotes stand where JSON has double ones"
    if rest_of_text.startswith(("//", "/*", "#")):
        return _COMMENT
    if word := _WORDS.match(rest_of_text):
        return f"{word[0]}, which JSON does not have, stands for a value"
    if error.msg.startswith("Invalid control character"):
        return "a line break or another control character stands in a text"
    return f"at its character {error.pos + 1}"
