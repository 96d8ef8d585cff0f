"""Bare turns: a child is forked, takes one turn or several as a Celery child would, and meets its fate.

The process that forks has no threads of its own, so that a child inherits no lock that nobody releases.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, func, make_url, or_, select

from models import Operation, State
from tests.chaos import feed
from worker import delivery, failpoints
from worker.delivery.switch import make_deadly
from worker.housekeeping import expire, rescue_abandoned
from worker.importing import enqueue
from worker.outbox import Outbox, connect
from worker.outbox.environments import register
from worker.sandbox import PASSWORD, USER
from worker.settings import Settings
from worker.vitec.client import Client
from worker.vitec.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
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
        make_deadly()
        work()
        status = 0
    except BaseException:  # noqa: BLE001 (whatever it is, a child must not run on into its parent's program)
        traceback.print_exc(file=sys.stderr)
    finally:
        sys.stderr.flush()
        os._exit(status)


def stopped_or_ended(pid: int, *, patience: float = PATIENCE) -> Ending | None:
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
        time.sleep(0.002)


def _ending(status: int) -> Ending:
    if os.WIFSIGNALED(status):
        return Ending(signal=os.WTERMSIG(status))
    return Ending(status=os.WEXITSTATUS(status))


def end(pid: int) -> None:
    """End a child that may stand still."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def client_for(base_url: str, settings: Settings, ca_bundle: Path | None = None) -> Client:
    """A client of this process."""
    login = Settings(vitec_username=USER, vitec_password=PASSWORD)
    credentials = Credentials.load(login)
    return Client(base_url, credentials, timeout=settings.vitec_timeout, pool_size=20, ca_bundle=ca_bundle)


class Warm:
    """An engine that has seen every statement of a turn, so that a child forked with it need not compile them anew.

    `switch_to` turns it to another database, which is done in the child.
    """

    def __init__(self, database_url: str, base_url: str, settings: Settings) -> None:
        self._name = make_url(database_url).database
        self.engine = connect(database_url, pool_size=2)
        event.listen(self.engine, "do_connect", self._redirect)
        self.base_url = base_url
        box = Outbox(self.engine)
        register(box, base_url)
        for number, kind in enumerate(feed.KINDS):
            record(box, kind, number, "M-WARM")
        self._recover(box, settings, 20, feed.KINDS)
        # Connections are never shared with children.
        self.engine.dispose()

    def _redirect(self, _dialect: Any, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> None:
        parameters["dbname"] = self._name

    def switched(self, database_url: str) -> Outbox:
        """In a child: the engine turned to that database."""
        self._name = make_url(database_url).database
        self.engine.dispose(close=False)
        return Outbox(self.engine)

    def turn(self, database_url: str, kind: str, settings: Settings, plan: str) -> None:
        """One turn, with failpoints."""
        failpoints.arm(plan, self.base_url)
        box, client = self.switched(database_url), client_for(self.base_url, settings)
        delivery.serve(kind, box=box, client=client, settings=settings, stopping=lambda: False)

    def recover(self, database_url: str, settings: Settings, *, seconds: float, kinds: Sequence[str]) -> None:
        """Do what a well worker does, until everything is final or a person's, or the time is up."""
        self._recover(self.switched(database_url), settings, seconds, kinds)

    def _recover(self, box: Outbox, settings: Settings, seconds: float, kinds: Sequence[str]) -> None:
        client = client_for(self.base_url, settings)
        until = time.monotonic() + seconds
        while count_open(box) and time.monotonic() < until:
            rescue_abandoned(box, settings, "recovery:1")
            expire(box)
            for kind in kinds:
                delivery.serve(kind, box=box, client=client, settings=settings, stopping=lambda: False)
            time.sleep(0.02)
        client.close()


def count_open(box: Outbox) -> int:
    """How many operations are neither final nor a person's."""
    with box.read() as connection:
        return connection.execute(select(func.count()).select_from(Operation).where(OPEN)).scalar_one()


def record(box: Outbox, kind: str, number: int, customer_id: str, source: str = "crm") -> int:
    """Record one operation. Returns its id."""
    fields = feed.fields(kind, number)
    return enqueue(box, kind=kind, source_id=f"CRM-{number}", customer_id=customer_id, feed=source, **fields).id
