"""G3: every fault of the stand-in, and the state in which it must leave an operation."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update

from models import Attempt, Environment, Event, Hold, Operation, State
from tests.chaos import feed, fork
from tests.chaos.checker import check
from tests.chaos.evidence import ever_in_doubt, gather
from tests.chaos.fork import Warm
from tests.chaos.meaning import MEANINGS, Effect, Expected, allowed
from tests.chaos.result import Result
from tests.processes import until
from worker import delivery
from worker.outbox import Outbox
from worker.outbox.clock import later
from worker.sandbox import DOOR_FAULTS, Certificate, Fault, running_sandbox
from worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.chaos.checker import Evidence, Violation
    from tests.chaos.house import House
    from worker.vitec.client import Client

TLS = Path(__file__).parents[1] / "vitec" / "tls"
TLS_FAULTS = {Fault.TLS_FAILURE, Fault.TLS_HANG}
TURNS = 1000

# No breaker here: each operation is to meet the fault. Holds are lifted between turns for the same reason.
SETTINGS = Settings(
    vitec_timeout=0.8,
    lease_margin=5,
    claim_margin=1,
    vitec_requests_per_second=0,
    vitec_in_flight=10,
    breaker_failures=10_000,
)


@dataclass(frozen=True, slots=True)
class Case:
    """One fault, met by so many operations of each kind. The fault's name is the feed they came by."""

    fault: Fault
    times: int
    ledger: Path
    report: Path


def run(house: House, times: int) -> list[Result]:
    """Each fault `times` times, spread over the kinds; one result for each."""
    folder = house.folder / "g3"
    folder.mkdir()
    url, ledger = house.database("g3"), folder / "ledger.sqlite3"
    with running_sandbox(ledger=ledger) as sandbox:
        warm = Warm(url, sandbox.base_url, SETTINGS)
    each = max(1, times // len(feed.KINDS))
    cases = [Case(fault, each, ledger, folder / f"{fault}.json") for fault in MEANINGS]
    endings = []
    for case in cases:
        # A child: the stand-in runs as a thread beside the turns, and whoever forks must have no threads.
        pid = fork.child(partial(_play, case, warm, url))
        endings.append(fork.stopped_or_ended(pid, patience=60 + times))
    evidence = gather([Outbox(warm.engine)], ledger)
    broken = check(evidence)
    fault_of = _fault_of(Outbox(warm.engine))
    results = []
    for case, ending in zip(cases, endings, strict=True):
        ids = {id_ for id_, fault in fault_of.items() if fault == case.fault}
        own = tuple(one for one in broken if one.operation_id in ids)
        results.append(_result(case, ending, len(ids), _doubted(evidence, ids), own))
    rest = tuple(one for one in broken if one.operation_id not in fault_of)
    results.append(Result("G3", "all faults", len(evidence.rows), ever_in_doubt(evidence), rest))
    warm.engine.dispose()
    return results


def _fault_of(box: Outbox) -> dict[int, str]:
    with box.read() as connection:
        return {row.id: row.feed for row in connection.execute(select(Operation.id, Operation.feed))}


def _doubted(evidence: Evidence, ids: set[int]) -> int:
    return len({one.operation_id for one in evidence.tried if one.operation_id in ids and one.outcome == "in_doubt"})


def _play(case: Case, warm: Warm, database_url: str) -> None:
    box = warm.switched(database_url)
    tls = Certificate(str(TLS / "good.pem"), str(TLS / "good.pem")) if case.fault in TLS_FAULTS else None
    with running_sandbox(ledger=case.ledger, tls=tls) as sandbox:
        base_url = sandbox.base_url.replace("127.0.0.1", "localhost") if tls else sandbox.base_url
        acted = sandbox.ledger.count(applied=True)
        for at, kind in enumerate(feed.KINDS):
            for number in range(case.times):
                fork.record(box, kind, number * len(feed.KINDS) + at, f"M{at}", source=case.fault)
        client = fork.client_for(base_url, SETTINGS, TLS / "authority.pem" if tls else None)
        with sandbox.shut(case.fault) if case.fault in DOOR_FAULTS else nullcontext():
            if case.fault not in DOOR_FAULTS:
                sandbox.play([_rule(case.fault)])
            holds = _meet(box, client)
        if case.fault is Fault.ACT_LATE:
            late = acted + case.times * len(feed.KINDS)
            until(lambda: sandbox.ledger.count(applied=True) == late, seconds=20)
    problems = [*_holds_wrong(case.fault, holds), *_rows_wrong(case.fault, box)]
    case.report.write_text(json.dumps(problems), encoding="utf-8")


def _rule(fault: Fault) -> dict[str, Any]:
    seconds = MEANINGS[fault].seconds
    return {"fault": fault, **({} if seconds is None else {"seconds": seconds})}


def _meet(box: Outbox, client: Client) -> list[tuple[str, float]]:
    """Take turns until each operation has been tried once. Returns the holds that came, with their seconds."""
    holds: list[tuple[str, float]] = []
    for _ in range(TURNS):
        for kind in feed.KINDS:
            delivery.serve(kind, box=box, client=client, settings=SETTINGS, stopping=lambda: False)
            holds += _lift(box)
        with box.read() as connection:
            if connection.scalar(select(Operation.id).where(Operation.attempt == 0).limit(1)) is None:
                return holds
    return holds


def _lift(box: Outbox) -> list[tuple[str, float]]:
    """Lift all holds, and put what has been tried so far off that it is not tried again."""
    with box.write() as connection:
        found = connection.execute(delete(Hold).returning(Hold.reason, Hold.since, Hold.until)).all()
        connection.execute(update(Environment).values(failures_in_row=0))
        tried = (Operation.attempt > 0, Operation.state.in_([State.RETRYABLE, State.IN_DOUBT]))
        connection.execute(update(Operation).where(*tried).values(next_attempt_at=later(box.clock.now(), 86400)))
    return [(row.reason, (row.until - row.since).total_seconds()) for row in found]


def _holds_wrong(fault: Fault, holds: Sequence[tuple[str, float]]) -> Iterator[str]:
    wanted = MEANINGS[fault].holds
    reasons = {reason for reason, _ in holds}
    if reasons != ({wanted.value} if wanted else set()):
        yield f"held because of {sorted(reasons)}, not {wanted}"
    if fault is Fault.THROTTLED_HUGE and any(abs(seconds - 3600) > 2 for _, seconds in holds):
        yield f"an endless Retry-After must be an hour, not {max(seconds for _, seconds in holds)} s"
    if fault in {Fault.THROTTLED_SECONDS, Fault.THROTTLED_DATE, Fault.UNAVAILABLE_RETRY_AFTER}:
        yield from (f"Retry-After of 1 s became {seconds} s" for _, seconds in holds if not 0 < seconds <= 3)


def _rows_wrong(fault: Fault, box: Outbox) -> Iterator[str]:
    """Operations that are not what the contract says, once each has met the fault once."""
    with box.read() as connection:
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
        elif all(wrong := [_differs(one, row, entry) for one in allowed(fault, row.kind)]):
            yield f"{row.kind} {row.id}: {wrong[0]}"


def _differs(wanted: Expected, row: Any, entry: Any) -> str:
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
    told = ", ".join(f"{name} {found} instead of {due}" for name, (found, due) in wrong.items())
    return f"{told} (code {entry.code})"


def _result(
    case: Case, ending: fork.Ending | None, operations: int, in_doubt: int, broken: tuple[Violation, ...]
) -> Result:
    if ending == fork.Ending(status=0):
        problems: list[str] = json.loads(case.report.read_text(encoding="utf-8"))
    else:
        problems = [f"the turns ended by themselves: {ending}"]
    notes = {
        Effect.UNREACHED: "tried again",
        Effect.REFUSED: "failed",
        Effect.HELD: "scope held, tried again",
        Effect.UNCLEAR: "in doubt",
        Effect.ACCEPTED: "in doubt, accepted",
    }[MEANINGS[case.fault].effect]
    name = case.fault.replace("_", " ")
    return Result("G3", name, operations, in_doubt, broken, tuple(problems), notes=notes)
