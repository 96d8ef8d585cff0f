"""rq on Redis: a job per row, in workers that do not fork for each (rq's own `SimpleWorker`)."""

# The peers live in an environment of their own, which the type checker does not see.
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import multiprocessing
import signal
import sys

from redis import Redis
from rq import Queue, SimpleWorker

from bench.peers import job

queue = Queue("bench", connection=Redis.from_url(job.BROKER))


def enqueue(ids: list[int]) -> None:
    """A message per row."""
    prepared = [Queue.prepare_data(job.do_job, args=(job_id,), result_ttl=0) for job_id in ids]
    queue.enqueue_many(prepared)


def main(processes: int) -> None:
    """Work until ended, in so many processes."""
    for _ in range(processes):
        multiprocessing.get_context("fork").Process(target=_work).start()
    signal.pause()


def _work() -> None:
    connection = Redis.from_url(job.BROKER)
    SimpleWorker([Queue("bench", connection=connection)], connection=connection).work(logging_level="ERROR")


if __name__ == "__main__":
    main(int(sys.argv[1]))
