"""`python -m tests.house.way`: the files and functions of the product that one row enters, from a CSV cell to the results.

One appointment is imported into a new SQLite file, sent to the stand-in for Vitec by one turn, and written to the
results. Everything is real but Vitec, and the files of its stand-in are not counted.
"""

# ruff: noqa: T201 (its output is what it is for)

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pydantic import SecretStr

import migrations
from run import ROOT, clean_environment
from worker import delivery, results
from worker.delivery.dead_mans_switch import restore_default_sigalrm
from worker.importing import import_file
from worker.outbox import Database, connect
from worker.outbox.lanes import environments
from worker.sandbox import PASSWORD, USER, running_sandbox
from worker.settings import Settings
from worker.vitec.client import Client
from worker.vitec.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

PRODUCT = tuple(f"{ROOT}/{folder}/" for folder in ("worker", "models", "migrations"))
STAND_IN = f"{ROOT}/worker/sandbox/"


@dataclass(slots=True)
class Stage:
    """A part of the way; `entered` maps a file to its functions that were called, each in the order of the first call."""

    name: str
    entered: dict[str, dict[str, None]] = field(default_factory=dict)

    def walk(self, action: Callable[[], object]) -> Stage:
        """Do it, noting each function of the product that any thread enters; comprehensions and lambdas count as part."""
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        try:
            action()
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
        return self

    def _note(self, frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        ours = code.co_filename.startswith(PRODUCT) and not code.co_filename.startswith(STAND_IN)
        if event == "call" and ours and not code.co_name.startswith("<"):
            file = code.co_filename.removeprefix(f"{ROOT}/")
            self.entered.setdefault(file, {})[code.co_qualname] = None


def walk(folder: Path) -> list[Stage]:
    """Take one row all the way, with every file of its own in `folder`; raise if it did not succeed."""
    url = f"sqlite:///{folder / 'way.db'}"
    migrations.upgrade(url)
    export, written = folder / "export.csv", folder / "results.csv"
    day = datetime.now(UTC).date() + timedelta(days=2)
    export.write_text(
        "source_id,customer_id,kind,user_id,subject,starts_at,ends_at\n"
        f"A-1,M30001,appointment,HAN1,A viewing,{day} 09:15,{day} 10:15\n"
    )
    db = Database(connect(url))
    with running_sandbox() as sandbox:
        settings = Settings(vitec_base_url=sandbox.base_url, vitec_username=USER, vitec_password=SecretStr(PASSWORD))
        environments.register(db, sandbox.base_url)
        client = Client(sandbox.base_url, Credentials.load(settings))
        restore_default_sigalrm()

        def serve() -> object:
            return delivery.serve("appointment", db=db, client=client, settings=settings, stopping=lambda: False)

        stages = [
            Stage("import").walk(lambda: import_file(db, export)),
            Stage("turn: claim, send, settle").walk(serve),
            Stage("results").walk(lambda: results.write_file(db, written, form="csv")),
        ]
        client.close()
    db.engine.dispose()
    if ",succeeded," not in written.read_text():
        raise RuntimeError(f"the row did not succeed: {written.read_text()}")
    return stages


def totals(stages: list[Stage]) -> tuple[int, int]:
    """How many files, and how many functions, the stages enter together."""
    functions = {(file, name) for stage in stages for file, names in stage.entered.items() for name in names}
    return len({file for file, _ in functions}), len(functions)


def main() -> None:
    """Print each stage with its files and functions, then both totals."""
    environment = clean_environment(dict(os.environ))
    os.environ.clear()
    os.environ.update(environment)
    with TemporaryDirectory(prefix="way-") as folder:
        stages = walk(Path(folder))
    for stage in stages:
        print(f"{stage.name}: {len(stage.entered)} files, {totals([stage])[1]} functions")
        for file, names in stage.entered.items():
            print(f"    {file}: {', '.join(name.rpartition('.')[2] for name in names)}")
    files, functions = totals(stages)
    print(f"together: {files} files, {functions} functions")


if __name__ == "__main__":
    main()
