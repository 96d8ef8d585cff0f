"""G2: a turn is killed, or stopped and continued past its lease, at each of its named points."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import event, select, update
from sqlalchemy.exc import OperationalError

from models import Lane, Operation, State
from tests.chaos import fork
from tests.chaos.evidence import gather_evidence
from tests.chaos.fork import Ending, WarmEngine
from tests.chaos.result import Result, judge
from tests.chaos.stage import start_sandbox
from worker.failpoints import POINTS
from worker.housekeeping import rescue_abandoned
from worker.outbox import Database, connect
from worker.outbox.database.sql import current_time
from worker.outbox.lanes.environments import register
from worker.policies import turn_policy
from worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.chaos.stage import Site

SLOTS = 24
"""Cases under way at once. Most of them only wait: for a lease, or for a quiet time to end."""

TRIES = 20
KINDS = ("appointment", "comeback")
"""A kind that needs a person in doubt, and one that Vitec can be asked about."""

_WAITS: dict[str, float] = {
    "vitec_requests_per_second": 0,
    "look_up_quiet": 0.2,
    "look_up_gap": 0.5,
    "backoff_first": 0.1,
}
LEASE = Settings(vitec_timeout=1.2, lease_margin=1.8, claim_margin=0.2, **_WAITS)  # type: ignore[arg-type]
"""A lease of 3 s, of which the dead man's switch leaves 2 s for writing."""

WELL = Settings(vitec_timeout=10, lease_margin=15, claim_margin=2, **_WAITS)  # type: ignore[arg-type]
"""Settings of the workers that recover: with these a busy machine is no reason to end."""

DONE_TO_IT = {"kill": "killed", "freeze": "stopped"}

SENT = frozenset(POINTS[POINTS.index("before_first_byte") : POINTS.index("before_settle_commit")])
"""Points at which a request may be on the wire: continued after its lease, the process must be dead."""


@dataclass(frozen=True, slots=True)
class Case:
    """One turn to be hit."""

    point: str
    act: str
    kind: str


@dataclass(frozen=True, slots=True)
class Slot:
    """A database of its own, so that the locks of a stopped turn stop no other case; and the report of its cases.

    `first`: the number from which on this slot's operations are numbered, here and at the stand-in.
    """

    url: str
    first: int
    report: Path


@dataclass(frozen=True, slots=True)
class Hit:
    """A case that is over. `state` is the operation's once a well worker has come by."""

    operation_id: int
    reached: bool
    ending: Ending | None
    state: State


def plan_cases(times: int, seed: int) -> list[Case]:
    """List every point and act so many times, in an order that the seed decides."""
    planned = [
        Case(point, act, KINDS[number % 2]) for act in ("kill", "freeze") for point in POINTS for number in range(times)
    ]
    random.Random(seed).shuffle(planned)
    return planned


def run(site: Site, times: int) -> list[Result]:
    """Play all cases. Returns one result for each point and act."""
    folder = site.folder / "g2"
    folder.mkdir()
    waiting = plan_cases(times, site.seed)
    with start_sandbox(folder) as (base_url, ledger):
        warm_url = site.create_database("g2_warm", first_id=900_000_000)
        warm = WarmEngine(warm_url, base_url, WELL)
        slots = [_slot(site, number) for number in range(min(SLOTS, len(waiting)))]
        pipe = fork.deal_numbers(len(waiting))
        shares = [partial(_work_through, slot, warm, waiting, pipe) for slot in slots]
        endings = fork.run_side_by_side(shares, patience=60 + len(waiting))
        os.close(pipe)
        over = [case_and_hit for slot in slots for case_and_hit in _read_report(slot, waiting)]
        evidence = gather_evidence([warm_url, *(slot.url for slot in slots)], [ledger])
    broken = [f"a process that played cases ended: {ending}" for ending in endings if ending != Ending(status=0)]
    broken += [f"{len(waiting) - len(over)} cases were not reported"] if len(over) != len(waiting) else []
    whole = judge(
        "G2", "all points", evidence, problems=broken, notes=f"bare turns, lease {turn_policy(LEASE).lease:.1f} s"
    )
    return [*_results(over), whole]


def _slot(site: Site, number: int) -> Slot:
    first = (number + 1) * 1_000_000
    return Slot(site.create_database(f"g2_{number}", first_id=first), first, site.folder / "g2" / f"{number}.jsonl")


def _work_through(slot: Slot, warm: WarmEngine, waiting: Sequence[Case], pipe: int) -> None:
    """Play one case after another until none is left, in a process of its own."""
    db, impatient = warm.switch_to(slot.url), _connect_impatiently(slot.url)
    register(db, warm.base_url)
    numbers = itertools.count(slot.first)
    with slot.report.open("a", encoding="utf-8") as report:
        for at in fork.take_numbers(pipe):
            tries = (_play(warm, slot.url, (db, impatient), waiting[at], next(numbers)) for _ in range(TRIES))
            # If a point is not reached, the machine was too slow for the lease, and the turn gave its rows back.
            hit = next(tries)
            while not hit.reached and (another := next(tries, None)):
                hit = another
            report.write(json.dumps({"at": at, **asdict(hit)}) + "\n")
            report.flush()


def _read_report(slot: Slot, waiting: Sequence[Case]) -> Iterator[tuple[Case, Hit]]:
    for line in slot.report.read_text(encoding="utf-8").splitlines() if slot.report.exists() else ():
        entry = json.loads(line)
        ending = entry["ending"] and Ending(**entry["ending"])
        yield waiting[entry["at"]], Hit(entry["operation_id"], entry["reached"], ending, State(entry["state"]))


def _play(warm: WarmEngine, url: str, ways: tuple[Database, Database], case: Case, number: int) -> Hit:
    """Play one case, from its operation's recording to its recovery."""
    db, impatient = ways
    id_ = fork.record_operation(db, case.kind, number, f"M{number}")
    pid = fork.fork_child(partial(warm.take_turn, url, case.kind, LEASE, f"{case.point}={case.act}"))
    ending = fork.wait_for_child(pid)
    reached = (ending is None) if case.act == "freeze" else (ending == Ending(signal=signal.SIGKILL))
    if reached and case.act == "freeze":
        ending = _continue_past_lease(impatient, pid)
    else:
        _end_leases(db)
    warm.recover_all(db, WELL, seconds=90, kinds=[case.kind])
    with db.read() as connection:
        state = connection.execute(select(Operation.state).where(Operation.id == id_)).scalar_one()
    return Hit(id_, reached, ending, State(state))


def _continue_past_lease(impatient: Database, pid: int) -> Ending | None:
    """Leave it stopped until its lease is over and another process has rescued its rows; then continue it."""
    time.sleep(turn_policy(LEASE).lease + 0.3)
    # While a stopped transaction holds the lane this fails, as it would for any worker, and is done again later.
    with suppress(OperationalError):
        rescue_abandoned(impatient, LEASE, "rescuer:1")
    os.kill(pid, signal.SIGCONT)
    return fork.wait_for_child(pid)


def _connect_impatiently(url: str) -> Database:
    """Connect so that no statement waits long for a lock that a stopped process holds."""
    engine = connect(url, pool_size=1, lock_timeout=0.05)
    if engine.dialect.name == "postgresql":
        event.listen(engine, "connect", lambda driver, _: driver.execute("SET lock_timeout = '50ms'"))
    return Database(engine)


def _end_leases(db: Database) -> None:
    """End all leases at once; killed processes do not come back."""
    with db.write() as connection:
        connection.execute(update(Lane).where(Lane.lease_until.is_not(None)).values(lease_until=current_time))


def _problems(case: Case, hit: Hit) -> Iterator[str]:
    """List what is wrong with one operation when its case is over."""
    if not hit.reached:
        yield f"the point was not reached in {TRIES} tries ({hit.ending})"
    if case.act == "freeze" and case.point in SENT and hit.ending != Ending(signal=signal.SIGALRM):
        yield f"continued after its lease, it was not ended by its timer, but: {hit.ending}"
    if case.act == "freeze" and case.point not in SENT and hit.ending != Ending(status=0):
        yield f"continued after its lease, it did not end in peace, but: {hit.ending}"
    if hit.state is not state_after(case):
        yield f"operation {hit.operation_id} is {hit.state}, not {state_after(case)}"


def state_after(case: Case) -> State:
    """Give the state of the operation once a well worker has come by."""
    doubted = case.point in SENT or (case.point == "after_claim_commit" and case.act == "kill")
    if case.act == "kill" and case.point == "before_settle_commit":
        doubted = True
    # A comeback in doubt has been settled by look-ups, one way or the other.
    return State.IN_DOUBT if doubted and case.kind == "appointment" else State.SUCCEEDED


def _results(over: Sequence[tuple[Case, Hit]]) -> list[Result]:
    results = []
    for act in ("kill", "freeze"):
        for point in POINTS:
            hits = [(case, hit) for case, hit in over if (case.act, case.point) == (act, point)]
            problems = tuple(problem for case, hit in hits for problem in _problems(case, hit))
            doubted = sum(hit.state is State.IN_DOUBT for _, hit in hits)
            name = point.replace("_", " ")
            results.append(Result("G2", name, len(hits), doubted, problems=problems, column=DONE_TO_IT[act]))
    return results
