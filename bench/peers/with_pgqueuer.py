"""pgqueuer on PostgreSQL: a job per row, taken in batches, with threads for the POST."""

# The peers live in an environment of their own, which the type checker does not see.
# mypy: disable-error-code="import-not-found, untyped-decorator"

from __future__ import annotations

import asyncio
import sys

import psycopg
from pgqueuer import PgQueuer
from pgqueuer.db import PsycopgDriver
from pgqueuer.models import Job  # noqa: TC002 (pgqueuer reads the annotation)
from pgqueuer.queries import Queries

from bench.peers import job


async def main(batch: int) -> None:
    """Work until ended."""
    connection = await psycopg.AsyncConnection.connect(job.URL, autocommit=True)
    queuer = PgQueuer(PsycopgDriver(connection))

    @queuer.entrypoint("send")
    async def send(found: Job) -> None:
        assert found.payload is not None
        await asyncio.to_thread(job.do, int(found.payload))

    await queuer.run(batch_size=batch)


def enqueue(ids: list[int]) -> None:
    """A job per row, in one statement."""

    async def put() -> None:
        connection = await psycopg.AsyncConnection.connect(job.URL, autocommit=True)
        queries = Queries(PsycopgDriver(connection))
        if not await queries.has_table("pgqueuer"):
            await queries.install()
        await queries.enqueue(["send"] * len(ids), [str(n).encode() for n in ids], [0] * len(ids))

    asyncio.run(put())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
