"""The sending threads of a turn: each takes a send job, sends or looks up its operation, and puts down the result."""

import queue
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Protocol

import structlog

from worker.backoff import Jitter, full_jitter
from worker.decide import (
    RetryPolicy,
    decide,
    fallback_settlement,
)
from worker.delivery.dead_mans_switch import DeadMansSwitch
from worker.error_outcomes import outcome_for, outcome_of, outcome_of_unforeseen
from worker.errors import Refused, VitecError
from worker.kind import Answer, Call, LookUpResult, Presence
from worker.kinds import KIND_BY_NAME
from worker.outbox.exchange.claim import Claimed
from worker.outbox.exchange.look_ups import ClaimedLookUp, FinishedLookUp
from worker.outbox.exchange.settle import Finished
from worker.outcome import Health, InDoubt, Outcome, Retryable
from worker.vitec.http_attempt import Permit
from worker.vitec.observed import NOTHING_KEPT, trace_of

log = structlog.get_logger(__name__)

WAIT_FOR_THREAD = 0.05
"""Seconds for which a job may wait for a thread that was expected to be free; then more threads are woken."""

TIMINGS_KEPT = 20
"""How many of the latest jobs are remembered; the fastest of them tells how many threads are useful."""

GATHER = 0.004
"""Seconds for which results are gathered before an exchange, so that one transaction serves several of them."""

GATHER_AT_MOST = 0.05
"""Seconds after which results are written, also while the threads have enough to do without the main thread."""


class Sender(Protocol):
    """The one method of the client that a turn calls."""

    def send(self, call: Call, permit: Permit) -> Answer | VitecError:
        """Give a complete 2xx answer, or exactly one error of `worker.errors`, returned and not raised."""
        ...


@dataclass(frozen=True, slots=True)
class SendJob:
    """One request to be made, and the moments (monotonic, s) at which it may start and must have ended."""

    claimed: Claimed | ClaimedLookUp
    kind: str
    starts: float
    deadline: float


class SendPool:
    """The threads of a turn. Between jobs they are parked and write nothing; only as many are woken as are useful.

    While one thread waits for its answer another can work, but only one works at a time. So the useful number is a
    request's time divided by its CPU time. Where Vitec answers at once that is 1, and 50 threads would cost twice the
    CPU time per request; where it takes its time, every job has a thread at once.
    """

    _recent_timings: ClassVar[deque[tuple[float, float]]] = deque(maxlen=TIMINGS_KEPT)
    """Seconds of each of the latest jobs, and the seconds of CPU time among them. They depend on Vitec, and are kept
    from turn to turn.
    """

    def __init__(self, executor: "JobExecutor", switch: DeadMansSwitch, threads: int) -> None:
        self._executor = executor
        self._switch = switch
        self._threads = threads
        self.uncollected = 0
        """Jobs given to threads, less the results collected."""
        self._results: queue.SimpleQueue[Finished | FinishedLookUp] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._jobs: deque[SendJob] = deque()
        self.all_begun = threading.Event()
        """Set while no job waits for a thread."""
        self.all_begun.set()
        self._awake = 0
        self._tickets: queue.SimpleQueue[bool] = queue.SimpleQueue()
        """True lets a parked thread work until there are no jobs; False ends it."""
        self._pool: list[threading.Thread] = []
        self._woken_at = 0.0

    def start(self, jobs: Iterable[SendJob]) -> None:
        """Give jobs to threads. The dead man's switch has admitted them."""
        jobs = tuple(jobs)
        self.uncollected += len(jobs)
        with self._lock:
            self._jobs.extend(jobs)
            if self._jobs:
                self.all_begun.clear()
            self._wake(self._useful_threads())

    def collect(self, timeout: float, in_flight: int = 0) -> list[Finished | FinishedLookUp]:
        """Fetch the results there are, waiting at most `timeout` s for the first of them.

        If fewer have come than are `in_flight`, a moment is waited for more.
        """
        end = time.monotonic() + timeout
        while True:
            wait = end - time.monotonic()
            results = self._fetch(min(wait, WAIT_FOR_THREAD) if self._jobs else wait)
            if results or wait <= 0:
                break
        if 0 < len(results) < in_flight:
            if self.all_begun.is_set():
                time.sleep(GATHER)
            else:
                # The results keep no thread waiting as long as jobs wait for threads.
                self.all_begun.wait(GATHER_AT_MOST)
            results += self._fetch(0)
        return results

    def close(self) -> None:
        """End the threads, each with its result put down; requests under way have a deadline. May be repeated."""
        for _ in self._pool:
            self._tickets.put(False)
        for thread in self._pool:
            thread.join()
        self._pool.clear()

    def _fetch(self, timeout: float) -> list[Finished | FinishedLookUp]:
        """Empty the queue of results; double the threads awake if a job has waited for longer than was expected."""
        results: list[Finished | FinishedLookUp] = []
        try:
            results.append(self._results.get(timeout=max(0.0, timeout)))
            while True:
                results.append(self._results.get_nowait())
        except queue.Empty:
            pass
        self.uncollected -= len(results)
        with self._lock:
            if self._jobs and time.monotonic() - self._woken_at > WAIT_FOR_THREAD:
                self._wake(2 * self._awake)
        return results

    def _useful_threads(self) -> int:
        """Compute how many threads are useful, by the latest jobs; before the first job all of them are."""
        if not self._recent_timings:
            return self._threads
        # The fastest was hindered least, and tells best how long Vitec takes. The last job alone would not do: where it
        # shares the CPU with an exchange it looks twice as slow, and wakes a second thread in vain.
        seconds, worked = min(tuple(self._recent_timings))
        return max(1, min(int(seconds / max(worked, 1e-6)), self._threads))

    def _wake(self, count: int) -> None:
        """Let `count` threads work, or as many as there are jobs and threads. The lock is held."""
        self._woken_at = time.monotonic()
        for _ in range(min(count, self._threads, self._awake + len(self._jobs)) - self._awake):
            if self._awake == len(self._pool):
                thread = threading.Thread(target=self._work, name="send", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    if not self._awake:
                        raise
                    # The system has no thread left to give: those awake take the jobs one after another.
                    log.warning("thread_not_started", threads=self._awake)
                    return
                self._pool.append(thread)
            self._awake += 1
            self._tickets.put(True)

    def _work(self) -> None:
        """Run jobs until there are none, then park until the next ticket: jobs are not handed over one by one."""
        while self._tickets.get():
            while (job := self._next_job()) is not None:
                permit = Permit(job.deadline, self._switch.may_write)
                started, worked = time.monotonic(), time.thread_time()
                try:
                    result = self._executor.run(job, permit, started)
                finally:
                    # Nothing more is written, so the process must not be killed while the result is collected.
                    self._switch.leave()
                    if permit.written:
                        self._recent_timings.append((time.monotonic() - started, time.thread_time() - worked))
                self._results.put(result)

    def _next_job(self) -> SendJob | None:
        with self._lock:
            if self._jobs:
                job = self._jobs.popleft()
                if not self._jobs:
                    self.all_begun.set()
                return job
            self._awake -= 1
            return None


@dataclass(frozen=True, slots=True)
class JobExecutor:
    """Makes one request and returns exactly one result, whatever happens: a lost result would lose its operation."""

    client: Sender
    policy: RetryPolicy
    worker_id: str
    jitter: Jitter = full_jitter

    def run(self, job: SendJob, permit: Permit, started: float) -> Finished | FinishedLookUp:
        """Send or look up, at the job's slot and by `permit`; `started` (monotonic) lies before the wait for the slot."""
        wait = job.starts - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        match job.claimed:
            case Claimed():
                return self._send(job, job.claimed, permit, started)
            case ClaimedLookUp():
                return self._look_up(job, job.claimed, permit, started)

    def _send(self, job: SendJob, claimed: Claimed, permit: Permit, started: float) -> Finished:
        outcome: Outcome
        answer: Answer | VitecError | None = None
        try:
            kind = KIND_BY_NAME[job.kind]
            call = kind.from_payload(claimed.payload).call(f"{claimed.id}.{claimed.attempt}")
            answer = self.client.send(call, permit)
            if isinstance(answer, VitecError):
                # Each attempt that may have acted counts as a failure.
                outcome = outcome_for(kind, answer, sent_before=claimed.failures > 0)
            else:
                outcome = kind.read(answer)
        except Exception as error:  # noqa: BLE001 (a thread that lost its outcome would lose the operation)
            outcome = outcome_of_unforeseen(error, written=permit.written)
        try:
            kind, singled_out = KIND_BY_NAME[job.kind], claimed.singled_out
            budget = (claimed.failures, claimed.max_failures)
            facts = self.policy.facts(kind, *budget, claimed.attempt, singled_out=singled_out)
            settlement = decide(outcome, facts, self.jitter)
        except Exception as error:  # noqa: BLE001 (the turn would wait for the result for ever)
            last = claimed.failures + 1 >= claimed.max_failures
            settlement = fallback_settlement(outcome, type(error).__name__, written=permit.written, last=last)
        as_documented = outcome.documented and not isinstance(answer, VitecError)
        trace = NOTHING_KEPT if as_documented else trace_of(answer)
        return Finished(
            claimed.id,
            claimed.attempt,
            settlement,
            self.worker_id,
            seconds=round(time.monotonic() - started, 6),
            tries=1 if answer is None else answer.tries,
            written=permit.written,
            http_status=None if answer is None else answer.status,
            answer_text=trace.text,
            answer_shape=trace.shape,
        )

    def _look_up(self, job: SendJob, claimed: ClaimedLookUp, permit: Permit, started: float) -> FinishedLookUp:
        result, answer, outcome = self._ask(job, claimed, permit)
        signal = outcome if isinstance(outcome, Retryable | InDoubt) else None
        trace = trace_of(answer)
        return FinishedLookUp(
            claimed.id,
            claimed.attempt,
            claimed.look_ups,
            result,
            not isinstance(answer, VitecError) or isinstance(answer, Refused),
            self.worker_id,
            seconds=round(time.monotonic() - started, 6),
            http_status=None if answer is None else answer.status,
            hold=signal.hold if signal else None,
            health=signal.health if signal else Health.WELL,
            cause=signal.cause if signal else None,
            written=permit.written,
            answer_text=trace.text if result.presence is Presence.UNCLEAR else None,
            answer_shape=trace.shape,
        )

    def _ask(
        self, job: SendJob, claimed: ClaimedLookUp, permit: Permit
    ) -> tuple[LookUpResult, Answer | VitecError | None, Outcome | None]:
        """Ask; return the look-up's result, the answer or error that it rests on, and the outcome that an error is."""
        answer: Answer | VitecError | None = None
        try:
            operation = KIND_BY_NAME[job.kind].from_payload(claimed.payload)
            call = operation.look_up_call(f"{claimed.id}.{claimed.attempt}.{claimed.look_ups}")
            if call is None:
                return LookUpResult(Presence.UNCLEAR, "Vitec cannot be asked about this kind"), None, None
            answer = self.client.send(call, permit)
            if isinstance(answer, VitecError):
                detail = f"the look-up brought no answer that proves anything ({answer.code})"
                return LookUpResult(Presence.UNCLEAR, detail), answer, outcome_of(answer)
            skew = timedelta(seconds=self.policy.skew)
            known_ids, asked_at = claimed.known_ids, claimed.asked_at
            result = operation.find(answer, sent_at=claimed.sent_at, known_ids=known_ids, skew=skew, asked_at=asked_at)
        except Exception as error:  # noqa: BLE001 (as for a request)
            return LookUpResult(Presence.UNCLEAR, f"the look-up failed ({type(error).__name__})"), answer, None
        else:
            return result, answer, None
