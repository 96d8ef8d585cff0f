"""The room: living turns share what the environment allows at once, and none lives that would have no share."""

from datetime import timedelta

from tests.clock import FixedClock
from tests.factory import MOMENT
from tests.outbox.steps import RETRY, TERMS, begin, claim, done, make, release, wake_all
from worker.outbox import Database
from worker.outbox.exchange.exchange import exchange
from worker.outbox.lanes import turns
from worker.outbox.lanes.turns import Turn


def test_living_turns_share_the_environments_limit(db: Database) -> None:
    for customer in ("M30001", "M30002"):
        for _ in range(9):
            make(db, customer_id=customer)
    first, second = begin(db), begin(db)
    assert [len(claim(db, turn).claimed) for turn in (first, second, first, second)] == [3, 2, 0, 0]


def test_a_turn_over_its_share_gives_way_as_requests_end(db: Database) -> None:
    for customer in ("M30001", "M30002"):
        for _ in range(9):
            make(db, customer_id=customer)
    first = begin(db)
    sent = claim(db, first).claimed
    second = begin(db)
    assert [len(sent), len(claim(db, second).claimed)] == [5, 0]
    finished = [done(operation, RETRY) for operation in sent[:3]]
    assert len(exchange(db, first, finished, 9, TERMS).claimed) == 1
    assert len(claim(db, second).claimed) == 2


def test_an_ended_turns_share_goes_to_the_others(db: Database) -> None:
    make(db, customer_id="M30001")
    for _ in range(9):
        make(db, customer_id="M30002")
    first, second = begin(db), begin(db)
    assert [len(claim(db, first).claimed), len(claim(db, second).claimed)] == [1, 2]
    turns.end_turn(db, first)
    assert len(claim(db, second).claimed) == 2


def test_no_more_turns_live_than_requests_are_allowed_at_once(db: Database, clock: FixedClock) -> None:
    """One more would have no share, and its lane would lose its place in the queue for nothing."""
    for customer in ("M1", "M2", "M3"):
        make(db, customer_id=customer)
    wake_all(db)

    def take_one() -> Turn | None:
        return turns.take_turn(db, "comeback", lease=45, worker="there:2", at_most=2)

    first, second = take_one(), take_one()
    assert first is not None
    assert second is not None
    assert take_one() is None
    turns.end_turn(db, first)
    third = take_one()
    assert third is not None
    assert third.customer_id == "M3"
    clock.advance(45)
    assert take_one() is not None


def test_a_turns_end_rings_for_the_longest_due_kind(db: Database) -> None:
    """The other kind's own ring may have been heard, in vain, while this turn had all that is allowed at once."""
    make(db, kind="appointment", next_attempt_at=MOMENT - timedelta(hours=1))
    for _ in range(2):
        make(db, kind="comeback")
    turn = begin(db, "comeback")
    assert release(db, turn) == "comeback"
    turn = begin(db, "comeback")
    assert release(db, turn, "appointment", "comeback", "notification") == "appointment"
    first = begin(db, "appointment")
    second = begin(db, "comeback")
    assert release(db, second, "notification") == "comeback"
    assert release(db, first) == "appointment"


def test_the_place_is_kept_while_there_is_no_room(db: Database) -> None:
    for _ in range(9):
        make(db)
    turn = begin(db)
    first = claim(db, turn)
    assert first.cursor.id != 0
    again = exchange(db, turn, [], 5, TERMS, cursor=first.cursor)
    assert (again.capacity, again.cursor) == (0, first.cursor)
    assert exchange(db, turn, [], 0, TERMS, cursor=first.cursor).cursor == first.cursor
