"""The job that everybody does: 10,000 rows of 12 customers, each to be sent once and its answer's id kept.

Ours lie in the product's own tables, made by its own migrations. Everybody else has a plain table of jobs.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from sqlalchemy.engine import make_url

from tests import databases

KIND = "comeback"

_FILL = """
TRUNCATE operations, attempts, lanes, holds RESTART IDENTITY CASCADE;
UPDATE environments SET failures_in_row = 0;
INSERT INTO lanes (customer_id, kind, function_group, due_at)
SELECT 'M' || (30000 + n), 'comeback', 'crm-contact', now() - interval '1 minute' FROM generate_series(1, %(lanes)s) n;
INSERT INTO operations (kind, customer_id, source_id, payload, payload_hash, match_key, next_attempt_at)
SELECT 'comeback', 'M' || (30001 + n %% %(lanes)s), 'CRM-' || n,
       jsonb_build_object('customer_id', 'M' || (30001 + n %% %(lanes)s), 'contact_id', 'ADR' || n,
                          'date', '2026-12-11T09:15:00+01:00', 'note', 'Ring efter lunch'),
       md5(n::text), 'ADR' || n || '/2026-12-11T09:15:00', now() - interval '1 minute'
FROM generate_series(1, %(rows)s) n;
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


@dataclass(frozen=True, slots=True)
class Backlog:
    """A database with the job in it, made anew for each measurement."""

    url: str
    lanes: int = 12

    def fill(self, rows: int) -> None:
        """Our own tables: `rows` waiting operations."""
        self._run(_FILL, rows, "operations, lanes")

    def fill_jobs(self, rows: int) -> None:
        """Everybody else's table."""
        self._run(_FILL_JOBS, rows, "jobs")

    def left(self, table: str) -> int:
        """How many are not finished."""
        with psycopg.connect(plain(self.url), autocommit=True) as connection:
            row = connection.execute(f"SELECT count(*) FROM {table} WHERE finalized_at IS NULL").fetchone()
        assert row is not None
        return int(row[0])

    def _run(self, script: str, rows: int, tables: str) -> None:
        with psycopg.connect(plain(self.url), autocommit=True) as connection:
            for statement in script.split(";\n"):
                if statement.strip():
                    connection.execute(statement, {"rows": rows, "lanes": self.lanes} if "%(" in statement else None)
            # What autovacuum does after a while: everybody is measured with known tables and an empty log to write.
            connection.execute(f"VACUUM ANALYZE {tables}")
            connection.execute("CHECKPOINT")


def plain(url: str) -> str:
    """The URL as the driver itself has it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def make(server_url: str, base_url: str) -> Backlog:
    """A migrated database that belongs to the environment at `base_url`."""
    url = databases.create_database(server_url, "bench")
    databases.migrate(url)
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute("INSERT INTO environments (id, base_url) VALUES (1, %s)", (base_url,))
    return Backlog(url)
