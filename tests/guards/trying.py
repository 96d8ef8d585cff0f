"""A copy of the tree, in which guards are taken out and tests run."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

from run import ROOT
from tests.guards.guard import Guard

_NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__", "var", "bench")
_PATIENCE = 300


class Verdict(StrEnum):
    """The result of taking a guard out."""

    NOTICED = "noticed"
    UNNOTICED = "NOT NOTICED"
    MOVED = "ITS TEXT HAS CHANGED"
    BROKEN = "THE TEST DID NOT RUN"


@contextmanager
def copy_of_the_tree() -> Iterator[Path]:
    """A copy that may be changed; gone afterwards."""
    with TemporaryDirectory(prefix="guards-") as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(ROOT, copy, ignore=_NOT_COPIED, symlinks=True)
        yield copy


def try_without(guard: Guard, copy: Path) -> Verdict:
    """Take the guard out of the copy, run its test there, and put it back."""
    if not guard.stands(copy):
        return Verdict.MOVED
    before = guard.remove(copy)
    try:
        status = run_test(guard.test, copy)
    finally:
        (copy / guard.file).write_text(before, "utf-8")
    match status:
        case 0:
            return Verdict.UNNOTICED
        case 1:
            return Verdict.NOTICED
        case _:
            return Verdict.BROKEN


def run_test(test: str, copy: Path) -> int:
    """Run the test. Returns pytest's exit status, -1 if no pytest ran, 1 if the test hangs: it has noticed, too."""
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", test]
    try:
        completed = subprocess.run(command, cwd=copy, check=False, timeout=_PATIENCE, capture_output=True)
    except subprocess.TimeoutExpired:
        return 1
    # A Python that has no pytest ends with 1, too: without a summary no test has run.
    ran = completed.stdout.rstrip().rpartition(b"\n")[2]
    return completed.returncode if b" in " in ran else -1
