"""Decisions of a person: every wish against every state, and the history of it, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from models import FINAL, MOVES, WAITING, Event, State
from tests import factory
from tests.clock import FixedClock
from tests.factory import MOMENT, make_operation
from worker import reconciling
from worker.outbox import Database, connect
from worker.outbox.operators.decisions import TARGETS
from worker.outbox.revisions.content import Content
from worker.reconciling import Cancel, Decider, DecisionReport, Delivered, Expiry, GiveUp, Requeue, SendAgain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.reconciling import Wish

ANNA = Decider("anna", "looked in the portal")
WISHES: tuple[Wish, ...] = (Requeue(), Cancel(), Delivered("R"), SendAgain(), GiveUp())
LATER = MOMENT + timedelta(days=1)


@pytest.fixture
def clock() -> FixedClock:
    """The clock of `db`, an hour after the factory's moment."""
    clock = FixedClock()
    clock.advance(3600)
    return clock


@pytest.fixture
def db(database_url: str, clock: FixedClock) -> Iterator[Database]:
    """An outbox with a fixed clock."""
    engine = clock.rule(connect(database_url))
    yield Database(engine)
    engine.dispose()


def made(db: Database, state: State, **overrides: Any) -> int:
    """Make an operation that has not expired by itself."""
    if state is State.EXPIRED:
        overrides = {"expires_at": None, **overrides}
    with db.write() as connection:
        return make_operation(connection, state, **overrides)


def row(db: Database, id_: int) -> Any:
    """Read an operation."""
    with db.read() as connection:
        return factory.operation(connection, id_)


def decide(db: Database, id_: int, wish: Wish) -> DecisionReport:
    """Decide about one operation."""
    return reconciling.carry_out(db, [id_], wish, ANNA)


def why(report: DecisionReport) -> str:
    """Give the only refusal's reason; nothing was done."""
    assert report.carried_out == ()
    (refusal,) = report.refused
    return refusal.why


ALLOWED = {
    (Requeue, State.FAILED): State.PENDING,
    (Requeue, State.CANCELLED): State.PENDING,
    (Requeue, State.EXPIRED): State.PENDING,
    (Cancel, State.PENDING): State.CANCELLED,
    (Cancel, State.RETRYABLE): State.CANCELLED,
    (Cancel, State.IN_FLIGHT): State.IN_FLIGHT,
    (Delivered, State.IN_FLIGHT): State.IN_FLIGHT,
    (Delivered, State.IN_DOUBT): State.SUCCEEDED,
    (Delivered, State.FAILED): State.SUCCEEDED,
    (Delivered, State.CANCELLED): State.SUCCEEDED,
    (Delivered, State.EXPIRED): State.SUCCEEDED,
    (SendAgain, State.IN_DOUBT): State.RETRYABLE,
    (GiveUp, State.IN_DOUBT): State.CANCELLED,
}


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: type(wish).__name__)
def test_each_decision_in_each_state_is_carried_out_or_refused(db: Database, wish: Wish, state: State) -> None:
    id_ = made(db, state)
    before = row(db, id_)
    report = decide(db, id_, wish)
    expected = ALLOWED.get((type(wish), state))
    if expected is None:
        assert why(report)
        assert row(db, id_) == before
    else:
        assert [(decided.id, decided.was, decided.state) for decided in report.carried_out] == [(id_, state, expected)]
        assert row(db, id_).state is expected


def test_every_decision_is_a_move_of_the_state_machine() -> None:
    arrows = {(move.source, move.target) for move in MOVES}
    assert all(was == is_ or (was, is_) in arrows for (_, was), is_ in ALLOWED.items())


@pytest.mark.parametrize("state", sorted({state for _, state in ALLOWED}))
def test_a_decision_is_recorded_with_author_and_reason(db: Database, state: State) -> None:
    for wish in WISHES:
        if (type(wish), state) not in ALLOWED:
            continue
        id_ = made(db, state)
        if isinstance(wish, Delivered):
            wish = Delivered(f"R{id_}")  # noqa: PLW2901 (a remote id belongs to one operation)
        decide(db, id_, wish)
        with db.read() as connection:
            entry = factory.history(connection, id_)[-1]
        assert entry.event is Event.DECIDED
        assert entry.by == "anna"
        assert entry.detail == "looked in the portal"
        assert entry.attempt == row(db, id_).attempt
        assert entry.code in {verb.value for verb in TARGETS}


def test_a_requeued_operation_keeps_only_its_attempt_number(db: Database, clock: FixedClock) -> None:
    id_ = made(db, State.FAILED, attempt=4, failures=12, reported_at=MOMENT, look_ups=3, answer={"a": 1})
    assert decide(db, id_, Requeue()).kinds == {"comeback"}
    after = row(db, id_)
    assert after.attempt == 4
    assert after.failures == 0
    assert after.look_ups == 0
    assert after.answer is None
    assert after.error_code is None
    assert after.error_detail is None
    assert after.finalized_at is None
    assert after.reported_at is None
    assert after.next_attempt_at == clock.moment


def test_a_requeue_keeps_the_time_to_send_after(db: Database) -> None:
    id_ = made(db, State.FAILED, send_after=LATER)
    decide(db, id_, Requeue())
    assert row(db, id_).next_attempt_at == LATER


def test_a_requeued_operation_wakes_its_lane(db: Database, clock: FixedClock) -> None:
    decide(db, made(db, State.FAILED), Requeue())
    with db.read() as connection:
        assert factory.lane(connection).due_at == clock.moment


@pytest.mark.parametrize("wish", [Requeue, SendAgain])
@pytest.mark.parametrize("evidence", [{"accepted": True}, {"acted_at": MOMENT}])
def test_no_decision_resends_an_accepted_one_by_itself(
    db: Database, wish: type[Requeue | SendAgain], evidence: dict[str, Any]
) -> None:
    state = State.FAILED if wish is Requeue else State.IN_DOUBT
    id_ = made(db, state, **evidence)
    assert "not sent again by itself" in why(decide(db, id_, wish()))
    assert row(db, id_).state is state


def test_a_blanked_operation_cannot_be_sent(db: Database) -> None:
    assert "blanked" in why(decide(db, made(db, State.FAILED, payload=None), Requeue()))


@pytest.mark.parametrize(("wish", "state"), [(Requeue, State.EXPIRED), (SendAgain, State.IN_DOUBT)])
def test_an_expired_operation_needs_a_new_expiry(db: Database, wish: type[Requeue | SendAgain], state: State) -> None:
    for expiry, expected in ((Expiry(until=LATER), LATER), (Expiry(never=True), None)):
        id_ = made(db, state, expires_at=MOMENT)
        assert "expire at once" in why(decide(db, id_, wish()))
        assert decide(db, id_, wish(expiry)).carried_out
        assert row(db, id_).expires_at == expected


def test_an_expiry_still_to_come_stays(db: Database) -> None:
    id_ = made(db, State.FAILED, expires_at=LATER)
    decide(db, id_, Requeue())
    assert row(db, id_).expires_at == LATER


def test_a_child_is_requeued_after_its_parent(db: Database) -> None:
    parent = made(db, State.FAILED, source_id="P")
    child = made(db, State.FAILED, after_kind="comeback", after_source_id="P")
    assert "comes after is failed" in why(decide(db, child, Requeue()))
    decide(db, parent, Requeue())
    assert decide(db, child, Requeue()).carried_out


def test_a_cancel_in_flight_is_asked_once(db: Database) -> None:
    id_ = made(db, State.IN_FLIGHT, revision={"payload_hash": "x"})
    decide(db, id_, Cancel())
    after = row(db, id_)
    # New content that waits for the verdict would bring the cancelled operation back.
    assert after.state is State.IN_FLIGHT
    assert after.cancel_asked is True
    assert after.revision is None
    assert "asked already" in why(decide(db, id_, Cancel()))


def test_delivered_keeps_the_id_and_forgets_the_doubt(db: Database, clock: FixedClock) -> None:
    id_ = made(db, State.IN_DOUBT, accepted=True, reported_at=MOMENT)
    decide(db, id_, Delivered("CAL1"))
    after = row(db, id_)
    assert after.state is State.SUCCEEDED
    assert after.remote_id == "CAL1"
    assert after.acted_at == clock.moment
    assert after.needs_person is False
    assert after.accepted is False
    assert after.doubt_since is None
    assert after.error_code is None
    assert (after.finalized_at, after.reported_at) == (clock.moment, None)


def test_evidence_for_a_row_in_flight_waits_for_its_attempt(db: Database, clock: FixedClock) -> None:
    id_ = made(db, State.IN_FLIGHT)
    decide(db, id_, Delivered("CAL1"))
    after = row(db, id_)
    assert after.state is State.IN_FLIGHT
    assert after.acted_at == clock.moment
    assert after.remote_id == "CAL1"
    assert after.claimed_by is not None


def test_a_remote_id_of_another_operation_is_refused(db: Database) -> None:
    owner = made(db, State.SUCCEEDED, remote_id="CAL1")
    assert f"operation {owner}" in why(decide(db, made(db, State.IN_DOUBT), Delivered("CAL1")))


def test_another_id_than_vitecs_own_is_refused(db: Database) -> None:
    assert "another id: CAL1" in why(decide(db, made(db, State.IN_DOUBT, remote_id="CAL1"), Delivered("CAL2")))


def test_a_double_seen_by_a_person_needs_none(db: Database) -> None:
    id_ = made(db, State.SUCCEEDED, needs_person=True, error_code="acted_twice")
    decide(db, id_, Delivered())
    after = row(db, id_)
    assert after.state is State.SUCCEEDED
    assert after.needs_person is False
    assert after.error_code is None


def test_a_given_up_operation_drops_the_new_content_that_waited(db: Database) -> None:
    id_ = made(db, State.IN_DOUBT, revision={"payload_hash": "x"})
    decide(db, id_, GiveUp())
    assert (row(db, id_).state, row(db, id_).revision) == (State.CANCELLED, None)


def test_sending_again_sends_the_new_content_that_waited(db: Database) -> None:
    payload = {"customer_id": "M30001", "contact_id": "ADR0001", "date": "2026-12-12T09:15:00+01:00"}
    new = Content(payload, "f" * 64, None, None, None, None, None, None, 7)
    id_ = made(db, State.IN_DOUBT, revision=new.as_revision())
    decide(db, id_, SendAgain())
    after = row(db, id_)
    assert (after.state, after.revision) == (State.RETRYABLE, None)
    assert after.payload == payload


def test_an_unknown_number_is_refused(db: Database) -> None:
    assert "no such operation" in why(decide(db, 4711, Cancel()))


def test_rows_decided_in_batches_are_judged_one_by_one(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "BATCH", 2)
    ids = [made(db, state) for state in (State.FAILED, State.PENDING, State.CANCELLED, State.SUCCEEDED, State.FAILED)]
    report = reconciling.carry_out(db, ids, Requeue(), ANNA)
    assert [decided.id for decided in report.carried_out] == [ids[0], ids[2], ids[4]]
    assert [decided.id for decided in report.refused] == [ids[1], ids[3]]


def test_every_decision_is_named_for_every_state() -> None:
    assert {state for _, state in ALLOWED} == set(State) - {State.SUCCEEDED}
    assert all((Cancel, state) in ALLOWED for state in WAITING)
    assert all((Requeue, state) in ALLOWED for state in FINAL - {State.SUCCEEDED})
