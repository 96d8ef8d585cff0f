"""procrastinate on PostgreSQL: a job per row, in processes that run several at once, each in a thread."""

# The peers live in an environment of their own, which the type checker does not see.
# mypy: disable-error-code="import-not-found, untyped-decorator"

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import procrastinate

from bench.peers import job

CONCURRENCY = 8

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=job.URL))


@app.task(name="send")
def send(job_id: int) -> None:
    """Send one row."""
    job.do_job(job_id)


async def work() -> None:
    """Work until ended."""
    # A synchronous task runs in the loop's own threads, which are fewer than the jobs at once on a small machine.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(CONCURRENCY))
    async with app.open_async():
        await app.run_worker_async(concurrency=CONCURRENCY, delete_jobs="always", wait=True)


def enqueue(ids: list[int]) -> None:
    """A job per row, in batches."""

    async def defer() -> None:
        async with app.open_async():
            if not await app.check_connection_async():
                await app.schema_manager.apply_schema_async()
            await send.batch_defer_async(*({"job_id": job_id} for job_id in ids))

    asyncio.run(defer())


def main(processes: int) -> None:
    """Work until ended, in so many processes."""
    for _ in range(processes):
        multiprocessing.get_context("fork").Process(target=lambda: asyncio.run(work())).start()
    signal.pause()


if __name__ == "__main__":
    main(int(sys.argv[1]))
