"""Work goes on while the broker refuses writes or is away, is told once, and comes back to rings by itself."""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import redis

from tests import servers
from tests.processes import celery, list_processes, until, worker
from tests.running.test_refusals import last_line
from worker.outbox.lanes import environments
from worker.processes import local_turns
from worker.processes.main_process import find_queue_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.running.office import Office

pytestmark = [pytest.mark.servers, pytest.mark.processes]

BEGIN, END = "the broker cannot be used", "the broker can be used again"


@pytest.fixture
def broker() -> Iterator[servers.Server]:
    with servers.redis() as server:
        yield server


@pytest.mark.parametrize(
    ("refuse", "accept"),
    [
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
        ("ACL SETUSER default -@write", "ACL SETUSER default +@all"),
    ],
    ids=["full", "read-only", "without rights"],
)
def test_work_goes_on_while_the_broker_refuses_writes(
    office: Office, broker: servers.Server, refuse: str, accept: str
) -> None:
    settings = {**office.settings, "BROKER_URL": broker.url}
    made = office.record(5)
    with (
        redis.Redis.from_url(broker.url) as client,
        worker(office.folder, settings) as running,
        celery("beat", office.folder, settings) as beat,
    ):
        office.all_succeed(5)
        client.execute_command(*refuse.split())
        running.says(BEGIN)
        made += office.record(10)
        office.all_succeed(15)
        assert running.output.count(BEGIN) == 1
        assert beat.alive
        client.execute_command(*accept.split())
        running.says(END)
        made += office.record(5)
        office.all_succeed(20)
        running.terminate()
        assert running.ends() == 0
    assert "Traceback" not in running.output
    assert office.sent() == Counter(made)


def test_a_worker_starts_and_stops_without_a_broker(office: Office) -> None:
    settings = {**office.settings, "BROKER_URL": "redis://127.0.0.1:1/0"}
    made = office.record(10)
    with worker(office.folder, settings) as running, celery("beat", office.folder, settings) as beat:
        office.all_succeed(10)
        assert running.output.count("nothing listens at its address") == 1
        assert environments.dispatched_within(office.db, 60)
        running.terminate()
        assert running.ends() == 0
        beat.says("takes no chores")
        beat.terminate()
        assert beat.ends() == 0
    assert office.sent() == Counter(made)


def test_local_turns_end_with_the_worker_that_started_them(office: Office) -> None:
    settings = {**office.settings, "BROKER_URL": "redis://127.0.0.1:1/0"}
    office.record(1)
    with worker(office.folder, settings) as running:
        office.all_succeed(1)
        command = f"worker.processes.local_turns {running.pid} "
        serving = list_processes(command)
        for pid in serving:
            os.kill(pid, signal.SIGHUP)
        office.record(1)
        office.all_succeed(2)
        assert list_processes(command) == serving
        running.process.kill()
        until(lambda: not list_processes(command), why="a local process outlived the worker")


def test_a_dead_local_process_is_replaced(office: Office) -> None:
    turns = local_turns.LocalTurns("INFO", None)
    turns._command = ["sleep", "60"]
    turns.keep(2)
    first = [process.pid for process in turns._processes]
    turns._processes[0].kill()
    turns._processes[0].wait()
    turns.keep(2)
    assert len({*first, *(process.pid for process in turns._processes)}) == 3
    turns.ask_to_end()
    turns.wait(10)
    assert turns._processes[0].poll() is not None


def test_closed_local_turns_start_no_process() -> None:
    turns = local_turns.LocalTurns("INFO", None)
    turns.close()
    turns.keep(2)
    assert turns._processes == []


def test_a_queue_that_is_not_there_is_refused(office: Office) -> None:
    with celery("worker", office.folder, office.settings, "--queues", "vitec-sync.chore") as process:
        assert process.ends() == 1
        assert "did you mean vitec-sync.chores?" in last_line(process)


def test_known_queues_are_let_in() -> None:
    assert find_queue_problem("vitec-sync,vitec-sync.chores", ["vitec-sync"]) is None
    assert find_queue_problem(None, None) is None
    assert "'comeback'" in str(find_queue_problem(None, "comeback"))
