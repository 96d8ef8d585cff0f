"""The exchange: settle what has finished, claim what there is room for, under one lock order."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select, text, update

from models import Event, Operation, Scope, State
from tests import factory
from tests.factory import MOMENT
from tests.outbox.steps import (
    DOUBT,
    REFUSAL,
    RETRY,
    SUCCESS,
    TERMS,
    begin,
    claim,
    done,
    entries,
    lane,
    make,
    read,
    settle,
)
from worker.decide import Settlement
from worker.outbox import FixedClock, Outbox
from worker.outbox.exchange.exchange import Exchanged, exchange
from worker.outbox.exchange.settle import Finished
from worker.outbox.lanes import turns as lanes


def test_a_claim_puts_the_oldest_due_in_flight(box: Outbox) -> None:
    later = make(box, next_attempt_at=MOMENT - timedelta(minutes=1))
    sooner = make(box, next_attempt_at=MOMENT - timedelta(minutes=2))
    make(box, next_attempt_at=MOMENT + timedelta(seconds=1))
    turn = begin(box)
    result = claim(box, turn)
    assert [one.id for one in result.claimed] == [sooner, later]
    row = read(box, sooner)
    assert (row.state, row.attempt, row.claimed_by, row.claimed_at) == (State.IN_FLIGHT, 1, turn.token, MOMENT)


def test_a_claim_takes_no_more_than_wanted_even_from_a_long_backlog(box: Outbox) -> None:
    for _ in range(40):
        make(box)
    turn = begin(box)
    assert len(claim(box, turn, want=3).claimed) == 3
    with box.read() as connection:
        in_flight = connection.execute(select(Operation.id).where(Operation.state == State.IN_FLIGHT)).all()
    assert len(in_flight) == 3


def test_the_environment_allows_so_many_in_flight_in_all_lanes_together(box: Outbox) -> None:
    for customer in ("M30001", "M30002"):
        for _ in range(4):
            make(box, customer_id=customer)
    first = begin(box)
    assert len(claim(box, first).claimed) == 4
    second = begin(box)
    assert first.customer_id != second.customer_id
    assert len(claim(box, second).claimed) == 1
    assert claim(box, second).room == 0


def test_an_expired_operation_is_not_claimed(box: Outbox, clock: FixedClock) -> None:
    late = make(box, expires_at=MOMENT + timedelta(seconds=10))
    on_time = make(box, expires_at=MOMENT + timedelta(seconds=60))
    turn = begin(box)
    clock.advance(10)
    assert [one.id for one in claim(box, turn).claimed] == [on_time]
    assert read(box, late).state is State.PENDING


def test_a_child_waits_for_its_parents_success(box: Outbox) -> None:
    parent = make(box, source_id="P", kind="order_token", customer_id="M1")
    child = make(box, after_kind="order_token", after_source_id="P")
    unknown = make(box, after_kind="order_token", after_source_id="nobody")
    orphan_free = make(box)
    turn = begin(box)
    assert [one.id for one in claim(box, turn).claimed] == [orphan_free]
    parents_turn = begin(box, "order_token")
    (claimed,) = claim(box, parents_turn).claimed
    assert claimed.id == parent
    settle(box, parents_turn, [done(claimed, SUCCESS)])
    assert [one.id for one in claim(box, turn).claimed] == [child]
    assert read(box, unknown).state is State.PENDING


def test_success_is_written_with_its_attempt(box: Outbox) -> None:
    make(box)
    turn = begin(box)
    (claimed,) = claim(box, turn).claimed
    result = exchange(box, turn, [done(claimed, SUCCESS)], 0, TERMS)
    assert result.moved[claimed.id].state is State.SUCCEEDED
    row = read(box, claimed.id)
    assert (row.state, row.remote_id, row.answer, row.acted_at) == (State.SUCCEEDED, "R1", "R1", MOMENT)
    assert (row.claimed_by, row.finalized_at, row.error_code) == (None, MOMENT, None)
    (entry,) = entries(box, claimed.id)
    assert (entry.event, entry.attempt, entry.outcome, entry.remote_id) == (Event.SENT, 1, "succeeded", "R1")
    assert (entry.written, entry.tries, entry.by, entry.answer) == (True, 1, "here:1", "R1")


def test_a_ticket_is_kept_whole(box: Outbox) -> None:
    make(box, kind="order_token")
    turn = begin(box, "order_token")
    (claimed,) = claim(box, turn).claimed
    ticket = {"orderId": "Å1", "hasExpired": False, "userId": None}
    settlement = Settlement(State.SUCCEEDED, State.SUCCEEDED, remote_id="Å1", answer=ticket)
    exchange(box, turn, [done(claimed, settlement)], 0, TERMS)
    assert read(box, claimed.id).answer == ticket
    assert entries(box, claimed.id)[0].answer == ticket


def test_a_retry_waits_and_costs_of_the_budget(box: Outbox) -> None:
    make(box)
    turn = begin(box)
    (claimed,) = claim(box, turn).claimed
    exchange(box, turn, [done(claimed, RETRY)], 5, TERMS)
    row = read(box, claimed.id)
    assert (row.state, row.failures, row.next_attempt_at) == (State.RETRYABLE, 1, MOMENT + timedelta(seconds=30))
    assert (row.error_code, row.finalized_at, row.attempt) == ("unreachable", None, 1)


def test_doubt_waits_for_a_person_and_is_never_claimed(box: Outbox, clock: FixedClock) -> None:
    make(box)
    turn = begin(box)
    (claimed,) = claim(box, turn).claimed
    exchange(box, turn, [done(claimed, DOUBT)], 0, TERMS)
    row = read(box, claimed.id)
    assert (row.state, row.needs_person, row.doubt_since) == (State.IN_DOUBT, True, MOMENT)
    clock.advance(20)
    assert claim(box, turn).claimed == ()
    clock.advance(86_400)
    assert lanes.due_kinds(box) == {}


def test_many_are_settled_at_once_each_in_its_own_way(box: Outbox) -> None:
    for _ in range(4):
        make(box)
    turn = begin(box)
    one, two, three, four = claim(box, turn).claimed
    settled = [done(one, SUCCESS), done(two, RETRY), done(three, DOUBT), done(four, REFUSAL)]
    result = exchange(box, turn, settled, 0, TERMS)
    states = [result.moved[claimed.id].state for claimed in (one, two, three, four)]
    assert states == [State.SUCCEEDED, State.RETRYABLE, State.IN_DOUBT, State.FAILED]
    assert read(box, four.id).error_detail == "Nej"


def test_a_settlement_written_twice_changes_nothing(box: Outbox) -> None:
    make(box)
    turn = begin(box)
    (claimed,) = claim(box, turn).claimed
    exchange(box, turn, [done(claimed, SUCCESS)], 0, TERMS)
    again = exchange(box, turn, [done(claimed, SUCCESS)], 0, TERMS)
    assert again.moved == {}
    assert len(entries(box, claimed.id)) == 1
    assert not read(box, claimed.id).needs_person


def test_a_settlement_names_its_attempt(box: Outbox, clock: FixedClock) -> None:
    make(box)
    turn = begin(box)
    (first,) = claim(box, turn).claimed
    exchange(box, turn, [done(first, RETRY)], 0, TERMS)
    clock.advance(31)
    (second,) = claim(box, turn).claimed
    assert (second.id, second.attempt) == (first.id, 2)
    exchange(box, turn, [done(first, DOUBT)], 0, TERMS)
    assert read(box, first.id).state is State.IN_FLIGHT


def test_a_lane_that_was_taken_over_is_settled_but_not_claimed_from(box: Outbox, clock: FixedClock) -> None:
    make(box), make(box)
    turn = begin(box)
    (claimed,) = claim(box, turn, want=1).claimed
    clock.advance(46)
    other = lanes.take(box, "comeback", lease=45, worker="there:2")
    assert other is not None
    assert other.token == turn.token + 1
    result = exchange(box, turn, [done(claimed, SUCCESS)], 5, TERMS)
    assert (result.mine, result.claimed) == (False, ())
    assert read(box, claimed.id).state is State.SUCCEEDED


def test_an_ended_lease_claims_nothing(box: Outbox, clock: FixedClock) -> None:
    make(box)
    turn = begin(box)
    clock.advance(45)
    assert claim(box, turn) == Exchanged(mine=False, moved={})


def test_a_lease_that_is_too_short_is_renewed_before_the_claim(box: Outbox, clock: FixedClock) -> None:
    make(box), make(box)
    turn = begin(box)
    assert not claim(box, turn, want=1).renewed
    clock.advance(11)
    assert claim(box, turn, want=1).renewed
    with box.read() as connection:
        assert factory.lane(connection).lease_until == MOMENT + timedelta(seconds=11 + 45)


def test_cancel_is_honoured_when_nothing_was_written(box: Outbox) -> None:
    unsent, sent = make(box), make(box)
    turn = begin(box)
    by_id = {one.id: one for one in claim(box, turn).claimed}
    with box.write() as connection:
        connection.execute(update(Operation).values(cancel_asked=True))
    exchange(box, turn, [done(by_id[unsent], RETRY), done(by_id[sent], DOUBT)], 0, TERMS)
    assert read(box, unsent).state is State.CANCELLED
    assert read(box, unsent).finalized_at == MOMENT
    assert read(box, sent).state is State.IN_DOUBT


def test_evidence_outweighs_what_the_attempt_in_flight_brings(box: Outbox) -> None:
    make(box)
    turn = begin(box)
    (claimed,) = claim(box, turn).claimed
    with box.write() as connection:
        connection.execute(update(Operation).values(acted_at=MOMENT, remote_id="EARLIER"))
    exchange(box, turn, [done(claimed, RETRY)], 0, TERMS)
    row = read(box, claimed.id)
    assert (row.state, row.remote_id, row.needs_person) == (State.SUCCEEDED, "EARLIER", False)
    assert entries(box, claimed.id)[0].outcome == "retryable"


def test_two_that_both_acted_are_shown_to_a_person(box: Outbox) -> None:
    make(box)
    turn = begin(box)
    (claimed,) = claim(box, turn).claimed
    with box.write() as connection:
        connection.execute(update(Operation).values(acted_at=MOMENT, remote_id="EARLIER"))
    exchange(box, turn, [done(claimed, SUCCESS)], 0, TERMS)
    row = read(box, claimed.id)
    assert (row.state, row.remote_id) == (State.SUCCEEDED, "EARLIER")
    assert (row.error_code, row.needs_person) == ("acted_twice", True)
    assert entries(box, claimed.id)[0].remote_id == "R1"


def test_an_open_import_does_not_hold_up_the_exchange(pg_box: Outbox) -> None:
    make(pg_box)
    turn = begin(pg_box)
    with pg_box.write() as importing:
        factory.make_operation(importing)
        # The import's foreign key holds the lane's key; had the exchange asked for more, this would time out.
        with pg_box.write() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '200ms'"))
            assert lanes.lock(connection, turn)
        assert len(claim(pg_box, turn).claimed) == 1


def test_the_claim_asks_the_database_by_its_partial_index(pg_box: Outbox) -> None:
    make(pg_box)
    with pg_box.write() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = connection.execute(
            text(
                "EXPLAIN SELECT id FROM operations WHERE customer_id = 'M' AND kind = 'k'"
                " AND state IN ('pending', 'retryable') AND parent_done AND next_attempt_at <= now()"
                " ORDER BY next_attempt_at, id LIMIT 5"
            )
        ).scalars()
        assert any("ix_operations_due" in line for line in plan)


def leave(box: Outbox, turn: lanes.Turn, *finished: Finished, want: int = 5) -> Exchanged:
    """An exchange of a turn that has nothing else in flight."""
    return exchange(box, turn, finished, want, TERMS, leave=True)


def test_a_turn_that_finds_nothing_left_gives_its_lane_back_in_the_same_transaction(box: Outbox) -> None:
    make(box)
    make(box, next_attempt_at=MOMENT + timedelta(minutes=5))
    turn = begin(box)
    (claimed,) = leave(box, turn).claimed
    done_now = leave(box, turn, done(claimed, SUCCESS))
    assert (done_now.left, done_now.claimed) == (True, ())
    row = lane(box)
    assert (row.lease_until, row.worker, row.due_at) == (None, None, MOMENT + timedelta(minutes=5))
    # Whoever does not know whether that was committed may do it all again.
    again = leave(box, turn, done(claimed, SUCCESS))
    assert (again.mine, again.left) == (False, False)
    lanes.release(box, turn)
    assert lane(box) == row


def test_as_long_as_something_may_come_of_it_the_lane_is_kept(box: Outbox) -> None:
    for _ in range(2):
        make(box)
    turn = begin(box)
    assert not leave(box, turn, want=1).left
    assert not leave(box, turn, want=0).left
    assert not exchange(box, turn, [], 5, TERMS).left
    make(box, customer_id="M2")
    begin(box)
    # One of two in flight is the other turn's share; there may be more to claim, and no room to see it.
    assert not exchange(box, turn, [], 5, replace(TERMS, in_flight=2), leave=True).left
    with box.write() as connection:
        factory.make_hold(connection, Scope.LANE, customer_id=turn.customer_id)
    assert not leave(box, turn).left
    assert lane(box).lease_until is not None
