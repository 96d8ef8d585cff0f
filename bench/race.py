"""Measures one contender: it is started, and time and CPU are read from 5 % of the work to its end."""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bench import cpu
from bench.server import COUNTER
from run import ROOT, clean_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

WARM = 0.05
"""The share of the work that is not measured: imports, first connections, first plans."""

START, SLOWEST = 60.0, 20.0
"""Seconds until a contender must have begun, and operations per second that it must do at least."""


class Stalled(Exception):  # noqa: N818 (a fact)
    """A contender did not finish in time; the end of its log is the message."""


@dataclass(frozen=True, slots=True)
class Result:
    """The figures of one measurement. `cpu`: milliseconds per operation, by part."""

    rate: float
    cpu: Mapping[str, float]

    @property
    def total(self) -> float:
        """CPU of all parts."""
        return sum(self.cpu.values())


@dataclass(frozen=True, slots=True)
class Contender:
    """A program that does the work: its command, and the preparation before it starts."""

    name: str
    command: Sequence[str]
    title: str
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[int], None] = lambda _: None
    count_unfinished: Callable[[], int] = lambda: 0
    """Counts the rows that are not finished; called once all requests have been answered."""
    nudge: Callable[[], None] = lambda: None
    """Called every second, as beat would dispatch."""
    share: float = 1.0
    """Its share of the usual work: slow contenders need less for a steady figure."""
    latency: float = 0.0
    rounds: int | None = None


class Target:
    """The cheap server in a process of its own, and its counter."""

    def __init__(self, latency: float = 0.0, arrivals: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="vitec-sync-bench-")
        count = Path(self._folder.name) / "count"
        count.write_bytes(bytes(COUNTER.size))
        command = [sys.executable, "-m", "bench.server", "--count", str(count), "--latency", str(latency)]
        command += ["--arrivals", str(arrivals)] if arrivals else []
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{self._process.stdout.readline().strip()}"
        self.pid = self._process.pid
        with count.open("r+b") as file:
            self._count = mmap.mmap(file.fileno(), COUNTER.size)

    @property
    def answered(self) -> int:
        """Count the requests answered since it started."""
        return int(COUNTER.unpack_from(self._count, 0)[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._count.close()
        self._folder.cleanup()


@contextlib.contextmanager
def running(command: Sequence[str], environment: Mapping[str, str], log: Path):  # type: ignore[no-untyped-def] # noqa: ANN201
    """Run a process group, and end it with all its members when the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(command),
            cwd=ROOT,
            env={**clean_environment(dict(os.environ)), **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def measure(contender: Contender, target: Target, count: int, servers: Mapping[str, int]) -> Result:
    """Let a contender do `count` operations at the target. `servers`: names and process ids of the servers it uses."""
    contender.prepare(count)
    answered = target.answered
    warm, end = answered + int(count * WARM), answered + count
    with tempfile.TemporaryDirectory(prefix="vitec-sync-bench-") as folder:
        log = Path(folder) / "log"
        environment = {**contender.environment, "VITEC_BASE_URL": target.url, "STATE_DIR": folder}
        with running(contender.command, environment, log) as process:
            parts = {"client": process.pid, "server": target.pid, **servers}
            until = time.monotonic() + START + count / SLOWEST

            def wait(true: Callable[[], bool]) -> None:
                nudged = 0.0
                while not true():
                    current_time = time.monotonic()
                    if process.poll() is not None or current_time > until:
                        raise Stalled(
                            f"{contender.name}: {target.answered - answered} of {count} sent\n{_read_tail(log)}"
                        )
                    if current_time - nudged > 1:
                        nudged = current_time
                        contender.nudge()
                    time.sleep(0.002)

            wait(lambda: target.answered >= warm)
            first, began, before = target.answered, time.monotonic(), _read_cpu(parts)
            wait(lambda: target.answered >= end and contender.count_unfinished() == 0)
            seconds, after, operations = time.monotonic() - began, _read_cpu(parts), end - first
            if target.answered > end:
                raise Stalled(f"{contender.name}: {target.answered - end} requests too many\n{_read_tail(log)}")
    return Result(operations / seconds, {name: (after[name] - before[name]) * 1000 / operations for name in parts})


def _read_cpu(parts: Mapping[str, int]) -> dict[str, float]:
    return {name: cpu.cpu_seconds(pid) for name, pid in parts.items()}


def _read_tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-3000:]
