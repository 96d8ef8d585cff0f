"""Names files that are no table of text: they are refused by the name of the form that they have."""

import re
from typing import Final

from worker.feeds.source import FileRefused

_SAVE = "Export it as CSV in UTF-8"

_BINARY: Final = (
    (0, b"\x1f\x8b", "a file compressed by gzip"),
    (0, b"\xfd7zXZ\0", "a file compressed by xz"),
    (0, b"BZh", "a file compressed by bzip2"),
    (0, b"\x28\xb5\x2f\xfd", "a file compressed by zstd"),
    (0, b"\x04\x22\x4d\x18", "a file compressed by lz4"),
    (0, b"\x1f\x9d", "a file compressed by compress"),
    (0, b"PK\x03\x04", "an Excel workbook or a ZIP archive"),
    (0, b"PK\x05\x06", "an empty ZIP archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"MSCF\0\0\0\0", "a CAB archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"\xd0\xcf\x11\xe0", "an old Excel workbook, or another old Office file"),
    (0, b"%PDF", "a PDF"),
    (0, b"{\\rtf", "a document in RTF"),
    (0, b"%!PS", "PostScript"),
    (0, b"\x89PNG", "a picture (PNG)"),
    (0, b"\xff\xd8\xff", "a picture (JPEG)"),
    (0, b"GIF8", "a picture (GIF)"),
    (0, b"II*\0", "a picture (TIFF)"),
    (0, b"MM\0*", "a picture (TIFF)"),
    (0, b"SQLite format 3\0", "an SQLite database"),
    (4, b"Standard Jet DB", "an Access database"),
    (4, b"Standard ACE DB", "an Access database"),
    (0, b"PAR1", "a Parquet file"),
    (0, b"ARROW1", "an Arrow file"),
    (0, b"FEA1", "a Feather file"),
    (0, b"ORC", "an ORC file"),
    (0, b"Obj\x01", "an Avro file"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"bplist00", "a property list of macOS"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ\x90\0", "a program"),
)
"""Where in a file which bytes stand, and the form of which they are the mark."""

_AT_START: Final = (
    (r"<!doctype html|<(?:html|head|body|table|meta)\b", "HTML, a page for a browser"),
    (r"<\?xml(?:(?s:.){0,800})(?:urn:schemas-microsoft-com:office:spreadsheet|mso-application)", "a workbook in XML"),
    (r"<\?xml|<[a-z_][\w.:-]*[\s/>]|<!--", "XML"),
    (r"BEGIN:VCALENDAR", "a calendar (iCalendar)"),
    (r"BEGIN:VCARD", "contacts (vCard)"),
    (r"version https://git-lfs\.github\.com", "a pointer of Git LFS, not the file that it stands for"),
    (r"-----BEGIN ", "an encrypted file, a signature or a key"),
    (r"(?:insert\s+into|create\s+(?:table|database)|drop\s+table|begin\s+transaction|pragma)\b", "a dump in SQL"),
    (r"(?:-- |/\*)(?s:.){0,4000}^\s*(?:insert\s+into|create\s+table|set\s+\w+|copy\s)", "a dump in SQL"),
    (r"(?:%YAML|---\s*\n|-\s+[\w\"' ]+:(?:\s|$))", "YAML"),
    (r"\w+:[^;,\t|\n]*\n(?:\s*-\s|\s+\w+:\s)", "YAML"),
    (r"(?:From \S+ +\w{3} \w{3} |(?:Return-Path|Received|Delivered-To|MIME-Version|Message-ID):)", "an e-mail"),
    (r"(?:From|Date|Subject|To): [^\n]*\r?\n(?:[\w-]+:[^\n]*\r?\n)*(?:From|Date|Subject|To): ", "an e-mail"),
    (r"dn: \w+=", "entries of a directory (LDIF)"),
)
_FOREIGN_TEXTS: Final = tuple(
    (re.compile(rf"\s*(?:{pattern})", re.IGNORECASE | re.MULTILINE), form) for pattern, form in _AT_START
)


def refuse_binary(name: str, start: bytes) -> None:
    """Raise `FileRefused` if the first bytes are the mark of a binary form."""
    for offset, mark, form in _BINARY:
        if start.startswith(mark, offset):
            raise FileRefused(name, f"this is {form}, not a text file", _SAVE, "not_a_table")


def refuse_foreign_text(name: str, start: str) -> None:
    """Raise `FileRefused` if a text begins like another form than CSV or JSON."""
    for pattern, form in _FOREIGN_TEXTS:
        if pattern.match(start):
            raise FileRefused(name, f"this is {form}, not CSV or JSON", _SAVE, "not_a_table")
