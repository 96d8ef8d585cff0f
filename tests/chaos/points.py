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
from tests.chaos.evidence import gather
from tests.chaos.fork import Ending, Warm
from tests.chaos.house import sandbox
from tests.chaos.result import Result, judged
from worker.failpoints import POINTS
from worker.housekeeping import rescue_abandoned
from worker.outbox import Database, connect
from worker.outbox.lanes.environments import register
from worker.policies import turn_policy
from worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.chaos.house import House

SLOTS = 24
"""Cases under way at once. Most of them only wait: for a lease, or for a quiet time to end."""

TRIES = 20
KINDS = ("appointment", "comeback")
"""One that waits for a person in doubt, one that Vitec can be asked about."""

_WAITS: dict[str, float] = {
    "vitec_requests_per_second": 0,
    "look_up_quiet": 0.2,
    "look_up_gap": 0.5,
    "backoff_first": 0.1,
}
LEASE = Settings(vitec_timeout=1.2, lease_margin=1.8, claim_margin=0.2, **_WAITS)  # type: ignore[arg-type]
"""A lease of 3 s, of which the dead man's switch leaves 2 s for writing."""

WELL = Settings(vitec_timeout=10, lease_margin=15, claim_margin=2, **_WAITS)  # type: ignore[arg-type]
"""For those who come afterwards: with these a busy machine is no reason to end."""

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
    """A database of its own, so that what a stopped turn has locked stops no other case; and where its cases are told.

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


def cases(times: int, seed: int) -> list[Case]:
    """Every point and act so many times, in an order that the seed decides."""
    found = [
        Case(point, act, KINDS[number % 2]) for act in ("kill", "freeze") for point in POINTS for number in range(times)
    ]
    random.Random(seed).shuffle(found)
    return found


def run(house: House, times: int) -> list[Result]:
    """All cases; one result for each point and act."""
    folder = house.folder / "g2"
    folder.mkdir()
    waiting = cases(times, house.seed)
    with sandbox(folder) as (base_url, ledger):
        warm_url = house.database("g2_warm", first_id=900_000_000)
        warm = Warm(warm_url, base_url, WELL)
        slots = [_slot(house, number) for number in range(min(SLOTS, len(waiting)))]
        pipe = fork.dealt(len(waiting))
        shares = [partial(_share, slot, warm, waiting, pipe) for slot in slots]
        endings = fork.side_by_side(shares, patience=60 + len(waiting))
        os.close(pipe)
        over = [told for slot in slots for told in _told(slot, waiting)]
        evidence = gather([warm_url, *(slot.url for slot in slots)], [ledger])
    broken = [f"a process that played cases ended: {ending}" for ending in endings if ending != Ending(status=0)]
    broken += [f"{len(waiting) - len(over)} cases were not told of"] if len(over) != len(waiting) else []
    whole = judged(
        "G2", "all points", evidence, problems=broken, notes=f"bare turns, lease {turn_policy(LEASE).lease:.1f} s"
    )
    return [*_results(over), whole]


def _slot(house: House, number: int) -> Slot:
    first = (number + 1) * 1_000_000
    return Slot(house.database(f"g2_{number}", first_id=first), first, house.folder / "g2" / f"{number}.jsonl")


def _share(slot: Slot, warm: Warm, waiting: Sequence[Case], pipe: int) -> None:
    """In a process of its own: one case after another, until none is left."""
    db, impatient = warm.switched(slot.url), _impatient(slot.url)
    register(db, warm.base_url)
    numbers = itertools.count(slot.first)
    with slot.report.open("a", encoding="utf-8") as report:
        for at in fork.taken(pipe):
            tries = (_hit(warm, slot.url, (db, impatient), waiting[at], next(numbers)) for _ in range(TRIES))
            # If a point is not reached, the machine was too slow for the lease, and the turn gave its rows back.
            hit = next(tries)
            while not hit.reached and (another := next(tries, None)):
                hit = another
            report.write(json.dumps({"at": at, **asdict(hit)}) + "\n")
            report.flush()


def _told(slot: Slot, waiting: Sequence[Case]) -> Iterator[tuple[Case, Hit]]:
    for line in slot.report.read_text(encoding="utf-8").splitlines() if slot.report.exists() else ():
        told = json.loads(line)
        ending = told["ending"] and Ending(**told["ending"])
        yield waiting[told["at"]], Hit(told["operation_id"], told["reached"], ending, State(told["state"]))


def _hit(warm: Warm, url: str, ways: tuple[Database, Database], case: Case, number: int) -> Hit:
    """One case from its operation's recording to its recovery."""
    db, impatient = ways
    id_ = fork.record(db, case.kind, number, f"M{number}")
    pid = fork.child(partial(warm.turn, url, case.kind, LEASE, f"{case.point}={case.act}"))
    ending = fork.stopped_or_ended(pid)
    reached = (ending is None) if case.act == "freeze" else (ending == Ending(signal=signal.SIGKILL))
    if reached and case.act == "freeze":
        ending = _continued_past_its_lease(impatient, pid)
    else:
        _let_the_lease_end(db)
    warm.recover(db, WELL, seconds=90, kinds=[case.kind])
    with db.read() as connection:
        state = connection.execute(select(Operation.state).where(Operation.id == id_)).scalar_one()
    return Hit(id_, reached, ending, State(state))


def _continued_past_its_lease(impatient: Database, pid: int) -> Ending | None:
    """Leave it stopped until its lease is over and somebody has taken what was its own; then continue it."""
    time.sleep(turn_policy(LEASE).lease + 0.3)
    # While a stopped transaction holds the lane this fails, as it would for everybody, and is done again later.
    with suppress(OperationalError):
        rescue_abandoned(impatient, LEASE, "rescuer:1")
    os.kill(pid, signal.SIGCONT)
    return fork.stopped_or_ended(pid)


def _impatient(url: str) -> Database:
    """A way to the database on which nobody waits for a lock that a stopped process holds."""
    engine = connect(url, pool_size=1, lock_timeout=0.05)
    if engine.dialect.name == "postgresql":
        event.listen(engine, "connect", lambda driver, _: driver.execute("SET lock_timeout = '50ms'"))
    return Database(engine)


def _let_the_lease_end(db: Database) -> None:
    """The dead do not come back, so their leases may end at once."""
    with db.write() as connection:
        connection.execute(update(Lane).where(Lane.lease_until.is_not(None)).values(lease_until=db.clock.now()))


def _wrong(case: Case, hit: Hit) -> Iterator[str]:
    """What is not as it must be with one operation, whose case is over."""
    if not hit.reached:
        yield f"the point was not reached in {TRIES} tries ({hit.ending})"
    if case.act == "freeze" and case.point in SENT and hit.ending != Ending(signal=signal.SIGALRM):
        yield f"continued after its lease, it was not ended by its timer, but: {hit.ending}"
    if case.act == "freeze" and case.point not in SENT and hit.ending != Ending(status=0):
        yield f"continued after its lease, it did not end in peace, but: {hit.ending}"
    if hit.state is not state_after(case):
        yield f"operation {hit.operation_id} is {hit.state}, not {state_after(case)}"


def state_after(case: Case) -> State:
    """Where the operation must stand once a well worker has come by."""
    doubted = case.point in SENT or (case.point == "after_claim_commit" and case.act == "kill")
    if case.act == "kill" and case.point == "before_settle_commit":
        doubted = True
    # What was in doubt about a comeback has been cleared up by asking, one way or the other.
    return State.IN_DOUBT if doubted and case.kind == "appointment" else State.SUCCEEDED


def _results(over: Sequence[tuple[Case, Hit]]) -> list[Result]:
    found = []
    for act in ("kill", "freeze"):
        for point in POINTS:
            hits = [(case, hit) for case, hit in over if (case.act, case.point) == (act, point)]
            problems = tuple(what for case, hit in hits for what in _wrong(case, hit))
            doubted = sum(hit.state is State.IN_DOUBT for _, hit in hits)
            name = point.replace("_", " ")
            found.append(Result("G2", name, len(hits), doubted, problems=problems, column=DONE_TO_IT[act]))
    return found
