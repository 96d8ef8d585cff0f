"""The job of all contenders: 10,000 rows of 12 customers, each to be sent once and its answer's id kept.

The worker's rows lie in its own tables, made by its own migrations; all other contenders have a plain table of jobs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

import psycopg
from sqlalchemy.engine import make_url

from bench import bulk
from tests import databases

KIND = "comeback"

MANY_ROWS = 100_000
"""Number of rows from which on it is quicker to make the indexes afterwards."""

_CLEAR = """
TRUNCATE operations, attempts, lanes, holds RESTART IDENTITY CASCADE;
UPDATE environments SET failures_in_row = 0;
INSERT INTO lanes (customer_id, kind, function_group)
SELECT 'M' || (30000 + n), 'comeback', 'crm-contact' FROM generate_series(1, %(lanes)s) n;
"""

_ADD = """
INSERT INTO operations (kind, customer_id, source_id, payload, payload_hash, match_key, next_attempt_at)
SELECT 'comeback', 'M' || (30001 + n %% %(lanes)s), 'CRM-' || n,
       jsonb_build_object('customer_id', 'M' || (30001 + n %% %(lanes)s), 'contact_id', 'ADR' || n,
                          'date', '2026-12-11T09:15:00+01:00', 'note', 'Ring efter lunch'),
       md5(n::text), 'ADR' || n || '/2026-12-11T09:15:00', now() - interval '1 minute'
FROM generate_series(%(known)s::int + 1, %(known)s::int + %(rows)s) n;
UPDATE lanes SET due_at = now() - interval '1 minute';
"""

_FILL_JOBS = """
CREATE TABLE IF NOT EXISTS jobs (
    id bigint PRIMARY KEY, customer_id text NOT NULL, path text NOT NULL, body jsonb NOT NULL,
    state text NOT NULL DEFAULT 'pending', attempt int NOT NULL DEFAULT 0, remote_id text, error text,
    finalized_at timestamptz
);
TRUNCATE jobs;
INSERT INTO jobs (id, customer_id, path, body)
SELECT n, 'M' || (30001 + n %% %(lanes)s), 'Meeting/Comeback/M' || (30001 + n %% %(lanes)s) || '/ADR' || n,
       jsonb_build_object('date', '2026-12-11T09:15:00+01:00', 'note', 'Ring efter lunch')
FROM generate_series(1, %(rows)s) n;
"""


_FINISHED = """
INSERT INTO operations (kind, customer_id, source_id, payload, payload_hash, match_key, state, attempt, remote_id,
                        answer, acted_at, created_at, first_claimed_at, finalized_at, reported_at)
SELECT 'comeback', 'M' || (30001 + n %% %(lanes)s), 'OLD-' || n,
       jsonb_build_object('customer_id', 'M' || (30001 + n %% %(lanes)s), 'contact_id', 'ADR' || n,
                          'date', '2026-12-11T09:15:00+01:00', 'note', 'Ring efter lunch'),
       md5(n::text), 'ADR' || n || '/2026-12-11T09:15:00', 'succeeded', 1, 'OLD' || md5(n::text),
       to_jsonb('OLD' || md5(n::text)), then_at, then_at, then_at, then_at, then_at
FROM (SELECT n, now() - interval '1 day' * (80 - n * 60.0 / %(rows)s) AS then_at FROM generate_series(1, %(rows)s) n);
INSERT INTO attempts (operation_id, attempt, event, at, seconds, tries, written, http_status, outcome, remote_id, by)
SELECT id, 1, 'sent', finalized_at, 0.1, 1, true, 200, 'succeeded', remote_id, 'bench'
FROM operations WHERE state = 'succeeded';
"""

# All that are not final, each by the partial index of its state.
_LEFT = {
    "operations": """
    SELECT (SELECT count(*) FROM operations WHERE state IN ('pending', 'retryable'))
         + (SELECT count(*) FROM operations WHERE state = 'in_flight')
         + (SELECT count(*) FROM operations WHERE state = 'in_doubt')""",
    "jobs": "SELECT count(*) FROM jobs WHERE finalized_at IS NULL",
}

_OURS = "operations, attempts, lanes"


@dataclass(frozen=True, slots=True)
class Backlog:
    """A database with the job in it, made anew for each measurement."""

    url: str
    lanes: int = 12

    def fill(self, rows: int, *, finished: int = 0) -> None:
        """Fill the worker's tables: `rows` waiting operations, beside so many that were finished long ago."""
        with psycopg.connect(driver_url(self.url), autocommit=True) as connection:
            self._run(connection, _CLEAR, 0)
            with bulk.without_indexes(connection, "operations", "attempts", many=rows + finished > MANY_ROWS):
                if finished:
                    self._run(connection, _FINISHED, finished)
                self._run(connection, _ADD, rows)
            settle_tables(connection, _OURS)

    def add_rows(self, rows: int) -> None:
        """Add so many waiting operations."""
        with psycopg.connect(driver_url(self.url), autocommit=True) as connection:
            self._run(connection, _ADD, rows)
            connection.execute("CHECKPOINT")

    def fill_jobs(self, rows: int) -> None:
        """Fill the plain table of all other contenders."""
        with psycopg.connect(driver_url(self.url), autocommit=True) as connection:
            self._run(connection, _FILL_JOBS, rows)
            settle_tables(connection, "jobs")

    def count_unfinished(self, table: str) -> int:
        """Count the rows that are not finished."""
        with psycopg.connect(driver_url(self.url), autocommit=True) as connection:
            return _fetch_number(connection, _LEFT[table])

    def _run(self, connection: psycopg.Connection, script: str, rows: int) -> None:
        last_id = _fetch_number(connection, "SELECT coalesce(max(id), 0) FROM operations")
        values = {"rows": rows, "lanes": self.lanes, "known": last_id}
        for statement in script.split(";\n"):
            if statement.strip():
                connection.execute(statement, values if "%(" in statement else None)


def _fetch_number(connection: psycopg.Connection, query: LiteralString) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def settle_tables(connection: psycopg.Connection, tables: LiteralString) -> None:
    """Do what autovacuum does after a while: each contender is measured with known tables and an empty log to write."""
    connection.execute(f"VACUUM ANALYZE {tables}")
    connection.execute("CHECKPOINT")


def driver_url(url: str) -> str:
    """Write the URL as the driver itself has it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def make_backlog(server_url: str, base_url: str, name: str = "bench", lanes: int = 12) -> Backlog:
    """Make a migrated database that belongs to the environment at `base_url`."""
    url = databases.create_database(server_url, name)
    databases.migrate(url)
    with psycopg.connect(driver_url(url), autocommit=True) as connection:
        connection.execute("INSERT INTO environments (id, base_url) VALUES (1, %s)", (base_url,))
    return Backlog(url, lanes)
