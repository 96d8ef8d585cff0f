"""The logins as they stand now: read anew when a file they come from has changed, and after a 401.

A file that cannot be read, since it is just being written say, changes nothing: the logins before it stay in use.
"""

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

from worker.vitec.credentials import Credentials, CredentialsError, Login

log = structlog.get_logger(__name__)

READS = 3
"""How often the files are read at most until they stand still."""

Traces = tuple[tuple[int, int, int] | None, ...]
"""Of each file its time of change (ns), size (bytes) and number; None: it is not there."""


class CurrentLogins:
    """Gives logins, by `load`, for one process. Safe to use from many threads."""

    def __init__(self, load: Callable[[], Credentials]) -> None:
        """Read them at once; raises CredentialsError if that cannot be done."""
        self._load = load
        self._lock = threading.Lock()
        self._refused = False
        self._problem: str | None = None
        self.credentials, self._traces = self._read()

    def login_for(self, customer_id: str, function_group: str) -> Login:
        """Give the login for that customer's calls of that group; raise CredentialsError if there is none at all."""
        if self._refused:
            self._refused = False
            self.refresh(at_once=True)
        return self.credentials.login_for(customer_id, function_group)

    def name_login(self, customer_id: str, function_group: str) -> str | None:
        """Name the login for that customer's calls of that group, after a look at the files: each turn asks once."""
        return self.refresh().name_login(customer_id, function_group)

    def note_refusal(self) -> None:
        """Let the logins be read anew before the next request: Vitec has refused one."""
        self._refused = True

    def refresh(self, *, at_once: bool = False) -> Credentials:
        """Read the logins anew if one of their files has changed, or `at_once`; give those that are in use now.

        A problem is told once in the log, by file and key, and tried again the next time.
        """
        with self._lock:
            if at_once or _trace(self.credentials.files) != self._traces:
                try:
                    credentials, self._traces = self._read()
                except CredentialsError as error:
                    self._note_problem(str(error))
                else:
                    self._problem = None
                    if credentials != self.credentials:
                        log.info("the logins have been read anew")
                    self.credentials = credentials
            return self.credentials

    def _read(self) -> tuple[Credentials, Traces]:
        """Read until the files stand still meanwhile: one that changes while it is read is read again."""
        credentials = self._load()
        traces = _trace(credentials.files)
        for _ in range(READS):
            traces = _trace(credentials.files)
            credentials = self._load()
            if _trace(credentials.files) == traces:
                break
        return credentials, traces

    def _note_problem(self, problem: str) -> None:
        if problem != self._problem:
            log.warning("the logins cannot be read anew, those before stay in use", why=problem)
        self._problem = problem


def _trace(files: Iterable[Path]) -> Traces:
    return tuple(map(_trace_file, files))


def _trace_file(file: Path) -> tuple[int, int, int] | None:
    try:
        status = os.stat(file)  # noqa: PTH116 (the same, without a function of the standard library between)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
