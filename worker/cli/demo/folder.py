"""The folder of a demo, its caretaker, and the signals that end a demo before its time."""

import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Final, Self

from worker.cli.demo import caretaker

_STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_DEADLINE: Final = 20.0


class DemoFolder:
    """A temporary folder with a caretaker, which removes it and all processes noted here when the block ends.

    The caretaker is a process of its own: it does so too when this process is killed.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="vitec-sync-demo-"))
        self.is_kept = False
        # Away from this terminal's signals, and with nothing but the one pipe to the demo.
        self._caretaker = subprocess.Popen(
            [sys.executable, "-I", "-S", caretaker.__file__, str(self.path)],
            bufsize=0,
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def keep(self) -> None:
        """Let the folder stay."""
        self.is_kept = True
        self._note("keep")

    def note_start(self, group: int) -> None:
        """Note a process group that was started."""
        self._note(f"started {group}")

    def note_end(self, group: int) -> None:
        """Note a process group that is no more: its number may soon be another's."""
        self._note(f"ended {group}")

    def _note(self, line: str) -> None:
        assert self._caretaker.stdin is not None  # noqa: S101  It was opened with a pipe.
        # A caretaker that is gone is no reason to end a demo that goes well.
        with suppress(BrokenPipeError):
            self._caretaker.stdin.write(f"{line}\n".encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._caretaker.stdin is not None  # noqa: S101
        self._caretaker.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._caretaker.wait(_DEADLINE)


def end_by_signals() -> None:
    """Let Ctrl-C, SIGTERM and a closed terminal raise `SystemExit`, once: the second one must not cut the cleaning short.

    A signal that the shell has this process ignore (`nohup`, `&` in a script) stays ignored.
    """
    for number in _STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def _stop(number: int, _: FrameType | None) -> None:
    for stopping in _STOPPING:
        signal.signal(stopping, signal.SIG_IGN)
    raise SystemExit(128 + number)
