"""The worker's main process, beside Celery: refuses options that cannot work, passes on a stop, dispatches if beat fails."""

import os
import threading
from dataclasses import dataclass, field
from functools import partial
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
"""Seconds without any ring arriving in time after which it does so too: clocks may be apart, so that rings from
elsewhere arrive expired, or beat may ring at another broker."""

UNREAD_RESULT_WAIT = 1.0
"""Seconds for which a child that has been told to end waits until the main process has read its last result.

The pool's own 30 s are for results, and our tasks have none. If a stop comes while a ring lies unread in a child, the
child's answer is never read, and the worker would take half a minute to end.
"""

_POOLS = {"celery.concurrency.prefork": "prefork", "celery.concurrency.solo": "solo"}

# Remote control may ask, and have events sent. To stop, starve or kill work is left to signals and commands.
_OBEYED = {"enable_events", "disable_events", "heartbeat", "election"}

# A child must not be forked while the watch is at work: it would inherit locks that no thread there ever releases.
_at_work = threading.Lock()
os.register_at_fork(before=_at_work.acquire, after_in_parent=_at_work.release, after_in_child=_at_work.release)


@signals.setup_logging.connect
def _configure_logging(loglevel: int, logfile: str | None, **_: Any) -> None:
    logs.configure(loglevel, logfile)


@signals.worker_init.connect
def _prepare_worker(sender: Any, **_: Any) -> None:
    logs.configure(sender.loglevel, sender.logfile)
    problem = find_problem(sender)
    if problem is None:
        try:
            bootstrap.check_worker()
        except (bootstrap.NotReady, SettingsError) as error:
            problem = str(error)
    if problem is not None:
        raise SystemExit(problem)
    if pool_name(sender) == "prefork" and not can_share_memory():
        log.warning("no shared memory (is /dev/shm writable?), so no child processes: using --pool solo")
        sender.pool_cls, sender.concurrency = "solo", 1
    # A constant of the pool's module, which its children have from the fork.
    billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = int(
        UNREAD_RESULT_WAIT / billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_INTERVAL
    )
    for name in [name for name, meta in Panel.meta.items() if meta.type == "control" and name not in _OBEYED]:
        del Panel.meta[name], Panel.data[name]


def find_problem(worker: Any) -> str | None:
    """Say in one line why a worker of these options must not run; None if it may."""
    if pool_name(worker) is None:
        return "Use --pool prefork or --pool solo: in the other pools turns would share a process."
    if worker.pool_start_method != "fork":
        return "Use --pool-start-method fork: a spawned child would not hear that the worker is to stop."
    if worker.time_limit or worker.soft_time_limit:
        return "Leave out --time-limit and --soft-time-limit: a turn ends by itself, and must not be cut off."
    return None


def pool_name(worker: Any) -> str | None:
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
def _ask_to_stop(**_: Any) -> None:
    bootstrap.ask_to_stop()


@dataclass(slots=True)
class Attention:
    """When this process last received a message in time, and last did the chores, by the monotonic clock."""

    last_message_at: float = field(default_factory=monotonic)
    last_chores_at: float = float("-inf")


_attention = Attention()


@signals.task_received.connect
def _note_message(**_: Any) -> None:
    _attention.last_message_at = monotonic()


def dispatch_if_silent(
    db: Database, settings: Settings, ring: housekeeping.Ring, attention: Attention, current_time: float
) -> bool:
    """Do beat's part if it has not been done for a while; return whether it was done."""
    dispatches_come = environments.dispatched_within(db, NO_DISPATCH_FOR)
    if dispatches_come and current_time - attention.last_message_at < NO_MESSAGE_FOR:
        return False
    if current_time - attention.last_chores_at >= settings.housekeeping_every:
        attention.last_chores_at = current_time
        housekeeping.rescue_abandoned(db, settings, delivery.this_worker())
        housekeeping.expire(db, settings.parent_missing_after)
    housekeeping.dispatch(db, ring)
    return True


class Watch(bootsteps.StartStopStep):  # type: ignore[misc]
    """A thread of the main process that checks every few seconds whether dispatches and messages still come."""

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
        """Cease; a check that has begun comes to its end, since its waits are bounded."""
        del parent
        self._ended.set()

    terminate = stop

    def _run(self) -> None:
        settings = bootstrap.settings()
        while not self._ended.wait(settings.dispatch_every):
            with _at_work:
                try:
                    ring = partial(rings.ring, bootstrap.publisher())
                    dispatch_if_silent(bootstrap.database(), settings, ring, _attention, monotonic())
                except Exception:
                    # The database or the broker is away. The next check is in a few seconds.
                    log.warning("the watch could not dispatch", exc_info=True)
