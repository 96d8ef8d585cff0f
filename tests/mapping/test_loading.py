"""Everything that is wrong with a mapping file is told at once: line, key and remedy."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mapping.exports import TOML, mapping
from worker.mapping import ExportMapping, MappingFault, MappingRefused, parse_mapping, read_mapping

if TYPE_CHECKING:
    from pathlib import Path


def faults(text: str) -> dict[str, MappingFault]:
    """Read a mapping that is wrong; its faults by their keys."""
    with pytest.raises(MappingRefused) as refused:
        parse_mapping(text, "m.toml")
    return {fault.key: fault for fault in refused.value.faults}


def test_a_mapping_that_is_right_is_read() -> None:
    assert mapping().columns["Bokning"] == "source_id"


def test_all_faults_are_told_at_once_with_their_lines() -> None:
    wrong = faults(
        "version = 2\n"
        "kind = 'appointment'\n"
        "colums = 1\n"
        "[columns]\n"
        '"Rubrik" = "subjct"\n'
        "[times]\n"
        'forms = ["%d.%m"]\n'
        "zon = 'UTC'\n"
    )
    assert {key: fault.line for key, fault in wrong.items()} == {
        "version": 1,
        "colums": 3,
        "columns.Rubrik": 5,
        "times.forms": 7,
        "times.zon": 8,
    }
    assert wrong["columns.Rubrik"].remedy.startswith("Perhaps subject;")


@pytest.mark.parametrize(
    ("text", "key", "wrong"),
    [
        (TOML.replace("appointment", "apointment"), "kind", "there is no such kind"),
        (TOML + "zone = 'Mars'", "times.zone", "there is no such time zone"),
        (TOML.replace('"Till" = "ends_at"', '"Till" = "starts_at"'), "columns.Till", "given already, by 'Från'"),
        (TOML.replace("[columns]", 'leave_out = ["till"]\n[columns]'), "leave_out", "stands under [columns], too"),
        (TOML + "[constants]\nnote = 5.5", "constants.note", "wrong form"),
        (TOML + "[constants]\ncustomer_id = 'M 1'", "constants.customer_id", "the id holds more"),
        (TOML + "[joined]\nnote = []", "joined.note", "it holds too few"),
        (TOML + "[flags]\nyes = ['J']\nno = ['j']", "flags", "stands in it 2 times"),
        (TOML + "[handed_on]\nsubject = 'comeback'", "handed_on.subject", "no comeback hands it on"),
        (TOML + "[after]\ncolumn = 'A'\nkind = 'x'", "after.kind", "there is no such kind"),
        (TOML + "[words.all_day_event]\n'Hel' = 'hela'", "words.all_day_event.Hel", "it is neither yes nor no"),
        (TOML + "[results.columns]\nremote = 'Nr'", "results.columns.remote", "results have no such name"),
        (TOML + "[results.columns]\nstate = 'kind'", "results.columns", "two columns would be called 'kind'"),
        (
            TOML.replace('"Till" = "ends_at"', '"Till" = "TODO: ends_at?"'),
            "columns.Till",
            "still to be decided (ends_at?)",
        ),
        (TOML + '[times.columns]\n"Nu" = ["iso"]', "times.columns.Nu", "neither [columns] nor [joined] has it"),
        ("version = 1\n[kind]\ncolumn = 'A'", "kind.values", "it is missing"),
        ("kind = 'appointment'", "version", "it is missing"),
    ],
)
def test_a_fault_has_its_key(text: str, key: str, wrong: str) -> None:
    assert wrong in faults(text)[key].wrong


def test_a_file_that_is_no_toml_names_the_line() -> None:
    (fault,) = faults("version = 1\nBörjar = starts_at\n").values()
    assert fault.line == 2
    assert "no TOML" in fault.wrong


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for name, content in (("a.toml", b"\xff\xfe"), ("b.toml", b"#" * 2_000_000)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(MappingRefused):
            read_mapping(tmp_path / name)
    with pytest.raises(MappingRefused, match="cannot be read"):
        read_mapping(tmp_path / "none.toml")
    with pytest.raises(MappingRefused, match="cannot be read"):
        read_mapping(tmp_path)


KEYS = st.sampled_from([*ExportMapping.model_fields, "column", "values", "forms", "yes", "kinds", "Börjar", "x.y", ""])
VALUES = st.recursive(
    st.one_of(
        st.sampled_from(["appointment", "starts_at", "TODO: ?", "%d", "iso", ""]),
        st.text(max_size=5),
        st.integers(),
        st.booleans(),
        st.floats(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=15,
)


def as_toml(value: Any) -> str:
    """Write a value as TOML."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return '"' + "".join(f"\\U{ord(character):08x}" for character in value) + '"'
        case list():
            return f"[{', '.join(map(as_toml, value))}]"
        case dict():
            return "{" + ", ".join(f"{as_toml(key)} = {as_toml(inner)}" for key, inner in value.items()) + "}"
        case _:
            return str(value)


@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_any_toml_is_a_mapping_or_refused(data: dict[str, Any]) -> None:
    text = "\n".join(f"{as_toml(key)} = {as_toml(value)}" for key, value in data.items())
    with suppress(MappingRefused):
        parse_mapping(f"version = 1\n{text}" if "version" not in data else text, "m.toml")


@given(st.text(max_size=200))
def test_any_text_is_a_mapping_or_refused(text: str) -> None:
    with pytest.raises(MappingRefused):
        parse_mapping(text, "m.toml")
