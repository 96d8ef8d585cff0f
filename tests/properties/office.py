"""The world around the workers: rows arrive and change, people decide, time passes, housekeeping comes by."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, select, union_all

from models import Base, Hold, Lane, Operation, Scope, State
from tests import factory
from tests.properties.vitec import Fate
from tests.properties.workers import Worker, World, begin_turn
from worker import reconciling
from worker.importing.withdrawing import withdrawals_of
from worker.kind import find_lacking
from worker.kinds import KIND_BY_NAME
from worker.outbox.database.staging import NewOperation
from worker.outbox.exchange import rescue
from worker.outbox.intake.record import open_lanes, record_rows
from worker.outbox.lanes import dependencies, turns
from worker.outbox.lanes.withdrawals import withdraw
from worker.outbox.operators import pauses
from worker.outbox.operators.pauses import HoldScope
from worker.outbox.predicates import can_be_looked_up, waiting
from worker.outbox.upkeep import expiry
from worker.policies import dead_worker_policy
from worker.reconciling import Delivered, GiveUp, SendAgain, Wish

KINDS = ("comeback", "viewing_registration", "viewing_cancellation", "appointment", "order_token", "order_status")
DECIDER = reconciling.Decider("somebody", "so that it is known")
LONGEST = 400
"""Rounds in which everything must have come to rest."""


def make_payload(kind: str, customer_id: str, like: int, words: str) -> dict[str, Any]:
    """Make the content of a row; rows of one kind that are alike may be confused by a look-up."""
    payload = {"customer_id": customer_id, **factory.PAYLOADS[kind]}
    match kind:
        case "comeback":
            payload |= {"contact_id": f"ADR{like}", "note": words}
        case "viewing_registration":
            payload |= {"contact_id": f"ADR{like}", "contact_message": words}
        case "viewing_cancellation":
            payload |= {"contact_id": f"ADR{like}"}
        case "order_status":
            payload |= {"order_id": f"ORD{like}", "comment": words}
        case "appointment":
            payload |= {"subject": words}
        case _:
            payload |= {"data": words}
    return payload


@dataclass(slots=True)
class Office:
    """An outbox, its workers, and the people and programs that come to it."""

    world: World
    workers: list[Worker] = field(default_factory=list)
    operations: list[int] = field(default_factory=list)
    excused: set[int] = field(default_factory=set)
    """Operations that a person has misjudged, and those alike: any later fault is that person's doing."""
    decided: set[int] = field(default_factory=set)
    """Operations that a person or new content from the CRM began anew: their order is no longer that of their recording."""
    rows: list[NewOperation] = field(default_factory=list)
    served: int = 0

    def clear_database(self) -> None:
        """Empty the database, but for its environment."""
        with self.world.db.write() as connection:
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(delete(table))
            factory.make_environment(connection, at=self.world.now)

    def record_row(self, row: NewOperation, *, bell: bool) -> None:
        """Record a row from the CRM. Without the bell its enqueuer died between the commit and the waking."""
        db = self.world.db
        with db.write() as connection:
            open_lanes(connection, [(row.customer_id, row.kind, factory.GROUPS[row.kind])])
        with db.write() as connection:
            record_rows(connection, [row], feed="crm", max_failures=3)
            withdraw(connection, withdrawals_of([row]))
        if bell:
            turns.wake_lanes(db, [(row.customer_id, row.kind)])
        with db.read() as connection:
            self.operations = list(connection.scalars(select(Operation.id).order_by(Operation.id)))

    def make_row(self, kind: str, like: int, words: str, **columns: Any) -> NewOperation:
        """Make a row as the importer would hand it on."""
        customer_id = columns.pop("customer_id", factory.CUSTOMER)
        source_id = columns.pop("source_id", f"S{len(self.rows)}")
        payload = make_payload(kind, customer_id, like, words)
        if columns.get("after_kind") in {given.kind for given in KIND_BY_NAME[kind].handed_on.values()}:
            payload = {name: value for name, value in payload.items() if name not in KIND_BY_NAME[kind].handed_on}
        text = json.dumps(payload)
        digest = hashlib.sha256(f"{text} {sorted(columns.items())}".encode()).hexdigest()
        content = KIND_BY_NAME[kind].from_payload(payload)
        columns |= {"sequence_key": content.sequence_key(), "lacks_result": bool(find_lacking(content))}
        return NewOperation(kind, customer_id, source_id, text, digest, content.match_key(), **columns)

    def list_due_kinds(self) -> dict[str, int]:
        """List the kinds that a dispatcher would ring for."""
        return turns.due_kinds(self.world.db)

    def ring(self, kind: str, *, dies_at_once: bool = False) -> Worker | None:
        """Ring for a kind; a new worker hears it, if a lane of the kind is due."""
        self.served += 1
        worker = begin_turn(self.world, kind, f"w:{self.served}", dies_at_once=dies_at_once)
        if worker is not None:
            self.workers.append(worker)
        return worker

    def end_turn(self, worker: Worker) -> None:
        """Await and write the requests under way, then give the lane back."""
        while worker.under_way or worker.in_hand:
            for job in list(worker.jobs):
                if job.request is None:
                    worker.send(job, Fate.ANSWERED, None)
                else:
                    worker.take_answer(job)
            for doubtful in list(worker.asking):
                worker.look_up(doubtful, 0.0)
            worker.exchange(0)
        turns.end_turn(self.world.db, worker.turn)
        self.workers.remove(worker)

    def carry_out(self, operation: int, wish: Wish) -> None:
        """Carry out a person's decision. If it is wrong about Vitec, later faults are the person's doing."""
        report = reconciling.carry_out(self.world.db, [operation], wish, DECIDER)
        vitec, current_time = self.world.vitec, self.world.now
        wrong = {
            SendAgain: vitec.will_act(operation),
            GiveUp: vitec.will_act(operation),
            Delivered: vitec.times_acted(operation, current_time) == 0,
        }
        self.decided |= {operation} if report.carried_out else set()
        if report.carried_out and wrong.get(type(wish), False):
            self._excuse(operation)

    def _excuse(self, operation: int) -> None:
        with self.world.db.read() as connection:
            row = factory.operation(connection, operation)
            alike = select(Operation.id).where(
                Operation.customer_id == row.customer_id,
                Operation.kind == row.kind,
                Operation.match_key == row.match_key,
            )
            self.excused |= {operation, *connection.scalars(alike)}

    def pause(self, kind: str) -> None:
        """Pause a lane, as a person does."""
        pauses.pause(self.world.db, [self._span(kind)], by="somebody", note=None)

    def resume(self, kind: str) -> None:
        """Resume it, as a person does."""
        pauses.resume(self.world.db, [self._span(kind)])

    @staticmethod
    def _span(kind: str) -> HoldScope:
        return HoldScope(Scope.LANE, factory.CUSTOMER, kind=kind)

    def housekeep(self) -> None:
        """Do beat's chores, all but the ringing."""
        db = self.world.db
        rescue.rescue_lanes(db, dead_worker_policy(self.world.policy), "beat:1")
        expiry.expire_overdue(db)
        expiry.fail_orphans(db)
        dependencies.release_missed(db)
        turns.wake_missed(db)

    def pass_time(self, seconds: float) -> None:
        """Advance the clock; in a paused process only the kernel's timer works."""
        self.world.clock.advance(seconds)
        self.workers = [worker for worker in self.workers if not worker.killed_by_switch()]
        for worker in self.workers:
            if not worker.paused:
                worker.meet_deadlines()

    def come_to_rest(self) -> bool:
        """End all faults: the workers die, and new ones do the remaining work. False: it never ends."""
        self.workers.clear()
        for kind in KINDS:
            self.resume(kind)
        for _ in range(LONGEST):
            before = self._read_progress()
            self.housekeep()
            for kind in self.list_due_kinds():
                self._serve(kind)
            moment = self._next_moment()
            if self._read_progress() != before:
                continue
            if moment is None:
                return True
            self.pass_time((moment - self.world.now).total_seconds())
        return False

    def _serve(self, kind: str) -> None:
        worker = self.ring(kind)
        if worker is not None:
            worker.exchange(5)
            self.end_turn(worker)

    def _read_progress(self) -> list[Any]:
        columns = (Operation.id, Operation.state, Operation.attempt, Operation.look_ups)
        with self.world.db.read() as connection:
            return list(connection.execute(select(*columns).order_by(Operation.id)).all())

    def wait_until_due(self) -> None:
        """Advance the clock to the next moment at which anything is due."""
        moment = self._next_moment()
        if moment is not None:
            self.pass_time((moment - self.world.now).total_seconds())

    def _next_moment(self) -> datetime | None:
        """Give the next moment at which anything is due."""
        current_time, db = self.world.now, self.world.db
        moments = union_all(
            select(Operation.next_attempt_at.label("at")).where(waiting),
            select(Operation.next_attempt_at).where(can_be_looked_up),
            select(Operation.expires_at).where(waiting),
            select(Operation.send_again_until).where(waiting),
            select(Lane.lease_until),
            select(Hold.until),
        ).subquery()
        with db.read() as connection:
            next_due: datetime | None = connection.scalar(
                select(func.min(moments.c.at)).where(moments.c.at > current_time)
            )
        pending = [
            request.acts_at
            for request in self.world.vitec.requests
            if request.acts_at is not None and request.acts_at > current_time
        ]
        return min([*pending, *([next_due] if next_due else [])], default=None)

    def list_unended(self) -> list[int]:
        """List operations that have not ended although nothing hinders them; called when all has come to rest.

        An operation waits, too, for the earlier ones that set the state of the same thing.
        """
        parent = select(Operation.kind, Operation.source_id, Operation.state).subquery("parents")
        after = (parent.c.kind == Operation.after_kind) & (parent.c.source_id == Operation.after_source_id)
        hindered = Operation.after_kind.is_not(None) & (parent.c.state.is_distinct_from(State.SUCCEEDED))
        persons = (Operation.state == State.IN_DOUBT) & Operation.needs_person
        with self.world.db.read() as connection:
            unended = select(Operation.id).outerjoin(parent, after).where(Operation.finalized_at.is_(None))
            free = list(connection.scalars(unended.where(~persons, ~(waiting & hindered))))
            open_keys = self.list_keys(connection, Operation.finalized_at.is_(None))
        return [
            id_
            for id_ in free
            if not any(key == open_keys[id_] for earlier_id, key in open_keys.items() if earlier_id < id_)
        ]

    @staticmethod
    def list_keys(connection: Connection, condition: ColumnElement[bool]) -> dict[int, str | int]:
        """Give for each operation the thing that it sets the state of, by customer; its own id where there is none."""
        columns = select(Operation.id, Operation.kind, Operation.payload).where(condition).order_by(Operation.id)
        keys: dict[int, str | int] = {}
        for row in connection.execute(columns):
            key = KIND_BY_NAME[row.kind].from_payload(row.payload).sequence_key()
            keys[row.id] = row.id if key is None else f"{row.payload['customer_id']}/{key}"
        return keys
