"""The chain of reasons: all that keeps an operation from being sent, in the order in which it must fall away. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from models import FINAL, WAITING, State
from worker.explaining import reasons
from worker.outbox.exchange.rate_limit import HORIZON
from worker.outbox.views.explain import OperationFacts


@dataclass(frozen=True, slots=True)
class Limits:
    """What the office allows, and after how many seconds without a call for work nobody can be working."""

    rate: float = 10.0
    in_flight: int = 5
    silent: float = 60.0


def reasons_of(facts: OperationFacts, limits: Limits) -> tuple[reasons.Reason, ...]:
    """Everything that keeps the operation from being sent; nothing: the next claim takes precisely this one."""
    match facts.row["state"]:
        case State.PENDING | State.RETRYABLE:
            return tuple(_waiting(facts, limits))
        case State.IN_FLIGHT:
            return (_in_flight(facts),)
        case State.IN_DOUBT if facts.row["needs_person"]:
            return (_needs_person(facts),)
        case State.IN_DOUBT:
            return tuple(_in_doubt(facts, limits))
        case _:
            return tuple(_ended(facts))


def notes_of(facts: OperationFacts) -> tuple[reasons.Note, ...]:
    """What else is good to know."""
    return tuple(_notes(facts))


def _waiting(facts: OperationFacts, limits: Limits) -> Iterator[reasons.Reason]:
    over = tuple(_in_vain(facts))
    if over:
        yield from over
        return
    row, at = facts.row, facts.house.at
    until, leave = row["next_attempt_at"], row["send_again_until"]
    shut, parent = tuple(_shut(facts, limits)), tuple(_parent(facts, limits))
    yield from (*shut, *parent)
    if leave is not None and leave <= at and not parent:
        yield reasons.LeaveGrewOld(leave, until)
    elif until > at:
        yield _not_yet(facts)
    if until <= at and not shut and not parent:
        yield from _crowded(facts, limits)


def _in_vain(facts: OperationFacts) -> Iterator[reasons.Reason]:
    """What housekeeping will end."""
    row, parent = facts.row, facts.standing.parent
    if row["expires_at"] is not None and row["expires_at"] <= facts.house.at:
        yield reasons.TooLate(row["expires_at"])
    if facts.parent_id is not None and parent is not None and parent in FINAL - {State.SUCCEEDED}:
        yield reasons.ParentEnded(row["after_kind"], row["after_source_id"], facts.parent_id, parent)


def _shut(facts: OperationFacts, limits: Limits) -> Iterator[reasons.Reason]:
    """What keeps the whole lane."""
    environment, at = facts.house.environment, facts.house.at
    if environment is None:
        yield reasons.NeverStarted()
    else:
        called = environment["dispatched_at"]
        if called is None or at - called > timedelta(seconds=limits.silent):
            yield reasons.Silent(called)
    for hold in facts.holds:
        if hold["holds"]:
            parts = ("scope", "customer_id", "function_group", "kind", "since", "until", "by", "note")
            yield reasons.Held(because=hold["reason"], **{name: hold[name] for name in parts})
    if facts.opens is not None:
        yield reasons.OutsideHours(facts.row["kind"], facts.opens)


def _parent(facts: OperationFacts, limits: Limits) -> Iterator[reasons.Reason]:
    row, state = facts.row, facts.standing.parent
    if row["parent_done"]:
        return
    named = (row["after_kind"], row["after_source_id"])
    if facts.circle:
        yield reasons.Circle(*named)
    else:
        # What keeps both is said once, at the child.
        known = set(_shut(facts, limits))
        theirs = () if facts.parent is None or state is State.SUCCEEDED else reasons_of(facts.parent, limits)
        yield reasons.WaitsFor(*named, facts.parent_id, state, tuple(one for one in theirs if one not in known))


def _not_yet(facts: OperationFacts) -> reasons.Reason:
    row = facts.row
    until = row["next_attempt_at"]
    if row["state"] is State.RETRYABLE and row["failures"] and until != row["send_after"]:
        return reasons.AfterFailure(row["failures"], row["max_failures"], row["error_code"], until)
    return reasons.NotBefore(until)


def _crowded(facts: OperationFacts, limits: Limits) -> Iterator[reasons.Reason]:
    """What keeps an operation that is due, for a moment: who else is there."""
    house, lane = facts.house, facts.lane
    if facts.first is not None:
        yield reasons.OneGoesFirst(facts.first)
    if house.in_flight >= limits.in_flight:
        yield reasons.LimitReached(house.in_flight, limits.in_flight)
    if house.environment is not None and limits.rate > 0:
        free_at = house.environment["next_slot_at"] - timedelta(seconds=HORIZON)
        if free_at > house.at:
            yield reasons.PaceUsedUp(limits.rate, free_at)
    if lane["free"] and (lane["due_at"] is None or lane["due_at"] > house.at):
        yield reasons.NotWoken()
    if facts.lanes_ahead:
        yield reasons.LanesBefore(facts.lanes_ahead)
    if facts.ahead:
        yield reasons.Behind(facts.ahead)


def _in_flight(facts: OperationFacts) -> reasons.Reason:
    row, lane = facts.row, facts.lane
    if lane["free"]:
        return reasons.WorkerGone(row["claimed_at"], row["attempt"])
    return reasons.UnderWay(row["claimed_at"], row["attempt"], lane["worker"], lane["lease_until"])


def _found(facts: OperationFacts) -> str | None:
    return None if facts.sight is None else facts.sight["detail"]


def _needs_person(facts: OperationFacts) -> reasons.Reason:
    row = facts.row
    return reasons.NeedsPerson(row["id"], row["state"], row["doubt_since"], row["error_code"], _found(facts))


def _in_doubt(facts: OperationFacts, limits: Limits) -> Iterator[reasons.Reason]:
    row = facts.row
    shut = tuple(_shut(facts, limits))
    yield from shut
    yield reasons.Doubt(
        since=row["doubt_since"],
        code=row["error_code"],
        accepted=row["accepted"],
        look_ups=facts.asked,
        absent=int(row["absent_since"] is not None),
        found=_found(facts),
        until=row["next_attempt_at"],
    )
    if facts.alike:
        yield reasons.Alike(facts.alike)
    if row["next_attempt_at"] <= facts.house.at and not shut:
        yield from _crowded(facts, limits)


def _ended(facts: OperationFacts) -> Iterator[reasons.Reason]:
    row = facts.row
    yield reasons.Ended(row["state"], row["finalized_at"], row["error_code"], row["remote_id"])
    if row["needs_person"]:
        yield _needs_person(facts)


def _notes(facts: OperationFacts) -> Iterator[reasons.Note]:
    row, lane, at = facts.row, facts.lane, facts.house.at
    waits = row["state"] in WAITING
    if waits and not lane["free"]:
        yield reasons.TurnAtWork(lane["worker"], lane["lease_until"])
    if waits and row["expires_at"] is not None and row["expires_at"] > at:
        yield reasons.Expires(row["expires_at"])
    if row["revision"] is not None:
        yield reasons.NewContent()
    if row["cancel_asked"]:
        yield reasons.CancelAsked()
    if row["state"] in FINAL | {State.IN_DOUBT} and row["reported_at"] is None:
        yield reasons.Untold()
