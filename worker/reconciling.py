"""What a person may decide about operations, held against how each stands at that moment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from sqlalchemy.exc import IntegrityError

from models import FINAL, WAITING, State
from worker.outbox import Database
from worker.outbox.database.errors import retry_on_conflict
from worker.outbox.lanes import dependencies, turns
from worker.outbox.lanes.turns import LaneKey
from worker.outbox.operators import decisions
from worker.outbox.operators.decisions import TARGETS, Decision, Verb
from worker.outbox.revisions.apply import apply_revisions
from worker.outbox.views.status import OperationStatus

BATCH = 200
"""Operations per transaction: a bulk decision must not hold up the turns that settle the same rows."""


@dataclass(frozen=True, slots=True)
class Decider:
    """Who decided, and why; both stand in the history for ever."""

    by: str
    reason: str | None = None


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
    """What became of the decisions, and the kinds to ring for."""

    carried_out: tuple[Done, ...] = ()
    refused: tuple[Refusal, ...] = ()

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds with something new to do."""
        return frozenset(one.kind for one in self.carried_out if one.state in WAITING)

    def __add__(self, other: "DecisionReport") -> "DecisionReport":
        """Both, in this order."""
        return DecisionReport(self.carried_out + other.carried_out, self.refused + other.refused)


_Judged = tuple[OperationStatus, Decision | Refusal]


def carry_out(db: Database, ids: Iterable[int], wish: Wish, who: Decider) -> DecisionReport:
    """Carry out `wish` for each operation that allows it. Each is judged as it stands under its lock, in batches."""
    ordered = sorted(set(ids))
    report = DecisionReport()
    for start in range(0, len(ordered), BATCH):
        report += _decide_batch(db, ordered[start : start + BATCH], wish, who)
    return report


def _decide_batch(db: Database, ids: Sequence[int], wish: Wish, who: Decider) -> DecisionReport:
    try:
        judged, moved, freed = retry_on_conflict(lambda: _decide_once(db, ids, wish, who))
    except IntegrityError:
        # Between the look and the write, a settlement gave the same remote id to another operation.
        return DecisionReport(refused=tuple(_taken(id_, None) for id_ in ids))
    customers = {one.id: one.customer_id for one, _ in judged}
    report = _report(ids, judged, moved)
    turns.wake_lanes(db, {(customers[one.id], one.kind) for one in report.carried_out if one.state in WAITING} | freed)
    return report


def _decide_once(
    db: Database, ids: Sequence[int], wish: Wish, who: Decider
) -> tuple[list[_Judged], frozenset[int], frozenset[LaneKey]]:
    """One whole transaction: what was judged of each, which were moved, and the lanes of what came after them."""
    with db.write() as connection:
        standing = decisions.lock_operations(connection, ids)
        owners = {
            one.id: decisions.owner_of(connection, one, wish.remote_id)
            for one in standing
            if isinstance(wish, Delivered) and wish.remote_id is not None
        }
        judged = [(one, judge(wish, one, who, owners.get(one.id))) for one in standing]
        decided = [(one, verdict) for one, verdict in judged if isinstance(verdict, Decision)]
        moved = decisions.write_decisions(connection, decided)
        revised = [one.id for one, decision in decided if one.id in moved and one.revised and _is_the_verdict(decision)]
        if revised:
            apply_revisions(connection, revised)
        succeeded = [one.id for one, decision in decided if TARGETS[decision.verb] is State.SUCCEEDED]
        freed = dependencies.release_children(connection, moved.intersection(succeeded))
    return judged, moved, freed


def _is_the_verdict(decision: Decision) -> bool:
    """Whether the decision is the verdict that new content from the CRM has waited for."""
    return decision.verb in {Verb.SEND_AGAIN, Verb.DELIVERED}


def _report(ids: Sequence[int], judged: Sequence[_Judged], moved: frozenset[int]) -> DecisionReport:
    known = {one.id for one, _ in judged}
    unknown = [Refusal(id_, "There is no such operation.", "`vitec-sync list` shows those there are.") for id_ in ids]
    refused = [one for one in unknown if one.id not in known]
    done = []
    for one, verdict in judged:
        if isinstance(verdict, Refusal):
            refused.append(verdict)
        elif one.id in moved:
            state = _state_after(one, verdict)
            done.append(Done(one.id, one.source_id, one.kind, verdict.verb, one.state, state))
        else:
            refused.append(Refusal(one.id, "It changed at this very moment.", "Look at it again, then decide."))
    return DecisionReport(tuple(done), tuple(refused))


def _state_after(one: OperationStatus, decision: Decision) -> State:
    target = TARGETS[decision.verb]
    return one.state if target is None or one.state is State.IN_FLIGHT else target


def judge(wish: Wish, one: OperationStatus, who: Decider, owner: int | None = None) -> Decision | Refusal:
    """Say what a wish does to an operation that stands so, or why it cannot be. `owner`: who has its remote id."""
    match wish:
        case Requeue():
            return _requeue(one, wish.expiry, who)
        case Cancel():
            return _cancel(one, who)
        case Delivered():
            return _delivered(one, wish, who, owner)
        case SendAgain():
            return _send_again(one, wish.expiry, who)
        case GiveUp():
            return _give_up(one, who)
        case _:
            assert_never(wish)


def _requeue(one: OperationStatus, expiry: Expiry, who: Decider) -> Decision | Refusal:
    if one.state not in FINAL:
        remedy = _look(one) if one.state is State.IN_DOUBT else "Wait for it, or cancel it first."
        return Refusal(one.id, f"It has not ended: it is {_said(one.state)}.", remedy)
    if one.state is State.SUCCEEDED:
        return Refusal(one.id, "It has been delivered.", "Nothing is ever sent twice: export it under a new id.")
    return _unsendable(one, expiry) or _again(Verb.REQUEUED, expiry, who)


def _send_again(one: OperationStatus, expiry: Expiry, who: Decider) -> Decision | Refusal:
    return _not_in_doubt(one) or _unsendable(one, expiry) or _again(Verb.SEND_AGAIN, expiry, who)


def _unsendable(one: OperationStatus, expiry: Expiry) -> Refusal | None:
    """Say why an operation must not, or cannot usefully, be sent."""
    if one.accepted or one.acted:
        remedy = f"If it is there: `resolve {one.id} --delivered`. If it must be made anew: export it under a new id."
        return Refusal(one.id, "Vitec has accepted it, so it is never sent again.", remedy)
    if one.blanked:
        return Refusal(one.id, "Its content has been blanked after its end.", "Export it from the CRM under a new id.")
    if one.too_late and not expiry.is_new:
        remedy = "Say from when it is too late: `--expires 2026-12-24T12:00`, or `--expires never`."
        return Refusal(one.id, "Its time has run out, so it would expire at once.", remedy)
    if one.parent in FINAL - {State.SUCCEEDED}:
        why = f"The operation that it comes after is {_said(one.parent)}, so it would fail at once."
        return Refusal(one.id, why, "Requeue that one first.")
    return None


def _again(verb: Verb, expiry: Expiry, who: Decider) -> Decision:
    return Decision(verb, who.by, who.reason, until=expiry.until, for_ever=expiry.never)


def _cancel(one: OperationStatus, who: Decider) -> Decision | Refusal:
    match one.state:
        case State.PENDING | State.RETRYABLE:
            return Decision(Verb.CANCELLED, who.by, who.reason)
        case State.IN_FLIGHT if one.cancel_asked:
            return Refusal(one.id, "It has been asked already; its request is on the way.", "Wait for its answer.")
        case State.IN_FLIGHT:
            return Decision(Verb.CANCEL_ASKED, who.by, who.reason)
        case State.IN_DOUBT:
            return Refusal(one.id, "Vitec may have carried it out already.", _look(one))
        case State.SUCCEEDED:
            return Refusal(one.id, "It has been delivered.", "Undo it in Vitec by hand; no call can.")
        case State.FAILED | State.CANCELLED | State.EXPIRED:
            return Refusal(one.id, f"It has ended already: it is {_said(one.state)}.", "There is nothing to cancel.")
        case _:
            assert_never(one.state)


def _delivered(one: OperationStatus, wish: Delivered, who: Decider, owner: int | None) -> Decision | Refusal:
    if owner is not None:
        return _taken(one.id, owner)
    if one.remote_id is not None and wish.remote_id not in {None, one.remote_id}:
        remedy = "Leave the id out, or look both up in Vitec."
        return Refusal(one.id, f"Vitec gave it another id: {one.remote_id}.", remedy)
    if one.state is not State.SUCCEEDED:
        return Decision(Verb.DELIVERED, who.by, who.reason, wish.remote_id)
    if one.needs_person or (wish.remote_id is not None and one.remote_id is None):
        return Decision(Verb.SEEN, who.by, who.reason, wish.remote_id)
    return Refusal(one.id, "It has been delivered; that is known.", "There is nothing to resolve.")


def _give_up(one: OperationStatus, who: Decider) -> Decision | Refusal:
    return _not_in_doubt(one) or Decision(Verb.GIVEN_UP, who.by, who.reason)


def _look(one: OperationStatus) -> str:
    return f"Look in Vitec, then `vitec-sync resolve {one.id}` with --delivered, --send-again or --give-up."


def _not_in_doubt(one: OperationStatus) -> Refusal | None:
    if one.state is State.IN_DOUBT:
        return None
    remedies = {
        State.PENDING: "`cancel` takes it back.",
        State.RETRYABLE: "`cancel` takes it back.",
        State.IN_FLIGHT: "Wait for its answer.",
        State.SUCCEEDED: "There is nothing to resolve.",
    }
    remedy = remedies.get(one.state, "`requeue` sends it after all; if it is there, `resolve` with --delivered.")
    return Refusal(one.id, f"It is not in doubt: it is {_said(one.state)}.", remedy)


def _taken(id_: int, owner: int | None) -> Refusal:
    whose = "another operation" if owner is None else f"operation {owner}"
    return Refusal(id_, f"That remote id belongs to {whose}.", "Look in Vitec which of the two it is.")


def _said(state: State | None) -> str:
    return "" if state is None else state.value.replace("_", " ")
