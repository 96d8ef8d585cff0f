"""The dead man's switch: a process that was stopped past its lease dies before it writes a byte."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field

import pytest

from run import ROOT
from tests.delivery import stopped
from worker.delivery.dead_mans_switch import FRESH, MARGIN, ClockReading, DeadMansSwitch

DEADLY = (
    "checked_then_stopped",
    "stopped_in_a_thread",
    "one_of_two_has_ended",
    "an_alarm_was_caught",
)
HARMLESS = tuple(scene for scene in stopped.SCENES if scene not in DEADLY)


def play(scene: str) -> tuple[int, bytes]:
    """Run a scene, keep it stopped until its lease is over, let it go on; return its exit status and the bytes written."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        command = [sys.executable, "-m", "tests.delivery.stopped", scene, str(server.getsockname()[1])]
        process = subprocess.Popen(command, cwd=ROOT)
        try:
            connection, _ = server.accept()
            _wait_until_stopped(process.pid)
            # The lease began before the stop, so it is over by then.
            time.sleep(stopped.LEASE)
            os.kill(process.pid, signal.SIGCONT)
            connection.settimeout(30)
            with connection:
                return process.wait(30), read_to_end(connection)
        finally:
            process.kill()
            process.wait()


def _wait_until_stopped(pid: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        stopped_pid, status = os.waitpid(pid, os.WUNTRACED | os.WNOHANG)
        if stopped_pid:
            assert os.WIFSTOPPED(status), "it ended before it was stopped"
            return
        time.sleep(0.005)
    raise TimeoutError("it was never stopped")


def read_to_end(connection: socket.socket) -> bytes:
    received = b""
    while True:
        try:
            data = connection.recv(1000)
        except ConnectionResetError:
            return received
        if not data:
            return received
        received += data


@pytest.mark.processes
@pytest.mark.parametrize("scene", DEADLY)
def test_a_process_stopped_past_its_lease_writes_no_byte(scene: str) -> None:
    assert play(scene) == (-signal.SIGALRM, b"")


@pytest.mark.processes
@pytest.mark.parametrize("scene", HARMLESS)
def test_a_process_that_could_write_nothing_outside_its_lease_lives(scene: str) -> None:
    assert play(scene) == (0, b"alive")


@dataclass
class Clocks:
    """Both clocks, moved by hand; each reading moves them by `step`."""

    monotonic: float = 1000.0
    boot: float = 5000.0
    step: float = 0.0

    def __call__(self) -> ClockReading:
        self.monotonic += self.step
        self.boot += self.step
        return ClockReading(self.monotonic, self.boot)


@dataclass
class Timer:
    """Remembers what the kernel's timer was set to."""

    set_to: list[float] = field(default_factory=list)

    def __call__(self, which: int, seconds: float) -> None:
        assert which == signal.ITIMER_REAL
        self.set_to.append(seconds)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def timer(monkeypatch: pytest.MonkeyPatch) -> Timer:
    timer = Timer()
    monkeypatch.setattr(signal, "setitimer", timer)
    return timer


@pytest.fixture
def switch(clocks: Clocks, timer: Timer) -> DeadMansSwitch:
    switch = DeadMansSwitch(clock=clocks)
    switch.start_lease(clocks(), 45)
    return switch


def test_the_switch_fires_before_the_lease_after_a_slow_claim(
    switch: DeadMansSwitch, clocks: Clocks, timer: Timer
) -> None:
    clocks.monotonic += 7
    assert switch.admit(2)
    assert timer.set_to == [45 - MARGIN - 7]


def test_the_switch_is_unarmed_while_no_byte_may_leave(switch: DeadMansSwitch, timer: Timer) -> None:
    assert timer.set_to == []
    switch.admit(2)
    switch.leave()
    assert len(timer.set_to) == 1
    switch.leave()
    assert timer.set_to[-1] == 0
    assert switch.count == 0


def test_a_thread_paused_after_arming_is_not_admitted(switch: DeadMansSwitch, clocks: Clocks, timer: Timer) -> None:
    clocks.step = FRESH + 0.01
    assert not switch.admit(1)
    assert (switch.count, timer.set_to[-1]) == (0, 0)
    clocks.step = 0.001
    assert switch.admit(1)


def test_a_remainder_of_nothing_never_reaches_the_timer(switch: DeadMansSwitch, clocks: Clocks, timer: Timer) -> None:
    """It would disarm the timer, under requests that are still on their way."""
    assert switch.admit(1)
    armed = list(timer.set_to)
    clocks.monotonic += 45 - MARGIN
    assert not switch.admit(1)
    assert timer.set_to == armed
    assert switch.count == 1


def test_a_machine_that_was_suspended_writes_nothing(switch: DeadMansSwitch, clocks: Clocks) -> None:
    """The clock that timers follow stands still meanwhile."""
    assert switch.may_write()
    clocks.boot += 45
    assert not switch.may_write()
    assert not switch.admit(1)


def test_without_a_lease_nothing_may_be_written(clocks: Clocks, timer: Timer) -> None:
    switch = DeadMansSwitch(clock=clocks)
    assert not switch.may_write()
    assert not switch.admit(1)
    assert [seconds for seconds in timer.set_to if seconds] == []


def test_a_renewed_lease_moves_the_timer_of_running_requests(
    switch: DeadMansSwitch, clocks: Clocks, timer: Timer
) -> None:
    switch.admit(1)
    clocks.monotonic += 20
    clocks.boot += 20
    switch.start_lease(clocks(), 45)
    assert timer.set_to == [45 - MARGIN, 45 - MARGIN]
    clocks.monotonic += 40
    assert switch.may_write()
