"""A commit that reports an error may have happened: nothing is lost, doubled or left in flight either way."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, select

from models import Attempt, Event, State
from tests import factory
from tests.delivery.steps import count_states, make_due, serve_turn
from tests.delivery.wire import Wire
from tests.outbox import proxy
from tests.outbox.proxy import Cut
from worker.outbox import Database, connect
from worker.settings import Settings


@pytest.fixture
def wire_to_database(pg_url: str) -> Iterator[proxy.Wire]:
    with proxy.wire(pg_url) as made:
        yield made


@pytest.fixture
def cut_db(pg_db: Database, wire_to_database: proxy.Wire) -> Iterator[Database]:
    """The outbox, over a wire that can be cut."""
    db = replace(pg_db, engine=connect(wire_to_database.url))
    yield db
    db.engine.dispose()


def sent(db: Database) -> Counter[Any]:
    with db.read() as connection:
        return Counter(connection.scalars(select(Attempt.code).where(Attempt.event == Event.SENT)))


@pytest.mark.parametrize("cut", list(Cut))
def test_a_settlement_whose_commit_is_cut_is_written_once(
    cut_db: Database, wire_to_database: proxy.Wire, settings: Settings, cut: Cut
) -> None:
    make_due(cut_db, 5)
    client = Wire()
    wire_to_database.arm(cut, b"INSERT INTO attempts")
    serve_turn(cut_db, client, settings)
    assert wire_to_database.cuts == 1
    assert count_states(cut_db) == {State.SUCCEEDED: 5}
    assert len(client.calls) == len(set(client.request_ids)) == 5
    assert sent(cut_db) == {None: 5}
    with cut_db.read() as connection:
        assert [row.needs_person for row in _rows(connection)] == [False] * 5


@pytest.mark.parametrize("cut", list(Cut))
def test_a_claim_whose_commit_is_cut_sends_only_its_own(
    cut_db: Database, wire_to_database: proxy.Wire, settings: Settings, cut: Cut
) -> None:
    make_due(cut_db, 3)
    client = Wire()
    wire_to_database.arm(cut, b"UPDATE operations SET state=")
    serve_turn(cut_db, client, settings)
    assert wire_to_database.cuts == 1
    assert State.IN_FLIGHT not in count_states(cut_db)
    if cut is Cut.APPLIED:
        assert client.calls == []
        assert sent(cut_db) == {"revoked": 3}
    else:
        assert count_states(cut_db) == {State.SUCCEEDED: 3}
        assert sorted(client.request_ids) == sorted(set(client.request_ids))
    with cut_db.read() as connection:
        assert [row.failures for row in _rows(connection)] == [0, 0, 0]


@pytest.mark.parametrize("after", ["INSERT INTO attempts", "UPDATE operations SET state="])
def test_a_backend_that_is_terminated_before_the_commit_loses_nothing(
    pg_db: Database, pg_url: str, settings: Settings, after: str
) -> None:
    make_due(pg_db, 5)
    statements: list[str] = []
    killed: list[int] = []

    @event.listens_for(pg_db.engine, "before_cursor_execute")
    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    @event.listens_for(pg_db.engine, "commit")
    def terminate(connection: Any) -> None:
        if not killed and any(statement.startswith(after) for statement in statements):
            killed.append(connection.connection.dbapi_connection.info.backend_pid)
            with psycopg.connect(pg_url.replace("+psycopg", ""), autocommit=True) as second:
                second.execute("SELECT pg_terminate_backend(%s, 10000)", killed)
        statements.clear()

    client = Wire()
    serve_turn(pg_db, client, settings)
    assert len(killed) == 1
    assert count_states(pg_db) == {State.SUCCEEDED: 5}
    assert len(client.calls) == len(set(client.request_ids)) == 5
    assert sent(pg_db) == {None: 5}


def _rows(connection: Any) -> list[Any]:
    return [factory.operation(connection, id_) for id_ in connection.scalars(select(Attempt.operation_id).distinct())]
