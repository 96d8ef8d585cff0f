"""Promises of every reader of a cell, for any cell."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.kind import BadCell
from worker.kind.cells import (
    LONGEST_ID,
    LONGEST_TEXT,
    WITH_A_DIGIT,
    body_id,
    flag,
    listed,
    moment,
    moment_or_day,
    number,
    once_each,
    one_of,
    path_id,
    source_id,
    text,
    token,
)  # fmt: skip
from worker.kind.damage import INVISIBLE

READERS: dict[str, Callable[[Any], Any]] = {
    "text": text, "source_id": source_id, "path_id": path_id, "body_id": body_id, "token": token, "flag": flag,
    "moment": moment, "moment_or_day": moment_or_day, "number": number(0), "one_of": one_of("Daily", also={"Daily": ["dag"]}),
    "ids": once_each(listed(body_id, WITH_A_DIGIT)), "words": listed(one_of("Sunday", also={"Sunday": ["sön"]})),
    "texts": listed(text),
}  # fmt: skip
every_reader = pytest.mark.parametrize("name", READERS)

_PIECES = [
    "A1", "M30001", "000123", "4711", "Möte", "sön", "dag", "ja", "2026-12-02", "09:15", "T", "+01:00", "NULL", "None", "-", "nan",
    "#REF!", "#SAKNAS!", "Err:502", '="', '"', "'", "=", "=3D", "%", "%25", "%3D", "%C3%B6", ".0", "E+11", ",", ";", "|", "\n", "\r",
    "\t", " ", "\u00a0", "\u202f", "\u200b", "\u200d", "\ufeff", "\u00ad", "\u202e", "\u2011", "\u0308", "o\u0308", "A\u030a", "\u212b",
    "\ufffd", "Ã", "¶", "Â", "â€", "√", "\x00", "\x1b", "\x85", "\ud800", "\U000e0041", "👨\u200d👩", "[", "]", "{", "}", "0", "1.234",
]  # fmt: skip
cells = st.one_of(
    st.lists(st.sampled_from(_PIECES), max_size=6).map("".join),
    st.text(max_size=12),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
        max_leaves=4,
    ),
)


def value_of(name: str, cell: Any) -> Any:
    """The value, or None where the cell is refused."""
    try:
        return READERS[name](cell)
    except BadCell as bad:
        fault = bad
    assert all((fault.code, fault.reason, fault.remedy.endswith(".")))
    return None


@every_reader
@given(cell=cells)
@example('="="x""')
@example("a%25")
@example("='=\"\"'")
@example("''A1''")
@example("\ufeff \ufeffA1")
def test_what_was_read_reads_as_itself(name: str, cell: Any) -> None:
    value = value_of(name, cell)
    if value is not None:
        assert READERS[name](value) == value
        assert READERS[name](list(value) if isinstance(value, tuple) else value) == value


@pytest.mark.parametrize("name", ["source_id", "path_id", "body_id", "ids", "token"])
@given(cell=cells)
def test_nothing_unseen_gets_into_an_id(name: str, cell: Any) -> None:
    value = value_of(name, cell)
    for id_ in value if isinstance(value, tuple) else (value or "A",):
        assert not INVISIBLE.search(id_)
        assert not re.search("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd]", id_)
        assert id_ == id_.strip()
        assert 0 < len(id_) <= (LONGEST_TEXT if name == "token" else LONGEST_ID)


@given(cell=cells)
def test_vitecs_ids_are_of_few_characters(cell: Any) -> None:
    for name in ("path_id", "body_id", "ids"):
        value = value_of(name, cell)
        for id_ in value if isinstance(value, tuple) else (value or "A",):
            assert re.fullmatch("[A-Za-z0-9_-]{1,64}", id_)


@given(cell=cells)
def test_texts_can_be_kept(cell: Any) -> None:
    value = value_of("text", cell)
    if value is not None:
        assert value.encode()
        assert "\x00" not in value
        assert value == value.strip()


@given(st.text(alphabet=st.characters(codec="cp1252", exclude_characters="=#ÃÂâð", exclude_categories=("Cc", "Cf"))))
def test_plain_text_is_kept_to_the_letter(cell: str) -> None:
    assert text(f"Möte {cell} i Åre") == f"Möte {cell} i Åre"


@given(st.from_regex(r"[A-Za-z0-9_-]{12,64}", fullmatch=True))
def test_a_plain_id_is_kept_to_the_letter(cell: str) -> None:
    assert source_id(cell) == path_id(cell) == body_id(cell) == cell
