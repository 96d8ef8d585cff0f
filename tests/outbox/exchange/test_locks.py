"""The exchange beside other transactions, on PostgreSQL: its locks, their order, and the reads under them."""

import re
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, select, text, update

from models import Environment, Lane, State
from tests.clock import FixedClock
from tests.outbox.gates import COMMIT, Actor
from tests.outbox.steps import DOUBT, SUCCESS, TERMS, begin, claim, done, make, read
from worker.outbox import Database, connect
from worker.outbox.exchange.exchange import ExchangeResult, exchange
from worker.outbox.lanes import environments, turns


@pytest.fixture
def statements(pg_db: Database) -> list[str]:
    """The statements sent to the database, each in one line."""
    executed: list[str] = []

    @event.listens_for(pg_db.engine, "before_cursor_execute")
    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        executed.append(" ".join(statement.split()))

    return executed


def test_locks_are_taken_in_one_order_environment_lane_operations(pg_db: Database, statements: list[str]) -> None:
    make(pg_db), make(pg_db)
    turn = begin(pg_db)
    with pg_db.write() as connection:
        # Otherwise the first answer writes into the environment's row, which is locked already.
        environments.bind(connection)
    (claimed,) = claim(pg_db, turn, want=1).claimed
    statements.clear()
    exchange(pg_db, turn, [done(claimed, SUCCESS)], 5, TERMS)
    locking = [
        statement for statement in statements if "FOR NO KEY UPDATE" in statement or statement.startswith("UPDATE")
    ]
    named = [
        re.search(r"^UPDATE ([a-z]+)|UPDATE OF ([a-z, ]+)|FROM ([a-z]+)(?!.*UPDATE OF)", statement)
        for statement in locking
    ]
    tables = [name for match in named if match for name in str(match[match.lastindex or 0]).strip().split(", ")]
    assert all(named)
    assert tables == sorted(tables, key=["environments", "lanes", "operations"].index)
    assert {"environments", "lanes", "operations"} <= set(tables)
    assert "FOR UPDATE" not in " ".join(statements)


def test_an_exchange_waiting_for_the_environment_holds_no_lane(pg_db: Database, pg_url: str, clock: FixedClock) -> None:
    """Otherwise two who wait for each other's lock would wait in a circle."""
    make(pg_db)
    turn = begin(pg_db)
    waiting = Actor(pg_url, lambda actor: claim(actor.db, turn), clock)
    with pg_db.write() as connection:
        connection.execute(update(Environment).values(failures_in_row=0))
        assert waiting.go_on() == "blocked"
        connection.execute(text("SET LOCAL lock_timeout = '500ms'"))
        connection.execute(update(Lane).values(worker="me"))
    assert len(waiting.finish().claimed) == 1


def test_two_exchanges_at_once_share_the_environments_limit(pg_db: Database, pg_url: str, clock: FixedClock) -> None:
    """The second counts only when the first has committed its claim."""
    for customer in ("M1", "M2"):
        for _ in range(4):
            make(pg_db, customer_id=customer)
    earlier = begin(pg_db)
    first = Actor(pg_url, lambda actor: claim(actor.db, earlier), clock, lambda point: point == COMMIT)
    assert first.go_on() == COMMIT
    later = turns.take_turn(pg_db, "comeback", lease=45, worker="there:2")
    assert later is not None
    second = Actor(pg_url, lambda actor: claim(actor.db, later), clock)
    assert second.go_on() == "blocked"
    assert len(first.finish().claimed) == 4
    assert len(second.finish().claimed) == 1


def test_a_lease_that_ended_while_the_exchange_waited_claims_nothing(pg_db: Database, pg_url: str) -> None:
    """The lease is compared with the clock as it is when the lock has come, not when the transaction began."""
    id_ = make(pg_db)
    turn = begin(pg_db)
    slow = Actor(pg_url, lambda actor: claim(actor.db, turn), None)
    real_time = Database(connect(pg_url))
    with real_time.write() as connection:
        ends = "UPDATE lanes SET lease_until = clock_timestamp() + interval '400 ms'"
        connection.execute(text(ends))
    with real_time.write() as connection:
        connection.execute(text("SELECT 1 FROM lanes FOR NO KEY UPDATE"))
        assert slow.go_on() == "blocked"
        while not connection.scalar(text("SELECT lease_until < clock_timestamp() FROM lanes")):
            pass
    real_time.engine.dispose()
    assert slow.finish() == ExchangeResult(owns_lane=False, moved={})
    assert read(pg_db, id_).state is State.PENDING


def test_failures_counted_by_another_turn_are_added_to(pg_db: Database, pg_url: str, clock: FixedClock) -> None:
    make(pg_db)
    turn = begin(pg_db)
    (claimed,) = claim(pg_db, turn, want=1).claimed
    slow = Actor(pg_url, lambda actor: exchange(actor.db, turn, [done(claimed, DOUBT)], 0, TERMS), clock)
    with pg_db.write() as connection:
        connection.execute(update(Environment).values(failures_in_row=1))
        assert slow.go_on() == "blocked"
    slow.finish()
    with pg_db.read() as connection:
        assert connection.scalars(select(Environment.failures_in_row)).one() == 2


@pytest.mark.parametrize("held", ["environments", "lanes"])
def test_a_lane_lost_while_waiting_is_not_claimed_from(
    pg_db: Database, pg_url: str, clock: FixedClock, held: str
) -> None:
    """The lane's token is read from the row once it has been locked."""
    id_ = make(pg_db)
    turn = begin(pg_db)
    slow = Actor(pg_url, lambda actor: claim(actor.db, turn), clock)
    with pg_db.write() as connection:
        connection.execute(text(f"SELECT 1 FROM {held} FOR NO KEY UPDATE"))
        assert slow.go_on() == "blocked"
        connection.execute(update(Lane).values(token=Lane.token + 1))
    assert slow.finish() == ExchangeResult(owns_lane=False, moved={})
    assert read(pg_db, id_).state is State.PENDING


def test_a_claim_picks_its_rows_once_before_changing_them(pg_db: Database, statements: list[str]) -> None:
    """As a subquery with a limit another plan may run it once per row, and claim without any limit."""
    make(pg_db)
    turn = begin(pg_db)
    statements.clear()
    claim(pg_db, turn)
    (claim_statement,) = [statement for statement in statements if "UPDATE operations SET state" in statement]
    picked, claiming = claim_statement.split("UPDATE operations", 1)
    assert "AS MATERIALIZED (SELECT" in picked
    assert "FOR NO KEY UPDATE OF operations SKIP LOCKED" in picked
    # Between picking and claiming it may have run out.
    assert "expires_at >" in claiming


def test_a_claim_skips_rows_locked_by_another_transaction(pg_db: Database, pg_url: str) -> None:
    """A person, or an import that brings new content, may be at it: the lane goes on without it."""
    busy, free = make(pg_db), make(pg_db)
    turn = begin(pg_db)
    plain = pg_url.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(plain) as connection:
        connection.execute("UPDATE operations SET line = 1 WHERE id = %s", [busy])
        assert [operation.id for operation in claim(pg_db, turn).claimed] == [free]
    assert [operation.id for operation in claim(pg_db, turn).claimed] == [busy]


def test_a_settlement_and_a_claim_are_one_transaction(pg_db: Database) -> None:
    make(pg_db), make(pg_db)
    turn = begin(pg_db)
    (claimed,) = claim(pg_db, turn, want=1).claimed
    commits: list[str] = []
    event.listen(pg_db.engine, "commit", lambda connection: commits.append(COMMIT))
    result = exchange(pg_db, turn, [done(claimed, SUCCESS)], 5, TERMS)
    assert len(result.moved) == 1
    assert len(result.claimed) == 1
    assert commits == [COMMIT]
