"""The threads of a turn: each takes a claimed operation, sends it, and puts down what came of it."""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from worker.decide import Jitter, Policy, decide, full_jitter, outcome_of
from worker.delivery.switch import Switch
from worker.errors import VitecError
from worker.kind import Answer, Call, Kind
from worker.kinds import by_name
from worker.outbox.exchange import Claimed
from worker.outbox.settling import Finished
from worker.outcome import InDoubt, Outcome, Retryable
from worker.vitec.permit import Permit


class Sender(Protocol):
    """The client's one verb."""

    def send(self, call: Call, permit: Permit) -> Answer:
        """A complete 2xx answer, or exactly one error of `worker.errors`."""
        ...


@dataclass(frozen=True, slots=True)
class Errand:
    """A claimed operation, and the moments (monotonic, s) at which it may start and must have ended."""

    claimed: Claimed
    kind: str
    starts: float
    deadline: float


class Sending:
    """A pool of threads that lives as long as the process; between turns it is idle and writes nothing."""

    def __init__(
        self, client: Sender, policy: Policy, switch: Switch, *, threads: int, by: str, jitter: Jitter = full_jitter
    ) -> None:
        self._client = client
        self._policy = policy
        self._switch = switch
        self._by = by
        self._jitter = jitter
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="send")
        self._done: queue.SimpleQueue[Finished] = queue.SimpleQueue()
        self._stop = threading.Event()
        self.threads = threads

    def start(self, errands: list[Errand]) -> None:
        """Send these. The switch has let them in."""
        for errand in errands:
            self._pool.submit(self._run, errand)

    def finished(self, timeout: float) -> list[Finished]:
        """What has ended, waiting at most `timeout` s for the first of it."""
        found: list[Finished] = []
        try:
            found.append(self._done.get(timeout=timeout) if timeout > 0 else self._done.get_nowait())
            while True:
                found.append(self._done.get_nowait())
        except queue.Empty:
            return found

    def close(self) -> None:
        """End the threads; what is under way has a deadline."""
        self._pool.shutdown(wait=True)

    def _run(self, errand: Errand) -> None:
        started = time.monotonic()
        permit = Permit(errand.deadline, self._switch.may_write)
        try:
            outcome, status, tries = self._attempt(errand, permit)
        finally:
            self._switch.leave()
        claimed = errand.claimed
        facts = self._policy.facts(by_name(errand.kind), claimed.failures, claimed.max_failures)
        self._done.put(
            Finished(
                claimed.id,
                claimed.attempt,
                decide(outcome, facts, self._jitter),
                self._by,
                seconds=round(time.monotonic() - started, 6),
                tries=tries,
                written=permit.written,
                http_status=status,
            )
        )

    def _attempt(self, errand: Errand, permit: Permit) -> tuple[Outcome, int | None, int]:
        """Exactly one outcome, whatever happens: an error nobody foresaw is judged by whether a byte was written."""
        try:
            kind = by_name(errand.kind)
            call = kind.from_payload(errand.claimed.payload).call(f"{errand.claimed.id}.{errand.claimed.attempt}")
            _wait_until(errand.starts)
            answer = self._client.send(call, permit)
            return kind.read(answer), answer.status, answer.tries
        except VitecError as error:
            return outcome_of(error), error.status, error.tries
        except Exception as error:  # noqa: BLE001 (a thread that lost its outcome would lose the operation)
            return _unforeseen(error, permit), None, 1


def _wait_until(moment: float, sleep: Callable[[float], None] = time.sleep) -> None:
    wait = moment - time.monotonic()
    if wait > 0:
        sleep(wait)


def _unforeseen(error: Exception, permit: Permit) -> Outcome:
    detail = type(error).__name__
    return InDoubt("unforeseen", detail) if permit.written else Retryable("unforeseen", detail)


__all__ = ["Errand", "Kind", "Sender", "Sending"]
