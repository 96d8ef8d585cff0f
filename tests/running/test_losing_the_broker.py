"""The connection to the broker breaks while messages have been taken and not been begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from kombu.connection import Connection
from kombu.entity import Queue
from kombu.transport import redis as transport

from tests import servers
from worker.processes.consumer import Channel

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.servers


class Transport(transport.Transport):
    Channel = Channel


@pytest.fixture
def broker() -> Iterator[servers.Server]:
    with servers.redis() as server:
        yield server


def taken(broker: servers.Server) -> Connection:
    """A connection that has taken two messages, one on a channel of its own, and is asking for more."""
    connection = Connection(broker.url, transport=Transport)
    heard: list[object] = []
    for number, channel in enumerate((connection.default_channel, connection.channel())):
        queue = Queue(f"queue_{number}", routing_key=f"queue_{number}", channel=channel)
        queue.declare()
        connection.Producer().publish("ring", routing_key=queue.name)
        connection.Consumer([queue], channel=channel, on_message=heard.append).consume()
    while len(heard) < 2:
        connection.drain_events(timeout=10)
    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=0.1)
    return connection


def test_a_lost_connection_is_closed_without_an_error(broker: servers.Server) -> None:
    connection = taken(broker)
    broker.kill()
    # Both, as Celery's consumer does it; the second is the one that would end the worker.
    connection.collect()
    connection.close()
    assert not connection.connected


def test_unserved_rings_are_put_back_on_a_live_connection(broker: servers.Server) -> None:
    connection = taken(broker)
    connection.close()
    again = Connection(broker.url)
    assert [again.default_channel.queue_declare(f"queue_{number}").message_count for number in (0, 1)] == [1, 1]
    again.close()
