"""The exchange: the one transaction of a turn's loop. Settles finished attempts, and claims as many as there is capacity for.

Locks are taken in one order everywhere: environment, lane, operations.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, bindparam, exists, or_, select

from models import Environment, Hold, Lane, Operation, State
from worker import failpoints
from worker.address import is_same_address
from worker.outbox.database.database import Database
from worker.outbox.database.sql import current_time
from worker.outbox.exchange.claim import FROM_START, ClaimCursor, Claimed, TurnPolicy, capacity_of, claim
from worker.outbox.exchange.holds import HealthSignal, IllInRow, update_holds
from worker.outbox.exchange.late_answers import record_late
from worker.outbox.exchange.look_ups import ClaimedLookUp, FinishedLookUp, claim_look_ups, settle_look_ups
from worker.outbox.exchange.settle import Finished, Moved, settle, succeeded_ids
from worker.outbox.lanes import dependencies, environments, turns
from worker.outbox.lanes.turns import Turn
from worker.outbox.predicates import suspects
from worker.outbox.revisions.apply import apply_revisions
from worker.outcome import ILL, Health


@dataclass(frozen=True, slots=True)
class ExchangeResult:
    """The claimed operations and look-ups, the rows that moved, and how the turn stands to its lane."""

    owns_lane: bool
    moved: dict[int, Moved]
    claimed: tuple[Claimed, ...] = ()
    look_ups: tuple[ClaimedLookUp, ...] = ()
    """To be looked up."""
    renewed: bool = False
    """The lease began anew."""
    held: bool = False
    """The lane must rest."""
    capacity: int = 0
    """How many could have been claimed; `claimed` and `look_ups` together are at most as many."""
    cursor: ClaimCursor = FROM_START
    """From where the next claim may go on."""
    share: int | None = None
    """How many the turn may have under way, if the other turns leave it capacity; None: not read.

    0: more turns live than the environment allows requests, and this one would only wait.
    """
    other_address: bool = False
    """The database belongs to another address of Vitec than the turn's: nothing may be claimed."""
    gave_lane_back: bool = False
    """The lane was given back, since nothing could be claimed."""

    @property
    def is_idle(self) -> bool:
        """There was capacity, and nothing for it."""
        return self.owns_lane and self.capacity > 0 and not self.claimed and not self.look_ups


def exchange(
    db: Database,
    turn: Turn,
    finished: Sequence[Finished],
    wanted: int,
    policy: TurnPolicy,
    looked_up: Sequence[FinishedLookUp] = (),
    cursor: ClaimCursor = FROM_START,
    *,
    give_back_if_idle: bool = False,
) -> ExchangeResult:
    """Settle `finished` and `looked_up`, then claim at most `wanted`, from `cursor` on.

    `give_back_if_idle`: where nothing can be claimed, give the lane back; only for a turn that has nothing in flight.
    Finished attempts are settled even if the lane is no longer the turn's. Rows that became due before `cursor` meanwhile
    are found by a claim from the start, which a turn makes every few seconds.
    """
    with db.write() as connection:
        locked = connection.execute(_LOCK, turn.parameters).one()
        owns_lane, signals = bool(locked.owns_lane), _health_signals(finished, looked_up)
        bad_news = any(signal.hold or signal.health in ILL for signal in signals)
        signals = _date(connection, signals, finished, looked_up) if bad_news else signals
        moved = _settle(connection, finished, looked_up, policy) if finished or looked_up else {}
        freed = dependencies.release_children(connection, succeeded_ids(moved)) if locked.child_waits else frozenset()
        if signals:
            _draw_consequences(connection, turn, signals, policy, locked, bad_news=bad_news)
        strange = policy.base_url is not None and not is_same_address(locked.base_url, policy.base_url)
        result = ExchangeResult(owns_lane, moved, cursor=cursor, other_address=strange)
        if owns_lane and wanted > 0 and not strange:
            result = _claim(connection, turn, wanted, policy, moved, cursor)
            if give_back_if_idle and result.is_idle:
                turns.give_back_lane(connection, turn.customer_id, turn.kind)
                result = replace(result, gave_lane_back=True)
        if failpoints.hook:
            _report_points(failpoints.hook, "before", finished, result)
    if failpoints.hook:
        _report_points(failpoints.hook, "after", finished, result)
    if freed or not owns_lane:
        _wake_lanes(db, turn, freed, owns_lane=owns_lane, moved=bool(moved))
    return result


def _draw_consequences(
    connection: Connection,
    turn: Turn,
    signals: Sequence[HealthSignal],
    policy: TurnPolicy,
    locked: Any,
    *,
    bad_news: bool,
) -> None:
    """Draw the consequences of outcomes beyond their rows: for holds, and for the address that has answered."""
    in_row = IllInRow(locked.failures_in_row, locked.foreign_in_row)
    if bad_news or in_row.environment or in_row.foreign or locked.hold_doubted:
        update_holds(connection, turn, signals, policy.hold_policy, in_row)
    if locked.unbound and any(signal.health is Health.WELL for signal in signals):
        environments.bind(connection)


def _health_signals(finished: Sequence[Finished], looked_up: Sequence[FinishedLookUp]) -> list[HealthSignal]:
    signals = [
        HealthSignal(settlement.hold, settlement.health, settlement.cause)
        for settlement in (finished_attempt.settlement for finished_attempt in finished)
    ]
    return signals + [HealthSignal(look_up.hold, look_up.health, look_up.cause) for look_up in looked_up]


def _date(
    connection: Connection,
    signals: Sequence[HealthSignal],
    finished: Sequence[Finished],
    looked_up: Sequence[FinishedLookUp],
) -> list[HealthSignal]:
    """Add to the signals when their requests began. Read before the rows move: a settled one does not tell any more."""
    ids = [result.id for result in finished] + [look_up.id for look_up in looked_up]
    began = {row.id: row for row in connection.execute(_BEGAN, {"ids": ids})}
    moments = [began[result.id].claimed_at for result in finished]
    moments += [began[look_up.id].looked_up_at for look_up in looked_up]
    return [replace(signal, began=moment) for signal, moment in zip(signals, moments, strict=True)]


_BEGAN = select(Operation.id, Operation.claimed_at, Operation.looked_up_at).where(
    Operation.id.in_(bindparam("ids", expanding=True))
)


def _wake_lanes(db: Database, turn: Turn, freed: frozenset[turns.LaneKey], *, owns_lane: bool, moved: bool) -> None:
    own = {(turn.customer_id, turn.kind)}
    # A turn sees to its own lane itself. A lost one has or had another turn since, which did not see these rows move.
    woken = freed - own if owns_lane else freed | (own if moved else set())
    if woken:
        turns.wake_lanes(db, woken)


def _report_points(
    hook: Callable[[str], None], when: str, finished: Sequence[Finished], result: ExchangeResult
) -> None:
    if finished:
        hook(f"{when}_settle_commit")
    if result.claimed:
        hook(f"{when}_claim_commit")


_LOCK = (
    select(
        (Lane.token == bindparam("lane_token")).label("owns_lane"),
        Environment.base_url,
        Environment.bound_at.is_(None).label("unbound"),
        Environment.failures_in_row,
        Lane.foreign_in_row,
        # A good answer ends a hold that has run out; one that runs out a moment later is ended by the next answer.
        exists(select(Hold.id).where(or_(Hold.until <= current_time, suspects(Hold, Lane))).correlate(Lane)).label(
            "hold_doubted"
        ),
        dependencies.any_child_waits.label("child_waits"),
    )
    .join(Lane, turns.is_named_lane)
    .where(Environment.id == 1)
    .with_for_update(key_share=True, of=(Environment, Lane))
)
"""Locks the environment, then the lane, in this order, whether or not it is still the turn's.

FOR NO KEY UPDATE: as in `turns.lock_lane`. `owns_lane` and the counts are those of the locked rows; `hold_doubted` and
`child_waits` may be as old as the statement. Nothing of it may be compared with the clock.
"""


def _settle(
    connection: Connection,
    finished: Sequence[Finished],
    looked_up: Sequence[FinishedLookUp],
    policy: TurnPolicy,
) -> dict[int, Moved]:
    # By id, as every transaction locks operations.
    finished = sorted(finished, key=lambda finished_attempt: finished_attempt.id)
    moved = settle(connection, finished)
    overtaken = [finished_attempt for finished_attempt in finished if finished_attempt.id not in moved]
    if overtaken:
        moved |= record_late(connection, overtaken)
    if looked_up:
        by_id = sorted(looked_up, key=lambda look_up: look_up.id)
        moved |= settle_look_ups(connection, by_id, policy.look_ups)
    revised = [id_ for id_, row in moved.items() if row.revised and row.state is not State.IN_DOUBT]
    if revised:
        apply_revisions(connection, revised)
    return moved


def _claim(
    connection: Connection,
    turn: Turn,
    wanted: int,
    policy: TurnPolicy,
    moved: dict[int, Moved],
    cursor: ClaimCursor,
) -> ExchangeResult:
    capacity = capacity_of(connection, turn, policy, cursor)
    if not capacity.lease_stands:
        return ExchangeResult(owns_lane=False, moved=moved)
    cursor = replace(cursor, since=capacity.since)
    free = min(wanted, capacity.free)
    if free <= 0:
        return ExchangeResult(
            owns_lane=True, moved=moved, held=capacity.active_hold, cursor=cursor, share=capacity.share
        )
    if not capacity.lease_suffices:
        # First the lease, then the claim under it: a request must never outlive the right to send it.
        turns.renew_lease(connection, turn, policy.lease)
    if policy.prepare is not None and not policy.prepare(connection, turn):
        renewed = not capacity.lease_suffices
        return ExchangeResult(True, moved, renewed=renewed, cursor=cursor, share=capacity.share)
    look_ups: tuple[ClaimedLookUp, ...] = ()
    if capacity.look_up_due:
        look_ups = claim_look_ups(connection, turn, free, policy.look_ups, policy.outlast)
    claimed, cursor = claim(connection, turn, free - len(look_ups), cursor)
    return ExchangeResult(
        True,
        moved,
        claimed,
        look_ups,
        renewed=not capacity.lease_suffices,
        capacity=free,
        cursor=cursor,
        share=capacity.share,
    )
