"""A worker that cannot work says so in one line, at once, and does not start."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import billiard.pool
import pytest
from celery.concurrency import get_implementation

from tests.processes import Process, celery
from worker import bootstrap, logs
from worker.processes import main_process

if TYPE_CHECKING:
    from tests.running.office import Office

pytestmark = [pytest.mark.servers, pytest.mark.processes]


@pytest.mark.parametrize(
    ("settings", "options", "why"),
    [
        ({}, ("--pool", "threads"), "Use --pool prefork or --pool solo"),
        ({"VITEC_BASE_URL": ""}, (), "VITEC_BASE_URL is not set"),
        ({"VITEC_TIMEOUT": "soon"}, (), "VITEC_TIMEOUT"),
    ],
)
def test_a_worker_that_cannot_work_does_not_start(
    office: Office, settings: dict[str, str], options: tuple[str, ...], why: str
) -> None:
    with celery("worker", office.folder, {**office.settings, **settings}, *options) as process:
        assert process.ends() == 1
        assert why in last_line(process)


def make_worker(**options: object) -> SimpleNamespace:
    """Make a worker of these options, as Celery does before it starts."""
    usual = {
        "pool_cls": "prefork",
        "pool_start_method": "fork",
        "time_limit": None,
        "soft_time_limit": None,
        "concurrency": 4,
        "loglevel": "INFO",
        "logfile": None,
    }
    return SimpleNamespace(**{**usual, **options})


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"pool_cls": "threads"}, "--pool"),
        ({"pool_cls": "gevent"}, "--pool"),
        ({"pool_cls": "eventlet"}, "--pool"),
        ({"pool_cls": get_implementation("threads")}, "--pool"),
        ({"pool_start_method": "spawn"}, "--pool-start-method fork"),
        ({"time_limit": 60}, "--time-limit"),
        ({"soft_time_limit": 60}, "--soft-time-limit"),
    ],
)
def test_options_under_which_a_turn_is_not_safe_are_refused(options: dict[str, object], why: str) -> None:
    assert why in str(main_process.find_problem(make_worker(**options)))


@pytest.mark.parametrize("pool", ["prefork", "solo", get_implementation("prefork"), get_implementation("solo")])
def test_prefork_and_solo_are_let_in(pool: object) -> None:
    assert main_process.find_problem(make_worker(pool_cls=pool)) is None


def last_line(process: Process) -> str:
    """Give the last line of the process's output, without a traceback; Celery's own warning to root may precede it."""
    lines = [line for line in process.output.splitlines() if line.strip()]
    assert "Traceback" not in process.output
    return lines[-1]


def test_wrong_settings_end_beat_with_one_line(office: Office) -> None:
    with celery("beat", office.folder, {**office.settings, "DISPATCH_EVERY": "never"}) as process:
        assert process.ends() == 1
        assert "DISPATCH_EVERY" in last_line(process)


def test_a_child_does_not_wait_for_a_dead_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(bootstrap, "check_worker", lambda: None)
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    monkeypatch.setattr(billiard.pool.time, "sleep", slept.append)
    monkeypatch.setattr(billiard.pool, "GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT", 300)
    main_process._prepare_worker(make_worker())
    child = billiard.pool.Worker.__new__(billiard.pool.Worker)
    child.on_ready_counter = billiard.Value("i")
    assert not child._ensure_messages_consumed(completed=1)
    assert 0 < sum(slept) <= main_process.UNREAD_RESULT_WAIT


def test_without_shared_memory_a_worker_takes_the_solo_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise PermissionError

    worker = make_worker()
    monkeypatch.setattr(bootstrap, "check_worker", lambda: None)
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    assert main_process.can_share_memory()
    monkeypatch.setattr(billiard, "Lock", refuse)
    main_process._prepare_worker(worker)
    assert (worker.pool_cls, worker.concurrency) == ("solo", 1)
