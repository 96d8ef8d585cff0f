"""Whatever stands in a file: rows, or one refusal in a line. And a file cut off gives no row that the whole has not."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from tests.feeds.files import read, write
from worker.feeds import FileRefused

_signs = st.text(st.sampled_from("ab;,\t|\"\n\r =[]{}:\\/'0159åÖÃ¶†\ufeff\u200b\x1a\0"), max_size=60)
_starts = st.sampled_from(
    [b"", b"Id;B\n", b"source_id,customer_id,data\n", b"[", b'{"a": ', b"\xff\xfe", b"\xef\xbb\xbf", b"sep=;\n"]
)
_cells = st.lists(st.text(st.sampled_from('ab" ;\n\rå0159-'), max_size=6), min_size=3, max_size=3)
_codecs = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"])


def rows_of(data: bytes) -> list[tuple[object, ...]] | None:
    """Return the cells of all good rows; None if the file is refused."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return [tuple(map(repr, row.cells)) for row in read(write(Path(folder), data)).rows]
        except FileRefused as error:
            refused = error
    assert "\n" not in str(refused)
    assert refused.code != "file_refused"
    return None


@given(_starts, st.binary(max_size=80))
def test_bytes_of_any_kind_are_rows_or_a_refusal(start: bytes, data: bytes) -> None:
    rows_of(start + data)


@given(_starts, _signs, _codecs)
@example(b"", '[{"a":1},\r]', "utf-8")
def test_text_of_any_kind_is_rows_or_a_refusal(start: bytes, text: str, codec: str) -> None:
    rows_of(start + text.encode(codec, "replace"))


@given(st.lists(_cells, min_size=1, max_size=6), _codecs, st.sampled_from(["\n", "\r\n", "\r"]), st.data())
def test_a_csv_file_cut_anywhere_gives_no_other_row(
    rows: list[list[str]], codec: str, end: str, data: st.DataObject
) -> None:
    lines = [";".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in [["Id", "Bå", "C"], *rows]]
    whole = (end.join(lines) + end).encode(codec)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    assert set(rows_of(cut) or ()) <= set(rows_of(whole) or ())


@given(st.lists(_cells, min_size=1, max_size=6), _codecs, st.booleans(), st.data())
def test_a_json_file_cut_anywhere_gives_no_other_row(
    rows: list[list[str]], codec: str, is_list: bool, data: st.DataObject
) -> None:
    objects = [dict(zip("abc", row, strict=True)) for row in rows]
    text = json.dumps(objects) if is_list else "\n".join(map(json.dumps, objects))
    whole = text.encode(codec)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    assert set(rows_of(cut) or ()) <= set(rows_of(whole) or ())
