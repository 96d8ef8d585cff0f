"""The exchange: the one transaction of a turn's loop. Settle what has finished, claim what there is room for.

Locks are taken in one order everywhere: environment, lane, operations.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, bindparam, exists, select

from models import Environment, Hold, Lane, State
from worker import failpoints
from worker.outbox.database.database import Database
from worker.outbox.database.sql import cached_statement
from worker.outbox.exchange import holds
from worker.outbox.exchange.capacity import TurnPolicy, capacity_of
from worker.outbox.exchange.claim import FROM_START, ClaimCursor, Claimed, claim
from worker.outbox.exchange.late_answers import record_late
from worker.outbox.exchange.look_ups import ClaimedLookUp, FinishedLookUp, claim_look_ups, settle_look_ups
from worker.outbox.exchange.settle import Finished, Moved, settle, succeeded_ids
from worker.outbox.lanes import dependencies, turns
from worker.outbox.lanes.turns import Turn
from worker.outbox.predicates import Now
from worker.outbox.revisions.apply import apply_revisions
from worker.outcome import Health


@dataclass(frozen=True, slots=True)
class ExchangeResult:
    """What an exchange did. `mine`: the turn still owns its lane. `renewed`: the lease began anew.

    `held`: the lane must rest. `room`: how many there was room for, `claimed` being at most as many.
    """

    owns_lane: bool
    moved: dict[int, Moved]
    claimed: tuple[Claimed, ...] = ()
    look_ups: tuple[ClaimedLookUp, ...] = ()
    """To be looked up."""
    renewed: bool = False
    held: bool = False
    capacity: int = 0
    cursor: ClaimCursor = FROM_START
    """From where the next claim may go on."""
    share: int | None = None
    """How many the turn may have under way, if others leave it room. 0: more turns live than there is room for, and this
    one would only wait. None: nobody looked."""
    released: bool = False
    """The lane was given back, since nothing was there to be claimed."""

    @property
    def is_idle(self) -> bool:
        """There was room, and nothing for it."""
        return self.owns_lane and self.capacity > 0 and not self.claimed and not self.look_ups


def exchange(
    db: Database,
    turn: Turn,
    finished: Sequence[Finished],
    want: int,
    terms: TurnPolicy,
    looked_up: Sequence[FinishedLookUp] = (),
    place: ClaimCursor = FROM_START,
    *,
    leave: bool = False,
) -> ExchangeResult:
    """Settle `finished` and `looked_up`, then claim at most `want`, from `place` on.

    `leave`: where nothing is left to be claimed, give the lane back at once. Only for a turn that has nothing in flight
    besides.

    What became due before `place` meanwhile is found by a claim from the start, which a turn makes every few seconds.
    What has finished is settled even if the lane is no longer ours.
    """
    now = db.clock.now()
    with db.write() as connection:
        locked = connection.execute(_lock(now), turn.parameters).one()
        mine = bool(locked.mine)
        moved = _settle(connection, now, finished, looked_up, terms)
        freed = dependencies.release_children(connection, succeeded_ids(moved)) if locked.children else frozenset()
        news = _news(finished, looked_up)
        if locked.failures_in_row or locked.ended or not all(map(_is_quiet, news)):
            holds.update_holds(connection, now, turn, news, terms.ladders, locked.failures_in_row)
        done = ExchangeResult(owns_lane=mine, moved=moved, cursor=place)
        if mine and want > 0:
            done = _claim(connection, now, turn, want, terms, moved, place)
            if leave and done.is_idle:
                turns.give_back_lane(connection, turn.customer_id, turn.kind)
                done = replace(done, released=True)
        if failpoints.hook:
            _report_points(failpoints.hook, "before", finished, done)
    if failpoints.hook:
        _report_points(failpoints.hook, "after", finished, done)
    _wake_others(db, turn, freed, mine=mine, moved=bool(moved))
    return done


def _wake_others(db: Database, turn: Turn, freed: frozenset[turns.LaneKey], *, mine: bool, moved: bool) -> None:
    own = {(turn.customer_id, turn.kind)}
    # Its own lane a turn sees to itself. Whoever has a lost one now, or had it since, did not see these move.
    woken = freed - own if mine else freed | (own if moved else set())
    if woken:
        turns.wake_lanes(db, woken)


def _report_points(hook: Callable[[str], None], when: str, finished: Sequence[Finished], done: ExchangeResult) -> None:
    if finished:
        hook(f"{when}_settle_commit")
    if done.claimed:
        hook(f"{when}_claim_commit")


@cached_statement
def _lock(now: Now) -> Any:
    """The environment, then the lane, in this order and whoever's it is. FOR NO KEY UPDATE: as in `lanes.lock`.

    `mine` and `failures_in_row` are those of the locked rows; `ended` and `children` may be as old as the statement. Nothing
    here may be compared with the clock.
    """
    # Whether any hold has run out, which a good answer would end: one that runs out a moment later, the next one ends.
    ended = exists().where(Hold.until <= now)
    return (
        select(
            (Lane.token == bindparam("lane_token")).label("mine"),
            Environment.failures_in_row,
            ended.label("ended"),
            dependencies.any_child_waits.label("children"),
        )
        .join(Lane, turns.is_named_lane)
        .where(Environment.id == 1)
        .with_for_update(key_share=True, of=(Environment, Lane))
    )


def _news(finished: Sequence[Finished], looked_up: Sequence[FinishedLookUp]) -> list[holds.HealthSignal]:
    news = [holds.HealthSignal(one.settlement.hold, one.settlement.health) for one in finished]
    return news + [holds.HealthSignal(one.hold, one.health) for one in looked_up]


def _is_quiet(news: holds.HealthSignal) -> bool:
    """Nothing follows from it while no failure has been counted and no hold is coming to its end."""
    return news.hold is None and news.health is not Health.ILL


def _settle(
    connection: Connection,
    now: Now,
    finished: Sequence[Finished],
    looked_up: Sequence[FinishedLookUp],
    terms: TurnPolicy,
) -> dict[int, Moved]:
    # By id, as everybody locks operations.
    finished = sorted(finished, key=lambda one: one.id)
    looked_up = sorted(looked_up, key=lambda one: one.id)
    moved = settle(connection, now, finished)
    overtaken = [one for one in finished if one.id not in moved]
    moved |= record_late(connection, now, overtaken)
    moved |= settle_look_ups(connection, now, looked_up, terms.look_ups)
    revised = [id_ for id_, what in moved.items() if what.revised and what.state is not State.IN_DOUBT]
    if revised:
        apply_revisions(connection, revised)
    return moved


def _claim(
    connection: Connection,
    now: Now,
    turn: Turn,
    want: int,
    terms: TurnPolicy,
    moved: dict[int, Moved],
    place: ClaimCursor,
) -> ExchangeResult:
    room = capacity_of(connection, now, turn, terms, place)
    if not room.alive:
        return ExchangeResult(owns_lane=False, moved=moved)
    most = min(want, room.most)
    if most <= 0:
        return ExchangeResult(
            owns_lane=True, moved=moved, held=room.held, cursor=replace(place, since=room.since), share=room.share
        )
    if not room.lasts:
        # First the lease, then the claim under it: a request must never outlive the right to send it.
        turns.renew_lease(connection, turn, terms.lease)
    asked = claim_look_ups(connection, now, turn, most, terms.look_ups, terms.outlast) if room.to_ask else ()
    claimed, place = claim(connection, now, turn, most - len(asked), replace(place, since=room.since))
    return ExchangeResult(
        True, moved, claimed, asked, renewed=not room.lasts, capacity=most, cursor=place, share=room.share
    )
