"""Makes the virtual environment that the lock describes, then runs one command inside it.

It needs Python 3.11 or newer with ensurepip or pip, nothing else: plain Debian has no ensurepip and refuses
`pip install` outside a virtual environment, so the usual two lines of a README fail there.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 (this file runs before anything has looked at the version)
    sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ".")

import contextlib
import difflib
import hashlib
import importlib.metadata
import importlib.util
import os
import signal
import subprocess
from pathlib import Path

try:
    import venv
except ImportError:
    sys.exit("This Python has no module venv. On Debian or Ubuntu: sudo apt install python3-venv")
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
ARGUMENTS = {"demo": ("--keep", "--help"), "check": ()}
"""The arguments that a command takes, where they are known before its packages are there."""

LOCKS = {"demo": "requirements-demo.lock"}
"""The lock of a command that needs no test tools; all else needs the whole of it."""

WHOLE_LOCK = "requirements.lock"
UNREACHABLE = ("NewConnectionError", "NameResolutionError", "ConnectTimeout", "Max retries", "ProxyError", "Errno -3")

USAGE = """usage: python3 run.py COMMAND [ARGUMENT...]

  demo    the main job, end to end, against a stand-in for Vitec on this machine
  test    the whole test suite, with its own PostgreSQL and Redis
  check   lint, format, types, import contracts and the rules of the house
  bench   the measured promises
  chaos   the failure runs; --long for their full extent"""

# Settings that could lead a demo or a test to a live Vitec, database or broker. Compared without regard to case.
SETTINGS = (
    *(
        "BACKOFF_",
        "BLANK_",
        "BREAKER_",
        "BROKER_",
        "CELERY_",
        "CLAIM_",
        "DATABASE_",
        "DISPATCH_",
        "EXPIRE_",
        "FEED_",
        "FEEDS_",
        "FLOWER_",
    ),
    *("HOLD_", "HOUSEKEEPING_", "LANGUAGE", "LEASE_", "LOG_", "LOOK_UP_", "MAX_FAILURES", "NOTIFICATION_", "ON_DOUBT"),
    *("ORDER_TOKEN_", "PARENT_", "PG", "RESEND_", "RESULTS_", "SENDING_", "STATE_", "TURN_", "VITEC_"),
)

NO_INSTALLER = """This Python has neither ensurepip nor pip 22.3 or newer, so nothing can be installed.
On Debian or Ubuntu: sudo apt install python3-venv    (elsewhere: python3 -m ensurepip)
Then run the same command again."""


def clean_environment(environment: dict[str, str]) -> dict[str, str]:
    """Return `environment` without any setting of the product; `.env` is not to be read either."""
    kept = {name: value for name, value in environment.items() if not name.upper().startswith(SETTINGS)}
    return {**kept, "VITEC_SYNC_IGNORE_DOTENV": "1"}


def digest(text: str) -> str:
    """Give the digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest_lock(name: str) -> str:
    """Give the digest of the packages that a lock describes, for this Python in this folder."""
    return digest("\0".join([sys.version, sys.base_prefix, str(ROOT), (ROOT / name).read_text(encoding="utf-8")]))


def digest_wanted(lock: str = WHOLE_LOCK) -> list[str]:
    """Describe the installation in two digests: the third-party packages, and the project itself."""
    return [digest_lock(lock), digest((ROOT / "pyproject.toml").read_text(encoding="utf-8"))]


def read_installed() -> list[str]:
    """Describe what was installed last, in digests; nothing if that never came to an end."""
    return INSTALLED.read_text(encoding="ascii").split() if INSTALLED.exists() else []


def is_installed(lock: str) -> bool:
    """Check whether the packages of a lock are there, and the project as it is."""
    return set(digest_wanted(lock)) <= set(read_installed())


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
        venv.create(VENV, clear=True, symlinks=True)
        if own:
            run_pip([PYTHON, "-I", "-m", "ensurepip"], 0)
    return [PYTHON, "-m", "pip"] if own else [sys.executable, "-m", "pip", "--python", PYTHON]


def install(lock: str) -> None:
    """Bring the environment to what the lock says. Only wheels with a hash from the lock get in."""
    (packages, project), installed_digests = digest_wanted(lock), read_installed()
    known = {digest_lock(name) for name in (WHOLE_LOCK, *LOCKS.values())}
    if packages not in installed_digests:
        print(f"Making .venv: once, and again when {lock} changes.", file=sys.stderr, flush=True)
        # What the demo needs is a part of the whole, and stays; an environment of an older lock is made anew.
        if not known & set(installed_digests):
            INSTALLED.unlink(missing_ok=True)
    command = [*prepare_pip(), "install", "--no-input", "--disable-pip-version-check"]
    # Until the end of it the environment counts as not installed.
    INSTALLED.unlink(missing_ok=True)
    if packages not in installed_digests:
        locked = ["--require-hashes", "--only-binary", ":all:", "--requirement", str(ROOT / lock)]
        run_pip([*command, *locked], (ROOT / lock).read_text(encoding="utf-8").count("=="))
    run_pip([*command, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], 1)
    digests = [packages, *(known if lock == WHOLE_LOCK else known & set(installed_digests)), project]
    INSTALLED.write_text("\n".join(digests) + "\n", encoding="ascii")


def run_pip(command: list[str], packages: int) -> None:
    """Run pip and tell its progress. Ends this program with one line and pip's own error if it fails."""
    # Its own temporary files go with the environment. Where a person's own pip settings say "user", it could not
    # install into an environment.
    folder = VENV / "tmp"
    folder.mkdir(exist_ok=True)
    surroundings = {**os.environ, "PIP_USER": "0", "TMPDIR": str(folder)}
    lines, collected = [], 0
    # In a group of its own: Ctrl-C reaches it once, from here, and it cleans up.
    with subprocess.Popen(
        command, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0
    ) as pip:
        try:
            for line in pip.stdout or ():
                lines.append(line)
                if line.startswith("Collecting "):
                    collected += 1
                    tell(f"  package {collected} of {packages}: {line.split()[1]}")
                elif collected and line.startswith("Installing collected"):
                    tell(f"  installing {collected} packages ...")
        except BaseException:
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(pip.pid, signal.SIGINT)
                pip.wait(10)
            raise
    if pip.returncode:
        text = "".join(lines)
        print("".join(line for line in lines if "ERROR" in line), end="", file=sys.stderr)
        if any(word in text for word in UNREACHABLE):
            sys.exit("The package registry cannot be reached: check the network, or the proxy in HTTPS_PROXY.")
        sys.exit("The packages could not be installed; pip says why above.")


def tell(text: str) -> None:
    """Print a line of progress."""
    print(text, file=sys.stderr, flush=True)


def prepare(lock_name: str) -> None:
    """Install if need be, and keep a lock that lasts as long as the command does.

    Commands share the lock; installing takes it alone, so an environment never changes under a command.
    """
    lock = os.open(ROOT / ".venv.lock", os.O_RDWR | os.O_CREAT, 0o666)
    os.set_inheritable(lock, True)
    fcntl.flock(lock, fcntl.LOCK_SH)
    if is_installed(lock_name):
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Waiting until another run.py in this folder has ended ...", file=sys.stderr, flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    if not is_installed(lock_name):
        install(lock_name)
    fcntl.flock(lock, fcntl.LOCK_SH)


def find_mistake(name: str, options: list[str]) -> str | None:
    """Say in one line what is wrong with the arguments; None if nothing is known to be."""
    if name not in COMMANDS:
        nearest = difflib.get_close_matches(name.lower(), COMMANDS, 1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(COMMANDS)}."
        return f"run.py: no command {name!r}; {hint}" if name else f"run.py: which command? {hint.capitalize()}"
    for option in options:
        if name in ARGUMENTS and option not in ARGUMENTS[name]:
            nearest = difflib.get_close_matches(option, ARGUMENTS[name], 1)
            known = " and ".join(ARGUMENTS[name]) or "no arguments"
            return f"run.py {name}: no argument {option!r}; " + (
                f"did you mean {nearest[0]}?" if nearest else f"it takes {known}."
            )
    if name == "test" and options[-1:] and options[-1] in {"-k", "-m", "-n", "-p"}:
        return f"run.py test: {options[-1]} needs a value."
    return None


def main(arguments: list[str]) -> int:
    """Run one command and return its exit status: the first bad one where a command has several parts."""
    name, *options = arguments or [""]
    if name in {"-h", "--help", "help"}:
        print(USAGE)
        return 0
    if mistake := find_mistake(name, options):
        print(mistake, file=sys.stderr)
        return 2
    # Where the shell has it ignore a closed terminal (`nohup`), it goes on ignoring it.
    stopping = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is not signal.SIG_IGN]
    for number in stopping:
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        prepare(LOCKS.get(name, WHOLE_LOCK))
    except subprocess.CalledProcessError as failure:
        print(f"The environment .venv could not be made: {failure}", file=sys.stderr)
        return failure.returncode
    except OSError as failure:
        print(f"The environment .venv could not be made: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. The next run goes on by making .venv anew.", file=sys.stderr)
        return 130
    for number in stopping:
        signal.signal(number, signal.SIG_DFL)
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
