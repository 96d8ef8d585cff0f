"""The rules by which histories go on: rows arrive and change, bells ring, workers work, stop and die, people decide.

The truth after each step stands in `truth`, the parts of the world in `office`, `workers` and `vitec`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.clock import FixedClock
from tests.properties.office import KINDS, Office
from tests.properties.truth import check_at_rest, check_operations
from tests.properties.vitec import RIGHT, Fate, Vitec, VitecClock
from tests.properties.workers import Job, Violation, Worker, World
from worker.backoff import Backoff
from worker.decide import RetryPolicy
from worker.doubt import Patience
from worker.outbox import Database
from worker.outbox.exchange.claim import TurnPolicy
from worker.outbox.exchange.look_ups import LookUpPolicy
from worker.reconciling import Cancel, Delivered, Expiry, GiveUp, Requeue, SendAgain, Wish

QUIET, GAP = 900.0, 300.0
PAUSED = ("is paused with the claim", "is paused with the answers")
ENDS = (*["ends"] * 3, "dies after the claim", "dies after the bytes", *PAUSED)
CUSTOMERS = ("M30001", "M30002")
CLOCKS = (
    RIGHT,
    VitecClock(lead=-8.0),
    VitecClock(lead=-10_800.0),
    VitecClock(lead=-172_800.0),
    VitecClock(in_utc=True),
    VitecClock(cut=60),
    VitecClock(cut=86_400),
    VitecClock(lead=10_800.0),
)
"""Clocks of Vitec's: the right one first; then behind, in UTC, cut to the minute and to the day, and ahead."""

WISHES: tuple[Wish, ...] = (
    Requeue(Expiry(never=True)),
    Cancel(),
    Delivered(),
    SendAgain(Expiry(never=True)),
    GiveUp(),
)


@dataclass(frozen=True, slots=True)
class Conditions:
    """The faults that may strike, and the guards that are on. Vitec's acts show in look-ups within `late` + `stale` s."""

    kinds: tuple[str, ...] = KINDS
    fates: tuple[Fate, ...] = tuple(Fate)
    late: tuple[float | None, ...] = (0.0, 100.0, 440.0, None)
    stale: tuple[float | None, ...] = (0.0, 200.0, 440.0, None)
    quiet: float = QUIET
    gap: float = GAP
    switch: bool = True
    people: bool = True
    in_steps: bool = True
    """Whether turns also go step by step, so that others come in between."""
    most_rows: int = 5
    alike: bool = False
    """Whether all rows are about the same thing, so that its states follow upon each other."""
    clocks: tuple[VitecClock, ...] = CLOCKS
    ends: tuple[str, ...] = ENDS


class Histories(RuleBasedStateMachine):
    """The rules by which a history goes on. Numbers pick among the rows, workers and requests of the moment."""

    engine: ClassVar[Any]
    conditions: ClassVar[Conditions]

    def __init__(self) -> None:
        super().__init__()
        conditions = self.conditions
        clock = FixedClock()
        policy = RetryPolicy(Backoff(30.0, 300.0), quiet=conditions.quiet)
        terms = TurnPolicy(in_flight=3, look_ups=LookUpPolicy(conditions.gap, Patience(unclear=3, look_ups=6)))
        self.office = Office(
            World(
                Database(clock.rule(self.engine)),
                clock,
                Vitec(clock=conditions.clocks[0]),
                policy,
                terms,
                conditions.switch,
            )
        )
        self.office.clear_database()
        self.standing: dict[int, Any] = {}
        self.sound = True

    def pick_worker(self, number: int) -> Worker:
        return self.office.workers[number % len(self.office.workers)]

    @precondition(lambda self: len(self.office.rows) < self.conditions.most_rows)
    @rule(number=st.integers(0, 5), like=st.integers(0, 2), bell=st.booleans(), customer=st.sampled_from(CUSTOMERS))
    def a_row_arrives(self, number: int, like: int, bell: bool, customer: str) -> None:
        kind = self.conditions.kinds[number % len(self.conditions.kinds)]
        customer_id = CUSTOMERS[0] if self.conditions.alike else customer
        self._arrive(kind, 0 if self.conditions.alike else like, bell, customer_id=customer_id)

    @precondition(lambda self: 0 < len(self.office.rows) < self.conditions.most_rows)
    @rule(number=st.integers(0, 9), seconds=st.sampled_from([30.0, 4000.0]), bell=st.booleans())
    def a_row_arrives_that_is_in_a_hurry_and_after_another(self, number: int, seconds: float, bell: bool) -> None:
        parent = self.office.rows[number % len(self.office.rows)]
        parent_columns = {"after_kind": parent.kind, "after_source_id": parent.source_id} if number % 2 else {}
        self._arrive(
            self.conditions.kinds[number % len(self.conditions.kinds)], 0, bell, expires_after=seconds, **parent_columns
        )

    @precondition(lambda self: self.conditions.people and len(self.office.rows) == self.conditions.most_rows)
    @rule(number=st.integers(0, 9), words=st.sampled_from(["new", "newer"]), bell=st.booleans())
    def a_row_changes(self, number: int, words: str, bell: bool) -> None:
        old = self.office.rows[number % len(self.office.rows)]
        changed = self.office.make_row(
            old.kind, number % 3, words, source_id=old.source_id, customer_id=old.customer_id
        )
        self.office.record_row(changed, bell=bell)
        self.office.decided.add(self.office.operations[number % len(self.office.rows)])

    def _arrive(self, kind: str, like: int, bell: bool, **columns: Any) -> None:
        row = self.office.make_row(kind, like, f"words {len(self.office.rows)}", **columns)
        self.office.rows.append(row)
        self.office.record_row(row, bell=bell)

    @precondition(lambda self: self.office.operations)
    @rule(seconds=st.sampled_from([1.0, 31.0, 50.0, 310.0, 950.0]))
    def time_passes(self, seconds: float) -> None:
        self.office.pass_time(seconds)

    @precondition(lambda self: self.office.operations and not self.office.workers)
    @rule()
    def time_passes_until_something_is_due(self) -> None:
        self.office.wait_until_due()

    @precondition(lambda self: self.conditions.in_steps and self.office.operations)
    @rule(number=st.integers(0, 3), dies=st.integers(0, 5))
    def a_bell_rings(self, number: int, dies: int) -> None:
        self.office.ring(self._kind_to_ring_for(number), dies_at_once=dies == 5)

    def _kind_to_ring_for(self, number: int) -> str:
        due = sorted(self.office.list_due_kinds()) or self.conditions.kinds
        return due[number % len(due)]

    @precondition(lambda self: self.office.operations)
    @rule(number=st.integers(0, 3), data=st.data())
    def a_turn_is_served(self, number: int, data: st.DataObject) -> None:
        """Play a whole turn at once, which the other rules do step by step, so that a history comes far."""
        worker = self.office.ring(self._kind_to_ring_for(number))
        if worker is None:
            return
        worker.exchange(3)
        ends = data.draw(st.sampled_from(self.conditions.ends))
        if ends == "dies after the claim":
            self.office.workers.remove(worker)
            return
        if ends == "is paused with the claim":
            worker.paused = True
            return
        for job in list(worker.jobs):
            worker.send(job, *data.draw(st.tuples(self._fates, self._delays)))
        for doubtful in list(worker.asking):
            worker.look_up(doubtful, data.draw(st.sampled_from(self.conditions.stale)))
        if ends == "dies after the bytes":
            self.office.workers.remove(worker)
        elif ends == "is paused with the answers":
            for job in list(worker.jobs):
                worker.take_answer(job)
            worker.paused = True
        else:
            self.office.end_turn(worker)

    @property
    def _fates(self) -> st.SearchStrategy[Fate]:
        return st.sampled_from(self.conditions.fates)

    @property
    def _delays(self) -> st.SearchStrategy[float | None]:
        return st.sampled_from(self.conditions.late)

    @precondition(lambda self: self.office.workers)
    @rule(number=st.integers(0, 3), want=st.integers(0, 3), lost_commit=st.integers(0, 5))
    def a_worker_settles_and_claims(self, number: int, want: int, lost_commit: int) -> None:
        worker = self.pick_worker(number)
        if not worker.paused:
            free = max(0, want - worker.under_way)
            worker.exchange(0 if worker.ending else free, lost_commit=lost_commit == 5)

    @precondition(lambda self: self._unwritten())
    @rule(data=st.data(), number=st.integers(0, 3))
    def a_request_is_written(self, data: st.DataObject, number: int) -> None:
        worker, job = self._unwritten()[number % len(self._unwritten())]
        worker.send(job, *data.draw(st.tuples(self._fates, self._delays)))

    def _unwritten(self) -> list[tuple[Worker, Job]]:
        return [(worker, job) for worker in self._awake() for job in worker.jobs if job.request is None]

    @precondition(lambda self: self._unanswered())
    @rule(number=st.integers(0, 3))
    def an_answer_comes(self, number: int) -> None:
        worker, job = self._unanswered()[number % len(self._unanswered())]
        worker.take_answer(job)

    def _unanswered(self) -> list[tuple[Worker, Job]]:
        return [(worker, job) for worker in self._awake() for job in worker.jobs if job.request is not None]

    @precondition(lambda self: any(worker.asking for worker in self._awake()))
    @rule(data=st.data(), number=st.integers(0, 3))
    def a_look_up_ends(self, data: st.DataObject, number: int) -> None:
        asking = [(worker, look_up) for worker in self._awake() for look_up in worker.asking]
        worker, doubtful = asking[number % len(asking)]
        worker.look_up(doubtful, data.draw(st.sampled_from(self.conditions.stale)))

    def _awake(self) -> Iterator[Worker]:
        return (worker for worker in self.office.workers if not worker.paused)

    @precondition(lambda self: self.office.workers)
    @rule(number=st.integers(0, 3))
    def a_worker_dies(self, number: int) -> None:
        self.office.workers.remove(self.pick_worker(number))

    @precondition(lambda self: self.office.workers)
    @rule(number=st.integers(0, 3))
    def a_worker_is_paused_or_continued(self, number: int) -> None:
        worker = self.pick_worker(number)
        worker.paused = not worker.paused

    @precondition(lambda self: self.office.workers)
    @rule(number=st.integers(0, 3))
    def a_turn_ends(self, number: int) -> None:
        worker = self.pick_worker(number)
        if not worker.paused and not worker.under_way:
            self.office.end_turn(worker)

    @precondition(lambda self: self.conditions.people and any(attempt for _, attempt in self.standing.values()))
    @rule(number=st.integers(0, 9), wish=st.sampled_from(WISHES))
    def a_person_decides(self, number: int, wish: Wish) -> None:
        self.office.carry_out(self.office.operations[number % len(self.office.operations)], wish)

    @precondition(lambda self: self.conditions.people and len(self.office.rows) == self.conditions.most_rows)
    @rule(kind=st.sampled_from(KINDS), resumes=st.booleans())
    def a_person_pauses_or_resumes(self, kind: str, resumes: bool) -> None:
        (self.office.resume if resumes else self.office.pause)(kind)

    @precondition(lambda self: len(self.conditions.clocks) > 1 and self.office.operations)
    @rule(data=st.data())
    def vitecs_clock_is_set(self, data: st.DataObject) -> None:
        """Let Vitec date the requests that it receives from now on by another clock."""
        self.office.world.vitec.clock = data.draw(st.sampled_from(self.conditions.clocks))

    @precondition(lambda self: self.office.operations)
    @rule()
    def housekeeping_comes_by(self) -> None:
        self.office.housekeep()

    @invariant()
    def the_truth_is_kept(self) -> None:
        try:
            self.standing = check_operations(self.office, self.standing)
        except Violation:
            self.sound = False
            raise

    def teardown(self) -> None:
        """At the end of every history all faults are over, and everything must come to its end."""
        if self.sound:
            check_at_rest(self.office)
            check_operations(self.office, self.standing)
