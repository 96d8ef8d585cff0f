"""The usual Celery app: a task per row, which selects it with the ORM, posts it and updates it."""

# The peers live in an environment of their own, which the type checker does not see.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import requests
from celery import Celery
from celery.signals import worker_process_init
from sqlalchemy import create_engine
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import DateTime

app = Celery("usual", broker=os.environ["BROKER_URL"])
app.conf.task_ignore_result = True
app.conf.broker_transport_options = {"global_keyprefix": "usual:"}
engine = create_engine(os.environ["JOBS_URL"].replace("postgresql://", "postgresql+psycopg://"), pool_size=50)


class Base(DeclarativeBase):
    """The declarative base."""


class Job(Base):
    """A row to be sent."""

    __tablename__ = "jobs"

    id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str]
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[str]
    attempt: Mapped[int]
    remote_id: Mapped[str | None]
    error: Mapped[str | None]
    finalized_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


@worker_process_init.connect
def after_fork(**_: Any) -> None:
    """A connection belongs to one process."""
    engine.dispose(close=False)


@app.task(bind=True, max_retries=5)
def send(self: Any, job_id: int) -> None:
    """Send one row."""
    with Session(engine) as session:
        job = session.get(Job, job_id)
        if job is None or job.state == "succeeded":
            return
        job.attempt += 1
        try:
            url = f"{os.environ['VITEC_BASE_URL']}/{job.path}"
            answer = requests.post(url, json=job.body, auth=("bench", "bench-1"), timeout=30)
            answer.raise_for_status()
        except requests.RequestException as error:
            job.error = type(error).__name__
            session.commit()
            raise self.retry(exc=error, countdown=30) from error
        job.state, job.remote_id, job.finalized_at = "succeeded", answer.json(), datetime.now(UTC)
        session.commit()


def enqueue(ids: list[int]) -> None:
    """A message per row."""
    with app.producer_or_acquire() as producer:
        for job_id in ids:
            send.apply_async((job_id,), producer=producer)
