"""The commands that go on from a demo: each can be pasted into a shell as it is printed."""

import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from worker.cli import terminal
from worker.cli.demo.processes import DemoProcesses

SETTINGS = "settings.sh"
"""The file of a kept folder that gives a shell the demo's settings."""

GO_ON = "go-on.sh"
"""The file of a kept folder that starts the demo's processes again."""


def write_settings(processes: DemoProcesses, broker: Sequence[str], url: str) -> None:
    """Write the two files for a shell into the demo's folder, readable for their owner only.

    `broker` is the command that the broker runs by, `url` the address of the stand-in, to which the database is bound.
    """
    folder = processes.folder
    lines = [f"export {name}={shlex.quote(value)}" for name, value in _settings_of(processes.environment).items()]
    lines.append(f'export PATH={shlex.quote(str(_script_path().parent))}:"$PATH"')
    _write(folder / SETTINGS, lines)
    celery = "celery -A worker"
    sandbox = ["vitec-sync", "sandbox", "--port", str(urlsplit(url).port), "--ledger", str(folder / "ledger.db")]
    commands = [
        shlex.join(broker),
        shlex.join(sandbox),
        f"{celery} worker --loglevel WARNING --concurrency 2",
        f"{celery} beat --loglevel WARNING",
    ]
    go_on = [
        f"cd {shlex.quote(str(folder))} && . ./{SETTINGS}",
        "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT INT TERM HUP",
        *(f"{command} >>go-on.log 2>&1 &" for command in commands),
        'echo "Broker, stand-in, worker and beat run; Ctrl-C ends them. Their words: $PWD/go-on.log"',
        "wait",
    ]
    _write(folder / GO_ON, go_on)


def print_ways_on(folder: Path) -> None:
    """Say where the files are, how to look at them, how to go on sending, and how to remove them."""
    quoted = {name: shlex.quote(str(folder / name)) for name in (SETTINGS, GO_ON)}
    terminal.print_line(f"\nKept: {folder}. To look at it, give a shell its settings; then all commands are about it:")
    terminal.print_line(f"  . {quoted[SETTINGS]}")
    terminal.print_line("  vitec-sync status")
    terminal.print_line("  vitec-sync list --state in_doubt")
    terminal.print_line("  vitec-sync results --all")
    terminal.print_line("To go on sending, start the four processes anew (Ctrl-C ends them):")
    terminal.print_line(f"  bash {quoted[GO_ON]}")
    terminal.print_line("To remove it:")
    terminal.print_line(f"  rm -r {shlex.quote(str(folder))}")


def print_where_next() -> None:
    """Name the commands to try next, by a path under which this shell finds them."""
    path = _script_path()
    on_path = shutil.which(path.name)
    own = path.name if on_path and Path(on_path).resolve() == path.resolve() else shlex.quote(str(path))
    terminal.print_heading("Where to look next")
    terminal.print_line(f"{own} demo --keep    leaves a database to try the commands on, and says how")
    terminal.print_line(f"{own} --help         lists the commands")


def _settings_of(environment: Mapping[str, str]) -> dict[str, str]:
    own = ("BROKER_", "DATABASE_", "DISPATCH_", "EXPIRE_", "HOUSEKEEPING_", "STATE_DIR", "VITEC_")
    return {name: value for name, value in sorted(environment.items()) if name.startswith(own)}


def _script_path() -> Path:
    """Give the path of the command that this process was started by, or of the one beside this Python."""
    started = Path(sys.argv[0])
    return started.absolute() if started.name == "vitec-sync" else Path(sys.executable).with_name("vitec-sync")


def _write(path: Path, lines: Sequence[str]) -> None:
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
