"""Look-ups count against the capacity as sends do, and as the half-open probe (guards of rule 11)."""

from datetime import timedelta

from models import Scope, State
from tests import factory
from tests.clock import FixedClock
from tests.factory import MOMENT
from tests.outbox.steps import TERMS, begin, change, claim, make, read
from worker.kind import LookUpResult, Presence
from worker.outbox import Database
from worker.outbox.exchange.exchange import ExchangeResult, exchange
from worker.outbox.exchange.look_ups import ClaimedLookUp, FinishedLookUp
from worker.outbox.lanes.turns import Turn

LONG = 100_000.0
"""A lease in seconds that outlasts every test here."""


def to_ask(db: Database, customer_id: str = factory.CUSTOMER) -> int:
    """Make an operation with a look-up due."""
    return make(db, State.IN_DOUBT, needs_person=False, next_attempt_at=MOMENT, customer_id=customer_id)


def end_hold(db: Database, scope: Scope = Scope.ENVIRONMENT) -> None:
    """Leave a hold that has just run out."""
    with db.write() as connection:
        factory.make_hold(connection, scope, until=MOMENT - timedelta(seconds=1))


def begun(result: ExchangeResult) -> tuple[int, int]:
    """How many sends and how many look-ups."""
    return len(result.claimed), len(result.look_ups)


def bring(db: Database, turn: Turn, look_up: ClaimedLookUp) -> None:
    """Hand in what a look-up brought that proves nothing, neither about its operation nor about a hold."""
    result = LookUpResult(Presence.UNCLEAR, "several are there")
    exchange(
        db,
        turn,
        [],
        0,
        TERMS,
        [
            FinishedLookUp(
                look_up.id, look_up.attempt, look_up.look_ups, result, counts_as_unclear=True, by="here:1", seconds=0.1
            )
        ],
    )


def test_after_a_hold_sends_wait_for_the_probing_look_up(db: Database) -> None:
    for _ in range(3):
        to_ask(db), make(db)
    end_hold(db)
    turn = begin(db)
    first = claim(db, turn)
    assert begun(first) == (0, 1)
    assert begun(claim(db, turn)) == (0, 0)
    bring(db, turn, first.look_ups[0])
    assert begun(claim(db, turn)) == (0, 1)


def test_after_a_hold_look_ups_wait_for_the_probing_send(db: Database) -> None:
    make(db)
    end_hold(db)
    turn = begin(db)
    assert begun(claim(db, turn)) == (1, 0)
    to_ask(db)
    assert begun(claim(db, turn)) == (0, 0)


def test_other_lanes_wait_for_the_probing_look_up(db: Database) -> None:
    to_ask(db), make(db, kind="appointment"), make(db, kind="appointment", customer_id="M2")
    end_hold(db, Scope.GROUP)
    assert begun(claim(db, begin(db))) == (0, 1)
    appointments = {turn.customer_id: turn for turn in (begin(db, "appointment"), begin(db, "appointment"))}
    assert begun(claim(db, appointments[factory.CUSTOMER])) == (0, 0)
    assert begun(claim(db, appointments["M2"])) == (1, 0)


def test_look_ups_of_all_lanes_keep_the_environments_limit(db: Database) -> None:
    for number in range(12):
        to_ask(db, f"M{number % 3}")
    make(db, customer_id="M2")
    # Each begins after the one before it has claimed: look-ups under way count, not only the share.
    assert [begun(claim(db, begin(db), 3)) for _ in range(3)] == [(0, 3), (0, 2), (0, 0)]


def test_look_ups_and_sends_in_flight_are_counted_together(db: Database) -> None:
    for _ in range(4):
        to_ask(db, "M1"), make(db, customer_id="M2")
    assert [begun(claim(db, begin(db))) for _ in ("M2", "M1")] == [(4, 0), (0, 1)]


def test_a_dead_workers_look_up_counts_until_it_ends(db: Database, clock: FixedClock) -> None:
    to_ask(db), to_ask(db)
    end_hold(db)
    turn = begin(db, lease=LONG)
    assert begun(claim(db, turn)) == (0, 1)
    clock.advance(TERMS.outlast - 1)
    assert begun(claim(db, turn)) == (0, 0)
    clock.advance(1)
    assert begun(claim(db, turn)) == (0, 1)


def test_a_look_up_ends_when_its_row_moves_on(db: Database, clock: FixedClock) -> None:
    id_ = to_ask(db)
    turn = begin(db)
    (look_up,) = claim(db, turn).look_ups
    assert read(db, id_).look_up_until == clock.moment + timedelta(seconds=TERMS.outlast)
    change(db, id_, state=State.CANCELLED, finalized_at=clock.moment)
    bring(db, turn, look_up)
    assert (read(db, id_).state, read(db, id_).look_up_until) == (State.CANCELLED, None)


def test_an_earlier_look_ups_end_leaves_the_later_running(db: Database, clock: FixedClock) -> None:
    id_ = to_ask(db)
    turn = begin(db, lease=LONG)
    (earlier,) = claim(db, turn).look_ups
    clock.advance(TERMS.look_ups.gap)
    (later,) = claim(db, turn).look_ups
    bring(db, turn, earlier)
    assert read(db, id_).look_up_until == clock.moment + timedelta(seconds=TERMS.outlast)
    bring(db, turn, later)
    assert read(db, id_).look_up_until is None
