"""The protocol as steps: from a world, every world that one step can lead to.

The comments name the rule of the design that a step stands for; the code follows the order of a turn.
"""

from collections.abc import Iterator
from dataclasses import replace

from tests.model.words import NEVER, WRITES, Act, Does, Is, Request, Row, Rules, Worker, World

Step = tuple[str, World]


def steps(world: World, rules: Rules) -> Iterator[Step]:
    """Everything that may happen next."""
    yield "time passes", _tick(world, rules)
    for request in world.requests:
        yield f"Vitec acts on {_name(request.row, request.attempt)}", _act(world, request)
    if rules.rescues and world.lease == 0 and _some(world, Is.IN_FLIGHT):
        yield "housekeeping puts what is in flight in doubt", _rescue(world, rules)
    for number, worker in enumerate(world.workers):
        for what, after in _steps_of(world, rules, number, worker):
            yield f"worker {number + 1} {what}", after


def _steps_of(world: World, rules: Rules, number: int, worker: Worker) -> Iterator[Step]:
    if worker.does is not Does.NOTHING:
        yield "dies", _with_worker(world, number, Worker())
    match worker.does:
        case Does.NOTHING:
            yield from _take(world, rules, number)
        case Does.HAS_TURN:
            yield from _claim(world, rules, number, worker)
            yield from _ask(world, rules, number, worker)
            lease = 0 if worker.mine else world.lease
            yield "ends its turn", replace(_with_worker(world, number, Worker()), lease=lease)
        case Does.CLAIMED:
            yield from _write(world, rules, number, worker)
        case Does.WROTE_FIRST:
            yield "commits its claim", _begin_attempt(world, rules, number, worker, Does.SENT)
        case Does.SENT:
            yield from _hear(world, number, worker)
        case Does.HOLDS_YES | Does.HOLDS_NO | Does.HOLDS_NOTHING:
            yield "settles", _settle(world, rules, number, worker)
        case Does.ASKS:
            yield from _see(world, rules, number, worker)
        case _:
            yield "writes what it saw", _conclude(world, rules, number, worker)


def _tick(world: World, rules: Rules) -> World:
    """Time passes for all; the kernel ends whoever may write and has no lease any more (the dead man's switch)."""
    rows = tuple(
        replace(
            row,
            doubt=_older(row.doubt, rules.quiet),
            absent=_older(row.absent, rules.gap),
            leave=_older(row.leave, rules.leave + 1),
        )
        for row in world.rows
    )
    requests = tuple(replace(one, left=one.left - 1) for one in world.requests if one.left > 0)
    acts = tuple(replace(act, age=min(act.age + 1, rules.stale)) for act in world.acts)
    workers = tuple(_later(worker, rules) for worker in world.workers)
    return replace(world, rows=rows, requests=requests, acts=acts, workers=workers, lease=max(0, world.lease - 1))


def _later(worker: Worker, rules: Rules) -> Worker:
    aged = replace(worker, lease=max(0, worker.lease - 1))
    return Worker() if rules.switch and aged.lease == 0 and aged.does in WRITES else aged


def _older(age: int, most: int) -> int:
    return age if age == NEVER else min(age + 1, most)


def _act(world: World, request: Request) -> World:
    requests = tuple(one for one in world.requests if one != request)
    acts = (*world.acts, Act(request.row, request.attempt))
    twice = sum(act.row == request.row for act in acts) > 1
    return replace(world, requests=requests, acts=acts, broken="Vitec acted twice" if twice else None)


def _take(world: World, rules: Rules, number: int) -> Iterator[Step]:
    """A turn is taken where nobody has one; what an earlier one left in flight is put in doubt first."""
    if world.lease == 0 and any(row.state is not Is.SUCCEEDED for row in world.rows):
        after = _disown(world)
        if rules.clears:
            after = _leave_in_doubt(after, rules)
        worker = Worker(Does.HAS_TURN, mine=True, lease=rules.lease)
        yield "takes the turn", replace(_with_worker(after, number, worker), lease=rules.lease)


def _disown(world: World) -> World:
    return replace(world, workers=tuple(replace(worker, mine=False) for worker in world.workers))


def _rescue(world: World, rules: Rules) -> World:
    """Nobody has a turn, so whoever had the last one is dead, or was paused and must learn of it."""
    at_work = (replace(one, dead=one.mine) if one.does is not Does.NOTHING else one for one in world.workers)
    world = replace(world, workers=tuple(at_work))
    return _leave_in_doubt(_disown(world) if rules.rescue_raises_token else world, rules)


def _leave_in_doubt(world: World, rules: Rules) -> World:
    rows = tuple(_doubted(row, rules) if row.state is Is.IN_FLIGHT else row for row in world.rows)
    return replace(world, rows=rows)


def _doubted(row: Row, rules: Rules) -> Row:
    if row.evidence:
        return replace(row, state=Is.SUCCEEDED, doubt=NEVER, absent=NEVER, leave=NEVER)
    if rules.resends_in_doubt:
        return replace(row, state=Is.WAITING)
    since = row.doubt if rules.quiet_from_claim and row.doubt != NEVER else 0
    return replace(row, state=Is.IN_DOUBT, doubt=since, absent=NEVER, leave=NEVER)


def _may_work(world: World, rules: Rules, worker: Worker) -> bool:
    return (worker.mine or not rules.compares_token) and (world.lease > 0 or not rules.compares_lease)


def _claim(world: World, rules: Rules, number: int, worker: Worker) -> Iterator[Step]:
    """Put a row in flight, under a lease that outlasts the request; one whose leave has grown old is not claimed."""
    if not _may_work(world, rules, worker):
        return
    for at, row in enumerate(world.rows):
        fresh = row.leave <= rules.leave or not rules.leave_grows_old
        if row.state is not Is.WAITING or row.attempt >= rules.attempts or not fresh:
            continue
        claiming = replace(worker, row=at, attempt=row.attempt + 1)
        if not rules.claims_before_writing:
            yield from _write_first(world, rules, number, claiming)
            continue
        after = _begin_attempt(world, rules, number, claiming, Does.CLAIMED)
        yield f"claims {_name(at, row.attempt + 1)}", replace(after, broken=_wrong_claim(row, rules, worker))


def _wrong_claim(row: Row, rules: Rules, worker: Worker) -> str | None:
    if row.leave > rules.leave:
        return "it was sent again on old news"
    return "a turn that was declared dead claimed" if worker.dead else None


def _begin_attempt(world: World, rules: Rules, number: int, worker: Worker, does: Does) -> World:
    row = world.rows[worker.row]
    since = 0 if rules.quiet_from_claim else NEVER
    claimed = replace(row, state=Is.IN_FLIGHT, attempt=worker.attempt, doubt=since, absent=NEVER, leave=NEVER)
    busy = replace(worker, does=does, lease=rules.lease)
    return replace(_with_worker(_with_row(world, worker.row, claimed), number, busy), lease=rules.lease)


def _write_first(world: World, rules: Rules, number: int, worker: Worker) -> Iterator[Step]:
    after = _with_worker(world, number, replace(worker, does=Does.WROTE_FIRST))
    yield f"writes {_name(worker.row, worker.attempt)}", _with_request(after, rules, worker)


def _write(world: World, rules: Rules, number: int, worker: Worker) -> Iterator[Step]:
    """The first byte; or the request is withdrawn in time, which is a certain no."""
    outside = None if worker.mine and world.lease > 0 else "a request was written outside its turn"
    after = _with_worker(world, number, replace(worker, does=Does.SENT))
    name = _name(worker.row, worker.attempt)
    yield f"writes {name}", replace(_with_request(after, rules, worker), broken=outside)
    yield f"withdraws {name}", _with_worker(world, number, replace(worker, does=Does.HOLDS_NO))


def _with_request(world: World, rules: Rules, worker: Worker) -> World:
    return replace(world, requests=(*world.requests, Request(worker.row, worker.attempt, rules.late)))


def _hear(world: World, number: int, worker: Worker) -> Iterator[Step]:
    """A success if Vitec acted, a certain no if it never will; or nothing is heard, whatever it did and may yet do."""
    mine = (worker.row, worker.attempt)
    if any((act.row, act.attempt) == mine for act in world.acts):
        yield "hears a success", _with_worker(world, number, replace(worker, does=Does.HOLDS_YES))
    pending = tuple(one for one in world.requests if (one.row, one.attempt) == mine)
    if pending:
        after = replace(world, requests=tuple(one for one in world.requests if one not in pending))
        yield "hears a certain no", _with_worker(after, number, replace(worker, does=Does.HOLDS_NO))
    yield "hears nothing", _with_worker(world, number, replace(worker, does=Does.HOLDS_NOTHING))


def _settle(world: World, rules: Rules, number: int, worker: Worker) -> World:
    """Move the row if it is in flight with this very attempt; else the answer is a late one."""
    row = world.rows[worker.row]
    same = row.attempt == worker.attempt or not rules.compares_attempt
    settled = _in_time(row, rules, worker) if row.state is Is.IN_FLIGHT and same else _late(row, rules, worker)
    return _with_worker(_with_row(world, worker.row, settled), number, _free(worker))


def _in_time(row: Row, rules: Rules, worker: Worker) -> Row:
    if worker.does is Does.HOLDS_YES or row.evidence:
        return replace(_clean(row), state=Is.SUCCEEDED, is_at=worker.row * 10 + worker.attempt)
    if worker.does is Does.HOLDS_NO:
        return replace(_clean(row), state=Is.WAITING)
    return _doubted(row, rules)


def _late(row: Row, rules: Rules, worker: Worker) -> Row:
    """Success is evidence for the operation; a no, or still nothing, only for the doubt about the same attempt."""
    if worker.does is Does.HOLDS_YES and row.state is not Is.SUCCEEDED:
        if row.state is Is.IN_FLIGHT:
            return replace(row, evidence=True)
        return replace(_clean(row), state=Is.SUCCEEDED, is_at=worker.row * 10 + worker.attempt)
    if row.state is Is.IN_DOUBT and row.attempt == worker.attempt:
        return replace(_clean(row), state=Is.WAITING) if worker.does is Does.HOLDS_NO else _doubted(row, rules)
    return row


def _ask(world: World, rules: Rules, number: int, worker: Worker) -> Iterator[Step]:
    """Begin a look-up: after the quiet time, a gap after the one before; or since leave to send has grown old."""
    if not _may_work(world, rules, worker):
        return
    for at, row in enumerate(world.rows):
        doubtful = row.state is Is.IN_DOUBT and row.doubt >= rules.quiet and row.absent in {NEVER, rules.gap}
        if not doubtful and not (row.state is Is.WAITING and row.leave > rules.leave):
            continue
        others = tuple(replace(one, current=one.current and one.row != at) for one in world.workers)
        asks = replace(worker, does=Does.ASKS, row=at, attempt=row.attempt, current=True, lease=rules.lease)
        after = _with_worker(replace(world, workers=others), number, asks)
        yield f"looks {_name(at, row.attempt)} up", replace(after, lease=rules.lease)


def _see(world: World, rules: Rules, number: int, worker: Worker) -> Iterator[Step]:
    """What is read back does not say whose it is; what is young may be missing, what others own is left out."""
    owned = {row.is_at for at, row in enumerate(world.rows) if at != worker.row and row.is_at != NEVER}
    shown = [act for act in world.acts if act.id not in owned or not rules.knows_others_ids]
    for act in shown:
        saw = replace(worker, does=Does.SAW_THERE, saw=act.id)
        yield "sees one there", _with_worker(world, number, saw)
    if all(act.age < rules.stale for act in shown):
        yield "sees none", _with_worker(world, number, replace(worker, does=Does.SAW_ABSENT))


def _conclude(world: World, rules: Rules, number: int, worker: Worker) -> World:
    """Write it as compare-and-set; nothing is concluded while another row like it is in flight or in doubt."""
    row = world.rows[worker.row]
    free = _with_worker(world, number, _free(worker))
    same = row.attempt == worker.attempt and worker.current
    if (rules.compares_look_up and not same) or not (row.state is Is.IN_DOUBT or row.leave != NEVER):
        return free
    others = [other for at, other in enumerate(world.rows) if at != worker.row]
    if rules.minds_match_key and any(other.state in {Is.IN_FLIGHT, Is.IN_DOUBT} for other in others):
        return free
    if worker.does is Does.SAW_THERE:
        return _found(free, worker)
    agrees = rules.look_ups_needed == 1 or row.absent == rules.gap or row.leave != NEVER
    absent = replace(row, absent=max(row.absent, 0))
    return _with_row(free, worker.row, replace(_clean(row), state=Is.WAITING, leave=0) if agrees else absent)


def _found(world: World, worker: Worker) -> World:
    if any(other.is_at == worker.saw for other in world.rows):
        return world
    row = replace(_clean(world.rows[worker.row]), state=Is.SUCCEEDED, is_at=worker.saw)
    truly = any(act.row == worker.row for act in world.acts)
    return replace(_with_row(world, worker.row, row), broken=None if truly else "a success that never was")


def _clean(row: Row) -> Row:
    return replace(row, doubt=NEVER, absent=NEVER, leave=NEVER, evidence=False)


def _free(worker: Worker) -> Worker:
    return Worker(Does.HAS_TURN, mine=worker.mine, lease=worker.lease, dead=worker.dead)


def _some(world: World, state: Is) -> bool:
    return any(row.state is state for row in world.rows)


def _with_row(world: World, at: int, row: Row) -> World:
    return replace(world, rows=(*world.rows[:at], row, *world.rows[at + 1 :]))


def _with_worker(world: World, number: int, worker: Worker) -> World:
    return replace(world, workers=(*world.workers[:number], worker, *world.workers[number + 1 :]))


def _name(row: int, attempt: int) -> str:
    return f"{'AB'[row]}{attempt}"
