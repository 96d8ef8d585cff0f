"""Makes the virtual environment that the lock describes, then runs one command inside it.

It needs Python 3.11 or newer with ensurepip or pip, nothing else: plain Debian has no ensurepip and refuses
`pip install` outside a virtual environment, so the usual two lines of a README fail there.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import venv
from pathlib import Path

try:
    import fcntl
except ImportError:
    sys.exit("This needs Linux or macOS: Celery's worker processes do not run on Windows.")

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = str(VENV / "bin" / "python")
INSTALLED = VENV / ".installed"

COMMANDS = {
    "demo": [[str(VENV / "bin" / "vitec-sync"), "demo"]],
    "test": [[PYTHON, "-m", "pytest", "-n", "2", "--dist", "worksteal"]],
    "check": [
        [PYTHON, "-m", "ruff", "check"],
        [PYTHON, "-m", "ruff", "format", "--check"],
        [PYTHON, "-m", "mypy"],
        [str(VENV / "bin" / "lint-imports")],
        [PYTHON, "-m", "tests.house"],
    ],
    "bench": [[PYTHON, "-m", "bench"]],
    "chaos": [[PYTHON, "-m", "tests.chaos"]],
}
USAGE = """usage: python3 run.py COMMAND [ARGUMENT...]

  demo    the main job, end to end, against a stand-in for Vitec on this machine
  test    the whole test suite, with its own PostgreSQL and Redis
  check   lint, format, types, import contracts and the rules of the house
  bench   the measured promises
  chaos   the failure runs; --long for their full extent"""

# Settings that could lead a demo or a test to a live Vitec, database or broker. Compared without regard to case.
SETTINGS = (
    *("BACKOFF_", "BLANK_", "BREAKER_", "BROKER_", "CELERY_", "CLAIM_", "DATABASE_", "DISPATCH_", "FEED_", "FLOWER_"),
    *("HOLD_", "HOUSEKEEPING_", "LEASE_", "LOG_", "LOOK_UP_", "MAX_FAILURES", "NOTIFICATION_", "ON_DOUBT"),
    *("ORDER_TOKEN_", "PARENT_", "PG", "RESEND_", "RESULTS_", "SENDING_", "STATE_", "TURN_", "VITEC_"),
)

NO_INSTALLER = """This Python has neither ensurepip nor pip 22.3 or newer, so nothing can be installed.
On Debian or Ubuntu: sudo apt install python3-venv    (elsewhere: python3 -m ensurepip)
Then run the same command again."""


def clean_environment(environment: dict[str, str]) -> dict[str, str]:
    """Return `environment` without any setting of the product; `.env` is not to be read either."""
    kept = {name: value for name, value in environment.items() if not name.upper().startswith(SETTINGS)}
    return {**kept, "VITEC_SYNC_IGNORE_DOTENV": "1"}


def digest_wanted() -> list[str]:
    """Describe the installation in two digests: the third-party packages, and the project itself."""
    packages = [sys.version, sys.base_prefix, str(ROOT), (ROOT / "requirements.lock").read_text(encoding="utf-8")]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return [hashlib.sha256(text.encode()).hexdigest() for text in ("\0".join(packages), project)]


def read_installed() -> list[str]:
    """Describe what was installed last, in the same two digests; nothing if that never came to an end."""
    return INSTALLED.read_text(encoding="ascii").split() if INSTALLED.exists() else []


def prepare_pip() -> list[str]:
    """Make an empty environment unless there is one, and return the command that installs into it."""
    own = importlib.util.find_spec("ensurepip") is not None
    if not own:
        try:
            version = importlib.metadata.version("pip")
        except importlib.metadata.PackageNotFoundError:
            sys.exit(NO_INSTALLER)
        if tuple(int(part) for part in version.split(".")[:2]) < (22, 3):
            sys.exit(NO_INSTALLER)
    if not read_installed():
        if VENV.is_symlink():
            sys.exit(
                ".venv is a link: installing would empty the folder it leads to. Remove the link, then run this again."
            )
        venv.create(VENV, clear=True, symlinks=True, with_pip=own)
    return [PYTHON, "-m", "pip"] if own else [sys.executable, "-m", "pip", "--python", PYTHON]


def install() -> None:
    """Bring the environment to what the lock says. Only wheels with a hash from the lock get in."""
    (packages, project), installed_digests = digest_wanted(), read_installed()
    if installed_digests[:1] != [packages]:
        INSTALLED.unlink(missing_ok=True)
        print("Setting up .venv: once, and again when requirements.lock changes.", file=sys.stderr, flush=True)
    command = [*prepare_pip(), "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    # Where a person's own pip settings say "user", an environment could not be installed into.
    surroundings = {**os.environ, "PIP_USER": "0"}
    if installed_digests[:1] != [packages]:
        locked = ["--require-hashes", "--only-binary", ":all:", "--requirement", str(ROOT / "requirements.lock")]
        subprocess.run([*command, *locked], check=True, env=surroundings)
    itself = ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    subprocess.run([*command, *itself], check=True, env=surroundings)
    INSTALLED.write_text(f"{packages}\n{project}\n", encoding="ascii")


def prepare() -> None:
    """Install if need be, and keep a lock that lasts as long as the command does.

    Commands share the lock; installing takes it alone, so an environment never changes under a command.
    """
    lock = os.open(ROOT / ".venv.lock", os.O_RDWR | os.O_CREAT, 0o666)
    os.set_inheritable(lock, True)
    fcntl.flock(lock, fcntl.LOCK_SH)
    if read_installed() == digest_wanted():
        return
    fcntl.flock(lock, fcntl.LOCK_EX)
    if read_installed() != digest_wanted():
        install()
    fcntl.flock(lock, fcntl.LOCK_SH)


def main(arguments: list[str]) -> int:
    """Run one command and return its exit status: the first bad one where a command has several parts."""
    name, *options = arguments or ["--help"]
    if sys.version_info < (3, 11):  # noqa: UP036 (this file runs before anything has looked at the version)
        sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ".")
    if name not in COMMANDS:
        print(USAGE)
        return 0 if name in ("-h", "--help") else 2
    try:
        prepare()
    except subprocess.CalledProcessError as failure:
        print("The packages could not be installed; pip says why above.", file=sys.stderr)
        return failure.returncode
    os.chdir(ROOT)
    environment = clean_environment(dict(os.environ))
    if len(COMMANDS[name]) == 1:
        (command,) = COMMANDS[name]
        # The command takes this process over, so that signals and the exit status are its own.
        os.execve(command[0], [*command, *options], environment)  # noqa: S606
    statuses = [subprocess.run(part, check=False, env=environment).returncode for part in COMMANDS[name]]
    return next((status for status in statuses if status), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
