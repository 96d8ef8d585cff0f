"""Answers as values, in every form that Connect is known or feared to use."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from zlib import crc32

JSON: Final = "application/json; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"
SERVER: Final = "vitec-sync-sandbox"


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A status, a body, and the headers that differ between answers."""

    status: int
    body: bytes = b""
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=())

    @property
    def reason(self) -> str:
        return HTTPStatus(self.status).phrase

    def header_lines(self, date: str) -> list[tuple[str, str]]:
        """Give all headers but the two that say how long the body is."""
        kind = [("Content-Type", self.content_type)] if self.content_type else []
        return [("Server", SERVER), ("Date", date), *kind, *self.headers]

    def head(self, date: str, *, length: int | None = None, chunked: bool = False) -> bytes:
        """Write the bytes before the body, for a fault that sends them itself. The length may be a lie."""
        lines = [f"HTTP/1.1 {self.status} {self.reason}"]
        lines += [f"{name}: {value}" for name, value in self.header_lines(date)]
        if chunked:
            lines.append("Transfer-Encoding: chunked")
        elif self.status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {len(self.body) if length is None else length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def json_answer(status: int, value: Any, *headers: tuple[str, str]) -> HttpAnswer:
    return HttpAnswer(status, json.dumps(value, ensure_ascii=False).encode(errors="replace"), JSON, headers)


def html_answer(status: int, title: str, *headers: tuple[str, str]) -> HttpAnswer:
    page = f"<!DOCTYPE html><html lang=sv><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return HttpAnswer(status, page.encode(), HTML, headers)


def message_answer(status: int, text: str, *headers: tuple[str, str]) -> HttpAnswer:
    return json_answer(status, {"message": text}, *headers)


def login_refused(subject: str) -> HttpAnswer:
    """Make a 401: as HTML for some requests, without a body for others; the path decides which."""
    challenge = ("WWW-Authenticate", 'Basic realm="Vitec Connect (stand-in)"')
    if _choose_variant(subject, 2):
        return html_answer(401, "401 - Åtkomst nekad", challenge)
    return HttpAnswer(401, headers=(challenge,))


@dataclass(frozen=True, slots=True)
class Complaint:
    """One field of a request, and the error in it, in Swedish."""

    name: str
    text: str


def validation_refused(complaints: Sequence[Complaint], subject: str) -> HttpAnswer:
    """Make a 400 in one of five shapes that .NET servers are seen to use, since Connect's own is not published.

    The same request always gets the same shape. Keys differ in case between shapes, since a client must not mind it.
    """
    texts = [complaint.text for complaint in complaints]
    by_field: dict[str, list[str]] = {}
    for complaint in complaints:
        by_field.setdefault(complaint.name, []).append(complaint.text)
    shapes: tuple[dict[str, Any], ...] = (
        {"validationErrors": texts},
        {"ValidationErrors": texts},
        {"message": "Begäran är ogiltig.", "modelState": by_field},
        {"Message": " ".join(texts)},
        {"message": "", "messageDetail": " ".join(texts)},
    )
    return json_answer(400, shapes[_choose_variant(subject, len(shapes))])


def _choose_variant(subject: str, number: int) -> int:
    return crc32(subject.encode("utf-8", "replace")) % number
