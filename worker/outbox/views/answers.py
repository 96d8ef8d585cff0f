"""Counts of the shapes in which Vitec has answered, from the newest entries of the history. They hold no personal data."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, func, select

from models import Attempt, Event, Operation, State
from worker.outbox.database.database import Database
from worker.shapes import shape_of

PAGE = 2_000
"""Entries that are fetched at a time."""

AS_DOCUMENTED, NOT_RECORDED = "as documented", "not recorded"


class Observation(NamedTuple):
    """All that two answers must share to be counted as of one sort. `result`: the code, or the state it argued for."""

    kind: str
    is_look_up: bool
    http_status: int
    shape: str
    result: str


@dataclass(frozen=True, slots=True)
class ObservedAnswers:
    """How many answers were of one sort, when the first and the latest came, and the latest one's operation.

    `repeated`: how many of them gave an id that an earlier answer had given to the same customer and kind.
    """

    observation: Observation
    count: int
    repeated: int
    since: datetime
    latest: datetime
    operation_id: int


def observe_answers(db: Database, newest: int, kinds: frozenset[str] = frozenset()) -> list[ObservedAnswers]:
    """Sum up the answers among so many of the newest entries of the history, by kind (none: all), call and status."""
    with db.read() as connection:
        last = connection.scalar(select(func.max(Attempt.id))) or 0
        query = (
            select(
                Operation.kind,
                Operation.customer_id,
                Attempt.event,
                Attempt.http_status,
                Attempt.outcome,
                Attempt.code,
                Attempt.answer_shape,
                Attempt.remote_id,
                Attempt.answer.is_not(None).label("has_answer"),
                Attempt.at,
                Attempt.operation_id,
            )
            .join(Operation, Operation.id == Attempt.operation_id)
            .where(Attempt.id > last - newest, Attempt.http_status.is_not(None))
            .order_by(Attempt.id)
        )
        if kinds:
            query = query.where(Operation.kind.in_(sorted(kinds)))
        groups = list(_group(connection.execute(query.execution_options(yield_per=PAGE))))
    return sorted(groups, key=lambda group: (group.observation[:3], -group.count, group.observation))


def _group(entries: Iterable[Row[Any]]) -> Iterable[ObservedAnswers]:
    first: dict[Observation, Row[Any]] = {}
    latest: dict[Observation, Row[Any]] = {}
    counts, repeated = Counter[Observation](), Counter[Observation]()
    ids_given: set[tuple[str, str, str]] = set()
    for entry in entries:
        observation = _observe(entry)
        first.setdefault(observation, entry)
        latest[observation] = entry
        counts[observation] += 1
        if _gives_id(entry):
            id_given = (entry.kind, entry.customer_id, entry.remote_id)
            repeated[observation] += id_given in ids_given
            ids_given.add(id_given)
    for observation, entry in latest.items():
        count, since = counts[observation], first[observation].at
        yield ObservedAnswers(observation, count, repeated[observation], since, entry.at, entry.operation_id)


def _observe(entry: Row[Any]) -> Observation:
    is_look_up = entry.event is Event.LOOKED_UP
    shape = entry.answer_shape or _derive_shape(entry)
    return Observation(entry.kind, is_look_up, entry.http_status, shape, entry.code or entry.outcome or "")


def _derive_shape(entry: Row[Any]) -> str:
    """Derive the shape of an answer of which no shape was kept, since it was as documented."""
    is_read = entry.outcome in {State.SUCCEEDED.value, State.FAILED.value} and 200 <= entry.http_status < 300
    if entry.event is Event.LOOKED_UP or not is_read:
        # From before shapes were kept.
        return NOT_RECORDED
    return f"{AS_DOCUMENTED}: {shape_of(entry.remote_id)}" if _gives_id(entry) else AS_DOCUMENTED


def _gives_id(entry: Row[Any]) -> bool:
    """Whether the answer was an id and nothing else; the ids in a ticket may come again."""
    return entry.event is not Event.LOOKED_UP and entry.remote_id is not None and not entry.has_answer
