"""Threads that go one statement at a time, so that a test can try every order in which two of them may run."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
from sqlalchemy import event, make_url

from tests.clock import FixedClock
from worker.outbox import Database, connect

PATIENCE = 20.0
COMMIT = "COMMIT"


def _nowhere(event_name: str) -> bool:
    del event_name
    return False


class Actor:
    """A thread with connections of its own. It pauses where it says so, and before statements that `stops` picks.

    `stops` is asked with the text of each statement, and with COMMIT.
    """

    def __init__(
        self,
        url: str,
        work: Callable[["Actor"], Any],
        clock: FixedClock | None,
        stops: Callable[[str], bool] = _nowhere,
    ) -> None:
        engine = connect(url, pool_size=1)
        self.db = Database(engine if clock is None else clock.rule(engine))
        self.stops = stops
        self.at: str | None = None
        self.result: Any = None
        self.error: BaseException | None = None
        self._pids: set[int] = set()
        self._changed = threading.Condition()
        self._may_go = threading.Semaphore(0)
        self._running = False
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._url = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        event.listen(self.db.engine, "connect", self._note_pid)
        event.listen(self.db.engine, "before_cursor_execute", self._before_statement)
        event.listen(self.db.engine, "commit", lambda connection: self._before(COMMIT))
        self._thread.start()
        self.rest()

    @property
    def finished(self) -> bool:
        return not self._thread.is_alive()

    @property
    def blocked(self) -> bool:
        """Whether it waits for a lock in the database."""
        waits = "SELECT 1 FROM pg_stat_activity WHERE pid = ANY(%s) AND wait_event_type = 'Lock'"
        with psycopg.connect(self._url, autocommit=True) as watcher:
            return watcher.execute(waits, [list(self._pids)]).fetchone() is not None

    def pause(self, event_name: str) -> None:
        """Called by the thread itself: wait here until the test says go on."""
        with self._changed:
            self.at, self._running = event_name, False
            self._changed.notify_all()
        if not self._may_go.acquire(timeout=PATIENCE):
            raise TimeoutError(f"nobody went on from {event_name}")

    def go_on(self) -> str | None:
        """Let it run up to its next pause, its end, or a lock it must wait for; return where it stands (None: ended)."""
        if not self._running:
            with self._changed:
                self._running, self.at = True, None
            self._may_go.release()
        return self.rest()

    def rest(self) -> str | None:
        """Wait until it pauses, ends, or waits for a lock."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with self._changed:
                if not self._rests():
                    self._changed.wait(0.05)
                if self._rests():
                    return self.at
            if self._pids and self.blocked:
                return "blocked"
        raise TimeoutError("it neither paused nor ended")

    def _rests(self) -> bool:
        return self.at is not None or self.finished

    def finish(self) -> Any:
        """Let it run to its end without any more pauses, and return its result."""
        self.stops = _nowhere
        end = time.monotonic() + PATIENCE
        while not self.finished:
            if time.monotonic() > end:
                raise TimeoutError("it did not end")
            if self.at is not None:
                self.go_on()
            self._thread.join(0.005)
        self.close()
        if self.error is not None:
            raise self.error
        return self.result

    def close(self) -> None:
        self.db.engine.dispose()

    def _run(self, work: Callable[["Actor"], Any]) -> None:
        try:
            self.pause("start")
            self.result = work(self)
        except BaseException as error:  # noqa: BLE001 (it is raised again where the test waits)
            self.error = error
        finally:
            with self._changed:
                self._changed.notify_all()

    def _note_pid(self, connection: Any, record: Any) -> None:
        self._pids.add(connection.info.backend_pid)

    def _before_statement(self, _c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self._before(statement)

    def _before(self, event_name: str) -> None:
        if threading.current_thread() is self._thread and self.stops(event_name):
            self.pause(event_name)


def interleavings(first: int, second: int) -> Iterator[str]:
    """Every order of `first` steps of A and `second` steps of B."""
    if first == 0 or second == 0:
        yield "A" * first + "B" * second
        return
    yield from ("A" + tail for tail in interleavings(first - 1, second))
    yield from ("B" + tail for tail in interleavings(first, second - 1))


def play(order: str, a: Actor, b: Actor) -> None:
    """Let the two go on in this order; an actor that waits for a lock misses its step. Then both come to their end."""
    actors = {"A": a, "B": b}
    for name in order:
        if not actors[name].finished:
            actors[name].go_on()
    remaining: Sequence[Actor] = (a, b)
    end = time.monotonic() + PATIENCE
    while not all(actor.finished for actor in remaining):
        if time.monotonic() > end:
            raise TimeoutError("the two did not come to their end")
        for actor in remaining:
            if not actor.finished:
                actor.go_on()
