"""A notification: its recipients and text, and an answer that is strictly true or false."""

from datetime import timedelta

import pytest

from tests.kinds.reading import is_accepted_in_doubt, problems, row
from worker.kind import Answer, OnDoubt, fold
from worker.kinds import Notification
from worker.outcome import Failed, Succeeded


@pytest.mark.parametrize("nobody", ["", " | |", [], [None], None])
def test_a_notification_needs_recipients(nobody: object) -> None:
    assert problems(Notification, recipients=nobody) == [("recipients", "missing")]


def test_a_notification_needs_a_message() -> None:
    assert problems(Notification, header=" ", message="") == [("message", "missing")]
    assert row(Notification, header="", message="Nytt bud").header is None
    assert row(Notification, header="Hej", message="").message is None


def test_sms_and_express_may_both_be_off() -> None:
    assert row(Notification, sms="nej", express="nej").body()["sms"] is False


def test_recipients_are_notified_once() -> None:
    assert row(Notification, recipients="HAN1| HAN2 |HAN1").recipients == ("HAN1", "HAN2")
    assert row(Notification, recipients=["HAN1", "HAN1"]).body()["recipients"] == ("HAN1",)


def test_a_recipient_is_a_single_id() -> None:
    assert problems(Notification, recipients=[["HAN1"]]) == [("recipients", "wrong_type")]
    assert problems(Notification, recipients="|".join("H" for _ in range(1001))) == [("recipients", "too_long")]


def test_the_pages_heading_for_recipients_is_known_with_its_parentheses() -> None:
    assert Notification.headings[fold("Notifierings mottagare(userId)")] == "recipients"


def test_true_is_success_and_false_is_nobody_notified() -> None:
    assert Notification.read(Answer(200, b" true\n")) == Succeeded()
    outcome = Notification.read(Answer(200, b"false"))
    assert isinstance(outcome, Failed)
    assert outcome.code == "nobody_notified"
    assert "not known whether" in (outcome.detail or "")


@pytest.mark.parametrize("body", [b"", b"1", b"0", b"1.0", b'"true"', b"null", b"[true]", b"True", b"tru"])
def test_whatever_else_is_accepted_in_doubt(body: bytes) -> None:
    assert is_accepted_in_doubt(Notification.read(Answer(200, body)))


def test_in_doubt_it_needs_a_person() -> None:
    assert (Notification.on_doubt, Notification.function_group) == (OnDoubt.HOLD, "crm-contact")
    assert Notification.expires_after == timedelta(hours=24)
