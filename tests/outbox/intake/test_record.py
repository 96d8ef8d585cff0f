"""The meaning of a known key depends on the state of its operation."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, event, select, text

from models import THE_CRM, Attempt, Event, Operation, RejectedRow, State
from tests import factory
from tests.outbox.exported import ENDED, UNDECIDED, WAITING, a_file, last_entry, made, operation, record, row
from worker.outbox.database import staging
from worker.outbox.database.errors import retry_on_conflict
from worker.outbox.database.staging import FEW, NewOperation
from worker.outbox.intake import record as record_module
from worker.outbox.intake.feed_files import Rejection, begin_file, finish_file, record_rejections
from worker.outbox.intake.record import KnownShare, record_rows
from worker.outbox.revisions.judge import IntakeResult
from worker.stockholm import STOCKHOLM

if TYPE_CHECKING:
    from tests.clock import FixedClock
    from worker.outbox import Database


def test_a_new_row_is_due_at_once_or_later(db: Database, clock: FixedClock) -> None:
    soon, past = clock.moment + timedelta(hours=1), clock.moment - timedelta(hours=1)
    assert (
        record(db, row(), row(source_id="C-2", send_after=soon), row(source_id="C-3", send_after=past))
        == [IntakeResult.RECORDED] * 3
    )
    with db.read() as connection:
        due = connection.scalars(select(Operation.next_attempt_at).order_by(Operation.id)).all()
    assert due == [clock.moment, soon, clock.moment]


def test_expiry_counts_from_the_databases_clock_by_default(db: Database, clock: FixedClock) -> None:
    own = clock.moment + timedelta(days=9)
    record(db, row(expires_after=90.0), row(source_id="C-2", expires_after=90.0, expires_at=own))
    with db.read() as connection:
        ends = connection.scalars(select(Operation.expires_at).order_by(Operation.id)).all()
    assert ends == [clock.moment + timedelta(seconds=90), own]


@pytest.mark.parametrize("state", list(State))
def test_the_same_content_changes_nothing_in_any_state(db: Database, state: State) -> None:
    id_ = made(db, state)
    before = operation(db, id_)
    assert record(db, row("old")) == [IntakeResult.UNCHANGED]
    assert operation(db, id_) == before


@pytest.mark.parametrize("state", WAITING)
def test_new_content_of_a_waiting_row_keeps_its_attempt(db: Database, state: State, clock: FixedClock) -> None:
    id_ = made(db, state)
    before = operation(db, id_)
    clock.advance(60)
    later = clock.moment + timedelta(days=1)
    assert record(db, row(expires_after=60.0, send_after=later), file=(file := a_file(db))) == [IntakeResult.REVISED]
    after = operation(db, id_)
    assert after.payload["note"] == "new"
    assert after.payload_hash == "hash of new"
    assert after.match_key == "key of new"
    assert after.line == 5
    assert after.feed_file_id == file
    assert (after.next_attempt_at, after.expires_at) == (later, clock.moment + timedelta(seconds=60))
    assert after.state == before.state
    assert after.attempt == before.attempt
    assert after.failures == before.failures
    assert last_entry(db, id_) == (Event.DECIDED, state.value, "new_content", THE_CRM, before.attempt)


@pytest.mark.parametrize("state", ENDED)
def test_new_content_revives_a_row_ended_without_success(db: Database, state: State, clock: FixedClock) -> None:
    reported = {
        "reported_at": factory.MOMENT,
        "attempt": 4,
        "failures": 3,
        "error_code": "refused",
        "error_detail": "x",
    }
    id_ = made(db, state, **reported, look_ups=2, needs_person=True)
    clock.advance(60)
    assert record(db, row()) == [IntakeResult.REQUEUED]
    after = operation(db, id_)
    assert after.state is State.PENDING
    assert after.attempt == 4
    assert after.failures == 0
    assert after.error_code is None
    assert after.error_detail is None
    assert after.finalized_at is None
    assert after.reported_at is None
    assert after.look_ups == 0
    assert after.needs_person is False
    assert after.next_attempt_at == clock.moment
    assert after.payload["note"] == "new"
    assert last_entry(db, id_) == (Event.DECIDED, "pending", "new_content", THE_CRM, 4)


@pytest.mark.parametrize("state", UNDECIDED)
def test_new_content_waits_for_the_verdict_in_flight(db: Database, state: State) -> None:
    id_ = made(db, state)
    before = operation(db, id_)
    assert record(db, row()) == [IntakeResult.DEFERRED]
    after = operation(db, id_)
    assert after.revision["payload"]["note"] == "new"
    assert after.payload == before.payload
    assert after.payload_hash == before.payload_hash
    assert after.state == state
    assert record(db, row()) == [IntakeResult.UNCHANGED]
    assert record(db, row("newer")) == [IntakeResult.DEFERRED]
    assert operation(db, id_).revision["payload"]["note"] == "newer"


@pytest.mark.parametrize("state", UNDECIDED)
def test_the_old_content_withdraws_a_waiting_revision(db: Database, state: State) -> None:
    id_ = made(db, state)
    record(db, row())
    assert record(db, row("old")) == [IntakeResult.UNCHANGED]
    assert operation(db, id_).revision is None


def test_a_sent_row_stays_unchanged(db: Database) -> None:
    id_ = made(db, State.SUCCEEDED)
    before = operation(db, id_)
    assert record(db, row()) == [IntakeResult.ALREADY_SENT]
    assert operation(db, id_) == before


def test_new_content_does_not_resend_an_accepted_row(db: Database) -> None:
    """It would be done twice, and whatever the new attempt brought would count as the success of the first."""
    id_ = made(db, State.CANCELLED, acted_at=factory.MOMENT)
    before = operation(db, id_)
    assert record(db, row()) == [IntakeResult.ALREADY_SENT]
    assert operation(db, id_) == before


@pytest.mark.parametrize("state", ENDED)
def test_resend_permission_ends_with_its_operation(db: Database, state: State, clock: FixedClock) -> None:
    """Grown old, it would keep the new content from ever being sent: pending operations are not looked up."""
    id_ = made(db, state, send_again_until=clock.moment)
    clock.advance(3600)
    assert record(db, row()) == [IntakeResult.REQUEUED]
    assert operation(db, id_).send_again_until is None


@pytest.mark.parametrize("state", list(State))
def test_another_customer_s_operation_is_never_touched(db: Database, state: State) -> None:
    id_ = made(db, state)
    before = operation(db, id_)
    assert record(db, row(customer_id="M39999")) == [IntakeResult.OTHER_CUSTOMER]
    assert operation(db, id_) == before


@pytest.mark.parametrize("known_share", list(KnownShare))
def test_results_come_in_the_order_of_the_rows(
    db: Database, known_share: KnownShare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_module, "FEW", 0)
    made(db, State.FAILED, source_id="C-1")
    made(db, State.SUCCEEDED, source_id="C-3")
    made(db, State.SUCCEEDED, source_id="C-5")
    made(db, State.IN_DOUBT, source_id="C-6", revision={"payload_hash": "hash of new"})
    made(db, State.PENDING, source_id="C-7")
    notes = {"C-4": "new", "C-3": "new", "C-5": "old", "C-2": "new", "C-1": "new", "C-6": "old", "C-7": "old"}
    rows = [row(note, source_id) for source_id, note in notes.items()]
    rows.append(row("old", source_id="C-8", customer_id="M39999"))
    made(db, State.PENDING, source_id="C-8")
    assert record(db, *rows, known_share=known_share) == [
        IntakeResult.RECORDED,
        IntakeResult.ALREADY_SENT,
        IntakeResult.UNCHANGED,
        IntakeResult.RECORDED,
        IntakeResult.REQUEUED,
        IntakeResult.UNCHANGED,
        IntakeResult.UNCHANGED,
        IntakeResult.OTHER_CUSTOMER,
    ]
    with db.read() as connection:
        revisions = connection.execute(select(Operation.source_id).where(Operation.revision.is_not(None))).all()
    assert revisions == []


def test_unchanged_rows_are_neither_inserted_nor_read_back(db: Database) -> None:
    rows = [row(source_id=f"C-{number}") for number in range(5)]
    record(db, *rows)
    statements: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    assert record(db, *rows, known_share=KnownShare.MOST) == [IntakeResult.UNCHANGED] * 5
    assert not [text for text in statements if "INSERT INTO operations" in text or text.startswith("SELECT")]


@pytest.mark.parametrize("note", ["a\\b", "\\N", "\\.", "tab\tand\nbreak", "'\"", "åäö\u2028\x85", "{}"])
def test_texts_are_stored_unchanged(db: Database, note: str) -> None:
    plain = {"payload_hash": "hash", "match_key": "C\\1/key"}
    record(db, row(note, source_id="C\\1", send_after=factory.MOMENT, **plain))
    with db.read() as connection:
        (stored,) = connection.execute(select(Operation.source_id, Operation.payload, Operation.send_after)).all()
    assert stored.source_id == "C\\1"
    assert stored.payload["note"] == note
    assert stored.send_after == factory.MOMENT


def test_rows_are_recorded_alike_by_whichever_way_they_come(
    db: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few in a parameter, many in a table, and those that are all new straight."""
    soon = clock.moment + timedelta(hours=1, microseconds=7)
    full = row("\\ 🏡", "C\\1", send_after=soon, expires_at=soon, after_kind="comeback", after_source_id="C-2")
    bare = row(source_id="C-2", match_key=None, line=None, expires_after=0.5)
    changed = row("newer", "C-2", send_after=soon.astimezone(STOCKHOLM))
    plain = [
        row(source_id=f"C-{number}", send_after=when, expires_after=3.5) for number, when in ((3, soon), (4, None))
    ]
    outcomes = []
    for few, known_share in ((0, KnownShare.SOME), (FEW, KnownShare.SOME), (0, KnownShare.NONE)):
        monkeypatch.setattr(staging, "FEW", few)
        monkeypatch.setattr(record_module, "FEW", few)
        results = [
            record(db, *rows, known_share=known_share) for rows in (plain, [full, bare], [bare, full], [full, changed])
        ]
        with db.write() as connection:
            kept = connection.execute(select(*_COMPARED).order_by(Operation.source_id)).all()
            connection.execute(delete(Attempt))
            connection.execute(delete(Operation))
        outcomes.append((results, kept))
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert outcomes[0][0][3] == [IntakeResult.UNCHANGED, IntakeResult.REVISED]


_COMPARED = [column for column in Operation.__table__.columns if column.name != "id"]


def test_a_value_that_would_break_the_block_is_refused_whole(pg_db: Database) -> None:
    with pytest.raises(ValueError, match="cannot be staged"):
        record(pg_db, row(source_id="C\t1"), *[row(source_id=f"C-{number}") for number in range(FEW)])


@pytest.mark.parametrize("known_share", list(KnownShare))
def test_an_open_import_does_not_hold_up_a_turn(
    pg_db: Database, known_share: KnownShare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_module, "FEW", 0)
    made(pg_db, State.PENDING)
    with pg_db.write() as importing:
        record_rows(importing, [row(source_id="C-2")], feed="crm", known_share=known_share)
        with pg_db.write() as turning:
            turning.execute(text("SET LOCAL lock_timeout = '500ms'"))
            locked = turning.execute(text("SELECT 1 FROM lanes FOR NO KEY UPDATE")).all()
    assert len(locked) == 1


@pytest.mark.parametrize("known_share", [KnownShare.NONE, KnownShare.SOME])
def test_two_imports_in_opposite_order_both_succeed(pg_db: Database, known_share: KnownShare) -> None:
    record(pg_db, row(source_id="X"))
    rows = [row(source_id=f"C-{number}") for number in range(300)]
    together = threading.Barrier(2)
    verdicts: list[list[IntakeResult]] = []

    def run(mine: list[NewOperation]) -> None:
        together.wait(10)
        verdicts.append(retry_on_conflict(lambda: record(pg_db, *mine, known_share=known_share)))

    threads = [threading.Thread(target=run, args=(mine,)) for mine in (rows, rows[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    counted = [verdict for of_import in verdicts for verdict in of_import]
    assert counted.count(IntakeResult.RECORDED) == counted.count(IntakeResult.UNCHANGED) == 300


def test_a_rejection_of_known_content_is_recorded_once(db: Database) -> None:
    content = {"feed": "crm", "name": "a.csv", "kind": None, "content_hash": "a" * 64, "size": 1}
    for expected in (1, 1, 2):
        file = begin_file(db, **content)  # type: ignore[arg-type]
        with db.write() as connection:
            record_rejections(connection, file, [Rejection(3, "missing", "why", "what helps")])
        finish_file(db, file)
        with db.read() as connection:
            assert len(connection.execute(select(RejectedRow.id)).all()) == expected
        if file.seen_before:
            content |= {"content_hash": "b" * 64, "name": "b.csv"}
