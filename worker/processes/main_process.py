"""The worker's main process, beside Celery: refuses options that cannot work, and goes on if beat or the broker fails."""

import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from itertools import chain
from time import monotonic
from typing import Any

import billiard.pool
import structlog
from celery import bootsteps, signals
from celery.utils.text import str_to_list
from celery.worker.control import Panel

from worker import bootstrap, delivery, housekeeping, logs, rings
from worker.dotenv import SettingsError
from worker.outbox import Database
from worker.outbox.lanes import environments, turns
from worker.processes import consumer
from worker.processes.local_turns import LocalTurns
from worker.processes.login_watch import LoginWatch
from worker.settings import Settings

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
at_work = threading.Lock()
"""Held by each thread of the main process while it works with the database."""
os.register_at_fork(before=at_work.acquire, after_in_parent=at_work.release, after_in_child=at_work.release)


@signals.setup_logging.connect
def _configure_logging(loglevel: int, logfile: str | None, **_: Any) -> None:
    logs.configure(loglevel, logfile)


@signals.celeryd_init.connect
def _check_queues(options: dict[str, Any], **_: Any) -> None:
    problem = find_queue_problem(options.get("queues"), options.get("exclude_queues"))
    if problem is not None:
        raise SystemExit(problem)


def find_queue_problem(*choices: Any) -> str | None:
    """Name the first queue that there is not, of those given as one text with commas or as a list; None: all are there."""
    for name in chain.from_iterable(str_to_list(choice) or () for choice in choices):
        if name not in rings.QUEUES:
            nearest = get_close_matches(name, rings.QUEUES, 1, 0.5)
            hint = f"; did you mean {nearest[0]}?" if nearest else "."
            return (
                f"There is no queue {name!r}: there are {' and '.join(rings.QUEUES)}. Rings of all kinds"
                f" come through the first one, so leave out --queues{hint}"
            )
    return None


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
    log.info("the worker starts", vitec=bootstrap.settings().vitec_base_url, database=bootstrap.settings().origin)
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
    consumer.outage.end()


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
        is_trusted = housekeeping.watch_clock(db, settings)
        housekeeping.expire(db, settings.parent_missing_after, clock_is_trusted=is_trusted)
    housekeeping.dispatch(db, ring)
    return True


class Watch(bootsteps.StartStopStep):  # type: ignore[misc]
    """A thread of the main process that checks every few seconds whether dispatches and messages still come.

    Where no ring can be heard it has turns taken by processes of its own (`local_turns`), until a message comes again.
    """

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._count = parent.concurrency if rings.QUEUE in parent.app.amqp.queues.consume_from else 0
        self._local = LocalTurns(parent.loglevel, parent.logfile)
        self._logins = LoginWatch(bootstrap.logins)
        self._database = logs.Outage("the watch cannot dispatch", "the watch dispatches again")

    def start(self, parent: Any) -> None:
        """Begin to watch."""
        del parent
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def stop(self, parent: Any) -> None:
        """Cease; a check that has begun comes to its end, since its waits are bounded, and so do turns."""
        self.terminate(parent)
        settings = bootstrap.settings()
        self._local.wait(settings.vitec_timeout + settings.lease_margin)

    def terminate(self, parent: Any) -> None:
        """Cease without waiting for turns: they end by themselves, with their answers written down."""
        del parent
        self._ended.set()
        self._local.close()

    def _run(self) -> None:
        settings = bootstrap.settings()
        while not self._ended.wait(settings.dispatch_every):
            with at_work:
                if self._ended.is_set() or bootstrap.stopping():
                    return
                try:
                    self._check(bootstrap.database(), settings)
                    self._logins.check(bootstrap.database())
                    self._database.end()
                except Exception as error:
                    # The database is away. The next check is in a few seconds.
                    if not self._database.lasts:
                        log.debug("the watch could not dispatch", exc_info=True)
                    self._database.note(bootstrap.name_fault(error))

    def _check(self, db: Database, settings: Settings) -> None:
        housekeeping.watch_clock(db, settings)
        began_at = self._local.began_at
        self._local.reap()
        if began_at is None:
            self._listen(db, settings)
        elif _attention.last_message_at > began_at:
            self._local.ask_to_end()
        else:
            self._local.keep(self._count)
            dispatch_if_silent(db, settings, lambda _: None, _attention, monotonic())
            with suppress(Exception):
                rings.ask_for_dispatch(bootstrap.publisher())

    def _listen(self, db: Database, settings: Settings) -> None:
        """Dispatch where no dispatch comes; if that cannot be, or no ring comes of it, take turns without rings."""
        try:
            ring = partial(rings.ring_or_raise, bootstrap.publisher())
            dispatched = dispatch_if_silent(db, settings, ring, _attention, monotonic())
        except rings.BrokerAway as error:
            fault: str | None = str(error)
        else:
            # Nothing may have been due to ring for; that no dispatch comes may have the broker for its cause all the same.
            fault = rings.find_fault(bootstrap.publisher()) if dispatched else None
            silence = monotonic() - _attention.last_message_at
            if dispatched and fault is None and silence > NO_MESSAGE_FOR + rings.EXPIRES and turns.due_kinds(db):
                fault = f"it takes rings, and none has arrived for {silence:.0f} s"
        if fault is None:
            return
        consumer.outage.note(fault)
        self._local.keep(self._count)
