"""One turn at one lane: settle results, claim what could start, until there is a reason to end.

    a ring ──► take the due lane that has waited longest; settle what a dead turn left in flight there
                 │
                 ▼
      ┌──► collect results ◄──────────────── sending threads ──► HTTP             sending.py
      │          │                                 ▲
      │          ▼                                 │
      │    is there a reason to end?               │                              ending.py
      │          │                                 │
      │          ▼                                 │
      │    how many requests could start?          │                              start_limits.py
      │          │                                 │
      │          ▼                                 │
      │    exchange: settle results,               │                              outbox/exchange
      │    claim operations ──────────────► hand over, the switch armed           dead_mans_switch.py
      │          │
      └──────────┴─► a reason to end, and nothing in flight or in hand            in_hand.py
                         │
                         ▼
                 give the lane back, look for the kind to ring for next

The main thread runs the loop, and is the only one that talks to the database. A result makes an exchange as soon as it
is collected; an exchange settles before it claims, in one transaction. Its commit comes before the hand-over: a process
that dies in between leaves rows in flight, which the lane's next turn settles as possibly sent (outbox/exchange/rescue).
"""

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from sqlalchemy.exc import DBAPIError

from worker.delivery.dead_mans_switch import ClockReading, DeadMansSwitch
from worker.delivery.ending import EndReason, TurnEnd
from worker.delivery.in_hand import RequestKey, WorkInHand, unsent
from worker.delivery.questions import Questions
from worker.delivery.report import TurnReport
from worker.delivery.sending import JobExecutor, Sender, SendJob, SendPool
from worker.delivery.start_limits import IDLE, LONGEST_COLLECT, RateLimiter, StartLimits
from worker.kinds import KINDS
from worker.logs import find_own_place
from worker.outbox.database.database import Database
from worker.outbox.database.errors import is_database_unavailable, is_value_refused, retry_until_available
from worker.outbox.exchange import rescue
from worker.outbox.exchange.claim import Claimed, TurnPolicy
from worker.outbox.exchange.exchange import ExchangeResult, exchange
from worker.outbox.exchange.look_ups import ClaimedLookUp, FinishedLookUp
from worker.outbox.exchange.questioned import question_answers
from worker.outbox.exchange.settle import Finished
from worker.outbox.lanes import environments, turns
from worker.outbox.lanes.turns import Turn
from worker.policies import dead_worker_policy, retry_policy, settle_questioned, turn_policy
from worker.settings import Settings
from worker.vitec.kept_connections import AT_END
from worker.vitec.vitec_clock import VitecClock

log = structlog.get_logger(__name__)


def this_worker() -> str:
    """Name this process as it signs leases and attempts: `host:pid`."""
    return f"{socket.gethostname()}:{os.getpid()}"


def serve(
    kind: str, *, db: Database, client: Sender, settings: Settings, stopping: Callable[[], bool], by: str | None = None
) -> TurnReport:
    """Serve the due lane of this kind that has waited longest, for one turn; nothing due costs an UPDATE of no row.

    Returns only when no thread of the turn can write any more. Must run in the process's main thread, with SIGALRM's
    action being the default one (`dead_mans_switch.restore_default_sigalrm`).
    """
    report = TurnReport(kind)
    if stopping():
        report.ended = EndReason.STOP_ASKED
        return report
    worker_id, threads, policy = by or this_worker(), settings.vitec_in_flight, turn_policy(settings, kind)
    reading = ClockReading.now()
    login_of, clock = getattr(client, "name_login", None), getattr(client, "clock", None)
    turn = turns.take_turn(db, kind, lease=policy.lease, worker=worker_id, at_most=threads, login_of=login_of)
    if turn is None:
        return report
    report.customer_id = turn.customer_id
    switch, retry = DeadMansSwitch(), retry_policy(settings)
    switch.start_lease(reading, policy.lease)
    pool = SendPool(JobExecutor(client, retry, worker_id), switch, threads)
    limits = StartLimits(db, turn, threads, RateLimiter(db, turn, settings.vitec_requests_per_second))
    end = TurnEnd(db, kind, stopping, settings.turn_alone, settings.turn_shared)
    parts = (db, turn, switch, pool, limits, end, policy, settings.vitec_timeout, worker_id, report, clock)
    loop = TurnLoop(*parts, Questions(getattr(client, "look_again", None), settle_questioned(retry, kind)))
    try:
        if turn.leftovers:
            report.leftovers = rescue.settle_leftovers(db, turn, dead_worker_policy(retry), worker_id)
        loop.run()
        loop.finish()
    except BaseException:
        loop.drain()
        raise
    finally:
        pool.close()
        report.seconds = time.monotonic() - end.began
        report.ended = end.reason or EndReason.BROKE_OFF
        loop.give_back()
    return report


@dataclass(slots=True)
class TurnLoop:
    """The loop of one turn, run by the process's main thread."""

    db: Database
    turn: Turn
    switch: DeadMansSwitch
    """Knows when the lease ends, and lets nothing be written after it."""
    pool: SendPool
    limits: StartLimits
    end: TurnEnd
    policy: TurnPolicy
    timeout: float
    """Seconds of a whole request."""
    worker_id: str
    report: TurnReport
    clock: VitecClock | None
    """Vitec's, as the client has seen it."""
    questions: Questions
    hand: WorkInHand = field(default_factory=WorkInHand)
    lane_is_back: bool = False
    """The last exchange found nothing to be claimed, and gave the lane back."""

    def run(self) -> None:
        """Work until there is a reason to end; requests in flight are always awaited, and their results settled."""
        while True:
            in_flight = len(self.hand.in_flight)
            wait = LONGEST_COLLECT if self.end.reason else self.limits.seconds_to_next_look(in_flight)
            self.hand.add(self.pool.collect(wait, in_flight))
            self.report.sent = self.hand.sent
            self.end.check()
            startable = 0 if self.end.reason else self.limits.count_startable(self.hand)
            if startable is None:
                self.end.declare(EndReason.NOTHING_LEFT)
            elif startable or self.hand.has_results:
                self._exchange(startable)
            if self.end.reason and not self.hand.in_flight and not self.hand.has_results:
                return

    def finish(self) -> None:
        """Settle what is left, and listen once more, for longer after a surplus."""
        if self.pool.uncollected:
            self.drain()
        self._question_answers(AT_END)

    def _question_answers(self, patience: float = 0.0) -> None:
        """Let no answer be settled, nor stay settled in silence, that may be another operation's."""
        settled = self.questions.find_settled(self.hand, patience)
        if settled:
            retry_until_available()(question_answers, self.db, settled, self.worker_id)

    def drain(self) -> None:
        """Wait, where the loop did not, until no thread can write, and settle. A thread beyond its deadline ends the process."""
        patience = time.monotonic() + self.timeout + 5.0
        while self.switch.count and time.monotonic() < patience:
            self.hand.add(self.pool.collect(IDLE))
            self.report.sent = self.hand.sent
        if self.switch.count:
            os._exit(70)
        self.pool.close()
        self.hand.add(self.pool.collect(0))
        self.report.sent = self.hand.sent
        while self.hand.has_results:
            self._exchange(0)

    def give_back(self) -> None:
        """Give the lane back, and report the kind to ring for; with the database away the lease ends by itself."""
        try:
            if not self.lane_is_back:
                turns.end_turn(self.db, self.turn)
            if self.clock is not None and (dated_answer := self.clock.take()) is not None:
                environments.note_vitec_clock(self.db, dated_answer)
            next_kind = turns.longest_due_kind(self.db, {kind.kind for kind in KINDS})
        except DBAPIError as error:
            if not is_database_unavailable(error):
                raise
            return
        # A turn that moved nothing does not ring: it would only be rung again for what it could not do.
        moved = self.report.sent or self.report.looked_up or self.report.states
        self.report.next_kind = next_kind if moved else None

    def _exchange(self, wanted: int) -> None:
        """Settle the results in hand, claim at most `wanted` operations, and hand over the claimed ones."""
        if self.hand.has_results:
            self._question_answers()
        try:
            result = self._repeat_exchange(wanted)
        except Exception as error:  # noqa: BLE001 (whatever it is, one row must not block the lane)
            refused = is_value_refused(error)
            failure = {"error": type(error).__name__, "place": find_own_place(error), "rows": len(self.hand.unsettled)}
            log.warning("exchange_refused" if refused else "exchange_failed", **failure)
            self.hand.settle_singly(self._settle)
            retry_until_available()(self.hand.read_back, self.db, self.turn, self.worker_id)
            self.hand.drop_settled()
            self.end.declare(EndReason.VALUE_REFUSED if refused else EndReason.EXCHANGE_FAILED)
            return
        self.hand.drop_settled()
        self.lane_is_back = result.gave_lane_back
        self.report.states.update(moved.state for moved in result.moved.values())
        in_flight = len(self.hand.in_flight)
        self.end.check_exchange(result, in_flight=in_flight > 0)
        self.limits.note_exchange(result, wanted, in_flight)
        claimed: tuple[Claimed | ClaimedLookUp, ...] = (*result.claimed, *result.look_ups)
        if claimed:
            self._hand_over(claimed)

    def _repeat_exchange(self, wanted: int) -> ExchangeResult:
        """Make one exchange, repeated while the database is away; only the first one claims.

        A commit that reports an error may have happened, or still be under way: its claims are read back only when a
        later exchange has had the locks, which it holds to its end.
        """
        hand = self.hand
        for attempt in retry_until_available():
            with attempt:
                repeated = attempt.retry_state.attempt_number > 1
                reading = ClockReading.now()
                result = exchange(
                    self.db,
                    self.turn,
                    hand.unsettled,
                    0 if repeated else wanted,
                    self.policy,
                    hand.looked_up,
                    self.limits.cursor,
                    give_back_if_idle=not hand.in_flight,
                )
                if result.renewed:
                    self.switch.start_lease(reading, self.policy.lease)
                if repeated:
                    hand.read_back(self.db, self.turn, self.worker_id)
                return result
        raise AssertionError("repeating ends by a result or an error")

    def _settle(self, result: Finished | FinishedLookUp) -> bool:
        """Settle one result by an exchange of its own. False: it cannot be written."""
        finished, looked_up = ([result], []) if isinstance(result, Finished) else ([], [result])
        try:
            settled = retry_until_available()(exchange, self.db, self.turn, finished, 0, self.policy, looked_up)
        except Exception:  # noqa: BLE001 (the answer says it; the database away is waited out above)
            return False
        self.report.states.update(moved.state for moved in settled.moved.values())
        return True

    def _hand_over(self, claimed: tuple[Claimed | ClaimedLookUp, ...]) -> None:
        """Give operations to threads, if the lease is known to be running; else they were never sent."""
        operations = [operation for operation in claimed if isinstance(operation, Claimed)]
        # Asked twice: the first answer may be no only because this process was paused for a moment.
        if not (self.switch.admit(len(claimed)) or self.switch.admit(len(claimed))):
            self.hand.unsettled += [unsent(operation.id, operation.attempt, self.worker_id) for operation in operations]
            self.end.declare(EndReason.LEASE_TOO_SHORT)
            return
        current_time = time.monotonic()
        # A slow commit has used up some of the lease, which began before it.
        deadline = min(current_time + self.timeout, self.switch.write_deadline)
        next_start = self.limits.rate_limiter.next_start
        jobs = [SendJob(operation, self.turn.kind, next_start(current_time), deadline) for operation in claimed]
        look_ups = [look_up for look_up in claimed if isinstance(look_up, ClaimedLookUp)]
        self.hand.in_flight.update(RequestKey(operation.id, operation.attempt) for operation in operations)
        self.hand.in_flight.update(RequestKey(look_up.id, look_up.attempt, look_up.look_ups) for look_up in look_ups)
        self.report.looked_up += len(look_ups)
        self.pool.start(jobs)
