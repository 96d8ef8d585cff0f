"""The servers of a run, and the stages on which its parts are played: all started here, all ended here, by their pid."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import redis
import requests
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from models import Lane, Operation, State
from tests import databases, servers
from tests.chaos import feed
from tests.chaos.evidence import NUMBERING, gather_evidence
from tests.chaos.fork import count_open
from tests.factory import make_operation
from tests.processes import BIN, Late, Process, celery, until, vitec_sync, worker
from worker.outbox import Database, connect
from worker.sandbox import PASSWORD, USER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.chaos.checker import Evidence

TEMPLATE = "migrated"
TLS = Path(__file__).parents[1] / "vitec" / "tls"

SCALED = {
    "VITEC_REQUESTS_PER_SECOND": "0",
    "VITEC_IN_FLIGHT": "20",
    "VITEC_TIMEOUT": "3",
    "LEASE_MARGIN": "3",
    "CLAIM_MARGIN": "1",
    "BACKOFF_FIRST": "0.5",
    "BACKOFF_CAP": "2",
    "HOLD_UNAVAILABLE": "0.5",
    "HOLD_UNAVAILABLE_CAP": "2",
    "HOLD_BARRED": "0.5",
    "HOLD_BARRED_CAP": "2",
    "HOLD_THROTTLED": "0.5",
    "HOLD_THROTTLED_CAP": "2",
    "LOOK_UP_QUIET": "4",
    "LOOK_UP_GAP": "2",
    "DISPATCH_EVERY": "1",
    "HOUSEKEEPING_EVERY": "1",
}
"""Waits scaled down, so that a run takes minutes: stated beside the results."""

PATIENTLY = Retrying(retry=retry_if_exception_type(OperationalError), wait=wait_fixed(0.1), stop=stop_after_delay(20))

_stages = itertools.count()


@dataclass(frozen=True, slots=True)
class Site:
    """A broker and a PostgreSQL, or a folder for SQLite files, for one part of a run."""

    folder: Path
    broker: servers.Server
    postgres: servers.Server | None
    seed: int

    @property
    def on_sqlite(self) -> bool:
        return self.postgres is None

    def create_database(self, name: str, first_id: int = 1) -> str:
        """Make a fresh database that numbers its operations from `first_id`. Returns its URL."""
        if self.postgres is None:
            url = f"sqlite:///{shutil.copy(self.folder / TEMPLATE, self.folder / f'{name}.sqlite3')}"
        else:
            url = databases.create_database(self.postgres.url, name, TEMPLATE)
        if first_id > 1:
            _number_from(url, first_id)
        return url

    def drop_database(self, name: str) -> None:
        if self.postgres is not None:
            databases.drop_database(self.postgres.url, name)


def _number_from(url: str, first_id: int) -> None:
    engine = connect(url)
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            # Here the next number is the largest there is, and one more.
            make_operation(connection, State.CANCELLED, history=False, id=first_id - 1, feed=NUMBERING)
        else:
            sequence = func.pg_get_serial_sequence("operations", "id")
            connection.execute(select(func.setval(sequence, first_id, False)))
    engine.dispose()


@contextmanager
def open_site(seed: int, database: str = "postgresql", *, durable: bool = True) -> Iterator[Site]:
    """Start the servers, and leave nothing of them afterwards. Durable: a commit of PostgreSQL outlives its fall."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vitec-sync-chaos-")))
        broker = stack.enter_context(servers.redis())
        postgres = None
        if database == "postgresql":
            postgres = stack.enter_context(servers.postgres(durable=durable, max_connections="200"))
            databases.migrate(databases.create_database(postgres.url, TEMPLATE))
        else:
            databases.migrate(f"sqlite:///{folder / TEMPLATE}")
        yield Site(folder, broker, postgres, seed)


@contextmanager
def start_sandbox(folder: Path, *options: str) -> Iterator[tuple[str, Path]]:
    """Run a stand-in for Vitec as a process of its own. Gives its address and its ledger."""
    ledger, ready = folder / "ledger.sqlite3", folder / "sandbox.ready"
    arguments = ("sandbox", "--ledger", str(ledger), "--ready-file", str(ready), *options)
    with vitec_sync(folder, {}, *arguments) as process:
        process.until(ready.exists, why="the sandbox did not start")
        yield ready.read_text(encoding="utf-8"), ledger


@dataclass(slots=True)
class Stage:
    """One part of a run: a database and a stand-in of its own, and real Celery processes."""

    site: Site
    folder: Path
    database_url: str
    base_url: str
    ledger: Path
    db: Database
    settings: dict[str, str]
    stack: ExitStack
    workers: dict[str, Process] = field(default_factory=dict)
    in_flight_at_kills: int = 0

    def start_import(self, count: int, *, start: int = 0, name: str = "export", customers: int = 12) -> Process:
        """Begin `vitec-sync import` of so many rows."""
        path = feed.write_export(self.folder / f"{name}.jsonl", count, customers=customers, start=start)
        return self.stack.enter_context(vitec_sync(self.folder, self.settings, "import", str(path), name=name))

    def import_to_the_end(self, count: int, *, start: int = 0, name: str = "export", customers: int = 12) -> float:
        """Import so many rows. Returns how many seconds it took; it must not fail, whatever is down."""
        began = time.monotonic()
        running = self.start_import(count, start=start, name=name, customers=customers)
        status = running.ends(seconds=120)
        assert status == 0, running.output
        return time.monotonic() - began

    def start_worker(self, name: str, *options: str, **settings: str) -> Process:
        """Start a worker with two children."""
        environment = {**self.settings, **settings}
        running = self.stack.enter_context(worker(self.folder, environment, *options, name=name))
        self.workers[name] = running
        return running

    def start_beat(self, name: str = "beat") -> Process:
        """Start a beat."""
        return self.stack.enter_context(celery("beat", self.folder, self.settings, name=name))

    def start_hurried(self, role: str, hurry: int) -> Process:
        """Start a worker or a beat for which an outage of the broker passes faster (`tests.chaos.hurried`)."""
        command = [str(BIN / "celery"), "-A", "tests.chaos.hurried", role, "--loglevel", "INFO"]
        return self.stack.enter_context(
            Process(command, self.folder, {**self.settings, "HURRY": str(hurry)}, f"hurried_{role}")
        )

    def set_faults(self, rules: list[dict[str, Any]]) -> None:
        """Put these faults on, and no others."""
        script = {"seed": self.site.seed, "rules": rules}
        # The fault in force may be one of connections, which this request meets too.
        again = Retrying(
            retry=retry_if_exception_type(requests.ConnectionError), wait=wait_fixed(0.2), stop=stop_after_delay(20)
        )
        again(self._post, script)

    def refuse_connections(self, *, seconds: float) -> None:
        """Let the stand-in refuse every connection for so long, as where nothing listens."""
        self._post({"fault": "refuse_connections", "seconds": seconds}, "door")

    def _post(self, order: dict[str, Any], path: str = "faults") -> None:
        bundle = self.settings.get("VITEC_CA_BUNDLE", True)
        requests.post(f"{self.base_url}/-/{path}", json=order, timeout=5, verify=bundle).raise_for_status()

    def count_states(self) -> Counter[State]:
        # A run that cuts connections or restarts PostgreSQL may strike this query too.
        return PATIENTLY(self._states)

    def _states(self) -> Counter[State]:
        with self.db.read() as connection:
            rows = connection.execute(select(Operation.state, func.count()).group_by(Operation.state)).all()
        return Counter(dict(rows))

    def count_succeeded(self) -> int:
        """Count the operations that have succeeded."""
        return self.count_states()[State.SUCCEEDED]

    def count_in_flight(self, pids: set[int]) -> int:
        """Count the operations in flight in the turns of these processes."""
        at = (Operation.customer_id == Lane.customer_id) & (Operation.kind == Lane.kind)
        columns = select(Lane.worker, func.count()).select_from(Operation).join(Lane, at)
        with self.db.read() as connection:
            rows = connection.execute(columns.where(Operation.state == State.IN_FLIGHT).group_by(Lane.worker)).all()
        return sum(count for signed, count in rows if signed and int(signed.rpartition(":")[2]) in pids)

    def wait_until_settled(self, *, seconds: float) -> float:
        """Wait until every operation is final or a person's. Returns how long that took."""
        began = time.monotonic()
        until(
            lambda: PATIENTLY(count_open, self.db) == 0,
            seconds=seconds,
            why=f"after {seconds:.0f} s: {self.count_states()}",
        )
        return time.monotonic() - began

    def gather_evidence(self, *, doubt: bool = True) -> Evidence:
        return gather_evidence(
            [self.database_url], [self.ledger], in_flight_at_kills=self.in_flight_at_kills if doubt else None
        )

    def connect_to_broker(self) -> redis.Redis:
        """Connect to the broker's database of this stage; a listener waits there without a timeout."""
        return redis.Redis.from_url(self.settings["BROKER_URL"], socket_timeout=None)

    def wait(self, true: Callable[[], object], *, seconds: float, why: str) -> float:
        """Wait until `true` is. Returns how long that took. If it takes too long, the error has the workers' last words."""
        began = time.monotonic()
        try:
            until(true, seconds=seconds, why=why)
        except Late:
            words = [running.told("lives" if running.alive else "has ended") for running in self.workers.values()]
            raise Late("\n".join([f"{why}: {self.count_states()}", *words])) from None
        return time.monotonic() - began


@contextmanager
def set_stage(site: Site, name: str, **settings: str) -> Iterator[Stage]:
    """Set a stage: fresh database, empty broker, a stand-in without faults, no process at work yet.

    The stand-in speaks TLS if the settings name an authority to believe.
    """
    folder = site.folder / name
    folder.mkdir()
    # Each stage rings in a database of its own, so that those played at the same time do not hear each other.
    broker_url = f"{site.broker.url.rpartition('/')[0]}/{next(_stages) % 16}"
    with redis.Redis.from_url(broker_url) as client:
        client.flushdb()
    with ExitStack() as stack:
        url = site.create_database(name)
        good = str(TLS / "good.pem")
        certificate = ("--certificate", good, "--key", good) if "VITEC_CA_BUNDLE" in settings else ()
        base_url, ledger = stack.enter_context(start_sandbox(folder, *certificate))
        engine = connect(url)
        stack.callback(engine.dispose)
        environment = {
            **SCALED,
            "STATE_DIR": str(folder),
            "DATABASE_URL": url,
            "BROKER_URL": broker_url,
            "VITEC_BASE_URL": base_url,
            "VITEC_USERNAME": USER,
            "VITEC_PASSWORD": PASSWORD,
            **settings,
        }
        yield Stage(site, folder, url, base_url, ledger, Database(engine), environment, stack)
