"""A plan hits the process at the point and time that it names, and is refused against any address but this machine's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.chaos import arming
from tests.chaos.arming import PlanRefusedError
from worker import failpoints

LOOPBACK = "http://127.0.0.1:1"
PROGRAM = """
import tests.chaos.armed
from worker import failpoints
for _ in range(3):
    if failpoints.hook:
        failpoints.hook("after_last_byte")
print("through")
"""


def started(plan: str, base_url: str = LOOPBACK, program: str = PROGRAM) -> subprocess.Popen[str]:
    environment = {**os.environ, "VITEC_FAILPOINTS": plan, "VITEC_BASE_URL": base_url}
    return subprocess.Popen(
        [sys.executable, "-c", program], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def ended(plan: str, base_url: str = LOOPBACK, program: str = PROGRAM) -> tuple[int, str, str]:
    """Exit status, output and error output of a process with this plan."""
    with started(plan, base_url, program) as process:
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
def test_a_process_is_killed_where_and_when_planned(plan: str, status: int, output: str) -> None:
    assert ended(plan)[:2] == (status, output)


def test_a_frozen_process_waits_to_be_continued() -> None:
    with started("after_last_byte=freeze@2") as process:
        assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
        os.kill(process.pid, signal.SIGCONT)
        assert process.communicate(timeout=30)[0] == "through\n"


def test_a_delayed_process_is_late_each_time() -> None:
    began = time.monotonic()
    assert ended("after_last_byte=delay:0.2")[0] == 0
    assert time.monotonic() - began >= 0.6


def test_the_product_alone_heeds_no_plan() -> None:
    program = "import worker.celery, worker.tasks; from worker import failpoints; print(failpoints.hook)"
    assert ended("after_body=kill", program=program)[:2] == (0, "None\n")


@pytest.mark.parametrize("base_url", ["", "https://connect.example", "https://127.0.0.1.example", "http://10.0.0.1"])
def test_a_plan_needs_vitec_on_this_machine(base_url: str) -> None:
    status, output, errors = ended("after_last_byte=kill", base_url)
    assert (status, output) == (1, "")
    assert "PlanRefusedError: VITEC_FAILPOINTS is for tests" in errors


@pytest.mark.parametrize("plan", ["nowhere=kill", "after_body", "after_body=explode", "after_body=kill@x"])
def test_an_unreadable_plan_is_refused(plan: str) -> None:
    with pytest.raises(PlanRefusedError, match="VITEC_FAILPOINTS: "):
        arming.arm(plan, LOOPBACK)
    assert failpoints.hook is None


def test_an_address_in_capitals_is_no_way_round() -> None:
    with pytest.raises(PlanRefusedError):
        arming.arm("after_body=kill", "https://LOCALHOST.example")
