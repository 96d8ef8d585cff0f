"""The protocol as steps: every world that request step can lead to from a given request.

The functions follow the order of a turn: take it, claim a row, write the request, hear the answer, settle; or look up
and conclude. Their docstrings state the rule that each step keeps; `Rules` switches each rule off.
"""

from collections.abc import Iterator
from dataclasses import replace

from tests.model.state import NEVER, WRITES, Act, Activity, Request, Row, RowState, Rules, Worker, World

Step = tuple[str, World]


def steps(world: World, rules: Rules) -> Iterator[Step]:
    """Every step that may come next: its name, and the world after it."""
    yield "time passes", _pass_time(world, rules)
    for request in world.requests:
        yield f"Vitec acts on {_attempt_name(request.row, request.attempt)}", _carry_out(world, request)
    if rules.rescues and world.lease == 0 and any(row.state is RowState.IN_FLIGHT for row in world.rows):
        yield "housekeeping puts what is in flight in doubt", _rescue_lane(world, rules)
    for number, worker in enumerate(world.workers):
        for step, after in _steps_of(world, rules, number, worker):
            yield f"worker {number + 1} {step}", after


def _steps_of(world: World, rules: Rules, number: int, worker: Worker) -> Iterator[Step]:
    if worker.activity is not Activity.NOTHING:
        yield "dies", _with_worker(world, number, Worker())
    match worker.activity:
        case Activity.NOTHING:
            yield from _take_turn(world, rules, number)
        case Activity.HAS_TURN:
            yield from _claim_row(world, rules, number, worker)
            yield from _begin_look_up(world, rules, number, worker)
            lease = 0 if worker.owns_lane else world.lease
            yield "ends its turn", replace(_with_worker(world, number, Worker()), lease=lease)
        case Activity.CLAIMED:
            yield from _write_request(world, rules, number, worker)
        case Activity.WROTE_FIRST:
            yield "commits its claim", _begin_attempt(world, rules, number, worker, Activity.SENT)
        case Activity.SENT:
            yield from _hear_answer(world, number, worker)
        case Activity.HOLDS_YES | Activity.HOLDS_NO | Activity.HOLDS_NOTHING:
            yield "settles", _settle_attempt(world, rules, number, worker)
        case Activity.ASKS:
            yield from _read_back(world, rules, number, worker)
        case _:
            yield "writes what it saw", _conclude_look_up(world, rules, number, worker)


def _pass_time(world: World, rules: Rules) -> World:
    """One tick for all. The dead man's switch ends a worker that may write after the end of its lease."""
    rows = tuple(
        replace(
            row,
            doubt=_grow_older(row.doubt, rules.quiet),
            absent=_grow_older(row.absent, rules.gap),
            permission=_grow_older(row.permission, rules.permission + 1),
        )
        for row in world.rows
    )
    requests = tuple(
        replace(request, ticks_left=request.ticks_left - 1) for request in world.requests if request.ticks_left > 0
    )
    acts = tuple(replace(act, age=min(act.age + 1, rules.shows_within)) for act in world.acts)
    workers = tuple(_age_worker(worker, rules) for worker in world.workers)
    return replace(world, rows=rows, requests=requests, acts=acts, workers=workers, lease=max(0, world.lease - 1))


def _age_worker(worker: Worker, rules: Rules) -> Worker:
    aged = replace(worker, lease=max(0, worker.lease - 1))
    return Worker() if rules.switch and aged.lease == 0 and aged.activity in WRITES else aged


def _grow_older(age: int, oldest: int) -> int:
    return age if age == NEVER else min(age + 1, oldest)


def _carry_out(world: World, acted_on: Request) -> World:
    requests = tuple(request for request in world.requests if request != acted_on)
    acts = (*world.acts, Act(acted_on.row, acted_on.attempt))
    twice = sum(act.row == acted_on.row for act in acts) > 1
    return replace(world, requests=requests, acts=acts, violation="Vitec acted twice" if twice else None)


def _take_turn(world: World, rules: Rules, number: int) -> Iterator[Step]:
    """Take the turn at a free lane; first, put in doubt all that an earlier turn left in flight."""
    if world.lease == 0 and any(row.state is not RowState.SUCCEEDED for row in world.rows):
        after = _revoke_lane(world)
        if rules.turn_clears_lane:
            after = _doubt_all_in_flight(after, rules)
        worker = Worker(Activity.HAS_TURN, owns_lane=True, lease=rules.lease)
        yield "takes the turn", replace(_with_worker(after, number, worker), lease=rules.lease)


def _revoke_lane(world: World) -> World:
    return replace(world, workers=tuple(replace(worker, owns_lane=False) for worker in world.workers))


def _rescue_lane(world: World, rules: Rules) -> World:
    """The lane is free, yet a row is in flight: its turn is dead, or paused and must learn that it lost the lane."""
    workers = tuple(
        worker if worker.activity is Activity.NOTHING else replace(worker, declared_dead=worker.owns_lane)
        for worker in world.workers
    )
    world = replace(world, workers=workers)
    return _doubt_all_in_flight(_revoke_lane(world) if rules.rescue_raises_token else world, rules)


def _doubt_all_in_flight(world: World, rules: Rules) -> World:
    rows = tuple(_put_in_doubt(row, rules) if row.state is RowState.IN_FLIGHT else row for row in world.rows)
    return replace(world, rows=rows)


def _put_in_doubt(row: Row, rules: Rules) -> Row:
    if row.late_success:
        return replace(row, state=RowState.SUCCEEDED, doubt=NEVER, absent=NEVER, permission=NEVER)
    if rules.resends_in_doubt:
        return replace(row, state=RowState.WAITING)
    since = row.doubt if rules.quiet_from_claim and row.doubt != NEVER else 0
    return replace(row, state=RowState.IN_DOUBT, doubt=since, absent=NEVER, permission=NEVER)


def _may_work(world: World, rules: Rules, worker: Worker) -> bool:
    return (worker.owns_lane or not rules.compares_token) and (world.lease > 0 or not rules.compares_lease)


def _claim_row(world: World, rules: Rules, number: int, worker: Worker) -> Iterator[Step]:
    """Put a row in flight under a renewed lease, unless its resend permission has expired."""
    if not _may_work(world, rules, worker):
        return
    for at, row in enumerate(world.rows):
        permitted = row.permission <= rules.permission or not rules.permission_expires
        if row.state is not RowState.WAITING or row.attempt >= rules.attempts or not permitted:
            continue
        claiming = replace(worker, row=at, attempt=row.attempt + 1)
        if not rules.claims_before_writing:
            yield from _write_first(world, rules, number, claiming)
            continue
        after = _begin_attempt(world, rules, number, claiming, Activity.CLAIMED)
        violation = _claim_violation(row, rules, worker)
        yield f"claims {_attempt_name(at, row.attempt + 1)}", replace(after, violation=violation)


def _claim_violation(row: Row, rules: Rules, worker: Worker) -> str | None:
    if row.permission > rules.permission:
        return "it was sent again with an expired permission"
    return "a turn that was declared dead claimed" if worker.declared_dead else None


def _begin_attempt(world: World, rules: Rules, number: int, worker: Worker, activity: Activity) -> World:
    row = world.rows[worker.row]
    since = 0 if rules.quiet_from_claim else NEVER
    claimed = replace(
        row, state=RowState.IN_FLIGHT, attempt=worker.attempt, doubt=since, absent=NEVER, permission=NEVER
    )
    busy = replace(worker, activity=activity, lease=rules.lease)
    return replace(_with_worker(_with_row(world, worker.row, claimed), number, busy), lease=rules.lease)


def _write_first(world: World, rules: Rules, number: int, worker: Worker) -> Iterator[Step]:
    after = _with_worker(world, number, replace(worker, activity=Activity.WROTE_FIRST))
    yield f"writes {_attempt_name(worker.row, worker.attempt)}", _with_request(after, rules, worker)


def _write_request(world: World, rules: Rules, number: int, worker: Worker) -> Iterator[Step]:
    """Write the first byte; or withdraw the request before it, which is a certain no."""
    outside = None if worker.owns_lane and world.lease > 0 else "a request was written outside its turn"
    after = _with_worker(world, number, replace(worker, activity=Activity.SENT))
    name = _attempt_name(worker.row, worker.attempt)
    yield f"writes {name}", replace(_with_request(after, rules, worker), violation=outside)
    yield f"withdraws {name}", _with_worker(world, number, replace(worker, activity=Activity.HOLDS_NO))


def _with_request(world: World, rules: Rules, worker: Worker) -> World:
    return replace(world, requests=(*world.requests, Request(worker.row, worker.attempt, rules.acts_within)))


def _hear_answer(world: World, number: int, worker: Worker) -> Iterator[Step]:
    """A success if Vitec has acted; a certain no if it never will; no answer, whatever Vitec has done or will do."""
    attempt = (worker.row, worker.attempt)
    if any((act.row, act.attempt) == attempt for act in world.acts):
        yield "hears a success", _with_worker(world, number, replace(worker, activity=Activity.HOLDS_YES))
    pending = tuple(request for request in world.requests if (request.row, request.attempt) == attempt)
    if pending:
        after = replace(world, requests=tuple(request for request in world.requests if request not in pending))
        yield "hears a certain no", _with_worker(after, number, replace(worker, activity=Activity.HOLDS_NO))
    yield "hears nothing", _with_worker(world, number, replace(worker, activity=Activity.HOLDS_NOTHING))


def _settle_attempt(world: World, rules: Rules, number: int, worker: Worker) -> World:
    """Move the row if it is in flight with this very attempt; otherwise the answer is a late one."""
    row = world.rows[worker.row]
    same_attempt = row.attempt == worker.attempt or not rules.compares_attempt
    settle = _settle_in_time if row.state is RowState.IN_FLIGHT and same_attempt else _settle_late
    settled = settle(row, rules, worker)
    return _with_worker(_with_row(world, worker.row, settled), number, _next_in_turn(worker))


def _settle_in_time(row: Row, rules: Rules, worker: Worker) -> Row:
    if worker.activity is Activity.HOLDS_YES or row.late_success:
        return replace(_clear_doubt(row), state=RowState.SUCCEEDED, remote_id=worker.row * 10 + worker.attempt)
    if worker.activity is Activity.HOLDS_NO:
        return replace(_clear_doubt(row), state=RowState.WAITING)
    return _put_in_doubt(row, rules)


def _settle_late(row: Row, rules: Rules, worker: Worker) -> Row:
    """A late success settles the operation; a late no, or still no answer, only the doubt about the same attempt."""
    if worker.activity is Activity.HOLDS_YES and row.state is not RowState.SUCCEEDED:
        if row.state is RowState.IN_FLIGHT:
            return replace(row, late_success=True)
        return replace(_clear_doubt(row), state=RowState.SUCCEEDED, remote_id=worker.row * 10 + worker.attempt)
    if row.state is RowState.IN_DOUBT and row.attempt == worker.attempt:
        no = worker.activity is Activity.HOLDS_NO
        return replace(_clear_doubt(row), state=RowState.WAITING) if no else _put_in_doubt(row, rules)
    return row


def _begin_look_up(world: World, rules: Rules, number: int, worker: Worker) -> Iterator[Step]:
    """Begin a look-up: after the quiet time, a gap after the first one, or if the resend permission has expired."""
    if not _may_work(world, rules, worker):
        return
    for at, row in enumerate(world.rows):
        doubtful = row.state is RowState.IN_DOUBT and row.doubt >= rules.quiet and row.absent in {NEVER, rules.gap}
        if not doubtful and not (row.state is RowState.WAITING and row.permission > rules.permission):
            continue
        workers = tuple(
            replace(asking, look_up_is_latest=asking.look_up_is_latest and asking.row != at) for asking in world.workers
        )
        asking = replace(
            worker, activity=Activity.ASKS, row=at, attempt=row.attempt, look_up_is_latest=True, lease=rules.lease
        )
        after = _with_worker(replace(world, workers=workers), number, asking)
        yield f"looks {_attempt_name(at, row.attempt)} up", replace(after, lease=rules.lease)


def _read_back(world: World, rules: Rules, number: int, worker: Worker) -> Iterator[Step]:
    """Read back. An act names no row, may seem older than it is, and may be missing while young; other rows' are left out."""
    owned = {row.remote_id for at, row in enumerate(world.rows) if at != worker.row and row.remote_id != NEVER}
    shown = [act for act in world.acts if act.remote_id not in owned or not rules.excludes_known_ids]
    for act in shown:
        saw = replace(worker, activity=Activity.SAW_PRESENT, seen_id=act.remote_id)
        yield "sees one there", _with_worker(world, number, saw)
        seems_older = Activity.SAW_ABSENT if rules.believes_vitecs_clock else Activity.SAW_OLDER
        yield "sees one that seems older", _with_worker(world, number, replace(worker, activity=seems_older))
    if all(act.age < rules.shows_within for act in shown):
        yield "sees none", _with_worker(world, number, replace(worker, activity=Activity.SAW_ABSENT))


def _conclude_look_up(world: World, rules: Rules, number: int, worker: Worker) -> World:
    """Conclude, if the row has not changed since and no row that reads back alike is in flight or in doubt."""
    row = world.rows[worker.row]
    after = _with_worker(world, number, _next_in_turn(worker))
    same_attempt = row.attempt == worker.attempt and worker.look_up_is_latest
    if (rules.compares_look_up and not same_attempt) or not (row.state is RowState.IN_DOUBT or row.permission != NEVER):
        return after
    alike = [row for at, row in enumerate(world.rows) if at != worker.row]
    if rules.compares_match_key and any(row.state in {RowState.IN_FLIGHT, RowState.IN_DOUBT} for row in alike):
        return after
    if worker.activity is Activity.SAW_PRESENT:
        return _take_as_own(after, worker)
    if worker.activity is Activity.SAW_OLDER:
        unclear = replace(row, state=RowState.IN_DOUBT, doubt=rules.quiet, absent=NEVER, permission=NEVER)
        return _with_row(after, worker.row, unclear)
    agrees = rules.look_ups_needed == 1 or row.absent == rules.gap or row.permission != NEVER
    if agrees:
        return _with_row(after, worker.row, replace(_clear_doubt(row), state=RowState.WAITING, permission=0))
    return _with_row(after, worker.row, replace(row, absent=max(row.absent, 0)))


def _take_as_own(world: World, worker: Worker) -> World:
    if any(row.remote_id == worker.seen_id for row in world.rows):
        return world
    row = replace(_clear_doubt(world.rows[worker.row]), state=RowState.SUCCEEDED, remote_id=worker.seen_id)
    acted = any(act.row == worker.row for act in world.acts)
    return replace(_with_row(world, worker.row, row), violation=None if acted else "a success that never was")


def _clear_doubt(row: Row) -> Row:
    return replace(row, doubt=NEVER, absent=NEVER, permission=NEVER, late_success=False)


def _next_in_turn(worker: Worker) -> Worker:
    return Worker(Activity.HAS_TURN, owns_lane=worker.owns_lane, lease=worker.lease, declared_dead=worker.declared_dead)


def _with_row(world: World, at: int, row: Row) -> World:
    return replace(world, rows=(*world.rows[:at], row, *world.rows[at + 1 :]))


def _with_worker(world: World, number: int, worker: Worker) -> World:
    return replace(world, workers=(*world.workers[:number], worker, *world.workers[number + 1 :]))


def _attempt_name(row: int, attempt: int) -> str:
    return f"{'AB'[row]}{attempt}"
