"""A viewing cancellation: a DELETE that may be repeated, and that is known by the place it empties."""

import pytest

from tests.kinds.reading import row
from worker.error_outcomes import outcome_for
from worker.errors import Refused
from worker.kinds import ViewingCancellation, ViewingRegistration
from worker.outcome import Failed, Succeeded

IDS = {"viewing_id": "VIS1", "time_slot_id": "SLOT1", "contact_id": "ADR1"}


def test_it_is_a_delete_without_a_body() -> None:
    call = row(ViewingCancellation, **IDS).call("1.1")
    assert (call.method, call.body) == ("DELETE", None)


def test_it_has_the_sequence_key_of_its_registration() -> None:
    registration = row(ViewingRegistration, **IDS, participated="ja")
    assert row(ViewingCancellation, **IDS).sequence_key() == registration.sequence_key()


@pytest.mark.parametrize("status", [404, 410])
def test_gone_after_an_earlier_attempt_is_done(status: int) -> None:
    assert ViewingCancellation.read_refusal(status, sent_before=True) == Succeeded()


@pytest.mark.parametrize("status", [404, 410])
def test_gone_at_the_first_attempt_is_a_failure(status: int) -> None:
    error = Refused("refused", status=status, text="Deltagaren finns inte")
    outcome = outcome_for(ViewingCancellation, error, sent_before=False)
    assert outcome == Failed("not_registered", "Deltagaren finns inte")


def test_another_refusal_stays_one() -> None:
    assert ViewingCancellation.read_refusal(400, sent_before=True) is None
