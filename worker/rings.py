"""A ring asks any worker to serve the lane of a kind that has waited longest. It carries nothing and may be lost."""

from collections.abc import Iterable
from typing import Any

from celery import Celery
from kombu.entity import Queue

from worker.settings import Settings

EXPIRES = 10.0
"""Seconds after which a ring need not be answered any more: by then the next dispatch has rung again."""

WAITING_AT_MOST = 100
"""Messages that may wait in one queue. An expired one stays until a worker takes it.

Without a bound a night without a worker leaves hundreds of thousands; and where they come faster than workers throw them
away, each has expired before it is taken.
"""

QUEUE = "vitec-sync"

CHORES = f"{QUEUE}.chores"
"""The queue of chores. It is not that of rings, so that a chore never waits behind them: a worker takes from both in turn."""


def task_name(kind: str) -> str:
    """Name the task that a ring of this kind asks for."""
    return f"deliver.{kind}"


def configuration(settings: Settings) -> dict[str, Any]:
    """Configure what a publisher and a worker must agree on, with a bound on every wait for the broker."""
    return {
        "broker_url": settings.broker_url.get_secret_value(),
        "broker_transport_options": {
            # A dead link would otherwise hold up a publisher for as long as the kernel likes; and a worker that is to
            # stop waits, twice, for the answer to its last question, which Redis owes it within 1 s.
            "socket_timeout": 5,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 25,
        },
        "task_default_queue": QUEUE,
        "task_queues": [Queue(QUEUE), Queue(CHORES)],
        "task_routes": {"outbox.*": {"queue": CHORES}},
        "task_create_missing_queues": False,
        "task_serializer": "json",
        "event_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        # With it, Flower would show one more "worker" for each process that ever rang.
        "task_send_sent_event": False,
        "enable_utc": True,
        "timezone": "UTC",
    }


def publisher(settings: Settings) -> Celery:
    """Make an app that only rings, for processes that take no tasks. One call waits for the broker less than 2 s in all."""
    app = Celery("vitec-sync", set_as_current=False, broker=settings.broker_url.get_secret_value())
    app.conf.update(configuration(settings))
    app.conf.update(
        broker_transport_options={
            "socket_timeout": 0.8,
            "socket_connect_timeout": 0.8,
            "max_retries": 0,
            "interval_start": 0,
            "interval_step": 0,
            "connect_retries_timeout": 0.8,
        },
        broker_connection_timeout=0.8,
    )
    return app


def ring(app: Celery, kinds: Iterable[str]) -> None:
    """Publish one ring for each of `kinds`, as long as fewer than `WAITING_AT_MOST` wait.

    Raises the errors of the broker's library; nothing is tried twice.
    """
    to_ring = list(kinds)
    if not to_ring:
        return
    with app.producer_or_acquire() as producer:
        for kind in to_ring[: max(0, WAITING_AT_MOST - count_waiting(producer, QUEUE))]:
            app.send_task(task_name(kind), producer=producer, expires=EXPIRES, ignore_result=True, retry=False)


def count_waiting(producer: Any, queue: str) -> int:
    """Count the messages in the queue."""
    return int(Queue(queue, channel=producer.channel).queue_declare().message_count)
