"""G11: the database's clock is set back by an hour, and forward by an hour, while a worker sends."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import func, make_url, select

from models import Environment, Operation, State
from tests.chaos import feed
from tests.chaos.result import Result, judge
from tests.chaos.stage import SCALED, set_stage
from tests.processes import vitec_sync
from worker.outbox.database.sql import current_time
from worker.outbox.predicates import waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chaos.stage import Site, Stage

HOUR = 3600
PACE = 10
RECOVERY = 60.0
"""Seconds within which everything must be sent after a step."""

WAITING_CUSTOMER = "M40000"
"""The paused customer, with the operations that wait while the clock is set forward."""

WAITING = 10
LATE = 4
"""Of those that wait, the notifications and order tokens: each too late within an hour."""

FAULTS: list[dict[str, Any]] = [
    {"fault": "reset_after_processing", "match": {"kind": "comeback"}, "times": 2},
    {"fault": "reset_before_processing", "match": {"kind": "viewing_registration"}, "times": 2},
    {"fault": "reset_after_processing", "match": {"kind": "appointment"}, "times": 1},
]
"""Doubts that Vitec carried out, that it did not, and one that is a person's."""

SHIFTED_CLOCK = """
CREATE SCHEMA shifted;
CREATE TABLE shifted.shift (seconds integer NOT NULL);
INSERT INTO shifted.shift VALUES (0);
CREATE FUNCTION shifted.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    'SELECT pg_catalog.clock_timestamp() + make_interval(secs => seconds) FROM shifted.shift';
CREATE FUNCTION shifted.now() RETURNS timestamptz LANGUAGE sql STABLE AS
    'SELECT pg_catalog.now() + make_interval(secs => seconds) FROM shifted.shift';
SET search_path = shifted, pg_catalog, public;
DO $$
DECLARE a_column record;
BEGIN
    FOR a_column IN SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = 'public' AND column_default LIKE '%now()' LOOP
        EXECUTE format('ALTER TABLE public.%I ALTER %I SET DEFAULT shifted.now()',
            a_column.table_name, a_column.column_name);
    END LOOP;
    EXECUTE format('ALTER DATABASE %I SET search_path = shifted, pg_catalog, public', current_database());
END $$
"""
"""Puts a schema in front of PostgreSQL's own, with a clock that can be set; for every connection that comes after it."""


def run(site: Site, *, count: int) -> list[Result]:
    """Set the clock back by an hour under load, and on a second database forward by an hour, side by side."""
    with ThreadPoolExecutor(2) as threads:
        played = [threads.submit(play, site, count) for play in (_set_back, _set_forward)]
        return [result.result() for result in played]


@contextmanager
def _start_at_work(site: Site, name: str, count: int, faults: list[dict[str, Any]]) -> Iterator[Stage]:
    """Set a stage on a database with a clock that can be set, a worker, a beat and operations to send."""
    assert site.postgres is not None, "no clock can be put in front of this database's own"
    with set_stage(site, name, VITEC_REQUESTS_PER_SECOND=str(PACE)) as scene:
        _execute(scene, SHIFTED_CLOCK)
        scene.import_to_the_end(count)
        scene.set_faults(faults)
        scene.start_worker("one").says("ready")
        scene.start_beat()
        scene.wait(lambda: scene.count_succeeded() >= count // 4, seconds=60, why="nothing was sent")
        yield scene


def _set_back(site: Site, count: int) -> Result:
    with _start_at_work(site, "g11_back", count, FAULTS) as scene:
        scene.wait(lambda: scene.count_states()[State.IN_DOUBT] >= 1, seconds=60, why="nothing is in doubt")
        unsent = count - scene.count_succeeded()
        _set_clock(scene, -HOUR)
        began = time.monotonic()
        scene.set_faults([])
        scene.import_to_the_end(count // 2, start=count, name="later")
        problems = _find_untold(scene, "set back by 1 h")
        scene.wait_until_settled(seconds=RECOVERY + 60)
        recovered = time.monotonic() - began
        problems += _confirm(scene)
        problems += _find_unsent(scene, count + count // 2)
        evidence = scene.gather_evidence()
    problems += [f"all was sent only {recovered:.0f} s after the step"] if recovered > RECOVERY else []
    notes = f"{unsent} operations waited at the step, and {count // 2} came after it"
    fault = "the database's clock set back by an hour"
    return judge("G11", fault, evidence, problems=problems, recovered=recovered, notes=notes)


def _set_forward(site: Site, count: int) -> Result:
    with _start_at_work(site, "g11_forward", count, []) as scene:
        scene.wait_until_settled(seconds=60 + count / PACE)
        _command(scene, "pause", "--customer", WAITING_CUSTOMER)
        _import_waiting(scene)
        scene.set_faults(FAULTS)
        scene.import_to_the_end(count, start=count, name="later")
        scene.wait(lambda: _count_asked(scene) >= 1, seconds=60, why="nothing is in doubt")
        _set_clock(scene, HOUR)
        doubted = _count_asked(scene)
        scene.set_faults([])
        problems = _find_untold(scene, "set forward by 1 h")
        _command(scene, "resume", "--customer", WAITING_CUSTOMER)
        # Longer than the quiet time, and long enough for chores to end what is late.
        time.sleep(float(SCALED["LOOK_UP_QUIET"]) + 3 * float(SCALED["HOUSEKEEPING_EVERY"]))
        late = _count_late(scene)
        problems += _find_ended(scene, late, doubted)
        began = time.monotonic()
        problems += _confirm(scene)
        scene.wait_until_settled(seconds=RECOVERY + 60)
        recovered = time.monotonic() - began
        problems += _find_unsent(scene, 2 * count + WAITING, late)
        evidence = scene.gather_evidence()
    problems += [f"all was sent only {recovered:.0f} s after the fix"] if recovered > RECOVERY else []
    notes = f"{late} that had become too late, and {doubted} in doubt, waited until the step was confirmed"
    fault = "the database's clock set forward by an hour"
    return judge("G11", fault, evidence, problems=problems, recovered=recovered, notes=notes)


def _execute(scene: Stage, statement: str, *values: int) -> None:
    plain = make_url(scene.database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(statement.encode(), values or None)


def _set_clock(scene: Stage, step: int) -> None:
    """Set the clock by so many seconds, and wait until the step is on record."""
    _execute(scene, "UPDATE shifted.shift SET seconds = seconds + %s", step)
    scene.wait(lambda: abs(_read_step(scene) - step) < HOUR / 10, seconds=30, why="the step is not seen")


def _read_step(scene: Stage) -> float:
    with scene.db.read() as connection:
        return connection.execute(select(Environment.clock_stepped)).scalar_one()


def _import_waiting(scene: Stage) -> None:
    """Import operations of the paused customer, of all kinds; notifications that are too late after half an hour."""
    with scene.db.read() as connection:
        too_late = connection.execute(select(current_time)).scalar_one() + timedelta(minutes=30)
    path = scene.folder / "waiting.jsonl"
    expiry = {"notification": {"expires_at": too_late.isoformat()}}
    rows = [
        {**row, "customer_id": WAITING_CUSTOMER, **expiry.get(row["kind"], {})}
        for row in feed.rows(WAITING, customers=1, start=100_000)
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    _command(scene, "import", str(path))


def _command(scene: Stage, *arguments: str, status: int = 0) -> str:
    """Run a command to its end; returns its output. It must end with this exit status."""
    with vitec_sync(scene.folder, scene.settings, *arguments, name=f"command_{arguments[0]}") as running:
        ended_with = running.ends(seconds=60)
        assert ended_with == status, running.output
        return running.output


def _count_asked(scene: Stage) -> int:
    """Count the doubts that a look-up is to end."""
    is_asked = (Operation.state == State.IN_DOUBT) & Operation.needs_person.is_(False)
    with scene.db.read() as connection:
        return connection.execute(select(func.count()).select_from(Operation).where(is_asked)).scalar_one()


def _find_untold(scene: Stage, step: str) -> list[str]:
    """Look whether `status` says that a person is needed, and why."""
    output = _command(scene, "status", status=3)
    return [] if step in " ".join(output.split()) else [f"status does not say that the clock was {step}"]


def _confirm(scene: Stage) -> list[str]:
    """Confirm the clock as it is; after that it must be found right."""
    _command(scene, "doctor", "--fix")
    output = _command(scene, "doctor")
    return [] if "Nothing is wrong" in output else [f"doctor still finds the step: {output}"]


def _count_late(scene: Stage) -> int:
    """Count the operations that wait and are too late by the clock as it is."""
    is_late = waiting & (Operation.expires_at <= current_time)
    with scene.db.read() as connection:
        return connection.execute(select(func.count()).select_from(Operation).where(is_late)).scalar_one()


def _find_ended(scene: Stage, late: int, doubted: int) -> list[str]:
    """List what a step forward has ended although nothing has been waited for."""
    states = scene.count_states()
    problems = [f"{states[State.EXPIRED]} expired by the step"] if states[State.EXPIRED] else []
    problems += [] if late >= LATE else [f"{late} wait that are too late by the new clock, of {LATE} at least"]
    doubts_left = _count_asked(scene)
    return problems + ([f"{doubts_left} in doubt, of {doubted} at the step"] if doubts_left < doubted else [])


def _find_unsent(scene: Stage, count: int, late: int = 0) -> list[str]:
    """Look whether all were sent but those that are late; a person's doubt was sent too."""
    states = scene.count_states()
    as_promised = states[State.EXPIRED] == late and states[State.SUCCEEDED] + states[State.IN_DOUBT] == count - late
    return [] if as_promised else [f"not all was sent: {dict(states)}"]
