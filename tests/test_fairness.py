"""The simulation follows the product's own rules: each is held against the product's function on a database."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from bench.fairness import Load, simulate_load
from bench.simulated.lanes import Batch, Lane, Lanes, SlotReserver
from bench.simulated.rules import Rules
from bench.simulated.world import World
from bench.table import quantile
from models import Environment
from models import Lane as Row
from tests import factory
from tests.clock import FixedClock
from tests.outbox.steps import release
from worker import housekeeping
from worker.outbox import Database, connect
from worker.outbox.exchange import rate_limit
from worker.outbox.lanes import turns

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def db(sqlite_url: str, clock: FixedClock) -> Iterator[Database]:
    engine = clock.rule(connect(sqlite_url))
    db = Database(engine)
    with db.write() as connection:
        factory.make_environment(connection)
    yield db
    engine.dispose()


@pytest.mark.parametrize("rate", [10.0, 50.0, 500.0])
def test_slots_are_given_as_the_product_gives_them(db: Database, clock: FixedClock, rate: float) -> None:
    simulated, at = SlotReserver(rate), 0.0
    with db.write() as connection:
        connection.execute(update(Environment).values(next_slot_at=clock.moment))
    for wait, limit in ((0.0, 5), (0.0, 2), (0.05, 100), (0.031, 1), (0.4, 3), (0.1, 60), (0.002, 60)):
        clock.advance(wait)
        at += wait
        ours, theirs = simulated.reserve(at, limit), rate_limit.reserve_slots(db, rate, limit)
        assert ours.offsets == pytest.approx(theirs.offsets, abs=0.002)
        assert ours.wait == pytest.approx(theirs.wait, abs=0.002)


def test_turns_go_round_as_the_product_lets_them(db: Database, clock: FixedClock) -> None:
    """Four lanes of different length, one row done a turn: the order of turns, and what each last look said."""
    rows, simulated, taken, looks = {"M1": 3, "M2": 1, "M3": 2, "M4": 1}, Lanes(), [], []
    with db.write() as connection:
        for number, (customer, count) in enumerate(rows.items()):
            for _ in range(count):
                factory.make_operation(connection, kind="comeback", customer_id=customer)
            due_at = factory.MOMENT + timedelta(seconds=number)
            connection.execute(update(Row).where(Row.customer_id == customer).values(due_at=due_at))
            lane = Lane(int(customer[1:]), "comeback")
            lane.batches.append(Batch(0.0, count, count))
            simulated.wake(lane, float(number))
    at = 10.0
    clock.advance(at)
    while (turn := turns.take_turn(db, "comeback", lease=45, worker="test")) is not None:
        lane_taken = simulated.take("comeback")
        assert lane_taken is not None
        taken.append((turn.customer_id, f"M{lane_taken.customer}"))
        _finish_one(db, turn.customer_id)
        lane_taken.claim(1)
        clock.advance(1)
        at += 1
        looks.append((release(db, turn) is not None, simulated.release(lane_taken, at)))
    assert [real for real, _ in taken] == [ours for _, ours in taken]
    assert [real for real, _ in taken] == ["M1", "M2", "M3", "M4", "M1", "M3", "M1"]
    assert all(real == ours for real, ours in looks)
    assert simulated.take("comeback") is None


def _finish_one(db: Database, customer_id: str) -> None:
    from models import Operation, State

    with db.write() as connection:
        which = select(Operation.id).where(Operation.customer_id == customer_id, Operation.state == State.PENDING)
        operation_id = connection.scalars(which.limit(1)).one()
        finished = {"state": State.SUCCEEDED, "finalized_at": factory.MOMENT}
        connection.execute(update(Operation).where(Operation.id == operation_id).values(**finished))


def test_dispatch_rings_in_the_order_in_which_the_product_rings(db: Database) -> None:
    counts = {"viewing_registration": 10, "comeback": 2, "order_token": 1}
    # Without children the rings stay in the queue.
    world = World(Rules(children=0))
    with db.write() as connection:
        for kind, count in counts.items():
            for number in range(count):
                factory.make_operation(connection, kind=kind, customer_id=f"M{number}")
                world.lanes.wake(Lane(number, kind), 0.0)
        connection.execute(update(Row).values(due_at=factory.MOMENT - timedelta(minutes=1)))
    rung: list[str] = []
    housekeeping.dispatch(db, rung.extend)
    world.dispatch()
    assert world.list_rung() == rung


def test_a_row_recorded_during_its_lanes_turn_is_sent() -> None:
    simulated, lane = Lanes(), Lane(1, "comeback")
    lane.batches.append(Batch(0.0, 1, 1))
    simulated.wake(lane, 0.0)
    assert simulated.take("comeback") is lane
    lane.claim(5)
    lane.batches.append(Batch(1.0, 1, 1))
    simulated.wake(lane, 1.0)
    assert simulated.take("comeback") is None, "its turn has not ended"
    assert simulated.release(lane, 2.0)
    assert simulated.take("comeback") is lane


def test_a_claim_takes_the_oldest_rows() -> None:
    lane = Lane(1, "comeback")
    old, new = Batch(0.0, 2, 2), Batch(1.0, 3, 3)
    lane.batches.extend((old, new))
    assert lane.claim(3) == [old, old, new]
    assert lane.claim(9) == [new, new]
    assert lane.claim(9) == []


def test_neither_rate_nor_in_flight_limit_is_exceeded() -> None:
    rules = Rules(rate=50.0, in_flight=3, children=4)
    world, highest, starts = World(rules), 0, []
    send = world.send

    def watched(batch, start, note_answer):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        nonlocal highest
        highest = max(highest, world.in_flight)
        starts.append(start)
        send(batch, start, note_answer)

    world.send = watched  # type: ignore[method-assign]
    world.enqueue([(Lane(number, "comeback"), Batch(0.0, 40, 40)) for number in range(20)])
    world.time.run(60.0)
    assert world.sent == 800
    assert highest == 3
    assert 800 / rules.rate - 1 < max(starts)
    in_any_second = max(sum(0 <= later - start < 1.0 for later in starts) for start in starts)
    assert in_any_second <= rules.rate * 1.2 + 1


def test_the_same_seed_plays_the_same_day() -> None:
    load = Load("a few", 20, (("comeback", 500),))
    assert simulate_load(load, Rules(), seed=3) == simulate_load(load, Rules(), seed=3)
    assert simulate_load(load, Rules(), seed=3) != simulate_load(load, Rules(), seed=4)


def test_unserved_rows_count_with_their_wait_so_far() -> None:
    waits = simulate_load(
        Load("one child, no time", 5, (("comeback", 10_000),), 0.0, "comeback", 1.0), Rules(children=1)
    )
    assert waits.unserved == 5
    assert quantile(waits.merged, 0.5) == pytest.approx(1.0, abs=0.3)


def test_kinds_rung_in_turn_wait_for_no_earlier_kind() -> None:
    big = tuple((kind, 20_000) for kind in ("appointment", "comeback") for _ in range(10))
    load = Load("two busy kinds", 150, big)
    after = simulate_load(load, Rules(children=2, kinds_in_turn=True))
    before = simulate_load(load, Rules(children=2, kinds_in_turn=False))
    assert quantile(after.merged, 0.99) < 0.5 * quantile(before.merged, 0.99)
