"""The ledger holds everything that arrived whole, once, and can be read by others while it is written."""

import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from tests.sandbox.client import call
from worker.sandbox import Kind, Ledger, running_sandbox
from worker.sandbox.calls import Call
from worker.sandbox.judging import Deed, Request

NOW = datetime(2026, 12, 1, 8, 0, 0, 5_000, tzinfo=UTC)
CALL = Call(Kind.COMEBACK, "M1", contact_id="ADR1")
REQUEST = Request("POST", "/Meeting/Comeback/M1/ADR1", {"X-Request-Id": "7.1"}, b'{"date": "2026-12-09T14:00:00"}')


def receive(ledger: Ledger, fault: str | None = None) -> int:
    return ledger.receive(REQUEST, CALL, fault=fault, status=200, now=NOW, read=True)


def test_a_received_request_is_not_yet_applied() -> None:
    with Ledger() as ledger:
        receive(ledger)
        (entry,) = ledger.requests()
    assert (entry.applied, entry.remote_id, entry.request_id) == (False, None, "7.1")
    assert entry.received_at == "2026-12-01T08:00:00.005000+00:00"
    assert entry.body == '{"date": "2026-12-09T14:00:00"}'


def test_an_applied_call_makes_what_it_makes_in_swedish_time() -> None:
    with Ledger() as ledger:
        ledger.apply(receive(ledger), Deed(CALL, "CAL", datetime(2026, 12, 9, 14)), remote_id="CAL1", now=NOW)  # noqa: DTZ001
        (made,) = ledger.created(kind=Kind.COMEBACK, customer_id="M1", contact_id="ADR1")
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
        ledger.apply(receive(ledger, "conflict"), Deed(CALL, "CAL"), remote_id="CAL1", now=NOW)
        ledger.strike("refuse_connections", now=NOW)
        assert (ledger.count(), ledger.count(applied=True), ledger.count(applied=False)) == (2, 1, 1)
        assert (ledger.count(kind=Kind.COMEBACK), ledger.count(kind=Kind.APPOINTMENT)) == (2, 0)
        assert ledger.counts_by_kind() == {"comeback": (2, 1)}
        assert ledger.faults() == {"conflict": 1, "refuse_connections": 1}


def test_reading_can_go_on_from_where_it_stopped() -> None:
    with Ledger() as ledger:
        numbers = [receive(ledger) for _ in range(5)]
        first = ledger.requests(limit=2)
        rest = ledger.requests(after=first[-1].id)
    assert [entry.id for entry in first + rest] == numbers


def test_clearing_forgets_all_but_the_numbering() -> None:
    with Ledger() as ledger:
        ledger.apply(receive(ledger), Deed(CALL, "CAL"), remote_id="CAL1", now=NOW)
        ledger.strike("tls_hang", now=NOW)
        ledger.clear()
        assert (ledger.requests(), ledger.created(), ledger.faults()) == ([], [], {})
        assert receive(ledger) == 2


def test_a_file_is_read_by_others_while_the_sandbox_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with running_sandbox(ledger=path) as sandbox, Ledger(path) as other:
        identity = call(sandbox, Kind.APPOINTMENT).json
        assert [entry.remote_id for entry in other.applied()] == [identity]
    with closing(sqlite3.connect(path)) as rows:
        assert rows.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_ledger_goes_on_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    for expected in (1, 2):
        with running_sandbox(ledger=path) as sandbox:
            call(sandbox, Kind.COMEBACK)
            assert sandbox.ledger.count(applied=True) == expected
