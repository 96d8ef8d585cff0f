"""One operation with two requests under way: a look-up, and the send of a higher attempt that was claimed meanwhile."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from models import Event, State
from tests.delivery.steps import count_states, make_due, serve_turn
from tests.delivery.wire import Wire, created
from tests.outbox.steps import entries, lane, read
from worker import reconciling
from worker.delivery import turn as delivery_turn
from worker.delivery.in_hand import WorkInHand
from worker.delivery.turn import TurnLoop
from worker.kind import Answer, Call
from worker.outbox import Database
from worker.outbox.exchange.exchange import ExchangeResult, exchange
from worker.outbox.exchange.look_ups import FinishedLookUp
from worker.outbox.exchange.settle import Finished
from worker.reconciling import Decider, SendAgain
from worker.settings import Settings
from worker.vitec.http_attempt import Permit

NOTHING_THERE = Answer(200, b'{"contactId":"ADR0001","meetings":[]}')


@dataclass
class Overlap:
    """Answers the look-up of the row once a person had it sent again, and that send when the test says so."""

    db: Database
    row: int
    send_began: threading.Event = field(default_factory=threading.Event)
    send_may_end: threading.Event = field(default_factory=threading.Event)

    def send_again(self) -> None:
        """Decide that the row is sent again, as a person does by `resolve --send-again`."""
        reconciling.carry_out(self.db, [self.row], SendAgain(), Decider("anna"))

    def reply(self, call: Call, permit: Permit) -> Answer:
        if call.request_id == f"{self.row}.1.1":
            self.send_again()
            assert self.send_began.wait(20)
            return NOTHING_THERE
        if call.request_id == f"{self.row}.2":
            self.send_began.set()
            assert self.send_may_end.wait(20)
        return created(call, permit)


@pytest.fixture
def overlap(db: Database) -> Overlap:
    """A row in doubt that is to be looked up."""
    (row,) = make_due(db, state=State.IN_DOUBT, needs_person=False, match_key="A0001/2026")
    return Overlap(db, row)


Exchanged = Callable[[list[Finished], list[FinishedLookUp], ExchangeResult], None]


def follow_exchanges(monkeypatch: pytest.MonkeyPatch, act: Exchanged, before: Callable[[], None] | None = None) -> None:
    """Let `act` follow the commit of each exchange, as if its error were the commit's; `before`: first with a look-up."""
    waiting = [before] if before else []

    def followed(
        db: Any, turn: Any, finished: Any, wanted: Any, policy: Any, looked_up: Any, *args: Any, **options: Any
    ) -> ExchangeResult:
        if looked_up and waiting:
            waiting.pop()()
        result = exchange(db, turn, finished, wanted, policy, looked_up, *args, **options)
        act(finished, looked_up, result)
        return result

    monkeypatch.setattr(delivery_turn, "exchange", followed)


def codes_of_sends(db: Database, row: int) -> list[str | None]:
    return [entry.code for entry in entries(db, row) if entry.event is Event.SENT]


def test_a_finished_look_up_leaves_the_send_in_flight(
    db: Database, settings: Settings, overlap: Overlap, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers: list[str | None] = []

    def let_the_send_end(_: Any, looked_up: list[FinishedLookUp], __: Any) -> None:
        if looked_up:
            workers.append(lane(db).worker)
            overlap.send_may_end.set()

    follow_exchanges(monkeypatch, let_the_send_end)
    wire = Wire(overlap.reply)
    report = serve_turn(db, wire, settings)
    assert workers == ["here:1"], "the lane was given back while a request was under way"
    assert wire.request_ids == [f"{overlap.row}.1.1", f"{overlap.row}.2"]
    assert report.states == {State.SUCCEEDED: 1}
    assert count_states(db) == {State.SUCCEEDED: 1}


def test_beside_a_look_up_no_send_is_taken_for_unsent(
    db: Database, settings: Settings, overlap: Overlap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit that takes in the look-up is reported as failed. It also claims a row, which surely was not sent."""
    failures: list[str] = []
    states: list[State] = []

    def fail_once(finished: list[Finished], looked_up: list[FinishedLookUp], _: Any) -> None:
        if looked_up and not failures:
            failures.append("commit")
            raise OperationalError("COMMIT", {}, Exception("server closed the connection"))
        if finished:
            states.append(read(db, overlap.row).state)
            overlap.send_may_end.set()

    def claim_another() -> None:
        make_due(db)

    follow_exchanges(monkeypatch, fail_once, before=claim_another)
    wire = Wire(overlap.reply)
    serve_turn(db, wire, settings)
    assert states[0] is State.IN_FLIGHT, "the row was settled while its request was under way"
    assert wire.request_ids[:2] == [f"{overlap.row}.1.1", f"{overlap.row}.2"]
    assert f"{overlap.row}.3" not in wire.request_ids
    assert codes_of_sends(db, overlap.row) == ["unanswered", None]
    assert read(db, overlap.row).state is State.SUCCEEDED


def test_a_look_up_hides_no_claim_that_was_never_sent(
    db: Database, settings: Settings, overlap: Overlap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit that claims the row is reported as failed, while its look-up is under way."""
    failures: list[str] = []
    claim_settled = threading.Event()

    def fail_once(finished: list[Finished], _: Any, result: ExchangeResult) -> None:
        if result.claimed and not failures:
            failures.append("commit")
            raise OperationalError("COMMIT", {}, Exception("server closed the connection"))
        if finished:
            claim_settled.set()

    def reply(call: Call, permit: Permit) -> Answer:
        if call.request_id != f"{overlap.row}.1.1":
            return created(call, permit)
        overlap.send_again()
        assert claim_settled.wait(5)
        return NOTHING_THERE

    follow_exchanges(monkeypatch, fail_once)
    wire = Wire(reply)
    serve_turn(db, wire, settings)
    assert codes_of_sends(db, overlap.row)[:2] == ["unanswered", "revoked"]
    assert f"{overlap.row}.2" not in wire.request_ids
    assert State.IN_FLIGHT not in count_states(db)


def test_a_turn_collects_even_a_result_it_forgot(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should the loop return with a thread at work, its answer is awaited and settled all the same."""
    make_due(db, 2)
    loop_returned = threading.Event()
    add, run = WorkInHand.add, TurnLoop.run

    def add_and_forget(hand: WorkInHand, results: Any) -> None:
        if results:
            hand.in_flight.clear()
        add(hand, results)

    def run_and_tell(loop: TurnLoop) -> None:
        run(loop)
        loop_returned.set()

    def reply(call: Call, permit: Permit) -> Answer:
        if call is not wire.calls[0]:
            assert loop_returned.wait(20)
        return created(call, permit)

    monkeypatch.setattr(WorkInHand, "add", add_and_forget)
    monkeypatch.setattr(TurnLoop, "run", run_and_tell)
    wire = Wire(reply)
    serve_turn(db, wire, settings)
    assert len(wire.calls) == 2
    assert count_states(db) == {State.SUCCEEDED: 2}
