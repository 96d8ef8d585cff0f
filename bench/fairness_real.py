"""A small part of the simulation beside a real worker: 40 customers, one of which has 5,000 rows, at 200 requests/s."""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from bench import backlog, race
from bench.server import ARRIVALS
from bench.simulated.lanes import Batch, Lane
from bench.simulated.rules import Costs, Rules
from bench.simulated.world import World
from bench.table import quantile
from tests import servers
from worker.outbox import Database, connect
from worker.outbox.lanes import turns
from worker.rings import publisher, ring
from worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CUSTOMERS, BIG, RATE, CHILDREN, WARM = 40, 5_000, 200.0, 2, 200
ROWS = 3
"""Rows of a small customer."""

AFTER = 4.0
"""Seconds after the first request of the big customer at which all small customers' rows arrive."""

_OPEN = "INSERT INTO lanes (customer_id, kind, function_group) VALUES (%s, 'comeback', 'crm-contact')"
_ROWS = """
INSERT INTO operations (kind, customer_id, source_id, payload, payload_hash, next_attempt_at)
SELECT 'comeback', %(customer)s::text, %(customer)s::text || '-' || n,
       jsonb_build_object('customer_id', %(customer)s::text, 'contact_id', 'ADR' || n,
                          'date', '2026-12-11T09:15:00+01:00', 'note', 'Ring efter lunch'),
       md5(n::text), clock_timestamp()
FROM generate_series(1, %(rows)s) n
"""


@dataclass(frozen=True, slots=True)
class Office:
    """The database and the broker of the measured worker."""

    url: str
    broker_url: str

    def record_rows(self, customers: Sequence[str], rows: int) -> float:
        """Record rows of customers, wake their lanes and ring once, as an import does; return the moment of the commit."""
        with psycopg.connect(backlog.driver_url(self.url)) as connection:
            for customer in customers:
                connection.execute(_OPEN, (customer,))
                connection.execute(_ROWS, {"customer": customer, "rows": rows})
        came, db = time.time(), Database(connect(self.url))
        turns.wake_lanes(db, [(customer, "comeback") for customer in customers])
        db.engine.dispose()
        ring(publisher(Settings(broker_url=self.broker_url)), ["comeback"])
        return came

    def measure_commit(self, times: int = 50) -> float:
        """Measure the seconds (median) that waking a lane takes on this machine: two statements and a commit."""
        took, db = [], Database(connect(self.url))
        for _ in range(times):
            began = time.monotonic()
            turns.wake_lanes(db, [("W0", "comeback")])
            took.append(time.monotonic() - began)
        db.engine.dispose()
        return quantile(took, 0.5)

    def find_customers(self, ids: Sequence[int]) -> dict[int, str]:
        """Find the customers of operations."""
        with psycopg.connect(backlog.driver_url(self.url)) as connection:
            rows = connection.execute("SELECT id, customer_id FROM operations WHERE id = ANY(%s)", (list(ids),))
            return dict(rows.fetchall())


def measure_real() -> tuple[list[float], float]:
    """Measure a real worker and beat: the seconds from the commit of each small customer's rows to the last row's request,
    and the median time of a commit meanwhile."""
    small = [f"M{number}" for number in range(1, CUSTOMERS)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vitec-sync-bench-")))
        postgres = stack.enter_context(servers.postgres(durable=True))
        broker = stack.enter_context(servers.redis())
        target = stack.enter_context(race.Target(arrivals=folder / "arrivals"))
        office = Office(backlog.make_backlog(postgres.url, target.url).url, broker.url)
        environment = _worker_settings(office, target.url, folder)
        program = [sys.executable, "-m", "celery", "-A", "worker"]
        stack.enter_context(
            race.running([*program, "worker", "-c", str(CHILDREN), "-l", "WARNING"], environment, folder / "worker")
        )
        stack.enter_context(race.running([*program, "beat", "-l", "WARNING"], environment, folder / "beat"))
        # First turns make connections and import modules: each child has one before anything is measured.
        office.record_rows(["W0", "W1"], WARM)
        _wait_until(lambda: target.answered >= 2 * WARM)
        office.record_rows(["M0"], BIG)
        _wait_until(lambda: target.answered > 2 * WARM)
        began = time.monotonic()
        commit = office.measure_commit()
        time.sleep(max(0.0, AFTER - (time.monotonic() - began)))
        last_earlier_id, came = BIG + 2 * WARM, office.record_rows(small, ROWS)
        arrivals: list[tuple[int, float]] = []

        def all_came() -> bool:
            arrivals[:] = ARRIVALS.iter_unpack((folder / "arrivals").read_bytes())
            return sum(at >= came and id_ > last_earlier_id for id_, at in arrivals) >= len(small) * ROWS

        _wait_until(all_came)
        last: dict[str, float] = {}
        names = office.find_customers([id_ for id_, _ in arrivals if id_ > last_earlier_id])
        for id_, at in arrivals:
            if id_ > last_earlier_id:
                last[names[id_]] = at - came
    return list(last.values()), commit


def simulate(commit: float, seed: int = 1) -> list[float]:
    """Simulate the same load on a machine where a small commit takes so long."""
    costs = Costs(answer=0.002)
    world = World(Rules(rate=RATE, children=CHILDREN), costs.scale(commit / costs.commit), seed)
    world.enqueue([(Lane(0, "comeback"), Batch(0.0, BIG, BIG))])
    small = [(Lane(number, "comeback"), Batch(-1.0, ROWS, ROWS)) for number in range(1, CUSTOMERS)]
    world.time.at(AFTER, lambda: world.enqueue(small))
    world.time.run(300.0, lambda: world.ended_batches >= len(small))
    return [batch.ended_at - batch.arrived_at for _, batch in small if batch.ended_at is not None]


def _worker_settings(office: Office, base_url: str, folder: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": office.url,
        "BROKER_URL": office.broker_url,
        "VITEC_BASE_URL": base_url,
        "VITEC_USERNAME": "bench",
        "VITEC_PASSWORD": "bench-1",
        "VITEC_REQUESTS_PER_SECOND": str(RATE),
        "STATE_DIR": str(folder),
    }


def _wait_until(true: object, seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        if time.monotonic() > end:
            raise race.Stalled("the worker did not serve the small customers in time")
        time.sleep(0.05)


def compare() -> Iterator[str]:
    """Give the measured and the simulated waits side by side, in Markdown."""
    waits, commit = measure_real()
    yield f"| {CUSTOMERS - 1} customers of {ROWS} rows, one of {BIG:,}, {RATE:g}/s | first | p50 | p99 | max |"
    yield "| --- | --: | --: | --: | --: |"
    scaled = f"simulated, a commit taking {commit * 1000:.1f} ms as there"
    for title, values in (("a real worker, s", waits), (scaled, simulate(commit))):
        yield f"| {title} | " + " | ".join(f"{quantile(values, share):.2f}" for share in (0.0, 0.5, 0.99, 1.0)) + " |"
