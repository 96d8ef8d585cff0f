"""Vitec's own text out of an answer of whatever shape, made harmless for a database and a terminal."""

import codecs
import json
import unicodedata
from collections.abc import Iterator
from typing import Any

TEXT_AT_MOST = 500
"""Characters that are kept."""


def error_text(body: bytes) -> str | None:
    """Give the answer's text, for the database: one line, at most 500 characters, none of them a control character.

    The shape of Vitec's errors is not published. Keys are compared without regard to case, in this order:
    `validationErrors`, `modelState`, `message`, `exceptionMessage`, `messageDetail`; failing these, the text itself.
    """
    text = decode(body)
    try:
        message = _message_of(json.loads(text))
    except (ValueError, RecursionError):
        message = None
    return clean(message or text) or None


def clean(text: str) -> str:
    """Give one line without control characters, invisible ones, or anything a database or a terminal would stumble over."""
    # The text far beyond the limit need not be looked at; one visible character may stand behind some invisible ones.
    visible = (" " if unicodedata.category(sign)[0] == "C" else sign for sign in text[: 20 * TEXT_AT_MOST])
    return " ".join("".join(visible).split())[:TEXT_AT_MOST].rstrip()


def decode(body: bytes) -> str:
    """Give the body as text, whatever it is and wherever it was cut off: UTF-8, UTF-16 or UTF-32, else Windows-1252."""
    encoding = json.detect_encoding(body)
    if not encoding.startswith("utf-8"):
        return body.decode(encoding, errors="replace")
    try:
        # A last character that is cut off is left out.
        return codecs.getincrementaldecoder("utf-8-sig")().decode(body)
    except UnicodeDecodeError:
        return body.decode("cp1252", errors="replace")


def _message_of(answer: Any) -> str | None:
    if isinstance(answer, str):
        return answer
    if not isinstance(answer, dict):
        return None
    by_key = {key.casefold(): value for key, value in answer.items()}
    for key in ("validationerrors", "modelstate", "message", "exceptionmessage", "messagedetail"):
        text = "; ".join(_sentences(by_key.get(key)))
        if text:
            return text
    return None


def _sentences(value: Any) -> Iterator[str]:
    match value:
        case None | "":
            return
        case list():
            for item in value:
                yield from _sentences(item)
        case dict():
            for key, item in value.items():
                yield f"{key}: {', '.join(_sentences(item))}"
        case _:
            yield str(value)
