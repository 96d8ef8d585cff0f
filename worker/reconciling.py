"""The decisions that a person may make about operations, each held against how its operation stands at that moment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from models import FINAL, WAITING, State
from worker.kinds import KIND_BY_NAME
from worker.outbox import Database
from worker.outbox.database.errors import retry_on_conflict
from worker.outbox.exchange.questioned import ANSWER_IN_QUESTION
from worker.outbox.lanes import dependencies, turns
from worker.outbox.lanes.turns import LaneKey
from worker.outbox.operators import decisions
from worker.outbox.operators.actions import Decider as Decider  # noqa: PLC0414 (callers find it beside the wishes)
from worker.outbox.operators.decisions import TARGETS, Decision, Verb
from worker.outbox.revisions.apply import apply_revisions
from worker.outbox.views.status import OperationStatus

BATCH = 200
"""Operations per transaction: a bulk decision must not hold up the turns that settle the same rows."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """From when it is too late. Neither given: as it stands."""

    until: datetime | None = None
    never: bool = False

    @property
    def is_new(self) -> bool:
        """Whether it replaces the row's own."""
        return self.never or self.until is not None


@dataclass(frozen=True, slots=True)
class Requeue:
    """It ended without success, and shall be done after all."""

    expiry: Expiry = Expiry()


@dataclass(frozen=True, slots=True)
class Cancel:
    """It is not wanted any more."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """It is there at Vitec, under this id if it is known."""

    remote_id: str | None = None


@dataclass(frozen=True, slots=True)
class SendAgain:
    """It is not there at Vitec, and shall be."""

    expiry: Expiry = Expiry()


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It is not there at Vitec, and shall not be."""


Wish = Requeue | Cancel | Delivered | SendAgain | GiveUp


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
class Refusal:
    """A decision that could not be: why, and what to do instead. Both are sentences without personal data."""

    id: int
    why: str
    remedy: str


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


def judge(wish: Wish, status: OperationStatus, decider: Decider, owner: int | None = None) -> Decision | Refusal:
    """Say what a wish does to an operation that stands so, or why it cannot be. `owner`: the operation that has its remote id."""
    match wish:
        case Requeue():
            return _requeue(status, wish.expiry, decider)
        case Cancel():
            return _cancel(status, decider)
        case Delivered():
            return _delivered(status, wish, decider, owner)
        case SendAgain():
            return _send_again(status, wish.expiry, decider)
        case GiveUp():
            return _give_up(status, decider)
        case _:
            assert_never(wish)


def _requeue(status: OperationStatus, expiry: Expiry, decider: Decider) -> Decision | Refusal:
    if status.state not in FINAL:
        remedy = _look(status) if status.state is State.IN_DOUBT else "Wait for it, or cancel it first."
        return Refusal(status.id, f"It has not ended: it is {_said(status.state)}.", remedy)
    if status.state is State.SUCCEEDED:
        return Refusal(status.id, "It has been delivered.", "Nothing is ever sent twice: export it under a new id.")
    return _unsendable(status, expiry) or _again(Verb.REQUEUED, expiry, decider)


def _send_again(status: OperationStatus, expiry: Expiry, decider: Decider) -> Decision | Refusal:
    return _not_in_doubt(status) or _unsendable(status, expiry) or _again(Verb.SEND_AGAIN, expiry, decider)


def _unsendable(status: OperationStatus, expiry: Expiry) -> Refusal | None:
    """Say why an operation must not, or cannot usefully, be sent."""
    if status.accepted or status.acted:
        remedy = (
            f"If it is there: `resolve {status.id} --delivered`. If it must be made anew: export it under a new id."
        )
        why = "A person has said that it is there" if status.by_word else "Vitec has accepted it"
        return Refusal(status.id, f"{why}, so it is never sent again.", remedy)
    if status.blanked:
        return Refusal(
            status.id, "Its content has been blanked after its end.", "Export it from the CRM under a new id."
        )
    if status.too_late and not expiry.is_new:
        remedy = "Say from when it is too late: `--expires 2026-12-24T12:00`, or `--expires never`."
        return Refusal(status.id, "Its time has run out, so it would expire at once.", remedy)
    if status.parent in FINAL - {State.SUCCEEDED}:
        why = f"The operation that it comes after is {_said(status.parent)}, so it would fail at once."
        return Refusal(status.id, why, "Requeue that one first.")
    return None


def _again(verb: Verb, expiry: Expiry, decider: Decider) -> Decision:
    return Decision(verb, decider.by, decider.reason, until=expiry.until, for_ever=expiry.never)


def _cancel(status: OperationStatus, decider: Decider) -> Decision | Refusal:
    match status.state:
        case State.PENDING | State.RETRYABLE:
            return Decision(Verb.CANCELLED, decider.by, decider.reason)
        case State.IN_FLIGHT if status.cancel_asked:
            return Refusal(status.id, "It has been asked already; its request is on the way.", "Wait for its answer.")
        case State.IN_FLIGHT:
            return Decision(Verb.CANCEL_ASKED, decider.by, decider.reason)
        case State.IN_DOUBT:
            return Refusal(status.id, "Vitec may have carried it out already.", _look(status))
        case State.SUCCEEDED:
            return Refusal(status.id, "It has been delivered.", "Undo it in Vitec by hand; no call can.")
        case State.FAILED | State.CANCELLED | State.EXPIRED:
            return Refusal(
                status.id, f"It has ended already: it is {_said(status.state)}.", "There is nothing to cancel."
            )
        case _:
            assert_never(status.state)


def _delivered(status: OperationStatus, wish: Delivered, decider: Decider, owner: int | None) -> Decision | Refusal:
    if owner is not None:
        return _taken(status.id, owner)
    if status.state in WAITING and not status.sent_again and (refusal := _not_in_doubt(status)) is not None:
        return refusal
    renamed = status.remote_id is not None and wish.remote_id not in {None, status.remote_id}
    if renamed and not status.id_by_word and status.error_code != ANSWER_IN_QUESTION:
        remedy = "Leave the id out, or look both up in Vitec."
        return Refusal(status.id, f"Vitec gave it another id: {status.remote_id}.", remedy)
    if status.state is not State.SUCCEEDED:
        return Decision(Verb.DELIVERED, decider.by, decider.reason, wish.remote_id)
    if status.needs_person or renamed or (wish.remote_id is not None and status.remote_id is None):
        return Decision(Verb.SEEN, decider.by, decider.reason, wish.remote_id)
    return Refusal(status.id, "It has been delivered; that is known.", "There is nothing to resolve.")


def _give_up(status: OperationStatus, decider: Decider) -> Decision | Refusal:
    takes_back = status.state is State.SUCCEEDED and status.by_word
    refusal = None if takes_back else _not_in_doubt(status)
    return refusal or Decision(Verb.GIVEN_UP, decider.by, decider.reason)


def _look(status: OperationStatus) -> str:
    return f"Look in Vitec, then `vitec-sync resolve {status.id}` with --delivered, --send-again or --give-up."


def _not_in_doubt(status: OperationStatus) -> Refusal | None:
    if status.state is State.IN_DOUBT:
        return None
    remedies = {
        State.PENDING: "`cancel` takes it back.",
        State.RETRYABLE: "`cancel` takes it back.",
        State.IN_FLIGHT: "Wait for its answer.",
        State.SUCCEEDED: "There is nothing to resolve.",
    }
    remedy = remedies.get(status.state, "`requeue` sends it after all; if it is there, `resolve` with --delivered.")
    return Refusal(status.id, f"It is not in doubt: it is {_said(status.state)}.", remedy)


def _taken(id_: int, owner: int) -> Refusal:
    remedy = "Look in Vitec which of the two it is. If Vitec gives both the same id, leave it out."
    return Refusal(id_, f"That remote id belongs to operation {owner}.", remedy)


def _said(state: State | None) -> str:
    return "" if state is None else state.value.replace("_", " ")
