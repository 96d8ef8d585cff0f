"""The shared strings of a workbook, on disk: however many there are, memory holds eight bytes for each."""

import os
import re
from array import array
from functools import lru_cache
from tempfile import TemporaryFile
from typing import Final
from weakref import finalize
from zipfile import ZipFile

from worker.sheets.sheet import MAX_KEPT
from worker.sheets.xml import damaged, read_part

_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")


def unescape(text: str) -> str:
    """Read the characters that a workbook writes as _x000D_."""
    if "_x" in text:
        text = _ESCAPED.sub(lambda code: chr(int(code[1], 16)), text)
    return text.replace("\r\n", "\n")


class SharedStrings:
    """The texts in their order. Of a text with formatting all parts are one, without what is to be pronounced."""

    def __init__(self, archive: ZipFile, part: str | None) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 (open as long as the texts are asked for)
        finalize(self, self._file.close)
        self._offsets = array("Q", [0])
        self._texts: list[str] = []
        self._is_text = self._is_reading = False
        self._length = 0
        if part is not None:
            for _ in read_part(archive, part, self):
                pass
        self._file.flush()
        self.text_at = lru_cache(maxsize=2048)(self._read)

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        """Begin an element."""
        if name == "si":
            self._texts.clear()
            self._is_text, self._length = True, 0
        elif name == "rPh":
            self._is_text = False
        elif name == "t":
            self._is_reading = self._is_text

    def end(self, name: str) -> None:
        """End it."""
        if name == "t":
            self._is_reading = False
        elif name == "rPh":
            self._is_text = True
        elif name == "si":
            content = unescape("".join(self._texts)).encode("utf-8", "surrogatepass")
            self._file.write(content)
            self._offsets.append(self._offsets[-1] + len(content))

    def text(self, text: str) -> None:
        """Take a piece of text."""
        if self._is_reading and self._length < MAX_KEPT:
            self._texts.append(text)
            self._length += len(text)

    def _read(self, index: int) -> str:
        if not 0 <= index < len(self._offsets) - 1:
            raise damaged("a cell names a text that is not there")
        offset, end = self._offsets[index], self._offsets[index + 1]
        return os.pread(self._file.fileno(), end - offset, offset).decode("utf-8", "surrogatepass")
