"""Columns that mean the same on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, insert, select, text, update
from sqlalchemy.exc import StatementError

from models import FeedFile, Operation
from tests import factory
from worker.outbox import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON = datetime(2026, 12, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine at a fresh database."""
    made = connect(database_url)
    yield made
    made.dispose()


def keep(engine: Engine, moment: Any) -> datetime:
    """Write a moment and read it back."""
    with engine.begin() as connection:
        made = factory.make_operation(connection, expires_at=moment)
    with engine.connect() as connection:
        return connection.execute(select(Operation.expires_at).where(Operation.id == made)).scalar_one()  # type: ignore[return-value]


@pytest.mark.parametrize(
    "zone", [UTC, timezone(timedelta(hours=-9, minutes=-30)), ZoneInfo("Europe/Stockholm")], ids=str
)
def test_a_moment_comes_back_as_the_same_moment_in_utc(engine: Engine, zone: Any) -> None:
    kept = keep(engine, NOON.astimezone(zone))
    assert kept == NOON
    assert kept.tzinfo is UTC


def test_a_moment_without_a_zone_is_refused(engine: Engine) -> None:
    with pytest.raises(StatementError, match="a moment needs a time zone"):
        keep(engine, NOON.replace(tzinfo=None))


def test_no_moment_stays_none(engine: Engine) -> None:
    assert keep(engine, None) is None


def test_the_sessions_own_zone_changes_nothing(pg_url: str) -> None:
    engine = connect(pg_url)
    with engine.begin() as connection:
        connection.execute(text("SET timezone = 'Asia/Tokyo'"))
        made = factory.make_operation(connection, expires_at=NOON)
        kept = connection.execute(select(Operation.expires_at).where(Operation.id == made)).scalar_one()
    engine.dispose()
    assert kept == NOON
    assert kept.tzinfo is UTC


def test_moments_sort_as_time_does_whatever_zone_wrote_them(engine: Engine) -> None:
    moments = [NOON + timedelta(microseconds=step) for step in (0, 1, 999_999, 3_600_000_000)]
    zones = [timezone(timedelta(hours=14)), UTC, timezone(timedelta(hours=-12)), ZoneInfo("Europe/Stockholm")]
    with engine.begin() as connection:
        for moment, zone in zip(reversed(moments), zones, strict=True):
            factory.make_operation(connection, expires_at=moment.astimezone(zone))
        kept = connection.execute(select(Operation.expires_at).order_by(Operation.expires_at)).scalars().all()
    assert kept == moments


def test_a_blanked_payload_is_null_and_not_the_word_null(engine: Engine) -> None:
    with engine.begin() as connection:
        made = factory.make_operation(connection)
        connection.execute(update(Operation).where(Operation.id == made).values(payload=None))
        blanked = connection.execute(select(Operation.id).where(Operation.payload.is_(None))).scalars().all()
    assert blanked == [made]


def test_rows_number_themselves(engine: Engine) -> None:
    with engine.begin() as connection:
        values = {"feed": "crm", "name": "a.csv", "content_hash": "0" * 64, "bytes": 1}
        ids = [connection.execute(insert(FeedFile).values(values).returning(FeedFile.id)).scalar_one() for _ in "ab"]
    assert ids[1] == ids[0] + 1
