"""A query against the CRM's own database: read only, from a cursor on or as a whole, each row once."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from worker.feeding import query as query_module
from worker.feeding.spooling import Spool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clock import FixedClock
    from tests.feeding.stage import Stage

QUERY = (
    "SELECT id AS source_id, office AS customer_id, contact AS contact_id, starts AS date, changed_at FROM comebacks"
)
TABLE = """[feeds.calendar]
query = \"\"\"{query}\"\"\"
database_url_env = "CRM"
kind = "comeback"
{more}
"""
INCREMENTAL = TABLE.format(query=QUERY, more='cursor = "changed_at"\noverlap = 0')
FULL = TABLE.format(query=QUERY, more="")


class Crm:
    """The CRM's database, with a table of comebacks."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection: Any = (
            psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
            if url.startswith("postgresql")
            else sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        )
        moment = "timestamp" if url.startswith("postgresql") else "text"
        self.run(
            f"CREATE TABLE comebacks (id integer, office text, contact text, starts {moment}, changed_at {moment})"
        )

    def run(self, statement: str) -> None:
        self.connection.execute(statement)

    def add(self, id_: int, changed_at: str = "2026-11-01 10:00:00", starts: str = "2026-12-10 09:00:00") -> None:
        self.run(f"INSERT INTO comebacks VALUES ({id_}, 'M30001', 'ADR0001', '{starts}', '{changed_at}')")


@pytest.fixture
def crm(stage: Stage, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crm]:
    """A CRM on the same product as the stage's own database."""
    if stage.db.engine.dialect.name == "postgresql":
        made = Crm(request.getfixturevalue("empty_pg_url"))
    else:
        made = Crm(f"sqlite:///{tmp_path / 'crm.db'}")
    monkeypatch.setattr("worker.settings.Settings.variable", lambda _, name: {"CRM": made.url}.get(name))
    yield made
    made.connection.close()


def test_rows_are_read_from_the_cursor_on(stage: Stage, crm: Crm) -> None:
    stage.write_feeds(INCREMENTAL)
    crm.add(1, "2026-11-01 10:00:00")
    crm.add(2, "2026-11-01 11:00:00")
    stage.scan()
    assert stage.operations() == ["1", "2"]
    crm.add(3, "2026-11-01 11:00:00")
    crm.add(4, "2026-11-01 12:00:00")
    crm.add(5, "2026-11-01 09:00:00")
    counts = stage.scan()
    assert stage.operations() == ["1", "2", "3", "4"]
    assert counts["recorded"] == 2
    assert stage.feed().unchanged == 1


def test_a_quiet_database_leaves_no_trace(stage: Stage, crm: Crm) -> None:
    stage.write_feeds(INCREMENTAL)
    crm.add(1)
    for _ in range(3):
        stage.scan()
    assert len(stage.files()) == 1
    assert stage.feed().files == 1


def test_rows_that_were_committed_late_are_read_by_the_overlap(stage: Stage, crm: Crm) -> None:
    stage.write_feeds(INCREMENTAL.replace("overlap = 0", "overlap = 300"))
    crm.add(1, "2026-11-01 10:00:00")
    stage.scan()
    crm.add(2, "2026-11-01 09:56:00")
    stage.scan()
    assert stage.operations() == ["1", "2"]


def test_a_time_far_ahead_hides_nothing(stage: Stage, crm: Crm) -> None:
    stage.write_feeds(INCREMENTAL)
    crm.add(1, "2026-11-01 10:00:00")
    crm.add(2, "2099-01-01 10:00:00")
    stage.scan()
    crm.add(3, "2026-11-01 11:00:00")
    stage.scan()
    assert stage.operations() == ["1", "2", "3"]


def test_a_number_that_is_the_id_stays_a_column(stage: Stage, crm: Crm) -> None:
    query = "SELECT id, office AS customer_id, contact AS contact_id, starts AS date FROM comebacks"
    stage.write_feeds(TABLE.format(query=query, more='cursor = "id"\noverlap = 0'))
    crm.add(7)
    stage.scan()
    crm.add(8)
    stage.scan()
    assert stage.operations() == ["7", "8"]
    assert stage.feed().cursor == '{"type": "int", "value": "8"}'


def test_a_query_may_ask_for_the_cursor_itself(stage: Stage, crm: Crm) -> None:
    query = f"{QUERY} WHERE changed_at >= :cursor AND contact <> ':x' ORDER BY changed_at"
    stage.write_feeds(
        TABLE.format(query=query, more='cursor = "changed_at"\ncursor_start = "2026-11-01 10:30:00"\noverlap = 0')
    )
    crm.add(1, "2026-11-01 10:00:00")
    crm.add(2, "2026-11-01 11:00:00")
    stage.scan()
    crm.add(3, "2026-11-01 12:00:00")
    stage.scan()
    assert stage.operations() == ["2", "3"]


def test_a_changed_row_of_a_full_query_is_revised(stage: Stage, crm: Crm) -> None:
    stage.write_feeds(FULL.replace(", changed_at FROM", " FROM"))
    crm.add(1)
    stage.scan()
    crm.run("UPDATE comebacks SET starts = '2026-12-11 09:00:00'")
    stage.scan()
    assert stage.feed().revised == 1


def test_a_bad_row_is_rejected_and_the_cursor_moves_on(stage: Stage, crm: Crm) -> None:
    stage.write_feeds(INCREMENTAL)
    crm.add(1, "2026-11-01 10:00:00", starts="2026-12-10 09:00:00")
    crm.run("UPDATE comebacks SET contact = 'bad id/with'")
    crm.add(2, "2026-11-01 11:00:00")
    stage.scan()
    assert stage.operations() == ["2"]
    assert [row.line for row in stage.rejections()] == [1]


def test_a_crash_before_the_cursor_moves_records_nothing_twice(
    stage: Stage, crm: Crm, monkeypatch: pytest.MonkeyPatch, clock: FixedClock
) -> None:
    stage.write_feeds(INCREMENTAL)
    crm.add(1)
    with monkeypatch.context() as patch:
        patch.setattr("worker.outbox.intake.feed_states.end_run", lambda *_: False)
        stage.scan()
    assert stage.feed().cursor is None
    clock.advance(61)
    counts = stage.scan()
    assert counts["recorded"] == 0
    assert stage.operations() == ["1"]
    assert stage.feed().cursor is not None


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        (QUERY.replace("contact AS", "nothing AS"), "query_wrong", "nothing"),
        (QUERY.replace("FROM comebacks", "FROM elsewhere"), "query_wrong", "elsewhere"),
        (QUERY.replace(", changed_at", ""), "query_wrong", "changed_at"),
        ("SELECT * FROM (", "query_wrong", "refuses the query"),
        ("SELECT id AS source_id FROM comebacks; SELECT 2", "query_wrong", "refuses the query"),
        ("SELECT abs(1, 2) AS source_id FROM comebacks", "query_wrong", "refuses the query"),
    ],
)
def test_a_wrong_query_is_one_finding(stage: Stage, crm: Crm, query: str, code: str, words: str) -> None:
    stage.write_feeds(TABLE.format(query=query, more='cursor = "changed_at"\ncursor_start = "2026"'))
    crm.add(1)
    stage.scan()
    feed = stage.feed()
    assert feed.finding_code == code
    assert words in feed.finding
    assert stage.operations() == []
    assert feed.cursor is None


def test_a_column_that_means_nothing_is_one_finding(stage: Stage, crm: Crm) -> None:
    crm.add(1)
    stage.write_feeds(TABLE.format(query=QUERY, more=""))
    stage.scan()
    assert "is not that of the feed: unknown heading 'changed_at'" in stage.feed().finding
    assert "correct the query" in stage.feed().finding


def test_a_repeated_column_is_one_finding(stage: Stage, crm: Crm) -> None:
    stage.write_feeds(TABLE.format(query=QUERY.replace("office AS customer_id", "office AS Source_id"), more=""))
    stage.scan()
    assert "gives the column source_id twice" in stage.feed().finding


def test_a_query_cannot_write(stage: Stage, crm: Crm) -> None:
    crm.add(1)
    statement = "WITH gone AS (DELETE FROM comebacks RETURNING *) SELECT * FROM gone"
    if stage.db.engine.dialect.name == "sqlite":
        statement = "WITH x AS (SELECT 1) DELETE FROM comebacks"
    stage.write_feeds(TABLE.format(query=statement, more=""))
    stage.scan()
    assert stage.feed().finding_code == "query_writes"
    assert crm.connection.execute("SELECT count(*) FROM comebacks").fetchone()[0] == 1


def test_a_slow_query_is_one_finding(stage: Stage, crm: Crm) -> None:
    slow = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) AS source_id FROM n"
    stage.write_feeds(TABLE.format(query=slow, more="timeout = 0.5"))
    stage.scan()
    assert stage.feed().finding_code == "query_slow"


def test_a_locked_table_is_one_finding(stage: Stage, crm: Crm) -> None:
    stage.write_feeds(INCREMENTAL + "timeout = 0.5\n")
    crm.add(1)
    if stage.db.engine.dialect.name == "sqlite":
        crm.run("BEGIN EXCLUSIVE")
    else:
        crm.run("BEGIN")
        crm.run("LOCK TABLE comebacks")
    stage.scan()
    assert stage.feed().finding_code in {"database_locked", "query_slow"}
    crm.run("ROLLBACK")
    stage.scan()
    assert stage.operations() == ["1"]


def test_a_database_that_goes_away_in_mid_batch_leaves_nothing(
    stage: Stage, crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    if stage.db.engine.dialect.name == "sqlite":
        pytest.skip("a file does not go away")
    monkeypatch.setattr(query_module, "BATCH", 1)
    stage.write_feeds(INCREMENTAL)
    for number in range(5):
        crm.add(number)

    class Cut(Spool):
        def add(self, values: Any) -> None:
            super().add(values)
            crm.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )

    with monkeypatch.context() as patch:
        patch.setattr(query_module, "Spool", Cut)
        stage.scan()
    assert stage.feed().finding_code == "database_away"
    assert stage.files() == []
    assert stage.feed().cursor is None
    stage.scan()
    assert len(stage.operations()) == 5


def test_a_database_that_is_not_there_is_one_finding(
    stage: Stage, crm: Crm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = {"sqlite": f"sqlite:///{tmp_path}/none.db", "postgresql": "postgresql://a:hemligt@127.0.0.1:1/crm"}
    monkeypatch.setattr("worker.settings.Settings.variable", lambda *_: addresses[stage.db.engine.dialect.name])
    stage.write_feeds(FULL)
    stage.scan()
    feed = stage.feed()
    assert feed.finding_code == "database_away"
    assert "hemligt" not in feed.finding
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize(
    ("url", "code"),
    [("", "secret_missing"), ("nonsense", "database_url"), ("mysql://a:hemligt@127.0.0.1/x", "driver_missing")],
)
def test_a_wrong_address_is_one_finding(
    stage: Stage, crm: Crm, monkeypatch: pytest.MonkeyPatch, url: str, code: str
) -> None:
    monkeypatch.setattr("worker.settings.Settings.variable", lambda *_: url)
    stage.write_feeds(FULL)
    stage.scan()
    assert stage.feed().finding_code == code
    assert "hemligt" not in stage.feed().finding
