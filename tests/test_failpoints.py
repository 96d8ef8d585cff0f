"""Failpoints do what they are told where they are told it, and can be armed against nothing but this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from worker import failpoints
from worker.failpoints import NotHereError

LOOPBACK = "http://127.0.0.1:1"
PROGRAM = "from worker.failpoints import reach; [reach('after_last_byte') for _ in range(3)]; print('through')"


def run(plan: str, base_url: str = LOOPBACK) -> subprocess.Popen[str]:
    environment = {**os.environ, "VITEC_FAILPOINTS": plan, "VITEC_BASE_URL": base_url}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def ended(plan: str, base_url: str = LOOPBACK) -> tuple[int, str, str]:
    with run(plan, base_url) as process:
        output, errors = process.communicate(timeout=30)
    return process.returncode, output, errors


@pytest.mark.parametrize(
    ("plan", "status", "output"),
    [
        ("", 0, "through\n"),
        ("after_last_byte=kill", -signal.SIGKILL, ""),
        ("after_last_byte=kill@3", -signal.SIGKILL, ""),
        ("after_last_byte=kill@4", 0, "through\n"),
        ("after_first_byte=kill", 0, "through\n"),
        ("after_first_byte=freeze, after_last_byte=kill@2", -signal.SIGKILL, ""),
    ],
)
def test_a_process_is_killed_where_and_when_it_was_told(plan: str, status: int, output: str) -> None:
    assert ended(plan)[:2] == (status, output)


def test_a_frozen_process_waits_to_be_continued() -> None:
    with run("after_last_byte=freeze@2") as process:
        assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
        os.kill(process.pid, signal.SIGCONT)
        assert process.communicate(timeout=30)[0] == "through\n"


def test_a_delayed_process_is_late_each_time() -> None:
    began = time.monotonic()
    assert ended("after_last_byte=delay:0.2")[0] == 0
    assert time.monotonic() - began >= 0.6


@pytest.mark.parametrize("base_url", ["", "https://connect.example", "https://127.0.0.1.example", "http://10.0.0.1"])
def test_they_are_refused_unless_vitec_is_a_stand_in_on_this_machine(base_url: str) -> None:
    status, output, errors = ended("after_last_byte=kill", base_url)
    assert (status, output) == (1, "")
    assert "NotHereError: VITEC_FAILPOINTS is for tests" in errors


@pytest.mark.parametrize("plan", ["nowhere=kill", "after_body", "after_body=explode", "after_body=kill@x"])
def test_what_cannot_be_meant_is_refused(plan: str) -> None:
    with pytest.raises(NotHereError, match="VITEC_FAILPOINTS: "):
        failpoints.arm(plan, LOOPBACK)
    assert not failpoints.is_armed("after_body")


def test_an_address_in_capitals_is_no_way_round() -> None:
    with pytest.raises(NotHereError):
        failpoints.arm("after_body=kill", "https://LOCALHOST.example")
