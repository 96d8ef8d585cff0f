"""Opens an export: its content chooses the reader, never its name."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Final

from worker.feeds.containers import MARKS, unpack
from worker.feeds.content import HeadingTest, PrivateCopy, TextSource, copy_file
from worker.feeds.delimited import open_delimited
from worker.feeds.encodings import detect_encoding
from worker.feeds.foreign import refuse_binary, refuse_foreign_text
from worker.feeds.jsonlines import open_json
from worker.feeds.known_headings import is_known_heading
from worker.feeds.source import OpenExport
from worker.feeds.workbook import open_old_workbook, open_workbook
from worker.feeds.zip_directory import workbook_form

BinaryReader = Callable[[PrivateCopy], OpenExport]
"""Describes a file of a binary form and reads it to its end, or raises `FileRefused`."""

_JSON = re.compile(r'\{|\[\s*(?:[{\[\]"\d-]|true|false|null|$)|"[{\[]|//|/\*')
"""The first characters of JSON that a CSV file does not begin with: `[Id]` in brackets is a heading."""

_LONE_CR = re.compile(r"[^\r\n]*\r(?!\n)")
"""A text with a first line that ends in a lone carriage return."""

_HEAD = 64 * 1024
"""Characters by which the form and the line ends of a file of text are told."""


@contextmanager
def open_feed(path: Path, is_heading: HeadingTest = is_known_heading) -> Iterator[OpenExport]:
    """Open an export and read it once to its end, or raise `FileRefused`. Its content chooses the reader, not its name.

    `is_heading` tells the headings that the caller knows, by default those of the kinds. All is read from a private copy:
    a file that is written to while it is copied is refused, and after that nothing that is done to it matters.
    """
    with ExitStack() as resources:
        yield read_content(copy_file(path, resources, is_heading))


def read_content(content: PrivateCopy) -> OpenExport:
    """Read a file that is copied, or the one in a container: a binary form by its first bytes, all else as text."""
    start = content.start()
    signature = next(filter(start.startswith, BINARY_READERS), None)
    if signature is not None:
        return BINARY_READERS[signature](content)
    refuse_binary(content.name, start)
    encoding, may_be_damaged = detect_encoding(content)
    content.end_lines_at_mark()
    # Lines break at \n only, and keep their line breaks.
    text = TextIOWrapper(content.file, encoding=encoding, newline="\n")
    head = _read_head(text)
    if _LONE_CR.match(head):
        # Lines that end in a lone carriage return; Python's own newline handling makes \n of them.
        text = TextIOWrapper(text.detach(), encoding=encoding, newline=None)
    content.resources.callback(text.detach)
    refuse_foreign_text(content.name, head)
    reader = open_json if _JSON.match(head) else open_delimited
    return reader(TextSource(text, encoding, may_be_damaged, content))


def _read_head(text: TextIOWrapper) -> str:
    """Return the first characters that are not blank."""
    text.seek(0)
    while head := text.read(_HEAD):
        if head := head.lstrip(" \t\r\n\ufeff"):
            return head
    return ""


def _read_packed(content: PrivateCopy) -> OpenExport:
    """Read the file in an archive, or a workbook that is a zip."""
    form = workbook_form(content) if content.start().startswith(b"PK") else None
    return open_workbook(content, form) if form else read_content(unpack(content))


BINARY_READERS: Final[Mapping[bytes, BinaryReader]] = {
    **dict.fromkeys(MARKS, _read_packed),
    b"\xd0\xcf\x11\xe0": open_old_workbook,
}
"""The reader of a file by its first bytes; all other files are text, or refused by name (`foreign`)."""
