"""G3, too: comebacks in doubt are looked up at a stand-in that dates them wrongly. None may be made twice, none forgotten."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import select

from models import Operation, State
from tests.chaos import fork
from tests.chaos.checker import check
from tests.chaos.evidence import NUMBERING, count_ever_in_doubt, gather_evidence
from tests.chaos.result import Result
from worker.outbox.lanes.environments import register
from worker.sandbox import Cut, Fault, WrongClock, running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.chaos.fork import WarmEngine
    from tests.chaos.stage import Site
    from worker.outbox import Database
    from worker.settings import Settings

PATIENCE = 60.0
"""Seconds within which every doubt must have come to its end."""

WAITS = {"look_up_quiet": 0.0, "look_up_gap": 0.5, "look_up_unclear": 2, "backoff_first": 0.1, "backoff_cap": 0.5}


@dataclass(frozen=True, slots=True)
class Case:
    """A clock of the stand-in's. `proves`: by it a comeback that was made is known to have been."""

    name: str
    clock: WrongClock
    proves: bool = False


CASES = (
    Case("a right clock", WrongClock(), proves=True),
    Case("a clock behind by 3 h", WrongClock(lead=-10_800)),
    Case("a clock behind by 2 days", WrongClock(lead=-172_800)),
    Case("a clock ahead by 3 h", WrongClock(lead=10_800)),
    Case("a clock in UTC", WrongClock(in_utc=True)),
    Case("a clock cut to the minute", WrongClock(lead=-60, cut=Cut.MINUTE)),
    Case("a clock cut to the day", WrongClock(lead=-60, cut=Cut.DAY)),
)


def run(site: Site, warm: WarmEngine, settings: Settings, times: int) -> list[Result]:
    """Let so many comebacks be made and not answered, and as many not be made, under each clock, side by side."""
    settings = settings.model_copy(update=WAITS)
    folder = site.folder / "clocks"
    folder.mkdir()
    places = [
        (case, site.create_database(f"g3_clock_{n}", 50_000_000 + 1_000_000 * n), folder / f"{n}")
        for n, case in enumerate(CASES)
    ]
    shares = [partial(_play, case, warm, settings, times, url, path) for case, url, path in places]
    endings = fork.run_side_by_side(shares, patience=PATIENCE + 60)
    results = []
    for (case, url, path), ending in zip(places, endings, strict=True):
        problems = [f"its process ended: {ending}"] if ending != fork.Ending(status=0) else json.loads(path.read_text())
        evidence = gather_evidence([url], [path.with_suffix(".sqlite3")])
        doubted = count_ever_in_doubt(evidence)
        notes = "known as made" if case.proves else "made: a person's; not made: sent again"
        broken = tuple(check(evidence))
        results.append(Result("G3", case.name, len(evidence.rows), doubted, broken, tuple(problems), notes=notes))
    return results


def _play(case: Case, warm: WarmEngine, settings: Settings, times: int, url: str, report: Path) -> None:
    """Send, lose the answers, and look up until each comeback has ended or is a person's."""
    db = warm.switch_to(url)
    register(db, warm.base_url)
    made, lost = Fault.RESET_AFTER_PROCESSING, Fault.RESET_BEFORE_PROCESSING
    with running_sandbox(ledger=report.with_suffix(".sqlite3")) as sandbox:
        rules = [{"fault": fault, "match": {"kind": "comeback"}, "times": times} for fault in (made, lost)]
        sandbox.play({"clock": case.clock.model_dump(), "rules": rules})
        for number in range(2 * times):
            fork.record_operation(db, "comeback", number, "M1")
        client = fork.client_for(sandbox.base_url, settings)
        fork.work_until_ended(db, client, settings, ["comeback"], seconds=PATIENCE)
        client.close()
        entries = sandbox.ledger.requests()
    ids = {
        fault: {_operation_of(entry.request_id) for entry in entries if entry.fault == fault} for fault in (made, lost)
    }
    report.write_text(json.dumps([*_wrong_ends(db, case, ids[made], ids[lost], times)]), encoding="utf-8")


def _operation_of(request_id: str | None) -> int:
    return int((request_id or "0").partition(".")[0])


def _wrong_ends(db: Database, case: Case, made: set[int], lost: set[int], times: int) -> Iterator[str]:
    """List the comebacks that ended otherwise than they must: known as made, or a person's; or sent again."""
    if (len(made), len(lost)) != (times, times):
        yield f"{len(made)} were made and {len(lost)} were not, of {times} each"
    with db.read() as connection:
        columns = select(Operation.id, Operation.state, Operation.needs_person)
        rows = connection.execute(columns.where(Operation.feed != NUMBERING)).all()
    for row in rows:
        unclear = row.id in made and not case.proves
        if unclear and not (row.state == State.IN_DOUBT and row.needs_person):
            yield f"comeback {row.id} was made, and is {State(row.state)}, not a person's"
        if not unclear and row.state != State.SUCCEEDED:
            yield f"comeback {row.id} is {State(row.state)}, not succeeded"
