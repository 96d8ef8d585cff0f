"""pgqueuer on PostgreSQL: a job per row, taken in batches, in processes with threads for the POST."""

# The peers live in an environment of their own, which the type checker does not see.
# mypy: disable-error-code="import-not-found, untyped-decorator"

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
from pgqueuer import PgQueuer
from pgqueuer.db import PsycopgDriver
from pgqueuer.models import Job  # noqa: TC002 (pgqueuer reads the annotation)
from pgqueuer.queries import Queries

from bench.peers import job

BATCH, THREADS = 50, 8

HEARTBEAT = timedelta(minutes=5)
"""It takes on all that waits at once, and what shows no life for so long again: a slow machine must not double."""


async def work() -> None:
    """Work until ended."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    connection = await psycopg.AsyncConnection.connect(job.URL, autocommit=True)
    queuer = PgQueuer(PsycopgDriver(connection))

    @queuer.entrypoint("send")
    async def send(queued: Job) -> None:
        assert queued.payload is not None
        await asyncio.to_thread(job.do_job, int(queued.payload))

    await queuer.run(batch_size=BATCH, heartbeat_timeout=HEARTBEAT)


def enqueue(ids: list[int]) -> None:
    """A job per row, in one statement."""

    async def put() -> None:
        connection = await psycopg.AsyncConnection.connect(job.URL, autocommit=True)
        queries = Queries(PsycopgDriver(connection))
        if not await queries.has_table("pgqueuer"):
            await queries.install()
        # A worker that was killed leaves jobs that it has done but not yet written off.
        await queries.clear_queue()
        await queries.enqueue(["send"] * len(ids), [str(n).encode() for n in ids], [0] * len(ids))

    asyncio.run(put())


def main(processes: int) -> None:
    """Work until ended, in so many processes."""
    for _ in range(processes):
        multiprocessing.get_context("fork").Process(target=lambda: asyncio.run(work())).start()
    signal.pause()


if __name__ == "__main__":
    main(int(sys.argv[1]))
