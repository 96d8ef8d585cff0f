"""Single cells: the values they may hold, and reasons for a refusal that never repeat the value."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.kind import BadCell
from worker.kind.cells import body_id, flag, listed, moment, number, once_each, one_of, path_id, source_id, text, token

READERS: list[Callable[[Any], Any]] = [
    text, body_id, path_id, source_id, flag, moment, token, number(0), one_of("Daily"), listed(text), once_each(listed(body_id)),
]  # fmt: skip
every_reader = pytest.mark.parametrize("read", READERS)


@every_reader
@pytest.mark.parametrize("nothing", ["", "  ", "\r\n", "\u00a0", None])
def test_a_cell_that_says_nothing_is_unset(read: Callable[[Any], Any], nothing: str | None) -> None:
    assert read(nothing) is None


@every_reader
@pytest.mark.parametrize("wrong", [{"a": 1}, 1.5, float("nan"), float("inf"), 10**30, object()])
def test_a_value_of_the_wrong_type_is_refused(read: Callable[[Any], Any], wrong: object) -> None:
    with pytest.raises(BadCell) as caught:
        read(wrong)
    assert caught.value.code in {"wrong_type", "out_of_range"}


@every_reader
@given(cell=st.text(alphabet=st.characters(exclude_characters="abcdefghijklmnopqrstuvwxyz ,.;"), min_size=3))
def test_no_reason_repeats_the_cell(read: Callable[[Any], Any], cell: str) -> None:
    reason = refusal(read, cell)
    assert reason is None or cell not in reason


def refusal(read: Callable[[Any], Any], cell: str) -> str | None:
    try:
        read(cell)
    except BadCell as bad:
        return f"{bad} {bad.reason}"
    return None


@pytest.mark.parametrize("control", ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\x9b", "\udfff"])
def test_controls_and_halves_of_characters_are_refused_everywhere(control: str) -> None:
    for read in (text, source_id, token):
        with pytest.raises(BadCell) as caught:
            read(f"a{control}b")
        assert caught.value.code == "control_character"


def test_texts_may_hold_tabs_and_line_breaks_ids_not() -> None:
    assert text("a\tb\r\nc") == "a\tb\nc"
    assert text("😀 Åsa") == "😀 Åsa"
    for broken in ("a\tb", "a\nb"):
        with pytest.raises(BadCell):
            source_id(broken)


def test_the_limits_are_kept_to_the_character() -> None:
    for read, limit in ((text, 10_000), (token, 10_000), (source_id, 200), (body_id, 64), (path_id, 64)):
        assert read("a" * limit) == "a" * limit
        with pytest.raises(BadCell):
            read("a" * (limit + 1))


def test_an_id_from_json_may_be_a_whole_number() -> None:
    assert path_id(30001) == body_id(30001) == source_id(30001) == "30001"
    with pytest.raises(BadCell):
        path_id(True)


@pytest.mark.parametrize(
    ("cell", "meant"),
    [("7", 7), (" +7 ", 7), ("007", 7), (7, 7), (7.0, 7), ("7.0", 7), ("7,00", 7), ("2147483647", 2**31 - 1)],
)
def test_a_whole_number_is_known_in_its_usual_forms(cell: Any, meant: int) -> None:
    assert number(0)(cell) == meant


@pytest.mark.parametrize(
    "cell", ["7,5", "1.000", "1 000", "0x7", "1e3", "½", "9" * 5000, "2147483648", "-1", "--1", "+"]
)
def test_other_forms_of_a_number_are_refused(cell: str) -> None:
    with pytest.raises(BadCell):
        number(0)(cell)
