"""Processes beside Celery that take turns without a ring, for as long as no ring can be heard.

The main process starts them and asks them to end; run as a program, this module is one of them. Turns are safe wherever
they run: the lane's lease and the limits of the environment are kept by the database, not by the broker.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from time import monotonic

import structlog

from worker import bootstrap, logs
from worker.kinds import KIND_BY_NAME
from worker.outbox.lanes import environments, turns

log = structlog.get_logger(__name__)

LOOK_FOR_STOP = 0.5
"""Seconds between two looks whether the process has been asked to end, or has lost its parent."""


class LocalTurns:
    """The processes of one worker. They are started when they are wanted, and started anew if one of them dies."""

    def __init__(self, loglevel: int | str, logfile: str | None) -> None:
        self._command = [sys.executable, "-m", __name__, str(os.getpid()), str(loglevel), logfile or ""]
        self._processes: list[subprocess.Popen[bytes]] = []
        self.began_at: float | None = None
        """When they were started, by the monotonic clock; None: they are not wanted."""
        # The worker's stop comes from another thread than its watch, and must not wait for that one's statements.
        self._lock = threading.Lock()
        self._is_closed = False

    def keep(self, count: int) -> None:
        """Let so many live from here on, unless they have been closed."""
        with self._lock:
            if self._is_closed:
                return
            if self.began_at is None:
                self.began_at = monotonic()
            self.reap()
            while len(self._processes) < count:
                self._processes.append(subprocess.Popen(self._command, stdin=subprocess.DEVNULL))

    def close(self) -> None:
        """Let each finish its turn and end, and start none any more."""
        with self._lock:
            self._is_closed = True
        self.ask_to_end()

    def reap(self) -> None:
        """Forget those that have ended."""
        self._processes = [process for process in self._processes if process.poll() is None]

    def ask_to_end(self) -> None:
        """Let each finish its turn and end."""
        self.began_at = None
        for process in self._processes:
            process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> None:
        """Wait for the ends that were asked for, at most so long."""
        end = monotonic() + seconds
        for process in self._processes:
            try:
                process.wait(max(0.0, end - monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("a turn did not end in time; it ends by itself", pid=process.pid)


def serve_until(ended: Callable[[float], bool]) -> None:
    """Take one turn after another, of the kind that has been due longest; look again in a while if none is due.

    `ended` waits for so many seconds at most and tells whether it is time to end.
    """
    settings, outage = bootstrap.settings(), logs.Outage("a local turn could not be taken", "local turns are taken")
    while not ended(0):
        try:
            kind = turns.longest_due_kind(bootstrap.database(), KIND_BY_NAME)
            # A worker looks after what is due: without this note, status would say that no worker does.
            environments.note_dispatch(bootstrap.database())
            if kind is not None:
                report = bootstrap.serve_turn(kind)
                log.info(str(report), kind=kind)
            outage.end()
        except Exception as error:  # noqa: BLE001 (of any class; the next look is in a few seconds)
            outage.note(bootstrap.name_fault(error))
            kind = None
        if kind is None:
            ended(settings.dispatch_every)


def main(parent: str, loglevel: str, logfile: str) -> None:
    """Serve until asked to end, or until the process with the id `parent`, which has started this one, has died."""
    logs.configure(int(loglevel) if loglevel.isdigit() else loglevel, logfile or None)
    stop = threading.Event()

    def end(*_: object) -> None:
        bootstrap.ask_to_stop()
        stop.set()

    def end_with_parent() -> None:
        while not stop.wait(LOOK_FOR_STOP):
            if os.getppid() != int(parent):
                end()

    # Ctrl-C reaches the whole group of the terminal; the parent passes its own decision on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A terminal that is closed reaches it likewise: a turn that is cut off leaves doubts.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=end_with_parent, name="parent", daemon=True).start()
    serve_until(lambda seconds: stop.wait(seconds) or stop.is_set())


if __name__ == "__main__":
    main(*sys.argv[1:])
