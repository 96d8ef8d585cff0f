"""`vitec-sync environment` shows the address, and gives the database another one only while nothing has been sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from models import State
from tests import factory
from worker.outbox.lanes import environments

if TYPE_CHECKING:
    from tests.cli.conftest import Shell


def test_another_address_is_taken_while_nothing_was_sent(shell: Shell) -> None:
    ran = shell.run("environment", "--rebind", "HTTPS://Connect.Example:443/", "--json")
    shown = json.loads(ran.out)
    assert shown["base_url"] == "https://connect.example"
    assert shown["bound_at"] is None


def test_the_address_stays_once_something_may_be_sent(shell: Shell) -> None:
    environments.register(shell.db, factory.BASE_URL)
    with shell.db.write() as connection:
        factory.make_operation(connection, State.IN_FLIGHT)
    ran = shell.run("environment", "--rebind", "https://other.example")
    assert ran.status == 1
    assert f"stays with {factory.BASE_URL}" in ran.err


def test_a_slip_is_refused_before_it_is_recorded(shell: Shell) -> None:
    environments.register(shell.db, factory.BASE_URL)
    for slip in ("https:host", "https//host", "http://office.example", "https://a:b@host"):
        ran = shell.run("environment", "--rebind", slip)
        assert ran.status == 1
        assert "cannot be the address of Vitec" in ran.err
    assert json.loads(shell.run("environment", "--json").out)["base_url"] == factory.BASE_URL
