"""Headings, compared as people write them."""

import pytest

from worker.kind import ROW_FIELDS, ROW_HEADINGS, fold
from worker.kind.headings import index_headings


@pytest.mark.parametrize(
    ("heading", "folded"),
    [
        ("ÄMNE", "ämne"),
        ("A\u0308mne", "ämne"),
        ("Amne", "amne"),
        ("\ufeffId", "id"),
        ("  Id\tpå\u00a0 kontakten.  ", "id på kontakten"),
        ("Plats *:", "plats"),
        ("Notifierings mottagare(userId)", "notifierings mottagare"),
        ("Dag/dagar i veckan (används får veckoliga möten)", "dag/dagar i veckan"),
        ("Hela (x) dagen", "hela dagen"),
        ("participant.userId", "participant.userid"),
        ("starts_at", "starts_at"),
        ("(userId)", ""),
        ("...", ""),
    ],
)
def test_folding_drops_case_blanks_parentheses_and_final_punctuation(heading: str, folded: str) -> None:
    assert fold(heading) == folded


def test_every_row_has_the_same_fields_in_every_spelling() -> None:
    assert ROW_FIELDS == (
        "source_id",
        "customer_id",
        "kind",
        "expires_at",
        "after",
        "send_after",
        "withdrawn",
        "handed_on",
    )
    expected = {
        "Id": "source_id",
        "sourceId": "source_id",
        "source_id": "source_id",
        "Kund-id": "customer_id",
        "Kundid": "customer_id",
        "customerId": "customer_id",
        "Typ": "kind",
        "kind": "kind",
        "Giltig till": "expires_at",
        "expiresAt": "expires_at",
        "Efter": "after",
        "Tidigast": "send_after",
        "send_after": "send_after",
    }
    assert {heading: ROW_HEADINGS[fold(heading)] for heading in expected} == expected


def test_a_heading_may_hold_characters_that_take_no_place() -> None:
    assert fold("\u200bsub\u00adject\ufeff") == "subject"
    assert fold("Id\u00a0på  kontakt") == "id på kontakt"


def test_a_heading_of_two_fields_is_a_declaration_error() -> None:
    with pytest.raises(ValueError, match="means both"):
        index_headings({"first": ("Samma",), "second": ("samma.",)})
