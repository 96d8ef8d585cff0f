"""A worker that goes through its turn step by step, so that it can be stopped between any two steps.

Every step calls the functions of the real turn, in its order. The parts that the real one owes to threads, sockets and
the kernel (the permit, the deadline, the dead man's switch) are played here by the test's clock.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError

from models import State
from tests import factory
from tests.clock import FixedClock
from tests.properties.vitec import ALWAYS_ACTS, MAY_ACT, Fate, Request, Vitec, answer_request, error_of
from worker.decide import SOON, RetryPolicy, Settlement, decide
from worker.delivery.dead_mans_switch import MARGIN
from worker.delivery.in_hand import as_unwritable
from worker.error_outcomes import outcome_for, outcome_of
from worker.errors import Revoked, VitecError
from worker.kind import LookUpResult, OnDoubt, Presence
from worker.kinds import KIND_BY_NAME
from worker.outbox import Database
from worker.outbox.exchange import rescue
from worker.outbox.exchange.claim import Claimed, TurnPolicy, find_claims_without_thread
from worker.outbox.exchange.exchange import exchange
from worker.outbox.exchange.look_ups import ClaimedLookUp, FinishedLookUp
from worker.outbox.exchange.settle import Finished
from worker.outbox.lanes import turns
from worker.outbox.lanes.turns import Turn
from worker.outcome import Outcome
from worker.policies import dead_worker_policy, turn_policy
from worker.settings import Settings

TIMEOUT = 30.0


class Violation(AssertionError):  # noqa: N818 (it is what the tests are for, not an error of theirs)
    """A promise of the outbox was broken."""


@dataclass(frozen=True, slots=True)
class World:
    """The database, the clock and the policies that all workers share."""

    db: Database
    clock: FixedClock
    vitec: Vitec
    policy: RetryPolicy
    terms: TurnPolicy
    switch: bool = True
    """Whether the dead man's switch is there."""

    @property
    def now(self) -> datetime:
        """The present moment."""
        return self.clock.moment


@dataclass(slots=True)
class Job:
    """A claimed operation in a thread's hands; `request` once its bytes are written."""

    claimed: Claimed
    deadline: datetime
    request: Request | None = None


@dataclass(slots=True)
class Worker:
    """One process with a turn."""

    world: World
    turn: Turn
    name: str
    lease_ends: datetime
    paused: bool = False
    ending: bool = False
    jobs: list[Job] = field(default_factory=list)
    asking: list[ClaimedLookUp] = field(default_factory=list)
    finished: list[Finished] = field(default_factory=list)
    looked_up: list[FinishedLookUp] = field(default_factory=list)

    @property
    def under_way(self) -> int:
        """How many requests may be written, or be waited for, at this moment."""
        return len(self.jobs) + len(self.asking)

    @property
    def in_hand(self) -> bool:
        """Whether it has results that are not written yet."""
        return bool(self.finished or self.looked_up)

    @property
    def _terms(self) -> TurnPolicy:
        """The terms of its turn, with what its kind needs before a claim."""
        return replace(self.world.terms, prepare=turn_policy(Settings(), self.turn.kind).prepare)

    def killed_by_switch(self) -> bool:
        """Whether the timer, armed while anything may be written, has gone off."""
        return self.world.switch and self.under_way > 0 and self.world.now >= self.lease_ends

    def exchange(self, want: int, *, lost_commit: bool = False) -> None:
        """Settle and claim. `lost_commit`: it was carried out, and reported as failed."""
        world = self.world
        try:
            report = exchange(world.db, self.turn, self.finished, want, self._terms, self.looked_up)
        except IntegrityError:
            self._write_one_by_one()
            return
        if lost_commit:
            handed_over = frozenset(job.claimed.id for job in self.jobs) | {finished.id for finished in self.finished}
            unsent = find_claims_without_thread(world.db, self.turn, handed_over)
            self.finished += [_unsent(id_, attempt, self.name) for id_, attempt in unsent]
            return
        self.finished.clear()
        self.looked_up.clear()
        if report.renewed:
            self.lease_ends = world.now + timedelta(seconds=world.terms.lease - MARGIN)
        self.ending |= not report.owns_lane or report.held
        deadline = world.now + timedelta(seconds=TIMEOUT)
        self.jobs += [Job(claimed, deadline) for claimed in report.claimed]
        self.asking += report.look_ups

    def _write_one_by_one(self) -> None:
        """Write each result by itself, since the database refused a value; the refused one as a plain doubt."""
        for finished in self.finished:
            if not self._try_to_write([finished], []):
                assert self._try_to_write([as_unwritable(finished)], []), "a plain doubt can always be written"
        for look_up in self.looked_up:
            self._try_to_write([], [look_up])
        self.finished.clear()
        self.looked_up.clear()
        self.ending = True

    def _try_to_write(self, finished: list[Finished], looked_up: list[FinishedLookUp]) -> bool:
        try:
            exchange(self.world.db, self.turn, finished, 0, self._terms, looked_up)
        except IntegrityError:
            return False
        return True

    def send(self, job: Job, fate: Fate, delay: float | None) -> None:
        """Write the bytes, if that is still allowed; `delay`: in how many seconds Vitec acts, if it may."""
        world, claimed = self.world, job.claimed
        too_late = world.switch and (world.now >= self.lease_ends or world.now >= job.deadline)
        if too_late or fate is Fate.UNREACHABLE:
            error = Revoked("too late") if too_late else error_of(fate)
            self._finish(job, outcome_of(error), written=False)
            return
        if not self._owns_lane():
            raise Violation(f"operation {claimed.id}: a request was written outside its turn")
        KIND_BY_NAME[self.turn.kind].from_payload(claimed.payload).call(f"{claimed.id}.{claimed.attempt}")
        after = 0.0 if fate in ALWAYS_ACTS else delay if fate in MAY_ACT else None
        if after and KIND_BY_NAME[self.turn.kind].on_doubt is OnDoubt.RESEND:
            # It is sent again at once, so what Vitec does late with an earlier attempt is not waited for.
            after = 0.0
        acts_at = None if after is None else world.now + timedelta(seconds=after)
        job.request = world.vitec.receive(claimed.id, claimed.attempt, self.turn.kind, claimed.payload, fate, acts_at)

    def _owns_lane(self) -> bool:
        with self.world.db.read() as connection:
            lane = factory.lane(connection, self.turn.customer_id, self.turn.kind)
        lives: bool = lane.lease_until is not None and lane.lease_until > self.world.now
        return lives and lane.token == self.turn.token

    def take_answer(self, job: Job) -> None:
        """Take the answer to a request, or its deadline."""
        assert job.request is not None
        response = answer_request(job.request, self.world.vitec)
        kind = KIND_BY_NAME[self.turn.kind]
        if isinstance(response, VitecError):
            self._finish(job, outcome_for(kind, response, sent_before=job.claimed.failures > 0), written=True)
        else:
            self._finish(job, kind.read(response), written=True)

    def meet_deadlines(self) -> None:
        """End the requests that have not been answered in time."""
        for job in [job for job in self.jobs if self.world.now >= job.deadline]:
            fate = Fate.LOST if job.request else Fate.UNREACHABLE
            self._finish(job, outcome_of(error_of(fate)), written=job.request is not None)

    def _finish(self, job: Job, outcome: Outcome, *, written: bool) -> None:
        claimed = job.claimed
        facts = self.world.policy.facts(KIND_BY_NAME[self.turn.kind], claimed.failures, claimed.max_failures)
        settlement = decide(outcome, facts, lambda upper: upper)
        self.jobs.remove(job)
        self.finished.append(Finished(claimed.id, claimed.attempt, settlement, self.name, 0.1, 1, written))

    def look_up(self, doubtful: ClaimedLookUp, stale: float | None) -> None:
        """Ask Vitec, which shows how things were `stale` seconds ago; None: no answer that proves anything."""
        self.asking.remove(doubtful)
        if stale is None:
            result = LookUpResult(Presence.UNCLEAR, "no answer")
        else:
            operation = KIND_BY_NAME[self.turn.kind].from_payload(doubtful.payload)
            as_of = self.world.now - timedelta(seconds=stale)
            shown = self.world.vitec.answer_to_look_up(self.turn.kind, doubtful.payload, as_of)
            skew = timedelta(seconds=self.world.policy.skew)
            known_ids, asked_at = doubtful.known_ids, doubtful.asked_at
            result = operation.find(shown, sent_at=doubtful.sent_at, known_ids=known_ids, skew=skew, asked_at=asked_at)
        answered = stale is not None
        self.looked_up.append(
            FinishedLookUp(doubtful.id, doubtful.attempt, doubtful.look_ups, result, answered, self.name, 0.1)
        )


def begin_turn(world: World, kind: str, name: str, *, dies_at_once: bool = False) -> Worker | None:
    """Hear a ring: take the turn at the lane that has waited longest, and put in doubt what a dead turn left."""
    turn = turns.take_turn(world.db, kind, lease=world.terms.lease, worker=name)
    if turn is None or dies_at_once:
        return None
    rescue.settle_leftovers(world.db, turn, dead_worker_policy(world.policy), name)
    return Worker(world, turn, name, world.now + timedelta(seconds=world.terms.lease - MARGIN))


def _unsent(id_: int, attempt: int, by: str) -> Finished:
    settlement = Settlement(State.RETRYABLE, State.RETRYABLE, delay=SOON, code="revoked")
    return Finished(id_, attempt, settlement, by, tries=0, written=False)
