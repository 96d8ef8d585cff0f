"""The total deadline of a request, which no timeout of a socket operation can give."""

import threading
import time
from math import inf

from worker.vitec.http_attempt import HttpAttempt


class Watchdog:
    """One thread that ends each flight when its deadline comes. `requests` has no such thing: its timeout is per read.

    There are never more flights than threads that send, so a set and the earliest deadline do; the thread wakes only
    when that comes, not per request.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._flights: set[HttpAttempt] = set()
        self._wakes_at = inf
        self._thread: threading.Thread | None = None
        self._closed = False

    def watch(self, flight: HttpAttempt) -> None:
        """From now on, `expire` is called at its deadline."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="vitec-watchdog", daemon=True)
                self._thread.start()
            self._flights.add(flight)
            if flight.deadline < self._wakes_at:
                self._wakes_at = flight.deadline
                self._changed.notify()

    def leave(self, flight: HttpAttempt) -> None:
        """It is over."""
        with self._changed:
            self._flights.discard(flight)

    def close(self) -> None:
        """End the thread once nothing flies any more."""
        with self._changed:
            self._closed = True
            self._wakes_at = -inf
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._closed and not self._flights:
                    return
                due = self._take_due()
                if not due:
                    self._changed.wait(self._patience())
            for flight in due:
                flight.expire()

    def _take_due(self) -> list[HttpAttempt]:
        now = time.monotonic()
        due = [flight for flight in self._flights if flight.deadline <= now]
        self._flights.difference_update(due)
        self._wakes_at = min((flight.deadline for flight in self._flights), default=inf)
        return due

    def _patience(self) -> float | None:
        if self._wakes_at == inf:
            return None
        return min(max(0.0, self._wakes_at - time.monotonic()), threading.TIMEOUT_MAX)
