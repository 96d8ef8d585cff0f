"""Bare turns: a child is forked, takes one turn or several as a Celery child would, and meets its fate.

The process that forks has no threads of its own, so that a child inherits no lock that nobody releases.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, func, make_url, or_, select
from sqlalchemy.exc import OperationalError

from models import Operation, State
from tests.chaos import arming, feed
from worker import delivery
from worker.delivery.dead_mans_switch import restore_default_sigalrm
from worker.housekeeping import rescue_abandoned
from worker.importing import enqueue
from worker.outbox import Database, connect
from worker.outbox.lanes.environments import register
from worker.sandbox import PASSWORD, USER
from worker.settings import Settings
from worker.vitec.client import Client
from worker.vitec.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

PATIENCE = 40.0
"""Seconds after which a child that has neither stopped nor ended is given up."""

OPEN = or_(
    Operation.state.in_([State.PENDING, State.RETRYABLE, State.IN_FLIGHT]),
    (Operation.state == State.IN_DOUBT) & Operation.needs_person.is_(False),
)
"""What is neither final nor a person's."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a child ended: by a signal, or with a status."""

    signal: int | None = None
    status: int | None = None


def child(work: Callable[[], None]) -> int:
    """Fork a child that does `work` and ends. Returns its process id."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        restore_default_sigalrm()
        work()
        status = 0
    except BaseException:  # noqa: BLE001 (whatever it is, a child must not run on into its parent's program)
        traceback.print_exc(file=sys.stderr)
    finally:
        sys.stderr.flush()
        os._exit(status)


def stopped_or_ended(pid: int, *, patience: float = PATIENCE, look_every: float = 0.005) -> Ending | None:
    """Wait until the child stands still (None) or has ended. One that does neither is killed."""
    until = time.monotonic() + patience
    while True:
        found, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
        if found and os.WIFSTOPPED(status):
            return None
        if found:
            return _ending(status)
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return Ending()
        time.sleep(look_every)


def _ending(status: int) -> Ending:
    if os.WIFSIGNALED(status):
        return Ending(signal=os.WTERMSIG(status))
    return Ending(status=os.WEXITSTATUS(status))


def side_by_side(shares: Sequence[Callable[[], None]], *, patience: float) -> list[Ending]:
    """Do all these shares at once, each in a child, and return how those ended. What they forked ends with them."""
    gc.freeze()  # What is there already is not looked through again, so the children share its memory.
    pids = [child(partial(_in_own_group, share)) for share in shares]
    until = time.monotonic() + patience
    try:
        return [_ended(pid, until) for pid in pids]
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        gc.unfreeze()


def _in_own_group(share: Callable[[], None]) -> None:
    os.setpgrp()
    share()


def _ended(pid: int, until: float) -> Ending:
    return stopped_or_ended(pid, patience=until - time.monotonic(), look_every=0.05) or Ending()


def dealt(count: int) -> int:
    """A pipe that holds the numbers below `count`. Whoever is free takes the next: see `taken`."""
    reading, writing = os.pipe()
    os.write(writing, b"".join(number.to_bytes(2, "big") for number in range(count)))
    os.close(writing)
    return reading


def taken(pipe: int) -> Iterator[int]:
    """Numbers out of the pipe, each of which nobody else gets, until it is empty."""
    while number := os.read(pipe, 2):
        yield int.from_bytes(number, "big")


def client_for(base_url: str, settings: Settings, ca_bundle: Path | None = None) -> Client:
    """A client of this process."""
    return Client(base_url, _credentials(), timeout=settings.vitec_timeout, pool_size=20, ca_bundle=ca_bundle)


@cache
def _credentials() -> Credentials:
    return Credentials.load(Settings(vitec_username=USER, vitec_password=PASSWORD))


class Warm:
    """An engine that has seen every statement of a turn, so that a child forked with it need not compile them anew.

    `switched` turns it to another database, which is done in the child.
    """

    def __init__(self, database_url: str, base_url: str, settings: Settings) -> None:
        self._url = database_url
        self.engine = connect(database_url, pool_size=2)
        event.listen(self.engine, "do_connect", self._redirect)
        self.base_url = base_url
        db = Database(self.engine)
        register(db, base_url)
        for number, kind in enumerate(feed.KINDS):
            record(db, kind, number, "M-WARM")
        self.recover(db, settings, seconds=20, kinds=feed.KINDS)
        # Connections are never shared with children.
        self.engine.dispose()

    def _redirect(self, _dialect: Any, _record: Any, arguments: list[Any], parameters: dict[str, Any]) -> None:
        name = make_url(self._url).database
        if self.engine.dialect.name == "sqlite":
            arguments[0] = name
        else:
            parameters["dbname"] = name

    def switched(self, database_url: str) -> Database:
        """In a child: the engine turned to that database."""
        self._url = database_url
        self.engine.dispose(close=False)
        return Database(self.engine)

    def turn(self, database_url: str, kind: str, settings: Settings, plan: str) -> None:
        """One turn, with failpoints."""
        arming.arm(plan, self.base_url)
        db, client = self.switched(database_url), client_for(self.base_url, settings)
        delivery.serve(kind, db=db, client=client, settings=settings, stopping=lambda: False)

    def recover(self, db: Database, settings: Settings, *, seconds: float, kinds: Sequence[str]) -> None:
        """Do what a well worker does, until everything is final or a person's, or the time is up.

        No thread is left afterwards, so whoever called may fork again.
        """
        client = client_for(self.base_url, settings)
        until = time.monotonic() + seconds
        while count_open(db) and time.monotonic() < until:
            # Somebody who has just been killed may still hold a lock for a moment.
            with suppress(OperationalError):
                rescue_abandoned(db, settings, "recovery:1")
                found = [
                    delivery.serve(kind, db=db, client=client, settings=settings, stopping=lambda: False)
                    for kind in kinds
                ]
                if not any(report.sent for report in found):
                    time.sleep(0.15)
        client.close()


def count_open(db: Database) -> int:
    """How many operations are neither final nor a person's."""
    with db.read() as connection:
        return connection.execute(select(func.count()).select_from(Operation).where(OPEN)).scalar_one()


def record(db: Database, kind: str, number: int, customer_id: str, source: str = "crm") -> int:
    """Record one operation. Returns its id."""
    fields = feed.fields(kind, number)
    return enqueue(db, kind=kind, source_id=f"CRM-{number}", customer_id=customer_id, feed=source, **fields).id
