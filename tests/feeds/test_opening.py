"""A file is accepted or refused by its bytes, before a row of it is looked at."""

from __future__ import annotations

import errno
import hashlib
import os
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any

import pytest

from tests.feeds.files import read, refusal, write
from worker.feeds import Row, content, open_feed

if TYPE_CHECKING:
    from pathlib import Path

SWEDISH = "Id;Ämne\nA-1;Möte på Åsgatan\n"


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16"),
        ("cp1252", "Windows-1252"),
    ],
)
def test_each_encoding_of_an_office_is_recognised(tmp_path: Path, codec: str, name: str) -> None:
    export = read(write(tmp_path, SWEDISH.encode(codec)))
    assert export.feed.encoding == name
    assert export.feed.headings == ("Id", "Ämne")
    assert export.rows[0].cells == ["A-1", "Möte på Åsgatan"]


def test_utf_16_is_read_in_both_byte_orders(tmp_path: Path) -> None:
    for mark, codec in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        export = read(write(tmp_path, mark + SWEDISH.encode(codec)))
        assert export.rows[0].cells == ["A-1", "Möte på Åsgatan"]


def test_the_hash_and_the_size_are_those_of_the_bytes(tmp_path: Path) -> None:
    data = SWEDISH.encode("cp1252")
    feed = read(write(tmp_path, data)).feed
    assert feed.sha256 == hashlib.sha256(data).hexdigest()
    assert feed.size == len(data)


def test_damaged_utf_8_is_not_taken_for_windows_1252(tmp_path: Path) -> None:
    damaged = SWEDISH.encode() + b"A-2;M\xf6te\n"
    assert f"not UTF-8 at byte {damaged.index(0xF6)}, line 3" in refusal(write(tmp_path, damaged))


def test_a_byte_order_mark_promises_utf_8(tmp_path: Path) -> None:
    assert "not UTF-8 at byte 9, line 2" in refusal(write(tmp_path, b"\xef\xbb\xbfId;B\na\xe5;b\n"))


def test_a_byte_of_neither_encoding_is_refused_with_its_place(tmp_path: Path) -> None:
    assert "neither UTF-8 nor Windows-1252 at byte 10, line 3" in refusal(write(tmp_path, b"Id;B\n1;\xe5\n2\x81;b\n"))


def test_utf_16_that_ends_in_half_a_character_is_refused(tmp_path: Path) -> None:
    assert "not UTF-16" in refusal(write(tmp_path, SWEDISH.encode("utf-16")[:-1]))


def test_a_character_may_lie_across_two_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "CHUNK", 7)
    assert read(write(tmp_path, SWEDISH * 3)).feed.encoding == "UTF-8"
    broken = SWEDISH.encode() + b"A-2;M\xf6te\n"
    assert f"not UTF-8 at byte {broken.index(0xF6)}, line 3" in refusal(write(tmp_path, broken))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the file is empty"),
        (b" \r\n\n", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Office file"),
        (b"\x28\xb5\x2f\xfdabc", "a file compressed by zstd"),
        (b"%PDF-1.7", "a PDF"),
        (b"a;b\n1;\x00\n", "the file is binary"),
        ("a;b\n1;\x00\n".encode("utf-16"), "the file is binary"),
        ("a;b\n1;2\n".encode("utf-16-le"), "UTF-16 without its byte order mark"),
        (b"\x01\x02\x03;x\n1;2\n", "the file is binary"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    assert why in refusal(write(tmp_path, data))


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "MAX_BYTES", 10)
    assert "the file is larger than" in refusal(write(tmp_path, SWEDISH))


def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    assert "there is no such file" in refusal(tmp_path / "missing.csv")
    assert "this is a folder" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe.csv")
    assert "not a regular file" in refusal(tmp_path / "pipe.csv")
    assert "cannot be opened" in refusal(tmp_path / ("n" * 300))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, SWEDISH)
    path.chmod(0)
    assert "may not be read" in refusal(path)


def test_a_file_that_grows_while_it_is_copied_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, SWEDISH)
    real_copy = content.copy_pieces

    def copy_and_append(*arguments: Any) -> content.PrivateCopy:
        copy = real_copy(*arguments)
        with path.open("a", encoding="utf-8") as file:
            file.write("A-2;Besök\n")
        return copy

    monkeypatch.setattr(content, "copy_pieces", copy_and_append)
    assert "the file was changed while it was read" in refusal(path)


def test_a_change_after_the_copy_changes_no_row(tmp_path: Path) -> None:
    path = write(tmp_path, SWEDISH * 2)
    with open_feed(path) as feed:
        path.write_text("Id;B\n1;2\n", encoding="utf-8")
        assert [row.line for row in feed.rows() if isinstance(row, Row)] == [2, 4]


@pytest.mark.parametrize(("name", "shown"), [(b"\xc5ter.csv", "\\xc5ter.csv"), (b"a\nb.csv", "a\\nb.csv")])
def test_an_odd_file_name_is_shown_with_escapes(tmp_path: Path, name: bytes, shown: str) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_text(SWEDISH, encoding="utf-8")
    with open_feed(path) as feed:
        assert feed.name == shown


def test_a_full_disk_refuses_the_file_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(SpooledTemporaryFile, "write", fail)
    assert "there is no room for a copy" in refusal(write(tmp_path, SWEDISH))
