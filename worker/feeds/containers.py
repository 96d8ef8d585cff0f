"""The one file in an archive: unpacked into a private copy, never to a path, and never beyond a limit."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final
from zipfile import BadZipFile, ZipFile, ZipInfo

from worker.feeds.content import PrivateCopy, copy_pieces
from worker.feeds.source import CHUNK, FileRefused
from worker.feeds.zip_directory import is_workbook, open_zip

MAX_RATIO: Final = 250
"""How many times as long as packed a file may be once it is longer than `FREE`. Exports are packed to a tenth or so."""

FREE: Final = 128 * 1024**2
_XZ_MEMORY: Final = 96 * 1024**2
"""Bytes that a file packed by xz may need for its dictionary: `xz -9` needs 65 MB."""

_NOT_EXPORTS: Final = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
_ZIP: Final = b"PK\x03\x04"
_DAMAGE: Final = (BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, lzma.LZMAError, zlib.error)
_AGAIN: Final = "Export it again"


def unpack(content: PrivateCopy) -> PrivateCopy:
    """Return the file in an archive, which begins with one of `MARKS` and is no workbook. Raises `FileRefused`.

    The hash is that of the file inside: packed anew, or not packed, it is the same file.
    """
    pieces_of = _archive_of(content) or _unzip
    inner = copy_pieces(_limit(content, pieces_of(content)), content.name, content.resources, content.is_heading)
    if _archive_of(inner) is not None:
        wrong = "it is an archive within an archive"
        raise FileRefused(content.name, wrong, "Pack the export once, or not at all", "nested_archive")
    return inner


PieceReader = Callable[[PrivateCopy], Iterator[bytes]]


def _archive_of(content: PrivateCopy) -> PieceReader | None:
    """Return the reader of an archive; None for any other file, a workbook included."""
    start = content.start()
    if start.startswith(_ZIP):
        return None if is_workbook(content) else _unzip
    return next((reader for mark, reader in _READERS.items() if start.startswith(mark)), None)


def _limit(content: PrivateCopy, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Pass the pieces on while they are within the ratio. A damaged archive becomes a refused file."""
    size = 0
    try:
        for piece in pieces:
            size += len(piece)
            if size > FREE and size > MAX_RATIO * content.size:
                wrong = f"it unpacks to more than {MAX_RATIO} times its size, as no export does"
                raise FileRefused(content.name, wrong, "Unpack it, and look at what is in it", "archive_too_large")
            yield piece
    except EOFError:
        raise FileRefused(content.name, "the archive is cut off", _AGAIN, "damaged_archive") from None
    except (*_DAMAGE, gzip.BadGzipFile) as error:
        if "memory" in str(error).casefold():
            wrong = "unpacking it needs more memory than there is for it"
            raise FileRefused(content.name, wrong, "Pack it by gzip or zip", "archive_too_large") from None
        wrong = f"the archive is damaged ({type(error).__name__})"
        raise FileRefused(content.name, wrong, _AGAIN, "damaged_archive") from None


def _decompress(
    content: PrivateCopy, *, opener: Callable[[PrivateCopy], gzip.GzipFile | bz2.BZ2File]
) -> Iterator[bytes]:
    content.file.seek(0)
    with opener(content) as stream:
        yield from iter(lambda: stream.read(CHUNK), b"")


def _unpack_xz(content: PrivateCopy) -> Iterator[bytes]:
    """Unpack by hand: only so is there a limit of memory. Several streams may follow one another, with zeros between."""
    decompressor: lzma.LZMADecompressor | None = None
    for piece in content.chunks():
        data = piece
        while data:
            if decompressor is None:
                data = data.lstrip(b"\0")
                if not data:
                    break
                decompressor = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
            unpacked = decompressor.decompress(data, CHUNK)
            while unpacked:
                yield unpacked
                unpacked = b"" if decompressor.eof or decompressor.needs_input else decompressor.decompress(b"", CHUNK)
            if decompressor.eof:
                data, decompressor = decompressor.unused_data, None
            else:
                data = b""
    if decompressor is not None:
        raise EOFError


def _unzip(content: PrivateCopy) -> Iterator[bytes]:
    with open_zip(content) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir() and not _is_aside(entry)]
        if len(entries) != 1:
            wrong = f"the archive holds {len(entries)} files" if entries else "the archive is empty"
            raise FileRefused(content.name, wrong, "Pack each export by itself, or not at all", "archive_of_many")
        if entries[0].flag_bits & 1:
            wrong = "the archive is protected by a password"
            raise FileRefused(content.name, wrong, "Pack it without a password", "encrypted_file")
        yield from _read_entry(archive, entries[0])


def _read_entry(archive: ZipFile, entry: ZipInfo) -> Iterator[bytes]:
    with archive.open(entry) as stream:
        yield from iter(lambda: stream.read(CHUNK), b"")


def _is_aside(entry: ZipInfo) -> bool:
    """Tell whether an operating system put a file in beside the export."""
    folder, _, name = entry.filename.replace("\\", "/").rpartition("/")
    return "__MACOSX" in folder.split("/") or name.casefold() in _NOT_EXPORTS or name.startswith("._")


_READERS: Final[Mapping[bytes, PieceReader]] = {
    b"\x1f\x8b": partial(_decompress, opener=lambda content: gzip.GzipFile(fileobj=content.file, mode="rb")),
    b"BZh": partial(_decompress, opener=lambda content: bz2.BZ2File(content.file)),
    b"\xfd7zXZ\0": _unpack_xz,
}
"""The readers of archives by their first bytes."""

MARKS: Final = (_ZIP, *_READERS)
