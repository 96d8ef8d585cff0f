"""huey on Redis: a task per row, in threads."""

# The peers live in an environment of their own, which the type checker does not see.
# mypy: disable-error-code="import-not-found, untyped-decorator"

from __future__ import annotations

from huey import RedisHuey

from bench.peers import job

huey = RedisHuey("bench", url=job.BROKER, results=False)


@huey.task()
def send(job_id: int) -> None:
    """Send one row."""
    job.do_job(job_id)


def enqueue(ids: list[int]) -> None:
    """A message per row."""
    for job_id in ids:
        send(job_id)
