"""The servers that tests rely on: they start anywhere, keep their data when they should, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import redis

from run import ROOT
from tests import databases, servers

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.servers


def ask(server: servers.Server, statement: str) -> object:
    """Run one statement on PostgreSQL and return the first value, if any."""
    with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def is_running(pid: int) -> bool:
    """Tell whether the process does anything still; a zombie does not."""
    status = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return status.strip() != "" and not status.startswith("Z")


def test_postgres_never_runs_as_root() -> None:
    with servers.postgres() as server:
        owner = subprocess.run(["ps", "-o", "uid=", "-p", str(server.pid)], capture_output=True, text=True, check=True)
        assert int(owner.stdout) == (os.geteuid() or servers.NOBODY)


def test_a_killed_postgres_keeps_its_commits() -> None:
    with servers.postgres(durable=True) as server:
        ask(server, "CREATE TABLE words (word text)")
        ask(server, "INSERT INTO words VALUES ('kept')")
        before, port = server.pid, server.port
        server.kill()
        assert not is_running(before)
        server.start()
        assert server.port == port
        assert ask(server, "SELECT word FROM words") == "kept"


def test_fsync_is_on_only_where_it_was_asked_for(postgres: servers.Server) -> None:
    with servers.postgres(durable=True) as durable:
        assert [ask(durable, f"SHOW {name}") for name in ("fsync", "full_page_writes", "synchronous_commit")] == [
            "on"
        ] * 3
    assert ask(postgres, "SHOW fsync") == "off"


def test_settings_of_postgres_are_arguments() -> None:
    with servers.postgres(lock_timeout="1234ms") as server:
        assert ask(server, "SHOW lock_timeout") == "1234ms"


@pytest.mark.parametrize("make", [servers.redis, servers.valkey])
def test_a_broker_forgets_unless_it_is_made_durable(make: Callable[..., servers.Server]) -> None:
    for options, value in (((), None), (("--appendonly", "yes", "--appendfsync", "always"), b"1")):
        with make(*options) as server, redis.Redis.from_url(server.url) as client:
            client.set("key", "1")
            server.kill()
            server.start()
            assert client.get("key") == value


def test_a_broker_that_asks_for_a_password_counts_as_ready() -> None:
    with (
        servers.redis("--requirepass", "secret") as server,
        redis.Redis.from_url(server.url) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_a_server_that_cannot_start_says_why() -> None:
    server = servers.redis("--no-such-option", "1")
    with pytest.raises(servers.NotStartedError, match="no-such-option"), server:
        pytest.fail("it started")
    assert not server.folder.exists()


def test_two_servers_are_two() -> None:
    with servers.redis() as first_server, servers.redis() as second_server:
        first, second = redis.Redis.from_url(first_server.url), redis.Redis.from_url(second_server.url)
        first.set("key", "1")
        assert second.get("key") is None
        first.close()
        second.close()


@pytest.mark.parametrize("kind", ["postgres", "redis", "valkey"])
def test_a_killed_test_run_leaves_no_server_behind(kind: str) -> None:
    script = f"from tests import servers; s = servers.{kind}().start(); print(s.pid, s.folder, flush=True); input()"
    run = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdin=-1, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    pid, folder = run.stdout.readline().split()
    assert is_running(int(pid))
    run.send_signal(signal.SIGKILL)
    run.communicate()
    until = time.monotonic() + 10
    while is_running(int(pid)) or Path(folder).exists():
        assert time.monotonic() < until, "the server has outlived its test run"
        time.sleep(0.02)


def test_databases_are_separate_copies_of_the_template(postgres: servers.Server) -> None:
    template = databases.create_database(postgres.url, "template")
    with psycopg.connect(template.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE words (word text)")
    for name in ("copy_1", "copy_2"):
        url = databases.create_database(postgres.url, name, "template")
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            assert connection.execute("SELECT count(*) FROM words").fetchone() == (0,)
            connection.execute("INSERT INTO words VALUES ('mine')")
    for name in ("copy_1", "copy_2", "template"):
        databases.drop_database(postgres.url, name)


def test_a_database_in_use_is_dropped_all_the_same(postgres: servers.Server) -> None:
    url = databases.create_database(postgres.url, "in_use").replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        databases.drop_database(postgres.url, "in_use")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)
