"""The room: living turns share what the environment allows at once, and none lives that would have no share."""

from datetime import timedelta

from tests.factory import MOMENT
from tests.outbox.steps import RETRY, TERMS, begin, claim, done, make, release, wake_all
from worker.outbox import FixedClock, Outbox
from worker.outbox.exchange.exchange import exchange
from worker.outbox.lanes import turns as lanes
from worker.outbox.lanes.turns import Turn


def test_living_turns_share_what_the_environment_allows(box: Outbox) -> None:
    for customer in ("M30001", "M30002"):
        for _ in range(9):
            make(box, customer_id=customer)
    first, second = begin(box), begin(box)
    assert [len(claim(box, turn).claimed) for turn in (first, second, first, second)] == [3, 2, 0, 0]


def test_a_turn_that_has_more_than_its_share_gives_way_as_its_requests_end(box: Outbox) -> None:
    for customer in ("M30001", "M30002"):
        for _ in range(9):
            make(box, customer_id=customer)
    first = begin(box)
    sent = claim(box, first).claimed
    second = begin(box)
    assert [len(sent), len(claim(box, second).claimed)] == [5, 0]
    finished = [done(one, RETRY) for one in sent[:3]]
    assert len(exchange(box, first, finished, 9, TERMS).claimed) == 1
    assert len(claim(box, second).claimed) == 2


def test_the_share_of_a_turn_that_has_ended_goes_to_the_others(box: Outbox) -> None:
    make(box, customer_id="M30001")
    for _ in range(9):
        make(box, customer_id="M30002")
    first, second = begin(box), begin(box)
    assert [len(claim(box, first).claimed), len(claim(box, second).claimed)] == [1, 2]
    lanes.release(box, first)
    assert len(claim(box, second).claimed) == 2


def test_no_more_turns_live_than_requests_are_allowed_at_once(box: Outbox, clock: FixedClock) -> None:
    """One more would have no share, and its lane would lose its place in the queue for nothing."""
    for customer in ("M1", "M2", "M3"):
        make(box, customer_id=customer)
    wake_all(box)

    def take_one() -> Turn | None:
        return lanes.take(box, "comeback", lease=45, worker="there:2", at_most=2)

    first, second = take_one(), take_one()
    assert first is not None
    assert second is not None
    assert take_one() is None
    lanes.release(box, first)
    third = take_one()
    assert third is not None
    assert third.customer_id == "M3"
    clock.advance(45)
    assert take_one() is not None


def test_the_end_of_a_turn_rings_for_the_kind_that_is_due_longest(box: Outbox) -> None:
    """The other kind's own ring may have been heard, in vain, while this turn had all that is allowed at once."""
    make(box, kind="appointment", next_attempt_at=MOMENT - timedelta(hours=1))
    for _ in range(2):
        make(box, kind="comeback")
    turn = begin(box, "comeback")
    assert release(box, turn) == "comeback"
    turn = begin(box, "comeback")
    assert release(box, turn, "appointment", "comeback", "notification") == "appointment"
    first = begin(box, "appointment")
    second = begin(box, "comeback")
    assert release(box, second, "notification") == "comeback"
    assert release(box, first) == "appointment"


def test_the_place_is_kept_while_there_is_no_room(box: Outbox) -> None:
    for _ in range(9):
        make(box)
    turn = begin(box)
    first = claim(box, turn)
    assert first.place.id != 0
    again = exchange(box, turn, [], 5, TERMS, place=first.place)
    assert (again.room, again.place) == (0, first.place)
    assert exchange(box, turn, [], 0, TERMS, place=first.place).place == first.place
