"""procrastinate on PostgreSQL: a job per row, its content in the job, asynchronous workers with threads for the POST."""

# The peers live in an environment of their own, which the type checker does not see.
# mypy: disable-error-code="import-not-found, untyped-decorator"

from __future__ import annotations

import asyncio
import sys

import procrastinate

from bench.peers import job

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=job.URL))


@app.task(name="send")
def send(job_id: int) -> None:
    """Send one row."""
    job.do(job_id)


async def main(concurrency: int) -> None:
    """Work until ended."""
    async with app.open_async():
        await app.run_worker_async(concurrency=concurrency, delete_jobs="always", wait=True)


def enqueue(ids: list[int]) -> None:
    """A job per row, in batches."""

    async def defer() -> None:
        async with app.open_async():
            manager = app.schema_manager
            await manager.apply_schema_async()
            await send.batch_defer_async(*({"job_id": job_id} for job_id in ids))

    asyncio.run(defer())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
