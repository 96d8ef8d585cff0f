"""Rules that hold for every kind in `KINDS`: a new kind is tested here without a line of its own."""

import importlib
import json
import pkgutil
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import worker.kinds
from tests.golden_files import GOLDEN, answers_of, cells_of, line_of, request_of
from worker.kind import ROW_HEADINGS, Answer, BadCells, Kind, OnDoubt
from worker.kinds import KIND_BY_NAME, KINDS, UnknownKind
from worker.outcome import Failed, InDoubt, Outcome, Succeeded

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)

HOSTILE_IDS = [
    "..", ".", "a/b", "../../User/Notify/M1", "%2e%2e", "a%2fb", "a?b", "a#b", "a b", "a\x00b", "a\nb", "M1\n\n.",
    "å", "é", "日本", "a\\b", "a;b", "a:b", "A" * 65, "//host", "a\u202eb", "\ud800", "١",
]  # fmt: skip


def golden(kind: type[Kind]) -> Kind:
    return kind.parse(cells_of(kind, GOLDEN / kind.kind))


def path_fields(kind: type[Kind]) -> list[str]:
    return re.findall(r"{(\w+)}", kind.path)


def test_every_file_of_the_package_is_a_listed_kind() -> None:
    files = {module.name for module in pkgutil.iter_modules(worker.kinds.__path__)}
    assert {kind.kind for kind in KINDS} == files
    for kind in KINDS:
        assert kind.__module__ == importlib.import_module(f"worker.kinds.{kind.kind}").__name__


def test_every_kind_has_golden_files_and_there_are_no_others() -> None:
    assert {folder.name for folder in GOLDEN.iterdir()} == {kind.kind for kind in KINDS}


@every_kind
def test_a_kind_is_found_by_its_name(kind: type[Kind]) -> None:
    assert KIND_BY_NAME[kind.kind] is kind


def test_an_unknown_kinds_error_lists_the_known_names() -> None:
    with pytest.raises(UnknownKind, match="appointment, comeback") as caught:
        KIND_BY_NAME["valuation 4711"]
    assert "4711" not in str(caught.value)


@every_kind
def test_the_request_is_the_vendors_sample_with_the_listed_differences(kind: type[Kind]) -> None:
    body, sample = golden(kind).call("1.1").body, request_of(GOLDEN / kind.kind)
    assert (body is None, kind.has_body) == (sample is None, sample is not None)
    if body is not None:
        assert in_order(json.loads(body)) == in_order(sample)


@every_kind
def test_the_request_line_is_the_golden_one(kind: type[Kind]) -> None:
    call = golden(kind).call("1.1")
    assert (call.method, call.path) == line_of(GOLDEN / kind.kind)


def in_order(value: Any) -> Any:
    """Objects as lists of pairs, each value with its type: `1 == True` and unordered keys would hide a difference."""
    if isinstance(value, dict):
        return [(key, in_order(member)) for key, member in value.items()]
    return [in_order(member) for member in value] if isinstance(value, list) else (type(value), value)


@every_kind
def test_the_path_holds_each_id_once(kind: type[Kind]) -> None:
    row = golden(kind)
    call = row.call("7.3")
    ids = [getattr(row, field) for field in path_fields(kind)]
    assert call.method == kind.method
    assert call.request_id == "7.3"
    assert call.customer_id == row.customer_id
    assert call.path == re.sub(r"{\w+}", lambda _: ids.pop(0), kind.path)
    assert call.path.isascii()
    assert not call.path.startswith("/")
    assert call.function_group == kind.function_group


@every_kind
def test_a_look_up_kind_has_a_path_and_match_key(kind: type[Kind]) -> None:
    looks_up = kind.on_doubt is OnDoubt.LOOK_UP
    call, key = golden(kind).look_up_call("7.3"), golden(kind).match_key()
    assert (call is not None, key is not None) == (looks_up, looks_up)
    if call is not None and key is not None:
        assert (call.method, call.body) == ("GET", None)
        assert "{" not in call.path
        assert 0 < len(key) <= 200


@every_kind
@pytest.mark.parametrize("hostile", HOSTILE_IDS, ids=ascii)
def test_no_id_can_change_the_path(kind: type[Kind], hostile: str) -> None:
    row = golden(kind)
    for field in path_fields(kind):
        with pytest.raises(BadCells) as caught:
            kind.parse({**cells_of(kind, GOLDEN / kind.kind), field: hostile})
        assert [problem.field for problem in caught.value.problems] == [field]
        assert caught.value.problems[0].code in {"bad_id", "invisible_character"}
        with pytest.raises(BadCells):
            kind.from_payload({**row.payload(), field: hostile})
        with pytest.raises(BadCells):
            row.model_copy(update={field: hostile}).call("1.1")


@every_kind
def test_only_given_fields_are_sent(kind: type[Kind]) -> None:
    cells = cells_of(kind, GOLDEN / kind.kind)
    required = {name: cells[name] for name, field in kind.model_fields.items() if field.is_required()}
    bare = kind.parse({**dict.fromkeys(kind.model_fields, " "), **required, **one_of_two(kind)})
    body = json.loads(bare.call("1.1").body or b"{}")
    assert set(bare.payload()) == {*required, *one_of_two(kind)}
    assert len(body) == len(bare.payload()) - len(path_fields(kind))
    assert None not in body.values()


def one_of_two(kind: type[Kind]) -> dict[str, str]:
    """A notification needs a header or a message, and a parent may give a field: none of them is required by itself."""
    return {"header": "Hej"} if kind.kind == "notification" else dict.fromkeys(kind.handed_on, "ID-1")


@every_kind
def test_every_required_field_is_missed_at_once(kind: type[Kind]) -> None:
    with pytest.raises(BadCells) as caught:
        kind.parse({"source_id": "X-1"})
    missed = [problem.field for problem in caught.value.problems if problem.code == "missing"]
    required = [name for name, field in kind.model_fields.items() if field.is_required()]
    assert set(required) <= set(missed)
    assert missed[0] == "customer_id"


@every_kind
def test_a_row_comes_back_from_its_payload_as_it_was(kind: type[Kind]) -> None:
    row = golden(kind)
    stored = json.loads(json.dumps(row.payload()))
    assert stored == row.payload()
    assert kind.from_payload(stored) == row
    assert kind.from_payload(stored).call("1.1") == row.call("1.1")


@every_kind
def test_a_broken_payload_is_refused_without_its_content(kind: type[Kind]) -> None:
    good = golden(kind).payload()
    secret = "Åsa Åkesson 070"
    for bad in ({}, {**good, "foreign": secret}, {**good, "customer_id": [secret]}, None, secret):
        with pytest.raises(BadCells) as caught:
            kind.from_payload(bad)  # type: ignore[arg-type]
        assert secret not in f"{caught.value!r} {caught.value.problems} {caught.value.__cause__}"


@every_kind
def test_neither_a_row_nor_its_call_shows_personal_text(kind: type[Kind]) -> None:
    row = golden(kind)
    call = row.call("1.1")
    assert "sample" not in f"{row!r} {row} {call!r} {call}"


@every_kind
def test_a_heading_means_one_field_in_every_spelling(kind: type[Kind]) -> None:
    headings = kind.headings
    assert not headings.keys() & ROW_HEADINGS.keys()
    payload_fields = set(kind.model_fields) - {"customer_id"}
    assert payload_fields <= set(headings.values())
    for field in payload_fields:
        spellings = [heading for heading, meant in headings.items() if meant == field]
        assert field in spellings
        assert field.replace("_", "") in spellings, "the camelCase name is known"


@every_kind
def test_the_golden_answers_are_judged_as_they_must_be(kind: type[Kind]) -> None:
    for expected in answers_of(GOLDEN / kind.kind):
        match judged(kind, expected):
            case Succeeded(remote_id):
                assert ("Succeeded", remote_id) == (expected["outcome"], expected["remote_id"])
            case Failed(code):
                assert ("Failed", code) == (expected["outcome"], expected["code"])
            case InDoubt(code, accepted=accepted):
                assert expected["outcome"] == "InDoubt"
                assert code == expected["code"]
                assert accepted == expected["accepted"]
            case outcome:
                pytest.fail(f"it became {type(outcome).__name__}")


def judged(kind: type[Kind], expected: dict[str, Any]) -> Outcome | None:
    """A complete answer as the kind reads it; a refusal as the kind judges the first."""
    status = expected["status"]
    if status >= 400:
        return kind.read_refusal(status, sent_before=False)
    return kind.read(Answer(status, expected["body"].encode()))


@every_kind
def test_a_kinds_own_codes_are_those_that_it_gives(kind: type[Kind]) -> None:
    failures = {expected["code"] for expected in answers_of(GOLDEN / kind.kind) if expected["outcome"] == "Failed"}
    assert failures == kind.codes.keys()
    assert all(len(code) <= 40 and text.text and text.remedy for code, text in kind.codes.items())


@every_kind
def test_a_sequence_key_can_be_kept(kind: type[Kind]) -> None:
    key = golden(kind).sequence_key()
    assert key is None or 0 < len(key) <= 255
    if kind.withdraws is not None:
        assert key is not None


words = st.text(max_size=8) | st.sampled_from(
    [
        "orderId",
        "ORDERID",
        "hasExpired",
        "targetType",
        "contactId",
        "meetings",
        "id",
        "createdAt",
        "timeSlotId",
        "viewingId",
    ]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=6),
    max_leaves=20,
)
bodies = st.binary(max_size=64) | json_values.map(lambda value: json.dumps(value).encode())
deep = st.sampled_from(
    [b"[" * 200_000, b'{"a":' * 100_000, b"9" * 100_000, b"1e999", b"NaN", b"-Infinity", b'"\\ud800"']
)


@every_kind
@given(status=st.integers(200, 299), body=bodies | deep)
def test_any_answer_gives_an_outcome_that_can_be_kept(kind: type[Kind], status: int, body: bytes) -> None:
    outcome = kind.read(Answer(status, body))
    assert isinstance(outcome, Succeeded | InDoubt | Failed)
    if isinstance(outcome, InDoubt):
        assert (outcome.code, outcome.accepted) == ("unreadable_answer", True)
    if isinstance(outcome, Succeeded) and outcome.remote_id is not None:
        assert outcome.remote_id.strip()
        assert len(outcome.remote_id.encode()) <= 800
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", outcome.remote_id)
    if isinstance(outcome, Succeeded | Failed):
        json.dumps(outcome.answer, allow_nan=False).encode()


cell_values = (
    json_values | st.text(max_size=40) | st.sampled_from(["ja", "x", "-1", "2027-03-28 02:30", "a|b", "%zz", "%ff"])
)


@every_kind
@given(data=st.data())
def test_a_row_can_be_sent_or_is_refused(kind: type[Kind], data: st.DataObject) -> None:
    names = sorted({*kind.model_fields, *kind.headings.values(), "source_id", "nonsense"})
    changed = data.draw(st.dictionaries(st.sampled_from(names), cell_values, max_size=5))
    cells = {**cells_of(kind, GOLDEN / kind.kind), **changed}
    row = parsed(cells, kind)
    assert kind.parse_columns({name: [cell] for name, cell in cells.items()}) in (None, [row])
    if isinstance(row, BadCells):
        assert row.problems
        assert all(problem.reason and problem.remedy and problem.field in names for problem in row.problems)
        return
    stored = json.loads(json.dumps(row.payload(), allow_nan=False))
    assert json.loads(row.payload_json()) == stored
    assert kind.from_payload(stored) == row
    body = row.call("1.1").body
    assert body is None or isinstance(json.loads(body), dict)


def parsed(cells: dict[str, Any], kind: type[Kind]) -> Kind | BadCells:
    try:
        return kind.parse(cells)
    except BadCells as bad:
        return bad
