"""The threads of a turn: each takes a claimed operation, sends it, and puts down what came of it."""

import queue
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from worker.decide import Jitter, Policy, decide, full_jitter, outcome_of
from worker.delivery.switch import Switch
from worker.errors import Refused, VitecError
from worker.kind import Answer, Call, Presence, Sighting
from worker.kinds import by_name
from worker.outbox.exchange import Claimed
from worker.outbox.looking_up import Doubtful, LookedUp
from worker.outbox.settling import Finished
from worker.outcome import Health, InDoubt, Outcome, Retryable
from worker.vitec.permit import Permit


class Sender(Protocol):
    """The client's one verb."""

    def send(self, call: Call, permit: Permit) -> Answer:
        """A complete 2xx answer, or exactly one error of `worker.errors`."""
        ...


@dataclass(frozen=True, slots=True)
class Errand:
    """What is to be sent or looked up, and the moments (monotonic, s) at which it may start and must have ended."""

    what: Claimed | Doubtful
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
        self._done: queue.SimpleQueue[Finished | LookedUp] = queue.SimpleQueue()
        self.threads = threads

    def start(self, errands: list[Errand]) -> None:
        """Send these. The switch has let them in."""
        for errand in errands:
            self._pool.submit(self._run, errand)

    def finished(self, timeout: float) -> list[Finished | LookedUp]:
        """What has ended, waiting at most `timeout` s for the first of it."""
        found: list[Finished | LookedUp] = []
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
        permit = Permit(errand.deadline, self._switch.may_write)
        started = time.monotonic()
        try:
            match errand.what:
                case Claimed():
                    self._done.put(self._sent(errand.what, errand, permit, started))
                case Doubtful():
                    self._done.put(self._looked_up(errand.what, errand, permit, started))
        finally:
            # After this nothing is written; the main thread may still have to fetch what was put down.
            self._switch.leave()

    def _sent(self, claimed: Claimed, errand: Errand, permit: Permit, started: float) -> Finished:
        outcome, status, tries = self._attempt(claimed, errand, permit)
        facts = self._policy.facts(by_name(errand.kind), claimed.failures, claimed.max_failures)
        return Finished(
            claimed.id,
            claimed.attempt,
            decide(outcome, facts, self._jitter),
            self._by,
            seconds=round(time.monotonic() - started, 6),
            tries=tries,
            written=permit.written,
            http_status=status,
        )

    def _attempt(self, claimed: Claimed, errand: Errand, permit: Permit) -> tuple[Outcome, int | None, int]:
        """Exactly one outcome, whatever happens: an error nobody foresaw is judged by whether a byte was written."""
        try:
            kind = by_name(errand.kind)
            call = kind.from_payload(claimed.payload).call(f"{claimed.id}.{claimed.attempt}")
            _wait_until(errand.starts)
            answer = self._client.send(call, permit)
            return kind.read(answer), answer.status, answer.tries
        except VitecError as error:
            return outcome_of(error), error.status, error.tries
        except Exception as error:  # noqa: BLE001 (a thread that lost its outcome would lose the operation)
            return _unforeseen(error, permit), None, 1

    def _looked_up(self, doubtful: Doubtful, errand: Errand, permit: Permit, started: float) -> LookedUp:
        sighting, outcome, answered, status = self._ask(doubtful, errand, permit)
        return LookedUp(
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
        self, doubtful: Doubtful, errand: Errand, permit: Permit
    ) -> tuple[Sighting, Outcome | None, bool, int | None]:
        """The sighting; what an error means for its scope; whether Vitec answered; the status."""
        try:
            operation = by_name(errand.kind).from_payload(doubtful.payload)
            call = operation.look_up_call(f"{doubtful.id}.{doubtful.attempt}.{doubtful.look_ups}")
            if call is None:
                return Sighting(Presence.UNCLEAR, "Vitec cannot be asked about this kind"), None, True, None
            _wait_until(errand.starts)
            answer = self._client.send(call, permit)
            skew = timedelta(seconds=self._policy.skew)
            found = operation.find(answer, sent_at=doubtful.sent_at, known_ids=doubtful.known_ids, skew=skew)
        except VitecError as error:
            sighting = Sighting(Presence.UNCLEAR, f"the look-up brought no answer that proves anything ({error.code})")
            return sighting, outcome_of(error), isinstance(error, Refused), error.status
        except Exception as error:  # noqa: BLE001 (as above)
            return Sighting(Presence.UNCLEAR, f"the look-up failed ({type(error).__name__})"), None, True, None
        else:
            return found, None, True, answer.status


def _wait_until(moment: float, sleep: Callable[[float], None] = time.sleep) -> None:
    wait = moment - time.monotonic()
    if wait > 0:
        sleep(wait)


def _unforeseen(error: Exception, permit: Permit) -> Outcome:
    detail = type(error).__name__
    return InDoubt("unforeseen", detail) if permit.written else Retryable("unforeseen", detail)
