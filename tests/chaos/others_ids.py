"""G3, too: answers come that nothing asked for, or all have one id. No operation may keep another's id in silence."""

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
from tests.chaos.wrong_clocks import PATIENCE, WAITS
from worker.outbox.exchange.questioned import ANSWER_IN_QUESTION
from worker.outbox.exchange.settle import REPEATED_ID
from worker.outbox.lanes.environments import register
from worker.sandbox import Fault, running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.chaos.fork import WarmEngine
    from tests.chaos.stage import Site
    from worker.outbox import Database
    from worker.settings import Settings

OF_IDS = {Fault.SECOND_ANSWER, Fault.SAME_ID}

KINDS = ("appointment", "comeback")
"""The kinds of which each operation gets an id that should be its own alone."""


@dataclass(frozen=True, slots=True)
class Case:
    """One of the two faults, how long after the right answer the second one comes, and how probably."""

    name: str
    fault: Fault
    delay_ms: float = 0
    probability: float = 1.0


CASES = (
    Case("a second answer at once", Fault.SECOND_ANSWER),
    Case("a second answer, now and then", Fault.SECOND_ANSWER, probability=0.1),
    Case("a second answer 2 ms later", Fault.SECOND_ANSWER, delay_ms=2),
    Case("a second answer 20 ms later", Fault.SECOND_ANSWER, delay_ms=20),
    Case("the same id for all", Fault.SAME_ID),
)


def run(site: Site, warm: WarmEngine, settings: Settings, times: int) -> list[Result]:
    """Let twenty times so many operations of each kind meet each case, side by side."""
    settings = settings.model_copy(update=WAITS)
    folder = site.folder / "ids"
    folder.mkdir()
    places = [
        (case, site.create_database(f"g3_ids_{n}", 70_000_000 + 1_000_000 * n), folder / f"{n}")
        for n, case in enumerate(CASES)
    ]
    shares = [partial(_play, case, warm, settings, (20 * times, site.seed), url, path) for case, url, path in places]
    endings = fork.run_side_by_side(shares, patience=PATIENCE + 60)
    results = []
    for (case, url, path), ending in zip(places, endings, strict=True):
        problems = [f"its process ended: {ending}"] if ending != fork.Ending(status=0) else json.loads(path.read_text())
        evidence = gather_evidence([url], [path.with_suffix(".sqlite3")])
        in_question = sum(row.in_question for row in evidence.rows.values())
        notes = f"{in_question} in question" if case.fault is Fault.SECOND_ANSWER else "all but the first flagged"
        doubted, broken = count_ever_in_doubt(evidence), tuple(check(evidence))
        results.append(Result("G3", case.name, len(evidence.rows), doubted, broken, tuple(problems), notes=notes))
    return results


def _play(case: Case, warm: WarmEngine, settings: Settings, extent: tuple[int, int], url: str, report: Path) -> None:
    """Send all under the fault, and look up what came in doubt."""
    db, (times, seed) = warm.switch_to(url), extent
    register(db, warm.base_url)
    with running_sandbox(ledger=report.with_suffix(".sqlite3")) as sandbox:
        rule = {"fault": case.fault, "delay_ms": case.delay_ms, "probability": case.probability}
        sandbox.play({"seed": seed, "rules": [{**rule, "match": {"kind": kind}} for kind in KINDS]})
        for number in range(times * len(KINDS)):
            fork.record_operation(db, KINDS[number % len(KINDS)], number, "M1")
        client = fork.client_for(sandbox.base_url, settings)
        fork.work_until_ended(db, client, settings, KINDS, seconds=PATIENCE)
        client.close()
        struck = sum(entry.fault == case.fault for entry in sandbox.ledger.requests())
    problems = [*_wrong_ends(db, case)] if struck else ["the fault struck no request"]
    report.write_text(json.dumps(problems), encoding="utf-8")


def _wrong_ends(db: Database, case: Case) -> Iterator[str]:
    """List the operations that ended otherwise than they must. Another's id in silence is a false success: the checker lists it."""
    columns = select(Operation.id, Operation.kind, Operation.state, Operation.error_code, Operation.needs_person)
    with db.read() as connection:
        rows = connection.execute(columns.where(Operation.feed != NUMBERING)).all()
    for row in rows:
        is_flagged = row.needs_person and row.error_code == ANSWER_IN_QUESTION
        is_doubted = case.fault is Fault.SECOND_ANSWER and row.state == State.IN_DOUBT and row.needs_person
        if not (row.state == State.SUCCEEDED or is_flagged or is_doubted):
            yield f"{row.kind} {row.id} is {State(row.state)} ({row.error_code})"
    if case.fault is Fault.SAME_ID:
        for kind in KINDS:
            of_kind = [row for row in rows if row.kind == kind]
            flagged = sum(row.error_code == REPEATED_ID for row in of_kind)
            if flagged != len(of_kind) - 1:
                yield f"{flagged} of {len(of_kind)} with one id are flagged ({kind})"
