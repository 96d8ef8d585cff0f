"""A second answer behind each, over real sockets: no row keeps another's id in silence (guards of rule 28)."""

from __future__ import annotations

import re
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from models import Operation, State
from tests.delivery.steps import make_due, serve_turn
from tests.vitec.conftest import LOGIN
from tests.vitec.server import Connection, Server, http
from worker.vitec.client import Client
from worker.vitec.credentials import Credentials

if TYPE_CHECKING:
    from worker.outbox import Database
    from worker.settings import Settings

ROWS = 300


@pytest.mark.parametrize("milliseconds", [0, 1, 5, 20, 100])
def test_no_row_keeps_anothers_id_in_silence(db: Database, settings: Settings, milliseconds: int) -> None:
    timers: list[threading.Timer] = []

    def script(connection: Connection) -> None:
        while True:
            operation = re.search(rb"X-Request-Id: (\d+)\.", server.receive(connection))
            assert operation
            own, surplus = (http("200 OK", b'"%s%s"' % (name, operation[1])) for name in (b"OWN", b"SURPLUS"))
            if milliseconds:
                connection.send(own)
                timers.append(threading.Timer(milliseconds / 1000, connection.send, [surplus]))
                timers[-1].start()
            else:
                connection.send(own + surplus)

    make_due(db, ROWS)
    with Server(script) as server, closing(Client(server.url, Credentials(LOGIN))) as client:
        serve_turn(db, client, settings)  # type: ignore[arg-type]
        for timer in timers:
            timer.join()
    with db.read() as connection:
        rows = connection.execute(select(Operation.__table__)).all()
    flagged = [row for row in rows if row.needs_person or row.state is State.IN_DOUBT]
    silent = [row for row in rows if row not in flagged and row.remote_id != f"OWN{row.id}"]
    assert silent == []
    assert len(flagged) < ROWS / 2
    assert len(server.requests) == ROWS
