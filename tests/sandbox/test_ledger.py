"""The ledger holds everything that arrived whole, once, and can be read by others while it is written."""

import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tests.sandbox.client import call
from worker.sandbox import CallKind, Ledger, running_sandbox
from worker.sandbox.api.calls import ApiCall
from worker.sandbox.api.judging import Effect, ReceivedRequest

NOW = datetime(2026, 12, 1, 8, 0, 0, 5_000, tzinfo=UTC)
CALL = ApiCall(CallKind.COMEBACK, "M1", contact_id="ADR1")
PLACE = ApiCall(CallKind.VIEWING_REGISTRATION, "M1", contact_id="ADR1", viewing_id="VIS1", time_slot_id="TID1")
DELIVERED = Effect(ApiCall(CallKind.ORDER_STATUS, "M1"), order_id="ORD1", status="Delivered")
REQUEST = ReceivedRequest(
    "POST", "/Meeting/Comeback/M1/ADR1", {"X-Request-Id": "7.1"}, b'{"date": "2026-12-09T14:00:00"}'
)


def receive(ledger: Ledger, fault: str | None = None) -> int:
    return ledger.record_request(REQUEST, CALL, fault=fault, status=200, current_time=NOW, read=True)


def test_a_received_request_is_not_yet_applied() -> None:
    with Ledger() as ledger:
        receive(ledger)
        (entry,) = ledger.requests()
    assert (entry.applied, entry.remote_id) == (False, None)
    assert entry.request_id == "7.1"
    assert entry.received_at == "2026-12-01T08:00:00.005000+00:00"
    assert entry.body == '{"date": "2026-12-09T14:00:00"}'


def test_an_applied_call_is_dated_in_swedish_time() -> None:
    with Ledger() as ledger:
        effect = Effect(CALL, "CAL", datetime(2026, 12, 9, 14))  # noqa: DTZ001
        ledger.carry_out(receive(ledger), effect, remote_id="CAL1", current_time=NOW)
        (made,) = ledger.created(kind=CallKind.COMEBACK, customer_id="M1", contact_id="ADR1")
        assert [entry.remote_id for entry in ledger.applied()] == ["CAL1"]
    assert made.created_at == datetime(2026, 12, 1, 9, 0, 0, 7_000)  # noqa: DTZ001
    assert made.date == datetime(2026, 12, 9, 14)  # noqa: DTZ001


def test_a_transaction_that_fails_leaves_nothing() -> None:
    with Ledger() as ledger:
        with suppress(RuntimeError), ledger.transaction():
            assert receive(ledger) == 1
            raise RuntimeError
        assert ledger.count() == 0


def test_counts_tell_kinds_and_faults_apart() -> None:
    with Ledger() as ledger:
        receive(ledger)
        ledger.carry_out(receive(ledger, "conflict"), Effect(CALL, "CAL"), remote_id="CAL1", current_time=NOW)
        ledger.record_struck_connection("refuse_connections", current_time=NOW)
        assert ledger.count() == 2
        assert (ledger.count(applied=True), ledger.count(applied=False)) == (1, 1)
        assert (ledger.count(kind=CallKind.COMEBACK), ledger.count(kind=CallKind.APPOINTMENT)) == (2, 0)
        assert ledger.counts_by_kind() == {"comeback": (2, 1)}
        assert ledger.faults() == {"conflict": 1, "refuse_connections": 1}


def test_reading_can_go_on_from_where_it_stopped() -> None:
    with Ledger() as ledger:
        numbers = [receive(ledger) for _ in range(5)]
        first_page = ledger.requests(limit=2)
        second_page = ledger.requests(after=first_page[-1].id)
    assert [entry.id for entry in first_page + second_page] == numbers


def test_clearing_forgets_all_but_the_numbering() -> None:
    with Ledger() as ledger:
        ledger.carry_out(receive(ledger), Effect(CALL, "CAL"), remote_id="CAL1", current_time=NOW)
        for effect in (Effect(PLACE, "LEAD"), Effect(replace(PLACE, kind=CallKind.VIEWING_CANCELLATION)), DELIVERED):
            ledger.carry_out(receive(ledger), effect, remote_id="", current_time=NOW)
        ledger.record_struck_connection("tls_hang", current_time=NOW)
        ledger.clear()
        assert ledger.requests() == []
        assert (ledger.created(), ledger.set_statuses()) == ([], [])
        assert ledger.faults() == {}
        assert receive(ledger) == 5


def test_another_process_can_read_the_file_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with running_sandbox(ledger=path) as sandbox, Ledger(path) as reader:
        identity = call(sandbox, CallKind.APPOINTMENT).json
        assert [entry.remote_id for entry in reader.applied()] == [identity]
    with closing(sqlite3.connect(path)) as rows:
        assert rows.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_ledger_goes_on_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    for expected in (1, 2):
        with running_sandbox(ledger=path) as sandbox:
            call(sandbox, CallKind.COMEBACK)
            assert sandbox.ledger.count(applied=True) == expected
