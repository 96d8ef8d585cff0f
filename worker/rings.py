"""A ring asks any worker to serve the lane of a kind that has waited longest. It carries nothing and may be lost."""

import socket
import ssl
from collections.abc import Iterable
from typing import Any

from celery import Celery
from kombu.entity import Queue
from redis import exceptions as redis_errors

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

QUEUES = (QUEUE, CHORES)
"""The queues that a worker takes from."""

DISPATCH = "outbox.dispatch"
"""The chore that rings for every kind that has due lanes."""

PROBE = f"{QUEUE}.probe"
"""The queue that tells whether the broker takes messages; it is empty, and nothing hears it."""


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
        "task_queues": [Queue(name) for name in QUEUES],
        "task_routes": {name: {"queue": CHORES} for name in ("outbox.*", "results.*", "feeds.*")},
        "task_create_missing_queues": False,
        "task_serializer": "json",
        "event_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        # An outage may take as long as it likes; Celery's own hundred tries end the process after 47 minutes.
        "broker_connection_max_retries": None,
        "broker_connection_retry_on_startup": True,
        # A broker that refuses writes answers with an error that Celery takes for a fault of its own otherwise.
        "broker_channel_error_retry": True,
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


class BrokerAway(Exception):  # noqa: N818 (a fact)
    """The broker has not taken a ring. The text says why, without an address or a secret."""


def ring_or_raise(app: Celery, kinds: Iterable[str]) -> None:
    """Ring as `ring` does; of the errors of the broker's library make one, `BrokerAway`."""
    try:
        ring(app, kinds)
    except Exception as error:
        raise BrokerAway(describe_fault(error)) from error


def ask_for_dispatch(app: Celery) -> None:
    """Ask for the chore of dispatching, as beat does, as long as fewer than `WAITING_AT_MOST` wait; errors as `ring`'s."""
    with app.producer_or_acquire() as producer:
        if count_waiting(producer, CHORES) < WAITING_AT_MOST:
            app.send_task(DISPATCH, producer=producer, expires=EXPIRES, ignore_result=True, retry=False)


def count_waiting(producer: Any, queue: str) -> int:
    """Count the messages in the queue."""
    return int(Queue(queue, channel=producer.channel).queue_declare().message_count)


_FAULTS: tuple[tuple[type[Exception], str, str], ...] = (
    (redis_errors.OutOfMemoryError, "", "it is full, and set to refuse writes (maxmemory, noeviction)"),
    (redis_errors.ReadOnlyError, "", "it is a read-only replica, and refuses writes"),
    (redis_errors.NoPermissionError, "", "its user lacks the right to write"),
    (redis_errors.AuthenticationError, "", "it refuses the password or the user in BROKER_URL"),
    (redis_errors.AuthenticationWrongNumberOfArgsError, "", "it refuses the password or the user in BROKER_URL"),
    (redis_errors.BusyLoadingError, "", "it is still loading its data"),
    (redis_errors.MaxConnectionsError, "", "it takes no more connections"),
    (redis_errors.ResponseError, "MISCONF", "it refuses writes, since it cannot save to its disk (MISCONF)"),
    (redis_errors.ResponseError, "", "it refuses writes"),
    (redis_errors.ConnectionError, "max number of clients", "it takes no more connections"),
    (redis_errors.TimeoutError, "", "it does not answer in time"),
    (TimeoutError, "", "it does not answer in time"),
    (socket.gaierror, "", "its host is not known"),
    (ssl.SSLCertVerificationError, "", "its certificate is not accepted"),
    (ssl.SSLError, "", "TLS fails (does the port speak TLS?)"),
    (ConnectionRefusedError, "", "nothing listens at its address"),
    (redis_errors.ConnectionError, "", "no connection can be made, or it was cut"),
    (OSError, "", "no connection can be made, or it was cut"),
)


def describe_fault(error: BaseException) -> str:
    """Say in a few words what is wrong with the broker: of the error's own text, which may hold an address, nothing."""
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    for kind, word, description in _FAULTS:
        if any(isinstance(cause, kind) and word.lower() in str(cause).lower() for cause in causes):
            return description
    return f"it cannot be used ({type(error).__name__})"


def find_fault(app: Celery) -> str | None:
    """Ask the broker, through a publisher, whether it would take a ring: None, or what is wrong with it. Within 2 s.

    Only a write tells, so a message is put into a queue that is never heard, and taken away. The text has no address
    and no secret.
    """
    try:
        with app.producer_or_acquire() as producer:
            producer.publish("", exchange="", routing_key=PROBE)
            producer.channel.queue_purge(PROBE)
    except Exception as error:  # noqa: BLE001 (of any class, from the broker's library)
        return describe_fault(error)
    return None
