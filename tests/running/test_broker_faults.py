"""A broker that is away, or refuses to be written to, is named in a few words, within two seconds."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
import redis

from tests import servers
from worker import rings
from worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.servers

REFUSALS = {
    "full": (["CONFIG SET maxmemory 1"], "it is full"),
    "read-only": (["REPLICAOF 127.0.0.1 1"], "read-only replica"),
    "without rights": (["ACL SETUSER default -@write"], "lacks the right"),
    "locked": (["CONFIG SET requirepass other", "CLIENT KILL TYPE normal"], "refuses the password"),
}


@pytest.fixture
def broker() -> Iterator[servers.Server]:
    with servers.redis() as server:
        yield server


def find_fault(url: str) -> str | None:
    """Ask as a new process would."""
    app = rings.publisher(Settings(_env_file=None, broker_url=url))
    try:
        return rings.find_fault(app)
    finally:
        app.close()


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_broker_that_refuses_writes_is_named(broker: servers.Server, refusal: str) -> None:
    commands, why = REFUSALS[refusal]
    with redis.Redis.from_url(broker.url) as client:
        for command in commands:
            client.execute_command(*command.split())
    assert why in str(find_fault(broker.url))


def test_a_well_broker_keeps_nothing_of_the_question(broker: servers.Server) -> None:
    assert find_fault(broker.url) is None
    with redis.Redis.from_url(broker.url) as client:
        assert not client.exists(rings.PROBE)


def test_a_broker_that_is_away_is_named(broker: servers.Server) -> None:
    broker.kill()
    assert find_fault(broker.url) == "nothing listens at its address"


def test_a_broker_that_never_answers_is_named() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert find_fault(f"redis://127.0.0.1:{silent.getsockname()[1]}/0") == "it does not answer in time"


def test_the_fault_holds_neither_address_nor_secret() -> None:
    fault = str(find_fault("redis://user:s3cret-word@nosuch.invalid:6379/0"))
    assert fault == "its host is not known"
