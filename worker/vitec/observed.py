"""The trace of an answer that is not as documented: the beginning of its text, and its shape.

The text is Vitec's and may be personal, so it is for the database alone; the shape holds no data.
"""

import json
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from worker.errors import VitecError
from worker.kind import Answer
from worker.shapes import pattern_of, shape_of
from worker.vitec.classify import NO_2XX, UnusableAnswer
from worker.vitec.error_text import clean, decode
from worker.vitec.retry_after import GarbageError, retry_after

_ROOT = re.compile(r"(?:<\?xml[^>]{0,200}\?>)?\s*<(?:[A-Za-z]\w{0,20}:)?([A-Za-z]\w{0,40})", re.ASCII)
_JSON_BEGINS: Final = '{["'


class Trace(NamedTuple):
    """The beginning of one answer, and its shape, as an attempt keeps them."""

    text: str | None = None
    shape: str | None = None


NOTHING_KEPT: Final = Trace()
"""Of an answer as documented, and where there was none."""


def trace_of(answer: Answer | VitecError | None) -> Trace:
    """Give the trace of a complete 2xx answer, or the one that an error carries. Never raises."""
    if answer is None or isinstance(answer, VitecError):
        return NOTHING_KEPT if answer is None else Trace(answer.answer_text, answer.answer_shape)
    return _trace(answer.body)


def trace_of_unusable(answer: UnusableAnswer) -> Trace:
    """Give the trace of an answer that is no complete 2xx. Never raises."""
    trace = _trace(answer.body)
    if trace.shape is None:
        return trace
    cut_off = "" if answer.flaw == NO_2XX else "cut off: "
    return trace._replace(shape=f"{cut_off}{trace.shape}{_describe_wait(answer.headers)}")


def _trace(body: bytes) -> Trace:
    try:
        text = decode(body)
        return Trace(clean(text) or None, _shape_of_text(text))
    except Exception:  # noqa: BLE001 (what is kept for people to read must never cost the outcome)
        return NOTHING_KEPT


def _shape_of_text(text: str) -> str:
    text = text.strip()
    if not text:
        return "empty"
    try:
        return shape_of(json.loads(text, parse_constant=_refuse_constant))
    except (ValueError, RecursionError):
        pass
    if text[:14].lower().startswith(("<!doctype html", "<html")):
        return "HTML page"
    if root := _ROOT.match(text):
        return f"XML {root[1]}"
    return f"not JSON, begins with {text[0]}" if text[0] in _JSON_BEGINS else f"not JSON ({pattern_of(text)})"


def _refuse_constant(constant: str) -> float:
    raise ValueError(constant)


def _describe_wait(headers: Mapping[str, str]) -> str:
    value = headers.get("Retry-After")
    if value is None:
        return ""
    try:
        retry_after(value, None)
    except GarbageError:
        return "; Retry-After unreadable"
    return f"; Retry-After {'in seconds' if value.strip().isdigit() else 'as a date'}"
