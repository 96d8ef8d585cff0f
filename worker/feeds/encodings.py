"""The encoding of a file of text: recognised with certainty, or the file is refused with the place and the probable one."""

import codecs
import re
from collections.abc import Iterator
from itertools import chain
from typing import Final, NamedTuple

from worker.feeds.content import PrivateCopy
from worker.feeds.letters import LetterCounts, count_letters, may_be_damaged
from worker.feeds.source import CHUNK, ENCODING_LABELS, FileRefused

_SAVE = "Export it as CSV in UTF-8"
_WRONG = "wrong_encoding"
_BOMS: Final = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""The longer marks first: UTF-32's begins with that of UTF-16."""

_UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_SEQUENCES = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_SWEDISH_UTF8 = re.compile(rb"[\xc2\xc3][\x80-\xbf]|\xe2\x80[\x80-\xbf]")
"""Letters and signs of UTF-8 that no text in Windows-1252 has: another two may stand side by side, as in VILLA SJÖ and a quote."""

_ASCII = bytes(range(128))
_ALMOST_ALL = 0.8
_SURE = 3


class Encoding(NamedTuple):
    """The codec of a file, and whether letters of it may be damaged all the same."""

    codec: str
    may_be_damaged: bool


def detect_encoding(content: PrivateCopy) -> Encoding:
    """Return the encoding of a file of text, or raise `FileRefused`: empty, binary, or in one that is not known."""
    start = content.start()
    encoding = next((codec for bom, codec in _BOMS.items() if start.startswith(bom)), "utf-8")
    if encoding == "utf-32":
        raise FileRefused(content.name, "wrong encoding: this is UTF-32", _SAVE, _WRONG)
    broken_at, damage = _find_broken_byte(content, encoding)
    return Encoding(encoding, damage) if broken_at is None else _guess_other_encoding(content, encoding, broken_at)


def _find_broken_byte(content: PrivateCopy, encoding: str) -> tuple[int | None, bool]:
    """Return the offset of the first byte that the encoding cannot explain, and whether letters may be damaged."""
    # The byte order mark is left in: a decoder that takes it away counts offsets from behind it.
    decoder = codecs.getincrementaldecoder("utf-8" if encoding == "utf-8-sig" else encoding)()
    size, broken_at, blank, damage, end_of_text = 0, None, True, False, ""
    for chunk in chain(content.chunks(), [b""]):
        if encoding != "utf-16" and b"\0" in chunk:
            raise _refusal_of_zero_byte(content, size + chunk.index(b"\0"))
        if broken_at is None:
            undecoded = len(decoder.getstate()[0])
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                broken_at = size - undecoded + error.start
            else:
                blank = blank and not text.strip("\ufeff\x1a \t\r\n")
                damage = damage or (not text.isascii() and may_be_damaged(end_of_text + text))
                end_of_text = text[-2:]
                if "\0" in text:
                    wrong = f"the file is binary, or damaged (a zero character at or after byte {size})"
                    raise FileRefused(content.name, wrong, _SAVE, "zero_bytes")
        size += len(chunk)
    if blank and broken_at is None:
        raise FileRefused(content.name, "the file is empty", "Export it again", "empty_file")
    return broken_at, damage


def _refusal_of_zero_byte(content: PrivateCopy, offset: int) -> FileRefused:
    """Tell UTF-16 and UTF-32 without a mark by the places of their zero bytes; else the file is binary, or padded."""
    content.file.seek(offset & ~3)
    sample = content.file.read(4096)
    zeros = [sample[at::4].count(0) / max(1, len(sample[at::4])) > _ALMOST_ALL for at in range(4)]
    is_utf16 = zeros in ([False, True, False, True], [True, False, True, False])
    label = "UTF-16" if is_utf16 else "UTF-32" if zeros.count(True) == _SURE else ""
    if label:
        wrong = f"wrong encoding: this seems to be {label} without its byte order mark"
        return FileRefused(content.name, wrong, _SAVE, _WRONG)
    place = _describe_place(content, offset)
    wrong = f"the file is binary, or padded with zero bytes (the first one {place})"
    return FileRefused(content.name, wrong, _SAVE, "zero_bytes")


def _guess_other_encoding(content: PrivateCopy, encoding: str, broken_at: int) -> Encoding:
    """Take a file that breaks its first encoding for Windows-1252, if it never claimed or resembled anything else."""
    place = _describe_place(content, broken_at)
    sound, unsound = (0, 0) if encoding != "utf-8" else _count_sequences(content)
    if encoding != "utf-8" or sound > unsound:
        wrong = f"wrong encoding: not {ENCODING_LABELS[encoding]} {place}"
        if broken_at >= content.size - _SURE:
            wrong += "; the file seems to be cut off there"
        raise FileRefused(content.name, wrong, _SAVE, _WRONG)
    letters = sum((count_letters(chunk) for chunk in _lines_of_bytes(content)), LetterCounts())
    probable = letters.probable_encoding
    offset = 0
    for chunk in content.chunks():
        if undefined := _UNDEFINED.search(chunk):
            wrong = (
                f"wrong encoding: neither UTF-8 nor Windows-1252 {_describe_place(content, offset + undefined.start())}"
            )
            hint = f"; this seems to be {probable}" if probable != "Windows-1252" else ""
            raise FileRefused(content.name, wrong + hint, _SAVE, _WRONG)
        offset += len(chunk)
    if probable != "Windows-1252":
        raise FileRefused(content.name, f"wrong encoding: this seems to be {probable} (first {place})", _SAVE, _WRONG)
    if (utf8_at := _find_utf8(content)) is not None:
        utf8 = _describe_place(content, utf8_at)
        wrong = f"wrong encoding: two encodings in one file, UTF-8 {utf8} and Windows-1252 {place}"
        raise FileRefused(content.name, wrong, _SAVE, _WRONG)
    return Encoding("cp1252", bool(letters.mac or letters.dos))


def _count_sequences(content: PrivateCopy) -> tuple[int, int]:
    """Count the bytes beyond ASCII that are sound UTF-8, and those that are not.

    In Windows-1252 two letters rarely look like one of UTF-8: a file with both is damaged, or put together from two.
    """
    sound = unsound = 0
    for chunk in _lines_of_bytes(content):
        in_sequences = sum(map(len, _SEQUENCES.findall(chunk)))
        sound += in_sequences
        unsound += len(chunk.translate(None, _ASCII)) - in_sequences
    return sound, unsound


def _find_utf8(content: PrivateCopy) -> int | None:
    offset = 0
    for chunk in _lines_of_bytes(content):
        if sequence := _SWEDISH_UTF8.search(chunk):
            return offset + sequence.start()
        offset += len(chunk)
    return None


def _lines_of_bytes(content: PrivateCopy) -> Iterator[bytes]:
    """Yield all bytes in pieces that end with a line, so that no word is parted; longer lines than a piece are."""
    rest_of_line = b""
    for chunk in content.chunks():
        lines, line_break, rest_of_chunk = chunk.rpartition(b"\n")
        if line_break or len(rest_of_line) > CHUNK:
            yield rest_of_line + lines + line_break
            rest_of_line = b""
        rest_of_line += rest_of_chunk
    yield rest_of_line


def _describe_place(content: PrivateCopy, offset: int) -> str:
    line, before = 1, offset
    for chunk in content.chunks():
        line += chunk[:before].count(b"\n")
        before -= len(chunk)
        if before <= 0:
            break
    return f"at byte {offset}, line {line}"
