"""The consumer takes messages that carry a known task's name and nothing else; it drops all others.

Messages can be forged by every process that can write to the broker. So a message may only ask for a look into the database: it
carries no arguments, no time limit that would kill a child in mid-turn, no date, and nothing to be called afterwards.
"""

import json
import logging
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

import celery
import structlog
from celery import signals
from celery.exceptions import InvalidTaskError
from celery.worker import consumer, request
from celery.worker.consumer.consumer import CONNECTION_ERROR, CONNECTION_RETRY
from celery.worker.state import maybe_shutdown
from kombu.transport import redis, virtual

from worker import logs, rings

log = structlog.get_logger(__name__)

outage = logs.Outage("the broker cannot be used; work goes on without it", "the broker can be used again")
"""The broker's outage, as this main process has met it. It is over when a message comes in time."""

_SHORTEST_WAIT, _LONGEST_WAIT = 1, 10
_STEADY = 60.0
"""Seconds for which a connection has to last, for the next one to be tried soon after its loss."""

_LONGEST_BODY = 1000
_LONGEST_HEADER = 255
# Raised by reading something of an unexpected shape; trouble with the connection is none of them.
_SHAPE_ERRORS = (AttributeError, LookupError, RecursionError, TypeError, ValueError)
_EMPTY_BODY: list[Any] = [[], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]


class Request(request.Request):  # type: ignore[misc]
    """A task asked for by a message, which carries nothing."""

    def __init__(self, message: Any, **options: Any) -> None:
        if options.get("decoded") or not carries_nothing(message):
            raise InvalidTaskError("it carries something")
        super().__init__(message, **options)


class Task(celery.Task):  # type: ignore[misc]
    """A task without arguments, result or retry, acknowledged before it is begun."""

    abstract = True
    Request = "worker.processes.consumer:Request"
    ignore_result = True
    acks_late = False
    max_retries = 0


def carries_nothing(message: Any) -> bool:
    """Whether the message is what `send_task(name)` makes: plain JSON without arguments, dates, limits or sequels."""
    headers = message.headers
    return (
        isinstance(headers.get("id"), str)
        and message.content_type == "application/json"
        and len(message.body) <= _LONGEST_BODY
        and json.loads(message.body) == _EMPTY_BODY
        and headers.get("eta") is None
        and not any(headers.get("timelimit") or ())
        and not any(headers.get(name) for name in ("shadow", "stamps", "stamped_headers", "replaced_task_nesting"))
        and headers.get("argsrepr") in {None, "()"}
        and headers.get("kwargsrepr") in {None, "{}"}
        and all(len(str(value)) <= _LONGEST_HEADER for value in headers.values())
    )


class Consumer(consumer.Consumer):  # type: ignore[misc]
    """Celery's consumer, which no message and no answer of the broker can bring down."""

    _connected_at = float("-inf")
    _wait = _SHORTEST_WAIT

    def connect(self) -> Any:
        """Connect, however long it takes, and take note of when."""
        connection = super().connect()
        self._connected_at = monotonic()
        return connection

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Let the connection go, and wait: a broker that refuses writes takes each new connection at once."""
        super().on_connection_error_after_connected(exc)
        steady = monotonic() - self._connected_at > _STEADY
        self._wait = _SHORTEST_WAIT if steady else min(2 * self._wait, _LONGEST_WAIT)
        for _ in range(self._wait):
            maybe_shutdown()
            sleep(1)

    def create_task_handler(self, *args: Any, **options: Any) -> Callable[[Any], None]:
        """Wrap Celery's handler: a message that makes it raise is dropped, and the next one is taken."""
        handle = super().create_task_handler(*args, **options)

        def on_message(message: Any) -> None:
            try:
                handle(message)
            except _SHAPE_ERRORS as error:
                self._drop(message, type(error).__name__)

        return on_message

    def on_unknown_message(self, body: Any, message: Any) -> None:
        """Drop a message that asks for no task."""
        del body
        self._drop(message, "it is no task message")

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Drop a message for a task that does not exist."""
        del body, exc
        self._drop(message, "no such task")

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Drop a message that carries anything."""
        del body
        self._drop(message, str(exc) if isinstance(exc, InvalidTaskError) else type(exc).__name__)

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Drop a message that cannot be decoded, or would have to be unpickled."""
        self._drop(message, type(exc).__name__)

    def _drop(self, message: Any, why: str) -> None:
        log.warning("a message was dropped", why=why)
        message.reject_log_error(log, self.connection_errors)


def _note_outage(record: logging.LogRecord) -> bool:
    """Leave out Celery's line about each try to connect; the outage is logged once."""
    if record.msg == CONNECTION_ERROR and isinstance(record.args, tuple):
        outage.note(rings.describe_fault(record.args[1]))  # type: ignore[arg-type]
        return False
    if isinstance(record.args, tuple) and record.args[:1] == (CONNECTION_RETRY,):
        outage.note(rings.describe_fault(record.args[1]))  # type: ignore[arg-type]
        return False
    return not str(record.msg).startswith("Frequent restarts detected")


# Celery has no other place at which its lines about the connection could be replaced.
logging.getLogger("celery.worker.consumer.consumer").addFilter(_note_outage)


class NoMessage(Exception):  # noqa: N818 (a fact)
    """An entry of the queue has not the shape of a message."""


class Message(virtual.Message):
    """kombu's message, which raises `NoMessage` for every unexpected shape."""

    def __init__(self, payload: Any, channel: Any = None, **options: Any) -> None:
        try:
            super().__init__(payload, channel=channel, **options)  # type: ignore[no-untyped-call]
        except _SHAPE_ERRORS as error:
            raise NoMessage from error


class QoS(redis.QoS):
    """kombu's record of the messages that have been taken and not been begun."""

    def restore_unacked(self, client: Any = None) -> None:
        """Put the messages back into the queue, if there is still a way to the broker.

        A lost connection is closed twice, and the second time it has no address any more: kombu ends the worker by an
        error then. Messages that are not put back come again by kombu's own rule, an hour later, and are stale.
        """
        if self.channel.connection.client is None:
            self._delivered.clear()
        else:
            super().restore_unacked(client)  # type: ignore[no-untyped-call]


class Channel(redis.Channel):
    """kombu's channel to Redis, which drops messages that it cannot read.

    kombu takes every entry of a list for JSON of its own shape, and lets the error out if it is not: without this, one
    stray push to the list would end the worker.
    """

    Message = Message
    QoS = QoS

    def _brpop_read(self, **options: Any) -> Any:
        return _read_or_drop(lambda: super(Channel, self)._brpop_read(**options))  # type: ignore[no-untyped-call]

    def _receive_one(self, c: Any) -> Any:
        return _read_or_drop(lambda: super(Channel, self)._receive_one(c))  # type: ignore[no-untyped-call]


def _read_or_drop(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (NoMessage, json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        log.warning("a message was dropped", why=type(error).__name__)
        return True


@signals.worker_init.connect
def _install_channel(**_: Any) -> None:
    # kombu has no setting for it.
    redis.Transport.Channel = Channel
