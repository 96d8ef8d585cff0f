"""The chores move work on when a ring or a worker is lost, and may be done twice."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from models import Environment, Lane, State
from tests import factory
from tests.clock import FixedClock
from worker import housekeeping
from worker.outbox import Database, connect
from worker.processes.main_process import NO_DISPATCH_FOR, NO_MESSAGE_FOR, Attention, dispatch_if_silent
from worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

pytestmark = pytest.mark.servers

SETTINGS = Settings()


class RingSpy:
    """Remembers the kinds that were rung for."""

    def __init__(self, *, broken: bool = False) -> None:
        self.rung: list[str] = []
        self.broken = broken

    def __call__(self, kinds: Iterable[str]) -> None:
        if self.broken:
            raise ConnectionError
        self.rung += kinds


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def db(database_url: str, clock: FixedClock) -> Iterator[Database]:
    engine = clock.rule(connect(database_url))
    db = Database(engine)
    with db.write() as connection:
        factory.make_environment(connection)
    yield db
    engine.dispose()


def make_due_lanes(db: Database, count: int, kind: str = "comeback") -> None:
    """Make `count` lanes of a kind that wait for a turn."""
    with db.write() as connection:
        for number in range(count):
            factory.make_operation(connection, kind=kind, customer_id=f"M{number}")
        connection.execute(update(Lane).values(due_at=factory.MOMENT - timedelta(minutes=1)))


def dispatched_at(db: Database) -> object:
    with db.read() as connection:
        return connection.execute(select(Environment.dispatched_at)).scalar_one()


def test_dispatch_rings_once_per_due_lane_up_to_eight(db: Database) -> None:
    make_due_lanes(db, 3, "comeback")
    make_due_lanes(db, 12, "appointment")
    spy = RingSpy()
    assert housekeeping.dispatch(db, spy) == {"appointment": 8, "comeback": 3}
    assert sorted(spy.rung) == ["appointment"] * 8 + ["comeback"] * 3
    assert dispatched_at(db) == factory.MOMENT


def test_dispatch_rings_the_kinds_in_turn_the_longest_due_first(db: Database) -> None:
    """Rings expire: with few processes only the first of them are answered, and those must not all be of one kind."""
    make_due_lanes(db, 3, "appointment")
    make_due_lanes(db, 2, "comeback")
    with db.write() as connection:
        sooner = factory.MOMENT - timedelta(hours=1)
        connection.execute(update(Lane).where(Lane.kind == "comeback").values(due_at=sooner))
    spy = RingSpy()
    housekeeping.dispatch(db, spy)
    assert spy.rung == ["comeback", "appointment"] * 2 + ["appointment"]


def test_a_dispatch_with_nothing_due_is_noted(db: Database) -> None:
    spy = RingSpy()
    assert housekeeping.dispatch(db, spy) == {}
    assert spy.rung == []
    assert dispatched_at(db) == factory.MOMENT


def test_a_dispatch_without_a_broker_is_not_noted(db: Database) -> None:
    make_due_lanes(db, 1)
    with pytest.raises(ConnectionError):
        housekeeping.dispatch(db, RingSpy(broken=True))
    assert dispatched_at(db) is None


def test_the_watch_dispatches_only_after_a_silence(db: Database, clock: FixedClock) -> None:
    make_due_lanes(db, 1)
    housekeeping.dispatch(db, RingSpy())
    spy, attention = RingSpy(), Attention(last_message_at=100.0)
    clock.advance(NO_DISPATCH_FOR - 1)
    assert not dispatch_if_silent(db, SETTINGS, spy, attention, 100.0)
    assert spy.rung == []
    clock.advance(2)
    assert dispatch_if_silent(db, SETTINGS, spy, attention, 102.0)
    assert spy.rung == ["comeback"]
    assert not dispatch_if_silent(db, SETTINGS, spy, attention, 103.0)


def test_the_watch_dispatches_where_others_do_but_no_ring_arrives(db: Database) -> None:
    make_due_lanes(db, 1)
    housekeeping.dispatch(db, RingSpy())
    spy = RingSpy()
    assert not dispatch_if_silent(db, SETTINGS, spy, Attention(last_message_at=0.0), NO_MESSAGE_FOR - 1)
    assert dispatch_if_silent(db, SETTINGS, spy, Attention(last_message_at=0.0), NO_MESSAGE_FOR + 1)
    assert spy.rung == ["comeback"]


def test_the_watch_rescues_dead_turns_while_beat_is_dead(db: Database, clock: FixedClock) -> None:
    with db.write() as connection:
        made = factory.make_operation(connection, State.IN_FLIGHT, kind="appointment")
    clock.advance(3600)
    attention = Attention(last_message_at=0.0)
    dispatch_if_silent(db, SETTINGS, RingSpy(), attention, 1.0)
    with db.read() as connection:
        assert factory.operation(connection, made).state is State.IN_DOUBT
    assert attention.last_chores_at == 1.0


def test_expire_ends_late_rows_and_blocked_children(db: Database, clock: FixedClock) -> None:
    with db.write() as connection:
        late = factory.make_operation(connection, expires_at=clock.moment - timedelta(seconds=1))
        factory.make_operation(connection, State.FAILED, source_id="parent")
        child = factory.make_operation(connection, after_kind="comeback", after_source_id="parent")
    assert housekeeping.expire(db)["expired"] == 1
    housekeeping.expire(db)
    with db.read() as connection:
        assert factory.operation(connection, late).state is State.EXPIRED
        assert factory.operation(connection, child).state is State.FAILED


def test_prune_keeps_to_the_setting(db: Database, clock: FixedClock) -> None:
    with db.write() as connection:
        factory.make_operation(connection, State.SUCCEEDED)
    clock.advance(8 * 86400)
    assert housekeeping.prune(db, SETTINGS) == 0
    assert housekeeping.prune(db, Settings(blank_after=timedelta(days=7))) == 1
