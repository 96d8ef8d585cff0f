"""Real processes of the product: started with an environment of their own, waited for, and ended by their pid."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from run import ROOT, clean_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BIN = Path(sys.executable).parent

FIXED_DATES = {"EXPIRE_AT_OWN_DATE": "false"}
"""The dates of the tests' rows stand fast, and will pass."""


class Late(AssertionError):  # noqa: N818 (a fact)
    """Something did not come true in time; the message ends with the process's own last words."""


def until(true: Callable[[], object], *, seconds: float = 30, why: str = "it did not come true in time") -> None:
    """Return as soon as `true` is; raise `Late` if it is not by the deadline."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise Late(why)
        time.sleep(0.05)


class Process:
    """One process of the product. Its output goes to a file; leaving the block ends it, killed if it will not."""

    def __init__(self, command: list[str], folder: Path, settings: Mapping[str, str], name: str) -> None:
        self.command, self.folder, self.name = command, folder, name
        self.environment = {**clean_environment(dict(os.environ)), **FIXED_DATES, "PYTHONUNBUFFERED": "1", **settings}
        self._output = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it, away from this terminal's signals."""
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return self

    @property
    def output(self) -> str:
        """All that it has said so far."""
        return self._output.read_text(encoding="utf-8", errors="replace") if self._output.exists() else ""

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it was never started"
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def says(self, text: str, *, seconds: float = 30) -> Self:
        """Return as soon as `text` stands in its output."""
        self.until(lambda: text in self.output, seconds=seconds, why=f"{self.name} never said {text!r}")
        return self

    def until(self, true: Callable[[], object], *, seconds: float = 30, why: str = "it did not come true") -> None:
        """Wait as `until` does, but not for longer than the process lives."""
        self._until(lambda: true() or not self.alive, seconds, why)
        if not true():
            raise Late(self.told(f"{why}, and it has ended"))

    def ends(self, *, seconds: float = 30) -> int:
        """Wait for its end and return its exit status."""
        self._until(lambda: not self.alive, seconds, "it did not end")
        return self.process.returncode

    def terminate(self) -> None:
        """Ask the main process alone to stop, as a supervisor does."""
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it and its children as a crash of the machine would."""
        os.killpg(self.pid, signal.SIGKILL)
        self.process.wait(10)

    def _until(self, true: Callable[[], object], seconds: float, why: str) -> None:
        try:
            until(true, seconds=seconds, why=why)
        except Late:
            # Its last words are those it has said meanwhile.
            raise Late(self.told(why)) from None

    def told(self, why: str) -> str:
        """Describe it, with its last words."""
        return f"{why}\n--- {self.name}:\n{self.output[-3000:]}"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        if self.alive:
            self.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(15)
        # Children that outlived it belong to its process group, which bears its number.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)


def celery(role: str, folder: Path, settings: Mapping[str, str], *options: str, name: str | None = None) -> Process:
    """`celery -A worker ROLE`, as it stands."""
    return Process([str(BIN / "celery"), "-A", "worker", role, *options], folder, settings, name or role)


def worker(folder: Path, settings: Mapping[str, str], *options: str, name: str = "worker") -> Process:
    """A worker with two children, which tells what it does."""
    chosen = ("--loglevel", "INFO", "--concurrency", "2", "--hostname", f"{name}@%h", *options)
    return celery("worker", folder, settings, *chosen, name=name)


def vitec_sync(folder: Path, settings: Mapping[str, str], *arguments: str, name: str | None = None) -> Process:
    """One of the commands."""
    return Process([str(BIN / "vitec-sync"), *arguments], folder, settings, name or arguments[0])


def list_processes(word: str) -> list[int]:
    """List the ids of the living processes that have the word in their command line."""
    lines = subprocess.run(["ps", "-A", "-o", "pid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    listed = (line.split(None, 2) for line in lines.splitlines() if word in line)
    return [int(pid) for pid, state, _ in listed if not state.startswith("Z")]
