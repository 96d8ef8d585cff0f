"""The job that everybody does: 10,000 rows of 12 customers, each to be sent once and its answer's id kept.

Ours lie in the product's own tables, made by its own migrations. Everybody else has a plain table of jobs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

import psycopg
from sqlalchemy.engine import make_url

from bench import bulk
from tests import databases

KIND = "comeback"

MANY = 100_000
"""Rows from which on it is quicker to make the indexes afterwards."""

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
        """Our own tables: `rows` waiting operations, beside so many that were finished long ago."""
        with psycopg.connect(plain(self.url), autocommit=True) as connection:
            self._run(connection, _CLEAR, 0)
            with bulk.without_indexes(connection, "operations", "attempts", many=rows + finished > MANY):
                if finished:
                    self._run(connection, _FINISHED, finished)
                self._run(connection, _ADD, rows)
            settle_down(connection, _OURS)

    def add(self, rows: int) -> None:
        """So many more waiting operations."""
        with psycopg.connect(plain(self.url), autocommit=True) as connection:
            self._run(connection, _ADD, rows)
            connection.execute("CHECKPOINT")

    def fill_jobs(self, rows: int) -> None:
        """Everybody else's table."""
        with psycopg.connect(plain(self.url), autocommit=True) as connection:
            self._run(connection, _FILL_JOBS, rows)
            settle_down(connection, "jobs")

    def left(self, table: str) -> int:
        """How many are not finished."""
        with psycopg.connect(plain(self.url), autocommit=True) as connection:
            return _number(connection, _LEFT[table])

    def _run(self, connection: psycopg.Connection, script: str, rows: int) -> None:
        known = _number(connection, "SELECT coalesce(max(id), 0) FROM operations")
        values = {"rows": rows, "lanes": self.lanes, "known": known}
        for statement in script.split(";\n"):
            if statement.strip():
                connection.execute(statement, values if "%(" in statement else None)


def _number(connection: psycopg.Connection, query: LiteralString) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def settle_down(connection: psycopg.Connection, tables: LiteralString) -> None:
    """What autovacuum does after a while: everybody is measured with known tables and an empty log to write."""
    connection.execute(f"VACUUM ANALYZE {tables}")
    connection.execute("CHECKPOINT")


def plain(url: str) -> str:
    """The URL as the driver itself has it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def make(server_url: str, base_url: str, name: str = "bench", lanes: int = 12) -> Backlog:
    """A migrated database that belongs to the environment at `base_url`."""
    url = databases.create_database(server_url, name)
    databases.migrate(url)
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute("INSERT INTO environments (id, base_url) VALUES (1, %s)", (base_url,))
    return Backlog(url, lanes)
