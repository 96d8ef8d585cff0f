"""A sandbox that runs: in a thread beside a test, or as the whole of a process."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from worker.sandbox.api.access import AccessRules
from worker.sandbox.faults.fault import Fault
from worker.sandbox.faults.script import Script, ScriptedFaults, ScriptSource
from worker.sandbox.latency import Latency
from worker.sandbox.ledger import IN_MEMORY, Ledger
from worker.sandbox.listener import LOOPBACK, bind_loopback
from worker.sandbox.server import Certificate, Server
from worker.sandbox.service import Service

_DEADLINE = 10.0
_UNTIL_OPENED = 3600.0


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """Settings of a sandbox. `ledger` is a file, or `:memory:` for one that ends with the process."""

    port: int = 0
    host: str = LOOPBACK
    ledger: Path | str = IN_MEMORY
    faults: ScriptSource = None
    latency: Latency = field(default_factory=Latency)
    access: AccessRules = field(default_factory=AccessRules)
    tls: Certificate | None = None


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox. Every method may be called from any thread but its own."""

    base_url: str
    port: int
    access: AccessRules
    ledger: Ledger
    _server: Server
    _loop: asyncio.AbstractEventLoop
    _stopping: asyncio.Event

    def play(self, faults: ScriptSource) -> None:
        """Replace the faults in force; None ends them all."""
        script = Script.read(faults)
        self._run_on_loop(lambda: self._server.play(script))

    def fail_connections(self, fault: Fault, seconds: float) -> None:
        """Put a connection fault on for so many seconds, or until `accept_connections`."""
        self._run_on_loop(lambda: self._server.fail_connections(fault, seconds))

    def accept_connections(self) -> None:
        self._run_on_loop(self._server.accept_connections)

    @contextmanager
    def failing_connections(self, fault: Fault) -> Iterator[None]:
        """Put a connection fault on for as long as the block lasts."""
        self.fail_connections(fault, _UNTIL_OPENED)
        try:
            yield
        finally:
            self.accept_connections()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)

    def _run_on_loop(self, order: Callable[[], None]) -> None:
        async def obey() -> None:
            order()

        asyncio.run_coroutine_threadsafe(obey(), self._loop).result(_DEADLINE)


@contextmanager
def running_sandbox(
    *,
    ledger: Path | str = IN_MEMORY,
    faults: ScriptSource = None,
    latency: Latency | None = None,
    access: AccessRules | None = None,
    tls: Certificate | None = None,
    port: int = 0,
) -> Iterator[Sandbox]:
    """Run a sandbox in a thread of this process: it listens when the block begins, and is gone when it ends."""
    options = SandboxOptions(port, LOOPBACK, ledger, faults, latency or Latency(), access or AccessRules(), tls)
    started: Future[Sandbox] = Future()
    thread = threading.Thread(target=_run_in_thread, args=(options, started), name="sandbox", daemon=True)
    thread.start()
    sandbox = started.result(_DEADLINE)
    try:
        yield sandbox
    finally:
        sandbox.stop()
        thread.join(_DEADLINE)


def run_sandbox(options: SandboxOptions, announce: Callable[[Sandbox], None]) -> None:
    """Run until SIGTERM or SIGINT. `announce` is called once connections are accepted."""

    def ready(sandbox: Sandbox) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, sandbox.stop)
        announce(sandbox)

    asyncio.run(_run(options, ready))


def _run_in_thread(options: SandboxOptions, started: Future[Sandbox]) -> None:
    try:
        asyncio.run(_run(options, started.set_result))
    except Exception as error:
        if started.done():
            raise
        started.set_exception(error)


async def _run(options: SandboxOptions, ready: Callable[[Sandbox], None]) -> None:
    script = Script.read(options.faults)
    tls = options.tls.context() if options.tls else None
    with bind_loopback(options.port, options.host) as bound, Ledger(options.ledger) as ledger:
        service = Service(ledger, options.access, ScriptedFaults(script))
        server = Server(service, bound, latency=options.latency, tls=tls)
        port = bound.getsockname()[1]
        base_url = f"{'https' if tls else 'http'}://{options.host}:{port}"
        stopping = asyncio.Event()
        server.open()
        try:
            ready(Sandbox(base_url, port, options.access, ledger, server, asyncio.get_running_loop(), stopping))
            await stopping.wait()
        finally:
            await server.close()
