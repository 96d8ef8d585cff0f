"""The registry names every code that the product gives, in both languages, and no other."""

from __future__ import annotations

import pytest

from models import HoldReason
from run import ROOT
from tests.codes.literals import literals, sources
from worker.codes.language import Language
from worker.codes.registry import CODES, OPERATION_CODES, Code, CodeUse, explain_code, fill
from worker.outbox.operators.decisions import Verb

ADVICE = """
Each code that a row, a file or an operation gets has an entry in worker/codes: of_rows.py (values and rows), of_lines.py
(lines that a reader cannot read), of_files.py (refused files), of_operations.py, of_history.py; a code that only one kind
gives stands in its `codes`. Write it as the ones beside it: "code": CodeText(meaning, remedy, both in Swedish).
"""

# Codes that rows and files from before may have, or that rules which are about to come will give.
NOT_GIVEN = frozenset({"too_few_cells", "repeated_heading", "superseded"})


def test_every_code_in_the_source_has_its_entry() -> None:
    lacking = [f"{literal.code} ({literal.place})" for literal in literals() if literal.code not in CODES]
    assert lacking == [], ADVICE


def test_no_entry_is_for_a_code_that_nothing_gives() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in sources())
    given = {reason.value for reason in HoldReason} | {verb.value for verb in Verb}
    unused = [code for code in CODES if code not in given and f'"{code}"' not in text]
    assert set(unused) - NOT_GIVEN == set(), "Take the entry out of worker/codes, or give the code."


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_a_code_is_explained_in_both_languages(code: Code) -> None:
    texts = code.texts
    for sentence in (texts.text, texts.remedy, texts.swedish, texts.swedish_remedy):
        assert sentence.strip().endswith(".")
    assert texts.swedish != texts.text


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_a_swedish_sentence_without_details_is_whole(code: Code) -> None:
    meaning = explain_code(code.code, None, Language.SWEDISH)
    assert not {"[", "]", "{", "}"} & set(meaning.text + meaning.remedy)
    assert " ." not in meaning.text + meaning.remedy


def test_every_hold_and_decision_has_its_meaning() -> None:
    for reason in HoldReason:
        assert CodeUse.HOLD in CODES[reason.value].uses
    for verb in Verb:
        assert CodeUse.HISTORY in CODES[verb.value].uses


def test_codes_of_one_kind_name_it() -> None:
    assert CODES["token_expired"].kinds == ("order_token",)
    assert CODES["refused"].kinds == ()


def test_operations_keep_the_codes_they_had() -> None:
    first = (
        "refused not_found exhausted nobody_notified token_expired parent_failed worker_died unanswered"
        " unreadable_answer server_error redirected conflict unauthorized forbidden throttled unreachable"
        " unforeseen unwritable acted_twice sent_before_change revoked"
    )
    assert {*first.split()} <= OPERATION_CODES.keys()


def test_details_stand_only_where_they_are_given() -> None:
    assert fill("Skriv ett ord[: {words}].", {"words": "ja, nej"}) == "Skriv ett ord: ja, nej."
    assert fill("Skriv ett ord[: {words}].", {}) == "Skriv ett ord."


def test_no_code_has_no_meaning() -> None:
    assert explain_code(None) == ("", "")


@pytest.mark.parametrize(
    ("kind", "may_be_merged"),
    [("comeback", True), ("viewing_registration", True), ("appointment", False), ("notification", False)],
)
def test_an_unknown_contact_may_have_been_merged(kind: str, *, may_be_merged: bool) -> None:
    explanation = explain_code("not_found", kind)
    assert ("may have been merged" in explanation.text) is may_be_merged
    assert "export it again" in explanation.remedy


@pytest.mark.parametrize("language", Language)
def test_an_unknown_code_is_named(language: Language) -> None:
    assert "brand_new" in explain_code("brand_new", None, language).text


def test_the_registry_is_read_from_the_product_itself() -> None:
    assert len(literals()) > 60
    assert ROOT / "worker" / "decide.py" in sources()
