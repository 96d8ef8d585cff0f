"""Look-ups take room as sends do: of what the environment allows at once, and of the one that goes first (turn.md 11)."""

from datetime import timedelta

from models import Scope, State
from tests import factory
from tests.factory import MOMENT
from tests.outbox.steps import TERMS, begin, change, claim, make, read
from worker.kind import Presence, Sighting
from worker.outbox import FixedClock, Outbox
from worker.outbox.exchange.exchange import Exchanged, exchange
from worker.outbox.exchange.look_ups import Doubtful, LookedUp
from worker.outbox.lanes.turns import Turn

LONG = 100_000.0
"""A lease in seconds that outlasts every test here."""


def to_ask(box: Outbox, customer_id: str = factory.CUSTOMER) -> int:
    """Make an operation whose look-up is due."""
    return make(box, State.IN_DOUBT, needs_person=False, next_attempt_at=MOMENT, customer_id=customer_id)


def end_hold(box: Outbox, scope: Scope = Scope.ENVIRONMENT) -> None:
    """Leave a hold that has just run out."""
    with box.write() as connection:
        factory.make_hold(connection, scope, until=MOMENT - timedelta(seconds=1))


def begun(result: Exchanged) -> tuple[int, int]:
    """How many sends and how many look-ups."""
    return len(result.claimed), len(result.doubtful)


def bring(box: Outbox, turn: Turn, asked: Doubtful) -> None:
    """Hand in what a look-up brought that proves nothing, neither about its operation nor about a hold."""
    sighting = Sighting(Presence.UNCLEAR, "several are there")
    exchange(
        box,
        turn,
        [],
        0,
        TERMS,
        [LookedUp(asked.id, asked.attempt, asked.look_ups, sighting, answered=True, by="here:1", seconds=0.1)],
    )


def test_after_a_hold_one_look_up_goes_first_and_every_send_waits_for_it(box: Outbox) -> None:
    for _ in range(3):
        to_ask(box), make(box)
    end_hold(box)
    turn = begin(box)
    first = claim(box, turn)
    assert begun(first) == (0, 1)
    assert begun(claim(box, turn)) == (0, 0)
    bring(box, turn, first.doubtful[0])
    assert begun(claim(box, turn)) == (0, 1)


def test_after_a_hold_a_look_up_waits_for_the_send_that_went_first(box: Outbox) -> None:
    make(box)
    end_hold(box)
    turn = begin(box)
    assert begun(claim(box, turn)) == (1, 0)
    to_ask(box)
    assert begun(claim(box, turn)) == (0, 0)


def test_other_lanes_of_the_scope_wait_for_the_look_up_that_goes_first(box: Outbox) -> None:
    to_ask(box), make(box, kind="appointment"), make(box, kind="appointment", customer_id="M2")
    end_hold(box, Scope.GROUP)
    assert begun(claim(box, begin(box))) == (0, 1)
    appointments = {turn.customer_id: turn for turn in (begin(box, "appointment"), begin(box, "appointment"))}
    assert begun(claim(box, appointments[factory.CUSTOMER])) == (0, 0)
    assert begun(claim(box, appointments["M2"])) == (1, 0)


def test_look_ups_of_all_lanes_together_keep_to_what_the_environment_allows(box: Outbox) -> None:
    for number in range(12):
        to_ask(box, f"M{number % 3}")
    make(box, customer_id="M2")
    # Each begins after the one before it has claimed: what is under way counts, not only the share.
    assert [begun(claim(box, begin(box), 3)) for _ in range(3)] == [(0, 3), (0, 2), (0, 0)]


def test_look_ups_and_sends_in_flight_are_counted_together(box: Outbox) -> None:
    for _ in range(4):
        to_ask(box, "M1"), make(box, customer_id="M2")
    assert [begun(claim(box, begin(box))) for _ in ("M2", "M1")] == [(4, 0), (0, 1)]


def test_a_dead_workers_look_up_counts_for_as_long_as_it_may_be_under_way(box: Outbox, clock: FixedClock) -> None:
    to_ask(box), to_ask(box)
    end_hold(box)
    turn = begin(box, lease=LONG)
    assert begun(claim(box, turn)) == (0, 1)
    clock.advance(TERMS.outlast - 1)
    assert begun(claim(box, turn)) == (0, 0)
    clock.advance(1)
    assert begun(claim(box, turn)) == (0, 1)


def test_a_look_up_whose_row_has_moved_on_is_no_longer_under_way(box: Outbox, clock: FixedClock) -> None:
    id_ = to_ask(box)
    turn = begin(box)
    (asked,) = claim(box, turn).doubtful
    assert read(box, id_).look_up_until == clock.moment + timedelta(seconds=TERMS.outlast)
    change(box, id_, state=State.CANCELLED, finalized_at=clock.moment)
    bring(box, turn, asked)
    assert (read(box, id_).state, read(box, id_).look_up_until) == (State.CANCELLED, None)


def test_an_earlier_look_up_that_ends_leaves_the_later_one_under_way(box: Outbox, clock: FixedClock) -> None:
    id_ = to_ask(box)
    turn = begin(box, lease=LONG)
    (earlier,) = claim(box, turn).doubtful
    clock.advance(TERMS.look_ups.gap)
    (later,) = claim(box, turn).doubtful
    bring(box, turn, earlier)
    assert read(box, id_).look_up_until == clock.moment + timedelta(seconds=TERMS.outlast)
    bring(box, turn, later)
    assert read(box, id_).look_up_until is None
