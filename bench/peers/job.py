"""The job as a careful user of any queue would write it: two small statements round one POST on a kept connection."""

# The peers live in an environment of their own, which the type checker does not see.
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import os
import threading
from typing import Any

import psycopg
import requests
from psycopg_pool import ConnectionPool

URL = os.environ["JOBS_URL"]
TARGET = os.environ["VITEC_BASE_URL"]
BROKER = os.environ["BROKER_URL"]
LOGIN = ("bench", "bench-1")

READ = "SELECT path, body FROM jobs WHERE id = %s AND state <> 'succeeded'"
DONE = "UPDATE jobs SET state = 'succeeded', attempt = attempt + 1, remote_id = %s, finalized_at = now() WHERE id = %s"

_own = threading.local()
_pool: ConnectionPool | None = None
_making = threading.Lock()


def pool() -> ConnectionPool:
    """Give the connections of this process, made after its fork."""
    global _pool  # noqa: PLW0603
    with _making:
        if _pool is None:
            _pool = ConnectionPool(URL, min_size=1, max_size=16, kwargs={"autocommit": True}, open=True)
    return _pool


def session() -> requests.Session:
    """Give the thread's own session."""
    if not hasattr(_own, "session"):
        _own.session = requests.Session()
        _own.session.auth = LOGIN
    own_session: requests.Session = _own.session
    return own_session


def post_row(path: str, body: Any) -> str:
    """Send a row and return the id that came back."""
    answer = session().post(f"{TARGET}/{path}", json=body, timeout=30)
    answer.raise_for_status()
    remote_id: str = answer.json()
    return remote_id


def do_job(job_id: int) -> None:
    """Read the row, send it, write its result."""
    with pool().connection() as connection:
        row = connection.execute(READ, (job_id,)).fetchone()
    if row is None:
        return
    remote_id = post_row(*row)
    with pool().connection() as connection:
        connection.execute(DONE, (remote_id, job_id))


def read_ids() -> list[int]:
    """Read the ids of all waiting jobs."""
    with psycopg.connect(URL) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM jobs WHERE state = 'pending' ORDER BY id")]
