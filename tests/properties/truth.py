"""The truth after every step: the database, held against Vitec's acts."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, select, true

from models import FINAL, WAITING, Attempt, Event, Operation, State
from tests.properties.office import Office
from tests.properties.workers import Violation
from worker.kind import OnDoubt
from worker.kinds import KINDS

if TYPE_CHECKING:
    from tests.properties.vitec import Request

HARMLESS = {kind.kind for kind in KINDS if kind.on_doubt is OnDoubt.RESEND}
"""The kinds that may be done twice: a look-up, or a state that is set."""


def check_operations(office: Office, before: dict[int, tuple[State, int]]) -> dict[int, tuple[State, int]]:
    """Hold every operation against the truth. Returns the state and attempt of each, for the next check."""
    with office.world.db.read() as connection:
        rows = connection.execute(select(Operation.__table__).order_by(Operation.id)).all()
    for row in rows:
        _hold_against_truth(office, row)
        _hold_against_past(office, row, before.get(row.id))
    _hold_against_order(office)
    return {row.id: (row.state, row.attempt) for row in rows}


def _hold_against_truth(office: Office, row: Row[Any]) -> None:
    vitec, current_time = office.world.vitec, office.world.now
    acted = vitec.times_acted(row.id, current_time)
    if row.id in office.excused:
        return
    if row.kind not in HARMLESS:
        _require(acted <= 1, "doubled", row, current_time)
        _require(acted == 0 or row.state not in WAITING, "about to be doubled", row, current_time)
        _require(acted == 0 or row.state not in FINAL - {State.SUCCEEDED}, "false failure", row, current_time)
    _require(row.state is not State.SUCCEEDED or acted > 0, "false success", row, current_time)
    ids = {request.remote_id for request in vitec.requests_of(row.id) if request.acted(current_time)}
    _require(row.remote_id is None or row.remote_id in ids, "another's id", row, current_time)
    _require(
        row.needs_person is False or row.state in {State.IN_DOUBT, State.SUCCEEDED},
        "a question without doubt",
        row,
        current_time,
    )


def _hold_against_order(office: Office) -> None:
    """Check that nothing was undone: nothing acts after another operation on the same thing that was sent meanwhile."""
    vitec, by_person = office.world.vitec, office.decided | office.excused
    first_sent = {request.operation: at for at, request in reversed(list(enumerate(vitec.requests)))}
    sent = {(request.operation, request.attempt): at for at, request in enumerate(vitec.requests)}
    latest: dict[str, Request] = {}
    for act in vitec.acts(office.world.now):
        if act.key is None or act.operation in by_person:
            continue
        before = latest.setdefault(act.key, act)
        if first_sent[act.operation] < sent[before.operation, before.attempt] and act.operation != before.operation:
            raise Violation(f"operation {before.operation} was undone by {act.operation}, sent before, at {act.when}")
        latest[act.key] = act


def _check_last_states(office: Office) -> None:
    """Check that the last success on each thing stands: an order has its status, a contact is on the list or off it."""
    acts = office.world.vitec.acts(office.world.now)
    with office.world.db.read() as connection:
        keys = office.list_keys(connection, true())
        states = {row.id: row.state for row in connection.execute(select(Operation.id, Operation.state))}
    for key in set(keys.values()):
        ids = [id_ for id_ in keys if keys[id_] == key]
        if not isinstance(key, str) or set(ids) & (office.decided | office.excused):
            continue
        sent = [act for act in acts if act.key == key]
        last, was_needless = ids[-1], states[ids[-1]] is State.CANCELLED
        if was_needless and sent and sent[-1].kind == "viewing_registration":
            raise Violation(f"operation {last} was not needed, and the contact is still registered")


def _hold_against_past(office: Office, row: Row[Any], before: tuple[State, int] | None) -> None:
    if before is not None:
        state, attempt = before
        # One of the two words of a person was wrong then.
        word_taken_back = row.state is State.CANCELLED and row.id in office.excused
        if state is State.SUCCEEDED and row.state is not State.SUCCEEDED and not word_taken_back:
            raise Violation(f"operation {row.id}: a success was taken back")
        if row.attempt < attempt:
            raise Violation(f"operation {row.id}: the fence was lowered")


def _require(holds: bool, fault: str, row: Row[Any], current_time: datetime) -> None:
    if not holds:
        raise Violation(
            f"operation {row.id} ({row.kind}, {row.state.value}, attempt {row.attempt}): {fault} at {current_time}"
        )


def check_at_rest(office: Office) -> None:
    """Let all faults end: every operation ends then, except those that wait for a person, or for such an operation."""
    if not office.come_to_rest():
        raise Violation(f"it never comes to rest: {_list_open(office)}")
    forgotten = office.list_unended()
    if forgotten:
        raise Violation(f"forgotten: {forgotten}: {_list_open(office)}")
    _check_trail(office)
    _check_last_states(office)


def _list_open(office: Office) -> list[Any]:
    columns = (Operation.id, Operation.kind, Operation.state, Operation.next_attempt_at, Operation.error_code)
    with office.world.db.read() as connection:
        return list(connection.execute(select(*columns).where(Operation.finalized_at.is_(None))).all())


def _check_trail(office: Office) -> None:
    """Check that every request belongs to exactly one attempt, and that the history says it was written."""
    written = [(request.operation, request.attempt) for request in office.world.vitec.requests]
    if len(written) != len(set(written)):
        raise Violation("an attempt was written twice")
    with office.world.db.read() as connection:
        sent = select(Attempt.operation_id, Attempt.attempt, Attempt.written).where(Attempt.event == Event.SENT)
        written_flags = {(row.operation_id, row.attempt): row.written for row in connection.execute(sent)}
    for key in written:
        if key not in written_flags or written_flags[key] is False:
            raise Violation(f"the request {key} stands on no attempt that wrote it")
