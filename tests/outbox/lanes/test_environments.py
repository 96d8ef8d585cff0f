"""The row of the environment: when its lanes were last rung for, and the address of Vitec to which it belongs."""

import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from models import Attempt, Environment, HoldReason
from tests import factory
from tests.clock import FixedClock
from tests.outbox.steps import SUCCESS, TERMS, begin, claim, done, holds, make, settle
from worker.decide import NEVER_SENT, Settlement
from worker.kind import DatedAnswer
from worker.outbox import Database
from worker.outbox.lanes import environments


def test_silence_is_measured_by_the_last_dispatch(db: Database, clock: FixedClock) -> None:
    assert not environments.dispatched_within(db, 10)
    environments.note_dispatch(db)
    clock.advance(9)
    assert environments.dispatched_within(db, 10)
    clock.advance(1)
    assert not environments.dispatched_within(db, 10)
    with db.write() as connection:
        connection.execute(update(Environment).values(dispatched_at=None))
    assert not environments.dispatched_within(db, 10)


SLIP, RIGHT = "https://conect.example", "https://connect.example"


@pytest.fixture
def slipped(db: Database) -> Database:
    """A database that a first start has recorded with a slip in the address."""
    with db.write() as connection:
        connection.execute(update(Environment).values(base_url=SLIP))
    return db


def send_one(db: Database, settlement: Settlement) -> None:
    """Claim one operation and settle it; another one waits."""
    make(db), make(db)
    turn = begin(db)
    (claimed,) = claim(db, turn, want=1).claimed
    settle(db, turn, [done(claimed, settlement)])


def test_the_next_address_takes_the_place_of_a_slip(slipped: Database) -> None:
    with slipped.write() as connection:
        factory.make_hold(connection, reason=HoldReason.UNAVAILABLE)
        factory.make_hold(connection, reason=HoldReason.PAUSED)
    assert environments.register(slipped, RIGHT) == RIGHT
    assert [hold.reason for hold in holds(slipped)] == [HoldReason.PAUSED]
    binding = environments.read_binding(slipped)
    assert binding is not None
    assert binding.bound_at is None


def test_the_first_answer_binds(slipped: Database) -> None:
    send_one(slipped, SUCCESS)
    binding = environments.read_binding(slipped)
    assert binding is not None
    assert binding.bound_at is not None
    assert environments.register(slipped, RIGHT) == SLIP


def test_a_request_that_may_have_been_written_binds_too(slipped: Database) -> None:
    make(slipped)
    claim(slipped, begin(slipped), want=1)
    assert environments.register(slipped, RIGHT) == SLIP
    binding = environments.read_binding(slipped)
    assert binding is not None
    assert binding.bound_at is None


def test_what_was_never_written_binds_nothing(slipped: Database) -> None:
    send_one(slipped, NEVER_SENT)
    with slipped.write() as connection:
        connection.execute(update(Attempt).values(written=False))
    assert environments.register(slipped, RIGHT) == RIGHT


def test_names_of_this_machine_are_one_address(db: Database) -> None:
    with db.write() as connection:
        connection.execute(update(Environment).values(base_url="http://127.0.0.1:9"))
        environments.bind(connection)
    for spelling in ("http://localhost:9/", "http://[::1]:9", "HTTP://LOCALHOST:9"):
        assert environments.register(db, spelling) == "http://127.0.0.1:9"
    assert environments.register(db, "http://localhost:10") != "http://localhost:10"


def test_a_turn_of_another_address_claims_nothing(slipped: Database) -> None:
    make(slipped)
    turn = begin(slipped)
    environments.register(slipped, RIGHT)
    exchanged = claim(slipped, turn, want=1, terms=replace(TERMS, base_url=SLIP))
    assert exchanged.other_address
    assert not exchanged.claimed
    assert claim(slipped, turn, want=1, terms=replace(TERMS, base_url=RIGHT)).claimed


def dated(clock: FixedClock, lead: float, *, seconds: float = 0.5, ago: float = 0.0) -> DatedAnswer:
    """Make an answer that ended so long ago; by its date, in the middle of a second, Vitec has this lead."""
    ended = time.monotonic() - ago
    date = clock.moment + timedelta(seconds=lead - 0.5 - ago - seconds / 2)
    return DatedAnswer(date, ended, seconds)


def measured(db: Database) -> tuple[Any, Any, datetime | None]:
    with db.read() as connection:
        columns = select(Environment.vitec_clock_lead, Environment.vitec_clock_within, Environment.vitec_clock_at)
        row = connection.execute(columns).one()
    return row[0], row[1], row[2]


@pytest.mark.parametrize("lead", [0.0, -7.5, 3600.0, -172_800.0])
@pytest.mark.parametrize("ago", [0.0, 25.0])
def test_vitecs_lead_is_reckoned_by_the_databases_clock(
    db: Database, clock: FixedClock, lead: float, ago: float
) -> None:
    environments.note_vitec_clock(db, dated(clock, lead, ago=ago))
    noted, within, at = measured(db)
    # The fixed clock stands still while the statement runs.
    assert abs(noted - lead) < 0.5
    assert 0.75 <= within < 1.5
    assert at == clock.moment


def test_vitecs_clock_is_noted_seldom_unless_it_moves(db: Database, clock: FixedClock) -> None:
    began = clock.moment
    environments.note_vitec_clock(db, dated(clock, 0.0))
    clock.advance(30)
    environments.note_vitec_clock(db, dated(clock, 1.0))
    assert measured(db)[2] == began
    environments.note_vitec_clock(db, dated(clock, -8.0))
    assert measured(db)[2] == clock.moment
    clock.advance(60)
    environments.note_vitec_clock(db, dated(clock, -8.0))
    assert measured(db)[2] == clock.moment
    clock.advance(-3600)
    environments.note_vitec_clock(db, dated(clock, -8.0))
    assert measured(db)[2] == clock.moment
