"""The threads of a turn: each takes a claimed operation, sends it, and puts down what came of it."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Protocol

from worker.decide import Jitter, RetryPolicy, Settlement, decide, fallback_settlement, full_jitter, outcome_of
from worker.delivery.dead_mans_switch import DeadMansSwitch
from worker.errors import Refused, VitecError
from worker.kind import Answer, Call, LookUpResult, Presence
from worker.kinds import KIND_BY_NAME
from worker.outbox.exchange.claim import Claimed
from worker.outbox.exchange.look_ups import ClaimedLookUp, FinishedLookUp
from worker.outbox.exchange.settle import Finished
from worker.outcome import Health, InDoubt, Outcome, Retryable
from worker.vitec.http_attempt import Permit


class Sender(Protocol):
    """The client's one verb."""

    def send(self, call: Call, permit: Permit) -> Answer | VitecError:
        """Give a complete 2xx answer, or exactly one error of `worker.errors`, returned and not raised."""
        ...


@dataclass(frozen=True, slots=True)
class SendJob:
    """What is to be sent or looked up, and the moments (monotonic, s) at which it may start and must have ended."""

    what: Claimed | ClaimedLookUp
    kind: str
    starts: float
    deadline: float


WAIT_FOR_THREAD = 0.05
"""Seconds for which an errand may wait for a thread that was foreseen to be free; then more threads are woken."""

TIMINGS_KEPT = 20
"""Of so many errands the fastest tells how many threads are useful."""


class SendPool:
    """The threads of a turn. Between errands they are parked and write nothing; no more are woken than are useful.

    While one thread waits for its answer another can work, but only one works at a time. So as many are useful as fit
    a request's time into its CPU time: with an API that answers at once it is one, and 50 of them would cost twice the
    CPU time per request; with one that takes its time, every errand has its thread at once.
    """

    _recent_timings: ClassVar[deque[tuple[float, float]]] = deque(maxlen=TIMINGS_KEPT)
    """Of the latest errands: the seconds of each, and how many of them its thread worked. It is a matter of the other
    side, and remembered from turn to turn.
    """

    def __init__(
        self,
        client: Sender,
        policy: RetryPolicy,
        switch: DeadMansSwitch,
        *,
        threads: int,
        by: str,
        jitter: Jitter = full_jitter,
    ) -> None:
        self._client = client
        self._policy = policy
        self._switch = switch
        self._by = by
        self._jitter = jitter
        self._done: queue.SimpleQueue[Finished | FinishedLookUp] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._todo: deque[SendJob] = deque()
        self._all_begun = threading.Event()
        self._all_begun.set()
        self._awake = 0
        self._tickets: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._pool: list[threading.Thread] = []
        self._woken_at = 0.0
        self.threads = threads

    @property
    def all_begun(self) -> bool:
        """Whether no errand waits for a thread."""
        return self._all_begun.is_set()

    def until_all_begun(self, timeout: float) -> None:
        """Wait until no errand waits for a thread, for `timeout` s at most."""
        self._all_begun.wait(timeout)

    def start(self, errands: list[SendJob]) -> None:
        """Send these. The switch has let them in."""
        with self._lock:
            self._todo.extend(errands)
            if self._todo:
                self._all_begun.clear()
            self._wake(self._useful_threads())

    def finished(self, timeout: float) -> list[Finished | FinishedLookUp]:
        """What has ended, waiting at most `timeout` s for the first of it."""
        found: list[Finished | FinishedLookUp] = []
        until = time.monotonic() + timeout
        while not found:
            left = until - time.monotonic()
            found = self._fetched(min(left, WAIT_FOR_THREAD) if self._todo else left)
            self._wake_more()
            if left <= 0:
                break
        return found

    def close(self) -> None:
        """End the threads; what is under way has a deadline."""
        for _ in self._pool:
            self._tickets.put(False)
        for thread in self._pool:
            thread.join()

    def _fetched(self, timeout: float) -> list[Finished | FinishedLookUp]:
        found: list[Finished | FinishedLookUp] = []
        try:
            found.append(self._done.get(timeout=timeout) if timeout > 0 else self._done.get_nowait())
            while True:
                found.append(self._done.get_nowait())
        except queue.Empty:
            return found

    def _useful_threads(self) -> int:
        """How many threads are; all of them while nothing is known."""
        if not self._recent_timings:
            return self.threads
        # The fastest was hindered least, and tells best how long the other side takes. Of several: a last one, alone and
        # beside the next exchange, looked twice as slow, and woke a second thread in vain for every other batch.
        seconds, worked = min(tuple(self._recent_timings))
        return max(1, min(int(seconds / max(worked, 1e-6)), self.threads))

    def _wake_more(self) -> None:
        """Wake as many threads again if an errand has waited for longer than was foreseen."""
        with self._lock:
            if self._todo and time.monotonic() - self._woken_at > WAIT_FOR_THREAD:
                self._wake(2 * self._awake)

    def _wake(self, count: int) -> None:
        """Let so many threads work. The lock is held."""
        self._woken_at = time.monotonic()
        for _ in range(min(count, self.threads, self._awake + len(self._todo)) - self._awake):
            self._awake += 1
            if self._awake > len(self._pool):
                thread = threading.Thread(target=self._work, name="send", daemon=True)
                self._pool.append(thread)
                thread.start()
            self._tickets.put(True)

    def _work(self) -> None:
        """A ticket lets one thread work for as long as there are errands: they are not handed over one by one."""
        while self._tickets.get():
            while (errand := self._next()) is not None:
                self._run(errand)

    def _next(self) -> SendJob | None:
        with self._lock:
            if self._todo:
                errand = self._todo.popleft()
                if not self._todo:
                    self._all_begun.set()
                return errand
            self._awake -= 1
            return None

    def _run(self, errand: SendJob) -> None:
        permit = Permit(errand.deadline, self._switch.may_write)
        started, worked = time.monotonic(), time.thread_time()
        try:
            match errand.what:
                case Claimed():
                    self._done.put(self._sent(errand.what, errand, permit, started))
                case ClaimedLookUp():
                    self._done.put(self._looked_up(errand.what, errand, permit, started))
        finally:
            # After this nothing is written; the main thread may still have to fetch what was put down.
            self._switch.leave()
            if permit.written:
                self._recent_timings.append((time.monotonic() - started, time.thread_time() - worked))

    def _sent(self, claimed: Claimed, errand: SendJob, permit: Permit, started: float) -> Finished:
        outcome, status, tries = self._attempt(claimed, errand, permit)
        return Finished(
            claimed.id,
            claimed.attempt,
            self._decided(outcome, claimed, errand.kind, permit),
            self._by,
            seconds=round(time.monotonic() - started, 6),
            tries=tries,
            written=permit.written,
            http_status=status,
        )

    def _decided(self, outcome: Outcome, claimed: Claimed, kind: str, permit: Permit) -> Settlement:
        try:
            facts = self._policy.facts(KIND_BY_NAME[kind], claimed.failures, claimed.max_failures)
            return decide(outcome, facts, self._jitter)
        except Exception as error:  # noqa: BLE001 (as below; its turn, too, would wait for it for ever)
            last = claimed.failures + 1 >= claimed.max_failures
            return fallback_settlement(outcome, type(error).__name__, written=permit.written, last=last)

    def _attempt(self, claimed: Claimed, errand: SendJob, permit: Permit) -> tuple[Outcome, int | None, int]:
        """Exactly one outcome, whatever happens: an error nobody foresaw is judged by whether a byte was written."""
        try:
            kind = KIND_BY_NAME[errand.kind]
            call = kind.from_payload(claimed.payload).call(f"{claimed.id}.{claimed.attempt}")
            _wait_until(errand.starts)
            answer = self._client.send(call, permit)
            outcome = outcome_of(answer) if isinstance(answer, VitecError) else kind.read(answer)
        except Exception as error:  # noqa: BLE001 (a thread that lost its outcome would lose the operation)
            return _unforeseen(error, permit), None, 1
        else:
            return outcome, answer.status, answer.tries

    def _looked_up(self, doubtful: ClaimedLookUp, errand: SendJob, permit: Permit, started: float) -> FinishedLookUp:
        sighting, outcome, answered, status = self._ask(doubtful, errand, permit)
        return FinishedLookUp(
            doubtful.id,
            doubtful.attempt,
            doubtful.look_ups,
            sighting,
            answered,
            self._by,
            seconds=round(time.monotonic() - started, 6),
            http_status=status,
            hold=outcome.hold if isinstance(outcome, Retryable | InDoubt) else None,
            health=outcome.health if isinstance(outcome, Retryable | InDoubt) else Health.WELL,
        )

    def _ask(
        self, doubtful: ClaimedLookUp, errand: SendJob, permit: Permit
    ) -> tuple[LookUpResult, Outcome | None, bool, int | None]:
        """The sighting; what an error means for its scope; whether Vitec answered; the status."""
        try:
            operation = KIND_BY_NAME[errand.kind].from_payload(doubtful.payload)
            call = operation.look_up_call(f"{doubtful.id}.{doubtful.attempt}.{doubtful.look_ups}")
            if call is None:
                return LookUpResult(Presence.UNCLEAR, "Vitec cannot be asked about this kind"), None, True, None
            _wait_until(errand.starts)
            answer = self._client.send(call, permit)
            if isinstance(answer, VitecError):
                reason = f"the look-up brought no answer that proves anything ({answer.code})"
                unclear = LookUpResult(Presence.UNCLEAR, reason)
                return unclear, outcome_of(answer), isinstance(answer, Refused), answer.status
            skew = timedelta(seconds=self._policy.skew)
            found = operation.find(answer, sent_at=doubtful.sent_at, known_ids=doubtful.known_ids, skew=skew)
        except Exception as error:  # noqa: BLE001 (as above)
            return LookUpResult(Presence.UNCLEAR, f"the look-up failed ({type(error).__name__})"), None, True, None
        else:
            return found, None, True, answer.status


def _wait_until(moment: float, sleep: Callable[[float], None] = time.sleep) -> None:
    wait = moment - time.monotonic()
    if wait > 0:
        sleep(wait)


def _unforeseen(error: Exception, permit: Permit) -> Outcome:
    detail = type(error).__name__
    return InDoubt("unforeseen", detail) if permit.written else Retryable("unforeseen", detail)
