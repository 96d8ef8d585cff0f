"""The fixtures of all tests: real servers, one of each for a pytest process, and a fresh database for each test."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import hypothesis
import pytest
import redis

from run import clean_environment
from tests import databases, processes, servers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# However pytest was called, no setting of the product may lead a test to a live system.
_environment = clean_environment(dict(os.environ))
os.environ.clear()
os.environ.update(_environment)
os.environ.update(processes.FIXED_DATES)

# Time on a shared machine says nothing about an example.
hypothesis.settings.register_profile("vitec-sync", deadline=None)
hypothesis.settings.load_profile("vitec-sync")

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Server]:
    """A PostgreSQL for quick tests: without fsync. Tests that stop or kill a server make one of their own."""
    with servers.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[servers.Server]:
    """A Redis, or a Valkey where no wheel brings Redis."""
    with servers.redis() as server:
        yield server


@pytest.fixture
def broker_url(redis_server: servers.Server) -> str:
    """An empty broker."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture(scope="session")
def _migrated_postgres(postgres: servers.Server) -> str:
    databases.migrate(databases.create_database(postgres.url, "migrated"))
    return "migrated"


@pytest.fixture(scope="session")
def _migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "vitec-sync.sqlite3"
    databases.migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def pg_url(postgres: servers.Server, _migrated_postgres: str) -> Iterator[str]:
    """A PostgreSQL database at the newest revision, of this test alone."""
    name = f"test_{next(_numbers)}"
    yield databases.create_database(postgres.url, name, _migrated_postgres)
    databases.drop_database(postgres.url, name)


@pytest.fixture
def sqlite_url(_migrated_sqlite: Path, tmp_path: Path) -> str:
    """An SQLite database at the newest revision, of this test alone."""
    return databases.sqlite_copy(_migrated_sqlite, tmp_path)


@pytest.fixture
def empty_pg_url(postgres: servers.Server) -> Iterator[str]:
    """A PostgreSQL database without any table, for tests about migrating."""
    name = f"test_{next(_numbers)}"
    yield databases.create_database(postgres.url, name)
    databases.drop_database(postgres.url, name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A database at the newest revision, of this test alone: the test runs once on each of the two products."""
    url: str = request.getfixturevalue("pg_url" if request.param == "postgresql" else "sqlite_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without any table, of this test alone, once on each of the two products."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    url: str = request.getfixturevalue("empty_pg_url")
    return url
