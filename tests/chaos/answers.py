"""G3: every fault of the stand-in, and the state in which it must leave an operation."""

from __future__ import annotations

import json
import os
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update

from models import Attempt, Environment, Event, Hold, Operation, State
from tests.chaos import feed, fork, others_ids, wrong_clocks
from tests.chaos.checker import check
from tests.chaos.evidence import NUMBERING, count_ever_in_doubt, gather_evidence
from tests.chaos.fork import WarmEngine
from tests.chaos.meaning import MEANINGS, Effect, Expected, allowed
from tests.chaos.result import Result
from tests.chaos.stage import TLS
from tests.processes import until
from worker import delivery
from worker.outbox import Database, connect
from worker.outbox.database.sql import current_time, later
from worker.outbox.lanes.environments import register
from worker.sandbox import CONNECTION_FAULTS, Certificate, Fault, running_sandbox
from worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.chaos.checker import Evidence, Violation
    from tests.chaos.stage import Site
    from worker.vitec.client import Client

TLS_FAULTS = {Fault.TLS_FAILURE, Fault.TLS_HANG}
TURNS = 1000

SLOTS = 8
"""Faults under way at once: a hang is waited for while others are met."""

# No breaker here: each operation is to meet the fault. Holds are lifted between turns for the same reason.
SETTINGS = Settings(
    vitec_timeout=10,
    lease_margin=15,
    claim_margin=5,
    vitec_requests_per_second=0,
    vitec_in_flight=10,
    breaker_failures=10_000,
)

DEADLINE = 2.5
"""Seconds, for faults that last as long as they may. For the others 10 s, so that a busy machine is no lost answer."""

# Faults that are begun first.
SLOW = [fault for fault in MEANINGS if {"hang", "drip", "late"} & set(fault.split("_"))]
ORDER = [*SLOW, *(fault for fault in MEANINGS if fault not in SLOW)]


@dataclass(frozen=True, slots=True)
class Slot:
    """A database and a ledger of its own, since a hold of one fault must not be lifted for another."""

    url: str
    ledger: Path


@dataclass(frozen=True, slots=True)
class Case:
    """One fault, met by so many operations of each kind. The fault's name is the feed they came by."""

    fault: Fault
    times: int
    report: Path


def run(site: Site, times: int) -> list[Result]:
    """Play each fault `times` times, spread over the kinds. Returns one result for each."""
    folder = site.folder / "g3"
    folder.mkdir()
    warm_url = site.create_database("g3_warm")
    with running_sandbox() as sandbox:
        warm = WarmEngine(warm_url, sandbox.base_url, SETTINGS)
    times_per_kind = max(1, times // len(feed.KINDS))
    slots = [Slot(site.create_database(f"g3_{n}", 1_000_000 * (n + 1)), folder / f"{n}.sqlite3") for n in range(SLOTS)]
    cases = [Case(fault, times_per_kind, folder / f"{fault}.json") for fault in ORDER]
    pipe = fork.deal_numbers(len(cases))
    endings = fork.run_side_by_side(
        [partial(_work_through, slot, warm, cases, pipe) for slot in slots], patience=300 + 10 * times
    )
    os.close(pipe)
    evidence = gather_evidence([slot.url for slot in slots], [slot.ledger for slot in slots])
    broken, fault_of = check(evidence), _fault_by_operation(slots)
    results = []
    for case in sorted(cases, key=lambda case: list(MEANINGS).index(case.fault)):
        ids = {id_ for id_, fault in fault_of.items() if fault == case.fault}
        own = tuple(violation for violation in broken if violation.operation_id in ids)
        results.append(_result(case, len(ids), _count_doubted(evidence, ids), own))
    of_no_fault = tuple(violation for violation in broken if violation.operation_id not in fault_of)
    ended = tuple(f"a process that met faults ended: {ending}" for ending in endings if ending != fork.Ending(status=0))
    results += wrong_clocks.run(site, warm, SETTINGS, times_per_kind)
    results += others_ids.run(site, warm, SETTINGS, times_per_kind)
    return [*results, Result("G3", "all faults", len(evidence.rows), count_ever_in_doubt(evidence), of_no_fault, ended)]


def _fault_by_operation(slots: Sequence[Slot]) -> dict[int, str]:
    """Read which fault each operation met."""
    fault_of: dict[int, str] = {}
    for slot in slots:
        engine = connect(slot.url)
        with Database(engine).read() as connection:
            rows = connection.execute(select(Operation.id, Operation.feed).where(Operation.feed != NUMBERING))
            fault_of |= {row.id: row.feed for row in rows}
        engine.dispose()
    return fault_of


def _count_doubted(evidence: Evidence, ids: set[int]) -> int:
    return len(
        {
            attempt.operation_id
            for attempt in evidence.tried
            if attempt.operation_id in ids and attempt.outcome == "in_doubt"
        }
    )


def _work_through(slot: Slot, warm: WarmEngine, cases: Sequence[Case], pipe: int) -> None:
    """Play one fault after another, in a process of its own, since the stand-in runs as a thread."""
    db = warm.switch_to(slot.url)
    register(db, warm.base_url)
    for at in fork.take_numbers(pipe):
        try:
            problems = _play(cases[at], db, slot.ledger)
        except Exception as error:  # noqa: BLE001 (the other faults are still to be met)
            problems = [f"{type(error).__name__}: {error}"]
        cases[at].report.write_text(json.dumps(problems), encoding="utf-8")


def _play(case: Case, db: Database, ledger: Path) -> list[str]:
    """Let the operations meet the fault. Returns each deviation from its meaning."""
    tls = Certificate(str(TLS / "good.pem"), str(TLS / "good.pem")) if case.fault in TLS_FAULTS else None
    with running_sandbox(ledger=ledger, tls=tls) as sandbox:
        acted = sandbox.ledger.count(applied=True)
        for at, kind in enumerate(feed.KINDS):
            for number in range(case.times):
                of_fault = ORDER.index(case.fault) * case.times + number
                fork.record_operation(db, kind, of_fault * len(feed.KINDS) + at, f"M{at}", source=case.fault)
        settings = SETTINGS.model_copy(update={"vitec_timeout": DEADLINE}) if case.fault in SLOW else SETTINGS
        client = fork.client_for(sandbox.base_url, settings, TLS / "authority.pem" if tls else None)
        with sandbox.failing_connections(case.fault) if case.fault in CONNECTION_FAULTS else nullcontext():
            if case.fault not in CONNECTION_FAULTS:
                sandbox.play([_rule(case.fault)])
            holds = _serve_until_tried(db, client, settings)
        client.close()
        if case.fault is Fault.ACT_LATE:
            late = acted + case.times * len(feed.KINDS)
            until(lambda: sandbox.ledger.count(applied=True) >= late, seconds=20, why="not all acted late")
    return [*_wrong_holds(case.fault, holds), *_wrong_rows(case.fault, db)]


def _rule(fault: Fault) -> dict[str, Any]:
    seconds = MEANINGS[fault].seconds
    return {"fault": fault, **({} if seconds is None else {"seconds": seconds})}


def _serve_until_tried(db: Database, client: Client, settings: Settings) -> list[tuple[str, float]]:
    """Take turns until each operation has been tried once. Returns the holds that came, with their seconds."""
    holds: list[tuple[str, float]] = []
    for _ in range(TURNS):
        for kind in feed.KINDS:
            delivery.serve(kind, db=db, client=client, settings=settings, stopping=lambda: False)
            holds += _lift_holds(db)
        with db.read() as connection:
            if connection.scalar(select(Operation.id).where(Operation.state == State.PENDING).limit(1)) is None:
                return holds
    return holds


def _lift_holds(db: Database) -> list[tuple[str, float]]:
    """Lift all holds, and put tried operations off for a day, so that each is tried once."""
    with db.write() as connection:
        lifted = connection.execute(delete(Hold).returning(Hold.reason, Hold.since, Hold.until)).all()
        connection.execute(update(Environment).values(failures_in_row=0))
        tried = (Operation.attempt > 0, Operation.state.in_([State.RETRYABLE, State.IN_DOUBT]))
        connection.execute(update(Operation).where(*tried).values(next_attempt_at=later(current_time, 86400)))
    return [(row.reason, (row.until - row.since).total_seconds()) for row in lifted]


def _wrong_holds(fault: Fault, holds: Sequence[tuple[str, float]]) -> Iterator[str]:
    wanted = MEANINGS[fault].holds
    reasons = {reason for reason, _ in holds}
    if reasons != ({wanted.value} if wanted else set()):
        yield f"held because of {sorted(reasons)}, not {wanted}"
    if fault is Fault.THROTTLED_HUGE and any(abs(seconds - 3600) > 2 for _, seconds in holds):
        yield f"an endless Retry-After must be an hour, not {max(seconds for _, seconds in holds)} s"
    if fault in {Fault.THROTTLED_SECONDS, Fault.THROTTLED_DATE, Fault.UNAVAILABLE_RETRY_AFTER}:
        yield from (f"Retry-After of 1 s became {seconds} s" for _, seconds in holds if not 0 < seconds <= 3)


def _wrong_rows(fault: Fault, db: Database) -> Iterator[str]:
    """List the rows that differ from the contract, once each has met the fault once."""
    with db.read() as connection:
        rows = connection.execute(select(Operation.__table__).where(Operation.feed == fault)).all()
        # The short back-off of an order token may end within its turn; then it has met the fault twice.
        first = (Attempt.event == Event.SENT, Attempt.attempt == 1)
        sent = (*first, Attempt.operation_id.in_([row.id for row in rows]))
        entries = connection.execute(select(Attempt.__table__).where(*sent)).all()
    by_operation = {entry.operation_id: entry for entry in entries}
    if len(entries) != len(rows):
        yield f"{len(entries)} attempts at {len(rows)} operations"
    for row in rows:
        entry = by_operation.get(row.id)
        if entry is None:
            yield f"operation {row.id} was not tried"
        elif all(wrong := [_differences(expected_row, row, entry) for expected_row in allowed(fault, row.kind)]):
            yield f"{row.kind} {row.id}: {wrong[0]}"


def _differences(wanted: Expected, row: Any, entry: Any) -> str:
    pairs = {
        "state": (State(row.state), wanted.state),
        "written": (entry.written, wanted.written),
        "failures": (row.failures, row.attempt * int(wanted.counted)),
        "needs_person": (row.needs_person, wanted.needs_person),
        "accepted": (row.accepted, wanted.accepted),
        "code": (entry.code in wanted.codes, True),
    }
    wrong = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    if not wrong:
        return ""
    differences = ", ".join(f"{name} {actual} instead of {due}" for name, (actual, due) in wrong.items())
    return f"{differences} (code {entry.code})"


def _result(case: Case, operations: int, in_doubt: int, broken: tuple[Violation, ...]) -> Result:
    problems = ["its turns did not come to their end"]
    if case.report.exists():
        problems = json.loads(case.report.read_text(encoding="utf-8"))
    notes = {
        Effect.UNREACHED: "tried again",
        Effect.UNHEARD: "tried again",
        Effect.REFUSED: "failed",
        Effect.HELD: "scope held, tried again",
        Effect.UNCLEAR: "in doubt",
        Effect.ACCEPTED: "in doubt, accepted",
    }[MEANINGS[case.fault].effect]
    name = case.fault.replace("_", " ")
    return Result("G3", name, operations, in_doubt, broken, tuple(problems), notes=notes, column="met")
