"""G2: a turn is killed, or stopped and continued past its lease, at each of its named points."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
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
from worker.outbox import Outbox, connect
from worker.outbox.environments import register
from worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.chaos.house import House

SLOTS = 20
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

SENT = frozenset(POINTS[POINTS.index("before_first_byte") : POINTS.index("before_settle_commit")])
"""Points at which a request may be on the wire: continued after its lease, the process must be dead."""

NEVER_SENT = frozenset({"before_claim_commit", "after_claim_commit", "before_first_byte", "after_first_byte"})


@dataclass(frozen=True, slots=True)
class Case:
    """One turn to be hit."""

    point: str
    act: str
    kind: str
    number: int


@dataclass(slots=True)
class Slot:
    """A database of its own, so that what a stopped turn has locked stops no other case."""

    number: int
    url: str
    box: Outbox


@dataclass(slots=True)
class Hit:
    """A case under way. `state` is the operation's once a well worker has come by."""

    case: Case
    slot: Slot
    operation_id: int
    pid: int
    reached: bool = False
    ending: Ending | None = None
    state: State | None = None


def cases(times: int, seed: int) -> list[Case]:
    """Every point and act so many times, in an order that the seed decides; kills and stops apart."""
    dice = random.Random(seed)
    found = []
    for act in ("kill", "freeze"):
        some = [Case(point, act, KINDS[number % 2], number) for point in POINTS for number in range(times)]
        dice.shuffle(some)
        found += some
    return found


def run(house: House, times: int) -> list[Result]:
    """All cases; one result for each point and act."""
    folder = house.folder / "g2"
    folder.mkdir()
    with sandbox(folder) as (base_url, ledger):
        warm = Warm(house.database("g2_warm", first_id=900_000_000), base_url, WELL)
        slots = [_slot(house, number, base_url) for number in range(SLOTS)]
        wrong: list[tuple[Case, str]] = []
        over: list[Hit] = []
        waiting, tries = cases(times, house.seed), Counter[Case]()
        numbers = iter(range(1_000_000))
        while waiting:
            wave = [one for one in waiting[:SLOTS] if one.act == waiting[0].act]
            del waiting[: len(wave)]
            for hit in _wave(wave, slots, warm, numbers):
                tries[hit.case] += 1
                if not hit.reached and tries[hit.case] < 5:
                    waiting.append(hit.case)  # The machine was too slow for the lease: the turn gave its rows back.
                else:
                    over.append(hit)
                    wrong += [(hit.case, what) for what in _wrong(hit)]
        results = _results([*(slot.box for slot in slots), Outbox(warm.engine)], ledger, wrong, over)
        for slot in slots:
            slot.box.engine.dispose()
    return results


def _slot(house: House, number: int, base_url: str) -> Slot:
    url = house.database(f"g2_{number}", first_id=(number + 1) * 1_000_000)
    engine = connect(url, pool_size=1)
    # The one that forks must not wait for a lock that a stopped child holds.
    event.listen(engine, "connect", lambda driver, _: driver.execute("SET lock_timeout = '50ms'"))
    box = Outbox(engine)
    register(box, base_url)
    return Slot(number, url, box)


def _wave(wave: Sequence[Case], slots: Sequence[Slot], warm: Warm, numbers: Iterator[int]) -> list[Hit]:
    hits = []
    for case, slot in zip(wave, slots, strict=False):
        number = next(numbers)
        id_ = fork.record(slot.box, case.kind, number, f"M{number}")
        plan = f"{case.point}={case.act}"
        pid = fork.child(partial(warm.turn, slot.url, case.kind, LEASE, plan))
        hits.append(Hit(case, slot, id_, pid))
    for hit in hits:
        hit.ending = fork.stopped_or_ended(hit.pid)
        killed = hit.ending is not None and hit.ending.signal == signal.SIGKILL
        hit.reached = killed if hit.case.act == "kill" else hit.ending is None
    if wave[0].act == "freeze":
        _sleep_past_the_lease(hits)
    else:
        _let_leases_end(hits)
    _recover(hits, warm)
    return hits


def _sleep_past_the_lease(hits: Sequence[Hit]) -> None:
    """Leave them stopped until their leases are over and somebody has taken what was theirs; then continue them."""
    time.sleep(LEASE.lease + 0.3)
    for hit in hits:
        # While a stopped transaction holds the lane this fails, as it would for everybody, and is done again later.
        with suppress(OperationalError):
            rescue_abandoned(hit.slot.box, LEASE, "rescuer:1")
    for hit in hits:
        if hit.reached:
            os.kill(hit.pid, signal.SIGCONT)
    for hit in hits:
        if hit.reached:
            hit.ending = fork.stopped_or_ended(hit.pid)


def _let_leases_end(hits: Sequence[Hit]) -> None:
    """The dead do not come back, so their leases may end at once."""
    for hit in hits:
        with hit.slot.box.write() as connection:
            connection.execute(
                update(Lane).where(Lane.lease_until.is_not(None)).values(lease_until=hit.slot.box.clock.now())
            )


def _recover(hits: Sequence[Hit], warm: Warm) -> None:
    pids = [fork.child(partial(warm.recover, hit.slot.url, WELL, seconds=20, kinds=[hit.case.kind])) for hit in hits]
    for pid in pids:
        fork.stopped_or_ended(pid)
    for hit in hits:
        with hit.slot.box.read() as connection:
            ours = select(Operation.state).where(Operation.id == hit.operation_id)
            hit.state = connection.execute(ours).scalar_one()


def _wrong(hit: Hit) -> Iterator[str]:
    """What is not as it must be with one operation, whose case is over."""
    case = hit.case
    if not hit.reached:
        yield f"the point was not reached in five tries ({hit.ending})"
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


def _results(
    boxes: Sequence[Outbox], ledger: Path, wrong: Sequence[tuple[Case, str]], over: Sequence[Hit]
) -> list[Result]:
    whole = judged("G2", "all points", gather(boxes, ledger), notes=f"bare turns, lease {LEASE.lease:.1f} s")
    found = []
    for act in ("kill", "freeze"):
        for point in POINTS:
            problems = tuple(what for case, what in wrong if (case.act, case.point) == (act, point))
            states = [hit.state for hit in over if (hit.case.act, hit.case.point) == (act, point)]
            what = "killed" if act == "kill" else "stopped, continued past its lease,"
            name = f"{what} {point.replace('_', ' ')}"
            found.append(Result("G2", name, len(states), states.count(State.IN_DOUBT), problems=problems))
    return [*found, whole]
