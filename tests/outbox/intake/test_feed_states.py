"""One run at a time has a feed; an older run's end is not written."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from models import Feed
from worker.outbox.intake import feed_states
from worker.outbox.intake.feed_files import FileCounts
from worker.outbox.intake.feed_states import FeedClaim, FeedMemory, FeedTable, RunEnd

if TYPE_CHECKING:
    from tests.clock import FixedClock
    from worker.outbox import Database

NAMES = frozenset({"calendar", "viewings"})


def table(name: str = "calendar", **changes: Any) -> FeedTable:
    values = {"source": "query", "source_hash": "1", "schedule": "every 60 s", "silent_after": None, **changes}
    return FeedTable(name, **values)


def register(db: Database, *tables: FeedTable) -> None:
    feed_states.register(db, tables, lambda _, present: present)


def claim(db: Database, worker: str = "a:1:2", **options: Any) -> FeedClaim | None:
    return feed_states.claim_due(db, worker, worker.rpartition(":")[0] + ":", NAMES, options.get("without", ()))


def in_a_minute(present: datetime) -> datetime:
    return present + timedelta(minutes=1)


def feed(db: Database, name: str = "calendar") -> Any:
    with db.read() as connection:
        return connection.execute(select(Feed.__table__).where(Feed.name == name)).one()


@pytest.fixture
def first(db: Database) -> FeedClaim:
    """A run of the feed that is due."""
    register(db, table())
    claimed = claim(db)
    assert claimed is not None
    return claimed


def test_a_feed_is_claimed_by_one_run(db: Database, first: FeedClaim) -> None:
    assert first.token == 1
    assert claim(db, "b:1:2") is None
    assert feed_states.claim_named(db, "c", "calendar") is None


def test_a_dead_run_gives_its_feed_free(db: Database, first: FeedClaim, clock: FixedClock) -> None:
    clock.advance(feed_states.LEASE + 1)
    second = claim(db, "b:1:2")
    assert second is not None
    assert second.token == first.token + 1
    assert not feed_states.renew(db, first)


def test_a_renewed_lease_keeps_the_feed(db: Database, first: FeedClaim, clock: FixedClock) -> None:
    for _ in range(3):
        clock.advance(feed_states.LEASE - 1)
        assert feed_states.renew(db, first)
    assert claim(db, "b:1:2") is None


def test_a_run_that_lost_its_feed_moves_no_cursor(db: Database, first: FeedClaim, clock: FixedClock) -> None:
    clock.advance(feed_states.LEASE + 1)
    second = claim(db, "b:1:2")
    assert second is not None
    assert feed_states.end_run(db, second, RunEnd(FeedMemory(cursor="20")), in_a_minute)
    assert not feed_states.end_run(db, first, RunEnd(FeedMemory(cursor="10")), in_a_minute)
    assert feed(db).cursor == "20"


def test_the_end_of_a_run_is_written(db: Database, first: FeedClaim, clock: FixedClock) -> None:
    end = RunEnd(FeedMemory("7", headings={"": ["a"]}), FileCounts(recorded=3, rejected=1), 1, has_new=True)
    assert feed_states.end_run(db, first, end, in_a_minute)
    row = feed(db)
    assert (row.recorded, row.rejected) == (3, 1)
    assert row.last_new_at == clock.moment
    assert claim(db) is None
    clock.advance(60)
    again = claim(db)
    assert again is not None
    assert again.memory.cursor == "7"


def test_one_worker_runs_one_feed_at_a_time(db: Database, first: FeedClaim) -> None:
    register(db, table(), table("viewings"))
    assert claim(db, "a:1:3") is None
    viewings = claim(db, "a:2:3")
    assert viewings is not None
    assert viewings.name == "viewings"


def test_a_finding_keeps_when_it_began(db: Database, first: FeedClaim, clock: FixedClock) -> None:
    began_at = clock.moment
    end = RunEnd(FeedMemory(), finding_code="database_away", finding="It is away.", is_failure=True)
    feed_states.end_run(db, first, end, in_a_minute)
    clock.advance(60)
    second = claim(db)
    assert second is not None
    assert second.failures == 1
    feed_states.end_run(db, second, end, in_a_minute)
    assert feed(db).finding_since == began_at
    assert feed(db).failures == 2


def test_another_query_is_read_from_its_start(db: Database, first: FeedClaim) -> None:
    feed_states.end_run(db, first, RunEnd(FeedMemory("7")), in_a_minute)
    register(db, table(source_hash="2"))
    assert feed(db).cursor is None
    again = claim(db)
    assert again is not None
    assert again.memory.cursor is None


def test_a_removed_feed_does_not_run_and_comes_back(db: Database, first: FeedClaim) -> None:
    feed_states.end_run(db, first, RunEnd(FeedMemory("7")), lambda present: present)
    register(db)
    assert claim(db) is None
    register(db, table())
    again = claim(db)
    assert again is not None
    assert again.memory.cursor == "7"


def test_a_stop_ends_the_run_under_way(db: Database, first: FeedClaim) -> None:
    assert feed_states.stop(db, "calendar", by="anna", reason=None)
    assert not feed_states.renew(db, first)
    feed_states.end_run(db, first, RunEnd(FeedMemory()), lambda present: present)
    assert claim(db) is None
    assert feed_states.start(db, "calendar")
    assert claim(db) is not None
