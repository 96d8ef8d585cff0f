"""What the worker's main process does beside Celery: refuse what cannot work, pass on a stop, and watch over silence."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import billiard.pool
import structlog
from celery import bootsteps, signals
from celery.worker.control import Panel

from worker import bootstrap, delivery, housekeeping, logs, rings
from worker.outbox import Database
from worker.outbox.lanes import environments
from worker.settings import Settings, SettingsError

log = structlog.get_logger(__name__)

NO_DISPATCH_FOR = 10.0
"""Seconds without any dispatch after which the main process dispatches itself: beat may be dead, children busy."""

NO_MESSAGE_FOR = 60.0
"""Seconds without any ring heard in time after which it does so too: clocks may be apart, so that rings from
elsewhere arrive expired, or beat may ring at another broker."""

UNREAD_RESULT_WAIT = 1.0
"""Seconds for which a child that has been told to end waits until the main process has read its last result.

The pool's own 30 s are for results, and we have none. A ring that had reached a child unread when the stop came is
answered for nobody to hear, so that now and then a worker would take half a minute to end.
"""

_POOLS = {"celery.concurrency.prefork": "prefork", "celery.concurrency.solo": "solo"}

# Remote control may ask and be told of events. What would stop, starve or kill work is left to signals and commands.
_OBEYED = {"enable_events", "disable_events", "heartbeat", "election"}

# A child must not be forked while the watch is at work: it would inherit locks that nobody there ever releases.
_at_work = threading.Lock()
os.register_at_fork(before=_at_work.acquire, after_in_parent=_at_work.release, after_in_child=_at_work.release)


@signals.setup_logging.connect
def _log(loglevel: int, logfile: str | None, **_: Any) -> None:
    logs.configure(loglevel, logfile)


@signals.worker_init.connect
def _refuse(sender: Any, **_: Any) -> None:
    logs.configure(sender.loglevel, sender.logfile)
    problem = wrong_with(sender)
    if problem is None:
        try:
            bootstrap.check_worker()
        except (bootstrap.NotReady, SettingsError) as error:
            problem = str(error)
    if problem is not None:
        raise SystemExit(problem)
    if pool_of(sender) == "prefork" and not can_share_memory():
        log.warning("no shared memory (is /dev/shm writable?), so no child processes: using --pool solo")
        sender.pool_cls, sender.concurrency = "solo", 1
    # A constant of the pool's module, which its children have from the fork.
    billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = int(
        UNREAD_RESULT_WAIT / billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_INTERVAL
    )
    for name in [name for name, meta in Panel.meta.items() if meta.type == "control" and name not in _OBEYED]:
        del Panel.meta[name], Panel.data[name]


def wrong_with(worker: Any) -> str | None:
    """Say in one line why a worker of these options must not run; None if it may."""
    if pool_of(worker) is None:
        return "Use --pool prefork or --pool solo: in the other pools turns would share a process."
    if worker.pool_start_method != "fork":
        return "Use --pool-start-method fork: a spawned child would not hear that the worker is to stop."
    if worker.time_limit or worker.soft_time_limit:
        return "Leave out --time-limit and --soft-time-limit: a turn ends by itself, and must not be cut off."
    return None


def pool_of(worker: Any) -> str | None:
    """The pool's name, if it is one in which each turn has a process to itself."""
    chosen = worker.pool_cls
    if isinstance(chosen, str):
        return chosen if chosen in _POOLS.values() else None
    return _POOLS.get(chosen.__module__)


def can_share_memory() -> bool:
    """Whether child processes can be had: their queues need semaphores, which need a writable /dev/shm."""
    try:
        billiard.Lock()
    except (OSError, ImportError):
        return False
    return True


@signals.worker_shutting_down.connect
def _stop(**_: Any) -> None:
    bootstrap.ask_to_stop()


@dataclass(slots=True)
class Attention:
    """When this process last heard a ring in time, and when it last tidied, by the monotonic clock."""

    heard: float = field(default_factory=monotonic)
    tidied: float = float("-inf")


_attention = Attention()


@signals.task_received.connect
def _heard(**_: Any) -> None:
    _attention.heard = monotonic()


def watch(db: Database, settings: Settings, ring: housekeeping.Ring, attention: Attention, now: float) -> bool:
    """Do beat's part if nobody has for a while; return whether it was done."""
    if not environments.no_dispatch_for(db, NO_DISPATCH_FOR) and now - attention.heard < NO_MESSAGE_FOR:
        return False
    if now - attention.tidied >= settings.housekeeping_every:
        attention.tidied = now
        housekeeping.rescue_abandoned(db, settings, delivery.this_worker())
        housekeeping.expire(db, settings.parent_missing_after)
    housekeeping.dispatch(db, ring)
    return True


class Watch(bootsteps.StartStopStep):  # type: ignore[misc]
    """A thread of the main process that looks every few seconds whether anybody still dispatches."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, parent: Any) -> None:
        """Begin to watch."""
        del parent
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def stop(self, parent: Any) -> None:
        """Cease; a look that has begun comes to its end, since its waits are bounded."""
        del parent
        self._ended.set()

    terminate = stop

    def _run(self) -> None:
        settings = bootstrap.settings()
        while not self._ended.wait(settings.dispatch_every):
            with _at_work:
                _look(
                    lambda: watch(
                        bootstrap.database(),
                        settings,
                        lambda kinds: rings.ring(bootstrap.publisher(), kinds),
                        _attention,
                        monotonic(),
                    )
                )


def _look(once: Callable[[], bool]) -> None:
    try:
        once()
    except Exception:
        # The database or the broker is away. The next look is in a few seconds.
        log.warning("the watch could not dispatch", exc_info=True)
