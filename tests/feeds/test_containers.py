"""The one file in an archive: taken like any other, or refused by what is wrong with the archive."""

import bz2
import gzip
import lzma
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, ZipFile, ZipInfo

import pytest

from tests.feeds.files import read, write
from worker.feeds import FileRefused, containers, open_feed

CSV = "source_id;customer_id;note\nA-1;M30001;Åsa ringer\nA-2;M30001;\n".encode()


def zipped(*entries: tuple[str, bytes], method: int = ZIP_DEFLATED) -> bytes:
    file = BytesIO()
    with ZipFile(file, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return file.getvalue()


def refusal(folder: Path, content: bytes, name: str = "export.zip") -> tuple[str, str]:
    """Return the code and the text by which a file is refused."""
    with pytest.raises(FileRefused) as refused, open_feed(write(folder, content, name)):
        pass
    assert str(refused.value).count("\n") == 0
    return refused.value.code, str(refused.value)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "two-members": lambda content: gzip.compress(content[:20]) + gzip.compress(content[20:]),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "two-streams": lambda content: lzma.compress(content[:20]) + bytes(8) + lzma.compress(content[20:]) + bytes(4),
    "zip": lambda content: zipped(("export.csv", content)),
    "stored": lambda content: zipped(("a/b/export.csv", content), method=ZIP_STORED),
    "zip-bzip2": lambda content: zipped(("export.csv", content), method=ZIP_BZIP2),
    "zip-lzma": lambda content: zipped(("export.csv", content), method=ZIP_LZMA),
    "mac": lambda content: zipped(("export.csv", content), ("__MACOSX/._export.csv", b"x"), (".DS_Store", b"x")),
    "folder": lambda content: zipped(("out/", b""), ("out/export.csv", content), ("out/Thumbs.db", b"x")),
    "odd-name": lambda content: zipped(("../../etc/passwd", content)),
}


@pytest.mark.parametrize("packer", PACKERS.values(), ids=PACKERS)
def test_file_in_an_archive_is_read(tmp_path: Path, packer: Callable[[bytes], bytes]) -> None:
    plain = read(write(tmp_path, CSV))
    packed = read(write(tmp_path, packer(CSV), "export.packed"))
    assert packed.items == plain.items
    assert packed.feed.name == "export.packed"


@pytest.mark.parametrize("packer", PACKERS.values(), ids=PACKERS)
def test_packed_file_is_the_same_file(tmp_path: Path, packer: Callable[[bytes], bytes]) -> None:
    """The hash is that of the file inside: the same export, packed anew, is not taken in twice."""
    assert read(write(tmp_path, packer(CSV), "p")).feed.sha256 == read(write(tmp_path, CSV)).feed.sha256


def test_nothing_is_written_to_a_path(tmp_path: Path) -> None:
    path = write(tmp_path, zipped((str(tmp_path / "evil.csv"), CSV)), "export.zip")
    read(path)
    assert list(tmp_path.iterdir()) == [path]


def test_json_lines_may_be_packed(tmp_path: Path) -> None:
    packed = read(write(tmp_path, gzip.compress(b'{"source_id": "A-1"}\n'), "export.jsonl.gz"))
    assert packed.feed.form == "jsonl"


def test_workbook_may_be_packed(tmp_path: Path) -> None:
    office = (Path(__file__).parent / "workbooks" / "office.xlsx").read_bytes()
    assert read(write(tmp_path, zipped(("office.xlsx", office)), "export.zip")).feed.form == "xlsx"


REFUSED = [
    (zipped(("a.csv", CSV), ("b.csv", CSV)), "archive_of_many", "holds 2 files"),
    (zipped(("a/", b"")), "archive_of_many", "is empty"),
    (zipped(("a.zip", zipped(("a.csv", CSV)))), "nested_archive", "an archive within an archive"),
    (gzip.compress(gzip.compress(CSV)), "nested_archive", "an archive within an archive"),
    (zipped(("a.csv.gz", gzip.compress(CSV))), "nested_archive", "an archive within an archive"),
    (gzip.compress(CSV)[:-12], "damaged_archive", "cut off"),
    (gzip.compress(CSV)[:-4] + bytes(4), "damaged_archive", "damaged"),
    (lzma.compress(CSV)[:-20], "damaged_archive", "cut off"),
    (lzma.compress(CSV)[:40] + bytes(40), "damaged_archive", "damaged"),
    (bz2.compress(CSV)[:-5], "damaged_archive", "cut off"),
    (zipped(("a.csv", CSV))[:-30], "damaged_archive", "cut off"),
    (zipped(("a.csv", b"")), "empty_file", "empty"),
    (gzip.compress(b""), "empty_file", "empty"),
    (zipped(("word/document.xml", b""), ("[Content_Types].xml", b"")), "not_a_table", "a document of Word"),
    (zipped(("ppt/a.xml", b""), ("[Content_Types].xml", b"")), "not_a_table", "PowerPoint"),
    (zipped(("xl/workbook.bin", b""), ("[Content_Types].xml", b"")), "not_a_table", "xlsb"),
    (zipped(("Index/Document.iwa", b"")), "not_a_table", "Numbers"),
    (zipped(("mimetype", b"application/vnd.oasis.opendocument.text")), "not_a_table", "no spreadsheet"),
    (zipped(("a.pdf", b"%PDF-1.7")), "not_a_table", "a PDF"),
]


@pytest.mark.parametrize(("content", "code", "words"), REFUSED, ids=map(str, range(len(REFUSED))))
def test_archive_is_refused_by_its_fault(tmp_path: Path, content: bytes, code: str, words: str) -> None:
    refused_code, text = refusal(tmp_path, content)
    assert refused_code == code
    assert words in text


def test_encrypted_zip_is_named(tmp_path: Path) -> None:
    content = bytearray(zipped(("a.csv", CSV)))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + offset] |= 1
    code, text = refusal(tmp_path, bytes(content))
    assert code == "encrypted_file"
    assert "password" in text


def test_zip_with_a_wrong_checksum_is_damaged(tmp_path: Path) -> None:
    content = zipped(("a.csv", CSV), method=ZIP_STORED).replace(b"M30001", b"M30002")
    assert refusal(tmp_path, content)[0] == "damaged_archive"


def test_zip_of_too_many_files_is_not_opened(tmp_path: Path) -> None:
    content = bytearray(zipped(("a.csv", CSV)))
    struct.pack_into("<HH", content, content.index(b"PK\x05\x06") + 8, 60_000, 60_000)
    code, text = refusal(tmp_path, bytes(content))
    assert code == "archive_of_many"
    assert "10,000" in text


def test_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "FREE", 2**20)
    assert refusal(tmp_path, gzip.compress(b" " * 40 * 2**20), "export.csv.gz")[0] == "archive_too_large"


def test_zip_that_lies_about_its_length_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "FREE", 2**20)
    content = bytearray(zipped(("a.csv", b" " * 40 * 2**20)))
    struct.pack_into("<L", content, content.index(b"PK\x01\x02") + 24, 100)
    assert refusal(tmp_path, bytes(content))[0] in {"archive_too_large", "damaged_archive"}


def test_dictionary_of_xz_has_a_limit(tmp_path: Path) -> None:
    """A header may ask for 4 GB of memory for a file of a few bytes."""
    content = bytearray(lzma.compress(CSV, preset=0))
    content[content.index(b"\x21\x01") + 2] = 40
    header_end = 12 + content[12] * 4
    struct.pack_into("<L", content, header_end, zlib.crc32(bytes(content[12:header_end])))
    assert refusal(tmp_path, bytes(content))[0] == "archive_too_large"


def test_comment_behind_a_zip_does_not_hide_its_end(tmp_path: Path) -> None:
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        archive.writestr(ZipInfo("a.csv"), CSV)
        archive.comment = b"x" * 60_000
    assert len(read(write(tmp_path, file.getvalue(), "export.zip")).rows) == 2
