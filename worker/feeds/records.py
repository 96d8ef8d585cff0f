"""Where the records of a delimited text begin and end, in constant memory however long a cell is."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import BinaryIO, TextIO, cast

from worker.feeds.source import MAX_ROW

PIECE = 64 * 1024
"""Characters read at a time: twice as many are what a line without an end costs."""


class _Borrowed(io.BufferedIOBase):
    """A file that a text layer may read and drop without closing it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def read1(self, size: int | None = -1, /) -> bytes:
        return self._file.read(PIECE if size is None or size < 0 else size)


def open_text(file: BinaryIO, encoding: str) -> TextIO:
    """Read an open file as text from its beginning; lines break at \\n only, and keep their line breaks."""
    file.seek(0)
    return io.TextIOWrapper(cast("BinaryIO", _Borrowed(file)), encoding=encoding, newline="\n")


class QuoteError(Exception):
    """Quotes that do not pair up. From there on nobody can say where a row ends."""

    def __init__(self, line: int, wrong: str) -> None:
        super().__init__(wrong)
        self.line = line
        self.wrong = wrong


Record = tuple[int, str | None]
"""The line on which a record begins, and its text with its line break: None when it is longer than `MAX_ROW`, and not kept."""


class _State(Enum):
    CELL_STARTS = auto()
    PLAIN = auto()
    QUOTED = auto()
    QUOTE_SEEN = auto()
    """In a quoted cell, after a quote: either its end, or the first half of a doubled one."""


def records(text: TextIO, delimiter: str) -> Iterator[list[Record]]:
    """Cut a text of `open_text` into records, and give them by the piece.

    A quote counts only where a cell begins with it, as RFC 4180 and Python's csv module have it.
    """
    # One match in C settles nearly every record; only one that is broken, or longer than a piece, is walked through.
    cell = rf'(?:"[^"]*+(?:""[^"]*+)*+"|[^"{delimiter}\r\n][^{delimiter}\r\n]*+|)'
    whole = re.compile(rf"{cell}(?:{delimiter}{cell})*+\r?\n").match
    line, left = 1, ""
    while piece := left if len(left) >= PIECE else left + text.read(PIECE):
        found, at = list[Record](), 0
        while record := whole(piece, at):
            found.append((line, record.group()))
            line, at = line + piece.count("\n", at, record.end()), record.end()
        left = piece[at:]
        if not found:
            walk = _Walk(delimiter, line)
            record_text, left = _long_record(text, piece, walk)
            found, line = [(line, record_text)], walk.line
        yield found


def _long_record(text: TextIO, piece: str, walk: "_Walk") -> tuple[str | None, str]:
    """Read on to the end of the record that `piece` begins, and give it and what is left of the last piece."""
    length, kept, at = 0, list[str](), 0
    while piece:
        end = piece.find("\n", at) + 1 or len(piece)
        part = piece[at:end]
        length += len(part)
        if length <= MAX_ROW:
            kept.append(part)
        at = end
        if walk.ends_with(part):
            break
        if at == len(piece):
            piece, at = text.read(PIECE), 0
    if walk.state is _State.QUOTED:
        raise QuoteError(walk.opened, "a quote is opened and never closed")
    return "".join(kept) if length <= MAX_ROW else None, piece[at:]


@dataclass(slots=True)
class _Walk:
    """A walk through one record, from quote to quote and from delimiter to delimiter."""

    delimiter: str
    line: int
    state: _State = _State.CELL_STARTS
    opened: int = 0
    """The line of the quote that was opened last."""

    def ends_with(self, piece: str) -> bool:
        """Walk through the next piece and say whether the record ends with it."""
        at = 0
        while 0 <= at < len(piece):
            at = self._step(piece, at)
        ends = piece.endswith("\n")
        self.line += ends
        return ends and self.state is not _State.QUOTED

    def _step(self, piece: str, at: int) -> int:
        """Where to go on in the piece; -1 when there is nothing more to see in it."""
        match self.state:
            case _State.CELL_STARTS if piece[at] == '"':
                self.state, self.opened = _State.QUOTED, self.line
                return at + 1
            case _State.CELL_STARTS | _State.PLAIN:
                return self._find(self.delimiter, piece, at, _State.PLAIN, _State.CELL_STARTS)
            case _State.QUOTED:
                return self._find('"', piece, at, _State.QUOTED, _State.QUOTE_SEEN)
            case _State.QUOTE_SEEN:
                self.state = self._after_quote(piece[at])
                return at + 1

    def _find(self, what: str, piece: str, at: int, absent: _State, present: _State) -> int:
        found = piece.find(what, at)
        self.state = absent if found < 0 else present
        return found + 1 if found >= 0 else -1

    def _after_quote(self, character: str) -> _State:
        if character == '"':
            return _State.QUOTED
        if character == self.delimiter:
            return _State.CELL_STARTS
        if character in "\r\n":
            return _State.QUOTE_SEEN
        raise QuoteError(self.line, "a quoted cell goes on after its closing quote")
