"""The databases that tests are given: at the newest revision, and each test's own."""

from __future__ import annotations

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from run import ROOT
from tests import databases

pytestmark = pytest.mark.servers

NEWEST = ScriptDirectory.from_config(Config(ROOT / "alembic.ini")).get_current_head()


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_its_own_fully_migrated_database(database_url: str, turn: int) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == NEWEST
        assert "operations" in inspect(connection).get_table_names()
        # The second turn would find the first one's table here.
        connection.execute(text("CREATE TABLE mine (turn integer)"))
    engine.dispose()


def test_an_empty_database_is_empty_until_it_is_migrated(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url)
    assert inspect(engine).get_table_names() == []
    databases.migrate(empty_database_url)
    assert "operations" in inspect(engine).get_table_names()
    engine.dispose()
