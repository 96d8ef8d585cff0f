"""The invariants: the database's word about every operation, held against the stand-in's ledger."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from models import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

WAITING = {State.PENDING, State.RETRYABLE}
GIVEN_UP = {State.FAILED, State.CANCELLED, State.EXPIRED}
WITH_ID = {"appointment", "comeback", "order_token"}
HARMLESS = {"order_token", "order_status", "viewing_cancellation"}
"""The kinds that may be carried out any number of times: a look-up, or a state that is set."""


class Invariant(StrEnum):
    """A promise about operations that no failure may break, by the name of its breach."""

    LOST = "LOST"
    """Neither carried out nor given up, and no turn, timer or person will look at it again."""
    DOUBLED = "DOUBLED"
    """Carried out twice, or carried out and still about to be sent, without a person having asked."""
    FALSE_SUCCESS = "FALSE SUCCESS"
    """Said to be done, and not done, or not under that id."""
    FALSE_FAILURE = "FALSE FAILURE"
    """Said to be given up, and done."""
    GHOST = "GHOST"
    """A request that belongs to no operation."""
    OVER_DOUBT = "OVER-DOUBT"
    """More doubt than there was reason for."""
    UNDONE = "UNDONE"
    """Another operation on the same thing, sent before, was carried out after it."""
    TRAIL = "TRAIL"
    """A request that the history does not account for, or accounts for wrongly."""


@dataclass(frozen=True, slots=True)
class Row:
    """An operation as the database has it. `later`: it waits for a moment that has not come."""

    id: int
    kind: str
    state: State
    attempt: int = 1
    remote_id: str | None = None
    later: bool = False
    by_person: bool = False
    """A person, or new content from the CRM, decided something about it."""
    key: str | None = None
    """The thing at Vitec that it sets the state of, with the customer."""
    in_question: bool = False
    """A person is told that its answer, and so its id, may be another's."""


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt as the history has it."""

    operation_id: int
    attempt: int
    written: bool | None = True
    outcome: str = "succeeded"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the stand-in's ledger has it. `complete`: the answer that belongs to it was given, undisturbed."""

    request_id: str | None
    applied: bool
    remote_id: str | None = None
    complete: bool = True

    @property
    def parts(self) -> tuple[int, ...]:
        """Operation, attempt and, of a look-up, its number; nothing where the id is none of ours."""
        try:
            return tuple(int(part) for part in (self.request_id or "").split("."))
        except ValueError:
            return ()

    @property
    def is_look_up(self) -> bool:
        return len(self.parts) == 3


@dataclass(frozen=True, slots=True)
class Evidence:
    """The rows, their history and the ledger at the end of a run. `reasons`: rows in flight at kills, and ambiguous faults that struck."""

    rows: Mapping[int, Row]
    tried: Sequence[Tried]
    requests: Sequence[Request]
    reasons: int | None = None
    """None: doubt is not counted."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One invariant broken by one operation, or by the run as a whole."""

    invariant: Invariant
    operation_id: int | None
    description: str

    def __str__(self) -> str:
        of = "" if self.operation_id is None else f" operation {self.operation_id}:"
        return f"{self.invariant}:{of} {self.description}"


def check(evidence: Evidence) -> list[Violation]:
    """List every violation. Called when faults and quiet time are over."""
    sent: dict[int, list[Request]] = defaultdict(list)
    for request in evidence.requests:
        if len(request.parts) == 2:
            sent[request.parts[0]].append(request)
    violations: list[Violation] = []
    for row in evidence.rows.values():
        violations += _of_row(row, sent[row.id])
    violations += _undone(evidence)
    violations += _ghosts(evidence)
    violations += _over_doubt(evidence)
    violations += _trail(evidence)
    return violations


def _of_row(row: Row, sent: Sequence[Request]) -> Iterator[Violation]:
    applied = [request for request in sent if request.applied]
    harmless = row.kind in HARMLESS or row.by_person
    if row.state is State.IN_FLIGHT or (row.state in WAITING and not row.later and not applied):
        yield Violation(
            Invariant.LOST, row.id, f"it is {row.state}, carried out {len(applied)} times, with no worker on it"
        )
    if len(applied) > 1 and not harmless:
        yield Violation(Invariant.DOUBLED, row.id, f"carried out {len(applied)} times: {_ids(applied)}")
    if row.state in WAITING and applied and not harmless:
        yield Violation(Invariant.DOUBLED, row.id, f"carried out ({_ids(applied)}) and about to be sent again")
    if row.state is State.SUCCEEDED:
        yield from _false_success(row, applied)
    if row.state in GIVEN_UP and _was_done(row, applied, sent):
        yield Violation(Invariant.FALSE_FAILURE, row.id, f"it is {row.state}, and was carried out: {_ids(applied)}")


def _false_success(row: Row, applied: Sequence[Request]) -> Iterator[Violation]:
    if not applied:
        yield Violation(Invariant.FALSE_SUCCESS, row.id, "it has succeeded, and was never carried out")
    elif row.remote_id not in {None, *(request.remote_id for request in applied)} and not row.in_question:
        yield Violation(Invariant.FALSE_SUCCESS, row.id, f"nothing of its own has the id {row.remote_id}")
    elif row.remote_id is None and row.kind in WITH_ID and not row.by_person:
        yield Violation(Invariant.FALSE_SUCCESS, row.id, "it has succeeded without an id")


def _was_done(row: Row, applied: Sequence[Request], sent: Sequence[Request]) -> bool:
    """A kind that may be sent again is done when its answer has been told: a refusal that came last is the truth about it."""
    return bool(applied) if row.kind not in HARMLESS else bool(sent) and sent[-1].applied and sent[-1].complete


def _undone(evidence: Evidence) -> Iterator[Violation]:
    """Hold the calls on the same thing, in the order of their arrival, against the order of the operations."""
    arrived = [request for request in evidence.requests if len(request.parts) == 2]
    first_sent = {request.parts[0]: at for at, request in reversed(list(enumerate(arrived)))}
    latest: dict[str, int] = {}
    for at, request in enumerate(arrived):
        row = evidence.rows.get(request.parts[0])
        if row is None or row.key is None or row.by_person or not request.applied:
            continue
        before = latest.get(row.key, at)
        earlier = arrived[before].parts[0]
        if earlier != row.id and first_sent[row.id] < before:
            yield Violation(Invariant.UNDONE, earlier, f"operation {row.id}, sent before it, was carried out after it")
        latest[row.key] = at
    yield from _overtaken(evidence, {key: arrived[at].parts[0] for key, at in latest.items()})


def _overtaken(evidence: Evidence, last_applied: Mapping[str, int]) -> Iterator[Violation]:
    """Check that each thing is in the state of the last operation on it that succeeded, or of one after that."""
    for key, applied_id in last_applied.items():
        succeeded = [row.id for row in evidence.rows.values() if row.key == key and row.state is State.SUCCEEDED]
        last = max(succeeded, default=0)
        if applied_id < last:
            yield Violation(Invariant.UNDONE, last, f"operation {applied_id} was carried out last")


def count_repeated(evidence: Evidence) -> int:
    """Count the operations that were carried out more than once, where that is harmless."""
    times = Counter(request.parts[0] for request in evidence.requests if request.applied and len(request.parts) == 2)
    harmless = {row.id for row in evidence.rows.values() if row.kind in HARMLESS}
    return sum(count > 1 for id_, count in times.items() if id_ in harmless)


def _ghosts(evidence: Evidence) -> Iterator[Violation]:
    for request in evidence.requests:
        parts = request.parts
        row = evidence.rows.get(parts[0]) if parts else None
        if row is None or len(parts) not in {2, 3} or parts[1] > row.attempt:
            yield Violation(Invariant.GHOST, None, f"a request {request.request_id!r} of no operation")


def _over_doubt(evidence: Evidence) -> Iterator[Violation]:
    if evidence.reasons is None:
        return
    doubted = {attempt.operation_id for attempt in evidence.tried if attempt.outcome == State.IN_DOUBT}
    doubted |= {row.id for row in evidence.rows.values() if row.state is State.IN_DOUBT}
    if len(doubted) > evidence.reasons:
        description = f"{len(doubted)} operations were in doubt, with {evidence.reasons} reasons for it"
        yield Violation(Invariant.OVER_DOUBT, None, description)


def _trail(evidence: Evidence) -> Iterator[Violation]:
    entries = Counter((entry.operation_id, entry.attempt) for entry in evidence.tried)
    unwritten = {(entry.operation_id, entry.attempt) for entry in evidence.tried if entry.written is False}
    received = Counter(request.parts for request in evidence.requests if len(request.parts) == 2)
    for (operation_id, attempt), times in received.items():
        if operation_id not in evidence.rows:
            continue  # A ghost.
        if times > 1:
            yield Violation(Invariant.TRAIL, operation_id, f"attempt {attempt} was received {times} times")
        if entries[operation_id, attempt] != 1:
            description = (
                f"attempt {attempt} was received, and the history has it {entries[operation_id, attempt]} times"
            )
            yield Violation(Invariant.TRAIL, operation_id, description)
        if (operation_id, attempt) in unwritten:
            yield Violation(
                Invariant.TRAIL, operation_id, f"attempt {attempt} was received, and is said to be unwritten"
            )


def _ids(requests: Sequence[Request]) -> str:
    return ", ".join(str(request.request_id) for request in requests)
