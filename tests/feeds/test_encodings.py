"""No letter is guessed: another encoding refuses the file with its name, a damaged letter its row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.feeds.files import read, refusal, write

if TYPE_CHECKING:
    from pathlib import Path

LOWER = "Id;B\n1;Möte på ängen\n2;Åter från ön\n"
UPPER = "Id;B\n1;MÖTE PÅ ÄNGEN\n"


@pytest.mark.parametrize(
    ("codec", "label"),
    [
        ("mac_roman", "Mac Roman"),
        ("cp850", "a DOS code page (850 or 437)"),
        ("cp437", "a DOS code page (850 or 437)"),
        ("utf-16-le", "UTF-16 without its byte order mark"),
        ("utf-16-be", "UTF-16 without its byte order mark"),
        ("utf-32-be", "UTF-32 without its byte order mark"),
        ("utf-32", "UTF-32"),
    ],
)
@pytest.mark.parametrize("text", [LOWER, LOWER.replace("Å", "å"), UPPER])
def test_another_encoding_is_named(tmp_path: Path, codec: str, label: str, text: str) -> None:
    refused = refusal(write(tmp_path, text.encode(codec)))
    assert "wrong encoding" in refused
    assert label in refused


@pytest.mark.parametrize("headings", ["Id;Id på bostad;återkomst", "Id;Ämne"])
def test_headings_in_another_encoding_are_named_as_such(tmp_path: Path, headings: str) -> None:
    assert "Mac Roman" in refusal(write(tmp_path, f"{headings}\n1;2;3\n".encode("mac_roman")))


def test_two_encodings_in_one_file_are_refused_with_both_places(tmp_path: Path) -> None:
    windows, utf8 = "Id;B\n1;Möte på ängen\n2;Åter\n".encode("cp1252"), "3;Köpare\n".encode()
    for data in (windows + utf8, windows + utf8 * 5, b"Id;B\n" + utf8 + windows[5:]):
        refused = refusal(write(tmp_path, data))
        assert "wrong encoding" in refused
        assert ", line " in refused


@pytest.mark.parametrize(
    "text",
    [
        "”Sjövillan” – på ön ”SJÖ”",
        "Nataša och Željko på möte",
        "Å",
        "it’s till…och en dag på ön",
        "Café für Elsa på Østerbro, 100 €",
    ],
)
def test_windows_1252_is_taken_with_all_its_signs(tmp_path: Path, text: str) -> None:
    export = read(write(tmp_path, f"Id;B\n1;{text}\n2;Möte på ängen\n".encode("cp1252")))
    assert export.feed.encoding == "Windows-1252"
    assert export.rows[0].cells[1] == text


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("MÃ¶te", "encoded_twice"),
        ("pÃ¥ vÃ¤gen", "encoded_twice"),
        ("Ã„ngen", "encoded_twice"),
        ("9â€“12", "encoded_twice"),
        ("M√∂te", "encoded_twice"),
        ("M├Âte", "encoded_twice"),
        ("M\ufffdte", "lost_letters"),
        ("M”te p†", "foreign_letter"),
        ("Mšte pŒ", "foreign_letter"),
    ],
)
@pytest.mark.parametrize("form", ["Id;B\n1;Möte\n2;{}\n3;på\n", '{{"Id": 1}}\n{{"B": "{}"}}\n{{"Id": 3}}\n'])
def test_a_row_with_a_damaged_letter_is_rejected(tmp_path: Path, form: str, cell: str, code: str) -> None:
    export = read(write(tmp_path, form.format(cell)))
    assert [row.code for row in export.bad] == [code]
    assert export.bad[0].column == "B"
    assert len(export.rows) == 2
    assert cell not in export.bad[0].reason


def test_escapes_of_json_hide_no_damage(tmp_path: Path) -> None:
    export = read(write(tmp_path, '{"a": "M\\u00c3\\u00b6te"}\n{"a": "M\\u00f6te"}\n'))
    assert [row.code for row in export.bad] == ["encoded_twice"]
    assert [row.cells for row in export.rows] == [["Möte"]]


@pytest.mark.parametrize("headings", ["Id;\ufffdmne", "Id;Ã„mne"])
def test_damaged_headings_refuse_the_file(tmp_path: Path, headings: str) -> None:
    assert "wrong encoding: in the headings on line 1" in refusal(write(tmp_path, f"{headings}\n1;2\n"))


def test_zero_bytes_are_refused_with_their_line(tmp_path: Path) -> None:
    assert "padded with zero bytes (the first one at byte 8, line 2)" in refusal(
        write(tmp_path, b"Id;B\n1;a\0\0\0\n2;b\n")
    )
    assert "zero bytes" in refusal(write(tmp_path, b"Id;B\n1;abc\n" + b"\0" * 4096))
