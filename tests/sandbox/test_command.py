"""`vitec-sync sandbox` says what it is, where it listens, and stops when it is told to."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest
import requests

from tests.sandbox.client import BODIES, PATHS
from worker.sandbox import PASSWORD, USER, CallKind, Ledger

pytestmark = pytest.mark.processes

COMMAND = [sys.executable, "-c", "import typer; from worker.cli.sandbox import sandbox; typer.run(sandbox)"]
ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "200"}


@contextmanager
def started(tmp_path: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the process, and read its base URL from the ready file."""
    ready = tmp_path / "ready"
    command = [*COMMAND, "--ready-file", str(ready), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    try:
        deadline = monotonic() + 30
        while not ready.exists():
            assert process.poll() is None, process.communicate()
            assert monotonic() < deadline, "the sandbox did not become ready"
        yield process, ready.read_text()
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=10)


def post(base_url: str, password: str = PASSWORD) -> requests.Response:
    address = base_url + PATHS[CallKind.COMEBACK]
    return requests.post(address, json=BODIES[CallKind.COMEBACK], auth=(USER, password), timeout=10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_sandbox_runs_until_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    ledger = tmp_path / "ledger.sqlite3"
    with started(tmp_path, "--ledger", str(ledger)) as (process, base_url):
        answer = post(base_url)
        process.send_signal(number)
        output, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")
    assert output.count("\n") == 1
    assert f"{base_url}: a stand-in for Vitec Connect, not Vitec." in output
    assert not (tmp_path / "ready").exists()
    with Ledger(ledger) as read:
        assert [entry.remote_id for entry in read.applied()] == [answer.json()]


def test_the_sandbox_stops_though_a_request_hangs(tmp_path: Path) -> None:
    script = tmp_path / "faults.toml"
    script.write_text('[[rules]]\nfault = "hang_after_processing"\n')
    ledger = tmp_path / "ledger.sqlite3"
    with started(tmp_path, "--faults", str(script), "--ledger", str(ledger)) as (process, base_url):
        with pytest.raises(requests.ReadTimeout):
            requests.post(
                base_url + PATHS[CallKind.COMEBACK], json=BODIES[CallKind.COMEBACK], auth=(USER, PASSWORD), timeout=0.5
            )
        process.terminate()
        process.communicate(timeout=10)
    assert process.returncode == 0
    with Ledger(ledger) as read:
        assert read.count(applied=True) == 1


def test_the_ledger_survives_a_kill(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.sqlite3"
    with started(tmp_path, "--ledger", str(ledger)) as (process, base_url):
        answer = post(base_url)
        process.kill()
        process.wait(timeout=10)
    with Ledger(ledger) as read:
        assert [entry.remote_id for entry in read.applied()] == [answer.json()]


def test_login_and_closed_offices_are_options(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("another\n")
    with started(tmp_path, "--password-file", str(password), "--closed", "M30001") as (_, base_url):
        assert post(base_url).status_code == 401
        assert post(base_url, "another").status_code == 403


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *options], capture_output=True, text=True, env=ENVIRONMENT, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--latency", "soon"), "latency"),
        (("--faults", "missing.toml"), "missing.toml"),
        (("--password-file", "missing"), "missing"),
        (("--certificate", "only.pem"), "--key"),
        (("--port", "70000"), "65535"),
    ],
)
def test_a_wrong_option_is_a_usage_error(options: tuple[str, ...], words: str) -> None:
    finished = run(*options)
    assert finished.returncode == 2
    assert words in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_taken_port_is_reported_in_one_line() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        finished = run("--port", str(port))
    assert finished.returncode == 1
    assert finished.stderr.startswith(f"The sandbox cannot start on 127.0.0.1 port {port}:")
    assert finished.stderr.count("\n") == 1


def test_an_unusable_ledger_is_reported_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Kära mäklare! " * 100)
    finished = run("--ledger", str(file))
    assert finished.returncode == 1
    assert finished.stderr.startswith("The sandbox cannot start")
    assert finished.stderr.count("\n") == 1
