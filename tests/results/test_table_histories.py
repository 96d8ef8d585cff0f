"""After random histories, and after changes from many sides at once, each row of `crm_rows` shows its operation."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from models import CrmRow, Operation, State
from tests.importing.conftest import clock, db
from tests.importing.table import DATA, behind, crm_rows, decide, insert, serve, take_in_all, write_all_back
from tests.outbox import steps
from tests.outbox.exported import record, row
from tests.outbox.steps import DOUBT, REFUSAL, RETRY, SUCCESS, claim, done, settle
from worker.importing import enqueue
from worker.outbox.lanes import turns
from worker.outbox.operators.decisions import Verb
from worker.outbox.revisions.withdrawn import withdrawn_hash
from worker.results import write_rows_back

if TYPE_CHECKING:
    from worker.decide import Settlement
    from worker.outbox import Database

__all__ = ["clock", "db"]


def check_all_agree(db: Database) -> None:
    """Compare each row with its operation, by another way than the one that wrote it."""
    with db.read() as connection:
        query = select(CrmRow.__table__, Operation.__table__).join(Operation, Operation.id == CrmRow.operation_id)
        pairs = connection.execute(query).all()
        columns = len(CrmRow.__table__.columns)
        for pair in pairs:
            shown = dict(zip(CrmRow.__table__.columns.keys(), pair[:columns], strict=True))
            operation = dict(zip(Operation.__table__.columns.keys(), pair[columns:], strict=True))
            undecided = operation["state"] in {State.IN_FLIGHT, State.IN_DOUBT} and operation["revision"]
            of_operation = {operation["payload_hash"], undecided and undecided["payload_hash"]}
            is_its_own = of_operation & {shown["content_hash"], withdrawn_hash(shown["content_hash"])}
            if not is_its_own:
                assert shown["state"] in {"superseded", "rejected"}
                continue
            # A claim alone is no verdict, and is not written back.
            names = {operation["state"].value} | ({"pending", "retryable"} if operation["claimed_by"] else set())
            assert shown["state"] in names
            assert shown["remote_id"] == operation["remote_id"]
            assert shown["error_code"] == operation["error_code"]
            assert shown["error_detail"] == operation["error_detail"]
            assert shown["ended_at"] == operation["finalized_at"]
    assert behind(db) == []
    assert all(row.taken_at is not None for row in crm_rows(db))


@pytest.mark.parametrize("seed", range(6))
def test_after_any_history_each_row_shows_its_operation(db: Database, seed: int) -> None:
    dice = random.Random(seed)
    keys = [f"A-{number}" for number in range(4)]
    contents = [{**DATA, "note": f"{number}"} for number in range(3)]

    def act() -> None:
        match dice.randrange(10):
            case 0 | 1 | 2:
                taken_back = {"withdrawn": True} if dice.random() < 0.2 else {}
                insert(db, source_id=dice.choice(keys), data=dice.choice(contents) | taken_back)
            case 3:
                record(db, row(dice.choice("abc"), dice.choice(keys)))
            case 4:
                enqueue(
                    db,
                    kind="comeback",
                    source_id=dice.choice(keys),
                    customer_id="M30001",
                    contact_id="ADR0001",
                    date=DATA["date"],
                    note=dice.choice("012"),
                )
            case 5:
                decide(db, dice.choice([Verb.REQUEUED, Verb.CANCELLED, Verb.DELIVERED]))
            case 6:
                write_rows_back(db)
            case _:
                take_in_all(db)

    for _ in range(25):
        act()
        if dice.random() < 0.5:
            try_to_send(db, dice.choice([SUCCESS, REFUSAL, DOUBT, RETRY]), act)
    serve(db)
    check_all_agree(db)


def try_to_send(db: Database, settlement: Settlement, act: Any) -> None:
    """Send what is due, if anything is, with something else happening meanwhile."""
    with db.write() as connection:
        connection.execute(
            update(Operation).values(next_attempt_at=Operation.created_at).where(Operation.state != State.SUCCEEDED)
        )
    steps.wake_all(db)
    turn = turns.take_turn(db, "comeback", lease=45, worker="here:1")
    if turn is None:
        return
    finished = [done(claimed, settlement) for claimed in claim(db, turn).claimed]
    act()
    settle(db, turn, finished)
    turns.end_turn(db, turn)


def test_after_changes_from_many_sides_each_row_shows_its_operation(db: Database) -> None:
    for number in range(30):
        insert(db, source_id=f"A-{number}")
    serve(db)

    def move(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(60):
            id_, code = dice.randrange(1, 31), f"code_{dice.randrange(1000)}"
            steps.change(db, id_, error_code=code)

    def show(_: int) -> None:
        for _ in range(60):
            write_rows_back(db)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda work: work[0](work[1]), [(move, 1), (show, 2), (move, 3), (show, 4)]))
    write_all_back(db)
    check_all_agree(db)
