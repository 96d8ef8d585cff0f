"""Results in a table of the CRM's own database: each row inserted or updated, a batch whole or not at all."""

from __future__ import annotations

import threading
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, text

from models import State
from tests import factory, servers
from tests.processes import until
from tests.results.destinations import IDS, change, sink_row, to, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

    from tests.clock import FixedClock
    from worker.outbox import Database


class Crm:
    """The CRM's own database."""

    def __init__(self, url: str, folder: Path) -> None:
        self.engine: Engine = create_engine(url)
        self.file = folder / "crm-url"
        self.file.write_text(self.engine.url.render_as_string(hide_password=False), encoding="utf-8")

    def execute(self, statement: str) -> Any:
        with self.engine.begin() as connection:
            result = connection.execute(text(statement))
            return result.mappings().all() if result.returns_rows else None

    def rows(self, table: str = "svar") -> dict[str | None, Any]:
        return {row["source_id"]: row for row in self.execute(f"SELECT * FROM {table}")}

    def destination(self, table: str = "svar", **options: Any) -> Any:
        return to(table=table, database_url_file=self.file, **options)


@pytest.fixture(params=["sqlite", "postgresql"])
def crm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crm]:
    """The CRM's database: each of the two that need no further driver."""
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    if request.param == "sqlite":
        (tmp_path / "crm.db").touch()
    else:
        url = request.getfixturevalue("empty_pg_url")
    crm = Crm(url, tmp_path)
    yield crm
    crm.engine.dispose()


@pytest.fixture
def news(news: Database) -> Database:
    """The news, on one database: it is the CRM's that varies here."""
    if news.engine.dialect.name != "sqlite":
        pytest.skip("the worker's own database is not the subject")
    return news


def test_the_table_is_made_and_filled(news: Database, crm: Crm) -> None:
    assert write(news, crm.destination(create=True)) == {"batches": 1, "results": 6}
    rows = crm.rows()
    assert list(rows) == IDS
    assert (rows["A-1"]["state"], rows["A-1"]["attempts"]) == ("succeeded", 1)
    assert rows["BAD"]["error_text"] == "The time does not exist."
    assert str(rows["A-1"]["finalized_at"]).startswith("2026-12-01")


def test_a_row_is_updated_when_its_result_changes(news: Database, crm: Crm, clock: FixedClock) -> None:
    write(news, crm.destination(create=True))
    change(news, "A-3", "remote_id = 'OTHER', reported_at = NULL")
    clock.advance(60)
    write(news, crm.destination(create=True))
    assert len(crm.rows()) == 6
    assert crm.rows()["A-3"]["remote_id"] == "OTHER"


def test_a_batch_that_comes_twice_changes_nothing(
    news: Database, crm: Crm, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer dies between the CRM's commit and the marks."""

    def die(point: str) -> None:
        if point == "result_arrived":
            raise KeyboardInterrupt

    with news.write() as connection:
        factory.make_rejected_row(connection, source_id=None, kind=None, line=9)
    with monkeypatch.context() as patch:
        patch.setattr("worker.failpoints.hook", die)
        with pytest.raises(KeyboardInterrupt):
            write(news, crm.destination(create=True))
    before = crm.execute("SELECT * FROM svar")
    clock.advance(1000)
    assert write(news, crm.destination(create=True)) == {"batches": 1, "results": 7}
    assert crm.execute("SELECT * FROM svar") == before
    assert len(before) == 7


def test_a_table_of_their_own_keeps_its_names_and_types(news: Database, crm: Crm) -> None:
    crm.execute(
        "CREATE TABLE bokning (radnr VARCHAR(20), vitec_status VARCHAR(30), fel VARCHAR(10), klar TIMESTAMP, namn TEXT)"
    )
    crm.execute("INSERT INTO bokning (radnr, namn) VALUES ('A-1', 'theirs'), ('A-9', 'theirs')")
    columns = {"source_id": "RADNR", "state": "vitec_status", "error_text": "fel", "finalized_at": "klar"}
    names = SimpleNamespace(columns={}, states={"succeeded": "Klar"}, parts={}, kinds={}, only=False)
    write(news, crm.destination("bokning", columns=columns, names=names))
    rows = {row["radnr"]: row for row in crm.execute("SELECT * FROM bokning")}
    assert (rows["A-1"]["vitec_status"], rows["A-1"]["namn"]) == ("Klar", "theirs")
    assert datetime.fromisoformat(str(rows["A-1"]["klar"])).hour == 10
    assert (rows["A-9"]["vitec_status"], rows["A-9"]["namn"]) == (None, "theirs")
    assert rows["BAD"]["fel"] == "The time …"


def test_a_rejected_row_leaves_an_earlier_remote_id(news: Database, crm: Crm, clock: FixedClock) -> None:
    write(news, crm.destination(create=True))
    remote_id = crm.rows()["A-1"]["remote_id"]
    with news.write() as connection:
        factory.make_rejected_row(connection, source_id="A-1", reason="Too late.")
    clock.advance(60)
    write(news, crm.destination(create=True))
    row = crm.rows()["A-1"]
    assert (row["state"], row["error_text"]) == ("rejected", "Too late.")
    assert row["remote_id"] == remote_id


@pytest.mark.parametrize(
    ("prepare", "options", "why"),
    [
        ("SELECT 1", {}, "has no table svar: make it"),
        ("CREATE TABLE svar (source_id TEXT, state TEXT)", {}, "has no column part"),
        ("CREATE TABLE svar (source_id TEXT)", {"columns": {"source_id": "id"}}, "has no column id"),
    ],
)
def test_a_table_that_does_not_fit_is_told(
    news: Database, crm: Crm, prepare: str, options: dict[str, Any], why: str
) -> None:
    crm.execute(prepare)
    write(news, crm.destination(**options))
    assert why in sink_row(news).fault


def test_a_refusing_table_takes_nothing_and_is_quoted_nowhere(news: Database, crm: Crm, clock: FixedClock) -> None:
    crm.execute("CREATE TABLE svar (source_id VARCHAR(200) CHECK (source_id <> 'A-5'), state TEXT)")
    columns = {"source_id": "source_id", "state": "state"}
    write(news, crm.destination(columns=columns))
    assert "refuses a statement (IntegrityError" in sink_row(news).fault
    assert "A-5" not in sink_row(news).fault
    assert crm.rows() == {}


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("sqlite:////nowhere/crm.db", "is not there"),
        ("postgresql://crm:canary-word@127.0.0.1:9/crm", "nothing listens"),
        ("nonsense", "no address of a database"),
        ("oracle://crm:canary-word@host/crm", "is not installed"),
        ("unheardof://crm:canary-word@host/crm", "is not installed"),
    ],
)
def test_a_database_out_of_reach_is_told_without_its_secret(
    news: Database, tmp_path: Path, address: str, why: str
) -> None:
    file = tmp_path / "crm-url"
    file.write_text(address, encoding="utf-8")
    write(news, to(table="svar", database_url_file=file))
    assert why in sink_row(news).fault
    assert "canary-word" not in sink_row(news).fault


@pytest.mark.servers
def test_a_database_killed_in_mid_batch_gets_it_whole(news: Database, clock: FixedClock, tmp_path: Path) -> None:
    with servers.postgres(durable=True) as server:
        crm = Crm(server.url, tmp_path)
        crm.execute("CREATE TABLE svar (source_id TEXT, state TEXT)")
        crm.execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN IF NEW.source_id = ''A-4'' THEN PERFORM pg_sleep(60); END IF; RETURN NEW; END'"
        )
        crm.execute("CREATE TRIGGER slow BEFORE INSERT ON svar FOR EACH ROW EXECUTE FUNCTION slow()")
        crm.engine.dispose()
        destination = crm.destination(columns={"source_id": "source_id", "state": "state"})
        writer = threading.Thread(target=write, args=(news, destination))
        writer.start()
        sleeping = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        until(lambda: crm.execute(sleeping), why="the batch never came to its fourth row")
        crm.engine.dispose()
        server.kill()
        writer.join(30)
        assert "svar" in sink_row(news).fault
        server.start()
        assert crm.rows() == {}
        crm.execute("DROP TRIGGER slow ON svar")
        clock.advance(60)
        assert write(news, destination) == {"batches": 1, "results": 6}
        assert sorted(map(str, crm.rows())) == IDS
        crm.engine.dispose()


def test_the_crms_table_may_lie_in_the_workers_own_database(news: Database, tmp_path: Path) -> None:
    crm = Crm(str(news.engine.url), tmp_path)
    assert write(news, crm.destination(create=True))["results"] == 6
    crm.engine.dispose()


def test_a_rejected_row_without_place_is_left_to_the_command(news: Database, crm: Crm) -> None:
    with news.write() as connection:
        factory.make_rejected_row(connection, source_id=None, line=9)
    crm.execute("CREATE TABLE svar (source_id VARCHAR(200) PRIMARY KEY, state TEXT)")
    columns = {"source_id": "source_id", "state": "state"}
    assert write(news, crm.destination(columns=columns))["results"] == 7
    assert len(crm.rows()) == 6


def test_an_operation_in_doubt_says_so(db: Database, crm: Crm) -> None:
    with db.write() as connection:
        factory.make_operation(connection, State.IN_DOUBT, source_id="D")
    write(db, crm.destination(create=True))
    assert crm.rows()["D"]["state"] == "in_doubt"
