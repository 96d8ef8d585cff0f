"""The decisions that a person may make about operations, each held against how its operation stands at that moment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from models import WAITING, State
from worker.kinds import KIND_BY_NAME
from worker.outbox import Database
from worker.outbox.database.errors import retry_on_conflict
from worker.outbox.lanes import dependencies, turns
from worker.outbox.lanes.turns import LaneKey
from worker.outbox.operators import decisions
from worker.outbox.operators.actions import Decider
from worker.outbox.operators.decisions import TARGETS, Decision, Verb
from worker.outbox.revisions.apply import apply_revisions
from worker.outbox.views.status import OperationStatus
from worker.wishes import (
    Cancel,
    Delivered,
    Expiry,
    GiveUp,
    Refusal,
    Requeue,
    SendAgain,
    Wish,
    judge,
)

__all__ = [
    "Cancel",
    "Decider",
    "DecisionReport",
    "Delivered",
    "Done",
    "Expiry",
    "GiveUp",
    "Refusal",
    "Requeue",
    "SendAgain",
    "Wish",
    "carry_out",
    "judge",
]

BATCH = 200
"""Operations per transaction: a bulk decision must not hold up the turns that settle the same rows."""


@dataclass(frozen=True, slots=True)
class Done:
    """A decision that was carried out. `state`: where the operation stands now."""

    id: int
    source_id: str
    kind: str
    verb: Verb
    was: State
    state: State


@dataclass(frozen=True, slots=True)
class DecisionReport:
    """The decisions that were carried out, those that were refused, and the kinds to ring for."""

    carried_out: tuple[Done, ...] = ()
    refused: tuple[Refusal, ...] = ()

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds with something new to do."""
        return frozenset(decision.kind for decision in self.carried_out if decision.state in WAITING)

    def __add__(self, report: "DecisionReport") -> "DecisionReport":
        """Both, in this order."""
        return DecisionReport(self.carried_out + report.carried_out, self.refused + report.refused)


_Judged = tuple[OperationStatus, Decision | Refusal]


def carry_out(db: Database, ids: Iterable[int], wish: Wish, decider: Decider) -> DecisionReport:
    """Carry out `wish` for each operation that allows it. Each is judged as it stands under its lock, in batches."""
    ordered, report = sorted(set(ids)), DecisionReport()
    for start in range(0, len(ordered), BATCH):
        report += _decide_batch(db, ordered[start : start + BATCH], wish, decider)
    return report


def _decide_batch(db: Database, ids: Sequence[int], wish: Wish, decider: Decider) -> DecisionReport:
    judged, moved, freed = retry_on_conflict(lambda: _decide_once(db, ids, wish, decider))
    customers = {status.id: status.customer_id for status, _ in judged}
    report = _report(ids, judged, moved)
    waiting = {(customers[move.id], move.kind) for move in report.carried_out if move.state in WAITING}
    turns.wake_lanes(db, waiting | freed)
    return report


def _decide_once(
    db: Database, ids: Sequence[int], wish: Wish, decider: Decider
) -> tuple[list[_Judged], frozenset[int], frozenset[LaneKey]]:
    """One whole transaction: the judgements, the ids that moved, and the lanes of freed children."""
    with db.write() as connection:
        named = wish.remote_id if isinstance(wish, Delivered) else None
        if named is not None:
            # No settlement gives the id to another operation between the look and the write.
            decisions.lock_lanes(connection, ids)
        statuses = decisions.lock_operations(connection, ids)
        unique = [status for status in statuses if named is not None and KIND_BY_NAME[status.kind].ids_are_unique]
        owners = {status.id: decisions.owner_of(connection, status, named or "") for status in unique}
        judged = [(status, judge(wish, status, decider, owners.get(status.id))) for status in statuses]
        decided = [(status, decision) for status, decision in judged if isinstance(decision, Decision)]
        moved = decisions.write_decisions(connection, decided)
        # These two end the wait of new content from the CRM; a cancel drops it.
        settling = {status.id for status, decision in decided if decision.verb in {Verb.SEND_AGAIN, Verb.DELIVERED}}
        revised = [status.id for status, _ in decided if status.revised and status.id in moved & settling]
        if revised:
            apply_revisions(connection, revised, keep_refused=True)
        succeeded = [status.id for status, decision in decided if TARGETS[decision.verb] is State.SUCCEEDED]
        freed = dependencies.release_children(connection, moved.intersection(succeeded))
    return judged, moved, freed


def _report(ids: Sequence[int], judged: Sequence[_Judged], moved: frozenset[int]) -> DecisionReport:
    existing = {status.id for status, _ in judged}
    unknown = [Refusal(id_, "There is no such operation.", "`vitec-sync list` shows those there are.") for id_ in ids]
    refused = [refusal for refusal in unknown if refusal.id not in existing]
    carried_out = []
    for status, judgement in judged:
        if isinstance(judgement, Refusal):
            refused.append(judgement)
        elif status.id in moved:
            state = _state_after(status, judgement)
            carried_out.append(Done(status.id, status.source_id, status.kind, judgement.verb, status.state, state))
        else:
            refused.append(Refusal(status.id, "It changed at this very moment.", "Look at it again, then decide."))
    return DecisionReport(tuple(carried_out), tuple(refused))


def _state_after(status: OperationStatus, decision: Decision) -> State:
    target = TARGETS[decision.verb]
    return status.state if target is None or status.state is State.IN_FLIGHT else target
