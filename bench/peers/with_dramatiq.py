"""dramatiq on Redis: an actor called once per row, in processes with threads."""

# The peers live in an environment of their own, which the type checker does not see.
# mypy: disable-error-code="import-not-found, untyped-decorator"

from __future__ import annotations

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench.peers import job

broker = RedisBroker(url=job.BROKER)
dramatiq.set_broker(broker)


@dramatiq.actor
def send(job_id: int) -> None:
    """Send one row."""
    job.do_job(job_id)


def enqueue(ids: list[int]) -> None:
    """A message per row."""
    for job_id in ids:
        send.send(job_id)
