"""Bare turns: a child is forked, takes one turn or several as a Celery child would, and meets its fate.

The process that forks has no threads of its own, so that a child inherits no lock without its holder.
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
"""Operations that are neither final nor wait for a person."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a child ended: by a signal, or with a status."""

    signal: int | None = None
    status: int | None = None


def fork_child(work: Callable[[], None]) -> int:
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


def wait_for_child(pid: int, *, patience: float = PATIENCE, look_every: float = 0.005) -> Ending | None:
    """Wait until the child stands still (None) or has ended. One that does neither is killed."""
    until = time.monotonic() + patience
    while True:
        changed_pid, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
        if changed_pid and os.WIFSTOPPED(status):
            return None
        if changed_pid:
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


def run_side_by_side(shares: Sequence[Callable[[], None]], *, patience: float) -> list[Ending]:
    """Do all these shares at once, each in a child, and return how those ended. Their own children end with them."""
    gc.freeze()  # Objects from before the fork are not collected in the children, which therefore share their memory.
    pids = [fork_child(partial(_in_own_group, share)) for share in shares]
    until = time.monotonic() + patience
    try:
        return [_wait_for_end(pid, until) for pid in pids]
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        gc.unfreeze()


def _in_own_group(share: Callable[[], None]) -> None:
    os.setpgrp()
    share()


def _wait_for_end(pid: int, until: float) -> Ending:
    return wait_for_child(pid, patience=until - time.monotonic(), look_every=0.05) or Ending()


def deal_numbers(count: int) -> int:
    """Make a pipe that holds the numbers below `count`; a free child takes the next: see `take_numbers`."""
    reading, writing = os.pipe()
    os.write(writing, b"".join(number.to_bytes(2, "big") for number in range(count)))
    os.close(writing)
    return reading


def take_numbers(pipe: int) -> Iterator[int]:
    """Take numbers out of the pipe until it is empty; no two children get the same one."""
    while number := os.read(pipe, 2):
        yield int.from_bytes(number, "big")


def client_for(base_url: str, settings: Settings, ca_bundle: Path | None = None) -> Client:
    """Make a client for this process."""
    return Client(base_url, _credentials(), timeout=settings.vitec_timeout, pool_size=20, ca_bundle=ca_bundle)


@cache
def _credentials() -> Credentials:
    return Credentials.load(Settings(vitec_username=USER, vitec_password=PASSWORD))


class WarmEngine:
    """An engine that has seen every statement of a turn, so that a child forked with it need not compile them anew.

    `switch_to` turns it to another database, which is done in the child.
    """

    def __init__(self, database_url: str, base_url: str, settings: Settings) -> None:
        self._url = database_url
        self.engine = connect(database_url, pool_size=2)
        event.listen(self.engine, "do_connect", self._redirect)
        self.base_url = base_url
        db = Database(self.engine)
        register(db, base_url)
        for number, kind in enumerate(feed.KINDS):
            record_operation(db, kind, number, "M-WARM")
        self.recover_all(db, settings, seconds=20, kinds=feed.KINDS)
        # Connections are never shared with children.
        self.engine.dispose()

    def _redirect(self, _dialect: Any, _record: Any, arguments: list[Any], parameters: dict[str, Any]) -> None:
        name = make_url(self._url).database
        if self.engine.dialect.name == "sqlite":
            arguments[0] = name
        else:
            parameters["dbname"] = name

    def switch_to(self, database_url: str) -> Database:
        """Turn the engine to that database; called in a child."""
        self._url = database_url
        self.engine.dispose(close=False)
        return Database(self.engine)

    def take_turn(self, database_url: str, kind: str, settings: Settings, plan: str) -> None:
        """Take one turn, with failpoints."""
        arming.arm(plan, self.base_url)
        db, client = self.switch_to(database_url), client_for(self.base_url, settings)
        delivery.serve(kind, db=db, client=client, settings=settings, stopping=lambda: False)

    def recover_all(self, db: Database, settings: Settings, *, seconds: float, kinds: Sequence[str]) -> None:
        """Work as a well worker does, until every operation is final or a person's, or the time is up.

        No thread is left afterwards, so the caller may fork again.
        """
        client = client_for(self.base_url, settings)
        until = time.monotonic() + seconds
        while count_open(db) and time.monotonic() < until:
            # A process that has just been killed may still hold a lock for a moment.
            with suppress(OperationalError):
                rescue_abandoned(db, settings, "recovery:1")
                reports = [
                    delivery.serve(kind, db=db, client=client, settings=settings, stopping=lambda: False)
                    for kind in kinds
                ]
                if not any(report.sent for report in reports):
                    time.sleep(0.15)
        client.close()


def work_until_ended(db: Database, client: Client, settings: Settings, kinds: Sequence[str], *, seconds: float) -> None:
    """Take turns until every operation is final or a person's, or the time is up."""
    until = time.monotonic() + seconds
    while count_open(db) and time.monotonic() < until:
        reports = [
            delivery.serve(kind, db=db, client=client, settings=settings, stopping=lambda: False) for kind in kinds
        ]
        if not any(report.sent or report.looked_up for report in reports):
            time.sleep(0.1)


def count_open(db: Database) -> int:
    """Count the operations that are neither final nor wait for a person."""
    with db.read() as connection:
        return connection.execute(select(func.count()).select_from(Operation).where(OPEN)).scalar_one()


def record_operation(db: Database, kind: str, number: int, customer_id: str, source: str = "crm") -> int:
    """Record one operation. Returns its id."""
    fields = feed.fields(kind, number)
    return enqueue(db, kind=kind, source_id=f"CRM-{number}", customer_id=customer_id, feed=source, **fields).id
